# Names, builtins and locals are looked up or replaced in other ways.
# run:
import sys, __builtin__
def wrap(f):
    def g(*a): return 99
    return g
for n in ('len', 'ord'):
    setattr(__builtin__, n, wrap(getattr(__builtin__, n)))
def f():
    if len('ab') == 2: return 'real'
    return 'fake'
print f()
