# Names, builtins and locals are looked up or replaced in other ways.
# run:
# run: x
import sys, __builtin__
if len(sys.argv) > 1:
    __builtin__.myname = 5
try:
    myname
    print 'there'
except NameError:
    print 'not there'
def f():
    try:
        v = myname
    except NameError:
        return 'no'
    return v
print f()
