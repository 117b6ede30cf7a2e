"""Asserts that the embedded library answers as PEP 302, imp, inspect, pkgutil and runpy expect of files."""
import imp
import inspect
import os
import pkgutil
import sys

import json
import json.decoder
import random

LIBRARY = sys.prefix + '/lib/python2.7'
loader = json.__loader__


def fails(error, call, *args):
    try:
        call(*args)
    except error as raised:
        return str(raised)
    raise AssertionError('%s%r did not fail' % (call, args))


# Names and attributes.
assert json.__file__ == LIBRARY + '/json/__init__.pyc' and json.__path__ == [LIBRARY + '/json']
assert random.__file__ == LIBRARY + '/random.pyc' and not hasattr(random, '__path__')
assert random.Random.seed.__code__.co_filename == LIBRARY + '/random.py'
assert repr(loader) == '<LibraryImporter object "%s">' % LIBRARY

# The loader.
assert loader.find_module('nope') is None and loader.find_module('json') is loader
assert loader.is_package('json') and not loader.is_package('os')
assert loader.get_filename('json') == LIBRARY + '/json/__init__.py'
assert loader.get_code('random').co_name == '<module>'
assert loader.get_data(LIBRARY + '/random.py') == loader.get_source('random')
assert 'nope' in fails(ImportError, loader.get_source, 'nope')
assert '/nope' in fails(IOError, loader.get_data, '/nope')
assert fails(ImportError, type(loader), '/tmp') and fails(ImportError, type(loader), random.__file__)

# What reads sources.
assert inspect.getsource(random.Random.seed).startswith('    def seed')
assert inspect.getsourcefile(random) == LIBRARY + '/random.py'
import pyclbr
assert 'JSONDecoder' in pyclbr.readmodule('json.decoder')

# imp, which knows no importers.
assert imp.find_module('json') == (None, LIBRARY + '/json', ('', '', imp.PKG_DIRECTORY))
stream, path, kind = imp.find_module('random')
assert path == LIBRARY + '/random.py' and kind == ('.py', 'U', imp.PY_SOURCE) and os.fstat(stream.fileno()).st_size > 1000
again = imp.load_module('again', stream, path, kind)
assert again.Random is not random.Random and again.__name__ == 'again'
stream.seek(0)
assert imp.load_source('once_more', path, stream).Random
package = imp.load_module('package', None, LIBRARY + '/json', ('', '', imp.PKG_DIRECTORY))
assert package.__path__ == json.__path__
assert imp.find_module('decoder', json.__path__)[1] == LIBRARY + '/json/decoder.py'
assert imp.find_module('sys')[2][2] == imp.C_BUILTIN
assert fails(ImportError, imp.find_module, 'nope') == 'No module named nope'
assert repr(imp.find_module) == '<built-in function find_module>' and imp.find_module.__doc__.startswith('find_module(name')

# Packages walked, data read, modules reloaded and found again.
names = dict((name, is_package) for _, name, is_package in pkgutil.iter_modules([LIBRARY]))
assert names['json'] is True and names['random'] is False and 'decoder' not in names
assert [name for _, name, _ in pkgutil.walk_packages(json.__path__, 'json.')] == [
    'json.decoder', 'json.encoder', 'json.scanner', 'json.tool']
import lib2to3.pygram
assert pkgutil.get_data('lib2to3', 'Grammar.txt').startswith('#')
from lib2to3 import refactor
fixers = refactor.get_fixers_from_package('lib2to3.fixes')
refactored = refactor.RefactoringTool(fixers).refactor_string(u"print d.has_key('a')\n", 'x')
assert len(fixers) > 50 and unicode(refactored) == u"print('a' in d)\n"
assert reload(random) is random
sys.path_importer_cache.clear()
import colorsys

# The configuration, without a Makefile.
import distutils.sysconfig
import sysconfig
assert sysconfig.get_config_var('SO') == '.so' and sysconfig.get_config_var('LIBDIR') == sys.prefix + '/lib'
assert distutils.sysconfig.get_python_lib(1) == LIBRARY + '/site-packages'
assert sysconfig.get_config_var('CFLAGS').split()[-2:] == ['-Wall', '-Wstrict-prototypes']
assert sysconfig.get_config_var('Py_UNICODE_SIZE') == 4 and sys.maxunicode == 0x10ffff
print 'all well'
