//! What is recorded and how the recording ends: limits and triggers, filters, and the same trace by every way to it.

mod briefly;
mod filters;
mod input;
mod jumps;
mod lane;
mod limits;
mod lookups;
mod loop_cap;
mod shown;
mod shutdown;
mod stopping;
mod threads;
mod whose;
mod writing;

use crate::live::Program;

/// Calls, a generator, exceptions, code made at run time, and code after the main program's end; ends with status 3.
const VARIED: &str = "import sys
def add(a, b):
    return a + b
def naturals(limit):
    for i in range(limit):
        yield i
def risky(n):
    try:
        if n % 2:
            raise ValueError(n)
        return 'even'
    except ValueError:
        return 'odd'
    finally:
        add(n, 1)
class Last(object):
    def __del__(self):
        print 'deleted'
last = Last()
total = 0
for n in naturals(5):
    total = add(total, n)
    risky(n)
exec 'def made(x): return [add(i, x) for i in (1, 2)]'
made(4)
print total
sys.exit(3)
";

/// The program above, and the lines of its whole trace.
fn varied() -> (Program, Vec<String>) {
    let program = Program::new(VARIED);
    assert_eq!(program.trace(&[], "whole.txt", &[]).status, 3);
    let lines = program.read("whole.txt").split_inclusive('\n').map(str::to_string).collect();
    (program, lines)
}

/// The lines that are instructions.
fn instructions(json: &str) -> Vec<&str> {
    json.lines().filter(|line| line.starts_with("{\"type\":\"instruction\"")).collect()
}
