"""Prints how many bytes of the C stack one more level of recursion takes, for each kind of call.  stackpointer.pointer(), a function
in C, returns where its own frame is."""
import functools
import re
import sys

import stackpointer

DEEP = 12
places = []


def is_deep():
    """Notes where the stack is; returns whether to return."""
    places.append(stackpointer.pointer())
    return len(places) > DEEP


class New(object):
    def __init__(self, go=False):
        if go and not is_deep():
            New(True)

    def method(self):
        return is_deep() or self.method()

    def __getattr__(self, name):
        return is_deep() or getattr(self, 'x')

    def __call__(self):
        return is_deep() or self()

    def __add__(self, other):
        return is_deep() or self + other

    def __getitem__(self, key):
        return is_deep() or self[key]

    def __len__(self):
        return 1 if is_deep() else len(self)

    def __cmp__(self, other):
        return 0 if is_deep() else cmp(self, other)

    def __str__(self):
        return '' if is_deep() else str(self)

    def __hash__(self):
        return 0 if is_deep() else hash(self)

    def __iter__(self):
        return self

    def next(self):
        if is_deep():
            raise StopIteration
        for _ in self:
            pass

    def __contains__(self, thing):
        return is_deep() or thing in self

    def __enter__(self):
        if not is_deep():
            with self:
                pass

    def __exit__(self, *_):
        pass

    @property
    def prop(self):
        return is_deep() or self.prop

    @staticmethod
    def static():
        return is_deep() or New.static()

    @classmethod
    def of_class(cls):
        return is_deep() or cls.of_class()


class Old:
    def __getattr__(self, name):
        if name.startswith('__'):
            raise AttributeError(name)
        return is_deep() or getattr(self, 'x')

    def method(self):
        return is_deep() or self.method()


class Every(object):
    def __getattribute__(self, name):
        return is_deep() or getattr(self, 'x')


class Descriptor(object):
    def __get__(self, thing, kind):
        return is_deep() or Described().described


class Described(object):
    described = Descriptor()


class Meta(type):
    def __new__(kind, name, bases, names):
        return None if is_deep() else Meta('x', (), {})


def function():
    return is_deep() or function()


def defaults(a=1, b=2):
    return is_deep() or defaults()


def keywords(**named):
    return is_deep() or keywords(a=1)


def star(*more):
    return is_deep() or star(*more)


def both(*more, **named):
    return is_deep() or both(*more, **named)


def closure():
    this = closure

    def inner():
        return is_deep() or this()
    return inner()


def generator():
    if not is_deep():
        for item in generator():
            yield item


def expression():
    return is_deep() or list(expression() for _ in (1,))


def lists():
    return is_deep() or [lists() for _ in (1,)]


def sets():
    return is_deep() or len({sets() for _ in (1,)})


def tries():
    try:
        return is_deep() or tries()
    finally:
        pass


def class_body():
    if not is_deep():
        class Body(object):
            class_body()


def evaluates():
    return is_deep() or eval('evaluates()')


def evaluates_compiled():
    return is_deep() or eval(EVAL)


def executes():
    if not is_deep():
        exec 'executes()'


def executes_compiled():
    if not is_deep():
        exec EXEC


def executes_file():
    if not is_deep():
        execfile('executed.py')


def compiles():
    return is_deep() or eval(compile('compiles()', 'x', 'eval'))


def imports():
    if not is_deep():
        sys.modules.pop('imported', None)
        import imported


def maps(_=None):
    return is_deep() or map(maps, (1,))


def filters(_=None):
    return is_deep() or filter(filters, (1,))


def reduces(a=None, b=None):
    return is_deep() or reduce(reduces, (1, 2))


def sorts(_=None):
    return 1 if is_deep() else len(sorted((1,), key=sorts))


def compares(a=None, b=None):
    return 0 if is_deep() else len(sorted((1, 2), cmp=compares))


def applies():
    return is_deep() or apply(applies)


def partial():
    return is_deep() or functools.partial(partial)()


def substitutes(_=None):
    return '' if is_deep() else re.sub('x', substitutes, 'x')


EVAL, EXEC = compile('evaluates_compiled()', 'x', 'eval'), compile('executes_compiled()', 'x', 'exec')
KINDS = [
    function, defaults, keywords, star, both, closure, generator, expression, lists, sets, tries, class_body, evaluates, evaluates_compiled,
    executes, executes_compiled, executes_file, compiles, imports, maps, filters, reduces, sorts, compares, applies, partial,
    substitutes, New().method, New().__call__, New().__enter__, New().next, New.static, New.of_class, Old().method,
]
OTHERS = {
    'init': lambda: New(True), 'getattr': lambda: New().x, 'old getattr': lambda: Old().x, 'getattribute': lambda: Every().x,
    'descriptor': lambda: Described().described, 'property': lambda: New().prop, 'add': lambda: New() + 1, 'item': lambda: New()[0],
    'len': lambda: len(New()), 'cmp': lambda: cmp(New(), 1), 'str': lambda: str(New()), 'hash': lambda: hash(New()),
    'contains': lambda: 1 in New(), 'metaclass': lambda: Meta('x', (), {}),
}


def measure(name, call):
    del places[:]
    result = call()
    if name == 'generator':
        list(result)
    print '%s %d' % (name, places[DEEP - 2] - places[DEEP - 1])


open('executed.py', 'w').write('executes_file()\n')
open('imported.py', 'w').write('import __main__\n__main__.imports()\n')
for kind in KINDS:
    measure(kind.__name__, kind)
for name, call in sorted(OTHERS.items()):
    measure(name, call)
