# Builtins are replaced by names that are parts of a text.
# run:
import sys, __builtin__
def wrap(f):
    def g(*a): return 99
    return g
for n in 'len ord'.split():
    setattr(__builtin__, n, wrap(getattr(__builtin__, n)))
def f():
    if len('ab') == 2: return 'real'
    return 'fake'
print f()
