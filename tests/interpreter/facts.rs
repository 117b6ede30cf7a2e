//! What an interpreter says of itself: the same as a plain one's, recorded or not.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::running;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interpreter")
}

/// What facts.py prints.
fn facts(mut command: Command) -> String {
    printed(command.arg("facts.py").current_dir(folder()), None)
}

/// What is printed in an environment that all interpreters have, with a variable of Python's own.
fn printed(command: &mut Command, variable: Option<&str>) -> String {
    command.env_clear().env("HOME", "/").env("PATH", "/usr/bin:/bin").envs(variable.map(|name| (name, "1")));
    running::run(command).succeeded()
}

#[test]
fn an_interpreter_says_of_itself_what_a_plain_one_says() {
    let Some(python) = crate::plain::plain() else { return };
    let plain = facts(Command::new(python));
    assert!(plain.lines().count() > 40, "{plain}");
    assert_same(&facts(running::bctrace(["python"])), &plain);
}

#[test]
fn a_recorded_interpreter_says_what_one_that_is_not_says() {
    let scratch = tempfile::tempdir().unwrap();
    let mut recorded = running::bctrace(["python", "--trace-to"]);
    recorded.arg(scratch.path().join("trace.bct")).arg("--no-sandbox");
    assert_same(&facts(recorded), &facts(running::bctrace(["python"])));
}

#[test]
fn a_traced_program_sees_what_it_would_see_in_a_plain_interpreter() {
    let Some(python) = crate::plain::plain() else { return };
    let source = String::from_utf8(running::read(&folder().join("facts.py"))).unwrap();
    let (scratch, _) = running::compiled(&source, "facts.pyc");
    for variable in [None, Some("PYTHONNOUSERSITE"), Some("PYTHONINSPECT"), Some("PYTHONPATH")] {
        let plain = printed(Command::new(&python).arg("facts.pyc").current_dir(&scratch), variable);
        let traced =
            printed(running::bctrace(["-q", "--no-sandbox", "facts.pyc", "trace.bct"]).current_dir(&scratch), variable);
        assert_same(&traced, &plain);
    }
}

#[track_caller]
fn assert_same(one: &str, other: &str) {
    for (one, other) in one.lines().zip(other.lines()) {
        assert_eq!(one, other);
    }
    assert_eq!(one.lines().count(), other.lines().count());
}
