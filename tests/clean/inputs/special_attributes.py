# The VM looks up attributes of a class.
# run:
import operator
class Box(object):
    __slots__ = 'a'
    if __slots__ == 'a': kind = 1
    __hash__ = None
    if __hash__ == None: k = 2
b = Box()
try: b.z = 3
except AttributeError: print 'no z'
try: print hash(b) is None
except TypeError: print 'no hash'
