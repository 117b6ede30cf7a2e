# A table that says which character may follow which.
NEXT = {}
last = '^'
for c in 'p3ndulum':
    NEXT[last, len(NEXT)] = c
    last = c
def check(guess):
    last = '^'
    for i, c in enumerate(guess):
        if NEXT.get((last, i)) != c:
            return False
        last = c
    return len(guess) == len(NEXT)
print check(raw_input())
