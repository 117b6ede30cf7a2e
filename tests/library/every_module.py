"""Imports every module that the embedded library has and prints those that fail, with the reason."""
import pkgutil
import sys

# Importing these does something, on purpose.
ACTS = ('antigravity', 'this')

# Without lib-tk, whose modules need Tk.
library = [entry for entry in sys.path if entry.endswith(('/lib/python2.7', '/plat-linux2', '/lib-dynload'))]
count = 0
for _, name, _ in pkgutil.walk_packages(library, onerror=lambda name: None):
    if name in ACTS or name.endswith('__main__'):
        continue
    count += 1
    try:
        __import__(name)
    except Exception as error:
        print '%s: %s' % (name, error)
print 'more than 600' if count > 600 else count
