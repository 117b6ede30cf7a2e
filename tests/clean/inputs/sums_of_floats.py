# A sum that grows is another value in each round.
# run: a
# run: a b c d e
import sys
def g(args):
    x = float('0')
    for a in args:
        x = x + 1.5
    if x > 4: print 'big'
    else: print 'small'
g(sys.argv[1:])
