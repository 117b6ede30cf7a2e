//! Running tools: what comes back, what a failure says, and where the output stays.

use std::fs;
use std::process::Command;

use super::build::command::run;

#[test]
fn a_command_returns_what_it_printed_and_reads_nothing() {
    let printed = run(Command::new("sh").args(["-c", "cat; echo out; echo err >&2; echo $LC_ALL"]), None).unwrap();
    assert_eq!(printed, b"out\nC\n");
}

#[test]
fn a_missing_program_is_distinguished_from_one_that_fails() {
    let missing = run(&mut Command::new("/nowhere/tool"), None).unwrap_err();
    assert!(missing.is_missing() && missing.to_string().contains("`/nowhere/tool` could not be started"), "{missing}");
    let failed = run(Command::new("sh").args(["-c", "echo one; echo two >&2; exit 3"]), None).unwrap_err();
    assert!(!failed.is_missing());
    assert_eq!(failed.to_string(), "`sh` ended with exit status: 3; its last lines are\ntwo");
    assert_eq!(failed.in_one_line(), "`sh` ended with exit status: 3: two");
}

#[test]
fn a_log_has_the_output_of_each_command_and_is_named_by_a_failure() {
    let scratch = tempfile::tempdir().unwrap();
    let log = scratch.path().join("log");
    run(Command::new("sh").args(["-c", "echo first"]), Some(&log)).unwrap();
    let failed = run(Command::new("sh").args(["-c", "seq 20; echo last >&2; exit 1"]), Some(&log)).unwrap_err();
    let text = failed.to_string();
    assert!(
        text.contains("\n20\nlast\n") && !text.contains("first") && text.ends_with(log.to_str().unwrap()),
        "{text}"
    );
    let kept = fs::read_to_string(&log).unwrap();
    assert!(kept.starts_with("first\n1\n") && kept.ends_with("20\nlast\n"), "{kept}");
}
