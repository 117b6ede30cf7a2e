"""Asserts that the embedded library is found as an installed one is: by imports, by what reads sources, and as files."""
import gc
import imp
import inspect
import io
import linecache
import os
import pkgutil
import runpy
import sys
import traceback
import zipimport

import json
import json.decoder
import random

LIBRARY = sys.prefix + '/lib/python2.7'
EXTENSIONS = LIBRARY + '/lib-dynload'


def fails(error, call, *args):
    try:
        call(*args)
    except error as raised:
        return str(raised)
    raise AssertionError('%s%r did not fail' % (call, args))


# No module has a loader, and no importer is needed.
assert [name for name, module in sys.modules.items() if hasattr(module, '__loader__')] == []
assert sys.path_hooks == [zipimport.zipimporter] and sys.meta_path == [] and sys.path_importer_cache[LIBRARY] is None
assert not [thing for thing in gc.get_objects() if 'bctrace' in type(thing).__module__ or 'Library' in type(thing).__name__]

# Names and attributes.
assert json.__file__ == LIBRARY + '/json/__init__.pyc' and json.__path__ == [LIBRARY + '/json']
assert random.__file__ == LIBRARY + '/random.pyc' and not hasattr(random, '__path__')
assert random.Random.seed.__code__.co_filename == LIBRARY + '/random.py'

# Extension modules that a plain build has in lib-dynload.
import math
import select
assert math.__file__ == EXTENSIONS + '/math.so' and repr(math) == "<module 'math' from '%s'>" % math.__file__
assert 'math' not in sys.builtin_module_names and not imp.is_builtin('math') and imp.init_builtin('math') is None
stream, path, kind = imp.find_module('math')
assert (stream.name, path, kind) == (math.__file__, math.__file__, ('.so', 'rb', imp.C_EXTENSION))
assert imp.load_module('math', stream, path, kind) is math and imp.load_dynamic('math', path) is math
assert imp.load_dynamic('select', select.__file__) is select and reload(math) is math
assert fails(ImportError, imp.load_dynamic, 'nope', EXTENSIONS + '/nope.so').startswith(EXTENSIONS + '/nope.so: cannot open')

# What reads sources.
assert inspect.getsource(random.Random.seed).startswith('    def seed')
assert inspect.getsourcefile(random) == LIBRARY + '/random.py' and inspect.getfile(random) == random.__file__
assert linecache.getline(LIBRARY + '/random.py', 1).startswith('"""Random variable') and linecache.getline('random.py', 1)
linecache.checkcache()
assert LIBRARY + '/random.py' in linecache.cache
try:
    json.loads('{')
except ValueError:
    assert 'return _default_decoder.decode(s)' in traceback.format_exc()
import pyclbr
assert 'JSONDecoder' in pyclbr.readmodule('json.decoder')

# imp.
assert imp.find_module('json') == (None, LIBRARY + '/json', ('', '', imp.PKG_DIRECTORY))
stream, path, kind = imp.find_module('random')
assert path == LIBRARY + '/random.py' and kind == ('.py', 'U', imp.PY_SOURCE) and os.fstat(stream.fileno()).st_size > 1000
again = imp.load_module('again', stream, path, kind)
assert again.Random is not random.Random and again.__name__ == 'again' and again.__file__ == random.__file__
stream.seek(0)
assert imp.load_source('once_more', path, stream).Random and imp.load_source('and_more', path).Random
assert imp.load_compiled('compiled', path + 'c').Random
package = imp.load_module('package', None, LIBRARY + '/json', ('', '', imp.PKG_DIRECTORY))
assert package.__path__ == json.__path__
assert imp.find_module('decoder', json.__path__)[1] == LIBRARY + '/json/decoder.py'
assert imp.find_module('sys')[2][2] == imp.C_BUILTIN
assert fails(ImportError, imp.find_module, 'nope') == 'No module named nope'

# Packages walked, data read, modules run, reloaded and found again.
names = dict((name, is_package) for _, name, is_package in pkgutil.iter_modules([LIBRARY]))
assert names['json'] is True and names['random'] is False and 'decoder' not in names
assert 'math' in [name for _, name, _ in pkgutil.iter_modules([EXTENSIONS])]
walked = [name for _, name, _ in pkgutil.walk_packages(json.__path__, 'json.') if 'tests' not in name]
assert walked == ['json.decoder', 'json.encoder', 'json.scanner', 'json.tool']
loader = pkgutil.get_loader('random')
assert isinstance(loader, pkgutil.ImpLoader) and loader.get_source() == open(path).read()
assert loader.get_code().co_name == '<module>' and loader.get_filename() == path
import lib2to3.pygram
assert pkgutil.get_data('lib2to3', 'Grammar.txt').startswith('#')
assert '/nope' in fails(IOError, pkgutil.get_data, 'lib2to3', 'nope')
from lib2to3 import refactor
fixers = refactor.get_fixers_from_package('lib2to3.fixes')
refactored = refactor.RefactoringTool(fixers).refactor_string(u"print d.has_key('a')\n", 'x')
assert len(fixers) > 50 and unicode(refactored) == u"print('a' in d)\n"
assert 'RADIUS' not in runpy.run_module('colorsys') and callable(runpy.run_path(LIBRARY + '/colorsys.py')['rgb_to_hls'])
assert callable(runpy.run_path(LIBRARY + '/colorsys.pyc')['rgb_to_hls'])
assert reload(random) is random
sys.path_importer_cache.clear()
import colorsys

# Files, read in each way there is.
text = open(LIBRARY + '/random.py').read()
assert text == file(LIBRARY + '//json/./../random.py', 'rb').read() == io.open(LIBRARY + '/random.py', 'rb').read()
descriptor = os.open(LIBRARY + '/random.py', os.O_RDONLY)
assert os.read(descriptor, 1 << 20) == text
status = os.stat(LIBRARY + '/random.py')
opened = os.fstat(descriptor)
assert (opened.st_mode, opened.st_size, opened.st_mtime) == (status.st_mode, status.st_size, status.st_mtime)
assert status.st_size == len(text) and status.st_ino > 0
os.close(descriptor)
compiled = open(random.__file__, 'rb').read()
assert compiled[:4] == imp.get_magic() and os.path.getsize(random.__file__) == len(compiled)
import marshal
import struct
assert struct.unpack('<l', compiled[4:8])[0] == int(status.st_mtime) and marshal.loads(compiled[8:]).co_name == '<module>'
scope = {}
execfile(LIBRARY + '/colorsys.py', scope)
assert 'rgb_to_hls' in scope
assert os.path.isfile(math.__file__) and os.access(random.__file__, os.R_OK) and not os.access(LIBRARY + '/nope', os.F_OK)
assert not os.access(random.__file__, os.W_OK) and not os.path.islink(LIBRARY + '/random.py')
assert 'directory' in fails(IOError, open, LIBRARY) and 'No such file' in fails(IOError, open, LIBRARY + '/nope')
assert 'No such file' in fails(OSError, os.stat, LIBRARY + '/nope.pyc') and fails(IOError, open, LIBRARY + '/nope', 'w')

# Folders.
assert os.path.isdir(sys.prefix) and os.path.isdir(LIBRARY) and 'python2.7' in os.listdir(sys.prefix + '/lib')
assert {'json', 'random.py', 'random.pyc', 'lib-dynload', 'site-packages', 'LICENSE.txt'} <= set(os.listdir(LIBRARY))
assert set(os.listdir(unicode(LIBRARY) + '/json')) >= {
    name + suffix for name in ('__init__', 'decoder', 'encoder', 'scanner', 'tool') for suffix in (u'.py', u'.pyc')}
assert all(isinstance(name, unicode) for name in os.listdir(unicode(LIBRARY))) and 'math.so' in os.listdir(EXTENSIONS)
assert 'No such file' in fails(OSError, os.listdir, LIBRARY + '/nope') and len(os.listdir('/')) > 0
found = set(os.path.join(folder, name) for folder, _, files in os.walk(LIBRARY) for name in files)
assert random.__file__ in found and math.__file__ in found and len(found) > 1000
assert len(set(os.stat(path).st_ino for path in found)) == len(found)

# The configuration, without a Makefile.
import distutils.sysconfig
import sysconfig
assert sysconfig.get_config_var('SO') == '.so' and sysconfig.get_config_var('LIBDIR') == sys.prefix + '/lib'
assert distutils.sysconfig.get_python_lib(1) == LIBRARY + '/site-packages' == sys.path[-1]
assert sysconfig.get_config_var('CFLAGS').split()[-2:] == ['-Wall', '-Wstrict-prototypes']
assert sysconfig.get_config_var('Py_UNICODE_SIZE') == 4 and sys.maxunicode == 0x10ffff
print 'all well'
