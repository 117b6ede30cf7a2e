"""Runs small real jobs with packages of other people, in jobs/, and compares what they print with what they print under a plain
Python 2.7: untraced, and recorded in the two ways there are; then a program that a protector has rewritten (protected.py), and one
that freezers have put into one file and what is dumped of protected ones, if --frozen is given (frozen.py, dumps.py).
tests/third-party starts it.

    third_party.py [--frozen] [--bless PYTHON]

The packages in jobs/packages.txt are fetched by the machine's pip and kept in the cache directory.  Where there is none, nothing
is run, which is an error where CI is set.  --bless writes the expected outputs by a plain Python 2.7.
"""
import argparse
import glob
import hashlib
import os
import py_compile
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile

import dumps
import frozen
import protected
import run
import tree

JOBS = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'jobs')
# For pip: which wheels are wanted.
WHEELS = ['--only-binary=:all:', '--python-version', '27', '--implementation', 'py', '--abi', 'none', '--platform', 'any']
# Seconds that a job may take.
PATIENCE = 60
# Where a source distribution has its packages.
ROOTS = ('', 'src', 'lib')


class NoPip(Exception):
    pass


def packages():
    """Yields (requirement, is a source distribution)."""
    with open(os.path.join(JOBS, 'packages.txt')) as stream:
        for line in stream:
            if line.strip() and not line.startswith('#'):
                words = line.split()
                yield words[0], words[1:] == ['source']


def download(requirement, is_source, folder):
    kind = ['--no-binary=:all:'] if is_source else WHEELS
    command = ['python3', '-m', 'pip', 'download', '--quiet', '--no-deps', '--dest', folder] + kind + [requirement]
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except OSError as error:
        raise NoPip('python3 cannot be started: %s' % error)
    output = process.communicate()[0]
    if process.returncode != 0:
        raise NoPip('pip cannot download %s: %s' % (requirement, output.strip().splitlines()[-1:]))


def unpack(archive, folder):
    """Puts the packages and modules of a wheel or a source distribution into the folder."""
    if archive.endswith('.whl'):
        with zipfile.ZipFile(archive) as wheel:
            wheel.extractall(folder)
        return
    scratch = tempfile.mkdtemp()
    with tarfile.open(archive) as sources:
        sources.extractall(scratch)
    top = os.path.join(scratch, os.listdir(scratch)[0])
    for root in ROOTS:
        for path in glob.glob(os.path.join(top, root, '*')):
            name = os.path.basename(path)
            is_module = name.endswith('.py') and name != 'setup.py'
            if is_module or os.path.exists(os.path.join(path, '__init__.py')):
                shutil.move(path, os.path.join(folder, name))
    shutil.rmtree(scratch)


def library():
    """Returns the folder with all packages, made once for each list of them."""
    with open(os.path.join(JOBS, 'packages.txt')) as stream:
        name = 'packages-' + hashlib.sha256(stream.read()).hexdigest()[:16]
    return fetched(name, packages())


def fetched(name, requirements):
    """Returns a folder of the cache directory with what these (requirement, is a source distribution) have in them."""
    folder = os.path.join(tree.cache_folder(), name)
    if not os.path.isdir(folder):
        making = tempfile.mkdtemp(prefix='making-', dir=tree.cache_folder())
        archives = tempfile.mkdtemp(dir=making)
        for requirement, is_source in requirements:
            download(requirement, is_source, archives)
        for archive in sorted(glob.glob(os.path.join(archives, '*'))):
            unpack(archive, making)
        shutil.rmtree(archives)
        os.rename(making, folder)
    return folder


def output_of(command, path, folder):
    """Runs a job; returns what it prints and how it ends."""
    environment = {'PATH': os.environ.get('PATH', ''), 'PYTHONPATH': path, 'LC_ALL': 'C', 'PYTHONDONTWRITEBYTECODE': '1'}
    errors = os.path.join(folder, 'errors')
    with open(errors, 'w') as stream:
        status, output = run.watched(command, environment, folder, PATIENCE, stream)
    with open(errors) as stream:
        return '%sstatus %s\n' % (output, status), stream.read()


def check(bctrace, job, path, folder):
    """Runs a job in each way; returns complaints."""
    with open(job.replace('.py', '.txt')) as stream:
        expected = stream.read()
    compiled = os.path.join(folder, 'job.pyc')
    py_compile.compile(job, compiled, doraise=True)
    trace = os.path.join(folder, 'trace.bct')
    ways = {
        'untraced': [bctrace, 'python', job],
        'python --trace-to': [bctrace, 'python', '--trace-to', trace, '--no-sandbox', job],
        'recorded': [bctrace, '--no-sandbox', compiled, trace],
    }
    for way, command in sorted(ways.items()):
        output, errors = output_of(command, path, folder)
        if output != expected:
            actual = job.replace('.py', '.txt.actual')
            with open(actual, 'w') as stream:
                stream.write(output)
            yield '%s, %s: see what is in %s; standard error ends with %r' % (job, way, actual, errors[-300:])
        if way != 'untraced' and subprocess.call([bctrace, 'info', trace], stdout=open(os.devnull, 'w')) != 0:
            yield '%s, %s: the trace cannot be read' % (job, way)


def check_protected(bctrace, protectors):
    complaints = []
    for version, package in protectors:
        folder = tempfile.mkdtemp(prefix='bctrace-job-')
        complaints += protected.check(bctrace, version, package, folder)
        shutil.rmtree(folder)
        print version
    return complaints


def check_frozen(bctrace):
    folder = tempfile.mkdtemp(prefix='bctrace-job-')
    try:
        return list(frozen.check(bctrace, folder))
    except frozen.Failed as failure:
        return [str(failure)]
    finally:
        shutil.rmtree(folder)


def check_dumps(bctrace):
    folders = []

    def make_folder():
        folders.append(tempfile.mkdtemp(prefix='bctrace-job-'))
        return folders[-1]
    try:
        return list(dumps.check(bctrace, fetched, make_folder))
    except frozen.Failed as failure:
        return [str(failure)]
    finally:
        for folder in folders:
            shutil.rmtree(folder)


def main():
    parser = argparse.ArgumentParser(prog='tests/third-party', description='Runs programs that use well-known packages.')
    parser.add_argument('--bless', metavar='PYTHON', help='write the expected outputs, by this plain Python 2.7')
    parser.add_argument('--frozen', action='store_true', help='use the real freezers, and a decompiler, too')
    options = parser.parse_args()
    try:
        path = library()
        protectors = [(version, fetched(version.replace('==', '-'), [(version, False)])) for version in protected.VERSIONS]
    except NoPip as missing:
        print 'nothing was run: %s' % missing
        sys.exit(1 if os.environ.get('CI') else 0)
    complaints = []
    for job in sorted(glob.glob(os.path.join(JOBS, '*.py'))):
        folder = tempfile.mkdtemp(prefix='bctrace-job-')
        if options.bless:
            with open(job.replace('.py', '.txt'), 'w') as stream:
                # Without site, whose packages could be others.
                stream.write(output_of([options.bless, '-S', job], path, folder)[0])
        else:
            complaints += check(os.path.realpath(sys.executable), job, path, folder)
            print os.path.basename(job)
        shutil.rmtree(folder)
    if options.bless:
        protected.bless(options.bless)
    elif protected.is_possible():
        complaints += check_protected(os.path.realpath(sys.executable), protectors)
    else:
        print 'not run: programs that %s protects' % ' and '.join(protected.VERSIONS)
    if options.frozen:
        complaints += check_frozen(os.path.realpath(sys.executable))
        complaints += check_dumps(os.path.realpath(sys.executable))
    if complaints:
        sys.exit('\n'.join(complaints))
    print 'all well'


if __name__ == '__main__':
    main()
