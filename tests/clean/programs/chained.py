def grade(score):
    if 0 <= score < 50:
        return 'F'
    elif 50 <= score < 65 or score == 99.5:
        return 'C'
    elif not score < 65 and score <= 100:
        return 'A'
    return '?'


def inside(box, x, y):
    left, top, right, bottom = box
    return left <= x < right and top <= y < bottom


def truth(a, b, c):
    return (a and b or c), (a or b and c), not (a and not b), a if b else c


print [grade(score) for score in (-1, 0, 49, 50, 70, 100, 101, 99.5)]
print inside((0, 0, 10, 5), 3, 4), inside((0, 0, 10, 5), 3, 5)
for a in (0, 1):
    for b in (0, 1):
        print truth(a, b, 2),
print
x = y = z = 3
print 1 < x <= y == z != 4 > 2 is not None
print 'a' in 'abc' and 'd' not in 'abc', x is y
