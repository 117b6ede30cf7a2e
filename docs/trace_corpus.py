#!/usr/bin/env python3
"""Traces every file of a folder with bctrace on Spark and exports the traces to one Parquet data set.

    spark-submit docs/trace_corpus.py SAMPLES OUT [--timeout SECONDS] [--bctrace PATH]

SAMPLES and OUT are folders that all workers see.  Each sample gets one row in OUT/samples/SHA256.json, whatever happens to it, and that row is
written last.  A restart leaves out samples that have their row; --retry traces those again whose row says `failed`."""
import argparse
import contextlib
import hashlib
import json
import os
import pathlib
import subprocess
import tempfile
import time

GRACE = 120  # seconds beyond --timeout after which bctrace itself is killed


def run(command):
    """Runs bctrace; returns its exit status and the last line of its messages."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        errors = process.communicate(timeout=options.timeout + GRACE)[1]
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return None, "bctrace did not end in time"
    lines = [line for line in errors.decode(errors="replace").splitlines() if line.startswith("bctrace: ")]
    return process.returncode, lines[-1] if lines else ""


def trace(sha256, path, folder):
    """Traces one sample and exports what was recorded; returns its row."""
    row = {"sample": sha256, "path": path, "state": "failed", "status": None, "traces": 0, "error": ""}
    recording = [options.bctrace, "-q", "--values", "--follow-forks", "--timeout", str(options.timeout)]
    row["status"], row["error"] = run([*recording, "--max-size", options.max_size, path, f"{folder}/trace.bct"])
    for recorded in sorted(pathlib.Path(folder).glob("*.bct")):
        status, error = run([options.bctrace, "export", str(recorded), "--format", "parquet", "-o", options.out])
        # 125 without a row in `traces` is a trace that cannot be read; with one, a trace that was cut off.
        digest = hashlib.sha256(recorded.read_bytes()).hexdigest()
        exported = list(pathlib.Path(options.out, "traces").glob(f"sample=*/run={digest}.parquet"))
        row["traces"] += len(exported)
        row["error"] = row["error"] if status == 0 else error
    row["state"] = "traced" if row["traces"] else "failed"
    return row


def write(row):
    """Writes a sample's row under a temporary name and renames it."""
    name = pathlib.Path(options.out, "samples", f"{row['sample']}.json")
    with tempfile.NamedTemporaryFile("w", dir=name.parent, prefix=".", delete=False) as file:
        file.write(json.dumps(row) + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(file.name, name)


def handle(sample):
    """Traces one sample, unless it has its row."""
    sha256, path = sample
    begun = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="bctrace-", ignore_cleanup_errors=True) as folder:
            row = trace(sha256, path, folder)
    except Exception as error:  # a full disk, a sample that is gone: a row, not a failed job
        row = {"sample": sha256, "path": path, "state": "failed", "status": None, "traces": 0, "error": repr(error)}
    write({**row, "seconds": round(time.monotonic() - begun, 3)})
    return row["state"]


def missing(paths):
    """The samples without a row, by their hashes: equal files are one sample."""
    for path in paths:
        sha256 = hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()
        with contextlib.suppress(OSError, ValueError):
            row = json.loads(pathlib.Path(options.out, "samples", f"{sha256}.json").read_text())
            if row["state"] == "traced" or not options.retry:
                continue
        yield sha256, path


parser = argparse.ArgumentParser()
parser.add_argument("samples")
parser.add_argument("out")
parser.add_argument("--bctrace", default="bctrace")
parser.add_argument("--timeout", type=int, default=60)
parser.add_argument("--max-size", default="1GiB")
parser.add_argument("--retry", action="store_true")
options = parser.parse_args()

if __name__ == "__main__":
    from pyspark.sql import SparkSession

    pathlib.Path(options.out, "samples").mkdir(parents=True, exist_ok=True)
    spark = SparkSession.builder.appName("bctrace").getOrCreate()
    files = sorted(str(path) for path in pathlib.Path(options.samples).rglob("*") if path.is_file())
    todo = spark.sparkContext.parallelize(files, max(1, len(files) // 8)).mapPartitions(missing).reduceByKey(min)
    print(dict(todo.repartition(max(1, len(files) // 4)).map(handle).countByValue()))
