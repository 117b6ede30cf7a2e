"""CPython's source tree and a plain build of it, for the conformance tests: unpacked, configured, and where the machine has no
Python 2.7.18 also built, once, in the cache directory.  Never patched."""
import glob
import hashlib
import os
import shutil
import subprocess
import tarfile

VERSION = '2.7.18'
SHA256 = 'da3080e3b488f648a3d7a4560ddee895284c3380b11d6de75edb986526b9a814'
NAME = 'Python-' + VERSION

# Extension modules for tests, which CPython's setup.py builds and which are not embedded; their sources in Modules/.
EXTENSIONS = {'_testcapi': '_testcapimodule.c', '_ctypes_test': '_ctypes/_ctypes_test.c'}


class Missing(Exception):
    """Something that the machine needs and has not; says what to do."""


def cache_folder():
    """Returns the build's cache directory, as build/settings.rs chooses it."""
    home = os.path.join(os.environ.get('HOME', '/'), '.cache')
    default = os.path.join(os.environ.get('XDG_CACHE_HOME') or home, 'bctrace')
    return os.environ.get('BCTRACE_CACHE_DIR') or default


def tarball():
    """Returns the verified tarball that the build has left."""
    path = os.environ.get('BCTRACE_CPYTHON_TARBALL') or os.path.join(cache_folder(), NAME + '.tgz')
    if not os.path.exists(path):
        raise Missing('%s is not there: run `cargo build`, or name a copy in BCTRACE_CPYTHON_TARBALL' % path)
    with open(path, 'rb') as stream:
        if hashlib.sha256(stream.read()).hexdigest() != SHA256:
            raise Missing('%s has another sha256 than %s: delete it' % (path, SHA256))
    return path


def run(command, folder, log):
    """Runs a command to its end, its output to `log`."""
    with open(log, 'ab') as stream:
        status = subprocess.call(command, cwd=folder, stdout=stream, stderr=subprocess.STDOUT)
    if status != 0:
        raise Missing('%r ended with %d: see %s' % (' '.join(command), status, log))


class Tree(object):
    """The unpacked and configured tree."""

    def __init__(self):
        self.work = os.path.join(cache_folder(), 'conformance')
        self.folder = os.path.join(self.work, NAME)
        self.log = os.path.join(self.work, 'log')

    def prepare(self):
        """Makes the tree if it is not there.  What was made in part is made again."""
        if os.path.exists(os.path.join(self.folder, 'pyconfig.h')):
            return
        shutil.rmtree(self.work, ignore_errors=True)
        os.makedirs(self.work)
        with tarfile.open(tarball()) as archive:
            archive.extractall(self.work)
        prefix = os.path.join(self.work, 'plain')
        run(['sh', './configure', '--enable-unicode=ucs4', '--prefix=' + prefix], self.folder, self.log)

    def lib(self):
        return os.path.join(self.folder, 'Lib')

    def test_path(self):
        """Returns a folder that has nothing but the package `test`."""
        folder = os.path.join(self.work, 'path')
        if not os.path.isdir(folder):
            os.makedirs(folder)
            os.symlink(os.path.join(self.lib(), 'test'), os.path.join(folder, 'test'))
        return folder

    def subpackages(self):
        """Returns a folder with sitecustomize.py, which the interpreter may write its .pyc to."""
        folder = os.path.join(self.work, 'subpackages')
        if not os.path.isdir(folder):
            os.makedirs(folder)
        shutil.copy(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'sitecustomize.py'), folder)
        return folder

    def extensions(self):
        """Returns a folder with the extension modules, compiled against the tree's headers."""
        folder = os.path.join(self.work, 'extensions')
        if not os.path.isdir(folder):
            os.makedirs(folder)
        for name, source in sorted(EXTENSIONS.items()):
            built = os.path.join(folder, name + '.so')
            if not os.path.exists(built):
                compiler = os.environ.get('CC', 'cc').split()
                flags = ['-shared', '-fPIC', '-O2', '-fno-strict-aliasing', '-fwrapv', '-I.', '-IInclude', '-IModules', '-w']
                run(compiler + flags + ['-o', built, 'Modules/' + source], self.folder, self.log)
        return folder

    def make_plain(self):
        """Returns a plain interpreter built from the tree.  Takes minutes the first time."""
        interpreter = os.path.join(self.work, 'plain', 'bin', 'python2.7')
        if not os.path.exists(interpreter):
            print 'building a plain Python %s, once; its output goes to %s' % (VERSION, self.log)
            jobs = os.sysconf('SC_NPROCESSORS_ONLN')
            run(['make', '-j%d' % jobs], self.folder, self.log)
            run(['make', 'altinstall'], self.folder, self.log)
        return interpreter


def is_plain(path):
    """Returns whether this is a Python 2.7.18 with wide Unicode."""
    ask = 'import sys; print sys.version.split()[0], sys.maxunicode'
    try:
        asked = subprocess.Popen([path, '-c', ask], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    except OSError:
        return False
    return asked.communicate()[0].split() == [VERSION, str(0x10ffff)]


def find_plain():
    """Returns a plain interpreter of this machine: BCTRACE_PYTHON27, one on PATH, one of pyenv's; None where there is none."""
    named = os.environ.get('BCTRACE_PYTHON27')
    if named:
        if not is_plain(named):
            raise Missing('BCTRACE_PYTHON27 names %s, which is no Python %s with wide Unicode' % (named, VERSION))
        return named
    on_path = [os.path.join(folder, 'python2.7') for folder in os.environ.get('PATH', '').split(':')]
    pyenv = glob.glob(os.path.join(os.environ.get('HOME', '/'), '.pyenv/versions/*/bin/python2.7'))
    for candidate in on_path + pyenv:
        # A shim chooses by folder and environment, which a test may change.
        if '/shims/' not in candidate and os.path.exists(candidate) and is_plain(candidate):
            return candidate
    return None
