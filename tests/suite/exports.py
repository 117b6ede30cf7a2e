"""Reads exports back with the tools that they are for; tests/exports runs it.  Arguments: a scratch folder, and --long for what takes minutes."""
import glob
import json
import os
import pathlib
import shutil
import subprocess
import sys

import duckdb
from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import Trace

ROOT = pathlib.Path(__file__).resolve().parents[2]
BCTRACE = os.environ["BCTRACE"]
SCRATCH = pathlib.Path(sys.argv[1])
LONG = "--long" in sys.argv
FIXTURES = ["threads", "generator_heavy", "exceptions", "hostile_names", "overlapping", "self_modifying", "packed", "beacon"]
TABLES = ["runs", "sequences", "frames", "code", "values", "calls", "exceptions", "attempts", "traces"]


def bctrace(*words):
    return subprocess.run([BCTRACE, *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def exported(trace, form, *options):
    out = SCRATCH / f"{trace.stem}-{form}"
    ran = bctrace("export", trace, "-f", form, "-o", out, "--force", *options)
    assert ran.returncode == 0, ran.stderr
    return out


def check_duckdb(traces):
    """Parquet and CSV have the same rows, and their totals are those of `bctrace info`."""
    corpus = SCRATCH / "corpus"
    for trace in traces:
        ran = bctrace("export", trace, "-f", "parquet", "-o", corpus)
        assert ran.returncode == 0, ran.stderr
    database = duckdb.connect()
    for table in TABLES:
        database.execute(f"CREATE VIEW {table} AS SELECT * FROM read_parquet('{corpus}/{table}/*/*.parquet', hive_partitioning = true)")
    sums = "SELECT sum(instructions) FROM runs"
    recorded = sum(info["recorded"] for info in traces.values())
    assert database.execute(sums).fetchone()[0] == recorded
    assert database.execute("SELECT sum(recorded) FROM traces").fetchone()[0] == recorded
    for key, query in [
        ("frames", "SELECT count(*) FROM frames WHERE entry = 'entered'"),
        ("exceptions", "SELECT count(*) FROM exceptions"),
    ]:
        assert database.execute(query).fetchone()[0] == sum(info[key] for info in traces.values()), key
    for statement in statements("tables.md", "CREATE VIEW instructions"):
        database.execute(statement)
    counted = database.execute("SELECT count(*), count(DISTINCT (run, number)) FROM instructions").fetchone()
    assert counted == (recorded, recorded), (counted, recorded)
    for trace in traces:
        folder = exported(trace, "csv")
        for table in TABLES:
            rows = database.execute(f"SELECT count(*) FROM read_csv('{folder}/{table}.csv', header = true, strict_mode = true)").fetchone()
            there = database.execute(f"SELECT count(*) FROM {table} WHERE run = '{run_of(trace)}'").fetchone()
            assert rows == there, (trace, table, rows, there)
    for query in statements("at-scale.md", "SELECT"):
        if "samples" not in query.split("FROM", 1)[1] or "read_parquet" in query or " samples WHERE" not in query:
            database.execute(query)
    return corpus


def statements(page, part):
    """The SQL of DuckDB in a page that has these words."""
    text = (ROOT / "docs" / page).read_text().replace("'corpus/", f"'{SCRATCH}/corpus/")
    blocks = [block.split("```")[0] for block in text.split("```sql\n")[1:]]
    found = [statement.strip() for block in blocks for statement in block.split(";") if part in statement]
    return [one for one in found if "TEMPORARY" not in one and not one.startswith("CREATE VIEW runs") and not one.startswith("CREATE VIEW sequences")
            and not one.startswith("CREATE VIEW code") and "read_json" not in one and not (one.startswith("CREATE VIEW") and "instructions" not in one
            and "vals" not in one)]


def run_of(trace):
    import hashlib

    return hashlib.sha256(trace.read_bytes()).hexdigest()


def check_perfetto(trace, info):
    """Perfetto's own classes read every packet; slices are in pairs, and exceptions are instants."""
    parsed = Trace()
    parsed.ParseFromString(exported(trace, "perfetto").read_bytes())
    depth, instants, names = {}, 0, set()
    for packet in parsed.packet:
        names.update(name.name for name in packet.interned_data.event_names)
        if packet.HasField("track_event"):
            event = packet.track_event
            instants += event.type == event.TYPE_INSTANT
            change = {event.TYPE_SLICE_BEGIN: 1, event.TYPE_SLICE_END: -1}.get(event.type, 0)
            depth[event.track_uuid] = depth.get(event.track_uuid, 0) + change
            assert depth[event.track_uuid] >= 0
    assert not any(depth.values()) and names and instants >= info["exceptions"], trace


def check_callgrind(trace, info):
    tool = shutil.which("callgrind_annotate")
    if tool is None:
        assert not LONG, "callgrind_annotate is missing: install valgrind"
        return
    printed = subprocess.run([tool, str(exported(trace, "callgrind"))], capture_output=True, text=True, check=True)
    totals = [line for line in printed.stdout.splitlines() if "PROGRAM TOTALS" in line]
    assert totals[0].split()[0].replace(",", "") == str(info["recorded"]), (trace, totals, printed.stderr)
    assert "WARNING" not in printed.stderr.upper(), printed.stderr


def check_firefox(trace, info):
    """Every table of a thread has all its columns, as long as the table, and what refers to another table is in it.  The Firefox Profiler has
    no schema on npm; this is what its src/types/profile.ts says of version 55 of the processed format."""
    profile = json.loads(exported(trace, "firefox").read_text())
    assert profile["meta"]["preprocessedProfileVersion"] == 55 and profile["meta"]["symbolicated"]
    total = 0
    for thread in profile["threads"]:
        strings, frames, stacks = len(thread["stringArray"]), thread["frameTable"], thread["stackTable"]
        for table in (value for value in thread.values() if isinstance(value, dict)):
            assert all(len(column) == table["length"] for column in table.values() if isinstance(column, list)), trace
        within(frames["func"], thread["funcTable"]["length"])
        within(frames["category"], len(profile["meta"]["categories"]))
        within(thread["funcTable"]["name"], strings)
        within(stacks["frame"], frames["length"])
        assert all(prefix is None or 0 <= prefix < own for own, prefix in enumerate(stacks["prefix"])), trace
        within(thread["samples"]["stack"], stacks["length"])
        assert thread["samples"]["weightType"] == "samples" and isinstance(thread["pid"], str)
        total += sum(thread["samples"]["weight"])
    within(profile["meta"]["initialVisibleThreads"], len(profile["threads"]))
    assert total == info["recorded"], (trace, total)


def within(indexes, length):
    assert all(0 <= index < length for index in indexes), (indexes, length)


def check_lcov(name, trace):
    tool = shutil.which("genhtml")
    listing = SCRATCH / f"{name}.lst"
    listing.write_text(bctrace("dis", ROOT / "fixtures" / f"{name}.pyc").stdout)
    out = exported(trace, "lcov", "--listing", listing)
    if tool is None:
        assert not LONG, "genhtml is missing: install lcov"
        return
    pages = SCRATCH / f"{name}.html"
    made = subprocess.run([tool, "--branch-coverage", "-o", str(pages), str(out)], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    # Its sums of branches are those of the file.
    found, hit = (sum(int(line[4:]) for line in out.read_text().splitlines() if line.startswith(key)) for key in ("BRF:", "BRH:"))
    assert not found or f"({hit} of {found} branch" in made.stdout, (name, made.stdout)


def check_shell(sample_bodies):
    """The shell scripts of docs/at-scale.md: every file has its row, whatever it is called and does, and a second run traces none again."""
    folder = SCRATCH / "shell"
    (folder / "samples" / "it's \n deep").mkdir(parents=True)
    for number, body in enumerate(sample_bodies):
        for place in ("samples", "samples/it's \n deep"):
            (folder / place / f"{number}.py").write_text(body)
    blocks = [block.split("```")[0] for block in (ROOT / "docs" / "at-scale.md").read_text().split("```sh\n")[1:]]
    function, parallel, array = (next(block for block in blocks if block.startswith(start)) for start in ("trace()", ". ./trace.sh &&", "#!/bin/bash"))
    (folder / "trace.sh").write_text(function)
    (folder / "corpus.sbatch").write_text(array)
    (folder / "bin").mkdir()
    (folder / "bin" / "bctrace").symlink_to(BCTRACE)
    environment = {**os.environ, "PATH": f"{folder}/bin:{os.environ['PATH']}", "SLURM_ARRAY_TASK_COUNT": "3"}
    for task in range(3):
        subprocess.run(["bash", "corpus.sbatch"], cwd=folder, env={**environment, "SLURM_ARRAY_TASK_ID": str(task)}, check=True)
    rows = lambda: {name: json.loads(pathlib.Path(name).read_text()) for name in sorted(glob.glob(f"{folder}/corpus/samples/*.json"))}
    first = rows()
    assert len(first) == len(sample_bodies), first
    assert [row["state"] for row in first.values()].count("failed") == sum("syntax" in body for body in sample_bodies), first
    for row in first.values():
        runs = glob.glob(f"{folder}/corpus/traces/sample={row['sample']}/*.parquet")
        assert len(runs) == row["traces"] and bool(runs) == (row["state"] == "traced"), row
    if shutil.which("parallel"):
        subprocess.run(["bash", "-c", parallel], cwd=folder, env=environment, check=True, stderr=subprocess.DEVNULL)
        assert rows() == first and len(glob.glob(f"{folder}/corpus/traces/*/*.parquet")) == sum(row["traces"] for row in first.values())
    else:
        assert not LONG, "GNU parallel is missing"


def check_spark(corpus, traces):
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
    recorded = sum(info["recorded"] for info in traces.values())
    for table in TABLES:
        spark.read.parquet(f"{corpus}/{table}").createOrReplaceTempView(table)
    assert spark.sql("SELECT sum(instructions) FROM runs").first()[0] == recorded
    text = (ROOT / "docs" / "tables.md").read_text().split("In Spark SQL:")[1].split("```")[1].removeprefix("sql\n")
    for statement in filter(str.strip, text.replace("'corpus/", f"'{corpus}/").split(";")):
        spark.sql(statement.replace("CREATE TEMPORARY", "CREATE OR REPLACE TEMPORARY"))
    assert spark.sql("SELECT count(*) FROM instructions").first()[0] == recorded
    spark.stop()


def prepare_pages(trace):
    """Makes what exports_pages.py opens."""
    for form in ["perfetto", "speedscope"]:
        exported(trace, form)
    query = f"SELECT count(DISTINCT thread) FROM read_parquet('{SCRATCH}/corpus/runs/*/run={run_of(trace)}.parquet')"
    threads = duckdb.sql(query).fetchall()[0][0]
    (SCRATCH / "threads.count").write_text(str(threads))


def check_corpus():
    """The corpus script: every sample has a row, also those that hang, crash or fork, and after a kill halfway."""
    samples, out = SCRATCH / "samples", SCRATCH / "set"
    samples.mkdir()
    bodies = ["print {n}\n", "import time\ntime.sleep(1000 + {n})\n", "import ctypes\nctypes.string_at({n})\n",
              "import os\nif os.fork() == 0:\n    print {n}\n", "while 1: open('f{n}', 'a').write('x' * 10 ** 6)\n", "syntax error {n}\n"]
    count = int(os.environ.get("SAMPLES", "500"))
    for number in range(count):
        kind = 0 if number % 20 > 5 else number % 20
        (samples / f"{number}.py").write_text(bodies[kind].format(n=number))
    command = [sys.executable, str(ROOT / "docs" / "trace_corpus.py"), str(samples), str(out), "--bctrace", BCTRACE, "--timeout", "5"]
    environment = {**os.environ, "PYSPARK_PYTHON": sys.executable}
    job = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    while job.poll() is None and len(glob.glob(f"{out}/samples/*.json")) < count // 2:
        try:
            job.wait(1)
        except subprocess.TimeoutExpired:
            pass
    if job.poll() is None:
        os.killpg(job.pid, 9)
        job.wait()
    subprocess.run(command, env=environment, check=True, capture_output=True)
    rows = [json.loads(pathlib.Path(name).read_text()) for name in glob.glob(f"{out}/samples/*.json")]
    assert len(rows) == count, len(rows)
    failed = [row for row in rows if row["state"] == "failed"]
    assert all("syntax" in pathlib.Path(row["path"]).read_text() for row in failed), failed
    traces = duckdb.sql(f"SELECT count(*), count(DISTINCT run) FROM read_parquet('{out}/traces/*/*.parquet')").fetchall()[0]
    assert traces[0] == traces[1] >= count - len(failed), traces
    for row in rows[:5]:
        if row["state"] == "traced" and "print" in pathlib.Path(row["path"]).read_text():
            trace = SCRATCH / "single.bct"
            bctrace("-q", "--values", "--follow-forks", "--timeout", "5", "--max-size", "1GiB", row["path"], trace)
            recorded = json.loads(bctrace("info", "--format", "json", trace).stdout)["recorded"]
            query = f"SELECT sum(recorded) FROM read_parquet('{out}/traces/sample={row['sample']}/*.parquet')"
            assert duckdb.sql(query).fetchall()[0][0] >= recorded
            trace.unlink()
    print(f"corpus: {len(rows)} rows, {len(failed)} failed, {traces[0]} traces")


def main():
    traces = {}
    for name in FIXTURES:
        trace = SCRATCH / f"{name}.bct"
        bctrace("-q", "--values", ROOT / "fixtures" / f"{name}.pyc", trace)
        traces[trace] = json.loads(bctrace("info", "--format", "json", trace).stdout)
    corpus = check_duckdb(traces)
    for (trace, info), name in zip(traces.items(), FIXTURES):
        check_perfetto(trace, info)
        check_callgrind(trace, info)
        check_firefox(trace, info)
        check_lcov(name, trace)
    check_shell(["print 1\n", "import os\nif os.fork() == 0:\n    print 2\n", "import sys\nprint len(sys.stdin.read())\n", "syntax error\n",
                 "import ctypes\nctypes.string_at(4)\n"])
    if LONG:
        prepare_pages(SCRATCH / "threads.bct")
        check_spark(corpus, traces)
        check_corpus()
    print("exports: read back")


if __name__ == "__main__":
    main()
