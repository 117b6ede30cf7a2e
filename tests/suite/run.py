"""One module of CPython's tests under one interpreter: how it is started, watched and judged."""
import os
import re
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

# How unittest shows a case.
CASE = re.compile(r'^(\w+) \(([\w.]+)\)', re.MULTILINE)

PASSED, SKIPPED, FAILED, TIMED_OUT, UNREADABLE = 'passed', 'skipped', 'FAILED', 'TIMED OUT', 'UNREADABLE TRACE'


class Result(object):

    def __init__(self, verdict, seconds, output):
        self.verdict, self.seconds, self.output = verdict, seconds, output

    def is_good(self):
        return self.verdict in (PASSED, SKIPPED)


class Interpreter(object):
    """How tests are run: a command that `-m test.regrtest` follows, and where it finds them; `inside` is where it finds those inside
    packages of the library.  With `trace`, a suffix, the run is recorded, with `options`."""

    def __init__(self, name, command, path, inside=None, trace=None, options=()):
        self.name, self.command, self.path, self.inside, self.trace = name, command, path, inside, trace
        self.options = list(options)

    def run(self, module, lib, timeout, cases=None):
        """Runs one module, or some cases of it, in a folder of its own."""
        scratch = tempfile.mkdtemp(prefix='bctrace-suite-')
        try:
            trace = os.path.join(scratch, 'trace' + self.trace) if self.trace else None
            options = list(self.options)
            if module in INSIDE and '--no-sandbox' not in options:
                options += ['--env', 'BCTRACE_SUITE_LIB']
            command = self.command + (['--trace-to', trace] + options if trace else [])
            command += ['-m', 'test.regrtest', '-u', RESOURCES] + matching(cases, scratch) + [module]
            begun = time.time()
            status, output = watched(command, self.environment(module, lib, scratch), scratch, timeout)
            result = Result(verdict(status, output), time.time() - begun, output)
            if trace and result.verdict == PASSED:
                self.check(trace, result)
            return result
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def cases(self, module, lib):
        """Returns the names of a module's cases, such as test.test_gc.GCTests.test_list."""
        listed = self.regrtest(['--list-cases', module], module, lib).split()
        # What a module collects itself is known only when it has run.
        return listed or [case + '.' + name for name, case in CASE.findall(self.regrtest(['-v', module], module, lib))]

    def regrtest(self, arguments, module, lib):
        scratch = tempfile.mkdtemp(prefix='bctrace-suite-')
        try:
            command = self.command + ['-m', 'test.regrtest'] + arguments
            return watched(command, self.environment(module, lib, scratch), scratch, 300)[1]
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def environment(self, module, lib, scratch):
        kept = dict((name, os.environ[name]) for name in ('PATH', 'HOME', 'CC', 'USER', 'LOGNAME') if name in os.environ)
        path = list(self.path)
        if module in INSIDE and self.inside:
            path.append(self.inside)
            kept['BCTRACE_SUITE_LIB'] = lib
        return dict(kept, PYTHONPATH=':'.join(path), TMPDIR=scratch, LC_ALL='C.UTF-8')

    def check(self, trace, result):
        """A trace must be whole: `bctrace info` reads it from end to end."""
        asked = subprocess.Popen([self.command[0], 'info', trace], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        told = asked.communicate()[0]
        ended = [line for line in told.splitlines() if line.startswith('end ')]
        if asked.returncode != 0 or len(ended) != 1 or 'exited with status 0' not in ended[0]:
            result.verdict, result.output = UNREADABLE, result.output + told[:2000]


def watched(command, environment, folder, timeout, errors=subprocess.STDOUT):
    """Runs a command in a process group of its own, which ends when it takes too long; returns its exit status, None where it was ended,
    and its output."""
    log = os.path.join(folder, 'log')
    late = threading.Event()
    with open(log, 'wb') as stream, open(os.devnull) as nothing:
        child = subprocess.Popen(command, stdin=nothing, stdout=stream, stderr=errors, env=environment, cwd=folder,
                                 preexec_fn=os.setpgrp, close_fds=True)

        def end():
            late.set()
            os.killpg(child.pid, signal.SIGKILL)

        alarm = threading.Timer(timeout, end)
        alarm.start()
        status = child.wait()
        alarm.cancel()
        alarm.join()
    with open(log, 'rb') as stream:
        return None if late.is_set() else status, stream.read()


def matching(cases, folder):
    """Returns the arguments that choose these cases; none for all."""
    if cases is None:
        return []
    path = os.path.join(folder, 'cases')
    with open(path, 'w') as stream:
        stream.write('\n'.join(cases) + '\n')
    return ['--matchfile', path]


def verdict(status, output):
    """Judges by the exit status; a module that was left out has it 0 as well, and says so in a line of its own."""
    if status != 0:
        return TIMED_OUT if status is None else FAILED
    return SKIPPED if '1 test skipped:' in output or 'No tests run' in output else PASSED
