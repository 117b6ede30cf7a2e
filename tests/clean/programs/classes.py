class Shape(object):
    """A shape."""
    sides = 0
    made = []

    def __init__(self, name):
        self.name = name
        Shape.made.append(self)

    def area(self):
        raise NotImplementedError(self.name)

    def __repr__(self):
        return '<%s %s %.2f>' % (self.__class__.__name__, self.name, self.area())

    @property
    def is_round(self):
        return self.sides == 0

    @staticmethod
    def total():
        return sum(shape.area() for shape in Shape.made)

    @classmethod
    def biggest(cls):
        best = None
        for shape in cls.made:
            if best is None or shape.area() > best.area():
                best = shape
        return best


class Square(Shape):
    sides = 4

    def __init__(self, name, side):
        super(Square, self).__init__(name)
        self.side = side

    def area(self):
        return self.side ** 2


class Circle(Shape):
    def __init__(self, name, radius):
        Shape.__init__(self, name)
        self.radius = radius

    def area(self):
        return 3.14159 * self.radius * self.radius


class Old:
    def __getattr__(self, name):
        if name.startswith('x'):
            return name[1:]
        raise AttributeError(name)


print Square('s', 3), Circle('c', 2)
print Square('t', 1).is_round, Circle('d', 1).is_round
print round(Shape.total(), 3), Shape.biggest()
try:
    Shape('plain').area()
except NotImplementedError as error:
    print 'not implemented:', error
print Old().xyz
try:
    Old().abc
except AttributeError, error:
    print 'no', error
print Shape.__doc__, Square.__mro__[1].__name__
