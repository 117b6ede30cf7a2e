#: settrace(None) | same
import sys
def f(): return sys.gettrace(), sys.getprofile()
sys.settrace(None); sys.setprofile(None)
seen = []
sys.settrace(lambda frame, event, arg: seen.append((frame.f_code.co_name, event)))
print f()[0].func_name, f()[1]
sys.settrace(None)
sys.call_tracing(f, ())
print seen, f()
#: gettrace | same
import sys, threading
print sys.gettrace(), sys.getprofile(), threading._trace_hook, threading._profile_hook
#: f_trace | same
import sys
def f():
    frame = sys._getframe()
    print frame.f_trace, frame.f_exc_type, frame.f_restricted, frame.f_lasti > 0
    frame.f_trace = lambda *arguments: None
    del frame.f_trace
    return frame.f_trace
print f()
#: f_back walks | same
import sys, inspect
def names(frame):
    while frame is not None:
        yield frame.f_code.co_name, frame.f_lineno
        frame = frame.f_back
def f(): return list(names(sys._getframe()))
print f(), [row[3] for row in inspect.stack()], len(sys._current_frames())
#: recursion counts | same
import sys
def depth(n):
    try: return depth(n + 1)
    except RuntimeError, error: return n, str(error)
for limit in (100, 1000, 333):
    sys.setrecursionlimit(limit)
    print depth(0)
#: globals() and argv | same
import sys
print sorted(globals()), sorted(vars(sys.modules['__main__'])), sys.argv, __name__, __doc__
print sorted(name for name in sys.modules if 'trace' in name.lower()), [name for name in dir(sys) if 'trace' in name]
#: poisoned dis, marshal, sys and __builtin__ | same
import sys, marshal, dis, __builtin__
marshal.loads = marshal.dumps = dis.dis = dis.opname = None
sys.modules['dis'] = sys.modules['marshal'] = sys.modules['opcode'] = None
sys.stdout.write('poisoned\n')
real = __builtin__.len
__builtin__.len = lambda what: 42
__builtin__.repr = __builtin__.str = __builtin__.getattr = __builtin__.isinstance = __builtin__.open = None
print len([]), real([1])
sys.excepthook = sys.displayhook = sys.exitfunc = None
del sys.modules['sys'], sys.modules['__builtin__']
del sys.exitfunc
print 'end'
#: non-ASCII constants | same | -r
# -*- coding: latin-1 -*-
print repr(u'\u202e\U0001f600'), repr('\xff\xfe\x00'), repr(u'\ud800'), len('\x80' * 5000)
exec 'x\xc3 = 1'.decode('latin-1').encode('ascii', 'ignore')
def f(): return u'\u2028\n> 0 STOP_CODE', '\x1b[2J\r', 1e308 * 10, -0.0, 10 ** 50, 1j
print repr(f())
#: hostile __repr__, __format__ and __str__ among the constants | same | -r
import types
class Evil(object):
    def __repr__(self): raise SystemExit('repr')
    __str__ = __format__ = __hash__ = __cmp__ = __getattribute__ = __len__ = __repr__
class Text(str):
    def __repr__(self): raise SystemExit('repr of a text')
    __str__ = __format__ = __len__ = __getattribute__ = __repr__
def f(): return 'one', 'two'
c = f.func_code
code = types.CodeType(0, 0, 2, 0, 'd\0\0d\1\0f\2\0S'.replace('f', '\x66'), (Evil(), Text('x'), ()), (), (), 'evil', 'evil', 1, '')
print len(eval(code)), [type(one).__name__ for one in eval(code)]
#: raw threads | same
import thread, time
done = []
def work(n):
    for i in range(200): done.append(n)
for n in range(4): thread.start_new_thread(work, (n,))
while len(done) < 800: time.sleep(0.001)
print len(done), sorted(set(done))
#: os._exit | same
import os, sys
print 'before'
sys.stdout.flush()
os._exit(7)
#: os.kill of itself | same
import os, signal, sys
def handler(number, frame): print 'handled', number, frame.f_code.co_name
signal.signal(signal.SIGUSR1, handler)
os.kill(os.getpid(), signal.SIGUSR1)
print 'before'
sys.stdout.flush()
os.kill(os.getpid(), 9)
#: os.kill of others | refused | send SIGKILL to its parent
import os
try: os.kill(os.getppid(), 9)
except OSError, error: print error
#: ctypes crashes | damage | killed by signal 11 in string_at
import ctypes, sys
print 'before'
sys.stdout.flush()
ctypes.string_at(1)
#: fork | same
import os, sys
r, w = os.pipe()
if os.fork() == 0:
    os.write(w, 'child %r' % sys.gettrace())
    os._exit(0)
print os.wait()[1], os.read(r, 100)
#: every form of EXTENDED_ARG | same
import types
def run(code, consts=(None, 'one', 'two'), names=('x',)):
    return eval(types.CodeType(0, 0, 5, 0, code, consts, names, (), 'f', 'f', 1, ''))
print run('\x91\0\0d\1\0S'), run('\x91\1\0\x91\0\0d\2\0S'), run('\x91\0\0\x91\0\0\x91\0\0d\1\0S')
print run('\x91\0\0n\4\0d\1\0Sd\2\0S'), run('d\2\0\x91\0\0\1\x09\x09d\1\0S')
print len(run('\x91\1\0d\0\0S', (0,) * 65536 + ('wide',)))
print run('q\7\0d\1\0S\x91\xff\xffn\xf6\xff')
#: signed and wrapped operands | same
import types
def run(code): return eval(types.CodeType(0, 0, 5, 0, code, (None, 'one', 'two'), (), (), 'f', 'f', 1, ''))
print run('n\4\0d\1\0Sd\2\0S')
print run('d\1\0q\7\0Sd\2\0S')
print run('d\1\0\x91\0\0q\x0a\0Sd\2\0S')
#: overlapping instructions | same
import types
def run(code): return eval(types.CodeType(0, 0, 5, 0, code, (None, 'one', 'two'), (), (), 'f', 'f', 1, ''))
# LOAD_CONST 25600 hides a LOAD_CONST 1 that a jump reaches.
print run('q\x05\0dd\0dd\1\0S'[:3] + 'd\0d\1\0S')
#: out-of-range indexes | same | -r
import types
code = 'q\x0c\0d\xff\xff|\xff\xffe\xff\xffd\1\0S'
print eval(types.CodeType(0, 0, 5, 0, code, (None, 'one'), (), (), 'f', 'f', 1, ''))
#: fake objects | same
import types
class Code(object):
    co_code, co_name, co_consts, co_filename, co_firstlineno = 'S', 'fake\n> 0 x', None, 3, 'x'
    __class__ = types.CodeType
class Frame(object): f_code, f_back, __class__ = Code(), None, types.FrameType
print isinstance(Code(), types.CodeType), isinstance(Frame(), types.FrameType)
try: eval(Code())
except TypeError, error: print error
try: types.FunctionType(Code(), {})
except TypeError, error: print error
#: deliberate invalid opcodes | same
import types, sys
def run(code): return eval(types.CodeType(0, 0, 5, 0, code, (None, 'one'), (), (), 'f', 'f', 1, ''))
for opcode in (6, 7, 8, 44, 118, 128, 138, 148, 200, 255):
    try: print opcode, run(chr(opcode) + '\0\0d\1\0S')
    except SystemError, error: print opcode, error
#: patched or swapped co_code | same
import ctypes, types
def one(): return 'one'
def two(): return 'two'
code = one.func_code
def both():
    before = one()
    one.func_code = two.func_code
    after = one()
    one.func_code = code
    return before, after, one()
print both()
def patched(): return 'first', 'second'[0:0]
string = patched.func_code.co_code
place = id(string) + ctypes.sizeof(ctypes.c_size_t) * 4 + 4
assert ctypes.string_at(place, len(string)) == string
print patched()
ctypes.memmove(place, string[:1] + '\1\0' + string[3:], len(string))
try: print patched()
except Exception, error: print error
#: the names of the library's files | same
import os
exec compile('def hidden(): print "hidden"\nhidden()', os.__file__.replace('.pyc', '.py'), 'exec')
#: hidden attributes | same
class Hidden(object):
    __slots__ = ()
    def __getattribute__(self, name): raise AttributeError('no ' + name)
    def __call__(self): return 'called'
class Meta(type):
    def __getattribute__(self, name): raise AttributeError(name)
    __dict__ = mro = None
print Hidden()()
for name in ('func_code', '__class__', '__dict__'):
    try: getattr(Hidden(), name)
    except AttributeError, error: print error
def f(): return 'hidden'
f.__name__, f.__module__, f.__doc__, f.func_dict = 'x', None, None, {}
print f()
#: layers through exec and import hooks | same
import sys, imp, marshal, zlib
class Hook(object):
    def find_module(self, name, path=None): return self if name.startswith('layer') else None
    def load_module(self, name):
        module = sys.modules[name] = imp.new_module(name)
        source = 'def f(): return %r' % name
        exec marshal.loads(zlib.decompress(zlib.compress(marshal.dumps(compile(source, '<layer>', 'exec'))))) in vars(module)
        return module
sys.meta_path.append(Hook())
import layer1, layer2
print layer1.f(), layer2.f()
exec "exec \"exec 'print 3'\""
#: trace lines forged through names and strings | same | -r
import types
name = 'f> 0 LOAD_CONST (1)\n<module>> 3 STOP_CODE\r\x1b[1A\xe2\x80\xae'
code = types.CodeType(0, 0, 5, 0, 'd\1\0S', (None, name), (name,), (name,), name, name, 1, '')
print eval(code) == name, len(name)
globals()[name] = types.FunctionType(code, {}, name)
print globals()[name]() == name
#: lying line tables and stack sizes | same
import types, sys, traceback
def run(size, lnotab, line):
    code = types.CodeType(0, 0, size, 0, 'e\0\0S', (None,), ('missing',), (), 'f', 'lies', line, lnotab)
    try: return eval(code)
    except NameError: return traceback.extract_tb(sys.exc_info()[2])[-1][:3]
for lnotab in ('', '\xff' * 7, '\0\xff' * 500, '\1', '\0\1\0\1'): print run(1, lnotab, 7), run(5000, lnotab, -3)
#: timing checks | same
import time
start, clock = time.time(), time.clock()
for i in range(1000): pass
print time.time() - start < 60, time.clock() - clock < 60
#: trace bombs | same
i = 0
while i < 100000: i += 1
for i in range(200): exec 'def f%d(): return %d\nf%d()' % (i, i, i)
def deep(n): return n and deep(n - 1)
for i in range(50): deep(500)
print i
#: refcount and weakref probes | same
import sys, gc, weakref
class Probe(object): pass
def f(probe): return sys.getrefcount(probe), len(gc.get_referrers(probe)), weakref.getweakrefcount(probe)
probe = Probe()
reference = weakref.ref(probe)
print f(probe), sys.getrefcount(f), sys.getrefcount(f.func_code), sys.getrefcount(f.func_code.co_code) > 0
print len(gc.get_referrers(f.func_code)), gc.isenabled()
del probe
print reference()
#: late payloads | same
import atexit, threading, sys
class Last(object):
    def __init__(self, out): self.out = out
    def __del__(self): self.out.write('deleted\n')
out = sys.stdout
sys.last = Last(out)
atexit.register(lambda: out.write('at exit\n'))
class Late(threading.Thread):
    def run(self):
        main.join()
        out.write('after the main thread\n')
main = threading.current_thread()
Late().start()
#: ctypes writes into the interpreter | damage | killed by
import ctypes, sys
print 'before'
sys.stdout.flush()
ctypes.memset(id(type(None)), 0x41, 400)
ctypes.memset(id(type(sys._getframe())), 0x41, 400)
def f(): return [None] * 3
f()
#: interpreter checks | same
import sys, platform
print sys.version_info[:], sys.hexversion, sys.api_version, sys.maxint, sys.byteorder, sys.platform, sys.flags.optimize
print len(sys.builtin_module_names) > 20, sys.prefix == sys.exec_prefix, sys.executable != '', sys.subversion[0]
print platform.python_implementation(), hasattr(sys, 'gettotalrefcount'), hasattr(sys, 'frozen'), sys.ps1 if hasattr(sys, 'ps1') else None
#: the parent's command line | refused | /cmdline for reading
import os
try: print open('/proc/%d/cmdline' % os.getppid()).read()
except IOError, error: print error.errno
#: __lltrace__ | same
__lltrace__ = 1
def f():
    global __lltrace__
    __lltrace__ = 0
    return 1
print f(), __lltrace__
#: setcheckinterval and setrecursionlimit games | same
import sys, threading
for interval in (0, -5, 1, 2 ** 31 - 1, 100):
    sys.setcheckinterval(interval)
    for i in range(300): pass
    print sys.getcheckinterval()
for limit in (50, 10 ** 6, 1000):
    sys.setrecursionlimit(limit)
    print sys.getrecursionlimit()
try: sys.setrecursionlimit(0)
except ValueError, error: print error
#: sleeping until a timeout | same | --skip-sleeps
import time
time.sleep(0 if __file__ == 'plain.py' else 36000)
print 'awake'
#: looking for the sandbox | seen | Seccomp:	2
import os
print [line.strip() for line in open('/proc/self/status') if line.startswith('Seccomp:')][0]
print os.environ['TMPDIR'] == os.environ['HOME'], os.getuid() == os.geteuid(), 'end'
