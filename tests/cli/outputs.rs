//! Outputs: which are refused before anything runs, what happens to an existing file, and who closes a pipe.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Stdio;

use super::{Scratch, assert_refused};
use crate::running;

#[test]
fn the_input_is_never_its_own_output() {
    let scratch = Scratch::new();
    let program = running::read(&scratch.path("ok.pyc"));
    symlink("ok.pyc", scratch.path("link.pyc")).unwrap();
    fs::hard_link(scratch.path("ok.pyc"), scratch.path("hard.pyc")).unwrap();
    fs::create_dir(scratch.path("sub")).unwrap();
    let whole = scratch.path("ok.pyc");
    for output in ["ok.pyc", "./ok.pyc", "sub/../ok.pyc", "link.pyc", "hard.pyc", whole.to_str().unwrap()] {
        for input in ["ok.pyc", "link.pyc", "hard.pyc"] {
            assert_refused(&scratch.run([input, output]), &["cannot write ", "input", "name another file"]);
            assert_eq!(running::read(&scratch.path("ok.pyc")), program, "{input} {output}");
        }
    }
}

#[test]
fn the_input_is_not_standard_output_either() {
    let scratch = Scratch::new();
    let program = running::read(&scratch.path("ok.pyc"));
    let appended = File::options().append(true).open(scratch.path("ok.pyc")).unwrap();
    let mut command = scratch.command(["ok.pyc", "-"]);
    let child = command.stdout(appended).stderr(Stdio::piped()).spawn().unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(125));
    assert_eq!(running::read(&scratch.path("ok.pyc")), program);
}

#[test]
fn an_output_that_cannot_be_written_stops_before_the_program_runs() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("folder")).unwrap();
    symlink("loop", scratch.path("loop")).unwrap();
    let before = scratch.names();
    assert_refused(&scratch.run(["ok.pyc", "folder"]), &["cannot write folder: ", "it is a folder"]);
    assert_refused(&scratch.run(["ok.pyc", "no/such/t.txt"]), &["cannot write no/such/t.txt: ", "no/such"]);
    assert_refused(&scratch.run(["ok.pyc", "ok.pyc/t.txt"]), &["cannot write ok.pyc/t.txt: "]);
    assert_refused(&scratch.run(["ok.pyc", "loop"]), &["cannot write loop: "]);
    assert_eq!(scratch.names(), before);
}

#[test]
fn a_file_that_may_not_be_written_stays_as_it_is() {
    let scratch = Scratch::new();
    fs::write(scratch.path("kept.txt"), "kept").unwrap();
    fs::set_permissions(scratch.path("kept.txt"), PermissionsExt::from_mode(0o444)).unwrap();
    if File::options().append(true).open(scratch.path("kept.txt")).is_ok() {
        println!("nothing shown: this user may write every file");
        return;
    }
    assert_refused(&scratch.run(["ok.pyc", "kept.txt"]), &["cannot write kept.txt: ", "ermission"]);
    assert_eq!(scratch.text("kept.txt"), "kept");
}

#[test]
fn nothing_of_a_longer_old_trace_is_left() {
    let scratch = Scratch::new();
    fs::write(scratch.path("t.txt"), "old> 0 NOP\n".repeat(100_000)).unwrap();
    scratch.run(["ok.pyc", "t.txt"]).succeeded();
    assert!(!scratch.text("t.txt").contains("old"));
}

#[test]
fn only_a_trace_is_replaced() {
    let scratch = Scratch::new();
    for name in ["t.txt", "t.jsonl", "t.bct", "t.txt.zst", "t.jsonl.gz", "t.bct.gz"] {
        scratch.run(["ok.pyc", name]).succeeded();
    }
    fs::write(scratch.path("empty"), "").unwrap();
    fs::copy(scratch.path("ok.pyc"), scratch.path("other.pyc")).unwrap();
    fs::write(scratch.path("notes"), "precious\n").unwrap();
    fs::write(scratch.path("notes.gz"), "precious\n").unwrap();
    fs::write(scratch.path("words.zst"), zstd::encode_all(&b"precious\n"[..], 1).unwrap()).unwrap();
    symlink("notes", scratch.path("link")).unwrap();
    let before = scratch.names();
    let others = ["other.pyc", "notes", "notes.gz", "words.zst", "link"];
    let contents = others.map(|name| running::read(&scratch.path(name)));
    for name in others {
        for options in [&[][..], &["-f", "bct"], &["--dump-code", "new"], &["--follow-forks"]] {
            let refused = scratch.run([options, &["ok.pyc", name]].concat());
            assert_refused(&refused, &["cannot write ", name, "it exists and ", "replace it with --force"]);
            assert_refused(
                &scratch.run(["python", "--trace-to", name, "-c", "pass"]),
                &["cannot write ", name, "--force"],
            );
        }
    }
    assert_refused(&scratch.run(["ok.pyc", "other.pyc"]), &["it exists and is a compiled program"]);
    assert_eq!(others.map(|name| running::read(&scratch.path(name))), contents);
    assert_eq!(scratch.names(), before);
    // Any trace takes the place of any other.
    let traces = ["empty", "t.txt", "t.jsonl", "t.bct", "t.txt.zst", "t.jsonl.gz", "t.bct.gz"];
    for format in ["text", "jsonl", "bct"] {
        for name in traces {
            assert_eq!(scratch.run(["-f", format, "ok.pyc", name]).succeeded(), "hello\n", "{name}");
        }
    }
}

#[test]
fn force_replaces_whatever_file_is_there_but_not_the_input() {
    let scratch = Scratch::new();
    fs::write(scratch.path("notes"), "precious\n".repeat(10_000)).unwrap();
    scratch.run(["--force", "ok.pyc", "notes"]).succeeded();
    scratch.run(["ok.pyc", "t.txt"]).succeeded();
    assert_eq!(scratch.text("notes"), scratch.text("t.txt"));
    assert_refused(&scratch.run(["--force", "ok.pyc", "ok.pyc"]), &["it is the input file"]);
    fs::create_dir(scratch.path("full")).unwrap();
    fs::write(scratch.path("full/mine"), "").unwrap();
    let ran = scratch.run(["--force", "--dump-code", "full", "ok.pyc", "t.txt"]);
    assert_refused(&ran, &["full", "not empty"]);
}

#[test]
fn a_full_disk_is_reported_and_the_program_is_not_blamed() {
    let scratch = Scratch::new();
    let ran = scratch.run(["-q", "ok.pyc", "/dev/full"]);
    let message = ran.stderr();
    assert_eq!(ran.status, 125, "{message}");
    assert!(message.contains("/dev/full") && message.contains("No space left"), "{message}");
    assert_eq!(message.matches('\n').count(), 1, "{message}");
}

#[test]
fn a_device_is_written_like_a_file() {
    let scratch = Scratch::new();
    assert_eq!(scratch.run(["ok.pyc", "/dev/null"]).succeeded(), "hello\n");
}

#[test]
fn the_null_format_makes_no_file_and_takes_any_name() {
    let scratch = Scratch::new();
    for name in ["t.txt", "no/such/folder/t", "-", "ok.pyc"] {
        assert_eq!(scratch.run(["-f", "null", "ok.pyc", name]).succeeded(), "hello\n");
    }
    assert_eq!(scratch.names(), ["ok.pyc"]);
}

#[test]
fn a_dash_writes_the_trace_to_standard_output() {
    let scratch = Scratch::new();
    let file = scratch.run(["ok.pyc", "t.txt"]);
    assert_eq!(file.succeeded(), "hello\n");
    let both = scratch.run(["ok.pyc", "-"]).succeeded();
    let trace: String = both.lines().filter(|line| *line != "hello").map(|line| format!("{line}\n")).collect();
    assert_eq!(trace, scratch.text("t.txt"));
    assert!(!Path::new("-").exists());
}

#[test]
fn a_reader_that_leaves_ends_the_recording_quietly() {
    let scratch = Scratch::with("import sys\nfor i in xrange(3000000): pass\nsys.stderr.write('went on')");
    let mut command = scratch.command(["ok.pyc", "-"]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = [0; 20];
    child.stdout.take().unwrap().read_exact(&mut line).unwrap();
    assert_eq!(&line, b"<module>> 0 LOAD_CON");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(141));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn a_named_pipe_is_an_output_too() {
    let scratch = Scratch::new();
    let pipe = scratch.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || fs::read(pipe).unwrap()
    });
    assert_eq!(scratch.run(["ok.pyc", "pipe"]).succeeded(), "hello\n");
    scratch.run(["ok.pyc", "t.txt"]).succeeded();
    assert_eq!(reader.join().unwrap(), scratch.text("t.txt").into_bytes());
}

#[test]
fn the_suffix_names_format_and_compression() {
    let scratch = Scratch::new();
    let starts: [(&str, &[u8]); 6] = [
        ("t", b"<module>> 0 "),
        ("t.jsonl", b"{\"type\":\"start\""),
        ("t.bct", b"\x89bctrace\r\n"),
        ("t.zst", b"\x28\xb5\x2f\xfd"),
        ("t.jsonl.gz", b"\x1f\x8b"),
        ("t.bct.zst", b"\x28\xb5\x2f\xfd"),
    ];
    for (name, start) in starts {
        scratch.run(["ok.pyc", name]).succeeded();
        let bytes = running::read(&scratch.path(name));
        assert!(bytes.starts_with(start), "{name}: {:?}", &bytes[..start.len().min(bytes.len())]);
    }
    scratch.run(["-f", "jsonl", "ok.pyc", "t.bct"]).succeeded();
    assert!(running::read(&scratch.path("t.bct")).starts_with(b"{\"type\":\"start\""));
}

#[test]
fn a_compressed_trace_holds_the_same_text() {
    let scratch = Scratch::new();
    for name in ["t.txt", "t.txt.zst", "t.txt.gz"] {
        scratch.run(["ok.pyc", name]).succeeded();
    }
    let mut gunzipped = String::new();
    flate2::read::GzDecoder::new(&running::read(&scratch.path("t.txt.gz"))[..]).read_to_string(&mut gunzipped).unwrap();
    assert_eq!(gunzipped, scratch.text("t.txt"));
    let mut unpacked = Vec::new();
    let packed = running::read(&scratch.path("t.txt.zst"));
    unpacked.write_all(&zstd::decode_all(&packed[..]).unwrap()).unwrap();
    assert_eq!(unpacked, scratch.text("t.txt").into_bytes());
}

#[test]
fn what_cannot_be_read_or_written_is_said_in_words() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("dir")).unwrap();
    fs::write(scratch.path("notrace.txt"), "mine").unwrap();
    scratch.run(["-q", "ok.pyc", "v.bct"]).succeeded();
    let before = scratch.names();
    let cases: [(&[&str], &str); 12] = [
        (&["show", "dir"], "cannot read dir: it is a folder"),
        (&["show", "v.bct/x"], "cannot read v.bct/x: v.bct is a file, not a folder"),
        (&["info", "dir"], "cannot read dir: it is a folder"),
        (&["dis", "ok.pyc/x"], "cannot read ok.pyc/x: ok.pyc is a file, not a folder"),
        (
            &["--dump-code", "nodir/x", "ok.pyc", "t.txt"],
            "cannot write nodir/x: there is no folder nodir; make it first",
        ),
        (&["--dump-code", "notrace.txt", "ok.pyc", "t.txt"], "cannot write notrace.txt: it is a file, not a folder"),
        (&["layers", "--dump", "v.bct", "v.bct"], "cannot write v.bct: it is a file, not a folder"),
        (&["man", "-o", "notrace.txt"], "notrace.txt is a file, not a folder"),
        (&["man", "-o", "nodir"], "there is no folder nodir"),
        (&["ok.pyc", "notrace.txt"], "cannot write notrace.txt: it exists and is not a trace; name another file, or"),
        (&["show", "-"], "cannot read standard input: it is empty"),
        (&["-", "t.txt"], "cannot read standard input: it is empty"),
    ];
    for (words, message) in cases {
        assert_refused(&scratch.run(words), &[message]);
    }
    let ran = scratch.run(["--dump-code", "dd", "ok.pyc", "./dd"]);
    assert_eq!(ran.status, 2);
    assert!(ran.stderr().contains("--dump-code and TRACEFILE are both dd; name two"), "{}", ran.stderr());
    assert_eq!(scratch.names(), before);
}

/// Commands that print, and nothing else.
const PRINTING: [&str; 12] = [
    "show v.bct",
    "calls v.bct",
    "compares v.bct",
    "layers v.bct",
    "tried v.bct",
    "info v.bct",
    "edges v.bct",
    "dis ok.pyc",
    "man",
    "--version",
    "--help",
    "show --help",
];

#[test]
fn a_full_standard_output_is_named() {
    let scratch = Scratch::with("print 'hello' == 'x'");
    scratch.run(["-q", "--values", "ok.pyc", "v.bct"]).succeeded();
    for words in PRINTING {
        let mut shell = running::shell(&format!("\"$0\" {words} > /dev/full"));
        let ran = running::run(shell.current_dir(scratch.path(".")));
        let want = "bctrace: cannot write to standard output: No space left on device\n";
        assert!(ran.stderr().ends_with(want), "{words}: {}", ran.stderr());
        assert_eq!(ran.status, 125, "{words}");
    }
}

#[test]
fn a_closed_standard_output_is_named_if_there_is_anything_to_print() {
    let scratch = Scratch::with("print 'hello' == 'x'");
    scratch.run(["-q", "--values", "ok.pyc", "v.bct"]).succeeded();
    let run = |words: &str| {
        let mut shell = running::shell(&format!("\"$0\" {words} >&-"));
        running::run(shell.current_dir(scratch.path(".")))
    };
    let others = ["-q ok.pyc -", "export -f csv --table runs -o - v.bct", "list ok.pyc", "clean ok.pyc -o clean"];
    for words in PRINTING.into_iter().chain(others) {
        let ran = run(words);
        let want = "bctrace: cannot write to standard output: Bad file descriptor\n";
        assert!(ran.stderr().ends_with(want), "{words}: {}", ran.stderr());
        assert_eq!(ran.status, 125, "{words}");
    }
    for words in ["-q ok.pyc t.bct", "show -f null v.bct", "unpack ok.pyc -o unpacked"] {
        let ran = run(words);
        assert_eq!(ran.status, 0, "{words}: {}", ran.stderr());
    }
}

#[test]
fn a_reader_that_leaves_is_no_error_of_a_reading_command() {
    let scratch = Scratch::new();
    scratch.run(["-q", "ok.pyc", "v.bct"]).succeeded();
    for words in ["show v.bct", "layers v.bct", "tried v.bct", "info v.bct", "dis ok.pyc", "man", "completions bash"] {
        let mut shell = running::shell(&format!("{{ \"$0\" {words}; echo $? >&2; }} | true"));
        let ran = running::run(shell.current_dir(scratch.path(".")));
        assert_eq!(ran.stderr(), "0\n", "{words}");
    }
}
