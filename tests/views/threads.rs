//! Programs with several threads: each line is below the number of its own thread, and no thread is given what another one did.

use serde_json::Value;

use super::view;
use crate::live::Program;

/// Two threads that call while the main thread waits for them.
const SOURCE: &str = "\
import threading, time
def spin(n):
    for i in xrange(n):
        pass
    return n
def work(name):
    time.sleep(0.01)
    spin(5000)
    return name.upper()
def main():
    threads = [threading.Thread(target=work, args=(name,)) for name in ('one', 'two')]
    for thread in threads:
        thread.start()
    spin(100)
    for thread in threads:
        thread.join()
main()
";

fn recorded() -> Program {
    let program = Program::new(SOURCE);
    let ran = program.trace(&["-q", "--deterministic", "--values"], "t.bct", &[]);
    assert_eq!(ran.status, 0, "{}", ran.stderr());
    program
}

/// Calls with their results after them, wherever lines end.
fn joined(text: &str) -> String {
    let words: Vec<&str> = text.lines().map(str::trim).collect();
    words.join(" ")
}

#[test]
fn calls_of_a_thread_are_the_same_alone_and_among_those_of_others() {
    let program = recorded();
    let all = program.view("calls", &[], "t.bct");
    let mut threads = [String::new(), String::new(), String::new()];
    let mut thread = 0;
    for line in all.lines().filter(|line| !line.starts_with("(left out")) {
        match line.strip_prefix("thread ") {
            Some(number) => thread = number.parse::<usize>().unwrap(),
            None => threads[thread].push_str(&format!("{line}\n")),
        }
    }
    for (number, of_thread) in threads.iter().enumerate() {
        let alone = program.view("calls", &["--thread", &number.to_string()], "t.bct");
        let is_call = |line: &&str| !line.starts_with("thread ") && !line.starts_with("(left out");
        let alone: Vec<&str> = alone.lines().filter(is_call).collect();
        assert!(alone.len() > 3, "{alone:?}");
        assert_eq!(joined(of_thread), joined(&alone.join("\n")), "thread {number} of\n{all}");
    }
}

#[test]
fn what_a_frame_called_is_of_its_own_thread() {
    let program = recorded();
    let hot = program.view("hot", &["-f", "json", "--stdlib"], "t.bct");
    let objects: Vec<Value> = hot.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let count = |name: &str, filename: &str, member: &str| -> u64 {
        let is_it = |object: &&Value| {
            object["type"] == "code"
                && object["name"] == name
                && object["filename"].as_str().unwrap().ends_with(filename)
        };
        objects.iter().find(is_it).unwrap_or_else(|| panic!("{name} in\n{hot}"))[member].as_u64().unwrap()
    };
    assert_eq!(count("spin", "p.py", "own"), count("spin", "p.py", "total"));
    // These are the outermost frames of all threads.
    let threading = ["__bootstrap", "_exitfunc"].map(|name| count(name, "threading.py", "total"));
    let outermost = count("<module>", "p.py", "total") + threading.iter().sum::<u64>();
    let own: u64 = objects.iter().filter_map(|object| object["own"].as_u64()).sum();
    assert_eq!(outermost, own, "{hot}");
}

#[test]
fn frames_and_totals_of_a_thread_are_its_own() {
    let program = recorded();
    let count = |thread: &[&str], name: &str| {
        let hot = program.view("hot", &[&["-f", "json"], thread].concat(), "t.bct");
        let objects: Vec<Value> = hot.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let found = objects.iter().find(|object| object["type"] == "code" && object["name"] == name);
        found.map(|object| ["frames", "own", "total"].map(|member| object[member].as_u64().unwrap()))
    };
    let all = count(&[], "spin").unwrap();
    assert_eq!(all[0], 3);
    let each = ["0", "1", "2"].map(|thread| count(&["--thread", thread], "spin").unwrap());
    assert!(each.iter().all(|[frames, own, total]| *frames == 1 && own == total), "{each:?}");
    let sums = [0, 1, 2].map(|member| each.iter().map(|counts| counts[member]).sum::<u64>());
    assert_eq!(sums, all);
    assert_eq!(count(&["--thread", "1"], "main"), None);
    assert_eq!(count(&["--thread", "1", "--thread", "2"], "work").unwrap()[0], 2);
}

#[test]
fn a_line_that_another_thread_executed_is_executed() {
    let source = "\
import sys, threading
def work(word):
    if word == 'x':
        return 1
    return 2
for word in sys.argv[1:]:
    thread = threading.Thread(target=work, args=(word,))
    thread.start()
    thread.join()
";
    let program = Program::new(source);
    for (trace, words) in [("a.bct", ["x", "y"]), ("b.bct", ["y", "x"])] {
        assert_eq!(program.trace(&["-q"], trace, &words).status, 0);
    }
    let (status, text) = view(&program, &["diff", "a.bct", "b.bct"]);
    assert_eq!(status, 1, "{text}");
    assert!(!text.contains("executed:"), "{text}");
}

#[test]
fn what_is_left_out_of_a_comparison_is_that_of_all_threads() {
    let program = recorded();
    let left_out = |text: &str| text.lines().find(|line| line.starts_with("(left out")).map(str::to_owned);
    let (_, same) = view(&program, &["diff", "t.bct", "t.bct"]);
    let hot = program.view("hot", &[], "t.bct");
    assert!(left_out(&hot).is_some(), "{hot}");
    assert_eq!(left_out(&same), left_out(&hot));
}

/// Eighty threads, one after the other, that call `more` where WHICH holds and there is an argument.
fn many_threads(which: &str) -> Program {
    let source = "\
import sys, thread
locks = [thread.allocate_lock() for i in range(80)]
for lock in locks: lock.acquire()
def work(k):
    if WHICH and len(sys.argv) > 1: more(k)
    locks[k].release()
def more(k): return k
def start(k):
    thread.start_new_thread(work, (k,))
    locks[k].acquire()
for k in range(80): start(k)
";
    let program = Program::new(&source.replace("WHICH", which));
    for (trace, words) in [("a.bct", &[][..]), ("again.bct", &[]), ("b.bct", &["x"])] {
        assert_eq!(program.trace(&["-q"], trace, words).status, 0);
    }
    program
}

#[test]
fn each_thread_is_compared() {
    let program = many_threads("k == 70");
    let (status, text) = view(&program, &["diff", "a.bct", "again.bct"]);
    assert_eq!((status, text.lines().last()), (0, Some("both executed the same")), "{text}");
    let (status, text) = view(&program, &["diff", "a.bct", "b.bct"]);
    assert_eq!((status, text.matches("first divergence").count()), (1, 1), "{text}");
    assert!(text.contains("first divergence in thread 71:"), "{text}");
    // What can be read only once has no places of other threads.
    let ran = crate::running::run(&mut program.shell("cat b.bct | \"$0\" diff a.bct -"));
    assert_eq!(ran.status, 1, "{}", ran.stderr());
    assert!(ran.stdout().contains("threads that differ too, without their places: 71\n"), "{}", ran.stdout());
}

#[test]
fn threads_that_differ_are_all_named() {
    let program = many_threads("k >= 0");
    let (status, text) = view(&program, &["diff", "a.bct", "b.bct"]);
    assert_eq!((status, text.matches("first divergence in thread").count()), (1, 63), "{text}");
    let numbers: Vec<String> = (64..81).map(|number| number.to_string()).collect();
    let line = format!("threads that differ too, without their places: {}", numbers.join(", "));
    assert!(text.lines().any(|one| one == line), "{text}");
    let (_, json) = view(&program, &["diff", "-f", "json", "a.bct", "b.bct"]);
    let objects = json.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let different = objects.filter(|object| object["type"] == "different");
    assert_eq!(different.map(|object| object["thread"].to_string()).collect::<Vec<_>>(), numbers);
}

#[test]
fn values_are_those_of_their_instructions_wherever_threads_switch() {
    let source = "\
import sys, thread
sys.setcheckinterval(len(sys.argv) * 7)
locks = [thread.allocate_lock() for i in range(2)]
for lock in locks: lock.acquire()
def work(k):
    count([7])
    locks[k].release()
def count(z):
    for i in xrange(400): y = z[0] + z[0]
for k in range(2): thread.start_new_thread(work, (k,))
for lock in locks: lock.acquire()
";
    let program = Program::new(source);
    for (trace, words) in [("a.bct", &[][..]), ("b.bct", &["x"])] {
        assert_eq!(program.trace(&["-q", "--values", "--deterministic"], trace, words).status, 0);
    }
    let (status, text) = view(&program, &["diff", "-n", "count", "a.bct", "b.bct"]);
    assert_eq!((status, text.lines().last()), (0, Some("both executed the same")), "{text}");
}
