//! `bctrace calls`: every call with its arguments and what came of it, whatever a filter leaves out and whatever else runs in between.

use super::{objects, recorded, without_numbers};
use crate::live::Program;

/// The calls of the program itself.
fn calls(source: &str) -> String {
    without_numbers(&recorded(source).view("calls", &["--all"], "t.bct"))
}

/// Asserts that these lines come one after another.
#[track_caller]
fn assert_has(text: &str, expected: &str) {
    assert!(text.contains(expected), "not in it:\n{expected}\nbut:\n{text}");
}

#[test]
fn calls_are_a_tree_with_arguments_and_results() {
    let text = calls(
        "\
import zlib
class A(object):
    def __init__(self, n): self.n = n
    def get(self, k=1, **kw): return self.n + k
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
def fail(): raise ValueError('no')
def gen(n):
    for i in range(n): yield i
A(5).get(k=2)
fib(2)
zlib.crc32('abc')
list(gen(1))
sorted([2, 1], key=lambda v: -v)
try: fail()
except ValueError: pass
",
    );
    assert_has(
        &text,
        "\
  A(5)
    __init__(self=<A>, n=5) -> None
  -> <A>
  <A>.get(k=2) -> 7
  fib(2)
    fib(1) -> 1
    fib(0) -> 0
  -> 1
  zlib.crc32('abc') -> 891568578
  gen(1) -> <generator gen>
  list(<generator gen>)
    gen(n=1)
      range(1) -> [0]
    -> yields 0
    gen resumed -> None
  -> [0]
  sorted([2, 1], key=<function <lambda>>)
    <lambda>(v=2) -> -2
    <lambda>(v=1) -> -1
  -> [2, 1]
  fail()
    ValueError('no') -> <ValueError>
  -> raises ValueError: no
",
    );
}

const LIBRARY: &str = "\
import base64, json
s = base64.b64decode('aHR0cDovL2V4YW1wbGUuaW52YWxpZC9jMg==')
print json.loads('{\"k\": [1, 2]}')
try:
    json.loads('{')
except ValueError, e:
    print 'bad'
def f(x):
    return base64.b64decode(x)
def g():
    base64.b64encode('dropped result')
    a = [base64.b64encode('x'), 2]
    if base64.b64decode('eA==') == 'x':
        return len(base64.b64encode('abc'))
f('aGk=')
g()
";

const RESULTS: [&str; 9] = [
    "b64decode('aHR0cDovL2V4YW1wbGUuaW52YWxpZC9jMg==') -> 'http://example.invalid/c2'\n",
    "loads('{\"k\": [1, 2]}') -> {u'k': [1, 2]}\n",
    "loads('{') -> raises ValueError: Expecting object: line 1 column 1 (char 0)\n",
    "b64decode('aGk=') -> 'hi'\n",
    "b64encode('dropped result') -> 'ZHJvcHBlZCByZXN1bHQ='\n",
    "b64encode('x') -> 'eA=='\n",
    "b64decode('eA==') -> 'x'\n",
    "b64encode('abc') -> 'YWJj'\n",
    "len('YWJj') -> 4\n",
];

#[test]
fn a_filter_loses_no_result_of_what_it_leaves_out() {
    let program = recorded(LIBRARY);
    for options in [&["--no-stdlib"][..], &["--file", "*p.py"], &["-n", "<module>", "-n", "f", "-n", "g"]] {
        let text = program.view("calls", options, "t.bct");
        RESULTS.iter().for_each(|result| assert_has(&text, result));
    }
    let text = program.view("calls", &["--max-depth", "0"], "t.bct");
    RESULTS[..3].iter().for_each(|result| assert_has(&text, result));
    assert!(!text.contains("dropped"), "{text}");
    assert!(!text.lines().any(|line| line.ends_with("->")), "an arrow that points at nothing: {text}");
}

#[test]
fn a_filtered_recording_has_the_results_of_what_it_leaves_out() {
    let program = Program::new(LIBRARY);
    for options in [&["--values", "--no-stdlib"][..], &["--values", "-n", "<module>", "-n", "f", "-n", "g"]] {
        assert_eq!(program.trace(options, "t.bct", &[]).status, 0);
        let text = program.view("calls", &["--all"], "t.bct");
        RESULTS.iter().for_each(|result| assert_has(&text, result));
    }
}

#[test]
fn a_window_of_a_trace_has_the_calls_that_begin_in_it() {
    let program = recorded("def f(n): return n * 2\ndef g(n): return f(n) + f(n + 1)\ng(1)\ng(5)\n");
    let json = objects(&program.view("calls", &["--all", "--format", "json"], "t.bct"), "calls");
    let second =
        json.iter().find(|call| call["arguments"] == serde_json::json!(["5"]) && call["callee"] == "g").unwrap();
    let (from, to) = (second["number"].to_string(), second["last"].to_string());
    let text = program.view("calls", &["--all", "--from", &from, "--to", &to], "t.bct");
    assert_has(&text, "<module> (already running)\n  g(5)\n    f(5) -> 10\n    f(6) -> 12\n");
    assert!(!text.contains("g(1)"), "{text}");
}

#[test]
fn python_that_runs_before_the_callee_begins_is_no_callee() {
    let text = calls(
        "\
def g(n):
    for i in xrange(n):
        yield i * 10
def f(a, b, c=0):
    return (a, b, c)
f(*g(2))
f(*(x + 1 for x in [1, 2]))
class D:
    def keys(self): return ['a', 'b']
    def __getitem__(self, k): return k.upper()
f(**D())
class It(object):
    n = 0
    def __iter__(self): return self
    def next(self):
        self.n += 1
        if self.n > 2: raise StopIteration
        return self.n
f(*It())
",
    );
    assert_has(
        &text,
        "\
  f(*<generator g>)
    g(n=2)
      xrange(2) -> <xrange>
    -> yields 0
    g resumed -> yields 10
    g resumed -> None
  -> (0, 10, 0)
",
    );
    assert_has(
        &text,
        "\
  f(*<generator <genexpr>>)
    <genexpr>(.0=<listiterator>) -> yields 2
    <genexpr> resumed -> yields 3
    <genexpr> resumed -> None
  -> (2, 3, 0)
",
    );
    assert_has(
        &text,
        "    keys(self=<D>) -> ['a', 'b']\n    __getitem__(self=<D>, k='a')\n      'a'.upper() -> 'A'\n    -> 'A'\n",
    );
    assert_has(&text, "  -> ('A', 'B', 0)\n");
    assert_has(&text, "    next(self=<It>) -> raises StopIteration\n  -> (1, 2, 0)\n");
}

#[test]
fn a_trace_function_is_no_callee() {
    let text = calls(
        "\
import sys
def tr(frame, event, arg): return tr
def f(n): return n * 2
sys.settrace(tr)
f(4)
sys.settrace(None)
f(5)
",
    );
    assert_has(
        &text,
        "\
  f(4)
    tr(frame=<frame>, event='call', arg=None) -> <function tr>
    tr(frame=<frame>, event='line', arg=None) -> <function tr>
    tr(frame=<frame>, event='return', arg=8) -> <function tr>
  -> 8
",
    );
    assert_has(&text, "  f(5) -> 10\n");
}

#[test]
fn an_exception_that_leaves_a_frame_keeps_its_name() {
    let text = calls(
        "\
class Box(object):
    def __enter__(self): return self
    def __exit__(self, *a): return False
def boom():
    raise KeyError('secret-key')
def through_finally():
    try: boom()
    finally: pass
def through_with():
    with Box(): boom()
def through_except():
    try: boom()
    except TypeError: pass
def through_generator():
    for x in (boom() for i in [1]): pass
def finally_with_another_inside():
    try: boom()
    finally:
        try: {}[0]
        except KeyError: pass
def again():
    try: boom()
    except KeyError: raise
def again_in_a_callee():
    def inner(): raise
    try: boom()
    except KeyError: inner()
def translated():
    try: boom()
    except KeyError: raise ValueError('other')
def swallowed():
    try: boom()
    except KeyError: return 'kept'
for f in (through_finally, through_with, through_except, through_generator, finally_with_another_inside, again,
          again_in_a_callee, translated, swallowed):
    try: f()
    except Exception: pass
hasattr(type('A', (object,), {'__getattr__': lambda self, name: boom()})(), 'x')
",
    );
    let result = |name: &str| {
        let begin = text.find(&format!("\n  {name}()\n")).unwrap_or_else(|| panic!("no {name} in {text}"));
        let rest = &text[begin + 1..];
        let end = rest.lines().skip(1).find(|line| !line.starts_with("   ")).unwrap_or_default();
        end.trim().to_string()
    };
    for name in [
        "through_finally",
        "through_with",
        "through_except",
        "through_generator",
        "finally_with_another_inside",
        "again",
        "again_in_a_callee",
    ] {
        assert_eq!(result(name), "-> raises KeyError: secret-key", "{name}");
    }
    assert_eq!(result("translated"), "-> raises ValueError: other");
    assert_eq!(result("swallowed"), "-> 'kept'");
    assert!(!text.contains("-> raises\n"), "{text}");
}

#[test]
fn a_hundred_thousand_nested_calls_take_lines_of_bounded_length() {
    let program = Program::new(
        "\
import sys, threading
sys.setrecursionlimit(10 ** 6)
threading.stack_size(1 << 30)
def r(n): return 0 if n == 0 else 1 + r(n - 1)
t = threading.Thread(target=r, args=(100000,)); t.start(); t.join()
",
    );
    assert_eq!(program.trace(&["--values", "--no-stdlib", "--max-memory", "4G"], "t.bct", &[]).status, 0);
    let text = program.view("calls", &["--all"], "t.bct");
    assert!(text.lines().count() > 100_000 && text.len() < 30_000_000, "{} bytes", text.len());
    assert!(text.lines().all(|line| line.len() < 300));
}

#[test]
fn calls_as_json_say_where_they_were_made_and_in_which_call() {
    let program = Program::new(
        "def f(n):\n    return g(n) + 1\ndef g(n):\n    return n * 2\nf(4)\n'a'.upper()\n[][1:].index(3)\n",
    );
    let ran = program.trace(&["--values"], "t.bct", &[]);
    assert_eq!(ran.status, 1, "the last line raises");
    let calls = objects(&program.view("calls", &["--all", "--format", "json"], "t.bct"), "calls");
    let of = |callee: &str| {
        calls.iter().find(|call| call["callee"] == callee).unwrap_or_else(|| panic!("no {callee}: {calls:?}"))
    };
    let (f, g) = (of("f"), of("g"));
    assert_eq!((&f["result"], &f["line"], &f["name"]), (&"9".into(), &5.into(), &"<module>".into()));
    assert_eq!((&g["result"], &g["line"], &g["parent"]), (&"8".into(), &2.into(), &f["call"]));
    assert_eq!(g["arguments"], serde_json::json!(["4"]));
    let upper = calls.iter().find(|call| call["result"] == "'A'").unwrap();
    assert_eq!(upper["receiver"], "'a'");
    let raised = calls.iter().find(|call| call["exception"] == "ValueError" && call["receiver"] == "[]").unwrap();
    assert_eq!(raised["message"], "3 is not in list");
}

#[test]
fn a_function_whose_first_instruction_shows_no_value_is_its_callers_callee() {
    let text = calls(
        "\
def constant(): return 1
def loop():
    while True: break
def nothing(): pass
constant(), loop(), nothing()
",
    );
    assert_has(&text, "\n  constant() -> 1\n  loop() -> None\n  nothing() -> None\n-> None\n");
}

#[test]
fn messages_are_printed_as_they_are_unless_they_need_an_escape() {
    let text = calls(
        r"# -*- coding: utf-8 -*-
def fail(error): raise error
def run(call, *arguments):
    try: call(*arguments)
    except Exception: pass
run(fail, ValueError('é'))
run(fail, ValueError(u'é'))
run(fail, ValueError('a\\b'))
run(fail, ValueError('a\\b\n\xff'))
run(fail, KeyError('key'))
run({}.__getitem__, 'key')
run({}.__getitem__, ('key',))
run(set().remove, 'key')
",
    );
    let raised: Vec<&str> =
        text.lines().filter_map(|line| line.split_once("-> raises ")).map(|(_, error)| error).collect();
    let expected = [
        "ValueError: é",
        "ValueError: é",
        r"ValueError: a\b",
        r"ValueError: a\\b\n\xff",
        "KeyError: key",
        "KeyError: key",
        "KeyError: ('key',)",
        "KeyError: key",
    ];
    assert_eq!(raised, expected, "{text}");
}
