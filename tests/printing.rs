//! Nothing that a program or a file's name chose reaches the terminal raw, on either stream of any command.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use crate::live::{self, Program};
use crate::running::Ran;

/// A program that ends in a function as its argument says.
const HOSTILE: &str = r#"import os, sys
def end(how):
    if how == 'kill':
        os.kill(os.getpid(), 11)
    elif how == 'fork':
        if os.fork() == 0:
            os.kill(os.getpid(), 9)
        os.wait()
    elif how == 'raise':
        try:
            raise type(end.__code__.co_name, (Exception,), {})(end.__code__.co_filename)
        except Exception:
            exec compile('x = 1', end.__code__.co_filename, 'exec')
end(sys.argv[1])
"#;

/// Makes `h.pyc` of it, with names that clear the screen, set the title, forge a line of a listing, or reorder what is
/// shown.
const MAKE: &str = r#"import imp, marshal, types
NAME = 'f\x1b]0;PWNED\x07\x1b[2J\x9b31m\xe2\x80\xaered\nforged> 0 RETURN_VALUE\n\x7f\xff'
def renamed(code, name):
    consts = tuple([renamed(one, NAME) if type(one) is types.CodeType else one for one in code.co_consts])
    return types.CodeType(code.co_argcount, code.co_nlocals, code.co_stacksize, code.co_flags, code.co_code, consts,
        code.co_names, code.co_varnames, 'f' + NAME, name, 3, code.co_lnotab)
code = renamed(compile(open('h.py').read(), 'h.py', 'exec'), 'm\x1b[2J\n')
open('h.pyc', 'wb').write(imp.get_magic() + '\0\0\0\0' + marshal.dumps(code))
"#;

/// Asserts that a stream holds nothing that a terminal obeys: no control character but the end of a line, no character
/// that reorders text, nothing that is not UTF-8.
#[track_caller]
fn assert_printable(ran: &Ran, what: &str) {
    for (stream, bytes) in [("standard output", &ran.stdout), ("standard error", &ran.stderr)] {
        let text = std::str::from_utf8(bytes).unwrap_or_else(|error| panic!("{what}, {stream}: {error}"));
        let obeyed = |one: &char| {
            (one.is_control() && *one != '\n')
                || matches!(one, '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        };
        if let Some(one) = text.chars().find(obeyed) {
            panic!("{what}, {stream} holds {one:?}: {text:?}");
        }
        let forged = text.lines().find(|line| line.starts_with("forged>"));
        assert_eq!(forged, None, "{what}, {stream}");
    }
}

fn hostile() -> Program {
    let program = Program::new(MAKE);
    fs::write(program.path("h.py"), HOSTILE).unwrap();
    live::run(program.command(["python", "p.pyc"])).succeeded();
    program
}

#[test]
fn names_that_a_program_chose_are_escaped_by_every_command() {
    let program = hostile();
    let run = |words: &[&str]| {
        let ran = live::run(program.command(words));
        assert_printable(&ran, &words.join(" "));
        ran
    };
    for words in [&["dis", "h.pyc"][..], &["dis", "--format", "json", "h.pyc"]] {
        run(words).succeeded();
    }
    for words in [&["dis", "--format", "lines", "h.pyc"][..], &["dis", "--format", "lines", "-r", "h.pyc"]] {
        let listing = run(words).succeeded();
        assert!(listing.contains(r"# m\x1b[2J\n, file ") && listing.contains(r"\x1b]0;PWNED\x07"), "{listing}");
    }
    for how in ["kill", "fork", "raise"] {
        for trace in ["-", "t.txt", "t.jsonl"] {
            run(&[
                "-r",
                "--values",
                "--follow-forks",
                "h.pyc",
                if how == "raise" { trace } else { "t.txt" },
                "--",
                how,
            ]);
        }
        run(&["--values", "--dump-code", &format!("dump-{how}"), "h.pyc", "t.bct", "--", how]);
        let views: [&[&str]; 14] = [
            &["info"],
            &["info", "-f", "json"],
            &["show", "-r"],
            &["show", "--depth"],
            &["show", "-f", "jsonl"],
            &["calls"],
            &["calls", "--format", "json"],
            &["compares"],
            &["compares", "--format", "json"],
            &["layers"],
            &["layers", "--format", "json"],
            &["tried"],
            &["tried", "--format", "json"],
            &["show", "-n", "nothing"],
        ];
        for view in views {
            let ran = run(&[view, &["t.bct"]].concat());
            assert_eq!(ran.status, 0, "{view:?}: {}", ran.stderr());
        }
        let manifest = program.read(&format!("dump-{how}/manifest.json"));
        assert_printable(&Ran { status: 0, stdout: manifest.into_bytes(), stderr: Vec::new() }, "manifest.json");
    }
}

#[test]
fn messages_escape_the_names_in_them() {
    let program = hostile();
    let named = "f\u{1b}]0;PWNED\u{7}";
    let messages: [(&[&str], &str); 6] = [
        (&["h.pyc", "t.txt", "--", "kill"], r"killed by SIGSEGV in f\x1b]0;PWNED"),
        (&["--stop-at", named, "h.pyc", "t.txt", "--", "end"], r"--stop-at f\x1b]0;PWNED\x07 was never reached"),
        (&["--start-at", named, "h.pyc", "t.txt", "--", "end"], r"--start-at f\x1b]0;PWNED\x07 was never reached"),
        (&["-n", named, "h.pyc", "t.txt", "--", "end"], r"the closest name is f\x1b]0;PWNED"),
        (&["--match", "(\u{1b}\u{202e}", "h.pyc", "t.txt"], ""),
        (&["--file", "[\u{1b}\u{202e}", "h.pyc", "t.txt"], ""),
    ];
    for (words, message) in messages {
        let ran = live::run(program.command(words));
        assert_printable(&ran, &words.join(" "));
        assert!(ran.stderr().contains(message), "{}", ran.stderr());
    }
}

#[test]
fn messages_escape_the_names_of_files() {
    let program = Program::new("print 'hello'");
    let name = OsStr::from_bytes(b"x\x1b[2J\xe2\x80\xae\xff\nforged> 0");
    let path = program.path(name);
    let run = |words: &[&OsStr]| {
        let ran = live::run(program.command(words));
        assert_printable(&ran, &format!("{words:?}"));
        let message = ran.stderr();
        assert!(ran.status != 0 && message.contains(r"x\x1b[2J\xe2\x80\xae\xff\nforged> 0"), "{words:?}: {message}");
    };
    let word = OsStr::new;
    let inside = path.join("t");
    for words in [
        &[name, word("t")][..],
        &[word("dis"), name],
        &[word("show"), name],
        &[word("info"), name],
        &[word("--path"), name, word("p.pyc"), word("t")],
        &[word("p.pyc"), inside.as_os_str()],
        &[word("--dump-code"), inside.as_os_str(), word("p.pyc"), word("t")],
    ] {
        run(words);
    }
    fs::create_dir(&path).unwrap();
    fs::write(path.join("full"), "").unwrap();
    for words in [
        &[name, word("t")][..],
        &[word("p.pyc"), name],
        &[word("show"), name],
        &[word("--dump-code"), name, word("p.pyc"), word("t")],
    ] {
        run(words);
    }
    fs::remove_dir_all(&path).unwrap();
    for content in [&b"no trace"[..], b"\x03\xf3\r\n0123456789abcdef", b"\x28\xb5\x2f\xfd no zstd"] {
        fs::write(&path, content).unwrap();
        run(&[name, word("t")]);
        run(&[word("show"), name]);
        run(&[word("info"), name]);
    }
}

#[test]
fn a_standard_error_that_is_full_or_closed_changes_no_status() {
    let program = Program::new("import os\nos.kill(os.getpid(), 9)");
    for stderr in ["2>/dev/full", "2>&-"] {
        let ran = live::run(
            program.shell(&format!("\"$0\" p.pyc t.txt {stderr}; echo $?; \"$0\" p.pyc no/such/t {stderr}; echo $?")),
        );
        assert_eq!(ran.stdout(), "137\n125\n", "{stderr}");
    }
}

#[test]
fn the_depth_of_a_frame_takes_few_bytes_however_deep_it_is() {
    let program = Program::new(
        "import sys, threading
sys.setrecursionlimit(10 ** 6)
threading.stack_size(1 << 28)
def r(n):
    return n and r(n - 1)
thread = threading.Thread(target=r, args=(20000,))
thread.start()
thread.join()
",
    );
    assert_eq!(program.trace(&[], "t.bct", &[]).status, 0);
    let text = program.show(&["--depth"], "t.bct");
    let deepest = text.lines().filter(|line| line.ends_with("r> 0 LOAD_FAST (0)")).max_by_key(|line| line.len());
    let deepest = deepest.expect("calls of r").trim_start();
    assert!(deepest.starts_with("[200"), "{deepest}");
    assert!(text.lines().all(|line| line.len() < 80 + 60), "a line grows with its depth");
    assert!(text.contains("\n                r> 0 LOAD_FAST (0)\n"), "small depths are spaces");
}
