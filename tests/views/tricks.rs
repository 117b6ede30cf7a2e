//! Which tricks are found, with values and without.

use super::{record, view};
use crate::live::Program;

/// Tricks that functions of the library's modules play, which are written in Python or have no name in C.
const OF_MODULES: &str = "\
import ctypes, inspect, threading
def stack(): pass
def settrace(function): pass
stack(); settrace(None)
inspect.stack()
threading.settrace(None)
threading.setprofile(None)
frame = inspect.currentframe()
inspect.getouterframes(frame)
text = ''.join(['ab', 'cd'])
place = id(text) + 36
ctypes.memmove(place, 'x', 1)
ctypes.string_at(place, 4)
ctypes.memset(place, 121, 1)
";

/// The lines of `tricks` for a source line.
fn of_line(text: &str, line: u32) -> Vec<String> {
    let place = format!(" p.py:{line}: <module>: ");
    text.lines().filter_map(|line| Some(line.split_once(&place)?.1.to_owned())).collect()
}

#[test]
fn functions_of_the_librarys_modules_are_found_with_values_and_without() {
    let program = Program::new(OF_MODULES);
    record(&program, "t.bct", &[], "");
    let (_, with) = view(&program, &["tricks", "t.bct"]);
    let expected = [
        (5, "stack() -> ["),
        (6, "settrace(None) -> None"),
        (7, "setprofile(None) -> None"),
        (8, "sys._getframe() -> <frame "),
        (9, "getouterframes(<frame "),
        (12, "CFunctionType("),
        (13, "string_at("),
        (14, "CFunctionType("),
    ];
    for (line, what) in expected {
        let found = of_line(&with, line);
        assert!(found.len() == 1 && found[0].starts_with(what), "{line}: {what}: {with}");
    }
    // Those of the program's own by such names are none.
    assert_eq!(of_line(&with, 4), [""; 0], "{with}");
    assert_eq!(program.trace(&["-q"], "names.bct", &[]).status, 0);
    let without = program.view("tricks", &[], "names.bct");
    let reads = ["stack", "settrace", "setprofile", "currentframe", "getouterframes", "memmove", "string_at", "memset"];
    for ((line, _), name) in expected.iter().zip(reads) {
        assert_eq!(of_line(&without, *line), [format!("reads {name}")], "{without}");
    }
    // What the library's frames would show is not needed.
    let options = ["-q", "--values", "--no-stdlib"];
    assert_eq!(program.trace(&options, "own.bct", &[]).status, 0);
    let own = program.view("tricks", &[], "own.bct");
    assert!(
        expected.iter().all(|(line, what)| of_line(&own, *line).iter().any(|found| found.starts_with(what))),
        "{own}"
    );
}

#[test]
fn a_constant_is_no_reading_of_a_clock() {
    let program = Program::new(
        "\
import time
start = time.time()
passed = int(time.time() - start) / 1000
words = ['a', 'b']
for number in range(5, 8):
    if len(words) * number == 0: pass
    if 0 < number - 0: pass
if passed > 0: print 'slow'
if 0 < int(time.time() - start) / 1000: print 'slow'
",
    );
    record(&program, "t.bct", &[], "");
    let (_, text) = view(&program, &["tricks", "t.bct"]);
    let compared: Vec<&str> = text.lines().filter(|line| line.contains(": compares ")).collect();
    let at = |line: u32| compared.iter().filter(|found| found.contains(&format!("p.py:{line}:"))).count();
    assert_eq!((at(6), at(7), at(8), at(9)), (0, 0, 1, 1), "{text}");
}
