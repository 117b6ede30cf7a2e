import sys


def outer(kind):
    try:
        try:
            if kind == 0:
                raise ValueError('first')
            elif kind == 1:
                int('x')
            return 'nothing'
        except ValueError:
            if kind:
                raise
            return 'kept %s' % sys.exc_info()[1]
    except ValueError, error:
        return 'again %s' % error.__class__.__name__


for kind in range(3):
    print outer(kind)


def with_trace():
    try:
        raise KeyError('k')
    except KeyError:
        kind, value, trace = sys.exc_info()
    raise kind, value, trace


try:
    with_trace()
except KeyError as error:
    print 'key', error
sys.exit(3)
