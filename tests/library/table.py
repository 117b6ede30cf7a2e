"""Prints docs/modules.md: where each module of CPython's standard library is.  The binary itself runs it:

    bctrace python tests/library/table.py SOURCES LEFT_OUT

SOURCES holds CPython's Lib/ and Modules/.  A module that is neither in the binary nor in LEFT_OUT, or in both, is an error.
"""
import os
import pkgutil
import re
import sys

HEAD = '''# Modules

Where each module of the standard library of CPython 2.7.18 is. *Embedded* ones are written in Python and lie in the
binary, compiled and with their source; the modules of a package are where the package is. *Built in* are those in C;
programs see in `lib-dynload` those that CPython's own build puts there.
This page is made by `bctrace python tests/library/table.py`; a test compares them.

| module | where | |
|---|---|---|
'''

# Built in wherever the build finds what they need.
CONDITIONAL = {
    '_hashlib': 'where the build finds make and perl; hashlib has MD5 and SHA without it',
    '_ssl': 'where the build finds make and perl',
}

NOTES = {
    '_multiprocessing': 'its semaphores need no /dev/shm',
    'crypt': "importing it loads the system's libcrypt, and fails where there is none",
    'ensurepip': 'without the pip that it would install',
    'ssl': CONDITIONAL['_ssl'],
}

# What importing these does is not for a test.
ACTS = ('antigravity', 'this')

# Init functions of variants that CPython's Modules/ has for other systems and builds.
NOT_MODULES = ('_pybsddb', '_sockobject')


def in_sources(sources):
    """Returns the names of the modules that CPython's sources have."""
    names = set()
    lib = os.path.join(sources, 'Lib')
    for folder in [lib] + [os.path.join(lib, name) for name in ('lib-tk', 'plat-linux2')]:
        names.update(name for _, name, _ in pkgutil.iter_modules([folder]))
    for folder, _, files in os.walk(os.path.join(sources, 'Modules')):
        for name in files:
            if name.endswith('.c'):
                with open(os.path.join(folder, name)) as stream:
                    names.update(re.findall(r'PyMODINIT_FUNC\s+init(\w+)\s*\(', stream.read()))
    return names.difference(NOT_MODULES)


def left_out(path):
    """Returns `where` and the reason by name."""
    reasons = {}
    with open(path) as stream:
        for line in stream:
            if not line.startswith('#'):
                names, reason = line.strip().split(' - ', 1)
                where = 'not on Linux' if reason.startswith('Linux: ') else 'left out'
                reasons.update((name, (where, reason.replace('Linux: ', ''))) for name in names.split())
    return reasons


def modules_in(*folders):
    """Returns the names of the modules in those folders of sys.path."""
    return set(name for _, name, _ in pkgutil.iter_modules([entry for entry in sys.path if entry.endswith(folders)]))


def note_on(name):
    """Returns why an embedded module cannot be imported, if it cannot."""
    try:
        if name not in ACTS:
            __import__(name)
    except ImportError as error:
        return 'importing it fails, as in a Python without what it needs: ' + str(error)
    return ''


def main(sources, reasons):
    reasons = left_out(reasons)
    embedded = modules_in('/lib/python2.7', '/lib-tk', '/plat-linux2') - set(['_sysconfigdata'])
    built_in = modules_in('/lib-dynload') | set(sys.builtin_module_names) - set(['__main__']) | set(CONDITIONAL)
    present = embedded | built_in
    both = sorted(present.intersection(reasons))
    neither = sorted(in_sources(sources) - present - set(reasons))
    if both or neither:
        sys.exit('in the binary and left out: %s; in neither: %s' % (both, neither))
    rows = dict((name, ('embedded', NOTES.get(name) or note_on(name))) for name in embedded)
    rows.update((name, ('built in', CONDITIONAL.get(name) or NOTES.get(name, ''))) for name in built_in)
    rows.update(reasons)
    sys.stdout.write(HEAD)
    for name in sorted(rows, key=lambda name: (name.lower(), name)):
        print ('| `%s` | %s | %s' % ((name,) + rows[name])).rstrip() + ' |'


if __name__ == '__main__':
    main(*sys.argv[1:])
