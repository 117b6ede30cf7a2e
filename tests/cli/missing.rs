//! What is asked for and not there: each value is named, with what could have been meant, in every command that takes it.

use super::Scratch;
use crate::running::Ran;

/// `check` calls `work`, which runs in a thread too.
const SOURCE: &str = "import threading
def work(n):
    return [i * n for i in range(n)]
def check(text):
    work(2)
    return text == 'x'
thread = threading.Thread(target=work, args=(3,))
thread.start()
thread.join()
check('abc')
";

#[track_caller]
fn assert_said(ran: &Ran, lines: &[&str]) {
    let said = ran.stderr();
    assert_eq!(said.lines().count(), lines.len(), "{said}");
    for (line, part) in said.lines().zip(lines) {
        assert!(line.starts_with("bctrace: ") && line.contains(part), "{part:?} is not in: {line}");
    }
}

#[test]
fn a_recording_names_each_value_that_no_code_object_matches() {
    let scratch = Scratch::with(SOURCE);
    let cases: [(&[&str], &[&str]); 13] = [
        (&["-n", ""], &["nothing was recorded: -n '' matches no code object"]),
        (&["--start-at", ""], &["nothing was recorded: --start-at '' was never reached"]),
        (&["-n", "check", "-n", "chek"], &["-n chek matches no code object that ran; the closest name"]),
        (&["-n", "wrok"], &["nothing was recorded: -n wrok matches no code object that ran; the closest name"]),
        (&["-n", "check", "--match", "^zz"], &["nothing was recorded: --match ^zz matches no code object that ran"]),
        (
            &["--file", "ok.p", "--file", "ok.py"],
            &["--file ok.p matches no code object that ran; the closest file name is ok.py"],
        ),
        (
            &["-n", "check", "--file", "*/threading.py"],
            &["nothing was recorded: no code object that ran matches all of the filters"],
        ),
        (
            &["--start-at", "chekc"],
            &[
                "nothing was recorded: --start-at chekc was never reached: no code object of that name ran; the closest name",
            ],
        ),
        (&["--start-at", "check:1"], &["--start-at check:1 was never reached: no instruction begins at that offset"]),
        (&["--start-at", "check:4_0"], &["--start-at check:4_0 was never reached: no code object of that name"]),
        (
            &["--start-at", "check", "-n", "<module>", "--no-stdlib", "--max-instructions", "100"],
            &["nothing was recorded", "stopped by"],
        ),
        (
            &["--stop-at", "wrk"],
            &["--stop-at wrk was never reached: no code object of that name ran; the closest name"],
        ),
        (
            &["--stop-at", "work:1", "--timeout", "1h"],
            &["--stop-at work:1 was never reached: no instruction begins at that offset"],
        ),
    ];
    for (options, lines) in cases {
        let ran = scratch.run([options, &["ok.pyc", "t.txt"]].concat());
        if options.contains(&"--max-instructions") {
            continue;
        }
        assert_eq!(ran.status, 0, "{options:?}");
        assert_said(&ran, lines);
        let quiet = scratch.run([&["-q"], options, &["ok.pyc", "t.txt"]].concat());
        assert_eq!(quiet.stderr(), ran.stderr(), "a quiet run warns too");
    }
    assert_said(&scratch.run(["-n", "check", "-n", "<module>", "ok.pyc", "t.txt"]), &[]);
}

#[test]
fn readers_name_each_part_of_a_selection_that_nothing_matches() {
    let scratch = Scratch::with(SOURCE);
    scratch.run(["-q", "--values", "ok.pyc", "t.bct"]).succeeded();
    scratch.run(["-q", "--values", "ok.pyc", "t.bct.zst"]).succeeded();
    let filter: [(&[&str], &[&str]); 5] = [
        (&["-n", "nosuch"], &["-n nosuch matches no code object in the trace; `bctrace info` lists the names"]),
        (&["-n", "chek", "-n", "work"], &["-n chek matches no code object in the trace; the closest name"]),
        (&["--match", "^a$", "--match", "^b$"], &["--match ^a$ matches", "--match ^b$ matches"]),
        (&["--file", "*.pyx"], &["--file *.pyx matches no code object in the trace"]),
        (&["-n", "check", "--file", "*/threading.py"], &["no instruction matches all of -n and --file"]),
    ];
    let place: [(&[&str], &[&str]); 7] = [
        (&["--thread", "7", "--thread", "0"], &["--thread 7 matches nothing: the threads are 0 to 1"]),
        (&["--from", "1M"], &["--from 1,000,000 is beyond the end: the last instruction is number "]),
        (&["-n", "work", "--max-depth", "0"], &["--max-depth 0 leaves nothing: the lowest depth is"]),
        (&["-n", "check", "--thread", "1"], &["no instruction matches all of -n and --thread"]),
        (&["-n", "check", "--to", "3"], &["no instruction matches all of -n and --to"]),
        (&["-n", "check", "--from", "3"], &[]),
        (&["--from", "3", "--to", "20k"], &[]),
    ];
    for trace in ["t.bct", "t.bct.zst"] {
        // The program tries nothing, so `tried` has an answer to no part.
        for command in ["show", "calls", "compares", "layers"] {
            for (options, lines) in filter.iter().chain(if command == "layers" { &[][..] } else { &place }) {
                let ran = scratch.run([&[command], *options, &[trace]].concat());
                assert_eq!(ran.status, 0, "{command} {options:?} {trace}");
                assert_said(&ran, lines);
            }
        }
    }
    // A window does not hide that there is no such name.
    assert_said(&scratch.run(["show", "-n", "chek", "--from", "5", "--to", "7", "t.bct"]), &["-n chek matches no"]);
    assert_said(&scratch.run(["show", "-n", "work", "--count", "1", "t.bct"]), &[]);
    assert_said(&scratch.run(["show", "-n", "work", "-n", "wrk", "--count", "1", "t.bct"]), &["-n wrk matches no"]);
}

#[test]
fn a_listing_names_each_value_that_no_code_object_matches() {
    let scratch = Scratch::with(SOURCE);
    let ran = scratch.run(["dis", "--format", "lines", "-n", "check", "-n", "chek", "ok.pyc"]);
    assert!(ran.stdout().starts_with("# check, file"));
    assert_said(&ran, &["-n chek matches no code object of the program; the closest name"]);
    let ran = scratch.run(["dis", "-n", "check", "--match", "work", "ok.pyc"]);
    assert_said(&ran, &["no code object of the program matches all of the filters"]);
}

#[test]
fn what_another_process_ran_is_not_missed() {
    let scratch = Scratch::with("import os\ndef child(): pass\nif os.fork():\n    os.wait()\nelse:\n    child()\n");
    let ran = scratch.run(["--follow-forks", "-n", "child", "-n", "chidl", "ok.pyc", "t.bct"]);
    assert_eq!(ran.status, 0);
    assert_said(&ran, &["-n chidl matches no code object that ran"]);
}

#[test]
fn a_stretch_that_is_the_shutdown_alone_is_named() {
    let scratch = Scratch::with("import abc\nclass A(object):\n    __metaclass__ = abc.ABCMeta\n");
    for options in [&["--values"][..], &["--values", "--shutdown"]] {
        scratch.run([options, &["-q", "ok.pyc", "t.bct"]].concat()).succeeded();
        let info = scratch.run(["info", "--format", "json", "t.bct"]).succeeded();
        let number = |name: &str| -> u64 {
            let info: serde_json::Value = serde_json::from_str(&info).unwrap();
            info[name].as_u64().unwrap_or_else(|| panic!("no {name} in {info}"))
        };
        let (executed, recorded) = (number("executed"), number("recorded"));
        if options.contains(&"--shutdown") {
            assert_eq!(executed, recorded);
            assert_said(&scratch.run(["show", "--from", &executed.to_string(), "t.bct"]), &[]);
            continue;
        }
        assert!(executed > recorded, "nothing was left out: {info}");
        let (first, last) = ((recorded + 1).to_string(), executed.to_string());
        let said =
            format!("matches --from: {} to {} are the interpreter's own shutdown", grouped(&first), grouped(&last));
        for command in ["show", "calls", "compares"] {
            assert_said(&scratch.run([command, "--from", &first, "t.bct"]), &[&said]);
            let beyond = (executed + 1).to_string();
            assert_said(
                &scratch.run([command, "--from", &beyond, "t.bct"]),
                &["is beyond the end: the last instruction is"],
            );
        }
    }
}

/// Digits in groups of three.
fn grouped(digits: &str) -> String {
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().map(|group| str::from_utf8(group).unwrap()).collect();
    groups.join(",")
}

#[test]
fn a_view_that_prints_nothing_says_so() {
    let scratch = Scratch::with("def f(n):\n    return n + 1\ndef g():\n    pass\nf(1)\ng()");
    scratch.run(["-q", "--values", "ok.pyc", "t.bct"]).succeeded();
    let ran = scratch.run(["compares", "--max-depth", "0", "t.bct"]);
    assert_said(&ran, &["no comparisons match --max-depth"]);
    assert_said(&scratch.run(["compares", "-n", "g", "t.bct"]), &["no comparisons match -n"]);
    assert_said(&scratch.run(["compares", "-n", "f", "t.bct"]), &[]);
    let scratch = Scratch::with("pass");
    scratch.run(["-q", "--values", "ok.pyc", "t.bct"]).succeeded();
    assert_said(&scratch.run(["compares", "t.bct"]), &["the trace has no comparisons"]);
    assert_said(&scratch.run(["calls", "--of", "a\x1b", "t.bct"]), &["the trace has no calls of a\\x1b"]);
    assert_said(&scratch.run(["strings", "--text", "^a|b$", "t.bct"]), &["the trace has no strings with ^a|b$"]);
    scratch.run(["-q", "ok.pyc", "t.bct"]).succeeded();
    assert_said(&scratch.run(["calls", "t.bct"]), &["cannot print the calls of t.bct: it was recorded without values"]);
    assert_said(
        &scratch.run(["compares", "t.bct"]),
        &["cannot print the comparisons of t.bct: it was recorded without"],
    );
}

#[test]
fn a_filter_that_matches_nothing_leaves_no_folder() {
    let scratch = Scratch::with(SOURCE);
    scratch.run(["-q", "ok.pyc", "t.bct"]).succeeded();
    let before = scratch.names();
    scratch.run(["layers", "--dump", "layers", "-n", "nosuch", "t.bct"]).succeeded();
    scratch.run(["-q", "--dump-code", "layers", "-n", "nosuch", "ok.pyc", "t.bct"]).succeeded();
    assert_eq!(scratch.names(), before);
    // A folder that was there stays, empty.
    std::fs::create_dir(scratch.path("layers")).unwrap();
    scratch.run(["-q", "ok.pyc", "t.bct"]).succeeded();
    scratch.run(["layers", "--dump", "layers", "-n", "nosuch", "t.bct"]).succeeded();
    assert_eq!(std::fs::read_dir(scratch.path("layers")).unwrap().count(), 0);
    scratch.run(["layers", "--dump", "layers", "-n", "check", "t.bct"]).succeeded();
    assert!(scratch.path("layers/manifest.json").exists());
}
