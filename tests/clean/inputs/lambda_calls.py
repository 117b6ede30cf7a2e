# Names, builtins and locals are looked up or replaced in other ways.
# run:
import sys
def len(x):
    return 42
def go():
    if (lambda: len('ab'))() == 2:
        print 'builtin'
    else:
        print 'mine'
    try:
        if (lambda q: chr(q))(65) == 'A': print 'A'
        else: print 'no'
    except NameError, e: print e
def chr(x): return 'z'
go()
f = lambda: len('ab')
if f() == 2: print 'b'
else: print 'm'
