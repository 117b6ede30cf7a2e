"""What is dumped of protected programs: a decompiler reads each function of a program that PyArmor has encrypted, and the text that
pyminifier has packed comes out.  Also what real files of Python 2.5, 2.6 and PyPy are taken for.  third_party.py runs this.

Everything is fetched by pip and kept in the cache directory: the decompiler by the machine's, with Python 3, what needs Python 2.7 by
the pip that a plain one brings along.
"""
import glob
import json
import os
import shutil
import subprocess
import tarfile

import frozen
import protected
import run
import tree

DECOMPILER = 'uncompyle6==3.9.2'
# Its sources of an earlier version have files of many Pythons among their tests.
FILES = 'uncompyle6==3.6.7'
PYMINIFIER = 'pyminifier==2.1'
PACKERS = (['--gzip'], ['--bzip2'], ['--obfuscate', '--bzip2'])
# The code objects of the program that must be readable in some state of their bytes: functions, and what holds functions.
FUNCTIONS = ('factorial', '__init__', 'add', '__iter__', 'refuses')
NAMES = FUNCTIONS + ('<module>', 'Account', 'main')
# Versions, and what must be readable alone.  Since version 5 what holds functions has them still encrypted, and is readable in the file
# that is put together.
PYARMOR = (
    ('pyarmor==4.5.3', NAMES),
    ('pyarmor==5.9.8', FUNCTIONS),
    ('pyarmor==6.8.1', FUNCTIONS),
)
# Seconds that one file may take.
PATIENCE = 60
# Opcodes that mean other things in 2.5 and 2.6 than in 2.7.
RENUMBERED = set([18]) | set(range(104, 110)) | set([111, 112])


def decompiler():
    """Returns the path of the decompiler, in an environment that tests/cleaning uses too."""
    folder = os.path.join(tree.cache_folder(), DECOMPILER.replace('==', '-'))
    path = os.path.join(folder, 'bin', 'uncompyle6')
    if not os.path.exists(path):
        subprocess.check_call(['python3', '-m', 'venv', folder])
        subprocess.check_call([os.path.join(folder, 'bin', 'pip'), '--quiet', 'install', DECOMPILER])
    return path


def decompiled(path, folder, environment):
    """Returns the source, or nothing if the decompiler does not read the file."""
    status, output = run.watched([decompiler(), path], environment, folder, PATIENCE)
    return output if status == 0 else ''


def is_readable(path, folder, environment):
    return bool(decompiled(path, folder, environment))


def manifest(folder):
    with open(os.path.join(folder, 'layers', 'manifest.json')) as stream:
        return json.load(stream)


def layers(folder):
    return manifest(folder)['layers']


def record(bctrace, program, folder):
    """Records a program and dumps its layers; returns what it prints."""
    shutil.rmtree(os.path.join(folder, 'layers'), ignore_errors=True)
    command = [bctrace, '-q', '--no-sandbox', '--no-stdlib', '--as-module', '--dump-code', 'layers', program, 't.bct']
    status, output = run.watched(command, protected.environment(folder), folder, PATIENCE)
    return '%sstatus %s\n' % (output, status)


def expected():
    with open(protected.PROGRAM.replace('.py', '.txt')) as stream:
        return stream.read()


def check_pyarmor(bctrace, version, names, package, folder):
    environment = protected.environment(folder, package)
    shutil.copy(protected.PROGRAM, folder)
    tool = os.path.join(package, 'pyarmor', 'pyarmor.py')
    command = [bctrace, 'python', tool, 'obfuscate', '-O', 'out', os.path.basename(protected.PROGRAM)]
    status, output = run.watched(command, environment, folder, PATIENCE)
    if status != 0:
        yield '%s: ends with %s: %s' % (version, status, output[-400:])
        return
    output = record(bctrace, os.path.join('out', os.path.basename(protected.PROGRAM)), folder)
    if output != expected():
        yield '%s: prints %r' % (version, output[-400:])
    read = 0
    for name in names:
        own = [layer for layer in layers(folder) if layer['name'] == name and layer['ran'] and 'account' in layer['filename']]
        # The last state of the bytes is the decrypted one.
        if any(is_readable(os.path.join('layers', layer['file']), folder, environment) for layer in reversed(own)):
            read += 1
        else:
            yield '%s: the decompiler reads no state of %s' % (version, name)
    wholes = [os.path.join('layers', whole['file']) for whole in manifest(folder)['wholes']]
    sources = [decompiled(path, folder, environment) for path in wholes]
    if not any(source and all('def %s(' % name in source for name in FUNCTIONS) for source in sources):
        yield '%s: the decompiler does not read the whole program' % version
    print '%s: %d of %d decompiled, and %d of %d whole files' % (version, read, len(names), len(filter(None, sources)), len(sources))


def check_pyminifier(bctrace, python, folder):
    tool = frozen.Freezer(python, 'freezer-pyminifier')
    tool.install((PYMINIFIER,))
    for options in PACKERS:
        shutil.copy(protected.PROGRAM, os.path.join(folder, 'account.py'))
        # Its own option for a file does not work with Python 2.
        script = "import sys; from pyminifier.pyminifier import main; sys.stdout = open('packed.py', 'w'); main()"
        tool.call(['-c', script] + options + ['account.py'], folder)
        output = record(bctrace, 'packed.py', folder)
        # Obfuscated, the class has another name.
        if [line for line in output.splitlines() if 'object' not in line] != [line for line in expected().splitlines() if 'object' not in line]:
            yield 'pyminifier %s: prints %r' % (options, output[-400:])
        texts = [open(os.path.join(folder, 'layers', layer['text'])).read() for layer in layers(folder) if layer.get('text')]
        if not any('ValueError' in text and 's3cret' in text for text in texts):
            yield 'pyminifier %s: the text is not among the layers' % options
        own = [layer for layer in layers(folder) if layer['filename'] == '<string>' and layer['ran']]
        failed = [layer['name'] for layer in own if not is_readable(os.path.join('layers', layer['file']), folder, protected.environment(folder))]
        if failed or len(own) < len(NAMES):
            yield 'pyminifier %s: of %d functions the decompiler does not read %s' % (options, len(own), failed)
        print 'pyminifier %s: %d of %d decompiled' % (' '.join(options), len(own) - len(failed), len(own))


def opcodes(listing):
    """The numbers of all opcodes that can be reached, in what `bctrace dis --format json` prints."""
    for line in listing.splitlines():
        for instruction in json.loads(line).get('instructions', ()):
            if 'unreachable' not in instruction['notes']:
                yield instruction['opcode']


def check_files(bctrace, python, folder):
    """No file of 2.5 or 2.6 that is accepted has an opcode that 2.7 takes for another; all files of 2.7 are accepted."""
    frozen.Freezer(python, 'freezer-pip').call(['-m', 'pip', '--quiet', 'download', '--no-deps', '--no-binary', ':all:', FILES], folder)
    with tarfile.open(glob.glob(os.path.join(folder, 'uncompyle6-*.tar.gz'))[0]) as sources:
        sources.extractall(folder)
    tests = glob.glob(os.path.join(folder, 'uncompyle6-*', 'test'))[0]
    for python, may_refuse in (('2.5', True), ('2.6', True), ('pypy2.7', True), ('2.7', False)):
        files, accepted = glob.glob(os.path.join(tests, 'bytecode_' + python, '*.pyc')), 0
        for path in files:
            process = subprocess.Popen([bctrace, 'dis', '--format', 'json', path], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            listing, errors = process.communicate()
            name = os.path.basename(path)
            if process.returncode == 0:
                accepted += 1
                if python in ('2.5', '2.6') and RENUMBERED & set(opcodes(listing)):
                    yield 'Python %s: %s is taken for a file of 2.7' % (python, name)
            elif not may_refuse or len(errors.splitlines()) != 1 or '--force' not in errors:
                yield 'Python %s: %s is refused: %s' % (python, name, errors)
        if not files:
            yield 'Python %s: there are no files' % python
        print 'Python %s: %d of %d files accepted' % (python, accepted, len(files))


def check(bctrace, fetched, make_folder):
    """Runs all of it; `fetched` returns a folder with packages, `make_folder` an empty folder.  Returns complaints."""
    python = tree.find_plain() or tree.Tree().make_plain()
    for complaint in check_files(bctrace, python, make_folder()):
        yield complaint
    for complaint in check_pyminifier(bctrace, python, make_folder()):
        yield complaint
    for version, names in PYARMOR if protected.is_possible() else ():
        package = fetched(version.replace('==', '-'), [(version, False)])
        for complaint in check_pyarmor(bctrace, version, names, package, make_folder()):
            yield complaint
