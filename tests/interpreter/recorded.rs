//! `bctrace python --trace-to`: what is in the recording, in which form, and what is said when it cannot be made.

use std::fs;
use std::os::unix::process::CommandExt;
use std::time::{Duration, Instant};

use crate::live::{self, Live, Program};
use crate::running::{self, Ran};

/// Records `bctrace python ARGUMENTS` in the program's folder.
fn record(program: &Program, trace: &str, arguments: &[&str]) -> Ran {
    live::run(program.command([&["python", "--trace-to", trace], arguments].concat()))
}

/// The program, also as source.
fn with_source(source: &str) -> Program {
    let program = Program::new(source);
    fs::write(program.path("p.py"), source).unwrap();
    program
}

const SOURCE: &str = "import atexit
def f(n):
    return [i for i in range(n)]
class Late(object):
    def __del__(self):
        f(1)
late = Late()
atexit.register(f, 2)
print f(3)
";

#[test]
fn a_recorded_script_has_the_trace_of_its_pyc() {
    let program = with_source(SOURCE);
    let of_pyc = program.text(&["-r"], &[]);
    assert_eq!(record(&program, "t.bct", &["p.py"]).succeeded(), "[0, 1, 2]\n");
    assert_eq!(program.show(&["-r"], "t.bct"), of_pyc);
    let source = live::run(program.shell("exec \"$0\" python --trace-to stdin.bct < p.py")).succeeded();
    assert_eq!(source, "[0, 1, 2]\n");
    assert_eq!(program.show(&["-r"], "stdin.bct").replace("<stdin>", "p.py"), of_pyc);
    assert_eq!(record(&program, "c.bct", &["-c", SOURCE]).succeeded(), "[0, 1, 2]\n");
    assert_eq!(program.show(&["-r"], "c.bct").replace("<string>", "p.py"), of_pyc);
}

#[test]
fn every_form_holds_the_same_recording() {
    let program = with_source(SOURCE);
    record(&program, "t.txt", &["p.py"]).succeeded();
    let text = program.read("t.txt");
    assert!(text.starts_with("<module>> 0 LOAD_CONST (0)\n") && text.contains("__del__> 0 "), "{text}");
    for trace in ["t.bct", "t.bct.zst", "t.bct.gz"] {
        record(&program, trace, &["p.py"]).succeeded();
        assert_eq!(program.show(&[], trace), text, "{trace}");
    }
    record(&program, "t.jsonl", &["p.py"]).succeeded();
    let json = program.read("t.jsonl");
    assert!(json.starts_with("{\"type\":\"start\"") && json.contains("\"argv\":[\"python2.7\",\"p.py\"]"), "{json}");
    assert_eq!(json.matches("{\"type\":\"instruction\"").count(), text.lines().count());
    let both = live::run(program.command(["python", "--trace-to=-", "p.py"])).succeeded();
    assert!(text.lines().all(|line| both.contains(line)));
}

#[test]
fn a_module_is_recorded_with_runpy_and_without_the_interpreters_start() {
    let program = Program::new("");
    fs::write(program.path("module.py"), "print __name__\n").unwrap();
    assert_eq!(record(&program, "t.jsonl", &["-B", "-m", "module"]).succeeded(), "__main__\n");
    let json = program.read("t.jsonl");
    let first = json.lines().find(|line| line.starts_with("{\"type\":\"code\"")).unwrap();
    assert!(first.contains("/runpy.py\""), "{first}");
    assert!(json.contains("module.py\"") && !json.contains("/site.py\""));
}

#[test]
fn the_end_says_how_the_interpreter_ended() {
    let program = Program::new("");
    let ends = [
        ("pass", "exited with status 0"),
        ("raise SystemExit(3)", "exited with status 3"),
        ("1 / 0", "exited with status 1"),
        ("import os; os._exit(4)", "exited with status 4"),
        ("import os; os.abort()", "killed by signal 6"),
        (
            "import os, sys; os.execv(sys.executable, ['python', '-V'])",
            "after it had replaced itself by another program",
        ),
    ];
    for (source, told) in ends {
        record(&program, "t.bct", &["--no-sandbox", "-c", source]);
        let info = live::run(program.command(["info", "t.bct"])).succeeded();
        assert!(info.contains(told), "{source}: {info}");
    }
}

#[test]
fn a_trace_that_cannot_be_written_is_reported_before_anything_runs() {
    let program = Program::new("");
    let ran = record(&program, "no/such/folder/t.txt", &["-c", "print 1"]);
    assert_eq!((ran.status, ran.stdout().as_str()), (125, ""));
    assert!(ran.stderr().starts_with("bctrace: cannot write no/such/folder/t.txt"), "{}", ran.stderr());
    let ran = live::run(program.command(["python", "--trace-to"]));
    assert_eq!(ran.status, 2);
    assert!(ran.stderr().contains("'--trace-to <TRACEFILE>'"), "{}", ran.stderr());
}

#[test]
fn a_recorded_interpreter_takes_the_options_of_a_recording_in_any_order() {
    let program =
        with_source("def f(n):\n    return n\ndef g(n):\n    return f(n)\nprint g(3), __import__('sys').argv[1:]\n");
    let of_pyc = |options: &[&str]| {
        program.trace(options, "pyc.txt", &["-t", "a"]).succeeded();
        program.read("pyc.txt")
    };
    let cases: [(&str, &[&str]); 8] = [
        ("-r --trace-to t.txt", &["-r"]),
        ("--trace-to=t.txt -n f -n=g -r", &["-n", "f", "-n", "g", "-r"]),
        ("-t only --trace-to t.txt -nf --", &["-n", "f"]),
        ("-qr --values --trace-to t.txt --value-length 7 --no-stdlib", &["-r", "--values", "--no-stdlib"]),
        ("--match ^f$ --file p.* --trace-to t.txt", &["-n", "f"]),
        ("--trace-to t.txt --start-at g --stop-at f:3", &["--start-at", "g", "--stop-at", "f:3"]),
        ("--trace-to t.txt -f jsonl -n f", &["-f", "jsonl", "-n", "f"]),
        ("--trace-to other.txt --trace-to t.txt", &[]),
    ];
    for (ours, same) in cases {
        let words: Vec<&str> = ["python"].into_iter().chain(ours.split(' ')).chain(["p.py", "-t", "a"]).collect();
        let ran = live::run(program.command(&words));
        let of_pyc = match same {
            ["--start-at", ..] => {
                assert_eq!(ran.status, 123, "{ours}: {}", ran.stderr());
                program.trace(same, "pyc.txt", &["-t", "a"]);
                program.read("pyc.txt")
            }
            _ => {
                assert_eq!((ran.status, ran.stdout().as_str()), (0, "3 ['-t', 'a']\n"), "{ours}: {}", ran.stderr());
                of_pyc(same)
            }
        };
        if same.contains(&"jsonl") {
            assert_eq!(instructions(&program.read("t.txt")), instructions(&of_pyc), "{ours}");
        } else {
            assert_eq!(program.read("t.txt"), of_pyc.replace("p.pyc", "p.py"), "{ours}");
        }
        fs::remove_file(program.path("t.txt")).unwrap();
    }
    assert!(!program.path("other.txt").exists());
}

fn instructions(json: &str) -> Vec<&str> {
    json.lines().filter(|line| line.starts_with("{\"type\":\"instruction\"")).collect()
}

#[test]
fn a_recorded_interpreter_dumps_code_and_its_values_can_be_shown() {
    let program = with_source("exec 'print 6 * 7'\n");
    let words = ["python", "--values", "--dump-code", "code", "--trace-to", "t.bct", "p.py"];
    assert_eq!(live::run(program.command(words)).succeeded(), "42\n");
    assert!(program.path("code/manifest.json").exists());
    assert!(live::run(program.command(["calls", "t.bct"])).succeeded().contains("exec"));
    let ran = live::run(program.command(["python", "--trace-to", "u.txt", "--max-instructions", "3", "p.py"]));
    assert_eq!((ran.status, program.read("u.txt").lines().count()), (123, 3));
}

#[test]
fn wrong_options_of_a_recorded_interpreter_are_usage_errors() {
    let program = with_source("print 1\n");
    let cases = [
        ("--valeus --trace-to t.txt p.py", "--values"),
        ("--trace-to t.txt -t some p.py", "all"),
        ("--trace-to t.txt -t only p.py", "-n NAME"),
        ("--trace-to t.txt --max-instructions few p.py", "few"),
        ("--trace-to", "TRACEFILE"),
        ("-n --trace-to t.txt p.py", "--name"),
    ];
    for (line, part) in cases {
        let words: Vec<&str> = ["python"].into_iter().chain(line.split(' ')).collect();
        let ran = live::run(program.command(&words));
        assert_eq!((ran.status, ran.stdout().as_str()), (2, ""), "{line}");
        assert!(ran.stderr().contains(part), "{line}: {}", ran.stderr());
    }
    assert!(!program.path("t.txt").exists());
}

#[test]
fn without_a_trace_every_word_is_the_interpreters() {
    let program = with_source("import sys; print sys.argv[1:], sys.flags.tabcheck, sys.flags.dont_write_bytecode\n");
    let cases = [
        ("p.py -r --trace-to t.txt", "['-r', '--trace-to', 't.txt'] 0 0\n"),
        ("-t p.py -n x", "['-n', 'x'] 1 0\n"),
        ("-B -t p.py --trace-to t.txt", "['--trace-to', 't.txt'] 1 1\n"),
        ("-- p.py --help", "['--help'] 0 0\n"),
    ];
    for (line, printed) in cases {
        let words: Vec<&str> = ["python"].into_iter().chain(line.split(' ')).collect();
        assert_eq!(live::run(program.command(&words)).succeeded(), printed, "{line}");
    }
    let ran = live::run(program.command(["python", "--values", "p.py"]));
    assert_eq!(ran.status, 2);
    assert!(ran.stderr().contains("Unknown option: --"), "{}", ran.stderr());
    assert!(!program.path("t.txt").exists());
}

#[test]
fn help_shows_our_options_and_then_the_interpreters() {
    let program = Program::new("");
    for words in [&["python", "--help"][..], &["python", "-r", "--help", "x"]] {
        let help = live::run(program.command(words)).succeeded();
        let (ours, theirs) = help.split_once("The interpreter's own help:").expect("both helps");
        assert!(ours.contains("--trace-to <TRACEFILE>") && ours.contains("--value-length <N>"), "{ours}");
        assert!(theirs.contains("usage: python2.7 [option]") && theirs.contains("PYTHONPATH"), "{theirs}");
    }
    let theirs = live::run(program.command(["python", "-h"])).succeeded();
    assert!(theirs.starts_with("usage: python2.7"), "{theirs}");
}

#[test]
fn interrupts_never_end_a_recorded_interpreter_that_waits() {
    let program = Program::new("");
    let source = "import os, signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
os.write(1, 'ready\\n')
os.read(0, 1)
os.write(1, 'read\\n')
";
    let mut command = program.command(["python", "--trace-to", "t.txt", "-c", source]);
    command.process_group(0);
    let mut live = Live::start(command);
    assert_eq!(live.line(), "ready");
    let begun = Instant::now();
    live::until("interrupts have come for longer than two are one", || {
        live::signal("INT", -i64::from(live.id()));
        (begun.elapsed() > Duration::from_secs(1)).then_some(())
    });
    std::io::Write::write_all(live.stdin.as_mut().unwrap(), b"x").unwrap();
    assert_eq!(live.line(), "read");
    assert_eq!(live.end().status, 0);
}

/// Types at an interpreter that has a terminal, whose command line the arguments are; prints what the terminal shows, and the status.
const TYPIST: &str = "import os, pty, sys
process, terminal = pty.fork()
if process == 0:
    os.execv(sys.argv[1], sys.argv[1:])
shown = ''
def wait_for(text):
    global shown
    while not shown.endswith(text):
        shown += os.read(terminal, 1)
wait_for('>>> ')
os.write(terminal, '6 * 7\\n')
wait_for('42\\r\\n>>> ')
os.write(terminal, 'exit(5)\\n')
wait_for('exit(5)\\r\\n')
print shown
print os.waitpid(process, 0)[1] >> 8
";

#[test]
fn an_interpreter_on_a_terminal_prompts() {
    let program = Program::free(TYPIST);
    let bctrace = running::binary().to_str().unwrap();
    for interpreter in [vec![bctrace, "python"], vec![bctrace, "python", "--trace-to", "typed.txt"]] {
        let shown = program.trace(&["-q"], "t.txt", &interpreter).succeeded();
        assert!(shown.starts_with("Python 2.7.18 (default, "), "{shown}");
        assert!(shown.ends_with(">>> exit(5)\r\n\n5\n"), "{shown}");
    }
    assert!(program.read("typed.txt").contains("<module>> 3 PRINT_EXPR\n"));
}

#[test]
fn a_program_that_asks_for_it_is_followed_by_a_prompt() {
    let program = Program::free(TYPIST);
    running::compile("import os; x = 42; os.environ['PYTHONINSPECT'] = '1'", &program.path("asks.pyc"));
    let bctrace = running::binary().to_str().unwrap();
    let shown = program.trace(&["-q"], "t.txt", &[bctrace, "-q", "asks.pyc", "typed.txt"]).succeeded();
    assert!(shown.starts_with(">>> ") && shown.ends_with(">>> exit(5)\r\n\n5\n"), "{shown}");
    assert!(program.read("typed.txt").contains("<module>> 3 PRINT_EXPR\n"));
}
