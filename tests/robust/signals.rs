//! Signals to bctrace and to its process group: they reach the program, and the trace is complete.

use std::os::unix::process::CommandExt;

use crate::live::{self, Live, Program};

/// A recording in a process group of its own, as a shell would start it.
fn start(program: &Program, trace: &str) -> Live {
    let mut command = program.tracing(&[], trace, &[]);
    command.process_group(0);
    Live::start(command)
}

/// What a terminal does when a key is pressed.
fn to_group(name: &str, live: &Live) {
    live::signal(name, -i64::from(live.id()));
}

#[test]
fn signals_for_the_program_are_passed_on() {
    let program = Program::new(
        "import os, signal, sys, time
def handler(number, frame):
    os.write(1, 'got %d\\n' % number)
for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
    signal.signal(number, handler)
try:
    os.write(1, 'ready\\n')
    while 1:
        time.sleep(0.01)
except KeyboardInterrupt:
    sys.exit(4)
",
    );
    for trace in ["t.txt", "t.bct"] {
        let mut live = start(&program, trace);
        assert_eq!(live.line(), "ready");
        for (name, number) in [("TERM", 15), ("HUP", 1), ("USR1", 10), ("USR2", 12)] {
            live.signal(name);
            assert_eq!(live.line(), format!("got {number}"));
        }
        to_group("INT", &live);
        let ran = live.end();
        assert_eq!((ran.status, ran.stderr().as_str()), (4, ""));
    }
    let text = program.read("t.txt");
    assert_eq!(text.lines().filter(|line| line.starts_with("handler> 0 ")).count(), 4);
    let shown = program.show(&[], "t.bct");
    assert_eq!(shown.lines().filter(|line| line.starts_with("handler> 0 ")).count(), 4);
}

#[test]
fn an_interrupt_that_a_process_sends_to_bctrace_reaches_the_program() {
    let program = Program::new(
        "import os, signal, time
def handler(number, frame):
    os.write(1, 'got %d\\n' % number)
for number in (signal.SIGINT, signal.SIGQUIT):
    signal.signal(number, handler)
os.write(1, 'ready\\n')
while 1:
    time.sleep(0.01)
",
    );
    let mut live = start(&program, "t.bct");
    assert_eq!(live.line(), "ready");
    for (name, number) in [("INT", 2), ("QUIT", 3), ("INT", 2), ("INT", 2), ("INT", 2)] {
        live.signal(name);
        assert_eq!(live.line(), format!("got {number}"));
    }
    live.signal("KILL");
    assert_eq!(live.status(), 137);
    let program = Program::new("import os\nos.write(1, 'ready\\n')\nwhile 1: pass\n");
    for (name, status, message) in [("INT", 1, "KeyboardInterrupt\n"), ("QUIT", 131, "bctrace: killed by SIGQUIT in ")]
    {
        let mut live = start(&program, "t.bct");
        assert_eq!(live.line(), "ready");
        live.signal(name);
        let ran = live.end();
        assert_eq!(ran.status, status);
        assert!(ran.stderr().contains(message), "{}", ran.stderr());
    }
}

#[test]
fn what_is_sent_to_the_whole_job_reaches_the_program_once() {
    let program = Program::new(
        "import os, signal, time
seen = 0
def handler(number, frame):
    global seen
    seen += 1
def tell(number, frame):
    os.write(1, '%d\\n' % seen)
for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
    signal.signal(number, handler)
signal.signal(signal.SIGTERM, tell)
os.write(1, '%d\\n' % os.getpid())
while 1:
    time.sleep(0.01)
",
    );
    let mut live = start(&program, "t.bct");
    live.line();
    for (number, name) in ["INT", "USR2", "INT", "HUP", "QUIT", "USR1"].into_iter().enumerate() {
        to_group(name, &live);
        live::until("bctrace has taken its signal", || (!has_pending_signals(live.id())).then_some(()));
        // After whatever bctrace would pass on for the first one.  Of signals that wait, Python handles those with lower numbers first,
        // and all others have lower ones.
        live.signal("TERM");
        assert_eq!(live.line(), (number + 1).to_string(), "{name}");
    }
    live.signal("KILL");
    assert_eq!(live.status(), 137);
}

#[test]
fn a_signal_that_the_program_does_not_handle_ends_it_and_the_trace_says_so() {
    let program = Program::new("import os, sys\nos.write(1, '%d\\n' % os.getpid())\nsys.stdin.read()\n");
    for (name, number) in [("TERM", 15), ("HUP", 1), ("USR1", 10), ("USR2", 12)] {
        let mut live = start(&program, "t.txt");
        let traced: u32 = live.line().parse().unwrap();
        live::until("the program reads", || live::waits(traced).then_some(()));
        live.signal(name);
        let status = live.status();
        let ran = live.end();
        assert_eq!(status, 128 + number, "{name}");
        assert!(ran.stderr().starts_with(&format!("bctrace: killed by SIG{name} in <module> at ")), "{}", ran.stderr());
        assert!(program.read("t.txt").lines().last().unwrap().contains(" CALL_FUNCTION (0)"), "{name}");
    }
}

#[test]
fn an_interrupt_from_the_terminal_is_the_programs_keyboard_interrupt() {
    let program = Program::new(
        "import os
def clean_up():
    os.write(1, 'cleaned up\\n')
try:
    os.write(1, 'ready\\n')
    while 1:
        pass
finally:
    clean_up()
",
    );
    for trace in ["t.txt", "t.bct"] {
        let mut live = start(&program, trace);
        assert_eq!(live.line(), "ready");
        to_group("INT", &live);
        let ran = live.end();
        assert_eq!((ran.status, ran.stdout().as_str()), (1, "cleaned up\n"));
        assert!(ran.stderr().ends_with("KeyboardInterrupt\n"), "{}", ran.stderr());
    }
    assert!(program.read("t.txt").contains("clean_up> 0 "));
    assert!(program.show(&[], "t.bct").contains("clean_up> 0 "));
    let info = live::run(program.command(["info", "t.bct"])).succeeded();
    assert!(info.contains("exited with status 1"), "{info}");
}

#[test]
fn a_program_that_handles_each_interrupt_and_goes_on_is_left_alone() {
    let program = Program::new(
        "import os, signal, sys
seen = []
def handler(number, frame):
    seen.append(number)
signal.signal(signal.SIGINT, handler)
while len(seen) < 5:
    before = len(seen)
    os.write(1, 'running\\n')
    while len(seen) == before:
        pass
    os.write(1, 'caught\\n')
    os.read(0, 1)
sys.exit(8)
",
    );
    let mut live = start(&program, "t.bct");
    for _ in 0..5 {
        assert_eq!(live.line(), "running");
        to_group("INT", &live);
        assert_eq!(live.line(), "caught");
        // Until bctrace has seen the interrupt as well, the next one could reach it with this one.
        live::until("bctrace has taken its signal", || (!has_pending_signals(live.id())).then_some(()));
        std::io::Write::write_all(live.stdin.as_mut().unwrap(), b"x").unwrap();
    }
    assert_eq!(live.end().status, 8);
}

fn has_pending_signals(process: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let pending = status.lines().find_map(|line| line.strip_prefix("ShdPnd:\t")).unwrap();
    pending.chars().any(|digit| digit != '0')
}

#[test]
fn a_stopped_job_goes_on_when_it_is_continued() {
    let program = Program::new(
        "import os\nos.write(1, '%d\\n' % os.getpid())\nwhile os.read(0, 1):\n    os.write(1, 'more\\n')\n",
    );
    let mut live = start(&program, "t.txt");
    let traced: u32 = live.line().parse().unwrap();
    for name in ["TSTP", "STOP"] {
        to_group(name, &live);
        live::until("both have stopped", || (is_stopped(traced) && is_stopped(live.id())).then_some(()));
        to_group("CONT", &live);
        live::until("both go on", || (!is_stopped(traced) && !is_stopped(live.id())).then_some(()));
    }
    // A shell that knows only its own child continues that.
    to_group("TSTP", &live);
    live::until("both have stopped", || (is_stopped(traced) && is_stopped(live.id())).then_some(()));
    live.signal("CONT");
    live::until("both go on", || (!is_stopped(traced) && !is_stopped(live.id())).then_some(()));
    std::io::Write::write_all(live.stdin.as_mut().unwrap(), b"x").unwrap();
    assert_eq!(live.line(), "more");
    assert_eq!(live.end().status, 0);
}

fn is_stopped(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    stat.rsplit(") ").next().unwrap().starts_with('T')
}

/// Waits until a process is stopped, continues it, and ends.
const CONTINUES: &str = "import os, signal, sys
def continue_it(me):
    while open('/proc/%d/stat' % me).read().rsplit(') ')[1][0] != 'T': pass
    os.kill(me, signal.SIGCONT)
    os._exit(0)
me = os.getpid()
for number in (signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN):
    child = os.fork()
    if child == 0:
        continue_it(me)
    os.kill(me, number)
    os.waitpid(child, 0)
print 'resumed'
";

#[test]
fn a_program_that_stops_and_is_continued_by_another_process_ends() {
    let program = Program::free(CONTINUES);
    let mut command = program.tracing(&[], "t.bct", &[]);
    // The terminal's signals stop nothing in a group whose parents are all in it or in other sessions.
    command.process_group(0);
    let ran = live::run(command);
    assert_eq!((ran.status, ran.stdout().as_str(), ran.stderr().as_str()), (0, "resumed\n", ""));
}

#[test]
fn a_stopped_program_is_ended_by_the_timeout() {
    let program = Program::new("import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)\n");
    let ran = program.trace(&["--timeout", "100ms"], "t.bct", &[]);
    assert_eq!(ran.status, 124, "{}", ran.stderr());
}

#[test]
fn a_program_that_stops_the_processes_of_bctrace_does_not_stop_the_end() {
    let program = Program::free(
        "import os, signal
def read(pid):
    stat = open('/proc/%s/stat' % pid).read()
    return stat[stat.index('(') + 1:stat.rindex(')')], stat.rsplit(') ')[1].split()
parent = str(os.getppid())
front = read(parent)[1][1]
own = []
while len(own) < 2:
    own = [parent]
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try: name, fields = read(pid)
        except IOError: continue
        if fields[1] == front and name == 'bctrace-record': own.append(pid)
for pid in own:
    os.kill(int(pid), signal.SIGSTOP)
if len(os.sys.argv) > 1: os.kill(int(front), signal.SIGSTOP)
print 'stopped'
",
    );
    for arguments in [&[][..], &["front"]] {
        let ran = program.trace(&[], "t.bct", arguments);
        assert_eq!((ran.status, ran.stdout().as_str(), ran.stderr().as_str()), (0, "stopped\n", ""));
    }
}
