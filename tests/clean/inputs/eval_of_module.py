# eval is an attribute.
# run:
import __builtin__
def h6(what):
    key = 'k'
    return run(what)
run = __builtin__.eval
try: print h6('key')
except NameError, e: print e
