# What always failed in the trace goes well with other arguments.
# run:
# run: x
import sys
def f(n):
    if n:
        y = 7
    def get():
        return y
    try:
        print 'y is', get(), y
    except NameError:
        print 'unbound'
    return 'end'
print f(sys.argv[1:])
