# Float loops: long straight lines of arithmetic, as in an n-body simulation.
def simulate(steps):
    x, y, vx, vy = 1.0, 0.0, 0.0, 0.9
    for step in xrange(steps):
        square = x * x + y * y
        pull = 0.001 / (square * square ** 0.5)
        vx -= x * pull
        vy -= y * pull
        x += 0.001 * vx
        y += 0.001 * vy
    return x, y

print '%.9f %.9f' % simulate(1500000)
