# What is made of constants changes.
# run: 1
# run: 3
import sys
def f(n):
    it = iter((1, 2, 3))
    s = set()
    d = dict()
    b = bytearray('abc')
    while n:
        if sum(it) == 6:
            print 'first'
        else:
            print 'later'
        if s:
            print 'has'
        if len(d) == 1:
            print 'one'
        if b == 'abc':
            print 'abc'
        else:
            print 'other'
        s.add(1)
        d[n] = 2
        b[0] = 5
        n -= 1
def g():
    it = iter((1, 2, 3))
    list(it)
    for x in it:
        print x
    print 'end'
f(int(sys.argv[1]))
g()
