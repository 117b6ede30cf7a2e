def checked(value):
    assert isinstance(value, int), 'not an int: %r' % (value,)
    assert value >= 0
    return value + 1


for value in (1, -1, 'x'):
    try:
        print checked(value)
    except AssertionError as error:
        print 'failed', error
if __debug__:
    print 'debug'


def bits(n):
    return n & 1, n | 6, n ^ 3, n << 2, n >> 1, ~n, +n, -n, n ** 2, n % 3, n // 2, divmod(n, 4)


print bits(13)
n = 100
n -= 1
n *= 2
n /= 3
n %= 50
n **= 2
n <<= 1
n >>= 2
n |= 1
n &= 0xff
n ^= 5
n //= 2
print n
