//! Names and file names of code objects: whatever they hold, they can be given to options as they are and as bctrace prints them.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::Scratch;
use crate::running::{self, Ran};

/// Writes a .pyc with a function of this name and file name, both in hexadecimal.
const MAKE: &str = "import imp, marshal, sys, types
name, filename = [word.decode('hex') for word in sys.argv[2:]]
def renamed(code):
    constants = tuple(renamed(c) if isinstance(c, types.CodeType) else c for c in code.co_consts)
    own = name if code.co_name == 'f' else code.co_name
    return types.CodeType(code.co_argcount, code.co_nlocals, code.co_stacksize, code.co_flags, code.co_code, constants,
        code.co_names, code.co_varnames, filename, own, code.co_firstlineno, code.co_lnotab)
code = compile('def f(x):\\n    return x + 1\\nf(1)\\n', 'x', 'exec')
open(sys.argv[1], 'wb').write(imp.get_magic() + '\\0' * 4 + marshal.dumps(renamed(code)))";

/// Names whose printed form is not what they are, and some that are.
const NAMES: [&[u8]; 9] = [
    b"a b",
    b"\x01\x02\n> 0 NOP",
    "Ж".as_bytes(),
    b"\xff\xfe",
    b"<pjorion_protected>",
    br"a\b",
    br"a\x20b",
    "x\u{202e}y".as_bytes(),
    b"\x1b[31m\\\t",
];

fn made(scratch: &Scratch, name: &[u8], filename: &[u8]) {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut python = running::bctrace(["python", "-S", "-E", "-c", MAKE]);
    python.arg(scratch.path("named.pyc")).args([hex(name), hex(filename)]);
    running::run(&mut python).succeeded();
}

/// Records all but the library with an option whose value is bytes; returns the text.
#[track_caller]
fn traced(scratch: &Scratch, option: &str, value: &[u8]) -> String {
    let words =
        ["-q", "--no-stdlib", option].map(OsString::from).into_iter().chain([OsStr::from_bytes(value).to_os_string()]);
    let ran: Ran = scratch.run(words.chain(["named.pyc".into(), "t.txt".into()]));
    assert!([0, 123].contains(&ran.status), "{option} {}: {}", value.escape_ascii(), ran.stderr());
    scratch.text("t.txt")
}

/// The names that start the lines of a text trace, in the order in which they come.
fn printed_names(text: &str) -> Vec<&str> {
    let mut names: Vec<&str> = text.lines().map(|line| line.split_once("> ").unwrap().0).collect();
    names.dedup();
    names
}

#[test]
fn a_name_is_found_as_it_is_and_as_each_line_prints_it() {
    for name in NAMES {
        let scratch = Scratch::new();
        made(&scratch, name, b"x.py");
        let whole = traced(&scratch, "--match", b"");
        let printed = printed_names(&whole)[1];
        let own: String =
            whole.split_inclusive('\n').filter(|line| line.starts_with(&format!("{printed}> "))).collect();
        assert_eq!(own.lines().count(), 4, "{whole}");
        let listed = scratch.run(["dis", "--format", "lines", "named.pyc"]).succeeded();
        let heading = listed.lines().filter_map(|line| line.strip_prefix("# ")?.split(", file").next()).nth(1).unwrap();
        for spelled in [name, printed.as_bytes(), heading.as_bytes()] {
            assert_eq!(traced(&scratch, "-n", spelled), own, "-n {}", spelled.escape_ascii());
            assert_eq!(traced(&scratch, "--start-at", spelled), whole[whole.find(&own).unwrap()..]);
            assert_eq!(traced(&scratch, "--stop-at", &[spelled, b":3"].concat()).lines().count(), 7);
        }
    }
}

#[test]
fn a_pattern_can_hold_the_escapes_that_are_printed() {
    let cases: [(&[u8], &str); 6] = [
        (b"a b", r"^a\x20b$"),
        (b"\x01\x02\n> 0 NOP", r"^\x01\x02\n>\x200\x20NOP$"),
        (b"\xff\xfe", r"^\xff\xfe$"),
        ("x\u{202e}y".as_bytes(), r"x\xe2\x80\xaey"),
        ("Ж".as_bytes(), "^Ж$"),
        (b"\xff", "^.$"),
    ];
    for (name, pattern) in cases {
        let scratch = Scratch::new();
        made(&scratch, name, b"x.py");
        assert_eq!(traced(&scratch, "--match", pattern.as_bytes()).lines().count(), 4, "{pattern}");
    }
}

#[test]
fn a_file_name_is_found_as_info_prints_it_and_a_backslash_is_no_escape() {
    let cases: [(&[u8], &[&[u8]]); 4] = [
        (br"C:\Users\bob\evil.py", &[br"C:\Users\*", br"C:\Users\bob\evil.py", br"*\evil.p?", br"C:\\Users\\*"]),
        (b"C:\\Jos\xe9\\a.py", &[b"C:\\Jos\xe9\\*", br"C:\\Jos\xe9\\a.py", br"*Jos\xe9*", b"C:\\Jos?\\a.py"]),
        (b"a b\n.py", &[br"a b\n.py", b"a b\n.py", b"a*"]),
        (b"{x}[1]*.py", &[b"[{]x}[[]1][*].py", b"*"]),
    ];
    for (filename, globs) in cases {
        let scratch = Scratch::new();
        made(&scratch, b"f", filename);
        scratch.run(["-q", "named.pyc", "t.bct"]).succeeded();
        let info = scratch.run(["info", "t.bct"]).succeeded();
        let row = info.lines().find(|line| line.contains("  f  ")).unwrap_or_else(|| panic!("{info}"));
        let whole = traced(&scratch, "--match", b"");
        let printed = row.rsplit_once("  f  ").unwrap().1.rsplit_once(':').unwrap().0.as_bytes();
        let plain = if filename.starts_with(b"{") { &[][..] } else { &[printed] };
        for glob in globs.iter().chain(plain) {
            assert_eq!(traced(&scratch, "--file", glob), whole, "--file {}", glob.escape_ascii());
        }
        let ran = scratch.run([
            OsStr::new("--file"),
            OsStr::new(r"C:\\\Users\*"),
            OsStr::new("named.pyc"),
            OsStr::new("t.txt"),
        ]);
        assert!(ran.stderr().contains("matches no code object"), "{}", ran.stderr());
    }
}

#[test]
fn what_the_trace_says_of_options_is_what_was_typed() {
    let scratch = Scratch::new();
    made(&scratch, b"a b", b"x.py");
    scratch.run(["-q", "-n", r"a\x20b", "--start-at", r"a\x20b:3", "named.pyc", "t.bct"]).succeeded();
    let info = scratch.run([Path::new("info"), Path::new("t.bct")]).succeeded();
    assert!(info.contains(r"--name=a\x20b") && info.contains(r"--start-at=a\x20b:3"), "{info}");
}
