# Names, builtins and locals are looked up or replaced in other ways.
# run:
import sys
def a():
    if isinstance(pow(3, 1000, 10**15+37), int): print 'int'
    else: print 'long'
    print (lambda: pow(3, 1000, 1000000000000037)).__name__, repr((lambda: pow(3, 1000, 1000000000000037))())
a()
