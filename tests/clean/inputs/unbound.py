# What always failed in the trace goes well with other arguments.
# run:
# run: x
import sys
def f(n):
    if n:
        x = n
    try:
        print 'x is', x
    except UnboundLocalError:
        print 'unbound'
    return 'end'
print f(sys.argv[1:])
