//! Two runs are aligned by what they execute; what differs is shown with the operands of both.

use super::{record, view};
use crate::live::{self, Program};

const SOURCE: &str = "\
def check(word):
    if word == 'open' + ' sesame':
        return greet(word)
    return None
def greet(word):
    return word.upper()
for word in (raw_input(), raw_input()):
    check(word)
print 'end'
";

#[test]
fn equal_runs_are_equal_and_different_ones_show_where_they_part() {
    let program = Program::new(SOURCE);
    record(&program, "a.bct", &[], "x\nnot\n");
    record(&program, "again.bct", &[], "x\nnot\n");
    record(&program, "b.bct", &[], "x\nopen sesame\n");
    let (status, text) = view(&program, &["diff", "a.bct", "again.bct"]);
    assert_eq!(status, 0, "{text}");
    assert!(text.contains("both executed the same"), "{text}");
    let (status, text) = view(&program, &["diff", "a.bct", "b.bct"]);
    assert_eq!(status, 1, "{text}");
    assert!(text.contains("first different value:") && text.contains("first divergence:"), "{text}");
    assert!(text.contains("COMPARE_OP  'not' == 'open sesame' -> False"), "{text}");
    assert!(text.contains("COMPARE_OP  'open sesame' == 'open sesame' -> True"), "{text}");
    assert!(text.contains("they go on alike after"), "{text}");
    let only = text.split("only B executed:").nth(1).unwrap();
    assert!(only.contains("greet, all of it") && only.contains("check, line 3"), "{text}");
    assert!(!text.contains("only A executed:"), "{text}");
}

#[test]
fn runs_that_never_meet_again_do_not_go_on_alike() {
    let one = Program::new("print 1\nprint 2\n");
    let other = Program::new("for i in range(9): i * 2\n");
    for program in [&one, &other] {
        record(program, "t.bct", &[], "");
    }
    let path = other.path("t.bct");
    let (status, text) = view(&one, &["diff", "t.bct", path.to_str().unwrap()]);
    assert_eq!(status, 1, "{text}");
    assert_eq!(text.lines().nth(2), Some("they are traces of different programs"));
    assert!(text.contains("they do not go on alike before their ends"), "{text}");
    let head = |other: &str| {
        let (_, json) = view(&one, &["diff", "-f", "json", "t.bct", other]);
        serde_json::from_str::<serde_json::Value>(json.lines().next().unwrap()).unwrap()
    };
    assert_eq!(head(path.to_str().unwrap())["same_program"], false);
    assert_eq!(head("t.bct")["same_program"], true);
}

#[test]
fn a_line_that_both_executed_is_not_one_that_a_run_executed_alone() {
    let source = "\
word = raw_input()
print 'OK' if word == 'x' else 'NO'
if word == 'x':
    print 'more'
print 'end'
";
    let program = Program::new(source);
    record(&program, "a.bct", &[], "a\n");
    record(&program, "x.bct", &[], "x\n");
    let (status, text) = view(&program, &["diff", "a.bct", "x.bct"]);
    assert_eq!(status, 1, "{text}");
    let dis = live::run(program.command(["dis", "-r", "--format", "lines", "p.pyc"])).succeeded();
    let offset = |what: &str| {
        let line = dis.lines().find(|line| line.contains(what)).unwrap_or_else(|| panic!("{dis}"));
        line.split(' ').nth(1).unwrap().to_owned()
    };
    let [no, ok] = ["(NO)", "(OK)"].map(offset);
    let (one, other) = text.split_once("only A executed:\n").unwrap().1.split_once("\nonly B executed:\n").unwrap();
    assert_eq!(one, format!("  p.py: <module>, of line 2 at {no}\n"), "{text}");
    assert!(other.starts_with("  p.py: <module>, line 4\n"), "{text}");
    assert!(other.contains(&format!("  p.py: <module>, of line 2 at {ok}, ")), "{text}");
    let (_, json) = view(&program, &["diff", "-f", "json", "a.bct", "x.bct"]);
    let objects = json.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let only: Vec<_> = objects.filter(|object| object["type"] == "only").collect();
    assert_eq!(
        (&only[0]["lines"], &only[0]["offsets"][0]),
        (&serde_json::json!([]), &no.parse::<u64>().unwrap().into())
    );
    assert_eq!(only[1]["lines"], serde_json::json!([4]));
}

#[test]
fn what_neither_trace_has_is_not_the_same_in_both() {
    let program = Program::new(SOURCE);
    record(&program, "a.bct", &[], "x\nnot\n");
    record(&program, "b.bct", &[], "x\nopen sesame\n");
    let ran = live::run(program.command(["diff", "-n", "gret", "a.bct", "b.bct"]));
    assert_eq!((ran.status, ran.stdout().lines().last()), (0, Some("neither executed any of it")));
    let missed = "bctrace: -n gret matches no code object in the trace; the closest name";
    assert!(ran.stderr().starts_with(missed), "{}", ran.stderr());
    // It is in one of them.
    let ran = live::run(program.command(["diff", "-n", "greet", "a.bct", "b.bct"]));
    assert_eq!((ran.status, ran.stderr().as_str()), (1, ""), "{}", ran.stdout());
    let ran = live::run(program.command(["diff", "-n", "check", "-n", "raw_input", "-n", "greet", "a.bct", "b.bct"]));
    assert_eq!((ran.status, ran.stderr().lines().count()), (1, 1), "{}", ran.stderr());
}

#[test]
fn code_differs_by_all_that_it_holds() {
    let long = |last: &str| format!("def f():\n    return '{}{last}'\nf()\n", "x".repeat(5000));
    let pairs = [
        ("def f(): x = 1; return x\nf()\n".to_owned(), "def f(): x = '1'; return x\nf()\n".to_owned()),
        (long("a"), long("b")),
        (
            "def o(a, b):\n    def i(): return a\n    return i\no(1, 2)()\n".to_owned(),
            "def o(a, b):\n    def i(): return b\n    return i\no(1, 2)()\n".to_owned(),
        ),
    ];
    for (one, other) in pairs {
        let programs = [&one, &other].map(|source| Program::new(source));
        let traces = programs.each_ref().map(|program| {
            assert_eq!(program.trace(&[], "t.bct", &[]).status, 0);
            program.path("t.bct").to_str().unwrap().to_owned()
        });
        let (status, text) = view(&programs[0], &["diff", &traces[0], &traces[1]]);
        assert_eq!(status, 1, "{one}{other}{text}");
        let (status, text) = view(&programs[0], &["diff", &traces[0], &traces[0]]);
        assert_eq!(status, 0, "{text}");
    }
    // The same code from elsewhere.
    let moved = [Program::new(SOURCE), Program::new(&format!("\n\n{SOURCE}"))];
    for program in &moved {
        record(program, "t.bct", &[], "x\nnot\n");
    }
    let traces = moved.each_ref().map(|program| program.path("t.bct").to_str().unwrap().to_owned());
    let (status, text) = view(&moved[0], &["diff", &traces[0], &traces[1]]);
    assert_eq!(status, 0, "{text}");
}

#[test]
fn containers_of_other_kinds_are_other_values() {
    let program = Program::new("import cPickle, sys\nx = cPickle.load(sys.stdin)\ny = x\nprint len(x)\n");
    for (trace, pickled) in [("list.bct", "(I1\nI2\nl."), ("tuple.bct", "(I1\nI2\nt."), ("dict.bct", "(I1\nI2\nd.")] {
        record(&program, trace, &[], pickled);
    }
    for other in ["tuple.bct", "dict.bct"] {
        let (status, text) = view(&program, &["diff", "list.bct", other]);
        assert_eq!(status, 1, "{text}");
        assert!(text.contains("[1, 2]"), "{text}");
    }
}

#[test]
fn runs_are_aligned_without_values_and_behind_a_longer_loop() {
    let program = Program::new(
        "\
import sys
def work(n):
    t = 0
    for i in range(n):
        t += i
    return t
work(int(sys.argv[1]))
def rest(n):
    return n + 1
for i in range(20):
    rest(i)
",
    );
    for (trace, count) in [("a.bct", "100"), ("b.bct", "140")] {
        assert_eq!(program.trace(&[], trace, &[count]).status, 0);
    }
    let (status, text) = view(&program, &["diff", "a.bct", "b.bct"]);
    assert_eq!(status, 1, "{text}");
    assert!(text.contains("they go on alike after 0 stretches of A and 41 of B"), "{text}");
    assert!(!text.contains("divergences in all"), "{text}");
    let (status, text) = view(&program, &["diff", "--window", "10", "a.bct", "b.bct"]);
    assert_eq!(status, 1);
    assert!(text.contains("not aligned again from instruction"), "{text}");
    assert_eq!(view(&program, &["diff", "a.bct", "missing.bct"]).0, 125);
}

#[test]
fn stretches_that_begin_alike_part_where_the_shorter_one_ends() {
    // Long enough that the other thread executes in the midst of it.
    let straight = "    found = 0\n".repeat(2000);
    let source = format!(
        "\
import sys, thread
def spin():
    while True:
        pass
def work(word):
{straight}    if word == 'b':
        found = 1
    return found
thread.start_new_thread(spin, ())
work(sys.argv[1])
"
    );
    let program = Program::new(&source);
    for word in ["a", "b"] {
        for (options, name) in [(&["--deterministic"][..], ""), (&["--deterministic", "--values"], "-values")] {
            assert_eq!(program.trace(options, &format!("{word}{name}.bct"), &[word]).status, 0);
        }
    }
    let parting = |traces: [&str; 2]| {
        let (status, text) = view(&program, &["diff", "-f", "json", traces[0], traces[1]]);
        assert_eq!(status, 1, "{text}");
        let objects = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let members = ["a_offset", "b_offset", "a_number", "b_number"];
        let objects = objects.filter(|object| object["thread"] == 0);
        let found = objects
            .filter(|object| object["type"] == "divergence")
            .map(|object| members.map(|member| object[member].as_u64()));
        found.collect::<Vec<_>>()
    };
    let without = parting(["a.bct", "b.bct"]);
    assert_eq!(without.len(), 1);
    assert_ne!(without[0][0], without[0][1], "the same instruction");
    assert_eq!(without, parting(["a-values.bct", "b-values.bct"]));
}
