//! Which tricks are found, with values and without.

use serde_json::Value;

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

/// What each line of a program shows, from its second line on: the way, and the beginning of what was tried; nothing of an empty one.
fn assert_shown(program: &Program, options: &[&str], shown: &[(&str, &str)]) {
    let ran = program.trace(&[&["-q", "--values"], options].concat(), "t.bct", &[]);
    assert_eq!(ran.status, 0, "{}", ran.stderr());
    let json = program.view("tricks", &["--format", "json"], "t.bct");
    let objects: Vec<Value> = json.lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect();
    for (line, (kind, what)) in (2..).zip(shown) {
        let found: Vec<&Value> = objects.iter().filter(|object| object["line"] == line).collect();
        let is_it = |object: &&Value| object["kind"] == *kind && object["what"].as_str().unwrap().starts_with(what);
        let is_as_expected = if kind.is_empty() { found.is_empty() } else { found.iter().any(is_it) };
        assert!(is_as_expected, "line {line}, {kind}: {what}: {found:?}");
    }
}

#[test]
fn files_below_proc_are_found_however_they_are_looked_at() {
    let program = Program::new(
        "\
import codecs, glob, io, os
io.open('/proc/self/status').close()
io.FileIO('/proc//self/./status').close()
open(u'/proc/self/status').close()
os.path.exists('/proc/self/status')
os.path.isfile('/sys/hypervisor/type')
os.stat('/proc/self/status')
os.access('/proc/self/status', os.R_OK)
os.listdir('/proc/self/fd')
glob.glob('/proc/self/stat*')
codecs.open('/proc/self/status').close()
getattr(os.path, 'is' + 'dir')('/proc/vz')
os.path.exists('/procedures')
os.path.exists(__file__)
",
    );
    let process = [
        "_io.open(",
        "_io.FileIO(",
        "open(u'/proc/self/status'",
        "exists(",
        "isfile(",
        "posix.stat(",
        "posix.access(",
        "posix.listdir(",
        "glob(",
        "open(",
        "isdir(",
    ];
    let shown: Vec<_> = process.iter().map(|what| ("process", *what)).chain([("", ""), ("", "")]).collect();
    assert_shown(&program, &[], &shown);
}

#[test]
fn what_clocks_said_is_compared_in_many_forms() {
    let program = Program::new(
        "\
import datetime, time, operator; start, begun = time.time(), datetime.datetime.now()
(datetime.datetime.now() - begun).total_seconds() > 1
datetime.datetime.now() - begun > datetime.timedelta(seconds=1)
(datetime.datetime.utcnow() - begun).seconds >= 7
datetime.date.today() < datetime.date(2001, 1, 1)
time.localtime().tm_year < 2001
time.gmtime()[0] < 2001
time.localtime() < (2001, 1, 1)
time.strftime('%Y') < '2001'
datetime.datetime.now().strftime('%Y') == '2001'
datetime.datetime.fromtimestamp(time.time()) > begun
cmp(time.time() - start, 1.25)
operator.gt(time.time() - start, 1.25)
(time.time() - start).__gt__(1.25)
'%.4f' % (time.time() - start) == '9.0000'
datetime.date(2002, 1, 1) < datetime.date(2001, 1, 1)
time.localtime(1.5).tm_yday == 400
cmp(5.75, 1.5)
",
    );
    let shown: Vec<_> = [("clocks", "compares "); 14].into_iter().chain([("", ""); 3]).collect();
    assert_shown(&program, &[], &shown);
}

#[test]
fn functions_are_found_that_another_one_calls_or_finds() {
    let program = Program::new(
        "\
import functools, inspect, os, select, sys, thread, threading, time, traceback, Queue
apply(sys.gettrace)
apply(sys.setprofile, (None,))
map(sys.getrefcount, [1])
functools.partial(sys.setcheckinterval, 100)()
sys.gettrace.__call__()
getattr(sys, 'get' + 'trace')()
getattr(inspect, 'sta' + 'ck')()
traceback.extract_stack()
traceback.format_stack()
select.select([], [], [], 0.01)
threading.Event().wait(0.01)
try: Queue.Queue().get(True, 0.01)
except Queue.Empty: pass
threading.Timer(0.01, sys.exit).cancel()
isinstance(sys.gettrace, type(len))
apply(len, ('',))
select.select([], [], [])  if 0 else None
",
    );
    assert_shown(
        &program,
        &[],
        &[
            ("hooks", "apply(<built-in sys.gettrace "),
            ("hooks", "apply("),
            ("references", "map("),
            ("limits", "functools.partial("),
            ("hooks", "sys.gettrace.__call__()"),
            ("hooks", "sys.gettrace()"),
            ("frames", "stack()"),
            ("frames", "extract_stack()"),
            ("frames", "format_stack()"),
            ("sleeps", "select.select("),
            ("sleeps", "<_Event "),
            ("sleeps", "<Queue "),
            ("", ""),
            ("sleeps", "Timer("),
            ("", ""),
            ("", ""),
        ],
    );
}

#[test]
fn stand_ins_for_functions_of_windows_are_found() {
    let program = Program::new(
        "\
import ctypes, win32api; kernel = ctypes.windll.kernel32
kernel.IsDebuggerPresent()
start = kernel.GetTickCount()
kernel.Sleep(1000)
if kernel.GetTickCount() - start > 500: pass
ctypes.windll.user32.FindWindowA('OLLYDBG', None)
win32api.Sleep(5)
kernel.VirtualAlloc(0, 1, 2, 3)
win32api.GetVersion()
",
    );
    let shown = [
        ("debuggers", "ctypes.windll.kernel32.IsDebuggerPresent()"),
        ("clocks", "ctypes.windll.kernel32.GetTickCount()"),
        ("sleeps", "ctypes.windll.kernel32.Sleep(1000)"),
        ("clocks", "compares "),
        ("debuggers", "ctypes.windll.user32.FindWindowA("),
        ("sleeps", "win32api.Sleep(5)"),
        ("native", "ctypes.windll.kernel32.VirtualAlloc("),
        ("", ""),
    ];
    assert_shown(&program, &["--stub-missing"], &shown);
    assert_eq!(program.trace(&["-q", "--stub-missing"], "names.bct", &[]).status, 0);
    let names = program.view("tricks", &[], "names.bct");
    assert_eq!(of_line(&names, 2), ["reads IsDebuggerPresent"], "{names}");
}
