# A generator that goes through itself, which has no end.
# run:
def g(x):
    yield ''.join(g(x))
try:
    print ''.join(g('a')) + 'abc'
except RuntimeError:
    print 'too deep'
