//! `bctrace show` of a .bct against the same program recorded in the form directly, and against itself.

use std::path::Path;

use super::{instructions, varied};
use crate::manifest::{self, Run};
use crate::running;

/// Fixtures whose traces differ most.
const RUNS: [&str; 10] = [
    "factorial",
    "generators",
    "exceptions",
    "constants",
    "constant_types",
    "hostile_names",
    "self_modifying",
    "threads_locks",
    "teardown",
    "out_of_range",
];

fn runs() -> impl Iterator<Item = &'static Run> {
    manifest::runs().iter().filter(|run| RUNS.contains(&run.name.as_str()) && run.deterministic)
}

fn show(options: &[&str], trace: &Path) -> Vec<u8> {
    let ran = running::run(running::bctrace([&["show"], options].concat()).arg(trace));
    let stderr = ran.stderr();
    let is_expected =
        stderr.is_empty() || (ran.stdout.is_empty() && (stderr.contains("match") || stderr.contains("beyond the end")));
    assert!(ran.status == 0 && is_expected, "show {options:?} {}: {} {stderr}", trace.display(), ran.status);
    ran.stdout
}

fn traced(run: &Run, options: &[&str], trace: &Path) -> Vec<u8> {
    let ran = run.traced(&[&["-q"], options].concat(), trace.to_str().unwrap());
    assert_eq!(ran.status, run.status, "{}: {}", run.name, ran.stderr());
    running::read(trace)
}

#[test]
fn a_shown_trace_is_the_directly_recorded_one_byte_for_byte() {
    let scratch = tempfile::tempdir().unwrap();
    let path = |name: &str| scratch.path().join(name);
    for run in runs() {
        traced(run, &[], &path("t.bct"));
        assert!(show(&[], &path("t.bct")) == traced(run, &[], &path("t.txt")), "{}: text", run.name);
        assert!(show(&["-r"], &path("t.bct")) == traced(run, &["-r"], &path("t.txt")), "{}: -r", run.name);
        let json = show(&["-f", "jsonl"], &path("t.bct"));
        assert!(json == traced(run, &[], &path("t.jsonl")), "{}: JSON lines", run.name);
        let filter = ["-n", "<module>"];
        assert!(show(&filter, &path("t.bct")) == traced(run, &filter, &path("t.txt")), "{}: filtered", run.name);
    }
}

#[test]
fn a_shown_trace_of_a_filtered_recording_is_the_direct_one() {
    let (program, _) = varied();
    let filter = ["-n", "add", "-n", "naturals"];
    for trace in ["t.bct", "t.txt", "t.jsonl"] {
        assert_eq!(program.trace(&filter, trace, &[]).status, 3, "{trace}");
    }
    assert_eq!(program.show(&[], "t.bct"), program.read("t.txt"));
    assert_eq!(program.show(&["-f", "jsonl"], "t.bct"), program.read("t.jsonl"));
}

#[test]
fn a_compressed_bct_shows_the_same() {
    let (program, lines) = varied();
    for trace in ["t.bct.zst", "t.bct.gz"] {
        assert_eq!(program.trace(&[], trace, &[]).status, 3, "{trace}");
        assert_eq!(program.show(&[], trace), lines.concat(), "{trace}");
    }
}

#[test]
fn a_window_has_the_lines_of_the_whole() {
    let (program, lines) = varied();
    for trace in ["t.bct", "t.bct.zst"] {
        assert_eq!(program.trace(&[], trace, &[]).status, 3);
        let all = lines.len();
        for from in (1..all).step_by(all / 7).chain([all, all + 1, all * 2]) {
            let start = (from - 1).min(all);
            assert_eq!(program.show(&["--from", &from.to_string()], trace), lines[start..].concat(), "from {from}");
            for count in [0, 1, 17, all] {
                let window = ["--from", &from.to_string(), "--count", &count.to_string()];
                let end = (start + count).min(all);
                assert_eq!(program.show(&window, trace), lines[start..end].concat(), "{count} from {from}");
            }
        }
    }
}

#[test]
fn a_window_of_a_long_trace_has_the_lines_of_the_whole() {
    let program = crate::live::Program::new("def f(i):\n    return i + 1\ni = 0\nwhile i < 60000:\n    i = f(i)\n");
    let text = program.text(&[], &[]);
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    assert_eq!(program.trace(&[], "t.bct", &[]).status, 0);
    for from in [2, 1000, 123_456, 543_210, lines.len() - 20] {
        let shown = program.show(&["--from", &from.to_string(), "--count", "10"], "t.bct");
        assert_eq!(shown, lines[from - 1..from + 9].concat(), "from {from}");
    }
    let window = ["--from", "400000", "--count", "50", "-f", "jsonl"];
    let json = program.show(&window, "t.bct");
    assert_eq!(instructions(&json).len(), 50);
    assert!(instructions(&json)[0].contains("\"number\":400000,"), "{}", instructions(&json)[0]);
}

/// Most objects are copies of what the same run had before; with a count, each is made by itself.  Places and numbers get longer here, and
/// the buffer is emptied many times.
#[test]
fn objects_of_runs_that_repeat_are_those_of_their_instructions() {
    let program = crate::live::Program::new(
        "def f(i):\n    return i if i < 1 else f(i - 1)\ndef g(n):\n    while n:\n        n -= 1\n        yield n\n\
         for i in range(150):\n    f(i % 12)\n    for n in g(i % 9): f(n)\n    exec 'def h(a): return a + %d' % i\n    h(1); h(2)\n\
         n = 0\nwhile n < 2000:\n    n += 1\n",
    );
    assert_eq!(program.trace(&[], "t.bct", &[]).status, 0);
    let whole = program.show(&["-f", "jsonl"], "t.bct");
    let each = program.show(&["-f", "jsonl", "--count", "99999999"], "t.bct");
    assert!(instructions(&whole).len() > 30_000);
    assert_eq!(instructions(&whole).len(), instructions(&each).len());
    for (number, (of_run, single)) in (1..).zip(instructions(&whole).into_iter().zip(instructions(&each))) {
        assert_eq!(of_run, single);
        assert!(of_run.contains(&format!("\"number\":{number},")), "{of_run}");
    }
}

#[test]
fn two_recordings_of_the_same_are_the_same() {
    let scratch = tempfile::tempdir().unwrap();
    for run in runs() {
        for suffix in [".bct", ".jsonl"] {
            let first = traced(run, &[], &scratch.path().join(format!("first{suffix}")));
            let second = traced(run, &[], &scratch.path().join(format!("second{suffix}")));
            assert!(first == second, "{}: {suffix} differs", run.name);
        }
    }
}
