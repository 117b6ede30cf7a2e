# Another module stores names among the builtins.
# run:
# run: x
import sys, gettext
if len(sys.argv) > 1:
    gettext.install('x', names=['ngettext'])
def f():
    try:
        return ngettext('text', 'texts', 2)
    except NameError:
        return 'plain'
print f(), 'end'
