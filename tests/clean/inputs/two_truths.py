# True and False are two values, whatever both are made of.
# run:
# run: c
import sys
def h(args):
    found = False
    for a in args:
        if a == 'c': found = True
    if found == True: print 'found'
    else: print 'not found'
h(sys.argv[1:])
