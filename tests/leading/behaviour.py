import missing, missing.inner.deep
from missing import thing as other, error
print bool(missing.a), missing.a == missing.a, missing.a is missing.a, missing.a == missing.b, missing.a != missing.b
print len(missing.a), len(list(missing.a)), int(missing.a), float(missing.a), '%d %s' % (missing.a, missing.a), [1, 2][missing.a]
one, two, three = missing.triple()
print one, three, missing.inner.deep.x, repr(other)
with missing.lock() as lock:
    print lock
with missing.lock as lock:
    print lock
print missing.A | missing.B, missing.n + 1, 2 * missing.n, -missing.n, 'path: ' + missing.path, missing.path + '/x', u'u' + missing.u
missing.a += 1
print missing.a, missing.d['key'], missing.d['key']['other'], 'x' in missing.d, [n for n in [missing.z, 3] if n != 3]
missing.d['key'] = 5
del missing.d['key']
missing.value = 7
print missing.value
@missing.decorator
def plain(): return 'plain'
@missing.route('/path', methods=['GET'])
@missing.login_required
def routed(): return 'routed'
@missing.registered
class Registered(object):
    name = 'registered'
print plain(), routed(), Registered.name
class Sub(missing.Base, missing.Mixin):
    member = 3
    def __init__(self, n):
        super(Sub, self).__init__(n)
        self.n = n
    def get(self): return self.n + self.member
sub = Sub(4)
print sub.get(), isinstance(sub, missing.Base), isinstance(sub, missing.Other), issubclass(Sub, missing.Mixin), sub == Sub(4), sub == sub
print sub.not_there(1), sub.attribute
class Words(dict, missing.Mixin): pass
print Words(a=1)
class Failure(missing.error): pass
class Both(Exception, missing.error): pass
for kind in [error, missing.error, Failure, Both, missing.other_error('no')]:
    try:
        raise kind
    except missing.error, caught:
        print 'caught', isinstance(caught, missing.error)
    except Exception, caught:
        print 'other', isinstance(caught, Exception)
try:
    raise ValueError('v')
except (missing.error, ValueError), caught:
    print caught
try:
    with missing.lock():
        raise KeyError('k')
except KeyError, caught:
    print 'not swallowed', caught
Base = missing.declarative_base()
class Table(Base):
    column = missing.Column(missing.Integer, primary_key=True)
print Table.__name__, Table.column, sorted([missing.b, missing.a]) != [], {missing.k: 1}[missing.k]
print missing.__version__.split('.')[0], missing.request.args.get('q'), missing.e('m').args, hasattr(missing, '__wrapped__')
count = 0
while missing.poll():
    count += 1
while missing.code() == 0:
    count += 1
print 0 < count < 50
try:
    import not_asked
except ImportError, caught:
    print caught
