//! Inputs that are no program: each is named in one line that says what is wrong and what to do, and no trace file is made or changed.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use super::{Scratch, assert_refused};
use crate::running;

const MAGIC: &[u8] = b"\x03\xf3\r\n\0\0\0\0";

/// Asserts that `input` is refused, whether the trace file is there already or not.
#[track_caller]
fn assert_input_refused(scratch: &Scratch, input: impl AsRef<OsStr>, parts: &[&str]) {
    let input = input.as_ref();
    fs::write(scratch.path("old.txt"), "an old trace\n").unwrap();
    let before = scratch.names();
    assert_refused(&scratch.run([input, OsStr::new("new.txt")]), parts);
    assert_refused(&scratch.run([input, OsStr::new("old.txt")]), parts);
    assert_refused(&scratch.run([OsStr::new("-f"), OsStr::new("bct"), input, OsStr::new("-")]), parts);
    assert_eq!(scratch.names(), before);
    assert_eq!(scratch.text("old.txt"), "an old trace\n");
}

#[track_caller]
fn assert_bytes_refused(bytes: &[u8], parts: &[&str]) {
    let scratch = Scratch::new();
    fs::write(scratch.path("bad.pyc"), bytes).unwrap();
    assert_input_refused(&scratch, "bad.pyc", &[&["cannot read bad.pyc: "], parts].concat());
}

#[test]
fn a_missing_file_is_named() {
    assert_input_refused(&Scratch::new(), "missing.pyc", &["cannot read missing.pyc: ", "No such file"]);
}

#[test]
fn a_folder_is_no_program() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("folder.pyc")).unwrap();
    assert_input_refused(&scratch, "folder.pyc", &["cannot read folder.pyc: ", "folder"]);
}

#[test]
fn an_empty_file_is_said_to_be_empty() {
    assert_bytes_refused(b"", &["empty"]);
}

#[test]
fn a_program_cut_anywhere_is_refused() {
    let whole = running::read(&running::fixtures().join("factorial.pyc"));
    let scratch = Scratch::new();
    for length in (1..whole.len()).step_by(whole.len() / 24) {
        fs::write(scratch.path("cut.pyc"), &whole[..length]).unwrap();
        let ran = scratch.run(["cut.pyc", "new.txt"]);
        assert_refused(&ran, &["cannot read cut.pyc: "]);
        assert!(!scratch.path("new.txt").exists());
    }
}

#[test]
fn the_python_that_another_magic_belongs_to_is_named() {
    let magics: [(u16, &str); 5] = [
        (62161, "Python 2.6"),
        (62131, "Python 2.5"),
        (3413, "Python 3.8"),
        (3495, "Python 3.11"),
        (3571, "Python 3.13"),
    ];
    for (magic, python) in magics {
        let bytes = [&magic.to_le_bytes()[..], b"\r\n\0\0\0\0\0\0\0\0\0\0\0\0"].concat();
        assert_bytes_refused(&bytes, &[&format!("magic {magic} is {python}"), "2.7 (62211)"]);
    }
}

#[test]
fn a_magic_of_no_python_is_reported_as_it_is() {
    assert_bytes_refused(b"\x39\x30\r\n\0\0\0\0c\0", &["12345"]);
    assert_bytes_refused(b"\x7fELF\x02\x01\x01\0\0\0\0\0", &["ELF"]);
    assert_bytes_refused(
        b"print 'this is source'\n",
        &["it is text, not a .pyc; if it is Python source, rename it to end in .py"],
    );
}

#[test]
fn garbage_in_place_of_the_code_object_is_refused() {
    assert_bytes_refused(&[MAGIC, b"?garbage?garbage"].concat(), &["at byte 8"]);
    assert_bytes_refused(&[MAGIC, b"c\xff\xff\xff\xff"].concat(), &[]);
    // A tuple of more items than there are bytes in the file, and one that holds itself.
    assert_bytes_refused(&[MAGIC, b"(\xff\xff\xff\x7f"].concat(), &[]);
    assert_bytes_refused(&[MAGIC, &b"(\x01\0\0\0".repeat(100_000)[..]].concat(), &[]);
}

#[test]
fn a_marshal_that_is_no_code_object_says_what_it_is() {
    assert_bytes_refused(&[MAGIC, b"i\x07\0\0\0"].concat(), &["int", "not a code object"]);
    assert_bytes_refused(&[MAGIC, b"N"].concat(), &["None", "not a code object"]);
    assert_bytes_refused(&[MAGIC, b"(\0\0\0\0"].concat(), &["tuple", "not a code object"]);
}

#[test]
fn links_to_nowhere_and_to_themselves_are_named() {
    let scratch = Scratch::new();
    symlink("nowhere", scratch.path("dangling.pyc")).unwrap();
    symlink("loop.pyc", scratch.path("loop.pyc")).unwrap();
    assert_input_refused(&scratch, "dangling.pyc", &["cannot read dangling.pyc: "]);
    assert_input_refused(&scratch, "loop.pyc", &["cannot read loop.pyc: ", "symbolic links"]);
}

#[test]
fn names_of_files_cannot_write_to_the_terminal() {
    let scratch = Scratch::new();
    let name = OsStr::from_bytes(b"new\nline\x1b[31m\xff.pyc");
    let ran = scratch.run([name, OsStr::new("new.txt")]);
    assert_refused(&ran, &["cannot read new"]);
    assert!(!ran.stderr().contains('\x1b'));
}

#[test]
fn any_name_of_a_program_will_do() {
    let scratch = Scratch::new();
    let long = "n".repeat(250);
    let names: [&[u8]; 6] =
        [b"latin1-\xe9\xff.pyc", "имя файла".as_bytes(), b"noext", b"new\nline.pyc", b"x.txt", long.as_bytes()];
    for name in names {
        let name = OsStr::from_bytes(name);
        fs::copy(scratch.path("ok.pyc"), scratch.path(name)).unwrap();
        assert_eq!(scratch.run([name, OsStr::new("t.txt")]).succeeded(), "hello\n");
    }
    fs::copy(scratch.path("ok.pyc"), scratch.path("-r.pyc")).unwrap();
    assert_eq!(scratch.run(["./-r.pyc", "t.txt"]).succeeded(), "hello\n");
}

#[test]
fn a_link_to_a_program_runs_under_its_own_name() {
    let scratch = Scratch::with("print __file__");
    symlink("ok.pyc", scratch.path("link.pyc")).unwrap();
    assert_eq!(scratch.run(["link.pyc", "t.txt"]).succeeded(), "link.pyc\n");
}

#[test]
fn what_follows_the_code_object_is_ignored() {
    let scratch = Scratch::new();
    let bytes = [running::read(&scratch.path("ok.pyc")), b"anything".to_vec()].concat();
    fs::write(scratch.path("longer.pyc"), bytes).unwrap();
    assert_eq!(scratch.run(["longer.pyc", "t.txt"]).succeeded(), "hello\n");
}

#[test]
fn a_program_comes_through_a_pipe_too() {
    let scratch = Scratch::new();
    let program = running::read(&scratch.path("ok.pyc"));
    for input in ["-", "/dev/stdin"] {
        let ran = running::run_with(&mut scratch.command(["-q", input, "t.txt"]), &program);
        assert_eq!(ran.succeeded(), "hello\n", "{input}");
        assert!(scratch.text("t.txt").contains("PRINT_ITEM"));
    }
}

#[test]
fn a_folder_that_is_gone_is_no_panic() {
    let scratch = Scratch::new();
    let mut shell = running::shell("mkdir gone && cd gone && rmdir ../gone && exec \"$0\" -q \"$1\" t.txt");
    let ran = running::run(shell.arg(scratch.path("ok.pyc")).current_dir(scratch.path(".")));
    assert_refused(&ran, &["cannot write t.txt: "]);
}
