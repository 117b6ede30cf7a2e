# Names come from modules and texts.
# run:
# run: x
import sys
if len(sys.argv) > 1:
    from os.path import *
try:
    print join('a', 'b')
except NameError:
    print 'no join'
print 'end'
