# What always failed in the trace goes well with other arguments.
# run:
# run: x
import sys, time
if len(sys.argv) > 1:
    time.now = lambda: 5
def f():
    try:
        from time import now
        print 'now', now()
    except ImportError:
        print 'no now'
    return 'end'
print f()
