//! What instructions consume and produce, as recorded with --values: the lines, that they are the same however they are asked for,
//! and that the program notices nothing.

mod checked;
mod fakes;
mod hostile;
pub mod rebuilt;
mod receivers;
mod usual;
mod views;

use crate::live::Program;

/// The lines of a program's own code objects, recorded with these options.
fn lines(source: &str, options: &[&str]) -> String {
    Program::new(source).text(&[&["--values", "--no-stdlib", "-r"], options].concat(), &[])
}

/// Asserts that each of these lines is in the trace.
#[track_caller]
fn assert_lines(text: &str, expected: &[&str]) {
    for line in expected {
        assert!(text.lines().any(|one| one == *line), "no line {line:?} in\n{text}");
    }
}

#[test]
fn operands_and_results_stand_after_the_instruction() {
    let source = "\
def check(s, n=3):
    if s == 's3cret': return True
    x = {'a': 1}[s[0:1]]
    return (x ^ 0x55, -n, u'\\u20ac', 2.5, 10 ** 20)
check('abc')
";
    assert_lines(
        &lines(source, &[]),
        &[
            "<module>> 18 CALL_FUNCTION (1)  check('abc')",
            "check> 0 LOAD_FAST (s)  (s='abc', n=3)",
            "check> 6 COMPARE_OP (==)  'abc' == 's3cret' -> False",
            "check> 9 POP_JUMP_IF_FALSE (16)  False",
            "check> 35 SLICE+3  'abc'[0:1] -> 'a'",
            "check> 36 BINARY_SUBSCR  {'a': 1}['a'] -> 1",
            "check> 37 STORE_FAST (x)  1",
            "check> 46 BINARY_XOR  1 ^ 85 -> 84",
            "check> 50 UNARY_NEGATIVE  -3 -> -3",
            "<module>> 21 POP_TOP  (-> (84, -3, u'\\u20ac', 2.5, 100000000000000000000L))",
        ],
    );
}

#[test]
fn calls_of_c_functions_have_their_names() {
    let source = "\
import marshal, zlib
zlib.decompress(zlib.compress('abc'))
marshal.loads(marshal.dumps(7))
''.join(['a', 'b'])
open('/dev/null').close()
list.append([], 1)
exec 'x = 1' in {'y': 2}
";
    let text = lines(source, &[]);
    for part in [
        "zlib.compress('abc') -> \"x\\x9c",
        "zlib.decompress(\"x\\x9c",
        "marshal.loads('i\\x07\\x00\\x00\\x00') -> 7",
        "''.join(['a', 'b']) -> 'ab'",
        "open('/dev/null') -> <file #",
        "<file #10>.close() -> None",
        "list.append([], 1) -> None",
        "exec 'x = 1' in {'y': 2}, {'y': 2}",
    ] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
}

#[test]
fn a_container_is_shown_as_it_is_when_it_is_used() {
    let source = "\
def f(alias):
    shared[1] = 2
    return alias
shared = {}
f(shared)
exec 'x = 1' in {'y': 2}
print [n for n in (1, 2)], {'a': {'b': 1}}, {3}
";
    assert_lines(
        &lines(source, &[]),
        &[
            "f> 9 STORE_SUBSCR  {}[1] = 2",
            "f> 13 RETURN_VALUE  {1: 2}",
            "<module>> 9 BUILD_MAP (0)  -> {}",
            "<module>> 39 EXEC_STMT  exec 'x = 1' in {'y': 2}, {'y': 2}",
            "<module>> 62 PRINT_ITEM  [1, 2]",
            "<module>> 80 PRINT_ITEM  {'a': {'b': 1}}",
            "<module>> 87 PRINT_ITEM  set([3])",
        ],
    );
}

#[test]
fn a_generator_shows_what_it_is_sent_and_what_it_yields() {
    let source = "\
def f():
    x = yield 1
    yield x
g = f(); next(g); g.send('sent')
";
    let text = lines(source, &[]);
    assert_lines(&text, &["f> 3 YIELD_VALUE  1", "f> 4 STORE_FAST (x)  'sent'", "f> 10 YIELD_VALUE  'sent'"]);
}

#[test]
fn a_call_that_raised_has_no_result() {
    let source = "\
def f(): raise KeyError(1)
for x in (1, 2):
    try: f()
    except KeyError: y = 3
try: int('x')
except ValueError: pass
";
    let text = lines(source, &[]);
    assert!(
        text.lines().filter(|line| line.contains("CALL_FUNCTION") && line.ends_with(" f()")).count() == 2,
        "{text}"
    );
    assert!(text.lines().any(|line| line.ends_with("int('x')")), "{text}");
    assert!(!text.contains("(-> "), "no call has returned anything late: {text}");
}

#[test]
fn shown_is_what_is_recorded_directly_with_values_and_without() {
    let program = Program::new(include_str!("../fixtures/source/classes.py"));
    let text = program.text(&["--values"], &[]);
    for (options, name) in
        [(&["--values"][..], "t.bct"), (&["--values"], "t.jsonl"), (&[], "plain.txt"), (&[], "plain.jsonl")]
    {
        assert_eq!(program.trace(options, name, &[]).status, 0);
    }
    assert!(program.show(&[], "t.bct") == text);
    assert!(program.show(&["--no-values"], "t.bct") == program.read("plain.txt"));
    let without_start = |text: String| text.split_once('\n').unwrap().1.to_string();
    assert!(program.show(&["-f", "jsonl"], "t.bct") == program.read("t.jsonl"));
    let shown = program.show(&["-f", "jsonl", "--no-values"], "t.bct");
    assert!(without_start(shown) == without_start(program.read("plain.jsonl")));
    assert!(program.read("t.jsonl").contains("\"operands\":["));
}

#[test]
fn any_window_of_a_trace_has_the_values_of_its_instructions() {
    let program = Program::new("t = 0\nfor i in range(200000):\n    t = t + i\n");
    assert_eq!(program.trace(&["--values"], "t.bct", &[]).status, 0);
    let whole = program.show(&[], "t.bct");
    let whole: Vec<&str> = whole.lines().collect();
    for from in [1, 2, 777_777, 1_000_000, whole.len() - 3] {
        let part = program.show(&["--from", &from.to_string(), "--count", "9"], "t.bct");
        let end = (from + 8).min(whole.len());
        assert_eq!(part.lines().collect::<Vec<_>>(), &whole[from - 1..end], "from {from}");
    }
}

#[test]
fn two_runs_with_values_are_the_same_bytes() {
    for source in [
        include_str!("../fixtures/source/classes.py"),
        include_str!("../fixtures/source/generators.py"),
        "import collections, json\nclass A(object): pass\nd = dict((A(), n) for n in range(2000))\nprint len(d), json.dumps([1])\n",
    ] {
        let program = Program::new(source);
        let bytes = |name: &str| {
            assert_eq!(program.trace(&["--values"], name, &[]).status, 0);
            std::fs::read(program.path(name)).unwrap()
        };
        assert!(bytes("one.bct") == bytes("two.bct"), "{source}");
    }
}

#[test]
fn objects_made_one_after_another_have_numbers_of_their_own() {
    let text =
        lines("class A(object):\n    def __init__(self): self.x = 1\nA(); A(); A()\nclass B: pass\nB(); B()\n", &[]);
    let numbers = |prefix: &str| {
        let found = regex::Regex::new(&format!(r"{prefix} #(\d+)>")).unwrap();
        let all: std::collections::BTreeSet<String> =
            found.captures_iter(&text).map(|found| found[1].to_string()).collect();
        all.len()
    };
    assert_eq!((numbers("<A"), numbers("<B")), (3, 2), "{text}");
}

#[test]
fn limits_and_triggers_stop_at_the_same_instruction_with_values() {
    let program = Program::new("def f(n):\n    return n * 2\nfor i in range(50): f(i)\n");
    let all = program.text(&["--values"], &[]);
    // The last instruction before a stop has no result: it is not known whether it went well.
    let assert_is_beginning = |text: &str, count: usize| {
        assert_eq!(text.lines().count(), count, "{text}");
        let (before, last) = text[..text.len() - 1].rsplit_once('\n').unwrap();
        assert!(all.starts_with(&format!("{before}\n{last}")), "{text}");
    };
    let ran = program.trace(&["--values", "--max-instructions", "100"], "some.txt", &[]);
    assert_eq!(ran.status, 123);
    assert_is_beginning(&program.read("some.txt"), 100);
    let ran = program.trace(&["--values", "--stop-at", "f:6"], "stop.txt", &[]);
    assert_eq!(ran.status, 123);
    let before_stop = all.lines().position(|line| line.starts_with("f> 6 ")).unwrap();
    assert_is_beginning(&program.read("stop.txt"), before_stop);
    let started = program.text(&["--values", "--start-at", "f"], &[]);
    assert!(started.starts_with("f> 0 LOAD_FAST (0)  (n=0)\n"), "{started}");
    let only = program.text(&["--values", "-n", "f"], &[]);
    assert!(only.lines().all(|line| line.starts_with("f> ")), "{only}");
    assert_eq!(only.lines().filter(|line| line.contains(" * 2 -> ")).count(), 50);
}
