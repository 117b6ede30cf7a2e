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

const COMMANDS: [&str; 9] = ["show", "calls", "compares", "layers", "info", "dis", "python", "completions", "man"];

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
        assert!(page.contains(".SH EXAMPLES\n") && page.contains(".SH \"SEE ALSO\"\n"), "{page}");
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
