//! Where control leaves the sequence, and other Python code runs before the next instruction is fetched: that is still the one that is
//! recorded.

use crate::live::Program;

/// The offsets that the text trace of a program has for its functions of this name.
fn offsets(source: &str, options: &[&str], name: &str) -> Vec<u32> {
    let text = Program::new(source).text(options, &[]);
    let begin = format!("{name}> ");
    let lines = text.lines().filter_map(|line| line.strip_prefix(&begin));
    lines.map(|line| line.split(' ').next().unwrap().parse().unwrap()).collect()
}

/// CONTINUE by way of END_FINALLY, to the target that an object is; when the object goes, its finalizer runs after the jump.
const FINALIZED: &str = "
import types
class Target(int):
    def __del__(self):
        [one for one in (1, 2, 3)]
def make():
    return Target(17)
code = ''.join(map(chr, [
    120, 15, 0,  # 0 SETUP_LOOP
    116, 0, 0,   # 3 LOAD_GLOBAL make
    131, 0, 0,   # 6 CALL_FUNCTION
    100, 1, 0,   # 9 LOAD_CONST 32, WHY_CONTINUE
    88,          # 12 END_FINALLY
    100, 2, 0,   # 13
    83,          # 16
    87,          # 17 POP_BLOCK
    100, 2, 0,   # 18 LOAD_CONST 'there'
    83]))        # 21 RETURN_VALUE
there = types.CodeType(0, 0, 8, 67, code, (None, 32, 'there'), ('make',), (), 'f', 'jumps', 1, '')
assert types.FunctionType(there, {'make': make})() == 'there'
";

#[test]
fn a_finalizer_after_a_jump_does_not_hide_it() {
    for options in [&[][..], &["-n", "jumps"], &["--values"]] {
        assert_eq!(offsets(FINALIZED, options, "jumps"), [0, 3, 6, 9, 12, 17, 18, 21], "{options:?}");
    }
}

/// A signal's handler, a thread, and both: each may run where a loop jumps back, before the target is fetched.
const INTERRUPTED: &str = "
import signal, sys, thread
sys.setcheckinterval(1)
ran = []
def handler(number, frame):
    for one in (1, 2, 3):
        ran.append(one)
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.0001, 0.0001)
def other():
    for one in xrange(3000):
        ran.append(one)
thread.start_new_thread(other, ())
def spin():
    count = 0
    while count < 3000:
        if count % 2:
            count += 1
        else:
            count += 1
    return count
assert spin() == 3000
signal.setitimer(signal.ITIMER_REAL, 0)
";

#[test]
fn what_interrupts_a_jump_does_not_hide_it() {
    let offsets = offsets(INTERRUPTED, &[], "spin");
    let back: Vec<usize> = (0..offsets.len()).filter(|&at| offsets[at] == offsets[3]).collect();
    // The condition is fetched once for each round and once more, and every round is one of two sequences.
    assert_eq!(back.len(), 3001, "{:?}", &offsets[..60.min(offsets.len())]);
    let rounds: std::collections::BTreeSet<&[u32]> = back.windows(2).map(|pair| &offsets[pair[0]..pair[1]]).collect();
    assert_eq!(rounds.len(), 2, "{rounds:?}");
}
