"""Prints what an interpreter says of itself: the same for every plain Python 2.7.18 on 64-bit Linux with wide Unicode, wherever it is
installed."""
import sys

first = sorted(sys.modules), sys.path_hooks[:], sys.meta_path[:], sys.path[:], dict(sys.path_importer_cache)
import gc
objects, counts = gc.get_objects(), gc.get_count()
# What the numbers of references to these are depends on nothing but what has run.
references = [sys.getrefcount(thing) for thing in (None, True, False, object, type, dict, tuple, BaseException, sys, len, Ellipsis)]
kinds = {}
for thing in objects:
    kinds[type(thing).__name__] = kinds.get(type(thing).__name__, 0) + 1
del thing, objects
import os


def fact(name, value):
    print '%s: %r' % (name, value)


def placed(path):
    """Without where it is installed."""
    return path.replace(sys.prefix, 'PREFIX')


modules, hooks, meta, path, importers = first
codecs = ('encodings.ascii', 'encodings.utf_8', 'encodings.latin_1')
fact('modules at the start', [name for name in modules if name not in codecs])
fact('meta path', meta)
fact('path hooks', hooks)
fact('path', [placed(entry) for entry in path[1:]])
fact('importers', sorted((placed(entry), type(importer)) for entry, importer in importers.items()))
fact('built-in modules', sys.builtin_module_names)
for name in modules:
    if sys.modules[name] is not None and name not in codecs:
        fact('globals of ' + name, sorted((key, type(value).__name__) for key, value in vars(sys.modules[name]).items()))
        fact('file of ' + name, placed(getattr(sys.modules[name], '__file__', 'none')))
fact('kinds of objects', sorted(kinds.items()))
fact('counts of the collector', counts)
fact('references at the start', references)
fact('prefix is exec_prefix', sys.prefix == sys.exec_prefix)
fact('executable', os.path.basename(sys.executable))
fact('executable is there', os.path.isabs(sys.executable) and os.access(sys.executable, os.X_OK))
for name in ('version_info', 'hexversion', 'subversion', 'api_version', 'byteorder', 'platform', 'maxint', 'maxsize', 'maxunicode',
             'float_info', 'long_info', 'float_repr_style', 'flags', 'dont_write_bytecode', 'py3kwarning', 'warnoptions', 'argv'):
    fact(name, getattr(sys, name))
fact('version', sys.version.split()[0])
fact('copyright', sys.copyright[-30:])
fact('names in sys', sorted(dir(sys)))
fact('own globals', sorted(globals()))
fact('trace and profile', (sys.gettrace(), sys.getprofile()))
fact('limits', (sys.getrecursionlimit(), sys.getcheckinterval(), gc.get_threshold(), gc.isenabled(), gc.get_debug(), gc.garbage))
fact('encodings', (sys.getdefaultencoding(), sys.getfilesystemencoding()))
fact('streams', [(stream.name, stream.mode, stream.softspace) for stream in (sys.stdin, sys.stdout, sys.stderr)])
fact('sizes', [sys.getsizeof(thing) for thing in (
    None, 0, 2 ** 70, 1.0, '', u'', (), [], {}, set(), object(), fact, fact.__code__, sys._getframe(), type, iter(()))])


# References, counted by what the program itself does.
class Counted(object):
    deleted = 0

    def __del__(self):
        Counted.deleted += 1


def holds(thing):
    return sys.getrefcount(thing)


def generates(thing):
    yield sys.getrefcount(thing)


thing = Counted()
fact('references', (sys.getrefcount(thing), holds(thing), list(generates(thing)), sys.getrefcount(sys._getframe().f_code)))
del thing
ring = [Counted()]
ring.append(ring)
ring[0] = None
fact('deleted', Counted.deleted)
cycle = type('Cycle', (object,), {})()
cycle.self = cycle
del cycle, ring
fact('collected', gc.collect() > 0)
try:
    raise KeyError('key')
except KeyError:
    fact('frames of a traceback', (sys.exc_info()[2].tb_lineno == sys._getframe().f_lineno - 2, sys.exc_info()[2].tb_next))
frames = []
frame = sys._getframe()
while frame is not None:
    frames.append((os.path.basename(frame.f_code.co_filename), frame.f_code.co_name, frame.f_trace))
    frame = frame.f_back
fact('frames', frames)


def recurses(n=0):
    try:
        return recurses(n + 1)
    except RuntimeError:
        return n


fact('recursion', recurses())

import platform
import site
import sysconfig
fact('platform', (platform.python_implementation(), platform.python_version(), platform.architecture(), platform.python_branch()))
fact('site', (site.ENABLE_USER_SITE, [placed(prefix) for prefix in site.PREFIXES], site.USER_SITE))
fact('sysconfig', (sysconfig.get_platform(), sorted((name, placed(value)) for name, value in sysconfig.get_paths().items())))
fact('configuration', [(name, sysconfig.get_config_var(name)) for name in ('SO', 'VERSION', 'Py_UNICODE_SIZE', 'WITH_THREAD', 'SIZEOF_LONG')])
