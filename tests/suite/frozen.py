"""A program that freezers have put into one file: PyInstaller in its three forms, cx_Freeze and bbfreeze.  third_party.py runs this.

The freezers need a plain Python 2.7.  They are installed by the pip that it brings along, each into a folder of the cache directory.
What they make is recorded, listed and unpacked; it need not run by itself.
"""
import glob
import json
import os
import shutil
import subprocess
import zipfile

import run
import tree

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'frozen')
# A folder's name in the cache, and what is installed there, in this order.
FREEZERS = (
    ('freezer-pyinstaller', ('dis3==0.1.3', 'altgraph==0.17.4', 'PyInstaller==3.6', 'PyCrypto==2.6.1')),
    ('freezer-cx', ('cx_Freeze==5.1.1',)),
    ('freezer-bb', ('altgraph==0.9', 'bbfreeze-loader==1.1.0', 'bbfreeze==1.1.3')),
)
# What newer systems need, by file: ldconfig has a last line that is no library, and a static Python wants the libraries behind it.
CHANGES = {
    'PyInstaller/depend/utils.py': ('        path = m.groups()[-1]\n', '        if m is None: continue\n        path = m.groups()[-1]\n'),
    'bbfreeze-loader/setup.py': ('libs.append(conf.PYTHONVERSION)', "libs += [conf.PYTHONVERSION, 'm', 'dl', 'util', 'pthread']"),
}
EXPECTED = '42 inner of pkg.inner __main__ True ["a", "b"]\nstatus 0\n'
HOOKED = 'the hook\n' + EXPECTED
# Seconds that freezing, and a run, may take.
PATIENCE = 300


class Failed(Exception):
    pass


def change(path, name):
    before, after = CHANGES[name]
    with open(path) as stream:
        text = stream.read()
    if before not in text:
        raise Failed('%s has other text than expected' % name)
    with open(path, 'w') as stream:
        stream.write(text.replace(before, after))


def unpacked_pip(python):
    """Returns a folder with the pip and setuptools that a Python brings along; pip cannot build packages from within a wheel."""
    folder = os.path.join(tree.cache_folder(), 'freezer-pip')
    if not os.path.isdir(folder):
        library = subprocess.check_output([python, '-c', 'import ensurepip; print ensurepip.__path__[0]']).strip()
        for wheel in glob.glob(os.path.join(library, '_bundled', '*.whl')):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(folder + '.making')
        os.rename(folder + '.making', folder)
    return folder


class Freezer(object):
    """One that is installed."""

    def __init__(self, python, name):
        self.python = python
        self.folder = os.path.join(tree.cache_folder(), name)
        self.path = os.pathsep.join([self.folder, unpacked_pip(python)])

    def call(self, words, folder, path=None):
        """Runs a tool; it must end well."""
        environment = {'PATH': os.environ.get('PATH', ''), 'HOME': folder, 'PYTHONPATH': path or self.path, 'LC_ALL': 'C'}
        environment.update((name, value) for name, value in os.environ.items() if name.startswith(('PIP_', 'SSL_')))
        environment['LD_LIBRARY_PATH'] = os.path.join(folder, 'stub')
        status, output = run.watched([self.python] + words, environment, folder, PATIENCE)
        if status != 0:
            raise Failed('%s ends with %s: %s' % (' '.join(words[:4]), status, output[-600:]))

    def install(self, requirements):
        if os.path.isdir(self.folder):
            return
        making = self.folder + '.making'
        shutil.rmtree(making, ignore_errors=True)
        os.makedirs(making)
        path = self.path.replace(self.folder, making, 1)
        pip = ['-m', 'pip', '--disable-pip-version-check', '--quiet']
        for requirement in requirements:
            if requirement.startswith('bbfreeze-loader'):
                self.call(pip + ['download', '--no-deps', '--no-binary', ':all:', requirement], making, path)
                archive = [name for name in os.listdir(making) if name.startswith('bbfreeze-loader')][0]
                self.call(['-c', 'import zipfile, sys; zipfile.ZipFile(sys.argv[1]).extractall()', archive], making, path)
                source = os.path.join(making, archive[:-len('.zip')])
                change(os.path.join(source, 'setup.py'), 'bbfreeze-loader/setup.py')
                requirement = source
            self.call(pip + ['install', '--no-deps', '--target', making, requirement], making, path)
        utils = os.path.join(making, 'PyInstaller/depend/utils.py')
        if os.path.exists(utils):
            change(utils, 'PyInstaller/depend/utils.py')
        os.rename(making, self.folder)


def make_stub(folder, python):
    """PyInstaller wants the shared library of Python, which a static one does not have; nothing loads this one."""
    linked = subprocess.Popen(['ldd', python], stdout=subprocess.PIPE, stderr=subprocess.STDOUT).communicate()[0]
    if 'libpython' in linked:
        return
    stub = os.path.join(folder, 'stub')
    os.mkdir(stub)
    source = os.path.join(stub, 'stub.c')
    with open(source, 'w') as stream:
        stream.write('int stub;\n')
    library = os.path.join(stub, 'libpython2.7.so.1.0')
    subprocess.check_call(['cc', '-shared', '-Wl,-soname,libpython2.7.so.1.0', '-o', library, source])


def freeze(freezers, folder):
    """Makes all forms of the program; yields the path of each, and what it prints."""
    for name in os.listdir(PROGRAM):
        source = os.path.join(PROGRAM, name)
        (shutil.copytree if os.path.isdir(source) else shutil.copy)(source, os.path.join(folder, name))
    make_stub(folder, freezers[0].python)
    pyinstaller, cx, bb = freezers
    for name, options in (('one', ['--onefile']), ('dir', ['--onedir']), ('keyed', ['--onefile', '--key', 'sesame'])):
        words = ['-m', 'PyInstaller', '--log-level', 'ERROR', '--name', name, '--runtime-hook', 'hook.py', 'main.py']
        pyinstaller.call(words + options, folder)
        yield os.path.join(folder, 'dist', 'dir/dir' if name == 'dir' else name), HOOKED
    with open(os.path.join(folder, 'setup.py'), 'w') as stream:
        stream.write("from cx_Freeze import setup, Executable\nsetup(name='main', version='1', executables=[Executable('main.py')])\n")
    cx.call(['setup.py', '-q', 'build_exe', '-b', 'cx'], folder)
    yield os.path.join(folder, 'cx', 'main'), EXPECTED
    bb.call(['-c', "import bbfreeze; freezer = bbfreeze.Freezer('bb'); freezer.addScript('main.py'); freezer()"], folder)
    yield os.path.join(folder, 'bb', 'main'), EXPECTED


def check(bctrace, folder):
    """Freezes the program in each way and records what comes out; returns complaints."""
    python = tree.find_plain() or tree.Tree().make_plain()
    freezers = []
    for name, requirements in FREEZERS:
        freezers.append(Freezer(python, name))
        freezers[-1].install(requirements)
    environment = {'PATH': os.environ.get('PATH', ''), 'LC_ALL': 'C'}
    for path, expected in freeze(freezers, folder):
        name = os.path.relpath(path, folder)
        for options in ([], ['--no-sandbox']):
            command = [bctrace, '-q'] + options + [path, os.path.join(folder, 't.bct'), '--', 'a', 'b']
            status, output = run.watched(command, environment, folder, PATIENCE)
            output = '%sstatus %s\n' % (output, status)
            if output != expected:
                yield '%s, %s: prints %r' % (name, options, output[-500:])
        into = os.path.join(folder, 'unpacked-' + name.replace('/', '-'))
        subprocess.check_call([bctrace, 'unpack', path, '-o', into])
        with open(os.path.join(into, 'manifest.json')) as stream:
            contents = json.load(stream)['contents']
        if 'pkg.inner' not in [part['name'] for part in contents] and not name.startswith('cx'):
            yield '%s: pkg.inner was not unpacked' % name
        print name
