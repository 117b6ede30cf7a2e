# What always failed in the trace goes well with other arguments.
# run: x
# run: k=v
import sys
def f(s):
    try:
        a, b = s.split('=')
        print 'key', a, 'value', b
    except ValueError:
        print 'bad line'
    return 'end'
print f(sys.argv[1])
