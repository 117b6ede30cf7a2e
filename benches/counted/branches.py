# Branches and calls of small functions: most runs of instructions are short.
def collatz(n):
    steps = 0
    while n != 1:
        if n & 1:
            n = 3 * n + 1
        else:
            n >>= 1
        steps += 1
    return steps

def longest(limit):
    best = (0, 0)
    for n in xrange(1, limit):
        steps = collatz(n)
        if steps > best[0]:
            best = (steps, n)
    return best

print longest(1500)
