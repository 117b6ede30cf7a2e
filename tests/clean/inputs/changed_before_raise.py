# What raises has changed a global of the function before.
# run:
# run: a
import sys
class E(Exception): pass
class C(object):
    def __nonzero__(self):
        h(0)
        raise E
class W(object):
    def __enter__(self): pass
    def __exit__(self, *a):
        k(0)
        raise E
def h(n):
    global t
    c = C()
    if n:
        t = 0
        try:
            if c: pass
        except:
            if t == 0: print 'zero'
            else: print 'one'
    t = 1
def k(n):
    global u
    c = W()
    if n:
        u = 0
        try:
            with c: u = 0
        except:
            if u == 0: print 'zero'
            else: print 'one'
    u = 1
h(1)
k(1)
