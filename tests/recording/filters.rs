//! Filters while recording: what they let through is what the unfiltered trace has of it, number for number.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::instructions;
use crate::live::Program;
use crate::manifest::{self, Run};
use crate::running;

/// Runs that differ in how frames come and go.
const RUNS: [&str; 8] = [
    "closures",
    "generators",
    "exceptions",
    "classes",
    "with_finally",
    "threads_locks",
    "exec_eval",
    "extended_arg_jump",
];

fn runs() -> impl Iterator<Item = &'static Run> {
    manifest::runs().iter().filter(|run| RUNS.contains(&run.name.as_str()))
}

fn traced(run: &Run, options: &[&str], folder: &Path, suffix: &str) -> String {
    let trace = folder.join(format!("t{suffix}"));
    let ran = run.traced(&[&["-q"], options].concat(), trace.to_str().unwrap());
    assert_eq!((ran.status, &ran.stdout()), (run.status, &run.stdout), "{} {options:?}: {}", run.name, ran.stderr());
    String::from_utf8(running::read(&trace)).unwrap()
}

/// Up to five names of a text trace, as the trace writes them.
fn names(text: &str) -> Vec<&str> {
    let names: BTreeSet<&str> = text.lines().map(|line| line.split_once("> ").unwrap().0).collect();
    let plain: Vec<&str> = names.into_iter().filter(|name| !name.contains('\\')).collect();
    plain.iter().step_by(plain.len().div_ceil(5).max(1)).copied().collect()
}

#[test]
fn a_name_lets_exactly_its_lines_through() {
    assert_eq!(runs().count(), RUNS.len());
    let scratch = tempfile::tempdir().unwrap();
    for run in runs() {
        let whole = traced(run, &[], scratch.path(), ".txt");
        for name in names(&whole) {
            let own = format!("{name}> ");
            let want: String = whole.split_inclusive('\n').filter(|line| line.starts_with(&own)).collect();
            assert_eq!(traced(run, &["-n", name], scratch.path(), ".txt"), want, "{} -n {name}", run.name);
        }
    }
}

#[test]
fn a_filtered_record_has_the_numbers_frames_and_depths_of_the_whole() {
    let scratch = tempfile::tempdir().unwrap();
    for run in runs() {
        let whole = traced(run, &[], scratch.path(), ".jsonl");
        let text = traced(run, &[], scratch.path(), ".txt");
        for name in names(&text).into_iter().take(3) {
            let member = format!("\"name\":\"{name}\"");
            let got = traced(run, &["-n", name], scratch.path(), ".jsonl");
            assert_same(&whole, &got, &member, &format!("{} -n {name}", run.name));
        }
    }
}

/// Asserts that a filtered trace has of the whole one what contains `member`, and counts as many instructions.
#[track_caller]
fn assert_same(whole: &str, filtered: &str, member: &str, what: &str) {
    let tells =
        |line: &&str| ["instruction", "exception"].iter().any(|kind| line.contains(&format!("\"type\":\"{kind}\"")));
    let want: Vec<Value> = whole.lines().filter(tells).filter(|line| line.contains(member)).map(record).collect();
    let got: Vec<Value> = filtered.lines().filter(tells).map(record).collect();
    assert_eq!(got, want, "{what}");
    assert_eq!(total(filtered), total(whole), "{what}");
}

/// The instructions of a whole run, as the end record states them.
fn total(trace: &str) -> u64 {
    let end: Value = serde_json::from_str(trace.lines().last().unwrap()).unwrap();
    end["number"].as_u64().unwrap()
}

/// Frames of unwanted code come and go in all ways while what is wanted is called from among them.
const AMONG_OTHERS: &str = "
import sys, thread
def wanted(n):
    return n + 1
def deep(n):
    if n: return deep(n - 1) + wanted(n)
    return 0
def counter(n):
    for i in range(n):
        if i % 3 == 1: wanted(i)
        yield i
def lazy(n):
    for i in range(n): yield i
def thrown(n):
    try:
        if n: thrown(n - 1)
        else: raise ValueError
    finally:
        wanted(n)
class Gone(object):
    def __del__(self): wanted(0)
def quiet(n):
    return sum(lazy(n)) + len([x for x in lazy(n)])
def take_turns(mine, others):
    for i in range(20):
        mine.acquire()
        quiet(30)
        deep(2)
        hand_on(others, i)
def hand_on(others, i):
    wanted(i)
    others.release()
    quiet(1)
def worker():
    ready.release()
    take_turns(*locks)
    done.release()
deep(5)
list(counter(7))
a, b, c = counter(9), counter(8), lazy(5)
quiet(50)
for x in a: next(b, None); next(c, None)
try: thrown(3)
except ValueError: pass
for round in range(3):
    exec 'def made(n):\\n    quiet(3)\\n    return wanted(n)\\nmade(%d)' % round
sys.setcheckinterval(1000000)
ready, done, locks = thread.allocate_lock(), thread.allocate_lock(), [thread.allocate_lock() for _ in range(2)]
ready.acquire()
done.acquire()
locks[0].acquire()
thread.start_new_thread(worker, ())
ready.acquire()
take_turns(locks[1], locks[0])
done.acquire()
g = counter(9); next(g); next(g); g.close()
Gone()
def late():
    quiet(3)
    import _ctypes
    quiet(3)
    return wanted(1), deep(2)
late()
list(counter(4))
quiet(9)
";

#[test]
fn what_is_left_out_hides_nothing_of_what_is_wanted() {
    // Neither thread runs for so long that the interpreter makes them take turns, and whenever one of them gives the GIL away in
    // `acquire`, the other one alone can take it: the order is the same in each run.
    let program = Program::new(AMONG_OTHERS);
    let jsonl = |options: &[&str]| {
        assert_eq!(program.trace(options, "t.jsonl", &[]).status, 0);
        program.read("t.jsonl")
    };
    for (filter, member) in [("wanted", "wanted"), ("deep", "deep"), ("counter", "counter"), ("lazy", "lazy")] {
        let whole = jsonl(&["--no-stdlib"]);
        let thread = |line: &str| serde_json::from_str::<Value>(line).unwrap()["thread"] != 0;
        let others = instructions(&whole).into_iter().filter(|line| thread(line)).count();
        assert!(others > 1000, "{others} instructions of other threads");
        let filtered = jsonl(&["-n", filter]);
        assert_same(&whole, &filtered, &format!("\"name\":\"{member}\""), filter);
    }
}

/// A record without its code object's number, which counts those that are described.
fn record(line: &str) -> Value {
    let mut record: Value = serde_json::from_str(line).unwrap();
    record.as_object_mut().unwrap().remove("code");
    record
}

#[test]
fn filtering_at_reading_time_gives_the_same_text() {
    let scratch = tempfile::tempdir().unwrap();
    for run in runs() {
        let bct = scratch.path().join("t.bct");
        run.traced(&["-q"], bct.to_str().unwrap());
        let whole = traced(run, &[], scratch.path(), ".txt");
        for name in names(&whole).into_iter().take(3) {
            let shown = running::run(running::bctrace(["show", "-n", name]).arg(&bct)).succeeded();
            assert_eq!(shown, traced(run, &["-n", name], scratch.path(), ".txt"), "{} -n {name}", run.name);
        }
    }
}

#[test]
fn options_are_anded_and_values_are_ored() {
    let program = Program::new(
        "def apple(): pass
def apricot(): pass
def berry(): pass
import weakref
for f in apple, apricot, berry:
    f()
weakref.WeakKeyDictionary()
",
    );
    let whole = program.text(&[], &[]);
    let kept = |options: &[&str]| {
        let text = program.text(options, &[]);
        let names: BTreeSet<String> = text.lines().map(|line| line.split_once("> ").unwrap().0.to_string()).collect();
        // Without files among the options, what a name has is there wholly.
        let of_names = |line: &&str| names.contains(line.split_once("> ").unwrap().0);
        if !options.contains(&"--no-stdlib") && !options.contains(&"--file") {
            let want: String = whole.split_inclusive('\n').filter(of_names).collect();
            assert_eq!(text, want, "{options:?}");
        }
        names.into_iter().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(kept(&["-n", "apple", "-n", "berry"]), "apple berry");
    assert_eq!(kept(&["--match", "^ap"]), "apple apricot");
    assert_eq!(kept(&["--match", "^apr", "--match", "rry$"]), "apricot berry");
    assert_eq!(kept(&["--match", "^ap", "-n", "berry", "-n", "apple"]), "apple");
    assert_eq!(kept(&["--match", "^ap", "-n", "berry"]), "");
    assert_eq!(kept(&["--file", "p.py", "-n", "berry"]), "berry");
    assert_eq!(kept(&["--no-stdlib"]), "<module> apple apricot berry");
    assert_eq!(kept(&["--file", "*.py", "--no-stdlib", "--match", "a"]), "apple apricot");
    assert!(kept(&["--file", "*weakref.py"]).contains("__init__"));
}

#[test]
fn values_of_what_is_wanted_are_those_of_the_whole() {
    let program = Program::new(AMONG_OTHERS);
    assert_eq!(program.trace(&["--values"], "whole.bct", &[]).status, 0);
    // Objects are numbered in the order in which they are seen, and a filtered recording sees fewer.
    let number = regex::Regex::new("#[0-9]+").unwrap();
    for filter in ["wanted", "deep", "counter", "lazy", "take_turns", "made"] {
        let shown = program.show(&["-n", filter], "whole.bct");
        assert!(shown.lines().count() > 10, "{shown}");
        let recorded = program.text(&["--values", "-n", filter], &[]);
        assert_eq!(number.replace_all(&recorded, "#"), number.replace_all(&shown, "#"), "{filter}");
    }
}
