class Custom(Exception):
    def __init__(self, code):
        Exception.__init__(self, 'code %d' % code)
        self.code = code


def classify(action):
    try:
        result = action()
    except (KeyError, IndexError), error:
        return 'lookup %s' % error.__class__.__name__
    except Custom as error:
        return 'custom %d' % error.code
    except ZeroDivisionError:
        return 'zero'
    except:
        return 'other'
    else:
        return 'fine %r' % (result,)


def raiser(error):
    def action():
        raise error
    return action


print classify(lambda: {}[1])
print classify(lambda: [][1])
print classify(lambda: 1 / 0)
print classify(lambda: 5)
print classify(raiser(Custom(7)))
print classify(raiser(ValueError('v')))


def chain(depth):
    if depth == 0:
        raise Custom(depth)
    try:
        chain(depth - 1)
    except Custom as error:
        if depth < 3:
            raise Custom(error.code + depth)
        return error.code


print chain(4)
try:
    raise ValueError, 'old style'
except ValueError as error:
    print error.args
try:
    assert 1 + 1 == 3, 'arithmetic'
except AssertionError as error:
    print 'assertion', error
raise Custom(3)
