# Names come from modules and texts.
# run:
# run: x
import sys, gettext
if len(sys.argv) > 1:
    gettext.install('x')
def f():
    try:
        return _('text')
    except NameError:
        return 'plain'
print f(), 'end'
