//! Every way in which a traced program can die, or make its process unusable: the trace holds exactly what was executed up to then, and
//! the end is reported with its reason and place.

mod foreign;
mod kills;
mod recorders;
pub mod steps;
mod tampering;

use crate::live::{self, Live, Program};

/// A program that calls the deed that its first argument names, in `f`, and then goes on; whatever the deed is, the bytecode is the same.
fn deeds(table: &str) -> Program {
    Program::free(&format!(
        "import os, resource, signal, sys
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
sys.setrecursionlimit(10 ** 9)
class Itself(object):
    pass
Itself.__call__ = Itself()
me, null = os.getpid(), os.open('/dev/null', os.O_RDWR)
def work():
    for i in range(1000):
        pass
def f():
    work()
    deed(*arguments)
    work()
DEEDS = {{'nothing': (id, (0,)), {table}}}
deed, arguments = DEEDS[sys.argv[1]]
f()
work()
"
    ))
}

/// The trace of the deed "nothing", as text and as JSON lines, and the deadly instruction's number and offset.
struct Whole {
    text: String,
    json: String,
    number: usize,
    offset: String,
}

impl Whole {
    fn of(program: &Program) -> Whole {
        let text = program.text(&[], &["nothing"]);
        assert_eq!(program.trace(&[], "whole.jsonl", &["nothing"]).status, 0);
        let is_deed = |line: &&str| line.starts_with("f> ") && line.contains("CALL_FUNCTION_VAR");
        let line = text.lines().find(is_deed).unwrap();
        let number = text.lines().position(|other| other == line).unwrap() + 1;
        let offset = line.split(' ').nth(1).unwrap().to_string();
        Whole { json: program.read("whole.jsonl"), text, number, offset }
    }

    /// The text up to the deed.
    fn until_deed(&self) -> String {
        self.text.split_inclusive('\n').take(self.number).collect()
    }
}

/// Asserts that a deed ends the program with this status and message, and that each form of trace ends at the deed.
fn assert_dies(program: &Program, whole: &Whole, deed: &str, status: i32, message: &str) {
    let message = message.replace("HERE", &format!("in f at {} CALL_FUNCTION_VAR", whole.offset));
    for trace in ["t.txt", "t.jsonl", "t.bct"] {
        let ran = program.trace(&[], trace, &[deed]);
        assert_eq!((ran.status, ran.stderr()), (status, message.clone()), "{deed} {trace}");
    }
    let want = whole.until_deed();
    assert_eq!(program.read("t.txt"), want, "{deed}: text");
    assert_eq!(program.show(&[], "t.bct"), want, "{deed}: shown");
    let (json, end) = without_end(&program.read("t.jsonl"));
    live::assert_prefix(&without_argument(&json), &without_argument(&whole.json), deed);
    let instructions = json.lines().filter(|line| line.starts_with("{\"type\":\"instruction\"")).count();
    assert_eq!(instructions, whole.number, "{deed}");
    let place = format!("\"name\":\"f\",\"offset\":{},\"opname\":\"CALL_FUNCTION_VAR\"", whole.offset);
    assert!(end.starts_with("{\"type\":\"end\"") && end.contains(&place), "{deed}: {end}");
}

/// Parts the last line from the others.
fn without_end(json: &str) -> (String, String) {
    let at = json.trim_end().rfind('\n').unwrap() + 1;
    (json[..at].to_string(), json[at..].to_string())
}

/// Without the first line, which has the argument that names the deed.
fn without_argument(json: &str) -> String {
    json.split_once('\n').unwrap().1.to_string()
}

/// Signals that end a process which does not handle them, Linux's numbers on most machines; Python ignores SIGPIPE and SIGXFSZ.
fn signals() -> Vec<(&'static str, i32)> {
    let first =
        ["SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE", "SIGKILL", "SIGUSR1"];
    let others = [("SIGSEGV", 11), ("SIGUSR2", 12), ("SIGALRM", 14), ("SIGTERM", 15), ("SIGXCPU", 24), ("SIGSYS", 31)];
    let first = first.into_iter().zip(1..).filter(|(name, _)| *name != "SIGINT");
    first.chain(others).collect()
}

#[test]
fn death_by_a_signal_ends_the_trace_at_the_call_that_brought_it() {
    let signals = signals();
    let entry = |(name, _): &(&str, i32)| format!("'{name}': (os.kill, (me, signal.{name})), ");
    let program = deeds(&signals.iter().map(entry).collect::<String>());
    let whole = Whole::of(&program);
    for (name, number) in signals {
        assert_dies(&program, &whole, name, 128 + number, &format!("bctrace: killed by {name} HERE\n"));
    }
}

#[test]
fn a_signal_without_a_name_is_reported_by_its_number() {
    let program = deeds("'rt': (os.kill, (me, 40))");
    let whole = Whole::of(&program);
    assert_dies(&program, &whole, "rt", 168, "bctrace: killed by signal 40 HERE\n");
}

#[test]
fn death_without_a_signal_from_outside_ends_the_trace_at_its_call() {
    let program = deeds("'_exit': (os._exit, (7,)), 'abort': (os.abort, ()), 'overflow': (Itself(), ())");
    let whole = Whole::of(&program);
    assert_dies(&program, &whole, "_exit", 7, "");
    assert_dies(&program, &whole, "abort", 134, "bctrace: killed by SIGABRT HERE\n");
    assert_dies(&program, &whole, "overflow", 139, "bctrace: killed by SIGSEGV HERE\n");
}

#[test]
fn death_after_the_last_code_object_is_gone_is_reported_with_its_place() {
    let program = Program::new(
        "import os, sys
from functools import partial
sys.exitfunc = partial(os.kill, os.getpid(), 9)
",
    );
    let ran = program.trace(&[], "t.txt", &[]);
    let text = program.read("t.txt");
    let last = text.lines().last().unwrap();
    let place = last.strip_prefix("<module>> ").expect("nothing runs after the main program");
    assert_eq!((ran.status, ran.stderr()), (137, format!("bctrace: killed by SIGKILL in <module> at {place}\n")));
}

#[test]
fn exec_ends_the_trace_and_the_status_is_the_new_programs() {
    let program = deeds(
        "'exec': (os.execv, ('/bin/sh', ['sh', '-c', 'exit 42'])),
'killed': (os.execv, ('/bin/sh', ['sh', '-c', 'kill -9 $$']))",
    );
    let whole = Whole::of(&program);
    for (deed, status) in [("exec", 42), ("killed", 137)] {
        assert_dies(&program, &whole, deed, status, "bctrace: the program was replaced by exec HERE\n");
    }
}

#[test]
fn what_a_program_does_to_its_descriptors_and_limits_loses_nothing() {
    let program = deeds(
        "'close': (os.closerange, (0, 1000)), 'dup2': (map, (os.dup2, [null] * 60, range(60))),
'size': (resource.setrlimit, (resource.RLIMIT_FSIZE, (0, 0))), 'memory': (resource.setrlimit, (resource.RLIMIT_AS, (1 << 20, 1 << 20))),
'files': (resource.setrlimit, (resource.RLIMIT_NOFILE, (0, 0))), 'stack': (resource.setrlimit, (resource.RLIMIT_STACK, (1 << 20, 1 << 20))),
'folder': (os.chdir, ('/',)), 'nice': (os.nice, (5,)), 'group': (os.setpgid, (0, 0))",
    );
    let whole = Whole::of(&program);
    for deed in ["close", "dup2", "size", "memory", "files", "stack", "folder", "nice", "group"] {
        for trace in ["t.txt", "t.bct"] {
            let ran = program.trace(&[], trace, &[deed]);
            assert_eq!((ran.status, ran.stderr().as_str()), (0, ""), "{deed} {trace}");
        }
        live::assert_prefix(&program.read("t.txt"), &whole.text, deed);
        assert_eq!(program.read("t.txt").len(), whole.text.len(), "{deed}");
        assert_eq!(program.show(&[], "t.bct"), whole.text, "{deed}");
    }
}

/// Makes code objects until the memory that it leaves itself is used up; runs each.
const MAKES_CODE: &str = "import resource, sys, types
def used():
    for line in open('/proc/self/statm'): return int(line.split()[0]) * 4096
base = (lambda: 1).__code__
def after():
    return [number for number in range(7)]
limit = used() + (int(sys.argv[1]) << 10)
resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
made = []
try:
    for number in xrange(2000000):
        code = types.CodeType(0, 0, 1, 0x53, base.co_code, base.co_consts, (), (), 'f%d' % number, 'n%d' % number, 1, '')
        eval(code)
        made.append(code)
except MemoryError:
    made = None
    print 'no memory'
if len(sys.argv) > 2:
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
after()
print 'end'
";

#[test]
fn a_program_that_runs_out_of_memory_goes_on_and_the_trace_says_what_is_missing() {
    let program = Program::new(MAKES_CODE);
    for kilobytes in ["100", "1000", "3000", "20000"] {
        for (trace, options) in
            [("t.bct", &[][..]), ("t.jsonl", &["--values"]), ("t.bct", &["--max-instructions", "999999999"])]
        {
            let ran = program.trace(options, trace, &[kilobytes]);
            assert_eq!((ran.status, ran.stdout().as_str()), (0, "no memory\nend\n"), "{kilobytes}: {}", ran.stderr());
            let message = ran.stderr();
            assert!(message.is_empty() || message.contains("too little memory"), "{message}");
        }
        let is_low = program.show(&["--format", "jsonl"], "t.bct").contains("\"type\":\"low_memory\"");
        let is_less = program.view("info", &[], "t.bct").contains("more were executed and are not in the trace");
        assert!(is_low == is_less && (is_low || kilobytes != "20000"), "{kilobytes}: {is_low} {is_less}");
    }
}

#[test]
fn a_code_object_that_there_is_no_memory_to_describe_is_counted_and_described_later() {
    let source = "import resource, sys
def used():
    for line in open('/proc/self/statm'): return int(line.split()[0]) * 4096
def light(n):
    return n + 1
def heavy(n):
    if n == 1 << 70: return 'TEXT'
    return light(n)
limit = [1 << 40, used()][len(sys.argv) - 1]
resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
heavy(1)
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
heavy(2)
";
    let program = Program::new(&source.replace("TEXT", &"x".repeat(1 << 20)));
    for options in [&[][..], &["--values"], &["-n", "heavy", "-n", "light"], &["--max-instructions", "100000"]] {
        let counted = |arguments: &[&str]| {
            let ran = program.trace(options, "t.bct", arguments);
            assert_eq!(ran.status, 0, "{options:?}: {}", ran.stderr());
            let shown = |name: &str| program.show(&["-n", name], "t.bct").lines().count();
            let json = program.show(&["--format", "jsonl"], "t.bct");
            let last = json.lines().last().unwrap();
            let number = last.split("\"number\":").nth(1).unwrap().split(',').next().unwrap().to_string();
            (shown("heavy"), shown("light"), json.contains("\"low_memory\""), ran.stderr(), number)
        };
        let (heavy, light, low, message, number) = counted(&[]);
        assert_eq!((low, message.as_str()), (false, ""));
        let limited = counted(&["limited"]);
        let message = "bctrace: the program left too little memory to record some of its code\n".to_string();
        assert_eq!(limited, (heavy / 2, light, true, message, number), "{options:?}");
    }
}

#[test]
fn recording_goes_on_when_there_is_memory_again() {
    let program = Program::new(MAKES_CODE);
    let ran = program.trace(&[], "t.bct", &["3000", "again"]);
    assert_eq!((ran.status, ran.stdout().as_str()), (0, "no memory\nend\n"), "{}", ran.stderr());
    let after = program.show(&["-n", "after"], "t.bct");
    let alone = Program::new("def after():\n    return [number for number in range(7)]\nafter()\n");
    assert_eq!(after, alone.text(&["-n", "after"], &[]));
    assert!(after.lines().count() > 30);
}

#[test]
fn a_deep_recursion_without_memory_ends_as_without_bctrace() {
    let program = Program::new(
        "import resource, sys, threading
def used():
    for line in open('/proc/self/statm'): return int(line.split()[0]) * 4096
def down(depth):
    if depth == 0:
        return 0
    return down(depth - 1) + 1
sys.setrecursionlimit(10 ** 9)
limit = used() + (64 << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for depth in (1000, 20000, 40000):
    try:
        print down(depth)
    except MemoryError:
        print 'no memory'
print 'end'
",
    );
    let script = |command: &str| live::run(program.shell(&format!("ulimit -s 600000; exec \"$0\" {command}")));
    let plain = script("python p.pyc");
    assert_eq!(plain.status, 0, "{}", plain.stderr());
    for (trace, options) in [("t.bct", ""), ("t.txt", "--values"), ("t.bct", "-n nothing")] {
        let ran = script(&format!("-q {options} p.pyc {trace}"));
        let stderr = ran.stderr();
        let nothing = stderr.starts_with("bctrace: nothing was recorded: -n nothing ") && stderr.lines().count() == 1;
        assert!(ran.status == 0 && if options == "-n nothing" { nothing } else { stderr.is_empty() }, "{stderr}");
        assert!(ran.stdout().ends_with("end\n"), "{}", ran.stdout());
    }
}

#[test]
fn memory_that_the_program_frees_is_there_for_its_stack_as_without_bctrace() {
    let program = Program::new(
        "import resource, sys
def used():
    for line in open('/proc/self/statm'): return int(line.split()[0]) * 4096
def fill(kept):
    taken = []
    try:
        for number in xrange(1, 10 ** 9):
            taken.append('x' * (number * 100))
            exec 'def f%d(a): return a\\nf%d(1)' % (number, number) in kept
    except MemoryError:
        print 'no memory'
def down(depth):
    return down(depth + 1)
limit = used() + (int(sys.argv[1]) << 10)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
fill({})
fill(globals())
try:
    down(0)
except RuntimeError:
    print 'too deep'
print 'end'
",
    );
    // With much less, what the C library keeps of the freed memory decides, in plain Python too.
    for kilobytes in ["8000", "20000", "40000"] {
        let plain = live::run(program.command(["python", "p.pyc", kilobytes]));
        assert_eq!((plain.status, plain.stdout().as_str()), (0, "no memory\nno memory\ntoo deep\nend\n"));
        for (trace, options) in [("t.bct", &[][..]), ("t.txt", &["--values"]), ("t.bct", &["-n", "nothing"])] {
            let ran = program.trace(options, trace, &[kilobytes]);
            let expected = (plain.status, plain.stdout());
            assert_eq!((ran.status, ran.stdout()), expected, "{options:?} {kilobytes}: {}", ran.stderr());
        }
    }
}

#[test]
fn a_forked_process_is_not_traced() {
    let program = deeds("'fork': (os.fork, ())");
    let whole = Whole::of(&program);
    for trace in ["t.txt", "t.bct"] {
        let ran = program.trace(&[], trace, &["fork"]);
        assert_eq!((ran.status, ran.stderr().as_str()), (0, ""), "{trace}");
    }
    assert_eq!(program.read("t.txt"), whole.text);
    assert_eq!(program.show(&[], "t.bct"), whole.text);
}

#[test]
fn the_end_does_not_wait_for_a_forked_process() {
    let program = Program::new(
        "import os
if os.fork() == 0:
    os.closerange(1, 3)
    os.read(0, 1)
    os._exit(0)
",
    );
    let mut live = Live::start(program.tracing(&[], "t.txt", &[]));
    // The grandchild reads what is written only now.
    assert_eq!(live.status(), 0);
    assert_eq!(live.end().status, 0);
}

#[test]
fn a_stack_overflow_in_python_code_ends_in_the_recursion() {
    let program = Program::new(
        "import resource, sys
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
sys.setrecursionlimit(10 ** 9)
class Repeats(object):
    def __getattr__(self, name):
        return getattr(self, name)
Repeats().missing
",
    );
    let trace_with_stack = |kilobytes: u32| {
        let script = format!("ulimit -s {kilobytes}; exec \"$0\" p.pyc t.txt");
        let ran = live::run(program.shell(&script));
        let message = ran.stderr();
        assert_eq!(ran.status, 139, "{message}");
        assert!(message.starts_with("bctrace: killed by SIGSEGV in __getattr__ at "), "{message}");
        program.read("t.txt")
    };
    let (shorter, longer) = (trace_with_stack(1024), trace_with_stack(2048));
    assert!(shorter.lines().count() > 1000 && shorter.len() < longer.len());
    live::assert_prefix(&shorter, &longer, "the smaller stack");
}
