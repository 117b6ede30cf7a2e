//! SIGKILL from outside at moments that nothing chooses, to the program and to bctrace: what is left is an exact prefix.

use std::io::Read;

use crate::live::{self, Live, Program};

/// Kills in each test.
const ROUNDS: usize = 20;

/// Prints its process number in a line, then `DOTS` dots, and waits; its trace is always the same.
const WORK: &str = "import os
def successor(i):
    return i + 1
def naturals():
    j = 0
    while 1:
        j += 1
        yield j
os.write(1, '%d\\n' % os.getpid())
i, values = 0, naturals()
while i < DOTS * 100:
    i = successor(i)
    next(values)
    if i * i % 7 == 4:
        try:
            int('x')
        except ValueError:
            pass
    if i % 100 == 0:
        os.write(1, '.')
os.read(0, 1)
";

fn work(dots: usize) -> Program {
    Program::new(&WORK.replace("DOTS", &dots.to_string()))
}

/// Starts a recording, waits for this many dots, and kills the program or the process that the user has started; returns what bctrace left
/// on standard error.
fn interrupted(program: &Program, trace: &str, dots: usize, kill_front: bool) -> String {
    let mut live = Live::start(program.tracing(&[], trace, &[]));
    let traced: u32 = live.line().parse().unwrap();
    live.bytes(dots);
    if kill_front {
        live.kill();
        live::until("the program has died with it", || live::is_gone(traced).then_some(()));
    } else {
        live::signal("KILL", traced);
    }
    // The pipes end when the recorder has ended, which that of a killed front outlives.
    let ran = live.end();
    assert_eq!(ran.status, 137, "{}", ran.stderr());
    ran.stderr()
}

/// How many dots to wait for: neighbouring rounds lie far apart, and some find the program waiting.
fn dots(round: usize, all: usize) -> usize {
    round * 23 % (all + 1)
}

#[test]
fn the_trace_of_a_killed_program_is_exact() {
    assert_exact(false);
}

#[test]
fn a_killed_front_takes_the_program_along_and_loses_nothing() {
    assert_exact(true);
}

fn assert_exact(kill_front: bool) {
    let program = work(60);
    let whole = program.text(&[], &[]);
    for round in 0..ROUNDS {
        let trace = ["t.txt", "t.bct"][round % 2];
        let message = interrupted(&program, trace, dots(round, 60), kill_front);
        let text = if trace == "t.bct" { program.show(&[], trace) } else { program.read(trace) };
        live::assert_prefix(&text, &whole, trace);
        let last: Vec<&str> = text.lines().last().unwrap().split(' ').collect();
        let place = format!("in {} at {} {}", last[0].strip_suffix('>').unwrap(), last[1], last[2]);
        assert_eq!(message, format!("bctrace: killed by SIGKILL {place}\n"));
    }
}

#[test]
fn a_full_ring_loses_nothing_when_the_program_is_killed() {
    let program = Program::new(
        "import os
os.write(2, '%d\\n' % os.getpid())
i = 0
while 1:
    try:
        raise ValueError
    except ValueError:
        i += 1
",
    );
    // Standard output is the trace, which is not read: the recorder stands still, the ring fills, and the program waits.
    let script = "exec \"$0\" p.pyc - 2>&1 >trace.fifo";
    assert!(program.shell("/usr/bin/mkfifo trace.fifo").status().unwrap().success());
    let mut live = Live::start(program.shell(script));
    let trace = std::fs::File::open(program.path("trace.fifo")).unwrap();
    let traced: u32 = live.line().parse().unwrap();
    live::until("the program waits for room in the ring", || live::waits(traced).then_some(()));
    live::signal("KILL", traced);
    let text = std::io::read_to_string(trace).unwrap();
    let ran = live.end();
    assert_eq!(ran.status, 137);
    let lines: Vec<&str> = text.lines().collect();
    // After the first time around the loop each one is like it.
    let head = lines.iter().position(|line| line.contains("SETUP_LOOP")).unwrap() + 1;
    let around = lines[head..].iter().position(|line| line.contains("JUMP_ABSOLUTE")).unwrap() + 1;
    assert!(lines.len() > 100_000, "{} lines", lines.len());
    for (number, line) in lines[head..].iter().enumerate() {
        assert_eq!(*line, lines[head + number % around], "line {}", head + number + 1);
    }
    let last: Vec<&str> = lines.last().unwrap().split(' ').collect();
    let place = format!("in <module> at {} {}", last[1], last[2]);
    assert_eq!(ran.stdout(), format!("bctrace: killed by SIGKILL {place}\n"));
}

#[test]
fn a_killed_front_takes_forked_processes_along() {
    let program = Program::new(
        "
import os, sys
for turn in range(3):
    if os.fork() == 0:
        os.setsid()
        while 1:
            pass
    sys.stdout.write('.'); sys.stdout.flush()
while 1:
    pass
",
    );
    for options in [&["-q"][..], &["-q", "--follow-forks"]] {
        let mut live = Live::start(program.tracing(options, "t.bct", &[]));
        assert_eq!(live.bytes(3), b"...");
        // The file is open as the standard output of each, which ends when all are gone.
        live.kill();
        let mut rest = Vec::new();
        live.stdout.as_mut().unwrap().read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"", "{options:?}");
    }
}
