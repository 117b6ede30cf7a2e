# A function stores to a global by a text.
# run:
# run: x
import sys
state = 0
def setit():
    if len(sys.argv) > 1: globals()['state'] = 1
setit()
if state == 0: print 'zero'
else: print 'one'
if state == 1: print 'is one'
