//! The usual events of a recording are taken in C, without a call of the hook: nearly all of them, so that no change slows every
//! program down unnoticed.

use std::fs::File;
use std::io::{BufRead, Read};
use std::os::unix::fs::FileExt;

use crate::deaths::steps::slot_of;
use crate::live::{Live, Program};
use crate::recorded;
use crate::running;

/// What a program does when its work is done: it waits, so that its memory can be looked at.
const WAIT: &str = "
import os, sys
print os.getpid()
sys.stdout.flush()
sys.stdin.read()
";

const FACTORIAL: &str = "
def factorial(n):
    return 1 if n == 0 else n * factorial(n - 1)
for i in xrange(10000):
    factorial(7)
";

/// The number of events for which the hook was called: the eleventh word of the slot.
fn hooked(process: u32) -> u64 {
    let mut word = [0; 8];
    let memory = File::open(format!("/proc/{process}/mem")).unwrap();
    memory.read_exact_at(&mut word, slot_of(process) + 10 * 8).unwrap();
    u64::from_le_bytes(word)
}

/// The number of events of a program's work for which the hook was called; and the program, whose trace is in `t.bct`.
fn hooked_by(work: &str, options: &[&str]) -> (u64, Program) {
    let program = Program::new(&format!("{work}{WAIT}"));
    let mut live = Live::start(program.tracing(&[&["-q"], options].concat(), "t.bct", &[]));
    let mut printed = String::new();
    while printed.trim().parse::<u32>().is_err() {
        printed.clear();
        live.stdout.as_mut().unwrap().read_line(&mut printed).unwrap();
    }
    let hooked = hooked(printed.trim().parse().unwrap());
    live.stdin = None;
    live.stdout.as_mut().unwrap().read_to_string(&mut printed).unwrap();
    let ran = live.end();
    assert_eq!(ran.status, 0, "{}", ran.stderr());
    (hooked, program)
}

/// The share of the events of a program's work that the lane took.
fn share(work: &str) -> f64 {
    let (hooked, program) = hooked_by(work, &[]);
    let events = recorded::count_runs(&program.path("t.bct"));
    assert!(events > 50_000, "{events} events are too few to tell");
    1.0 - hooked as f64 / events as f64
}

fn bench(name: &str) -> String {
    let source = running::read(
        std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/programs")).join(name).as_path(),
    );
    String::from_utf8(source).unwrap()
}

#[test]
fn nearly_all_events_of_calls_are_taken_by_the_lane() {
    let share = share(FACTORIAL);
    assert!(share > 0.99, "{share}");
}

#[test]
fn nearly_all_events_of_methods_are_taken_by_the_lane() {
    let share = share(&bench("methods.py"));
    assert!(share > 0.99, "{share}");
}

#[test]
fn nearly_all_events_of_generators_are_taken_by_the_lane() {
    let share = share(&bench("generators.py"));
    assert!(share > 0.99, "{share}");
}

/// Two or three at a time, each with a few values.
const SHORT_GENERATORS: &str = "
def numbers(n):
    i = 0
    while i < n:
        yield i
        i += 1
def both(n):
    for i in numbers(n):
        yield i
for i in xrange(3000):
    for number in both(3):
        pass
    sum(number for number in (1, 2, 3))
";

#[test]
fn nearly_all_events_of_generators_that_end_soon_are_taken_by_the_lane() {
    let share = share(SHORT_GENERATORS);
    assert!(share > 0.99, "{share}");
}

/// Generators that end, that are left by an exception, and that are dropped while suspended.
const ENDS: &str = "
def numbers(n):
    i = 0
    while i < n:
        yield i
        i += 1
    if n == 2:
        raise ValueError
for i in xrange(500):
    list(numbers(3))
    dropped = numbers(3)
    next(dropped)
    try:
        for number in numbers(2):
            pass
    except ValueError:
        pass
";

/// A function whose code yields though it makes no generator: its frames are suspended and never go on.
const NO_GENERATORS: &str = "
def f():
    yield 1
c = f.func_code
code = type(c)(0, 0, c.co_stacksize, c.co_flags & ~0x20, c.co_code, c.co_consts, c.co_names, c.co_varnames, 'f', 'f', 1, '')
g = type(f)(code, {})
for i in xrange(500):
    assert g() == 1
";

#[test]
fn slots_of_suspended_frames_are_used_again() {
    for work in [ENDS, NO_GENERATORS] {
        let program = Program::new(work);
        let ran = program.trace(&["-q", "--shutdown"], "t.bct", &[]);
        assert_eq!(ran.status, 0, "{}", ran.stderr());
        let slots = recorded::read(&program.path("t.bct")).slots_used;
        assert!((1..=3).contains(&slots), "{slots} slots for one or two suspended frames:{work}");
    }
}

/// In each round 22 loads and a jump, which have no values to show, and 6 other instructions.
const LOADS: &str = "
def loads(a):
    for i in xrange(2000):
        (a, a, a, a, a, a, a, a, a, a, 1, a, a, a, a, a, a, a, a, a)
        a, i
loads(None)
";

#[test]
fn instructions_that_have_no_values_to_show_do_not_call_the_hook() {
    let (hooked, program) = hooked_by(LOADS, &["--values", "--shutdown"]);
    let instructions = recorded::read(&program.path("t.bct")).instructions.len() as u64;
    assert!(instructions > 2000 * 28, "{instructions} instructions are too few to tell");
    // Each round the hook is also called for the run that has ended.
    assert!(hooked * 3 < instructions, "{hooked} calls for {instructions} instructions");
}
