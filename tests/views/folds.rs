//! Loops and recursions are folded with exact counts, and can be had in full.

use super::{record, view};
use crate::live::Program;
use crate::running;

#[test]
fn the_trace_of_a_deep_factorial_is_one_page() {
    let program = Program::new(
        "\
import sys
sys.setrecursionlimit(9000)
def fact(n):
    if n < 2:
        return 1
    return n * fact(n - 1)
fact(900)
",
    );
    record(&program, "t.bct", &[], "");
    let (_, text) = view(&program, &["show", "--fold", "t.bct"]);
    assert!(text.lines().count() < 60, "{text}");
    assert!(text.contains("fact x899 in each other"), "{text}");
}

#[test]
fn loops_in_each_other_have_exact_counts() {
    let program = Program::new("for i in xrange(40):\n    for j in xrange(4000):\n        pass\n");
    let ran = program.trace(&[], "t.bct", &[]);
    assert_eq!(ran.status, 0);
    let (_, text) = view(&program, &["show", "--fold", "t.bct"]);
    let counts: Vec<&str> = text.lines().map(str::trim_start).filter(|line| line.starts_with('x')).collect();
    assert!(
        counts.iter().any(|line| line.starts_with("x4000 (12,000 instructions)") || line.starts_with("x3999 ")),
        "{text}"
    );
    assert!(counts.iter().any(|line| line.starts_with("x39 ") || line.starts_with("x40 ")), "{text}");
    assert!(text.lines().count() < 60, "{text}");
}

#[test]
fn what_is_unfolded_is_the_whole_trace() {
    let program = Program::new("def f(n):\n    return f(n - 1) if n else 0\nfor i in xrange(7):\n    f(i % 3)\n");
    let ran = program.trace(&[], "t.bct", &[]);
    assert_eq!(ran.status, 0);
    let (_, whole) = view(&program, &["show", "t.bct"]);
    let (_, unfolded) = view(&program, &["show", "--fold", "--unfold", "<module>", "--unfold", "f", "t.bct"]);
    let unfolded: Vec<&str> = unfolded.lines().map(str::trim_start).collect();
    assert_eq!(unfolded, whole.lines().collect::<Vec<_>>());
    let (_, place) = view(&program, &["show", "--fold", "--unfold", "f", "t.bct"]);
    assert!(place.lines().count() < whole.lines().count());
}

#[test]
fn the_counts_add_up_to_what_was_executed() {
    let program = Program::new(
        "\
def gen(n):
    for i in range(n):
        yield i
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)
for n in (3, 3, 4, 9):
    list(gen(n)), fib(n)
try:
    fib('x' * 3 + 1)
except TypeError:
    pass
",
    );
    let ran = program.trace(&[], "t.bct", &[]);
    assert_eq!(ran.status, 0);
    let (_, whole) = view(&program, &["show", "--no-stdlib", "t.bct"]);
    let (_, folded) = view(&program, &["show", "--fold", "-f", "jsonl", "t.bct"]);
    let sum: u64 = folded
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .filter(|object| object["type"] == "frame" && object["depth"] == 0)
        .map(|object| object["instructions"].as_u64().unwrap())
        .sum();
    assert_eq!(sum, whole.lines().count() as u64);
}

#[test]
fn a_place_to_unfold_that_is_none_is_named() {
    let program = Program::new("def check(n):\n    return n\nfor i in range(9):\n    check(i)\n");
    record(&program, "t.bct", &[], "");
    let said = |place: &str| {
        let ran = running::run(&mut program.command(["show", "--fold", "--unfold", place, "t.bct"]));
        assert_eq!(ran.status, 0);
        ran.stderr()
    };
    let none = "bctrace: --unfold chek matches no code object that is printed; the closest name is check\n";
    assert_eq!(said("chek"), none);
    assert_eq!(
        said("check:9999"),
        "bctrace: --unfold check:9999 matches nothing: no instruction begins at that offset\n"
    );
    assert_eq!(said("check:0"), "");
}
