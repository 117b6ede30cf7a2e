# Each character has a function of its own.
def expects(wanted):
    return lambda c: c == wanted
CHECKS = [expects(c) for c in 'p3ndulum']
def check(guess):
    results = [f(c) for f, c in zip(CHECKS, guess)]
    return False not in results
print check(raw_input())
