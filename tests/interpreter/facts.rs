//! What an interpreter says of itself: the same as a plain one's, recorded or not.

use std::path::Path;
use std::process::Command;

use crate::running;

/// What facts.py prints, in an environment that both interpreters have.
fn facts(mut command: Command) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interpreter");
    command.args(["-s", "facts.py"]).current_dir(folder);
    running::run(command.env_clear().env("HOME", "/").env("PATH", "/usr/bin:/bin")).succeeded()
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
    recorded.arg(scratch.path().join("trace.bct"));
    assert_same(&facts(recorded), &facts(running::bctrace(["python"])));
}

#[track_caller]
fn assert_same(one: &str, other: &str) {
    for (one, other) in one.lines().zip(other.lines()) {
        assert_eq!(one, other);
    }
    assert_eq!(one.lines().count(), other.lines().count());
}
