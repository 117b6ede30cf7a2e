//! `--answers`: what a program asks, and which answer it gets.

use std::fs;

use crate::live::{Program, assert_failed, run};

/// Runs a program with a script of answers; returns what it printed and the whole trace as JSON lines.
#[track_caller]
fn answered(source: &str, script: &str, options: &[&str]) -> (String, String) {
    let program = Program::new(source);
    fs::write(program.path("script"), script).unwrap();
    let options = [&["--answers", "script"], options].concat();
    let printed = program.trace(&options, "t.bct", &[]).succeeded();
    (printed, program.show(&["--format", "jsonl"], "t.bct"))
}

#[test]
fn each_way_to_read_standard_input_asks() {
    let source = "\
import sys, os, io
print repr(raw_input('name? '))
print input('number? ')
sys.stdout.write('line? '); print repr(sys.stdin.readline())
sys.stderr.write('whole? '); print repr(sys.stdin.read())
print >>sys.stderr, 'part?',; print repr(sys.stdin.read(2)), repr(sys.stdin.readline())
os.write(1, 'read? '); print repr(os.read(0, 100))
sys.stdout.writelines(['a\\n', 'lines? ']); print sys.stdin.readlines()
with io.open(1, 'wb', buffering=0, closefd=False) as raw: raw.write(b'io? ')
print repr(io.open(0, 'rb', buffering=0, closefd=False).read(100))
print 'each? '
for line in sys.stdin: print repr(line); break
print repr(sys.stdin.read())
";
    let script = "name => Bob\nnumber => 6 * 7\nline\\? => l\nwhole => w\npart => pqr\nread => r\nlines => s\nio => i\neach => e\n";
    let (printed, json) = answered(source, script, &["--values"]);
    let answers = printed.replace("name? ", "").replace("number? ", "").replace("line? ", "");
    let expected = "'Bob'\n42\n'l\\n'\n'w\\n'\n'pq' 'r\\n'\n'r\\n'\n['s\\n']\n'i\\n'\neach? \n'e\\n'\n''\n";
    let answers = answers.replace("read? ", "").replace("a\nlines? ", "").replace("io? ", "");
    assert_eq!(answers, expected, "{printed}");
    assert!(json.contains(r#""read":"Bob\n""#), "{json}");
}

#[test]
fn a_loop_that_asks_again_is_answered_in_turn() {
    let source = "n = 1\nwhile raw_input('Password: ') != 'hunter2': n += 1\nprint n, raw_input('Sure? [y/N] ')\n";
    let script = "# a wrong one first\nPassword => letmein\n\nPassword => hunter2\n\\[y/N\\] => y\n";
    assert_eq!(answered(source, script, &[]).0, "Password: Password: 2 Sure? [y/N] y\n");
}

#[test]
fn a_loop_that_takes_no_answer_ends() {
    let source = "n = 0\ntry:\n    while raw_input() != 'right': n += 1\nexcept EOFError: print n\n";
    assert_eq!(answered(source, ".* => wrong\n", &[]).0, "10000\n");
}

#[test]
fn getpass_is_answered() {
    let source = "import getpass\nprint getpass.getpass('Secret: '), getpass.getpass()\n";
    let (printed, json) = answered(source, "^Secret: $ => s3cret\n^Password: $ => other\n", &[]);
    assert_eq!(printed, "s3cret other\n");
    assert!(json.contains(r#""read":"s3cret\n""#), "{json}");
}

#[test]
fn a_prompt_is_the_last_line_that_is_not_empty() {
    let source = "import sys\nprint 'Enter the key:\\n'\nprint raw_input()\nprint 'Key: wrong'\nprint raw_input('Code> ')\n\
        sys.stdout.write('x' * 5000 + 'end'); print raw_input()\ntry: raw_input('other')\nexcept EOFError: print 'EOF'\n";
    let (printed, _) = answered(source, "^Enter the key:$ => k\n^Code> $ => c\nxend$ => e\n", &[]);
    assert_eq!(printed, format!("Enter the key:\n\nk\nKey: wrong\nCode> c\n{}ende\notherEOF\n", "x".repeat(5000)));
}

#[test]
fn a_file_of_the_programs_own_is_not_written() {
    let source = "import os\nf = open('own', 'w+')\nos.dup2(f.fileno(), 0)\nprint repr(raw_input.__name__), repr(os.read(0, 9))\n\
        print os.fstat(f.fileno()).st_size\n";
    assert_eq!(answered(source, ".* => x\n", &["--no-sandbox"]).0, "'raw_input' ''\n0\n");
}

#[test]
fn a_wrong_script_is_refused_with_its_line() {
    let program = Program::new("pass\n");
    fs::write(program.path("script"), "a => b\n(a => b\n").unwrap();
    let wrong = run(program.tracing(&["--answers", "script"], "t.bct", &[]));
    assert_failed(&wrong, &["cannot use --answers script", "line 2: the pattern is wrong"]);
    let missing = run(program.tracing(&["--answers", "nowhere"], "t.bct", &[]));
    assert_failed(&missing, &["cannot use --answers nowhere"]);
    assert!(!program.path("t.bct").exists());
}

#[test]
fn interpreters_that_the_program_starts_have_stand_ins_and_answers() {
    let source = "import subprocess, sys\nprint raw_input('first? ')\nsys.stdout.flush()\n\
        subprocess.call([sys.executable, '-c', 'import gone; print gone.f(1), raw_input(\"second? \")'])\n";
    let options = ["--follow-forks", "--no-sandbox", "--stub-missing"];
    let (printed, _) = answered(source, "first => 1\nsecond => 2\n", &options);
    assert_eq!(printed, "first? 1\ngone.f() second? 2\n");
}
