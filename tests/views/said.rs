//! What views say of a trace is so: of one that was filtered, of a part of one, and of one that lacks something.

use serde_json::Value;

use crate::live::Program;

/// Records a program with options and returns what a view prints of the trace.
#[track_caller]
fn printed(source: &str, recording: &[&str], view: &str, options: &[&str]) -> String {
    let program = Program::new(source);
    let options_of_all: Vec<&str> = [&["--values"][..], recording].concat();
    let ran = program.trace(&options_of_all, "t.bct", &[]);
    assert_eq!(ran.status, 0, "{}{}", ran.stdout(), ran.stderr());
    program.view(view, options, "t.bct")
}

#[test]
fn a_frame_that_was_not_recorded_makes_no_call() {
    let source = "
def leaf(x): return x
def mid(x): return leaf(x)
def top():
    mid(1)
    mid(2)
    return 3
def other(): return top()
other()
";
    let text = printed(source, &["-n", "other", "-n", "leaf"], "calls", &[]);
    assert_eq!(text, "other()\n  top()\n    leaf(x=1) -> 1\n    leaf(x=2) -> 2\n  -> 3\n-> 3\n");
    let text = printed(source, &["-n", "leaf"], "calls", &[]);
    assert_eq!(text, "leaf(x=1) -> 1\nleaf(x=2) -> 2\n");
}

#[test]
fn the_frame_with_which_recording_begins_is_called() {
    let source = "
def work(n): return n + 1
def phase(n): return work(n)
phase(5)
";
    let text = printed(source, &["--start-at", "phase"], "calls", &[]);
    assert!(text.starts_with("phase(n=5)\n  work(5) -> 6\n"), "{text}");
}

#[test]
fn calls_of_c_code_for_different_instructions_are_different_ones() {
    let source = "
class Any(object):
    def __getattr__(self, name): return name.upper()
it = Any()
print it.a, it.b, it.c, it.d, it.e
for name in 'xyz', 'uvw': print [getattr(it, letter) for letter in name * 2]
";
    let text = printed(source, &[], "calls", &[]);
    let count = |what: &str| text.matches(what).count();
    assert_eq!(["name='a')", "name='b')", "name='c')", "name='d')", "name='e')"].map(count), [1; 5], "{text}");
    assert!(text.contains("more of getattr("), "{text}");
}

#[test]
fn what_was_on_the_stack_where_a_part_begins_has_its_calls() {
    let source = "
def g():
    return 1
def f():
    g()
    g()
f()
";
    let whole = printed(source, &[], "hot", &["--format", "json"]);
    let part = printed(source, &[], "hot", &["--format", "json", "--from", "8"]);
    let total = |text: &str, name: &str| {
        let mut objects = objects(text, "code").into_iter().filter(|object| object["name"] == name);
        objects.next().unwrap_or_else(|| panic!("{name}: {text}"))["total"].as_u64().unwrap()
    };
    let all = total(&whole, "<module>");
    assert_eq!(total(&part, "<module>"), all - 7, "{part}");
    // MAKE_FUNCTION and STORE_NAME of both, and the call, come before f.
    assert_eq!(total(&part, "f"), total(&whole, "f"), "{part}");
    let part = printed(source, &[], "hot", &["--format", "json", "--from", "11"]);
    assert_eq!(total(&part, "f"), total(&whole, "f") - 2, "{part}");
}

/// The objects of JSON lines that have this type.
fn objects(text: &str, of_type: &str) -> Vec<Value> {
    let objects = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    objects.filter(|object| object["type"] == of_type).collect()
}

#[test]
fn calls_of_a_part_are_those_within_it() {
    let source = "def f(n): return n and f(n - 1)\nf(5)\nfor i in range(50): f(3)\n";
    for part in [["--from", "10", "--to", "12"], ["--from", "3", "--to", "5"]] {
        let text = printed(source, &[], "hot", &[&["--format", "json"], &part[..]].concat());
        let codes = objects(&text, "code");
        let sum = |member: &str| codes.iter().map(|code| code[member].as_u64().unwrap()).sum::<u64>();
        assert_eq!((sum("own"), sum("total")), (3, 3), "{text}");
    }
}

#[test]
fn frames_that_were_there_before_are_not_entered() {
    let source = "
def f(n):
    g(n)
    return n
def g(n): return n
f(1)
f(2)
";
    let program = Program::new(source);
    program.trace(&["-q", "--start-at", "g"], "t.bct", &[]);
    let hot = program.view("hot", &["--format", "json"], "t.bct");
    let info: Value = serde_json::from_str(&program.view("info", &["--format", "json"], "t.bct")).unwrap();
    for (name, frames) in [("<module>", 0), ("f", 1), ("g", 1)] {
        let hot = objects(&hot, "code").into_iter().find(|code| code["name"] == name).unwrap();
        let info = info["codes"].as_array().unwrap().iter().find(|code| code["name"] == name).unwrap();
        assert_eq!((&hot["frames"], &info["frames"]), (&frames.into(), &frames.into()), "{name}");
    }
}

#[test]
fn a_generator_that_goes_on_is_one_frame() {
    let text = printed("def g():\n    for n in range(5): yield n\nlist(g())\n", &[], "hot", &[]);
    let line = text.lines().find(|line| line.ends_with(": g")).unwrap();
    assert_eq!(line.split_whitespace().nth(3), Some("1"), "{text}");
}

#[test]
fn a_unicode_is_found_as_it_is_printed() {
    let source = "u = u'caf\\xe9'\nw = u + u'\\u20ac'\ns = 'caf\\xc3\\xa9' + str(1.5)\nf = float('3.25') * 2\n";
    for (wanted, line) in
        [("\\u20ac", 2), ("f\\xe9\\u20ac", 2), ("u'caf\\xe9'", 1), ("é€", 2), ("f\\xc3\\xa9", 3), ("6.5", 4)]
    {
        let program = Program::new(source);
        program.trace(&["--values"], "t.bct", &[]);
        let text = crate::live::run(program.command(["find", "t.bct", wanted])).stdout();
        assert!(text.contains(&format!(":{line}: <module> ")), "{wanted}: {text}");
    }
}

#[test]
fn recursive_calls_are_found_once_each_from_the_first_to_the_last() {
    let of_all = "def f(x, n):\n    if n == 0: return x\n    r = f(x, n - 1)\n    return r\nf('needle', 5)\n";
    let of_results = "def f(n):\n    if n == 0: return ''.join(['need', 'le'])\n    r = f(n - 1)\n    return r\nf(5)\n";
    for source in [of_all, of_results] {
        let program = Program::new(source);
        program.trace(&["--values"], "t.bct", &[]);
        let found = crate::live::run(program.command(["find", "--format", "json", "t.bct", "needle"])).stdout();
        let found = objects(&found, "found");
        let is_call = |object: &&Value| object["opname"] == "CALL_FUNCTION" && object["line"] == 3;
        let of_call = found.iter().find(is_call).unwrap();
        let shown = program.show(&["--format", "jsonl"], "t.bct");
        let numbers: Vec<u64> = objects(&shown, "instruction")
            .iter()
            .filter(|object| object["offset"] == of_call["offset"] && object["name"] == "f")
            .map(|object| object["number"].as_u64().unwrap())
            .collect();
        assert_eq!(numbers.len(), 5, "{numbers:?}");
        let members = ["number", "last", "times"].map(|member| of_call[member].as_u64().unwrap());
        assert_eq!(members, [numbers[0], numbers[4], 5], "{source}");
        assert!(found.is_sorted_by_key(|object| object["number"].as_u64()), "{found:?}");
    }
}

#[test]
fn what_a_generator_is_sent_is_found() {
    let source = "def g():\n    x = yield 1\n    yield\n    yield 3\ni = g()\ni.next()\ni.send('one')\ni.send('two')\n";
    for (sent, line) in [("one", 2), ("two", 3)] {
        let program = Program::new(source);
        program.trace(&["--values"], "t.bct", &[]);
        let text = crate::live::run(program.command(["find", "t.bct", sent])).stdout();
        let is_yield = |found: &str| {
            found.contains(&format!("p.py:{line}: g at")) && found.ends_with(&format!("YIELD_VALUE -> '{sent}'"))
        };
        assert!(text.lines().any(is_yield), "{text}");
    }
}

#[test]
fn a_string_that_was_produced_counts_when_it_is_a_constant_too() {
    let source = "
def f(): return 'abcd'
parts = ['ab', 'cd']
for i in range(3): ''.join(parts)
CALL
for i in range(3): ''.join(parts)
";
    for (call, times) in [("0", 6), ("f()", 7)] {
        let source = source.replace("CALL", call);
        let text = printed(&source, &[], "strings", &["--format", "json"]);
        let found = objects(&text, "string").into_iter().find(|object| object["string"] == "abcd").unwrap();
        assert_eq!(found["times"], times, "{text}");
    }
}

#[test]
fn it_is_said_that_strings_were_cut() {
    let program = Program::new("text = ('x' * 5000 + 'HTTP://a.b/').lower()\n");
    program.trace(&["--values"], "t.bct", &[]);
    for view in [&["find", "t.bct", "http"][..], &["strings", "t.bct", "--text", "http"]] {
        let ran = crate::live::run(program.command(view));
        assert!(
            ran.stdout().contains("strings that were cut; record with a larger --value-length)"),
            "{}",
            ran.stdout()
        );
        assert!(ran.stderr().contains(" recorded"), "{}", ran.stderr());
    }
    let ran = crate::live::run(program.command(["find", "t.bct", "nowhere", "--opcode", "LOAD_NAME"]));
    assert!(!ran.stderr().contains(" recorded"), "{}", ran.stderr());
}

#[test]
fn it_is_said_that_containers_were_cut() {
    let program = Program::new("numbers = range(1000)\nsorted(numbers)\n");
    program.trace(&["--values"], "t.bct", &[]);
    let ran = crate::live::run(program.command(["find", "t.bct", "974"]));
    assert!(ran.stdout().contains("containers that were cut; record with a larger --value-width)"), "{}", ran.stdout());
    assert!(ran.stderr().contains(", as far as values were recorded"), "{}", ran.stderr());
    let json = crate::live::run(program.command(["find", "-f", "json", "t.bct", "974"])).stdout();
    let head: serde_json::Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert!(head["cut"] == 0 && head["cut_containers"].as_u64().unwrap() > 0, "{head}");
    let ran = crate::live::run(program.command(["find", "t.bct", "3"]));
    assert!(!ran.stdout().contains("cut"), "{}", ran.stdout());
}

#[test]
fn the_last_comparisons_of_a_place_are_different_ones() {
    let text = printed("for x in [1, 2, 3, 7, 2, 4, 2]:\n    x == 2\n", &[], "compares", &[]);
    let compared: Vec<&str> =
        text.lines().filter_map(|line| line.split_once(" == 2 -> ")?.0.rsplit(' ').next()).collect();
    assert_eq!(compared, ["4", "7", "2"], "{text}");
    assert!(text.contains("2 == 2 -> True  (3 times)"), "{text}");
}

#[test]
fn pieces_with_a_gap_between_them_are_no_whole() {
    let source = "
def same(a, b):
    good = True
    for left, right in zip(a, b):
        if left != right: good = False
    return good
same('Tr0ub4dxr', 'Tr0ub4dor')
";
    let whole = printed(source, &[], "compares", &[]);
    assert!(whole.contains("whole: 'Tr0ub4dxr' != 'Tr0ub4dor'"), "{whole}");
    let program = Program::new(source);
    program.trace(&["--values", "--loop-cap", "2"], "t.bct", &[]);
    let gap = crate::live::run(program.command(["compares", "t.bct"])).stdout();
    assert!(gap.contains("'r' != 'r' -> False"), "{gap}");
    assert!(!gap.contains("whole"), "{gap}");
}

#[test]
fn one_comparison_is_no_whole() {
    let json = printed("parts = 'a b'.split()\nlen(parts) != 3\n", &[], "compares", &["-f", "json"]);
    let compared = json.lines().find(|line| line.contains("2 != 3")).unwrap();
    assert!(!compared.contains("\"whole\""), "{compared}");
}

#[test]
fn an_earlier_pass_is_not_taken_for_the_last_one() {
    let source = "
def same(a, b):
    for i in range(4):
        if a[i] != b[i]: return False
    return True
for word in 'k3zz', 'k3y!', 'k3ya', 'abcd': same(word, 'k3y!')
";
    let text = printed(source, &[], "compares", &[]);
    assert!(text.contains("longest: 'k3ya' != 'k3y!'") && !text.contains("whole: 'k3"), "{text}");
}

#[test]
fn a_trace_that_lacks_only_its_index_has_an_end() {
    let program = Program::new("print 1\n");
    program.trace(&["-q"], "t.bct", &[]);
    let whole = std::fs::read(program.path("t.bct")).unwrap();
    let info = |bytes: &[u8]| {
        std::fs::write(program.path("cut.bct"), bytes).unwrap();
        let ran = crate::live::run(program.command(["info", "cut.bct"]));
        (ran.status, ran.stdout())
    };
    let (status, text) = info(&whole[..whole.len() - 1]);
    assert!(status == 125 && text.contains("exited with status 0"), "{text}");
    assert!(
        text.contains("damage        the file lacks its index or its trailer; no instruction is missing\n"),
        "{text}"
    );
    let (_, text) = info(&whole[..100]);
    assert!(text.contains("the trace has no end; "), "{text}");
}
