# A table of functions, one for each character.
class Wrong(Exception):
    pass
steps = {}
def step(c):
    def add(f):
        steps[(len(steps), c)] = f
        return f
    return add
for c in 'p3ndulum':
    step(c)(lambda seen, c=c: seen + 1)
seen = 0
try:
    for n, c in enumerate(raw_input('password: ')):
        seen = steps[n, c](seen)
    print 'yes' if seen == 8 else 'no'
except KeyError:
    print 'no'
