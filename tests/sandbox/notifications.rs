//! What the sandbox costs a program that does nothing special: the calls that wait for the recorder's answer.

use std::ops::RangeInclusive;

use super::{Caller, World};
use crate::{live, running};

/// Calls that the start of the interpreter and the program's own file need answered; the C library may map a table of encodings, if the
/// machine has it.
const AT_START: RangeInclusive<u32> = 6..=7;

/// How many calls of a program the recorder answers.
#[track_caller]
fn answered(source: &str) -> u32 {
    let world = World::new(Caller::Tester);
    world.write("own/p.py", source);
    let mut counting = world.program(running::binary().to_str().unwrap());
    counting.args(["python", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sandbox/notifications.py")]);
    counting.arg(running::binary()).args(["-q", "p.py", "../traces/t.bct"]);
    let ran = live::run(counting);
    assert_eq!((ran.status, ran.stderr().as_str()), (0, ""));
    ran.stdout().trim().parse().unwrap()
}

#[test]
fn the_start_of_a_program_needs_a_fixed_number_of_answers_and_its_work_none() {
    let at_start = answered("pass");
    assert!(AT_START.contains(&at_start), "{at_start}");
    let work = "
def turns(number):
    for turn in xrange(number):
        yield {turn: [str(turn)] * 3}
total = 0
for table in turns(20000):
    for key, texts in table.items():
        total += len(''.join(texts)) + key % 7
assert total > 0
";
    assert_eq!(answered(work), at_start);
    // The count sees what it counts.
    assert!(
        answered("import os\nfor turn in range(5):\n    try: os.unlink('nothing')\n    except OSError: pass")
            >= at_start + 5
    );
}
