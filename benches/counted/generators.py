# Generators that end soon: each yields a few times.
def queens(size, row=0, columns=(), left=(), right=()):
    if row == size:
        yield columns
        return
    for column in (c for c in xrange(size) if c not in columns):
        if row + column in left or row - column in right:
            continue
        for solution in queens(size, row + 1, columns + (column,), left + (row + column,), right + (row - column,)):
            yield solution

print sum(1 for solution in queens(7)), any(number == 20000 for number in xrange(24000))
