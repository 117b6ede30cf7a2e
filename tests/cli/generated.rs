//! What is generated from the description of the command line: completions and manual pages name what the help names.

use std::collections::BTreeSet;

use regex::Regex;

use super::Scratch;
use crate::running;

/// The long options in the help of a command.
fn options(command: &[&str]) -> BTreeSet<String> {
    let help = running::run(running::bctrace(command).arg("--help")).succeeded();
    // The interpreter's own help stands below ours.
    let help = help.split("The interpreter's own help:").next().unwrap();
    let option = Regex::new(r"(?m)^ +(?:-\w, )?(--[a-z][a-z-]*)").unwrap();
    option.captures_iter(help).map(|found| found[1].to_string()).collect()
}

const COMMANDS: [&str; 25] = [
    "show",
    "call",
    "calls",
    "compares",
    "strings",
    "tricks",
    "hot",
    "find",
    "diff",
    "layers",
    "tried",
    "clean",
    "edges",
    "info",
    "dis",
    "opmap",
    "list",
    "unpack",
    "asm",
    "python",
    "completions",
    "man",
    "report",
    "export",
    "triage",
];

#[test]
fn completions_of_each_shell_hold_every_option_and_command() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = running::run(&mut running::bctrace(["completions", shell])).succeeded();
        for command in COMMANDS {
            assert!(script.contains(command), "{shell}: no {command}");
            for option in options(&[command]).union(&options(&[])) {
                let name = option.trim_start_matches('-');
                assert!(script.contains(name), "{shell}: no {option}");
            }
        }
        assert!(!script.contains("value-stacks"), "{shell} shows a hidden option");
    }
}

#[test]
fn a_shell_that_is_not_known_is_a_usage_error_that_names_those_that_are() {
    let ran = running::run(&mut running::bctrace(["completions", "csh"]));
    assert_eq!((ran.status, ran.stdout().as_str()), (2, ""));
    assert!(ran.stderr().contains("bash") && ran.stderr().contains("zsh"), "{}", ran.stderr());
}

#[test]
fn manual_pages_have_every_option_examples_and_exit_statuses() {
    let main = running::run(&mut running::bctrace(["man"])).succeeded();
    assert!(main.starts_with(".TH BCTRACE 1") && main.contains(".SH \"EXIT STATUS\"\n"), "{main}");
    for command in COMMANDS {
        assert!(main.contains(&format!("bctrace\\-{command}(1)")), "{command} is not named");
        let page = running::run(&mut running::bctrace(["man", command])).succeeded();
        assert!(page.starts_with(&format!(".TH BCTRACE-{} 1", command.to_uppercase())), "{page}");
        assert!(page.contains(".SH EXAMPLES\n"), "{page}");
        let others = page.split(".SH \"SEE ALSO\"\n").nth(1).unwrap_or_else(|| panic!("{page}"));
        assert!(others.contains("bctrace(1)"), "{others}");
        for other in COMMANDS {
            assert_eq!(others.contains(&format!("bctrace\\-{other}(1)")), other != command, "{command}: {others}");
        }
        for option in options(&[command]) {
            assert!(page.contains(&option.replace('-', "\\-")), "{command}: no {option}");
        }
    }
    for option in options(&[]) {
        assert!(main.contains(&option.replace('-', "\\-")), "no {option}");
    }
}

#[test]
fn all_manual_pages_are_written_into_a_folder() {
    let scratch = Scratch::new();
    std::fs::create_dir(scratch.path("man1")).unwrap();
    scratch.run(["man", "-o", "man1"]).succeeded();
    let page = scratch.run(["man", "show"]).succeeded();
    assert_eq!(scratch.text("man1/bctrace-show.1"), page);
    assert!(scratch.path("man1/bctrace.1").exists());
    let ran = scratch.run(["man", "sow"]);
    assert_eq!((ran.status, ran.stdout().as_str()), (2, ""));
}

/// What bash offers for the last of these words, in a folder with some files.
fn offered(scratch: &Scratch, words: &[&str]) -> Vec<String> {
    const COMPLETE: &str = r#"source completions; COMP_WORDS=(bctrace "$@"); COMP_CWORD=$#; _bctrace
        for word in "${COMPREPLY[@]}"; do echo "$word"; done"#;
    let mut bash = std::process::Command::new("/bin/bash");
    bash.env_clear().args(["--norc", "-c", COMPLETE, "bash"]).args(words).current_dir(scratch.path("."));
    let mut offered: Vec<String> = running::run(&mut bash).succeeded().lines().map(str::to_string).collect();
    offered.sort();
    offered
}

#[test]
fn bash_completes_each_word_by_where_it_stands() {
    let scratch = Scratch::new();
    let script = scratch.run(["completions", "bash"]).succeeded();
    std::fs::write(scratch.path("completions"), script).unwrap();
    std::fs::create_dir(scratch.path("dir")).unwrap();
    std::fs::write(scratch.path("a b.pyc"), "").unwrap();
    let files = ["a b.pyc", "completions", "dir", "ok.pyc"].map(String::from);
    let mut all: Vec<String> = COMMANDS.map(String::from).into_iter().chain(files.clone()).collect();
    all.sort();
    assert_eq!(offered(&scratch, &[""]), all);
    assert_eq!(offered(&scratch, &["sh"]), ["show"]);
    for before in [&["show"][..], &["dis"], &["ok.pyc"], &["-q"], &["ok.pyc", "t.txt", "--"], &["show", "-r"]] {
        assert_eq!(offered(&scratch, &[before, &[""]].concat()), files, "{before:?}");
    }
    assert_eq!(offered(&scratch, &["dis", "ok"]), ["ok.pyc"]);
    assert_eq!(offered(&scratch, &["man", "s"]), ["show", "strings"]);
    assert_eq!(offered(&scratch, &["completions", ""]), ["bash", "elvish", "fish", "powershell", "zsh"]);
    assert_eq!(offered(&scratch, &["show", "--fo"]), ["--fold", "--follow", "--format"]);
    assert_eq!(offered(&scratch, &["--fo"]), ["--follow-forks", "--force", "--format"]);
    for words in [&["show", "--format", "js"][..], &["show", "--format", "=", "js"], &["-f", "js"]] {
        assert_eq!(offered(&scratch, words), ["jsonl"], "{words:?}");
    }
    assert_eq!(offered(&scratch, &["show", "--color", "="]), ["always", "auto", "never"]);
    assert_eq!(offered(&scratch, &["--dump-code", ""]), ["dir"]);
    assert_eq!(offered(&scratch, &["show", "--count", ""]), [""; 0]);
}
