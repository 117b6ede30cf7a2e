def inner(n):
    raise ValueError('wrong: %d' % n)


def outer():
    try:
        inner(1)
    finally:
        inner(2)


outer()
