//! What people type that is nearly right: each mistake is refused before anything runs, with status 2 and what to type instead.

use std::fs;

use super::Scratch;
use crate::running::Ran;

#[track_caller]
fn assert_usage(ran: &Ran, parts: &[&str]) {
    let message = ran.stderr();
    assert_eq!((ran.status, ran.stdout().as_str()), (2, ""), "{message}");
    assert!(message.starts_with("error: "), "{message}");
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
}

#[test]
fn a_command_that_is_nearly_one_is_proposed() {
    let scratch = Scratch::new();
    scratch.run(["-q", "ok.pyc", "t.bct"]).succeeded();
    let cases: [(&[&str], &str); 9] = [
        (&["sho"], "`bctrace show`"),
        (&["sho", "t.bct"], "`bctrace show`"),
        (&["-q", "sho", "t.bct"], "`bctrace show`"),
        (&["sho", "-r", "--from", "3", "t.bct"], "`bctrace show`"),
        (&["ifno", "t.bct"], "`bctrace info`"),
        (&["help"], "`bctrace --help`"),
        (&["help", "dis"], "`bctrace dis --help`"),
        (&["version"], "`bctrace --version`"),
        (&["trace"], "`bctrace FILE TRACEFILE`"),
    ];
    for (words, line) in cases {
        let ran = scratch.run(words);
        // An option of `show` is none of a recording; clap proposes the command itself.
        if !words.contains(&"--from") {
            assert_usage(&ran, &[line]);
        }
    }
    // A file of that name is the program.
    fs::copy(scratch.path("ok.pyc"), scratch.path("help")).unwrap();
    assert_eq!(scratch.run(["-q", "help", "t.txt"]).succeeded(), "hello\n");
}

#[test]
fn suffixes_of_other_forms_are_refused_unless_a_form_is_named() {
    let scratch = Scratch::new();
    let cases = [
        ("t.json", ".jsonl"),
        ("t.Json", ".jsonl"),
        ("t.txt.xz", ".zst or .gz"),
        ("t.bz2", ".zst or .gz"),
        ("t.zip", ".zst or .gz"),
        ("t.parquet", "record a .bct"),
    ];
    for (trace, part) in cases {
        assert_usage(&scratch.run(["ok.pyc", trace]), &[trace, part, "-f"]);
        assert_usage(&scratch.run(["python", "--trace-to", trace, "-c", "print 1"]), &[trace, part]);
    }
    assert_eq!(scratch.names(), ["ok.pyc"]);
    scratch.run(["-q", "-f", "text", "ok.pyc", "t.xz"]).succeeded();
    assert!(scratch.text("t.xz").starts_with("<module>> 0 "));
    scratch.run(["-q", "ok.pyc", "T.BCT.ZST"]).succeeded();
    assert_eq!(scratch.run(["show", "T.BCT.ZST"]).succeeded(), scratch.text("t.xz"));
}

#[test]
fn values_that_cannot_be_read_are_explained_with_an_example() {
    let scratch = Scratch::new();
    let cases = [
        ("--max-instructions=few", "10k"),
        ("--max-instructions=-1", "negative"),
        ("--max-size=big", "500M"),
        ("--timeout=soon", "30s"),
        ("--timeout=0s", "no time"),
        ("--value-width=1001", "from 0 to 1000"),
        ("--match=[", "'^get_"),
        ("--file=[", "'*/lib/"),
        ("--start-at=f:99999999999", "main:12"),
    ];
    for (option, part) in cases {
        let (name, value) = option.split_once('=').unwrap();
        assert_usage(&scratch.run(["--values", option, "ok.pyc", "t.txt"]), &[name, value, part]);
    }
    for (option, part) in [("--from=x", "1_000_000"), ("--thread=1.5", "10k"), ("--max-depth=99999999999", "too large")]
    {
        assert_usage(&scratch.run(["show", option, "t.bct"]), &[part]);
    }
    assert_usage(&scratch.run(["show", "--from", "9", "--to", "3", "t.bct"]), &["--to 3 comes before --from 9"]);
    assert_usage(&scratch.run(["show", "-f", "bct", "-n", "f", "t.bct"]), &["whole trace"]);
    let limits = ["--max-instructions", "0.003k", "--max-size", "10k", "--timeout", "1h30m"];
    assert_eq!(scratch.run([&limits[..], &["-q", "ok.pyc", "t.txt"]].concat()).status, 123);
    assert_eq!(scratch.text("t.txt").lines().count(), 3);
}

#[test]
fn errors_of_the_system_have_no_numbers() {
    let scratch = Scratch::new();
    for words in [
        &["none.pyc", "t.txt"][..],
        &["show", "none.bct"],
        &["dis", "none.pyc"],
        &["--path", "none", "ok.pyc", "t.txt"],
    ] {
        let ran = scratch.run(words);
        assert_eq!(ran.status, 125);
        assert!(ran.stderr().ends_with(": No such file or directory\n"), "{}", ran.stderr());
    }
}
