# What `with` and truth tests call changes a global.
# run:
class C(object):
    def __enter__(self): h(0)
    def __exit__(self, *a): h(0)
    def __nonzero__(self):
        k(0)
        return True
def h(n):
    global t
    c = C()
    t = 0
    if n:
        with c:
            if t == 0: print 'zero'
            else: print 'one'
    t = 1
def k(n):
    global u
    c = C()
    u = 0
    if n and c:
        if u == 0: print 'zero'
        else: print 'one'
    u = 1
h(1)
k(1)
