//! The end of a trace: what the program causes at shutdown is recorded, what the interpreter does to itself is not.

use std::fs;

use serde_json::Value;

use super::instructions;
use crate::live::{self, Program};
use crate::running::{self, Ran};

/// Instructions of one call of the library's `_remove`; the interpreter's own shutdown has two calls.
const REMOVE: usize = 19;

impl Program {
    /// `bctrace info --format json`.
    fn info(&self, trace: &str) -> Value {
        let info = live::run(self.command(["info", "--format", "json", trace])).succeeded();
        serde_json::from_str(&info).unwrap()
    }

    /// Traces the program with a sitecustomize, which the interpreter imports before it.
    fn trace_with_site(&self, options: &[&str], trace: &str) -> Ran {
        let mut command = self.tracing(options, trace, &[]);
        command.env("PYTHONPATH", self.path(""));
        live::run(command)
    }
}

/// The names of a trace's lines after the last line of the main program, each once in a row.
fn late(text: &str) -> Vec<&str> {
    let names: Vec<&str> = text.lines().map(|line| line.split_once("> ").unwrap().0).collect();
    let end = names.iter().rposition(|name| *name == "<module>").unwrap();
    let mut late = names[end + 1..].to_vec();
    late.dedup();
    late
}

#[test]
fn a_program_that_causes_nothing_at_shutdown_ends_with_its_last_instruction() {
    let scratch = tempfile::tempdir().unwrap();
    let trace = |name: &str| scratch.path().join(name);
    let record = |name: &str, options: &[&str]| {
        let mut command = running::bctrace(["-q"]);
        command.args(options);
        running::run(command.arg(running::fixtures().join("factorial.pyc")).arg(trace(name))).succeeded();
    };
    record("t.txt", &[]);
    let text = String::from_utf8(running::read(&trace("t.txt"))).unwrap();
    assert_eq!(text.lines().count(), 104);
    assert!(text.ends_with("<module>> 81 RETURN_VALUE\n"));
    record("t.bct", &["--dump-code", trace("layers").to_str().unwrap()]);
    assert_eq!(fs::read_dir(trace("layers")).unwrap().count(), 3, "two code objects and the manifest");
    let info = |form: &str| running::run(running::bctrace(["info", "--format", form]).arg(trace("t.bct"))).succeeded();
    let told = info("text");
    assert!(told.contains("exited with status 0 in <module> at 81 RETURN_VALUE\n"), "{told}");
    assert!(told.contains("\ninstructions  104\n"), "{told}");
    assert!(told.contains("38 instructions of the interpreter's own shutdown were left out\n"), "{told}");
    assert!(!told.contains("_remove"), "{told}");
    let told: Value = serde_json::from_str(&info("json")).unwrap();
    let counts = ["executed", "recorded", "left_out", "left_out_at_shutdown"].map(|key| told[key].as_u64().unwrap());
    assert_eq!(counts, [142, 104, 38, 38]);
}

#[test]
fn what_the_program_causes_at_shutdown_is_recorded() {
    let cases: [(&str, &[&str]); 19] = [
        ("import atexit\ndef f(): pass\natexit.register(f)", &["_run_exitfuncs", "f", "_run_exitfuncs"]),
        ("import sys\ndef f(): sys.exit(0)\nsys.exitfunc = f", &["f"]),
        // A function from before the program, which the program has made an exit function.
        ("import sys, os\nsys.exitfunc = os.environ.keys", &["keys"]),
        ("class A(object):\n def __del__(self): pass\na = A()", &["__del__"]),
        ("class A:\n def __del__(self): g()\ndef g(): pass\n_a = A()", &["__del__", "g", "__del__"]),
        ("import os\nclass A:\n def __del__(self): pass\nos.a = A()\nos.environ.a = A()", &["__del__"]),
        (
            "class A(object):\n def __del__(self): pass\nclass C(object): pass\nc = C(); c.c = c; c.a = A()\ndel c",
            &["__del__"],
        ),
        ("def g():\n try: yield\n finally: pass\na = g(); a.next()", &["g"]),
        ("import weakref\nclass A(object): pass\na = A()\nr = weakref.ref(a, lambda r: 1)", &["<lambda>"]),
        ("import weakref, os, sys\nsys.r = weakref.ref(os.environ, lambda r: 1)", &["<lambda>"]),
        // Weak references of the program that call the library's code: in sets of its own, and in those from before.
        ("import sys, weakref\nclass B: pass\nsys.s = weakref.WeakSet(); b = B(); sys.s.add(b)", &["_remove"]),
        ("import sys, weakref\nclass B: pass\nsys.d = weakref.WeakValueDictionary(); sys.d[1] = b = B()", &["remove"]),
        ("import _abcoll\nclass B: pass\n_abcoll.MutableMapping._abc_registry.add(B)", &["_remove"]),
        // Changes of what the interpreter's own code does.
        (
            "import _abcoll\ndef f(item, selfref): pass\n\
             _abcoll.MutableMapping._abc_registry._remove.func_code = f.func_code",
            &["f"],
        ),
        (
            "import _abcoll, posixpath\n\
             _abcoll.MutableMapping._abc_registry._remove.func_code = posixpath.join.func_code",
            &["join"],
        ),
        (
            "import _abcoll\ndef f(): pass\n_abcoll.MutableMapping._abc_registry._remove.func_defaults = (f,)",
            &["_remove", "f", "_remove"],
        ),
        (
            "import _abcoll\nclass D:\n def discard(self, item, g=lambda: 1): g()\n\
             D.data = _abcoll.MutableMapping._abc_registry.data\n_abcoll.MutableMapping._abc_registry.data = D()",
            &["discard", "<lambda>", "discard"],
        ),
        ("import UserDict\nUserDict.UserDict.__del__ = lambda self: 1", &["<lambda>"]),
        ("import UserDict\nUserDict.UserDict.__del__ = UserDict.UserDict.keys", &["keys"]),
    ];
    for (source, want) in cases {
        let program = Program::new(source);
        assert_eq!(program.trace(&[], "t.txt", &[]).stdout(), "");
        assert_eq!(late(&program.read("t.txt")), want, "{source}");
    }
}

/// Imported before the program: objects whose death runs Python, in every way.
const SITE: &str = "import sys, weakref
class A(object):
    def __del__(self, helper=lambda: [inner(i) for i in (1, 2)]): pass
class Old:
    def __del__(self): pass
class Called(object):
    def __call__(self, reference): pass
    def method(self, reference): pass
class Plain(object): pass
def callback(reference, other=None): pass
def any_callback(*references): pass
def numbers():
    try:
        yield 1
        yield 2
    finally: pass
def helper(): pass
plain = Plain()
kept = [A(), Old(), weakref.ref(plain, callback), weakref.ref(plain, any_callback), weakref.ref(plain, Called()),
    weakref.ref(plain, Called().method)]
begun, unbegun, resumed = numbers(), numbers(), numbers()
begun.next(); resumed.next()
hook = []
def calls(reference, hook=hook, helper=helper):
    helper()
    for function in hook: function()
    helper()
sys.kept = kept + [weakref.ref(plain, calls)]
";

/// A program that runs after `SITE`.
fn after_site(source: &str) -> Program {
    let program = Program::new(source);
    fs::write(program.path("sitecustomize.py"), SITE).unwrap();
    program
}

#[test]
fn what_was_there_before_the_program_is_the_interpreters_own_and_what_the_program_makes_of_it_is_not() {
    let cases: [(&str, &[&str]); 6] = [
        ("pass", &[]),
        ("import sitecustomize as s\ns.also = [s.A(), s.Old()]", &["__del__"]),
        // An object that takes the place of one from before is another one.
        ("import sitecustomize as s, sys\ndel sys.kept[0], s.kept[0]\ns.kept[0] = s.A()", &["__del__"]),
        ("import sitecustomize as s, sys, weakref\nsys.also = weakref.ref(s.plain, s.callback)", &["callback"]),
        ("import sitecustomize as s\ns.resumed.next()\ns.also = s.numbers(); s.also.next()", &["numbers"]),
        ("import sitecustomize as s\ndef f(helper=s.helper): helper()\ns.hook.append(f)", &["f", "helper", "f"]),
    ];
    for (source, want) in cases {
        let program = after_site(source);
        let ran = program.trace_with_site(&[], "t.txt");
        assert_eq!((ran.status, ran.stderr().as_str()), (0, ""), "{source}");
        assert_eq!(late(&program.read("t.txt")), want, "{source}");
        let whole = program.trace_with_site(&["--shutdown"], "whole.txt").succeeded();
        assert_eq!(whole, "");
        let whole = program.read("whole.txt");
        for name in ["__del__", "callback", "any_callback", "__call__", "method", "calls", "_remove"] {
            assert!(late(&whole).contains(&name), "{source}: {name}");
        }
    }
}

/// Calls from the interpreter's own frames into the program and back, code that runs before, between and after them, and threads.
const MIXED: &str = "import _abcoll, os, weakref, sys
class D(object):
    def discard(self, item, sort=sorted, key=lambda x: -x):
        sort([1, 2], key=key)
D.data = _abcoll.MutableMapping._abc_registry.data
_abcoll.MutableMapping._abc_registry.data = D()
class A(object):
    def __del__(self, WeakSet=weakref.WeakSet):
        items = WeakSet([self.__class__])
        [item for item in items]
class B: pass
a = A(); os.a = A(); sys.a = A(); b = B()
sys.s = weakref.WeakSet([b])
";

#[test]
fn what_is_left_out_keeps_its_numbers() {
    let program = Program::new(MIXED);
    program.trace(&[], "t.jsonl", &[]).succeeded();
    program.trace(&["--shutdown"], "whole.jsonl", &[]).succeeded();
    let number = |line: &str| serde_json::from_str::<Value>(line).unwrap()["number"].as_u64().unwrap() as usize;
    let (some, whole) = (program.read("t.jsonl"), program.read("whole.jsonl"));
    let (some, whole) = (instructions(&some), instructions(&whole));
    assert_eq!(number(whole.last().unwrap()), whole.len());
    // The ids of code objects are given in the order of their descriptions.
    let without_id = |line: &str| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        line.as_object_mut().unwrap().remove("code");
        line
    };
    for line in &some {
        assert_eq!(without_id(line), without_id(whole[number(line) - 1]));
    }
    let kept: Vec<usize> = some.iter().map(|line| number(line)).collect();
    let left_out = (1..=whole.len()).filter(|number| kept.binary_search(number).is_err());
    let names: Vec<Value> = left_out.map(|number| without_id(whole[number - 1])["name"].take()).collect();
    assert_eq!(names, vec!["_remove"; 2 * REMOVE]);
    assert!(program.text(&[], &[]).contains("\ndiscard> "), "one of them calls the program");
    program.trace(&[], "t.bct", &[]).succeeded();
    assert_eq!(program.info("t.bct")["left_out_at_shutdown"], names.len());
}

#[test]
fn every_way_of_recording_leaves_out_the_same() {
    let program = Program::new(&MIXED.replace("import _abcoll", "import ctypes, _abcoll"));
    let plain = Program::new(MIXED);
    for (program, ways) in [
        (&plain, &[&["--values"][..], &["--max-instructions", "1000000"], &["--stop-at", "nowhere"]][..]),
        // Native code can change bytes, so each is compared.
        (&program, &[&["--values"][..]][..]),
    ] {
        let want = program.text(&[], &[]);
        assert!(want.contains("\ndiscard> ") && want.contains("\n__del__> "), "{want}");
        for way in ways {
            program.trace(way, "t.bct", &[]).succeeded();
            assert_eq!(program.show(&["--no-values"], "t.bct"), want, "{way:?}");
            assert_eq!(program.info("t.bct")["left_out_at_shutdown"], 2 * REMOVE, "{way:?}");
        }
    }
}

#[test]
fn filters_choose_among_what_the_program_causes() {
    let program = Program::new(MIXED);
    let whole = program.text(&[], &[]);
    for name in ["_remove", "discard", "<lambda>", "__del__", "add", "<module>"] {
        let own = format!("{name}> ");
        let want: String = whole.split_inclusive('\n').filter(|line| line.starts_with(&own)).collect();
        assert_ne!(want, "");
        program.trace(&["-n", name], "t.bct", &[]).succeeded();
        assert_eq!(program.show(&[], "t.bct"), want, "{name}");
        assert_eq!(program.info("t.bct")["left_out_at_shutdown"], 2 * REMOVE, "{name}");
    }
}

#[test]
fn what_was_asked_for_and_ran_only_at_the_interpreters_shutdown_is_reported() {
    let program = Program::new("def f(): pass\nf()");
    let only = "this code ran only in the interpreter's own shutdown, which is left out; --shutdown records it";
    let nothing = |option: &str| format!("bctrace: nothing was recorded: {option}: {only}\n");
    let cases: [(&[&str], &str); 9] = [
        (&["-n", "_remove"], &nothing("-n _remove")),
        (&["--match", "^_rem"], &nothing("--match ^_rem")),
        (&["--file", "*/_weakrefset.py"], &nothing("--file */_weakrefset.py")),
        (&["--start-at", "_remove"], &nothing("--start-at _remove was never reached")),
        (&["-n", "_remove", "-n", "f"], &format!("bctrace: -n _remove: {only}\n")),
        (&["--match", "_remove|f"], ""),
        (&["-n", "_remove", "--shutdown"], ""),
        (&["--start-at", "_remove", "--shutdown"], ""),
        (&["-n", "f"], ""),
    ];
    for (options, want) in cases {
        let ran = program.trace(options, "t.txt", &[]);
        assert_eq!((ran.status, ran.stderr().as_str()), (0, want), "{options:?}");
    }
    // Filters that exclude each other are no matter of the shutdown.
    let ran = program.trace(&["-n", "_remove", "--no-stdlib"], "t.txt", &[]);
    assert!(ran.stderr().contains("-n _remove matches no code object that ran"), "{}", ran.stderr());
}

#[test]
fn a_limit_that_is_reached_in_what_is_left_out_stops_the_program_there() {
    let program = Program::new("pass");
    let recorded = program.text(&[], &[]);
    let count = recorded.lines().count();
    for (options, executed) in [
        (["--max-instructions", &count.to_string()], count),
        (["--max-instructions", &(count + 25).to_string()], count + 25),
        (["--stop-at", "_remove"], count),
        (["--stop-at", "_remove:6"], count + 2),
    ] {
        let ran = program.trace(&options, "t.bct", &[]);
        let place = format!("bctrace: stopped by {} in <module> at 3 RETURN_VALUE\n", options[0]);
        assert_eq!((ran.status, ran.stderr()), (123, place), "{options:?}");
        assert_eq!(program.show(&[], "t.bct"), recorded, "{options:?}");
        let info = program.info("t.bct");
        assert_eq!((&info["executed"], &info["left_out_at_shutdown"]), (&executed.into(), &(executed - count).into()));
    }
    let all = count + 2 * REMOVE;
    assert_eq!(program.trace(&["--max-instructions", &all.to_string()], "t.bct", &[]).status, 0);
}

#[test]
fn the_option_records_what_is_left_out_and_is_in_the_trace() {
    let program = Program::new("pass");
    program.trace(&["--shutdown"], "t.bct", &[]).succeeded();
    let text = program.show(&[], "t.bct");
    assert_eq!(text.lines().filter(|line| line.starts_with("_remove> ")).count(), 2 * REMOVE);
    let info = program.info("t.bct");
    assert_eq!(info["options"], serde_json::json!(["--shutdown"]));
    assert_eq!((&info["left_out"], &info["left_out_at_shutdown"]), (&0.into(), &0.into()));
}

#[test]
fn the_interpreter_with_its_own_command_line_leaves_out_the_same() {
    let program = after_site("");
    let source = "import sitecustomize as s; s.also = s.A()";
    let mut command = program.command(["python", "--trace-to", "t.bct", "-B", "-c", source]);
    command.env("PYTHONPATH", program.path(""));
    live::run(command).succeeded();
    assert_eq!(late(&program.show(&[], "t.bct")), ["__del__"]);
}

#[test]
fn a_forked_process_knows_what_was_there_before_the_program() {
    let program = Program::new(
        "import os, sys, weakref
class B: pass
def split(keep):
    if os.fork(): os.wait()
    else: keep.s = weakref.WeakSet([B])
split(sys)
",
    );
    program.trace(&["--follow-forks"], "t.bct", &[]).succeeded();
    assert_eq!(program.info("t.bct")["left_out_at_shutdown"], 2 * REMOVE);
    let names = program.path(".").read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let child = names.into_iter().find(|name| name.starts_with("t.") && name != "t.bct").unwrap();
    assert_eq!(program.info(&child)["left_out_at_shutdown"], 2 * REMOVE);
    assert_eq!(late(&program.show(&[], &child)), ["_remove"], "the one of the program's set");
}
