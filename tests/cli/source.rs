//! Source as the program: it is compiled in memory and runs as the interpreter runs it.

use std::fs;
use std::os::unix::fs::symlink;

use super::{Scratch, assert_refused};
use crate::running;

/// Sources whose reading differs: encodings, line ends, errors of the tokenizer, the parser and the compiler, and ends of the program.
const SOURCES: [&[u8]; 32] = [
    b"import sys\nprint sys.argv, __file__, __name__, __doc__, __package__, sys.path[0]\n",
    b"print 'no line end'",
    b"if 1:\n    print 2",
    b"",
    b"# nothing",
    b"def f():\r\n    return 1\r\nprint f()\r\n",
    b"def f():\r    return 1\rprint f()\r",
    b"\x0cprint 1\n",
    b"\xef\xbb\xbfprint repr(u'\xc3\xa9')\n",
    b"\xef\xbb\xbf# coding: latin-1\nprint 1\n",
    b"# coding: latin-1\nprint repr(u'\xe9')\n",
    b"#!/usr/bin/python\n# vim: set fileencoding=gbk :\nprint repr(u'\xd6\xd0')\n",
    b"# coding: utf-7\nprint repr(u'a+AGE-b')\n",
    b"# coding: rot13\ncevag 1 + 1\n",
    b"# coding: nosuch\nprint 1\n",
    b"# coding: utf-8\nx = '\xff'\n",
    b"x = '\xc3\xa9'\n",
    b"print 1\0\nprint 2\n",
    b"from __future__ import print_function, division\nprint(1 / 2, end='')\n",
    b"from __future__ import braces\n",
    b"x = 1\nfrom __future__ import division\n",
    b"print 'unclosed\n",
    b"def f():\nprint 1\n",
    b"if 1:\n    print 1\n  print 2\n",
    b"return 1\n",
    b"x = 1 + \\\n",
    b"x = u'\\N{NO SUCH NAME}'\n",
    b"assert (1, 'always')\ndef f():\n    x = 1\n    global x\n",
    b"def f(n):\n    return 1 / n\nf(0)\n",
    b"import sys\nsys.exit('bye')\n",
    b"raise SystemExit(3)\n",
    b"MZ = 'not a Windows program'\nprint MZ\n",
];

#[test]
fn source_runs_as_the_interpreter_runs_it() {
    let scratch = Scratch::new();
    for source in SOURCES {
        fs::write(scratch.path("p.py"), source).unwrap();
        let ours = scratch.run(["-q", "p.py", "t.txt", "--", "a", "b"]);
        let theirs = scratch.run(["python", "p.py", "a", "b"]);
        let source = source.escape_ascii();
        assert_eq!((ours.status, ours.stdout()), (theirs.status, theirs.stdout()), "{source}: {}", ours.stderr());
        assert_eq!(ours.stderr(), theirs.stderr(), "{source}");
    }
    assert_eq!(scratch.names().into_iter().filter(|name| name.ends_with(".pyc")).collect::<Vec<_>>(), ["ok.pyc"]);
}

#[test]
fn the_trace_is_that_of_the_compiled_program() {
    let source = "def f(n):\n    return [n, u'\\xe9', 1.5, (1, 2L)]\nprint f(3)\n";
    let scratch = Scratch::with(source);
    fs::write(scratch.path("ok.py"), source).unwrap();
    let hash = regex::Regex::new("\"sha256\":\"[0-9a-f]{64}\"").unwrap();
    for trace in ["t.txt", "t.jsonl", "t.bct"] {
        scratch.run(["-q", "-r", "--values", "ok.pyc", trace]).succeeded();
        let of_pyc = running::read(&scratch.path(trace));
        scratch.run(["-q", "-r", "--values", "ok.py", trace]).succeeded();
        let of_source = running::read(&scratch.path(trace));
        let text = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes).replace("ok.pyc", "ok.py");
            hash.replace(&text, "\"sha256\":\"\"").into_owned()
        };
        assert!(trace == "t.bct" || text(&of_pyc) == text(&of_source), "{trace}");
    }
    let listed = scratch.run(["dis", "--format", "lines", "-r", "ok.py"]).succeeded();
    assert_eq!(listed, scratch.run(["dis", "--format", "lines", "-r", "ok.pyc"]).succeeded());
}

#[test]
fn an_error_in_the_source_leaves_an_old_trace_alone() {
    let scratch = Scratch::new();
    fs::write(scratch.path("p.py"), "print 'unclosed\n").unwrap();
    fs::write(scratch.path("t.txt"), "f> 0 NOP\n").unwrap();
    let ran = scratch.run(["p.py", "t.txt"]);
    assert_eq!((ran.status, ran.stdout().as_str()), (1, ""));
    assert!(ran.stderr().ends_with("SyntaxError: EOL while scanning string literal\n"), "{}", ran.stderr());
    assert_eq!(scratch.text("t.txt"), "f> 0 NOP\n");
}

#[test]
fn what_the_compiler_quotes_of_the_source_is_text_alone() {
    let scratch = Scratch::new();
    fs::write(scratch.path("p.py"), "def (\x1b]0;mine\x07:\n").unwrap();
    for words in [["p.py", "t.txt"], ["dis", "p.py"]] {
        let ran = scratch.run(words);
        let expected = "  File \"p.py\", line 1\n    def (\\x1b]0;mine\\x07:\n        ^\nSyntaxError: invalid syntax\n";
        assert_eq!((ran.status, ran.stderr().as_str()), (1, expected), "{words:?}");
    }
    // A warning is printed, and the program runs.
    fs::write(scratch.path("p.py"), "assert (1, 'a')\n").unwrap();
    let ran = scratch.run(["-q", "p.py", "t.txt"]);
    assert_eq!(ran.status, 0);
    assert!(ran.stderr().contains("SyntaxWarning: assertion is always true"), "{}", ran.stderr());
}

#[test]
fn nothing_beside_the_program_runs_while_it_is_compiled() {
    let scratch = Scratch::new();
    fs::write(scratch.path("p.py"), "# coding: bz2_codec\nprint 1\n").unwrap();
    for module in ["bz2.py", "codecs.py", "sitecustomize.py"] {
        fs::write(scratch.path(module), "import os\nos.write(2, 'ran')\n").unwrap();
    }
    let ran = scratch.run(["p.py", "t.txt"]);
    assert!(ran.status == 1 && !ran.stderr().contains("ran"), "{}", ran.stderr());
}

#[test]
fn source_is_what_is_named_so_and_is_no_other_file() {
    let scratch = Scratch::new();
    fs::write(scratch.path("p.txt"), "print 1\n").unwrap();
    assert_refused(&scratch.run(["p.txt", "t.txt"]), &["cannot read p.txt: ", "text", "end in .py"]);
    fs::copy(scratch.path("ok.pyc"), scratch.path("compiled.py")).unwrap();
    assert_eq!(scratch.run(["-q", "compiled.py", "t.txt"]).succeeded(), "hello\n");
    fs::write(scratch.path("zip.py"), b"PK\x03\x04\x14\0\0\0").unwrap();
    assert_refused(&scratch.run(["zip.py", "t.txt"]), &["zip archive"]);
    fs::write(scratch.path("three.py"), b"\xa7\x0d\r\n\0\0\0\0").unwrap();
    assert_refused(&scratch.run(["three.py", "t.txt"]), &["Python 3"]);
    fs::create_dir(scratch.path("sub")).unwrap();
    fs::write(scratch.path("sub/Q.PY"), "import sys; print __file__, sys.path[0].split('/')[-1]\n").unwrap();
    symlink("sub/Q.PY", scratch.path("link.py")).unwrap();
    for (name, printed) in
        [("sub/Q.PY", "sub/Q.PY sub\n"), ("./sub/Q.PY", "./sub/Q.PY sub\n"), ("link.py", "link.py sub\n")]
    {
        assert_eq!(scratch.run(["-q", name, "t.txt"]).succeeded(), printed);
    }
}

#[test]
fn a_trace_that_is_given_as_a_program_points_to_show() {
    let scratch = Scratch::new();
    for trace in ["t.bct", "t.bct.zst", "t.bct.gz"] {
        scratch.run(["-q", "ok.pyc", trace]).succeeded();
        assert_refused(&scratch.run([trace, "u.txt"]), &[&format!("`bctrace show {trace}`")]);
        assert_refused(&scratch.run(["dis", trace]), &[&format!("`bctrace show {trace}`")]);
    }
    for trace in ["t.txt", "t.jsonl", "t.txt.zst"] {
        scratch.run(["-q", "ok.pyc", trace]).succeeded();
        assert_refused(&scratch.run([trace, "u.txt"]), &["it is a trace"]);
    }
}
