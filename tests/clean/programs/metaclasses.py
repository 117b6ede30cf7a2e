class Registry(type):
    known = {}

    def __new__(mcs, name, bases, body):
        made = type.__new__(mcs, name, bases, body)
        if bases != (object,):
            mcs.known[name] = made
        made.fields = sorted(key for key in body if not key.startswith('_'))
        return made


class Base(object):
    __metaclass__ = Registry

    def __init__(self, **values):
        for field in self.fields:
            setattr(self, field, values.get(field, getattr(self, field)))

    def __eq__(self, other):
        return self.fields == other.fields and all(getattr(self, f) == getattr(other, f) for f in self.fields)

    def __ne__(self, other):
        return not self == other


class Point(Base):
    x = 0
    y = 0


class Named(Base):
    name = 'none'
    if len(name) > 3:
        size = [n for n in range(3)][-1]
    else:
        size = 1
    for letter in 'ab':
        tag = letter


print sorted(Registry.known), Point.fields, Named.fields
print Point(x=1) == Point(x=1, y=0), Point(x=1) != Point(y=1), Named(name='n').name, Named.size, Named.tag


def make(name, **body):
    class Local(Base):
        label = name
        extra = body.get('extra', 1)

        def show(self):
            return name, self.extra, sorted(body)
    return Local


print make('a', extra=5)().show(), make('b')().show()
