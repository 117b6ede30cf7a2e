//! What people type that is nearly right: each mistake is refused before anything runs, with status 2 and what to type instead.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use super::Scratch;
use crate::running::{self, Ran};

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
        assert_usage(&scratch.run(words), &[line]);
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
        ("t.pyc", "a program"),
        ("t.py", "a program"),
        ("t.PYO.zst", "a program"),
        ("t.bct.zst.gz", "two suffixes"),
        ("t.gz.gz", "two suffixes"),
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
        ("--max-memory=512", "less than the 16MiB that Python itself needs"),
        ("--timeout=soon", "30s"),
        ("--timeout=0s", "no time"),
        ("--timeout=99999999999h", "the longest time is 500 years"),
        ("--max-size=99999999999t", "the largest size"),
        ("--value-width=x", "from 0 to 1000"),
        ("--match=*.py", "before the * at character 1 to repeat; did you mean --file?"),
        ("--match=a(", "the ( at character 2 is not closed"),
        ("--value-width=1001", "from 0 to 1000"),
        ("--match=[", "'^get_"),
        ("--file=[", "'*/lib/"),
        ("--start-at=f:99999999999", "main:12"),
    ];
    for (option, part) in cases {
        let (name, value) = option.split_once('=').unwrap();
        assert_usage(&scratch.run(["--values", option, "ok.pyc", "t.txt"]), &[name, value, part]);
    }
    for (option, part) in [
        ("--from=x", "1_000_000"),
        ("--from=0", "counted from 1"),
        ("--to=0", "counted from 1"),
        ("--count=1_", "1_000_000"),
        ("--count=_1", "1_000_000"),
        ("--thread=main", "as in 0 or 12"),
        ("--max-depth=x", "as in 0 or 12"),
        ("--max-depth=99999999999", "too large"),
    ] {
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

#[test]
fn a_command_without_its_file_says_which_file_it_needs() {
    let scratch = Scratch::new();
    let cases: [(&[&str], &str); 19] = [
        (&["asm"], "bctrace asm needs a listing and a file to write: bctrace asm listing.txt program.pyc"),
        (&["asm", "x"], "bctrace asm needs a file to write: bctrace asm listing.txt program.pyc"),
        (&["diff"], "bctrace diff needs a trace and another trace: bctrace diff one.bct other.bct"),
        (&["diff", "a.bct"], "bctrace diff needs another trace: bctrace diff one.bct other.bct"),
        (&["find", "a.bct"], "bctrace find needs a value: bctrace find trace.bct 42"),
        (&["call", "x.pyc", "f"], "bctrace call needs a file for the trace: bctrace call program.pyc decode trace.txt"),
        (&["edges"], "bctrace edges needs a trace: bctrace edges trace.bct"),
        (&["show"], "bctrace show needs a trace: bctrace show trace.bct"),
        (&["show", "-r", "--count", "3"], "bctrace show needs a trace: bctrace show trace.bct"),
        (&["calls"], "bctrace calls needs a trace: bctrace calls trace.bct"),
        (&["compares"], "bctrace compares needs a trace: bctrace compares trace.bct"),
        (&["layers"], "bctrace layers needs a trace: bctrace layers trace.bct"),
        (&["tried"], "bctrace tried needs a trace: bctrace tried trace.bct"),
        (&["info"], "bctrace info needs a trace: bctrace info trace.bct"),
        (&["dis"], "bctrace dis needs a program: bctrace dis program.pyc"),
        (&["completions"], "bctrace completions needs a shell: bctrace completions bash"),
        (&[], "bctrace needs a program and a file for its trace: bctrace program.pyc trace.txt"),
        (&["ok.pyc"], "bctrace needs a file for the trace too: bctrace ok.pyc trace.txt"),
        (&["t.bct"], "t.bct looks like a trace; print it with `bctrace show t.bct`"),
    ];
    for (words, message) in cases {
        let ran = scratch.run(words);
        assert_usage(&ran, &[message, "Usage: bctrace"]);
        assert!(!ran.stderr().contains("did you mean"), "{}", ran.stderr());
    }
    let usage = scratch.run::<[&str; 0]>([]).stderr();
    assert!(usage.contains("<FILE> <TRACEFILE>") && usage.contains("bctrace <COMMAND>"), "{usage}");
    assert_usage(&scratch.run(["-q", "show", "t.bct"]), &["the command must be the first word: `bctrace show ...`"]);
}

#[test]
fn an_error_about_an_option_of_another_command_names_that_command() {
    let scratch = Scratch::new();
    let cases: [(&[&str], &str); 10] = [
        (
            &["--color", "always"],
            "--color is an option of show, calls, compares, strings, tricks, hot, find, diff, layers, tried, edges, info, dis and list",
        ),
        (&["--color=always", "ok.pyc", "t.txt"], "--color is an option of show,"),
        (
            &["layers", "--from", "3", "t.bct"],
            "--from is an option of show, calls, compares, strings, tricks, hot, find and tried",
        ),
        (
            &["tried", "--max-depth", "3", "t.bct"],
            "--max-depth is an option of show, calls, compares, strings, tricks, hot and find",
        ),
        (&["dis", "--values", "ok.pyc"], "--values is an option of a recording"),
        (&["show", "--calls", "t.bct"], "calls is a command: bctrace calls trace.bct"),
        (&["show", "--compares", "t.bct"], "compares is a command: bctrace compares trace.bct"),
        (&["show", "--layers", "t.bct"], "layers is a command: bctrace layers trace.bct"),
        (&["--valeus", "ok.pyc", "t.txt"], "a similar argument exists: '--values'"),
        (&["show", "--bogus", "t.bct"], "unexpected argument '--bogus' found"),
    ];
    for (words, tip) in cases {
        let ran = scratch.run(words);
        assert_usage(&ran, &[tip]);
        assert!(!ran.stderr().contains("as a value"), "{}", ran.stderr());
        assert_eq!(
            ran.stderr().matches("tip:").count(),
            usize::from(!tip.starts_with("unexpected")),
            "{}",
            ran.stderr()
        );
    }
}

#[test]
fn an_error_about_the_programs_arguments_says_to_put_them_after_two_dashes() {
    let scratch = Scratch::new();
    let cases: [(&[&str], &str); 5] = [
        (&["ok.pyc", "x.txt", "y", "z"], ": bctrace ok.pyc x.txt -- y z\n"),
        (&["ok.pyc", "y", "y"], ": bctrace ok.pyc y -- y\n"),
        (&["-n", "f", "ok.pyc", "-r", "x.txt", "a b", "-v"], ": bctrace -n f ok.pyc -r x.txt -- 'a b' -v\n"),
        (&["ok.pyc", "b.pyc", "c.pyc"], ": bctrace ok.pyc b.pyc -- c.pyc\n"),
        (&["ok.pyc", "x.txt", "\x1b[31m"], r": bctrace ok.pyc x.txt -- $'\033[31m'"),
    ];
    for (words, line) in cases {
        assert_usage(&scratch.run(words), &["arguments of the program come after `--`", line]);
    }
    for first in ["run", "trace", "record"] {
        assert_usage(&scratch.run([first, "ok.pyc", "b.txt"]), &["did you mean `bctrace FILE TRACEFILE`?"]);
    }
    assert_eq!(scratch.names(), ["ok.pyc"]);
}

#[test]
fn words_in_another_order_are_put_right() {
    let scratch = Scratch::new();
    scratch.run(["-q", "ok.pyc", "t.bct"]).succeeded();
    let cases: [(&[&str], &str); 4] = [
        (&["t.bct", "find", "salta"], "t.bct is a trace: bctrace find t.bct salta\n"),
        (&["t.bct", "show", "-r", "--count", "3"], "t.bct is a trace: bctrace show t.bct -r --count 3\n"),
        (&["find", "salta", "t.bct"], "the trace comes first: bctrace find t.bct salta\n"),
        (&["report", "t.bct", "page.html"], "the page is named with -o: bctrace report t.bct -o page.html\n"),
    ];
    for (words, line) in cases {
        assert_usage(&scratch.run(words), &[line]);
    }
    fs::create_dir(scratch.path("folder")).unwrap();
    for words in [["triage", "folder", "-o", "out"], ["report", "folder", "-o", "r.html"]] {
        let ran = scratch.run(words);
        assert!(ran.status == 125 && ran.stderr().contains("folder: it is a folder; name a "), "{}", ran.stderr());
    }
}

#[test]
fn words_are_shown_as_they_were_typed_and_cannot_write_to_the_terminal() {
    let scratch = Scratch::new();
    let cases: [(&[&[u8]], &str); 10] = [
        (&[b"completions", b"ba\x1b[31msh"], r"'ba\x1b[31msh'"),
        (&[b"completions", b"ba\xff"], r"'ba\xff'"),
        (&[b"show", b"--count", b"1\x1b[31m", b"t"], r"'1\x1b[31m' for '--count <N>'"),
        (&[b"show", b"--count", b"X\xff", b"t"], r"'X\xff' for '--count <N>'"),
        (&[b"show", b"--count=X\xff\xc3\xbc", b"t"], r"'X\xffü' for '--count <N>'"),
        (&[b"show", b"--match", b"\x1b(", b"t"], r"'\x1b(' for '--match <REGEX>': the ( at character 2"),
        (&[b"--b\x1b[31mogus", b"a", b"b"], r"'--b\x1b[31mogus'"),
        (&[b"--b\xffogus", b"a", b"b"], r"'--b\xffogus'"),
        (&[b"man", b"s\x9bow\xe2\x80\xae"], r"'s\x9bow\xe2\x80\xae' is not UTF-8"),
        (&[b"man", b"s\x1bow\xe2\x80\xae"], r"'s\x1bow\xe2\x80\xae' for '[COMMAND]'"),
    ];
    for (words, shown) in cases {
        let ran = scratch.run(words.iter().map(|word| OsStr::from_bytes(word)));
        assert_usage(&ran, &[shown]);
        let said = ran.stderr();
        assert!(!said.contains(|one: char| one.is_control() && one != '\n'), "{said:?}");
        assert!(!said.contains('\u{202e}'), "{said:?}");
    }
}

#[test]
fn errors_of_a_recorded_interpreter_show_its_usage() {
    let scratch = Scratch::new();
    let cases: [(&[&str], &str); 4] = [
        (&["-tt", "-c", "pass"], "if it is the interpreter's -t, put `--` before it"),
        (&["-t", "only", "-c", "pass"], "`-t only` needs at least one -n NAME"),
        (&["--max-size", "big", "-c", "pass"], "500M"),
        (&["--valeus", "-c", "pass"], "'--values'"),
    ];
    for (words, part) in cases {
        let ran = scratch.run([&["python", "--trace-to", "x.txt"], words].concat());
        assert_usage(&ran, &[part, "bctrace python --trace-to <TRACEFILE>"]);
        assert!(!ran.stderr().contains("<FILE>"), "{}", ran.stderr());
    }
    let ran = scratch.run(["-t", "only", "ok.pyc", "t.txt"]);
    assert_usage(&ran, &["`-t only` needs", "<FILE> <TRACEFILE>"]);
}

#[test]
fn a_path_that_is_neither_a_folder_nor_a_zip_is_refused() {
    let scratch = Scratch::new();
    fs::write(scratch.path("p.py"), "X = 1").unwrap();
    fs::write(scratch.path("empty.zip"), "").unwrap();
    for path in ["p.py", "ok.pyc", "empty.zip"] {
        let ran = scratch.run(["--path", path, "ok.pyc", "t.txt"]);
        let want = format!("bctrace: cannot use --path {path}: it is neither a folder nor a zip\n");
        assert_eq!((ran.status, ran.stderr()), (125, want));
    }
}

#[test]
fn a_page_of_a_command_that_is_nearly_one_is_proposed() {
    let ran = running::run(&mut running::bctrace(["man", "sho"]));
    assert_usage(&ran, &["'sho'", "'show'", "bctrace man"]);
}
