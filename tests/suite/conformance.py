"""Runs CPython's own tests (Lib/test of the tarball) on bctrace and compares with a plain Python 2.7.18: every module that passes
there passes here, untraced and recorded to a .bct that is then read from end to end.  tests/conformance starts it.

    conformance.py [--all] [--sandboxed] [--jobs N] [--timeout SECONDS] [--logs FOLDER] [--plain PYTHON] [MODULE]...

Modules that need not pass stand in exceptions.txt with the reason; one that passes and stands there is an error as well.  A
module that fails is run a second time, alone, before it is believed: some tests go by the clock.

With --sandboxed they are recorded in the sandbox; what need not pass there stands in sandboxed.txt, in the same form.
"""
import argparse
import glob
import itertools
import json
import os
import Queue
import subprocess
import sys
import threading

import run
import tree

# What the tests need more than a sample does.
SANDBOXED = ['--quiet', '--max-memory=4G', '--max-output=10G', '--max-files=100k']

HERE = os.path.dirname(os.path.abspath(__file__))


def lines(name):
    """Yields a file's lines, without comments."""
    with open(os.path.join(HERE, name)) as stream:
        for line in stream:
            if line.strip() and not line.startswith('#'):
                yield line.strip()


class Exceptions(object):
    """What files such as exceptions.txt say: modules and cases that need not pass."""

    def __init__(self, names, importable):
        self.modules, self.cases = {}, {}
        for line in itertools.chain(*map(lines, names)):
            words, reason = line.split(': ', 1)
            words = words.split()
            if words[1:2] == ['without']:
                if not importable(words[2]):
                    self.modules[words[0]] = reason
            elif len(words) == 2:
                self.cases.setdefault(words[0], {})[words[1]] = reason
            else:
                self.modules[words[0]] = reason


class Suite(object):

    def __init__(self, options):
        self.options = options
        self.tree = tree.Tree()
        self.tree.prepare()
        self.bctrace = os.path.realpath(sys.executable)
        plain = options.plain or tree.find_plain() or self.tree.make_plain()
        print 'plain: %s\nbctrace: %s' % (plain, self.bctrace)
        own = [self.bctrace, 'python']
        self.plain = run.Interpreter('plain', [plain, '-s'], [])
        path = [self.tree.test_path(), self.tree.extensions()]
        inside = self.tree.subpackages()
        names = ['exceptions.txt']
        if options.sandboxed:
            names.append('sandboxed.txt')
            self.ways = [run.Interpreter('sandboxed', own, path, inside, '.bct', SANDBOXED + ['--allow-read=' + self.tree.work])]
        else:
            recorded = run.Interpreter('recorded', own, path, inside, '.bct', ['--no-sandbox'])
            self.ways = [run.Interpreter('untraced', own, path, inside), recorded]
        self.exceptions = Exceptions(names, lambda name: subprocess.call(own + ['-c', 'import ' + name], stderr=open(os.devnull, 'w')) == 0)
        self.known_plain = PlainResults(os.path.join(self.tree.work, 'plain.json'), plain)
        self.wrong = []
        self.lock = threading.Lock()
        self.alone = threading.Lock()

    def modules(self):
        if self.options.modules:
            return self.options.modules
        if not self.options.all:
            return list(lines('chosen.txt'))
        paths = glob.glob(os.path.join(self.tree.lib(), 'test', 'test_*'))
        names = [os.path.basename(path).replace('.py', '') for path in paths if path.endswith('.py') or os.path.isdir(path)]
        return sorted(name for name in names if name != 'test_support')

    def run(self):
        """Runs everything, the slowest first; returns what is wrong."""
        work = Queue.Queue()
        for module in sorted(self.modules(), key=self.known_plain.seconds, reverse=True):
            work.put(module)
        workers = [threading.Thread(target=self.work, args=(work,)) for _ in range(self.options.jobs)]
        for worker in workers:
            worker.daemon = True
            worker.start()
        for worker in workers:
            while worker.is_alive():
                worker.join(3600)
        self.known_plain.save()
        return self.wrong

    def work(self, queue):
        while True:
            try:
                module = queue.get_nowait()
            except Queue.Empty:
                return
            try:
                self.module(module)
            except Exception as error:
                self.complain(module, 'could not be run: %r' % error)

    def module(self, module):
        """Runs one module all ways and judges."""
        plain = self.known_plain.get(module) or self.attempt(self.plain, module, '')
        self.known_plain.put(module, plain)
        told = ['%-28s plain %s %.1f s' % (module, plain.verdict, plain.seconds)]
        cases = self.wanted_cases(module)
        for way in self.ways:
            result = self.attempt(way, module, plain.verdict, cases)
            told.append('%s %s %.1f s' % (way.name, result.verdict, result.seconds))
            self.judge(module, way.name, plain.verdict, result)
        with self.lock:
            print ', '.join(told)
            sys.stdout.flush()

    def wanted_cases(self, module):
        """Returns the cases that must pass, None for all; runs the others, which must not."""
        excepted = self.exceptions.cases.get(module)
        if not excepted:
            return None
        first = self.ways[0]
        for case, reason in excepted.items():
            result = first.run(module, self.tree.lib(), self.options.timeout, [case])
            if result.verdict != run.FAILED:
                self.complain(module, '%s %s, but is an exception: %s' % (case, result.verdict, reason))
        wanted = [case for case in first.cases(module, self.tree.lib()) if case not in excepted]
        if not wanted:
            self.complain(module, 'has no cases but exceptions')
        return wanted

    def attempt(self, way, module, accepted, cases=None):
        """Runs a module; once more, while nothing else is retried, where it does not end as it should."""
        result = way.run(module, self.tree.lib(), self.options.timeout, cases)
        if result.is_good() or result.verdict == accepted or module in self.exceptions.modules:
            return result
        with self.alone:
            again = way.run(module, self.tree.lib(), self.options.timeout, cases)
        return again if again.is_good() else result

    def judge(self, module, way, plain, result):
        good = result.verdict == run.PASSED or (result.verdict == run.SKIPPED and plain != run.PASSED)
        reason = self.exceptions.modules.get(module)
        if reason and result.verdict == run.PASSED:
            self.complain(module, '%s: %s, but is an exception: %s' % (way, result.verdict, reason))
        # What fails in the plain build as well is no fault of ours.
        if good or reason or plain == result.verdict:
            return
        self.complain(module, '%s: %s, and plain %s' % (way, result.verdict, plain))
        self.keep(module, way, result.output)

    def keep(self, module, way, output):
        """Keeps the output of what has failed, and shows its end."""
        print '-- %s, %s, ends with\n%s\n--' % (module, way, '\n'.join(output.splitlines()[-40:]))
        if self.options.logs:
            with open(os.path.join(self.options.logs, '%s.%s.log' % (module, way)), 'wb') as stream:
                stream.write(output)

    def complain(self, module, what):
        with self.lock:
            self.wrong.append('%s: %s' % (module, what))


class PlainResults(object):
    """What the plain interpreter made of each module: kept beside the tree, as it does not change."""

    def __init__(self, path, plain):
        self.path, self.lock = path, threading.Lock()
        self.stamp = [plain, os.path.getmtime(plain), run.RESOURCES, 'own tests']
        self.known = {}
        if os.path.exists(path):
            with open(path) as stream:
                stored = json.load(stream)
            if stored['stamp'] == self.stamp:
                self.known = stored['known']

    def get(self, module):
        found = self.known.get(module)
        return found and run.Result(found[0], found[1], '')

    def put(self, module, result):
        with self.lock:
            self.known[module] = [result.verdict, result.seconds]

    def seconds(self, module):
        return self.known.get(module, ['', 0])[1]

    def save(self):
        with open(self.path, 'w') as stream:
            json.dump({'stamp': self.stamp, 'known': self.known}, stream, indent=1, sort_keys=True)


def main():
    parser = argparse.ArgumentParser(prog='tests/conformance', description="Runs CPython's own tests on bctrace.")
    parser.add_argument('--all', action='store_true', help='run every module, not only those of chosen.txt')
    parser.add_argument('--sandboxed', action='store_true', help='record in the sandbox')
    parser.add_argument('--jobs', type=int, default=os.sysconf('SC_NPROCESSORS_ONLN'), help='run so many at a time')
    parser.add_argument('--timeout', type=int, default=900, help='seconds that one module may take')
    parser.add_argument('--logs', help='keep the output of failed modules in this folder')
    parser.add_argument('--plain', help='the plain Python 2.7.18 [default: BCTRACE_PYTHON27, else found, else built]')
    parser.add_argument('modules', nargs='*', metavar='MODULE')
    options = parser.parse_args()
    if options.logs and not os.path.isdir(options.logs):
        os.makedirs(options.logs)
    try:
        suite = Suite(options)
    except tree.Missing as missing:
        sys.exit('tests/conformance: %s' % missing)
    wrong = suite.run()
    if wrong:
        sys.exit('\n'.join(['%d wrong:' % len(wrong)] + sorted(wrong)))
    print 'all well'


if __name__ == '__main__':
    main()
