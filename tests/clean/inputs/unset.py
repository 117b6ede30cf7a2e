# What always failed in the trace goes well with other arguments.
# run:
# run: x
import sys
if len(sys.argv) > 1:
    CONFIG = sys.argv[1]
def f():
    try:
        print 'config is', CONFIG
    except NameError:
        print 'no config'
    return 'end'
print f()
