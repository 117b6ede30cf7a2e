# Names come from modules and texts.
# run:
from math import *
def f():
    k = 3
    if repr(pow(2, k)) == '8':
        print 'int'
    else:
        print 'float'
    try:
        print 'chr', chr(pow(2, 6))
    except TypeError:
        print 'type'
f()
