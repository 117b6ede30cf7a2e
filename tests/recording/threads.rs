//! Threads that change where no instruction runs: each instruction and each exception stays in its own thread.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::live::Program;
use crate::running;

/// Closes a file, whose bytes another thread takes meanwhile, while a function is left: after its last instruction, which is the code's
/// last, and before its frame goes.  `gone` makes what is deleted next.
const LEAVES: &str = "import os, threading
LARGE = 1 << 17
class Gone(object):
    def __del__(self):
        noted.append(1)
noted, took = [], []
def fails(pipe, gone):
    full = os.fdopen(pipe, 'wb', 2 * LARGE)
    full.write('x' * LARGE)
    other = gone()
    raise ValueError
def forgets(pipe, gone):
    try:
        fails(pipe, gone)
    except ValueError:
        pass
def takes(pipe):
    left = LARGE
    while left:
        left -= len(os.read(pipe, left))
    took.append(1)
def goes_on(gone):
    end, begin = os.pipe()
    thread = threading.Thread(target=takes, args=(end,))
    thread.start()
    forgets(begin, gone)
    thread.join()
";

/// Writes to a pipe that another thread closes meanwhile, by a call that is the last instruction of its code.
const RAISES: &str = "import os, threading, types
def breaks(pipe):
    os.read(pipe, 1)
    os.close(pipe)
end, begin = os.pipe()
thread = threading.Thread(target=breaks, args=(end,))
write = os.fdopen(begin, 'wb', 0).write
code = types.CodeType(0, 0, 2, 64, 'd\\0\\0d\\1\\0\\x83\\1\\0', (write, 'x' * (1 << 17)), (), (), 'x.py', 'ends', 1, '')
thread.start()
try:
    eval(code)
except IOError:
    print 'broken'
thread.join()
";

/// Records a program in each way, and returns the threads in which each code object's instructions and exceptions are.
fn threads(source: &str, printed: &str) -> Vec<BTreeMap<(String, String), Vec<u64>>> {
    let program = Program::new(source);
    let ways: [&[&str]; 3] = [&["-q"], &["-q", "--values"], &["-q", "--max-instructions", "1m"]];
    let record = |way: &&[&str]| {
        let ran = running::run(&mut program.tracing(way, "t.jsonl", &[]));
        assert_eq!((ran.status, ran.stderr().as_str(), ran.stdout().as_str()), (0, "", printed), "{way:?}");
        let mut found = BTreeMap::new();
        for line in program.read("t.jsonl").lines() {
            let record: Value = serde_json::from_str(line).unwrap();
            if let (Some(name), Some(thread)) = (record["name"].as_str(), record["thread"].as_u64()) {
                let kind = record["type"].as_str().unwrap().to_string();
                let threads: &mut Vec<u64> = found.entry((kind, name.to_string())).or_default();
                threads.push(thread);
                threads.sort_unstable();
                threads.dedup();
            }
        }
        found
    };
    ways.iter().map(record).collect()
}

fn instructions(name: &str) -> (String, String) {
    ("instruction".into(), name.into())
}

#[test]
fn a_thread_that_changes_while_a_function_is_left_comes_before_what_is_called_next() {
    for found in threads(&format!("{LEAVES}goes_on(Gone)\nprint len(noted), len(took)\n"), "1 1\n") {
        assert_eq!(found[&instructions("takes")], [1]);
        assert_eq!(found[&instructions("__del__")], [0]);
        assert_eq!(found[&instructions("goes_on")], [0]);
    }
}

#[test]
fn a_thread_that_changes_while_a_function_is_left_comes_before_the_return() {
    for found in threads(&format!("{LEAVES}goes_on(int)\nprint len(noted), len(took)\n"), "0 1\n") {
        assert_eq!(found[&instructions("takes")], [1]);
        assert_eq!(found[&instructions("goes_on")], [0]);
    }
}

#[test]
fn a_thread_that_changes_in_the_last_instruction_comes_before_its_exception() {
    for found in threads(RAISES, "broken\n") {
        assert_eq!(found[&instructions("breaks")], [1]);
        assert_eq!(found[&instructions("ends")], [0]);
        assert_eq!(found[&("exception".into(), "ends".into())], [0]);
    }
}
