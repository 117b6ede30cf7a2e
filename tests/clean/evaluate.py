"""Measures `bctrace clean`: obfuscates small programs, records them, cleans them, and compares how all forms behave.

Needs Python 3 and a built bctrace. With --uncompyle6 the clean files are decompiled too, and what comes out is run.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
OBFUSCATE = HERE / "obfuscate"
PROGRAMS = HERE / "programs"
SINGLE = [
    "shuffle", "junk", "overlap", "constant", "valid", "trampolines", "exceptions", "unwind", "calls", "flatten", "strings",
    "names", "extended", "tables", "layers", "builtins", "failures", "noise", "lookups",
    "raises", "detours",
]
# What the small obfuscators of this kind of file do, together.
BASIC = "shuffle,junk,overlap,constant,trampolines,exceptions"
SETS = {name: name for name in SINGLE}
SETS.update({"plain": "", "basic": BASIC, "hard": "shuffle,junk,unwind,flatten,valid,calls", "all": "all", "random": "random"})
TIMEOUT = 120
# Of a decompiled program that is right.
SHORT_TIMEOUT = 15
# Programs that are lost in a set with a seed, of those that uncompyle6 reads in their original form; docs/clean.md has the causes.
LOST = {("all", "closures", 2), ("all", "contexts", 1), ("all", "contexts", 3), ("failures", "arguments", 2)}


class Failed(Exception):
    """A step of a case failed: `step` names it, the text says why."""

    def __init__(self, step, why):
        super().__init__(why)
        self.step = step
        self.why = why


def execute(command, stdin=b"", timeout=TIMEOUT, cwd=None):
    """Runs a command; returns (status, output, errors)."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    try:
        done = subprocess.run(command, input=stdin, capture_output=True, timeout=timeout, cwd=cwd, env=environment)
    except subprocess.TimeoutExpired:
        return "timeout", b"", b""
    return done.returncode, done.stdout, done.stderr


def limited(command):
    """The command with at most 4 GiB of memory: a decompiler can want any amount."""
    return ["sh", "-c", 'ulimit -d 4194304; exec "$@"', "sh", *command]


def last_line(text):
    lines = text.decode("latin-1").strip().splitlines()
    return lines[-1] if lines else ""


def exception(errors):
    """The line of a traceback that names the exception, if there is one."""
    return last_line(errors) if b"Traceback (most recent call last)" in errors else ""


def inputs(source):
    """The runs that a program asks for in its `# run: ARGUMENTS | STDIN` lines, or one without input."""
    runs = []
    for line in source.read_text().splitlines():
        if line.startswith("# run:"):
            arguments, _, stdin = line[len("# run:"):].partition("|")
            runs.append((shlex.split(arguments), stdin.strip().encode().decode("unicode_escape").encode()))
    return runs or [([], b"")]


class Evaluation:
    def __init__(self, options):
        self.options = options
        self.bctrace = str(pathlib.Path(options.bctrace).resolve())
        self.plain = [options.python27] if options.python27 else [self.bctrace, "python"]
        self.out = pathlib.Path(options.out).resolve()
        # Code objects of each set of techniques, and those of them that were changed.
        self.codes = collections.defaultdict(collections.Counter)

    def behaviour(self, file, runs, timeout=TIMEOUT):
        """What each run prints, its status, and the exception that ended it."""
        seen = []
        for arguments, stdin in runs:
            status, output, errors = execute([*self.plain, str(file), *arguments], stdin, timeout)
            seen.append((status, output, exception(errors)))
        return seen

    def prepare(self, source):
        """The original: its file, its behaviour, and whether uncompyle6 can read it."""
        folder = self.out / "original"
        folder.mkdir(parents=True, exist_ok=True)
        compiled = folder / (source.stem + ".pyc")
        program = "import py_compile, sys; py_compile.compile(sys.argv[1], sys.argv[2], sys.argv[3], True)"
        status, _, errors = execute([*self.plain, "-c", program, str(source), str(compiled), source.name])
        if status != 0:
            raise Failed("compile", errors.decode("latin-1"))
        expected = self.behaviour(compiled, inputs(source))
        readable = None
        if self.options.uncompyle6:
            try:
                self.decompiled(compiled, folder / source.stem, expected, inputs(source))
                readable = True
            except Failed:
                readable = False
        return compiled, expected, readable

    def decompiled(self, compiled, folder, expected, runs):
        """Decompiles a file and compares what its source does."""
        folder.mkdir(parents=True, exist_ok=True)
        source = folder / (compiled.stem + ".decompiled.py")
        status, output, errors = execute(limited([self.options.uncompyle6, str(compiled)]))
        lines = output.decode("utf-8", "surrogateescape").rstrip("\n").split("\n")
        while lines and (not lines[-1].strip() or lines[-1].startswith("#") or lines[-1] == "return"):
            lines.pop()
        text = "\n".join(lines) + "\n"
        source.write_bytes(b"# -*- coding: utf-8 -*-\n" + text.encode("utf-8", "surrogateescape"))
        if status != 0 or "Parse error" in text or "Parse error" in errors.decode("latin-1"):
            raise Failed("decompile", f"uncompyle6: {last_line(errors) or status}")
        found = self.behaviour(source, runs, SHORT_TIMEOUT)
        if found != expected:
            raise Failed("source differs", difference(expected, found))

    def case(self, source, prepared, name, seed):
        """Carries one case through; raises Failed."""
        compiled, expected, readable = prepared
        folder = self.out / name / f"{source.stem}-{seed}"
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        runs = inputs(source)
        obfuscated = folder / (source.stem + ".pyc")
        if SETS[name]:
            command = [*self.plain, "-B", str(OBFUSCATE), str(compiled), str(obfuscated), "--seed", str(seed), "--with", SETS[name]]
            status, _, errors = execute(command)
            if status != 0:
                raise Failed("obfuscate", last_line(errors))
            found = self.behaviour(obfuscated, runs)
            if found != expected:
                raise Failed("obfuscate", difference(expected, found))
        else:
            shutil.copy(compiled, obfuscated)
        if self.options.only_obfuscate:
            return
        traces = []
        for index, (arguments, stdin) in enumerate(runs):
            trace = folder / f"{index}.bct"
            command = [self.bctrace, "--deterministic", "--values", "-q", str(obfuscated), str(trace), "--", *arguments]
            status, output, errors = execute(command, stdin)
            if (status, output) != expected[index][:2]:
                raise Failed("record", f"status {status}: {last_line(errors)}")
            traces.append(trace)
        clean = self.cleaned(name, source, obfuscated, traces, folder / "clean", expected, runs)
        if readable:
            self.decompiled(clean, folder / "source", expected, runs)

    def cleaned(self, name, source, obfuscated, traces, folder, expected, runs):
        """Cleans a file and checks what is said of it; returns the clean file of the program."""
        command = [self.bctrace, "clean", str(obfuscated), *map(str, traces), "-o", str(folder), "--rename"]
        status, output, errors = execute(command)
        (folder.parent / "clean.txt").write_bytes(output + errors)
        if status not in (0, 1):
            raise Failed("clean", f"status {status}: {last_line(errors)}")
        file, proof = program_of(folder, obfuscated.name, json.loads((folder / "proof.json").read_text()))
        self.codes[name]["all"] += len(proof["codes"])
        self.codes[name]["changed"] += sum(code["verdict"] != "unchanged" for code in proof["codes"])
        found = self.behaviour(file, runs)
        if found != expected:
            reported = " (and it was reported as equal)" if proof["verdict"] in ("equal", "unchanged") else ""
            raise Failed("clean file differs", difference(expected, found) + reported)
        # Threads take turns by executed instructions, so the calls of a program with threads come in another order.
        if proof["verdict"] not in ("equal", "unchanged") and source.stem != "threads_queue":
            raise Failed("not proven", proof["reason"] or proof["verdict"])
        return file

    def panics(self):
        """Cleans random obfuscations of all programs, without a trace; returns the exit status."""
        sources = sorted(PROGRAMS.glob("*.py"))
        folder = self.out / "panics"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)

        def attempt(seed):
            source = sources[seed % len(sources)]
            obfuscated, cleaned = folder / f"{seed}.pyc", folder / f"{seed}"
            command = [*self.plain, "-B", str(OBFUSCATE), str(source), str(obfuscated), "--seed", str(seed), "--with", "random"]
            status, _, errors = execute(command)
            if status == 0:
                status, _, errors = execute([self.bctrace, "clean", str(obfuscated), "-o", str(cleaned)])
            if status in (0, 1) and b"panicked" not in errors:
                shutil.rmtree(cleaned, ignore_errors=True)
                obfuscated.unlink()
                return None
            return f"{obfuscated}: status {status}: {last_line(errors)}"

        with concurrent.futures.ThreadPoolExecutor(self.options.jobs) as pool:
            wrong = [text for text in pool.map(attempt, range(self.options.panics)) if text]
        print(f"{self.options.panics} random obfuscations, {len(wrong)} failures")
        print("\n".join(wrong[:20]))
        return 1 if wrong else 0


def program_of(folder, name, proof):
    """The clean file of the program: that of this name, or if the program was in layers the one with the most code objects."""
    layers = [entry for entry in proof["files"] if len(entry["codes"]) > len(proof["files"][0]["codes"])]
    if not layers:
        return folder / name, proof["files"][0]
    entry = max(layers, key=lambda entry: len(entry["codes"]))
    return folder / entry["file"], entry


def difference(expected, found):
    for index, (one, other) in enumerate(zip(expected, found)):
        if one != other:
            for what, a, b in zip(("status", "output", "exception"), one, other):
                if a != b:
                    return f"run {index}: {what} {a!r:.300} became {b!r:.300} ({other[2]:.200})"
    return "nothing"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bctrace", default="target/release/bctrace")
    parser.add_argument("--python27", help="a plain Python 2.7 (default: bctrace python)")
    parser.add_argument("--uncompyle6", help="the decompiler's command")
    parser.add_argument("--only-obfuscate", action="store_true", help="only check that the obfuscated programs behave alike")
    parser.add_argument("--programs", default="", help="names, separated by commas (default: all)")
    parser.add_argument("--sets", default=",".join(SETS), help=f"of {', '.join(SETS)}")
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--each", type=int, metavar="N", help="only N programs for each set, all in turn")
    parser.add_argument("--library", type=int, metavar="N", help="instead obfuscate functions of the standard library, N or more")
    parser.add_argument("--tarball", help="with --library: CPython's sources")
    parser.add_argument("--panics", type=int, metavar="N", help="instead clean N random obfuscations and look for panics")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--out", required=True, help="a folder for everything that is made")
    options = parser.parse_args()
    if options.library:
        import library
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            sys.exit(0 if library.show(library.measure(options, options.library, pool), options.library) else 1)
    evaluation = Evaluation(options)
    if options.panics:
        sys.exit(evaluation.panics())
    wanted = set(filter(None, options.programs.split(",")))
    sources = sorted(path for path in PROGRAMS.glob("*.py") if not wanted or path.stem in wanted)
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        prepared = dict(zip(sources, pool.map(evaluation.prepare, sources)))
        names = options.sets.split(",")
        cases = [(name, source, int(seed)) for place, name in enumerate(names) for source in chosen(sources, place, options.each)
                 for seed in (options.seeds.split(",") if SETS[name] else "0")]

        def attempt(case):
            name, source, seed = case
            try:
                evaluation.case(source, prepared[source], name, seed)
                return None
            except Failed as failed:
                print(f"{failed.step}: {evaluation.out / name / f'{source.stem}-{seed}'}: {failed.why}", file=sys.stderr, flush=True)
                return failed

        results = list(zip(cases, pool.map(attempt, cases)))
    sys.exit(show(options, evaluation, results, prepared))


def chosen(sources, place, each):
    """The programs for the set at a place among the sets."""
    if not each:
        return sources
    return [sources[(place * each + number) % len(sources)] for number in range(min(each, len(sources)))]


STEPS = ["obfuscate", "record", "clean", "clean file differs", "not proven", "decompile", "source differs"]


def show(options, evaluation, results, prepared):
    """Prints the rates and the failures; returns the exit status."""
    rates = collections.defaultdict(collections.Counter)
    for (name, source, seed), failed in results:
        counts = rates[name]
        counts["cases"] += 1
        behind = STEPS.index(failed.step) if failed else len(STEPS)
        counts["runs equal"] += behind > STEPS.index("clean file differs")
        counts["proven"] += behind > STEPS.index("not proven")
        if prepared[source][2]:
            counts["readable"] += 1
            counts["source equal"] += behind == len(STEPS)
            counts["unexpected"] += behind < len(STEPS) and (name, source.stem, seed) not in LOST
    print(f"{'techniques':12} {'cases':>6} {'runs equal':>11} {'proven':>11} {'rebuilt':>11} {'source equal, of those readable before'}")
    for name, counts in rates.items():
        readable = f"{counts['source equal']}/{counts['readable']}" if options.uncompyle6 else "-"
        codes = evaluation.codes[name]
        rebuilt = f"{codes['changed']}/{codes['all']}"
        print(f"{name:12} {counts['cases']:6} {counts['runs equal']:11} {counts['proven']:11} {rebuilt:>11} {readable}")
    unreadable = [source.stem for source, (_, _, readable) in prepared.items() if readable is False]
    if unreadable:
        print("not readable in their original form:", ", ".join(unreadable))
    causes = collections.Counter(failed.step for _, failed in results if failed)
    print("failures:", ", ".join(f"{step}: {causes[step]}" for step in STEPS if causes[step]) or "none")
    status = 0
    for name, counts in rates.items():
        unexpected = counts["unexpected"] if options.uncompyle6 else 0
        if counts["proven"] < counts["cases"] or unexpected:
            print(f"{name}: {counts['cases'] - counts['proven']} are not proven, and {unexpected} are lost that were not")
            status = 1
    return status


if __name__ == "__main__":
    main()
