//! Options: spellings, what they select, and the usage errors.

use super::Scratch;
use crate::running::{self, Ran};

/// Two functions, one of which calls the other.
const TWO: &str = "def inner(n):\n    return n\n\ndef outer(n):\n    return inner(n)\n\nouter(1)\n";

#[track_caller]
fn assert_usage_error(ran: &Ran, parts: &[&str]) {
    let message = ran.stderr();
    assert_eq!((ran.status, ran.stdout().as_str()), (2, ""), "{message}");
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
}

/// The names in a text trace, each once.
fn names(trace: &str) -> Vec<&str> {
    let mut names: Vec<&str> = trace.lines().map(|line| line.split("> ").next().unwrap()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[test]
fn only_without_a_name_is_a_usage_error_that_says_so() {
    let scratch = Scratch::new();
    for words in [&["-t", "only"][..], &["-t=only"], &["--trace", "only"], &["--trace=only"], &["-tonly"]] {
        let ran = scratch.run([words, &["ok.pyc", "t.txt"]].concat());
        assert_usage_error(&ran, &["-t only", "-n NAME", "Usage: bctrace"]);
    }
    assert_eq!(scratch.names(), ["ok.pyc"]);
}

#[test]
fn wrong_words_are_usage_errors() {
    let scratch = Scratch::new();
    assert_usage_error(&scratch.run::<[&str; 0]>([]), &["<FILE>", "<TRACEFILE>"]);
    assert_usage_error(&scratch.run(["ok.pyc"]), &["TRACEFILE"]);
    assert_usage_error(&scratch.run(["ok.pyc", ""]), &["TRACEFILE"]);
    assert_usage_error(&scratch.run(["ok.pyc", "t.txt", "more"]), &["more"]);
    assert_usage_error(&scratch.run(["-t", "some", "ok.pyc", "t.txt"]), &["some", "all", "only"]);
    assert_usage_error(&scratch.run(["-n"]), &["-n"]);
    assert_usage_error(&scratch.run(["-f", "html", "ok.pyc", "t.txt"]), &["html", "jsonl"]);
    assert_usage_error(&scratch.run(["--max-instructions", "-1", "ok.pyc", "t.txt"]), &[]);
    assert_usage_error(&scratch.run(["--timeout", "soon", "ok.pyc", "t.txt"]), &["soon"]);
    assert_eq!(scratch.names(), ["ok.pyc"]);
}

#[test]
fn a_name_filters_with_only_and_without() {
    let scratch = Scratch::with(TWO);
    let only = [["-t", "only", "-n", "inner"], ["-t=only", "-n=inner", "-q", "-q"]];
    scratch.run([&only[0][..], &["ok.pyc", "want.txt"]].concat()).succeeded();
    let want = scratch.text("want.txt");
    assert_eq!(want, "inner> 0 LOAD_FAST (0)\ninner> 3 RETURN_VALUE\n");
    for words in [
        &["-t=only", "-n=inner"][..],
        &["-n", "inner"],
        &["-ninner"],
        &["--name", "inner"],
        &["--name=inner"],
        &["-t", "all", "-n", "inner"],
    ] {
        scratch.run([words, &["ok.pyc", "t.txt"]].concat()).succeeded();
        assert_eq!(scratch.text("t.txt"), want, "{words:?}");
    }
    scratch.run(["ok.pyc", "t.txt", "-n", "inner"]).succeeded();
    assert_eq!(scratch.text("t.txt"), want, "options after the files");
}

#[test]
fn names_add_up() {
    let scratch = Scratch::with(TWO);
    scratch.run(["-n", "inner", "-n", "<module>", "ok.pyc", "t.txt"]).succeeded();
    assert_eq!(names(&scratch.text("t.txt")), ["<module>", "inner"]);
}

#[test]
fn of_an_option_with_one_value_the_last_wins() {
    let scratch = Scratch::with(TWO);
    scratch.run(["ok.pyc", "want.bct"]).succeeded();
    let words = "-r -r -f jsonl -f text --max-instructions 1 --max-instructions 500 --timeout 1s --timeout 60s --values \
        --value-width 1 --value-width 2 --stop-at inner --stop-at nowhere -t only -n inner -t all -q -q";
    let words: Vec<&str> = words.split_whitespace().chain(["ok.pyc", "t.txt"]).collect();
    scratch.run(words).succeeded();
    assert_eq!(names(&scratch.text("t.txt")), ["inner"]);
    let shown =
        scratch.run(["show", "--from", "9", "--from", "1", "--count", "1", "--count", "2", "want.bct"]).succeeded();
    assert_eq!(shown.lines().count(), 2);
    scratch.run(["info", "-f", "json", "-f", "text", "want.bct"]).succeeded();
}

#[test]
fn resolved_operands_show_what_they_mean() {
    let scratch = Scratch::with(TWO);
    scratch.run(["-r", "-n", "outer", "ok.pyc", "t.txt"]).succeeded();
    assert_eq!(
        scratch.text("t.txt"),
        "outer> 0 LOAD_GLOBAL (inner)\nouter> 3 LOAD_FAST (n)\nouter> 6 CALL_FUNCTION (1)\nouter> 9 RETURN_VALUE\n"
    );
}

#[test]
fn the_version_names_the_commit_the_target_the_vm_its_libraries_and_the_format() {
    for option in ["-V", "--version"] {
        let text = running::run(&mut running::bctrace([option])).succeeded();
        let line = |start: &str| text.lines().find_map(|line| line.strip_prefix(start)).expect(&text).to_string();
        assert_eq!(line("bctrace "), env!("CARGO_PKG_VERSION"));
        assert!(["12 digits", "unknown"].contains(&shape_of(&line("commit ")).as_str()), "{text}");
        assert!(line("target ").starts_with(std::env::consts::ARCH), "{text}");
        assert_eq!(line("CPython "), "2.7.18, patched");
        assert!(line("built in: ").starts_with("zlib, bz2, _sqlite3"), "{text}");
        assert!(line("trace format ").parse::<u32>().is_ok(), "{text}");
    }
}

fn shape_of(commit: &str) -> String {
    match commit.chars().all(|digit| digit.is_ascii_hexdigit()) {
        true => format!("{} digits", commit.len()),
        false => commit.to_string(),
    }
}

/// Every command; the main one's name is no word.
const COMMANDS: [&[&str]; 26] = [
    &[],
    &["show"],
    &["call"],
    &["calls"],
    &["compares"],
    &["strings"],
    &["tricks"],
    &["hot"],
    &["find"],
    &["diff"],
    &["layers"],
    &["tried"],
    &["edges"],
    &["info"],
    &["report"],
    &["export"],
    &["triage"],
    &["dis"],
    &["clean"],
    &["opmap"],
    &["list"],
    &["unpack"],
    &["asm"],
    &["python"],
    &["completions"],
    &["man"],
];

#[test]
fn help_shows_each_option_with_examples() {
    for option in ["-h", "--help"] {
        let text = running::run(&mut running::bctrace([option])).succeeded();
        assert!(text.starts_with("Trace every bytecode instruction"), "{text}");
        for part in ["--trace", "--name", "--resolve", "--quiet", "Examples:", "bctrace factorial.pyc trace.txt"] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }
    let text = running::run(&mut running::bctrace(["--help"])).succeeded();
    assert!(text.contains("really runs") && text.contains("in a sandbox"), "{text}");
    assert!(text.contains("\n  125  "), "{text}");
}

#[test]
fn every_command_describes_itself_with_two_examples() {
    for command in COMMANDS {
        let text = running::run(running::bctrace(command).arg("--help")).succeeded();
        let text = text.split("The interpreter's own help:").next().unwrap();
        let (above, examples) = text.split_once("Examples:\n").unwrap_or_else(|| panic!("no examples: {text}"));
        let call = format!("  {}", ["bctrace"].iter().chain(command).copied().collect::<Vec<_>>().join(" "));
        let count = examples.lines().filter(|line| line.starts_with(&call)).count();
        assert!(count >= 2, "{command:?}: {count} examples");
        let description = above.split("Usage:").next().unwrap();
        assert!(description.trim().matches("\n\n").count() >= 1, "{command:?} is described in one line only: {above}");
    }
}

#[test]
fn short_help_fits_into_80_columns() {
    for command in COMMANDS.iter().filter(|command| **command != ["python"]) {
        let text = running::run(running::bctrace(*command).arg("-h")).succeeded();
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{command:?}: {line}");
        }
    }
}

#[test]
fn help_is_written_in_one_line_for_each_option() {
    let text = running::run(&mut running::bctrace(["-h"])).succeeded();
    // A continued description begins further to the right.
    let is_option = |line: &&str| line.trim_start().starts_with('-') && line.find('-') < Some(8);
    let options = text.lines().filter(is_option);
    for line in options {
        let described = line.trim().split("  ").filter(|part| !part.is_empty()).count();
        assert!(described > 1, "no description beside the option: {line}");
    }
}

#[test]
fn a_quiet_run_says_nothing_of_its_own() {
    let scratch = Scratch::with("import os; os.kill(os.getpid(), 9)");
    let loud = scratch.run(["ok.pyc", "t.txt"]);
    assert!(loud.stderr().contains("killed by SIGKILL"), "{}", loud.stderr());
    for option in ["-q", "--quiet"] {
        let quiet = scratch.run([option, "ok.pyc", "t.txt"]);
        assert_eq!((quiet.status, quiet.stderr().as_str()), (137, ""));
    }
}

#[test]
fn nothing_is_said_where_the_program_simply_ended() {
    let scratch = Scratch::new();
    assert_eq!(scratch.run(["ok.pyc", "t.txt"]).stderr(), "");
}
