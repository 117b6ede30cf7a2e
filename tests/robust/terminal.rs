//! bctrace as a job of a shell in a terminal: its keys, and its stops.

use std::path::Path;

use crate::live::{self, Program};
use crate::running;

/// Plays a scenario of tests/robust/terminal.py with `bctrace OPTIONS p.pyc t.bct`; returns what it prints.
#[track_caller]
fn play(program: &Program, options: &[&str], scenario: &str) -> String {
    let terminal = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/robust/terminal.py");
    let mut command = program.command(["python"]);
    command.arg(terminal).arg(scenario).arg(running::binary()).args(options).args(["p.pyc", "t.bct"]);
    live::run(command).succeeded()
}

#[test]
fn a_second_interrupt_ends_a_program_that_executes_nothing() {
    let program = Program::new(
        "import os, signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
os.write(1, 'ready')
os.read(0, 1)
",
    );
    let scenario = "expect('ready')
while not has_event(): key('\\x03')
print event()
";
    assert_eq!(play(&program, &[], scenario), "ended 137\n");
}

#[test]
fn interrupts_of_the_terminal_reach_the_program_once() {
    let program = Program::new(
        "import os, signal, sys
seen = []
def handler(number, frame):
    seen.append(number)
signal.signal(signal.SIGINT, handler)
signal.signal(signal.SIGQUIT, lambda number, frame: sys.exit(len(seen)))
for i in range(3):
    before = len(seen)
    os.write(1, 'running')
    while len(seen) == before:
        pass
os.write(1, 'all')
while 1:
    pass
",
    );
    let scenario = "for i in range(3):
    expect('running')
    key('\\x03')
expect('all')
key('\\x1c')
print event()
";
    assert_eq!(play(&program, &[], scenario), "ended 3\n");
}

#[test]
fn a_job_stops_by_its_key_and_goes_on_in_the_foreground() {
    let program = Program::new(
        "import os
os.write(1, 'ready')
while os.read(0, 10) != 'end\\n':
    os.write(1, 'more')
",
    );
    let scenario = "expect('ready')
for i in range(3):
    key('\\x1a')
    print event()
    fg()
    key('x\\n')
    expect('more')
key('end\\n')
print event()
";
    assert_eq!(play(&program, &[], scenario), "stopped\nstopped\nstopped\nended 0\n");
}

#[test]
fn a_job_in_the_background_that_reads_stops_until_it_is_in_the_foreground() {
    let program = Program::new("import os\nos.read(0, 10)\n");
    let scenario = "# background
print event()
fg()
key('x\\n')
print event()
";
    assert_eq!(play(&program, &[], scenario), "stopped\nended 0\n");
}

#[test]
fn a_stopped_job_goes_on_when_another_process_continues_the_program() {
    let program = Program::new(
        "import os, signal, sys, time
signal.signal(signal.SIGUSR1, lambda number, frame: sys.exit(3))
os.write(1, '[%d]' % os.getpid())
while 1:
    time.sleep(0.01)
",
    );
    let scenario = "expect('[')
traced = int(until(']'))
key('\\x1a')
print event()
os.kill(traced, signal.SIGCONT)
os.kill(traced, signal.SIGUSR1)
print event()
";
    assert_eq!(play(&program, &[], scenario), "stopped\nended 3\n");
}

#[test]
fn the_timeout_ends_a_stopped_job_that_is_not_continued() {
    let program = Program::new("import os\nos.write(1, 'ready')\nos.read(0, 10)\n");
    let scenario = "expect('ready')
key('\\x1a')
first = event()
print first
if first == 'stopped': print event()
";
    // On a busy machine the time may be over before the key is pressed.
    let plays = ["1s", "4s", "16s"].iter().map(|time| play(&program, &["--timeout", time], scenario));
    assert!(plays.into_iter().any(|printed| printed == "stopped\nended 124\n"));
}

/// Says `ready`, reads a line, changes all that a program can change of its terminal, says so, and ends in a way of its own.
const VANDAL: &str = "import fcntl, os, struct, sys, termios, time
os.write(1, 'ready')
os.read(0, 9)
modes = termios.tcgetattr(0)
modes[0] = modes[1] = 0
modes[3] &= ~(termios.ECHO | termios.ISIG | termios.ICANON)
modes[6][termios.VINTR] = chr(0)
termios.tcsetattr(0, termios.TCSANOW, modes)
fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_NONBLOCK)
for request, argument in ((termios.TIOCSWINSZ, struct.pack('HHHH', 1, 1, 0, 0)), (termios.TIOCSPGRP, struct.pack('i', os.getppid()))):
    try: fcntl.ioctl(0, request, argument)
    except IOError: pass
os.write(1, 'changed')
";

#[test]
fn a_terminal_is_left_as_it_was() {
    let scenario = "import fcntl, termios
def state():
    flags = [line for line in open('/proc/%d/fdinfo/0' % shell_pid) if line.startswith('flags:')]
    return termios.tcgetattr(master), fcntl.ioctl(master, termios.TIOCGWINSZ, '12345678'), flags
expect('ready')
before = state()
key('x\\n')
expect('changed')
print event(), state() == before
";
    let ends = [
        ("", "0", &[][..]),
        ("os.kill(os.getpid(), 9)", "137", &[]),
        ("while 1: time.sleep(1)", "124", &["--timeout", "3s"]),
        ("while 1: print 'x' * 999", "123", &["--max-output", "9k"]),
        ("if os.fork() == 0: time.sleep(100)", "0", &[]),
    ];
    for (end, status, options) in ends {
        let program = Program::new(&format!("{VANDAL}{end}\n"));
        assert_eq!(play(&program, options, scenario), format!("ended {status} True\n"), "{end}");
    }
}

#[test]
fn a_job_that_has_changed_the_terminal_stops_and_goes_on() {
    let program = Program::new(
        "import os, termios
modes = termios.tcgetattr(0)
modes[3] &= ~termios.ECHO
termios.tcsetattr(0, termios.TCSANOW, modes)
os.write(1, 'ready')
while os.read(0, 10) != 'end\\n':
    os.write(1, 'more')
",
    );
    let scenario = "import termios
expect('ready')
for i in range(2):
    key('\\x1a')
    print event()
    fg()
    key('x\\n')
    expect('more')
print bool(termios.tcgetattr(master)[3] & termios.ECHO),
key('end\\n')
print event(), bool(termios.tcgetattr(master)[3] & termios.ECHO)
";
    assert_eq!(play(&program, &[], scenario), "stopped\nstopped\nFalse ended 0 True\n");
}
