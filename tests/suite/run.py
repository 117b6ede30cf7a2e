"""One module of CPython's tests under one interpreter: how it is started, watched and judged."""
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time

# What the tests may use: no network, no terminal, no sound, no files of gigabytes.
RESOURCES = 'decimal,subprocess,cpu'

# The modules whose tests lie inside a package of the standard library.
INSIDE = ('test_ctypes', 'test_distutils', 'test_email', 'test_email_codecs', 'test_email_renamed', 'test_json',
          'test_lib2to3', 'test_sqlite', 'test_unittest')

PASSED, SKIPPED, FAILED, TIMED_OUT, UNREADABLE = 'passed', 'skipped', 'FAILED', 'TIMED OUT', 'UNREADABLE TRACE'


class Result(object):

    def __init__(self, verdict, seconds, output):
        self.verdict, self.seconds, self.output = verdict, seconds, output


class Interpreter(object):
    """How tests are run: a command that `-m test.regrtest` follows, and where it finds them."""

    def __init__(self, name, command, path, trace=None):
        self.name, self.command, self.path, self.trace = name, command, path, trace

    def run(self, module, lib, timeout):
        """Runs one module in a folder of its own."""
        scratch = tempfile.mkdtemp(prefix='bctrace-suite-')
        try:
            trace = os.path.join(scratch, 'trace' + self.trace) if self.trace else None
            command = self.command + (['--trace-to', trace] if trace else [])
            command += ['-m', 'test.regrtest', '-u', RESOURCES, module]
            result = watched(command, self.environment(module, lib, scratch), scratch, timeout)
            if trace and result.verdict == PASSED:
                self.check(trace, result)
            return result
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def environment(self, module, lib, scratch):
        kept = dict((name, os.environ[name]) for name in ('PATH', 'HOME', 'CC', 'USER', 'LOGNAME') if name in os.environ)
        path = list(self.path)
        if module in INSIDE and self.command[-1] == 'python':
            path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'subpackages'))
            kept['BCTRACE_SUITE_LIB'] = lib
        return dict(kept, PYTHONPATH=':'.join(path), TMPDIR=scratch, LC_ALL='C.UTF-8')

    def check(self, trace, result):
        """A trace must be whole: `bctrace info` reads it from end to end."""
        asked = subprocess.Popen([self.command[0], 'info', trace], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        told = asked.communicate()[0]
        ended = [line for line in told.splitlines() if line.startswith('end ')]
        if asked.returncode != 0 or len(ended) != 1 or 'exited with status 0' not in ended[0]:
            result.verdict, result.output = UNREADABLE, result.output + told[:2000]


def watched(command, environment, folder, timeout):
    """Runs a command in a session of its own, which ends when it takes too long."""
    log = os.path.join(folder, 'log')
    begun = time.time()
    late = threading.Event()
    with open(log, 'wb') as stream, open(os.devnull) as nothing:
        child = subprocess.Popen(command, stdin=nothing, stdout=stream, stderr=subprocess.STDOUT, env=environment,
                                 cwd=folder, preexec_fn=os.setsid, close_fds=True)

        def end():
            late.set()
            os.killpg(child.pid, signal.SIGKILL)

        alarm = threading.Timer(timeout, end)
        alarm.start()
        status = child.wait()
        alarm.cancel()
        alarm.join()
    with open(log, 'rb') as stream:
        output = stream.read()
    return Result(TIMED_OUT if late.is_set() else verdict(status, output), time.time() - begun, output)


def verdict(status, output):
    """Judges by the exit status; a module that was left out has it 0 as well, and says so in a line of its own."""
    if status != 0:
        return FAILED
    return SKIPPED if '1 test skipped:' in output or 'No tests run' in output else PASSED
