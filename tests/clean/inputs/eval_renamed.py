# Names, builtins and locals are looked up or replaced in other ways.
# run:
import sys, __builtin__
E = eval
def f():
    x = 5
    y = 6
    return E('x + y')
try: print f()
except NameError, e: print e
def g():
    z = 7
    return getattr(__builtin__, 'eval')('z')
try: print g()
except NameError, e: print e
def h(run):
    key = 'k'
    return run('key')
try: print h(eval)
except NameError, e: print e
