//! How a program is stopped: in time, without running any more of its code, and with what it has printed.

use std::time::{Duration, Instant};

use crate::live::{self, Live, Program};

/// How long a stopped program may need until bctrace has ended, on a busy machine.
const PROMPT: Duration = Duration::from_secs(6);

#[test]
fn a_timeout_ends_a_loop_a_wait_and_a_call_into_c() {
    let bodies = [
        ("while 1:\n    pass", "JUMP_ABSOLUTE"),
        ("import sys\nsys.stdin.readline()", "CALL_FUNCTION"),
        ("sum(xrange(10 ** 14))", "CALL_FUNCTION"),
        ("pow(10, 10 ** 8)", "CALL_FUNCTION"),
        ("import time\ntime.sleep(1000)", "CALL_FUNCTION"),
    ];
    for (body, last) in bodies {
        let program = Program::new(body);
        for trace in ["t.txt", "t.bct"] {
            let begin = Instant::now();
            let mut live = Live::start(program.tracing(&["--timeout", "300ms"], trace, &[]));
            assert_eq!(live.status(), 124, "{body}");
            assert!(begin.elapsed() < PROMPT, "{body}: {:?}", begin.elapsed());
            let message = live.end().stderr();
            assert!(message.starts_with("bctrace: stopped by --timeout in <module> at "), "{body}: {message}");
            assert_eq!(message.matches('\n').count(), 1, "{message}");
        }
        let text = program.read("t.txt");
        assert!(text.ends_with('\n'), "{body}");
        if last == "CALL_FUNCTION" {
            assert!(text.lines().last().unwrap().contains(last), "{body}: {text}");
            assert_eq!(program.show(&[], "t.bct"), text, "{body}");
        }
    }
}

#[test]
fn a_timeout_that_is_not_reached_changes_nothing() {
    let program = Program::new("print 'done'");
    let ran = program.trace(&["--timeout", "1h"], "t.txt", &[]);
    assert_eq!((ran.status, ran.stdout().as_str(), ran.stderr().as_str()), (0, "done\n", ""));
}

#[test]
fn no_code_of_the_program_runs_after_a_stop_and_its_output_is_there() {
    let program = Program::new(
        "import atexit, sys
class Last(object):
    def __del__(self):
        print 'deleted'
last = Last()
def goodbye():
    print 'at exit'
atexit.register(goodbye)
sys.exitfunc = goodbye
def stop_here():
    print 'went on'
sys.stdout.write('printed and not flushed')
try:
    for i in range(100):
        pass
    stop_here()
except BaseException:
    print 'caught'
finally:
    print 'finally'
",
    );
    let whole = program.text(&[], &[]);
    let stop = whole.lines().position(|line| line.starts_with("stop_here> ")).unwrap();
    for options in [["--stop-at", "stop_here"], ["--max-instructions", &stop.to_string()]] {
        for trace in ["t.txt", "t.bct", "t.jsonl"] {
            let ran = program.trace(&options, trace, &[]);
            assert_eq!((ran.status, ran.stdout().as_str()), (123, "printed and not flushed"), "{options:?} {trace}");
        }
        assert_eq!(program.read("t.txt").lines().count(), stop);
    }
}

#[test]
fn a_stop_does_not_wait_for_a_thread_that_reads() {
    let program = Program::new(
        "import sys, thread
ready = thread.allocate_lock()
ready.acquire()
def reader():
    ready.release()
    sys.stdin.readline()
thread.start_new_thread(reader, ())
ready.acquire()
sys.stdout.write('printed')
i = 0
while 1:
    i += 1
",
    );
    for trace in ["t.txt", "t.bct"] {
        let begin = Instant::now();
        let mut live = Live::start(program.tracing(&["--max-instructions", "300000"], trace, &[]));
        assert_eq!(live.status(), 123);
        assert!(begin.elapsed() < PROMPT, "{:?}", begin.elapsed());
        // Standard input has been open all the time.
        assert_eq!(live.end().stdout(), "printed");
    }
    assert_eq!(program.read("t.txt").lines().count(), 300_000);
}

#[test]
fn a_stop_in_a_thread_ends_the_process() {
    let program = Program::new(
        "import thread, time
def worker():
    for i in range(50):
        pass
    stop_here()
def stop_here():
    pass
thread.start_new_thread(worker, ())
while 1:
    time.sleep(0.01)
",
    );
    let ran = program.trace(&["--stop-at", "stop_here"], "t.txt", &[]);
    assert_eq!(ran.status, 123, "{}", ran.stderr());
    let text = program.read("t.txt");
    assert!(text.lines().last().unwrap().starts_with("worker> ") && !text.contains("stop_here> "));
}

#[test]
fn a_stopped_program_leaves_no_process() {
    let program = Program::new("import os, sys\nprint os.getpid()\nsys.stdout.flush()\nwhile 1:\n    pass\n");
    for options in [["--max-instructions", "5000"], ["--timeout", "200ms"], ["--max-size", "100k"]] {
        let ran = program.trace(&options, "t.txt", &[]);
        assert!([123, 124].contains(&ran.status), "{options:?}: {}", ran.stderr());
        let traced = ran.stdout().trim().parse().unwrap();
        assert!(live::is_gone(traced), "{options:?}");
    }
}
