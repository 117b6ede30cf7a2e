"""Programs that PyArmor protects in its advanced mode: its library gives opcodes that Python 2.7 does not define a meaning, by patching
the eval loop (BCTRACE_UNKNOWN in cpython-2.7-patch/bctrace_ceval.h).  third_party.py runs this.

PyArmor is fetched by pip and kept in the cache directory; its trial version works without a network.
"""
import os
import platform
import re
import shutil
import subprocess
import tempfile

import run

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'protected', 'account.py')
VERSIONS = ('pyarmor==5.9.8', 'pyarmor==6.8.1')
# Seconds that a run may take.
PATIENCE = 60
# An undefined opcode with what it has pushed.
PUSHED = re.compile(r'^\S+> \d+ 228 \*+INVALID\*+ .*-> ', re.MULTILINE)
# The library does not install itself in every process, in a plain Python either, and the program is then refused.
ATTEMPTS = 3


def is_possible():
    """Whether the library can work: it is x86-64 code, and knows how gcc lays out the eval loop."""
    return platform.machine() == 'x86_64' and platform.python_compiler().startswith('GCC ')


def environment(folder, path=''):
    return {'PATH': os.environ.get('PATH', ''), 'HOME': folder, 'PYTHONPATH': path, 'PYTHONDONTWRITEBYTECODE': '1', 'LC_ALL': 'C'}


def output_of(command, folder):
    """Runs the protected program; returns what it prints and how it ended."""
    for _ in range(ATTEMPTS):
        status, output = run.watched(command, environment(folder), folder, PATIENCE)
        output = '%sstatus %s\n' % (output, status)
        if 'unknown opcode' not in output:
            break
    return output


def protect(bctrace, package, folder):
    """Protects the program; returns the path of the result."""
    tool = os.path.join(package, 'pyarmor', 'pyarmor.py')
    shutil.copy(PROGRAM, folder)
    command = [bctrace, 'python', tool, 'obfuscate', '--advanced', '1', '-O', 'protected', os.path.basename(PROGRAM)]
    status, output = run.watched(command, environment(folder, package), folder, PATIENCE)
    if status != 0:
        raise RuntimeError('pyarmor ends with %s: %s' % (status, output))
    return os.path.join(folder, 'protected', os.path.basename(PROGRAM))


def show(bctrace, options, trace):
    return subprocess.Popen([bctrace, 'show'] + options + [trace], stdout=subprocess.PIPE).communicate()[0]


def check(bctrace, requirement, package, folder):
    """Runs the program protected by one version in each way; returns complaints."""
    with open(PROGRAM.replace('.py', '.txt')) as stream:
        expected = stream.read()
    program = protect(bctrace, package, folder)
    trace = lambda name: os.path.join(folder, name)
    python = [bctrace, 'python']
    ways = {
        'untraced': python + [program],
        'text': python + ['--trace-to', trace('t.txt'), '--no-sandbox', program],
        '.bct': python + ['--trace-to', trace('t.bct'), '--no-sandbox', program],
        'values': [bctrace, '-q', '--no-sandbox', '--values', program + 'c', trace('v.bct')],
    }
    subprocess.check_call(python + ['-c', 'import py_compile, sys; py_compile.compile(sys.argv[1])', program])
    for way, command in sorted(ways.items()):
        output = output_of(command, folder)
        if output != expected:
            yield '%s, %s: prints %r' % (requirement, way, output[-500:])
    with open(trace('t.txt'), 'rb') as stream:
        text = stream.read()
    if show(bctrace, [], trace('t.bct')) != text:
        yield '%s: the .bct shows another trace than the text' % requirement
    if '228 **********INVALID**********' not in text:
        yield '%s: the program has no undefined opcode' % requirement
    if not PUSHED.search(show(bctrace, ['--no-stdlib'], trace('v.bct'))):
        yield '%s: what the undefined opcode pushes is not shown' % requirement


def bless(python):
    folder = tempfile.mkdtemp(prefix='bctrace-job-')
    status, output = run.watched([python, '-S', PROGRAM], environment(folder), folder, PATIENCE)
    shutil.rmtree(folder)
    with open(PROGRAM.replace('.py', '.txt'), 'w') as stream:
        stream.write('%sstatus %s\n' % (output, status))
