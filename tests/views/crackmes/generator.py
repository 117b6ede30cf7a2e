# The password comes out of a generator.
def secret():
    state = 7
    for c in 'p3ndulum':
        state = (state * 31 + 11) % 251
        yield c
def check(guess):
    return len(guess) == 8 and all(a == b for a, b in zip(guess, secret()))
print check(raw_input())
