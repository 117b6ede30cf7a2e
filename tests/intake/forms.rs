//! Code objects with odd headers, without one, in other encodings, and in containers.

use super::archives::{base64, container, zip, zlib};
use super::{HEADER, Scratch, marshalled, pyc};

const SOURCE: &str = "import sys\ndef f(n):\n    return [i * 2 for i in range(n)]\nprint f(3), __name__\n";
const PRINTED: &str = "[0, 2, 4] __main__\n";

#[test]
fn any_header_and_any_magic_are_accepted_if_the_code_is_of_2_7() {
    let code = marshalled(SOURCE, "own.py");
    let scratch = Scratch::new();
    for magic in [62211u16, 0, 7, 3394, 3413, 62131, 62161, 62212, 62218] {
        for length in [8, 12, 16] {
            let mut header = [&magic.to_le_bytes()[..], b"\r\n"].concat();
            header.resize(length, 1);
            scratch.write("odd.pyc", &[header, code.clone()].concat());
            assert_eq!(scratch.runs("odd.pyc"), PRINTED, "magic {magic}, {length} bytes");
        }
    }
    scratch.write("none.bin", &code);
    assert_eq!(scratch.runs("none.bin"), PRINTED);
    scratch.write("zero.pyo", &[&[0; 8][..], &code].concat());
    assert_eq!(scratch.runs("zero.pyo"), PRINTED);
}

#[test]
fn one_line_says_what_was_guessed() {
    let scratch = Scratch::with(
        "odd.pyc",
        &[&3394u16.to_le_bytes()[..], b"\r\n\0\0\0\0\0\0\0\0\0\0\0\0", &marshalled(SOURCE, "own.py")].concat(),
    );
    let ran = scratch.run(&["odd.pyc", "t.bct"]);
    let guess =
        "bctrace: odd.pyc is marshal data with 1 script: magic 3394 is Python 3.7, and its code is of Python 2.7\n";
    assert!(ran.stderr().starts_with(guess), "{}", ran.stderr());
    assert_eq!(scratch.run(&["-q", "odd.pyc", "t.bct"]).stderr(), "");
}

#[test]
fn encodings_are_decoded() {
    let (code, whole) = (marshalled(SOURCE, "own.py"), pyc(SOURCE, "own.py"));
    let hexadecimal = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02X}")).collect::<String>().into_bytes();
    let scratch = Scratch::new();
    for bytes in [&code, &whole] {
        let forms = [zlib(bytes), base64(bytes), hexadecimal(bytes), base64(&zlib(bytes)), zlib(&base64(bytes))];
        for (number, form) in forms.iter().enumerate() {
            scratch.write("encoded", form);
            assert_eq!(scratch.runs("encoded"), PRINTED, "form {number}");
        }
    }
}

#[test]
fn lists_and_tuples_run_in_turn_and_an_entry_alone() {
    let codes = ["x = 1; print 'first'", "print 'second', x"].map(|source| marshalled(source, "own.py"));
    let scratch = Scratch::new();
    for kind in [b'(', b'['] {
        let both = container(kind, &[&codes[0], &codes[1]]);
        for (name, bytes) in [("bare.bin", both.clone()), ("headed.pyc", [HEADER, &both].concat())] {
            scratch.write(name, &bytes);
            assert_eq!(scratch.runs(name), "first\nsecond 1\n");
            assert_eq!(scratch.run(&["-q", "--entry", "1", name, "t.bct"]).succeeded(), "first\n");
            assert_eq!(scratch.run(&["-q", "--entry", "2", name, "t.bct"]).status, 1);
            scratch.refuses(&["--entry", "3", name, "t.bct"], &["there is no script 3 in it: it has 2"]);
            scratch.refuses(&["--entry", "0", name, "t.bct"], &["there is no script 0"]);
        }
    }
}

#[test]
fn strict_accepts_a_plain_pyc_only() {
    let (code, whole) = (marshalled(SOURCE, "own.py"), pyc(SOURCE, "own.py"));
    let scratch = Scratch::with("plain.pyc", &whole);
    assert_eq!(scratch.run(&["--strict", "-q", "plain.pyc", "t.bct"]).succeeded(), PRINTED);
    let cases: [(&str, Vec<u8>, &str); 6] = [
        ("bare.bin", code.clone(), "the 8-byte header is missing"),
        ("long.pyc", [HEADER, b"\0\0\0\0", &code].concat(), "a code object begins at byte 12"),
        ("other.pyc", [&b"\xd1\xf2\r\n\0\0\0\0"[..], &code].concat(), "magic 62161 is Python 2.6"),
        ("text.txt", base64(&whole), "it is a .pyc in base64"),
        ("app.zip", zip(&[("__main__.pyc", &whole)]), "it is a zip archive"),
        ("own.py", SOURCE.as_bytes().to_vec(), "it is text"),
    ];
    for (name, bytes, part) in cases {
        scratch.write(name, &bytes);
        scratch.refuses(&["--strict", name, "t.bct"], &[part]);
        scratch.refuses(&["dis", "--strict", name], &[part]);
        scratch.refuses(&["list", "--strict", name], &[part]);
    }
}

#[test]
fn code_of_2_6_is_refused_unless_it_is_forced() {
    let code = marshalled(SOURCE, "own.py");
    // LIST_APPEND was 18 before 2.7, without an operand.
    let place =
        code.windows(6).position(|bytes| bytes[0] == 94 && bytes[3] == 113).expect("LIST_APPEND, JUMP_ABSOLUTE");
    let mut old = code.clone();
    old[place..place + 3].copy_from_slice(&[18, 9, 9]);
    let scratch = Scratch::with("old.pyc", &[&b"\xd1\xf2\r\n\0\0\0\0"[..], &old].concat());
    scratch.refuses(&["old.pyc", "t.bct"], &["magic 62161 is Python 2.6", "does not define", "--force"]);
    scratch.refuses(&["dis", "old.pyc"], &["--force"]);
    assert!(scratch.run(&["dis", "--format", "lines", "--force", "old.pyc"]).succeeded().contains("INVALID"));
    let forced = scratch.run(&["-q", "--force", "old.pyc", "t.bct"]);
    assert!(forced.status == 1 && forced.stderr().contains("unknown opcode"), "{}", forced.stderr());
    // Its own magic says that it is 2.7's.
    scratch.write("own.pyc", &[HEADER, &old].concat());
    assert_eq!(scratch.run(&["-q", "own.pyc", "t.bct"]).status, 1);
}

#[test]
fn code_of_the_standard_library_is_not_doubted() {
    let scratch = Scratch::new();
    let script = "import marshal, pkgutil, sys
for number, name in enumerate(sys.argv[1:]):
    open('%d.bin' % number, 'wb').write(marshal.dumps(pkgutil.get_loader(name).get_code(name)))";
    let modules = [
        "os",
        "re",
        "threading",
        "decimal",
        "collections",
        "inspect",
        "pickle",
        "json.decoder",
        "subprocess",
        "tarfile",
        "zipfile",
        "urllib2",
        "ssl",
        "logging",
        "argparse",
        "doctest",
        "unittest.case",
        "contextlib",
        "tempfile",
        "smtplib",
        "pdb",
        "sre_parse",
    ];
    scratch.run(&[&["python", "-c", script][..], &modules].concat()).succeeded();
    for (number, name) in modules.iter().enumerate() {
        assert!(scratch.run(&["list", &format!("{number}.bin")]).status == 0, "{name}");
    }
}

#[test]
fn a_zip_runs_its_main_with_itself_on_the_path() {
    let main = pyc(
        "import sys, helper, pkg.inner\nprint helper.X, pkg.inner.__file__, sys.path[0], __file__, sys.argv",
        "main.py",
    );
    let archive = zip(&[
        ("__main__.pyc", &main),
        ("helper.py", b"X = 'found'"),
        ("pkg/__init__.pyc", &pyc("", "__init__.py")),
        ("pkg/inner.pyc", &pyc("", "inner.py")),
    ]);
    let scratch = Scratch::new();
    for (name, bytes) in [
        ("app.zip", archive.clone()),
        ("app.egg", archive.clone()),
        ("app", [b"#!/usr/bin/env python\n", &archive[..]].concat()),
    ] {
        scratch.write(name, &bytes);
        let printed = format!("found {name}/pkg/inner.pyc {name} {name}/__main__.pyc ['{name}']\n");
        assert_eq!(scratch.runs(name), printed);
    }
}

#[test]
fn a_member_of_a_zip_can_be_named() {
    let archive = zip(&[
        ("a/tool.pyc", &pyc("import sys, helper\nprint helper.X, __name__, sys.path[0]", "tool.py")),
        ("helper.pyc", &pyc("X = 'found'", "helper.py")),
        ("own.py", b"print 'source', __file__"),
        ("data.txt", b"x"),
    ]);
    let scratch = Scratch::with("lib.zip", &archive);
    assert_eq!(scratch.runs("lib.zip/a/tool.pyc"), "found __main__ lib.zip\n");
    assert_eq!(scratch.runs("lib.zip/own.py"), "source lib.zip/own.py\n");
    scratch.refuses(&["lib.zip/none.pyc", "t.bct"], &["there is no none.pyc in it"]);
    scratch.refuses(&["lib.zip/data.txt", "t.bct"], &["data.txt in it is no program"]);
    scratch.refuses(
        &["lib.zip", "t.bct"],
        &["cannot run lib.zip: it is a zip archive in which nothing says what runs", "lib.zip/NAME.pyc"],
    );
    assert!(scratch.run(&["dis", "--format", "lines", "lib.zip"]).succeeded().contains("file \"helper.py\""));
}

#[test]
fn source_in_a_zip_is_compiled() {
    let scratch = Scratch::with(
        "app.zip",
        &zip(&[("__main__.py", b"import other\nprint other.X, __file__"), ("other.py", b"X = 2")]),
    );
    assert_eq!(scratch.runs("app.zip"), "2 app.zip/__main__.py\n");
}
