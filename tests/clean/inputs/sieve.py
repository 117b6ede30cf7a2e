# What is made of constants changes.
# run: 0
# run: 3
import sys
def f(n):
    sieve = [True] * 5
    for at in range(n): sieve[at] = False
    words = 'a b'.split()
    words.pop()
    if sieve[2]: print 'kept'
    if len(words) == 2: print 'two'
f(int(sys.argv[1]))
