//! The views that are made of values: comparisons, and the tree of calls.

mod calls;
mod compares;

use regex::Regex;

use crate::live::Program;

/// A recorded program, as `t.bct`.
fn recorded(source: &str) -> Program {
    let program = Program::new(source);
    let ran = program.trace(&["--values"], "t.bct", &[]);
    assert_eq!(ran.status, 0, "{}", ran.stderr());
    program
}

/// Text without the numbers of objects.
pub fn without_numbers(text: &str) -> String {
    Regex::new(r" #\d+(>| of )").unwrap().replace_all(text, "$1").into_owned()
}

/// The objects of JSON lines after the first, which must be the view's own.
fn objects(lines: &str, view: &str) -> Vec<serde_json::Value> {
    let mut objects = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let head = objects.next().unwrap();
    assert_eq!((&head["type"], &head["view"], &head["version"]), (&"view".into(), &view.into(), &1.into()));
    objects.collect()
}

#[test]
fn depth_indents_the_text() {
    let program = recorded("def f():\n    return 1\nf()\n");
    let text = program.show(&["--depth", "--no-values", "-n", "f", "-n", "<module>"], "t.bct");
    assert!(
        text.contains(
            "\n<module>> 12 CALL_FUNCTION (0)\n  f> 0 LOAD_CONST (1)\n  f> 3 RETURN_VALUE\n<module>> 15 POP_TOP\n"
        ),
        "{text}"
    );
}

#[test]
fn a_view_of_values_refuses_a_trace_without() {
    let program = Program::new("print 1 + 1");
    program.trace(&[], "t.bct", &[]);
    for view in ["compares", "calls"] {
        let shown = crate::live::run(program.command([view, "t.bct"]));
        crate::live::assert_failed(&shown, &["t.bct", "without values", "--values"]);
    }
}
