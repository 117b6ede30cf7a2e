"""Obfuscates modules of the standard library, has CPython's own tests run them, cleans and decompiles them, and compares the syntax trees
of the functions that ran with those of the original source."""

import collections
import json
import pathlib
import random
import re
import shutil
import tarfile

from evaluate import OBFUSCATE, HERE, execute, last_line, limited

# Modules and their tests.
MODULES = """
textwrap difflib bisect fractions ConfigParser:cfgparser shlex pprint copy calendar optparse HTMLParser:htmlparser urlparse sets
Queue StringIO base64 colorsys fnmatch glob netrc cmd string csv cgi Cookie:cookie gettext linecache plistlib posixpath
repr rfc822 sgmllib UserDict:userdict UserList:userlist UserString:userstring uu xdrlib heapq mimetypes mailbox shelve
robotparser quopri random tempfile dumbdbm cookielib genericpath timeit
""".split()
TECHNIQUES = [
    "shuffle,junk", "shuffle,junk,overlap,constant,trampolines", "shuffle,exceptions,junk", "unwind,shuffle", "flatten,shuffle",
    "valid,shuffle,junk", "calls,shuffle", "extended,tables,shuffle",
]
TIMEOUT = 600


class Library:
    def __init__(self, options):
        self.options = options
        self.bctrace = str(pathlib.Path(options.bctrace).resolve())
        self.out = pathlib.Path(options.out).resolve() / "library"
        shutil.rmtree(self.out, ignore_errors=True)
        self.out.mkdir(parents=True)
        self.tree = self.out / "tree"
        with tarfile.open(options.tarball) as archive:
            wanted = re.compile(r"Python-2\.7\.18/Lib/(test/.*|\w+\.py)$")
            members = [member for member in archive.getmembers() if wanted.match(member.name)]
            for member in members:
                member.name = member.name.split("/", 2)[2]
            archive.extractall(self.tree, members)
        (self.out / "path").mkdir()
        (self.out / "path" / "test").symlink_to(self.tree / "test")

    def python(self, *arguments, path=(), trace=None):
        recording = []
        if trace:
            recording = ["--trace-to", str(trace[0]), "-q", "--no-sandbox", "--file", trace[1], "--"]
        command = [self.bctrace, "python", *recording, "-B", *map(str, arguments)]
        return execute(["env", "PYTHONPATH=" + ":".join(map(str, path)), *command], timeout=TIMEOUT, cwd=self.out)

    def syntax(self, source):
        status, output, errors = self.python(HERE / "syntax.py", source)
        return json.loads(output) if status == 0 else {}

    def decompiled(self, compiled, source):
        status, output, _ = execute(limited([self.options.uncompyle6, str(compiled)]), timeout=TIMEOUT)
        lines = output.decode("utf-8", "surrogateescape").rstrip("\n").split("\n")
        while lines and (lines[-1].startswith("#") or lines[-1] in ("", "return")):
            lines.pop()
        source.write_text("# -*- coding: utf-8 -*-\n" + "\n".join(lines) + "\n", errors="surrogateescape")
        found = self.syntax(source)
        if not found:
            # One function fails: the others are decompiled alone.
            folder = compiled.parent / "alone"
            execute([self.bctrace, "clean", str(compiled), "-o", str(folder), "--decompile", self.options.uncompyle6], timeout=TIMEOUT)
            found = self.syntax(folder / (compiled.stem + ".py"))
        return found

    def module(self, entry, seed):
        """Carries one module through; yields (function, what came of it, whether it was readable before)."""
        name, _, test = entry.partition(":")
        test = "test." + "test_" + (test or name)
        folder = self.out / name
        for part in ("obfuscated", "clean", "original"):
            (folder / part).mkdir(parents=True)
        source = self.tree / f"{name}.py"
        original = folder / "original" / f"{name}.pyc"
        compile_it = "import py_compile, sys; py_compile.compile(sys.argv[1], sys.argv[2], sys.argv[3], True)"
        self.python("-c", compile_it, source, original, f"{name}.py")
        techniques = TECHNIQUES[seed % len(TECHNIQUES)]
        obfuscated = folder / "obfuscated" / f"{name}.pyc"
        status, _, errors = self.python(OBFUSCATE, original, obfuscated, "--seed", seed, "--with", techniques)
        if status != 0:
            return [(name, f"cannot be obfuscated: {last_line(errors)}", None)]
        trace = folder / "trace.bct"
        run = ["-m", "test.regrtest", test[len("test."):]]
        status, _, _ = self.python(*run, path=[self.out / "path", original.parent])
        if status != 0:
            return []  # the test needs what this machine does not have
        status, output, errors = self.python(*run, path=[self.out / "path", obfuscated.parent], trace=(trace, f"*{name}.py"))
        if status != 0:
            return [(name, f"its tests fail when it is obfuscated: {last_line(output + errors)}", None)]
        status, output, _ = execute([self.bctrace, "info", "-f", "json", str(trace)], timeout=TIMEOUT)
        ran = {(code["name"], code["first_line"]) for code in json.loads(output)["codes"]}
        status, output, errors = execute(
            [self.bctrace, "clean", str(obfuscated), str(trace), "-o", str(folder / "cleaned")], timeout=TIMEOUT)
        if status not in (0, 1):
            return [(name, f"clean ends with status {status}: {last_line(errors)}", None)]
        shutil.copy(folder / "cleaned" / f"{name}.pyc", folder / "clean")
        status, output, errors = self.python(*run, path=[self.out / "path", folder / "clean"])
        broken = "" if status == 0 else "its tests fail when it is clean"
        expected = self.syntax(source)
        before = self.decompiled(original, folder / "before.py")
        after = self.decompiled(folder / "clean" / f"{name}.pyc", folder / "after.py")
        results = []
        for function, (line, tree) in expected.items():
            if (function.split(".")[-1].split("#")[0], line) in ran:
                came = broken or ("" if after.get(function, [0, ""])[1] == tree else "missing" if function not in after else "another tree")
                results.append((f"{name}.{function}", came, before.get(function, [0, ""])[1] == tree, techniques))
        return results


def measure(options, count, pool):
    """Returns what came of `count` functions at least, module by module."""
    library = Library(options)
    modules = list(MODULES)
    random.Random(7).shuffle(modules)
    results = []
    numbered = list(enumerate(modules))
    while numbered and len([one for one in results if len(one) == 4 and one[2]]) < count:
        group, numbered = numbered[: options.jobs], numbered[options.jobs:]
        for found in pool.map(lambda one: library.module(one[1], one[0]), group):
            results += found
    return results


def show(results, count):
    """Prints the rates; returns whether all went well."""
    functions = [one for one in results if len(one) == 4]
    readable = [one for one in functions if one[2]]
    same = [one for one in readable if not one[1]]
    print(f"functions of the standard library that ran: {len(functions)}; the original decompiles to the same tree: {len(readable)};"
          f" the clean one too: {len(same)} ({100 * len(same) / max(1, len(readable)):.1f} %)")
    rates = collections.defaultdict(collections.Counter)
    for _, came, _, techniques in readable:
        rates[techniques]["all"] += 1
        rates[techniques]["same"] += not came
    for techniques, counts in sorted(rates.items()):
        print(f"  {techniques:45} {counts['same']}/{counts['all']}")
    for one in results:
        if len(one) != 4 or one[2] and one[1]:
            print(f"  {one[0]}: {one[1]}")
    return len(readable) >= count
