import copy, pickle, sys, os
import gone, gone.inner

# Names that clash: what is found is no stand-in, and what a program sets stays.
print os.getcwd.__name__, type(sys).__name__
sys.modules.pop('gone')
import gone as again
print again is gone, sys.modules['gone'] is gone
sys.modules.clear()
import another
print another.x
gone.f = lambda n: n + 1
print gone.f(2)
gone.Class.method = lambda self: 'method'
print gone.Class().method()
gone.x.__name__ = 'renamed'
print gone.x, gone.x(), gone.x.y
for name, value in [('__bases__', (object,)), ('__class__', object), ('__dict__', {})]:
    try: setattr(gone.x, name, value)
    except (TypeError, AttributeError), error: print type(error).__name__

# Chains and large texts end in one stand-in.
one = gone
for _ in xrange(3000): one = one.b
print len(str(one)), one is one.b
one = gone
for _ in xrange(40): one = one + one
print len(str(one))
print len(str(gone['x' * 100000])), len(gone.f2(*range(1000)).args)

# Copies and pickles.
print copy.copy(gone.x()), copy.deepcopy([gone.y, gone.y()])
try: pickle.dumps(gone.y)
except pickle.PicklingError: print 'cannot be pickled'

# Objects that run code when they are looked at are not.
class Loud(object):
    def __repr__(self): raise SystemExit('repr')
    __str__ = __eq__ = __hash__ = __len__ = __repr__
gone.call(Loud(), [Loud()], {1: Loud()}, k=Loud())
gone.y - Loud()
gone.y == gone.call(1)
print gone[Loud()] is gone[Loud()], isinstance(gone.y(), gone.maker())

# Arguments of exceptions, attributes that exceptions have, and classes of the program's that have the same.
class Failure(gone.Error):
    message = 'own'
print Failure.message, Failure().message, gone.Error('m').message, gone.Error.message, gone.Error().args.x
try: raise Failure('text', 2)
except gone.Error, error: print error.args, str(error)

class Meta(type(gone)): pass
print Meta('Made', (gone.Base,), {'n': 1}).n
print type(gone)('Other', (gone.Base, dict), {})(a=1)
first, second = gone.pair()
print second
print [getattr(gone, name, 'none') for name in ('__wrapped__', '__iter__', '__abstractmethods__')][0]
# Only so many differ.
for n in xrange(30000): one = gone['%d' % n]
print one is gone['other']
sys.exit(int(gone.status) - 1)
