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
    let cases: [(&[&str], &[&str]); 11] = [
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
        assert_eq!(quiet.stderr(), "");
    }
    assert_said(&scratch.run(["-n", "check", "-n", "<module>", "ok.pyc", "t.txt"]), &[]);
}

#[test]
fn readers_name_each_part_of_a_selection_that_nothing_matches() {
    let scratch = Scratch::with(SOURCE);
    scratch.run(["-q", "--values", "ok.pyc", "t.bct"]).succeeded();
    scratch.run(["-q", "--values", "ok.pyc", "t.bct.zst"]).succeeded();
    let filter: [(&[&str], &[&str]); 4] = [
        (&["-n", "chek", "-n", "work"], &["-n chek matches no code object in the trace; the closest name"]),
        (&["--match", "^a$", "--match", "^b$"], &["--match ^a$ matches", "--match ^b$ matches"]),
        (&["--file", "*.pyx"], &["--file *.pyx matches no code object in the trace"]),
        (&["-n", "check", "--file", "*/threading.py"], &["no instruction matches all of -n and --file"]),
    ];
    let place: [(&[&str], &[&str]); 7] = [
        (&["--thread", "7", "--thread", "0"], &["--thread 7 matches nothing: the threads are 0 to 1"]),
        (&["--from", "1M"], &["--from 1000000 is beyond the end: the trace has"]),
        (&["-n", "work", "--max-depth", "0"], &["--max-depth 0 leaves nothing: the lowest depth is"]),
        (&["-n", "check", "--thread", "1"], &["no instruction matches all of -n and --thread"]),
        (&["-n", "check", "--to", "3"], &["no instruction matches all of -n and --to"]),
        (&["-n", "check", "--from", "3"], &[]),
        (&["--from", "3", "--to", "9"], &[]),
    ];
    for trace in ["t.bct", "t.bct.zst"] {
        for command in ["show", "calls", "compares", "layers"] {
            let both = filter.iter().chain(if command == "layers" { &[][..] } else { &place });
            for (options, lines) in both {
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
    let ran = scratch.run(["dis", "-n", "check", "-n", "chek", "ok.pyc"]);
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
