"""Compiles CPython's Lib/ into what build/stdlib.rs packs into the binary.  The VM just built runs it, with PYTHONPATH=Lib:

    compile_library.py LIB MAKEFILE PYCONFIG_H OUT

OUT holds one record per file, sorted by path: four little-endian 32-bit numbers (1 for a module that every start of an
interpreter imports, then the lengths of path, code and text), then path, code and text.  Equal inputs give equal bytes: no path
and no time of the build is in them.
"""
import marshal
import os
import sys

# Where the modules will seem to lie; getpath.c says so.
LIBRARY = sys.prefix + '/lib/python2.7'

# Folders by the name of their last part: what a plain install has for CPython's own tests alone, or not at all, and idlelib.
LEFT_OUT = ('test', 'tests', 'idle_test', 'idlelib', 'msilib')
PLATFORM = 'plat-linux2'

# Files other than modules that the library's modules read, and one that keeps its folder from being empty.
DATA = ('lib2to3/Grammar.txt', 'lib2to3/PatternGrammar.txt', 'pdb.doc', 'distutils/command/command_template', 'site-packages/README')

GRAMMARS = ('Grammar.txt', 'PatternGrammar.txt')


def files(lib):
    """Yields the relative paths of all that goes in from Lib/."""
    for folder, folders, names in os.walk(lib):
        folders[:] = [name for name in folders
                      if name not in LEFT_OUT and (name == PLATFORM or not name.startswith('plat-'))]
        for name in names:
            path = os.path.relpath(os.path.join(folder, name), lib)
            if path.endswith('.py') or path in DATA:
                yield path


def text_of(path):
    with open(path, 'U') as stream:
        return stream.read()


def compiled(path, text):
    """Returns a module's marshalled code, as py_compile would make it for a file that lies in the library."""
    return marshal.dumps(compile(text, '%s/%s' % (LIBRARY, path), 'exec', 0, 1))


def grammar_pickles(lib):
    """Yields the tables that lib2to3 reads where its Grammar.txt is no file (driver.load_packaged_grammar), by path."""
    from lib2to3.pgen2 import driver, grammar, pgen
    import cPickle
    for name in GRAMMARS:
        tables = pgen.generate_grammar(os.path.join(lib, 'lib2to3', name))
        pickle = cPickle.dumps(grammar._make_deterministic(tables.__dict__), 2)
        yield 'lib2to3/' + driver._generate_pickle_name(name), pickle


def config_variables(makefile, pyconfig_h):
    """Returns what sysconfig would read from an installed Makefile and pyconfig.h, without the build's own paths."""
    import sysconfig
    variables = {}
    sysconfig._parse_makefile(makefile, variables)
    with open(pyconfig_h) as stream:
        sysconfig.parse_config_h(stream, variables)
    # The build folder first: it may lie below the prefix.
    moved = [(variables['abs_builddir'], LIBRARY + '/config'), (variables['prefix'], sys.prefix)]
    for name, value in variables.items():
        if isinstance(value, str):
            for old, new in moved:
                value = value.replace(old, new)
            variables[name] = value
    return variables


def sysconfig_data(variables):
    """Returns the text of _sysconfigdata.py, which CPython's own Makefile would generate."""
    rows = ['    %r: %r,\n' % pair for pair in sorted(variables.items())]
    return '# The configuration of this interpreter, for the module sysconfig.\nbuild_time_vars = {\n%s}\n' % ''.join(rows)


def imported_at_start(variables):
    """Returns the paths of the modules that every start imports.  Runs before anything else here imports more than they do."""
    sys.modules['_sysconfigdata'] = data = type(sys)('_sysconfigdata')
    data.build_time_vars = variables
    import site
    # What the usual locales need for the standard streams.
    import encodings.ascii, encodings.utf_8
    names = [name.replace('.', '/') for name, module in sys.modules.items() if module is not None]
    return set([name + suffix for name in names for suffix in ('.py', '/__init__.py')])


def number(value):
    return ''.join(chr(value >> shift & 255) for shift in (0, 8, 16, 24))


def main(lib, makefile, pyconfig_h, out):
    variables = config_variables(makefile, pyconfig_h)
    at_start = imported_at_start(variables)
    texts = dict((path, text_of(os.path.join(lib, path))) for path in files(lib))
    texts['_sysconfigdata.py'] = sysconfig_data(variables)
    # As `make install` calls it.
    texts['LICENSE.txt'] = text_of(os.path.join(lib, os.pardir, 'LICENSE'))
    texts.update(grammar_pickles(lib))
    with open(out, 'wb') as stream:
        for path in sorted(texts):
            code = compiled(path, texts[path]) if path.endswith('.py') else ''
            stream.write(number(path in at_start) + ''.join(number(len(part)) for part in (path, code, texts[path])))
            stream.write(path + code + texts[path])


if __name__ == '__main__':
    main(*sys.argv[1:])
