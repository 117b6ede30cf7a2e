# A function stores to an attribute of its module by a text.
# run:
# run: x
import sys
m = sys.modules[__name__]
state = 0
if len(sys.argv) > 1: setattr(m, 'state', 1)
if state == 0: print 'zero'
else: print 'one'
