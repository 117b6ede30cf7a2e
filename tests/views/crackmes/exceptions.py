# The way goes through exceptions.
class Wrong(Exception):
    pass
WANTED = {'p3ndulum': 1}
def step(guess):
    try:
        return WANTED[guess]
    except KeyError:
        raise Wrong(guess)
try:
    step(raw_input())
    print 'yes'
except Wrong:
    print 'no'
