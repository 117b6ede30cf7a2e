# Float loops that call a small function.
def cell(row, column):
    return 1.0 / ((row + column) * (row + column + 1) / 2 + row + 1)

def multiply(vector):
    return [sum([cell(row, column) * value for column, value in enumerate(vector)]) for row in xrange(len(vector))]

vector = [1.0] * 40
for step in xrange(20):
    vector = multiply(vector)
    scale = max(vector)
    vector = [value / scale for value in vector]
print '%.9f' % sum(vector)
