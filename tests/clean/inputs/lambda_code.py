# Functions and globals are replaced.
# run:
import sys
def other():
    return 'b'
def g():
    f = lambda: 'a'
    f.func_code = other.func_code
    if f() == 'a':
        print 'still a'
    else:
        print 'now b'
    h = lambda x=1: 'a'
    f2 = lambda x, y: x + y
    f2.func_defaults = ('p', 'q')
    try:
        print f2()
    except TypeError:
        print 'type'
    def k(x): return x
    k.tag = 5
    if k.tag == 5: print 'tag'
    if hasattr(k, 'tag'): print 'has'
    if k: print 'true'
g()
