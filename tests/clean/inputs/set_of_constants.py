# What is made of constants changes.
# run:
# run: 3
import sys
def f(a):
    s = {1, 2}
    for x in a:
        s.add(int(x))
    if 3 in s:
        print 'three'
    if len(s) == 3:
        print 'more'
    s.clear()
    if s: print 'no'
f(sys.argv[1:])
