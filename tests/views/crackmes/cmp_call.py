# cmp() of the reversed guess.
def check(guess):
    return cmp(guess[::-1], ''.join(reversed('p3ndulum'))) == 0
print check(raw_input())
