def logged(prefix):
    def decorate(function):
        def wrapper(*args, **kwargs):
            print prefix, args, sorted(kwargs.items())
            result = function(*args, **kwargs)
            print prefix, '->', result
            return result
        return wrapper
    return decorate


def memoized(function):
    cache = {}

    def wrapper(*args):
        if args not in cache:
            cache[args] = function(*args)
        return cache[args]
    wrapper.cache = cache
    return wrapper


@memoized
def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


@logged('call')
def scale(value, factor=2, **rest):
    return value * factor + len(rest)


class Counter(object):
    def __init__(self):
        self.value = 0

    @property
    def current(self):
        return self.value

    @current.setter
    def current(self, value):
        self.value = max(value, self.value)


print fibonacci(25), len(fibonacci.cache)
scale(3)
scale(3, factor=5, more=1)
counter = Counter()
counter.current = 5
counter.current = 3
print counter.current
