#!/usr/bin/env python3
"""Measures `bctrace export` on a trace of 100 million instructions: time, peak memory and size of each form, and the same of a plain converter
from JSON lines to rows of CSV, which gets the first million.  Usage: benches/exports.py [BCTRACE] [MILLIONS]"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

PROGRAM = """
def leaf(a, b):
    return (a * b) % 7
def work(n):
    total = 0
    for i in xrange(n):
        if i % 3:
            total += leaf(i, total)
        else:
            total -= 1
    return total
while 1:
    work(1000)
"""
CONVERTER = """
import csv, json, sys
out = csv.writer(sys.stdout)
for line in sys.stdin:
    event = json.loads(line)
    if event['type'] == 'instruction':
        out.writerow([event.get(key) for key in ('number', 'thread', 'frame', 'code', 'offset', 'opname', 'operand')])
"""
FEW = 1_000_000
FORMS = ["parquet", "csv", "perfetto", "speedscope", "firefox", "callgrind", "lcov"]


def measured(command, **options):
    """Runs a command; returns seconds, seconds of processors, and MiB of peak memory."""
    begun = time.monotonic()
    process = subprocess.Popen(command, **options)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, command
    return time.monotonic() - begun, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def size(path):
    return sum(one.stat().st_size for one in [path, *path.rglob("*")] if one.is_file()) / 2**20


def main():
    bctrace = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "target/release/bctrace")
    millions = int(sys.argv[2]) if len(sys.argv) > 2 else 100
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "p.py").write_text(PROGRAM)
        trace = folder / "t.bct"
        subprocess.run([bctrace, "-q", "--max-instructions", f"{millions}M", folder / "p.py", trace], check=False)
        info = json.loads(subprocess.run([bctrace, "info", "--format", "json", trace], capture_output=True, check=True).stdout)
        print(f"{info['recorded']} instructions, {info['frames']} frames, {size(trace):.1f} MiB")
        with open(folder / "p.lst", "wb") as listing:
            subprocess.run([bctrace, "dis", folder / "p.py"], stdout=listing, check=True)
        for form in FORMS:
            out = folder / f"out-{form}"
            extra = ["--listing", folder / "p.lst"] if form == "lcov" else []
            seconds, work, memory = measured([bctrace, "export", trace, "-f", form, "-o", out, *extra])
            rate = info["recorded"] / seconds / 1e6
            print(f"{form:<11} {seconds:7.1f} s {work:7.1f} s of CPU {rate:7.1f} M/s {memory:7.0f} MiB {size(out):9.1f} MiB", flush=True)
        with open(folder / "lines.csv", "wb") as out:
            lines = subprocess.Popen([bctrace, "show", "-f", "jsonl", "--count", str(FEW), trace], stdout=subprocess.PIPE)
            seconds, work, memory = measured([sys.executable, "-c", CONVERTER], stdin=lines.stdout, stdout=out)
        rate = FEW / seconds / 1e6
        print(f"{'JSON lines':<11} {seconds:7.1f} s {work:7.1f} s of CPU {rate:7.1f} M/s {memory:7.0f} MiB {size(folder / 'lines.csv'):9.1f} MiB")


main()
