//! When the trace is written: as it grows, whole, and no faster than it is read.

use std::io::Read;

use super::instructions;
use crate::live::{self, Live, Program};

#[test]
fn a_slow_reader_loses_nothing() {
    let program = Program::free(
        "import os
open('number', 'w').write('%d\\n' % os.getpid())
i = 0
while i < 100000:
    try:
        raise ValueError('a long message ' * 20)
    except ValueError:
        i += 1
",
    );
    let whole = program.text(&["-q"], &[]);
    std::fs::remove_file(program.path("number")).unwrap();
    let mut live = Live::start(program.tracing(&[], "-", &[]));
    let number = || std::fs::read_to_string(program.path("number")).ok().filter(|text| text.ends_with('\n'));
    let traced: u32 = live::until("the program has begun", number).trim().parse().unwrap();
    // Nothing is read until the ring is full and the program waits for it; then little, and then the rest.
    let mut text = Vec::new();
    for _ in 0..3 {
        live::until("the program waits for room in the ring", || live::waits(traced).then_some(()));
        text.extend(live.bytes(200_000));
    }
    live.stdout.as_mut().unwrap().read_to_end(&mut text).unwrap();
    let ran = live.end();
    assert_eq!((ran.status, ran.stderr().as_str()), (0, ""));
    assert!(String::from_utf8(text).unwrap() == whole, "the text differs from the file's");
}

/// Does a little, then waits for its standard input.
const WAITS: &str = "import os
def f():
    for i in range(10):
        pass
    os.read(0, 1)
f()
";

/// The length of the text up to the loop: what follows is one run, which is recorded when it ends.
fn least(program: &Program) -> usize {
    let whole = program.text(&[], &[]);
    let last = whole.rfind("f> 19 JUMP_ABSOLUTE").unwrap();
    last + whole[last..].find('\n').unwrap() + 1
}

#[test]
fn the_trace_of_an_idle_program_is_in_the_file() {
    let program = Program::new(WAITS);
    let least = least(&program);
    let live = Live::start(program.tracing(&[], "t.txt", &[]));
    let text = || std::fs::read_to_string(program.path("t.txt")).ok().filter(|text| text.len() >= least);
    let text = live::until("the text has what was executed", text);
    let json = Live::start(program.tracing(&[], "t.jsonl", &[]));
    let count = text.lines().count();
    let is_there =
        || std::fs::read_to_string(program.path("t.jsonl")).ok().filter(|json| instructions(json).len() >= count);
    live::until("the JSON lines have what was executed", is_there);
    for live in [live, json] {
        assert_eq!(live.end().status, 0);
    }
    live::assert_prefix(&text, &program.read("t.txt"), "what was there before the end");
}

#[test]
fn a_bct_of_an_idle_program_can_be_shown() {
    let program = Program::new(WAITS);
    let least = least(&program);
    let live = Live::start(program.tracing(&[], "t.bct", &[]));
    let show = || live::run(program.command(["show", "t.bct"]));
    let shown = live::until("the .bct has what was executed", || Some(show()).filter(|ran| ran.stdout.len() >= least));
    live::assert_failed(&shown, &["the trace has no end", "is still writing it"]);
    let info = live::run(program.command(["info", "t.bct"])).stdout();
    assert!(info.contains("\nend           none yet: the recorder is still writing it\n"), "{info}");
    assert!(!info.contains("\ndamage "), "{info}");
    assert_eq!(live.end().status, 0);
    let whole = program.show(&[], "t.bct");
    live::assert_prefix(&shown.stdout(), &whole, "what was there before the end");
    assert!(whole.len() > shown.stdout().len());
}

#[test]
fn following_a_growing_bct_gives_all_of_it() {
    let program = Program::new(WAITS);
    let least = least(&program);
    let live = Live::start(program.tracing(&[], "t.bct", &[]));
    live::until("there is a trace", || program.path("t.bct").metadata().ok().filter(|file| file.len() > 0));
    let mut follower = Live::start(program.command(["show", "--follow", "t.bct"]));
    let mut followed = String::new();
    while followed.len() < least {
        followed.push_str(&follower.line());
        followed.push('\n');
    }
    assert_eq!(live.end().status, 0);
    let rest = follower.end();
    assert_eq!((rest.status, rest.stderr().as_str()), (0, ""));
    followed.push_str(&rest.stdout());
    assert_eq!(followed, program.show(&[], "t.bct"));
}
