//! `bctrace tricks`: what a program tries against a tracer.

use crate::live::Program;

const TRICKS: &str = "\
import sys, os, time, ctypes
def check():
    sys.gettrace()
    frame = sys._getframe(0)
    while frame: frame.f_trace; frame = frame.f_back
    sys.getrefcount(frame)
    time.time()
    open('/proc/self/status').close()
    open(__file__).close()
    sys.setrecursionlimit(500)
    sys.builtin_module_names
    ctypes.CDLL(None).abs(-5)
    try: sys._getframe(10000)
    except ValueError: pass
def getrefcount(n): return n
getrefcount(1)
check()
time.sleep(0)
os._exit(3)
";

#[test]
fn tricks_have_their_places_and_what_was_returned() {
    let program = Program::new(TRICKS);
    assert_eq!(program.trace(&["--values"], "t.bct", &[]).status, 3);
    let tricks = program.view("tricks", &[], "t.bct");
    for part in [
        "looks for trace functions, or replaces them:\n",
        "p.py:3: check: sys.gettrace() -> None\n",
        "p.py:5: check: reads f_trace  (2 times)\n",
        "p.py:6: check: sys.getrefcount(None) -> ",
        "p.py:7: check: time.time() -> ",
        "p.py:8: check: open('/proc/self/status') -> ",
        "p.py:10: check: sys.setrecursionlimit(500) -> None\n",
        "p.py:11: check: reads builtin_module_names\n",
        "p.py:12: check: CDLL(None) -> ",
        "abs(-5) -> 5\n",
        "p.py:13: check: sys._getframe(10000) -> raises ValueError: call stack is not deep enough\n",
        "p.py:18: <module>: time.sleep(0) -> None\n",
        "p.py:19: <module>: posix._exit(3)\n",
    ] {
        assert!(tricks.contains(part), "{part:?} is not in\n{tricks}");
    }
    assert!(!tricks.contains("getrefcount(1)") && !tricks.contains("p.py:9:"), "{tricks}");
    let json = program.view("tricks", &["--format", "json"], "t.bct");
    assert!(json.contains(r#""what":"sys.setrecursionlimit(500)","result":"None"}"#), "{json}");
}

#[test]
fn a_trace_without_values_has_the_names_of_tricks_and_says_what_is_missing() {
    let program = Program::new(TRICKS);
    assert_eq!(program.trace(&[], "t.bct", &[]).status, 3);
    let tricks = program.view("tricks", &[], "t.bct");
    for part in ["p.py:3: check: reads gettrace\n", "p.py:19: <module>: reads _exit\n", "--values records it"] {
        assert!(tricks.contains(part), "{part:?} is not in\n{tricks}");
    }
}

#[test]
fn a_program_without_tricks_has_none() {
    let program = Program::new("print len('text')\n");
    program.trace(&["--values"], "t.bct", &[]).succeeded();
    let tricks = crate::live::run(program.command(["tricks", "t.bct"]));
    assert_eq!((tricks.status, tricks.stdout()), (0, String::new()));
    assert!(tricks.stderr().contains("the trace has no known tricks"), "{}", tricks.stderr());
}

#[test]
fn comparisons_of_what_clocks_said_are_printed_with_their_results() {
    let source = "\
import time, os
start = time.time()
def slow(limit):
    took = time.time() - start
    return took > limit
def ticks(): return int(round((time.clock() - 0.25) * 1000)) >= 5
if slow(3600): os._exit(1)
ticks()
if os.times()[0] * 1000 > 10 ** 9: pass
if 3.5 > 2 and len('x') == 1: pass
if time.time() < 1e9: pass
";
    let program = Program::new(source);
    program.trace(&["--values"], "t.bct", &[]).succeeded();
    let tricks = program.view("tricks", &[], "t.bct");
    let compared: Vec<&str> = tricks.lines().filter(|line| line.contains(": compares ")).collect();
    let places = ["p.py:5: slow: ", "p.py:6: ticks: ", "p.py:9: <module>: ", "p.py:11: <module>: "];
    assert_eq!(compared.len(), places.len(), "{tricks}");
    for (line, place) in compared.iter().zip(places) {
        assert!(line.contains(place), "{line}");
    }
    assert!(compared[0].ends_with(" > 3600 -> False") && compared[3].ends_with(" < 1000000000.0 -> False"), "{tricks}");
    program.trace(&["--force"], "t.bct", &[]).succeeded();
    let ran = crate::live::run(program.command(["tricks", "t.bct"]));
    assert_eq!((ran.status, ran.stdout().contains("compares")), (0, false));
}
