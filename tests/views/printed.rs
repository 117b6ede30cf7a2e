//! The output of every view for small programs, against what is committed in tests/views/expected; `BCTRACE_BLESS=1` writes it again.

use std::fs;

use super::{folder, record, view};
use crate::live::Program;
use crate::running;

/// Programs with what is given to them.
const PROGRAMS: [(&str, &str, &str); 3] = [
    (
        "check",
        "guess\n",
        "\
import base64, json
def fact(n):
    return 1 if n < 2 else n * fact(n - 1)
def check(word):
    wanted = base64.b64decode('b3BlbiBzZXNhbWU=')
    for i in range(len(word)):
        if word[i] != wanted[i]:
            return False
    return word == wanted
print fact(6), json.dumps([1, 'http://c2.example.net/' + 'gate']), check(raw_input())
",
    ),
    (
        "loops",
        "",
        "\
def inner(n):
    total = 0
    for i in xrange(4):
        total += i * n
    return total
def words():
    for w in ('one', 'two', 'three'):
        yield w.upper()
for n in xrange(50):
    inner(n)
try:
    list(words())[7]
except IndexError:
    print 'no'
",
    ),
    (
        "hostile",
        "",
        "\
names = {}
exec compile('x = 1\\n\\nx == 2\\n', 'a\\x1b[2J\\nb.py', 'exec') in names
s = '\\x1b]0;title\\x07' + chr(10) + '<b>'
s == s[::-1]
s.join(['\\xff' * 5, '\\xe2\\x80\\xae' * 2])
",
    ),
];

/// The views, and a name for the output of each.
const VIEWS: [(&str, &[&str]); 14] = [
    ("calls", &["calls", "t.bct"]),
    ("calls-c", &["calls", "--c-only", "t.bct"]),
    ("calls-json", &["calls", "-f", "json", "t.bct"]),
    ("compares", &["compares", "t.bct"]),
    ("compares-order", &["compares", "--in-order", "t.bct"]),
    ("compares-json", &["compares", "-f", "json", "t.bct"]),
    ("strings", &["strings", "t.bct"]),
    ("strings-json", &["strings", "--min", "1", "-f", "json", "t.bct"]),
    ("hot", &["hot", "--count", "5", "t.bct"]),
    ("hot-json", &["hot", "--count", "2", "-f", "json", "t.bct"]),
    ("find", &["find", "t.bct", "--regex", "[A-Z]"]),
    ("find-json", &["find", "-f", "json", "t.bct", "2"]),
    ("fold", &["show", "-r", "--fold", "t.bct"]),
    ("fold-json", &["show", "--fold", "-f", "jsonl", "t.bct"]),
];

/// Views whose JSON begins in other ways, and those of two traces.
const OTHERS: [(&str, &[&str]); 10] = [
    ("edges", &["edges", "--no-stdlib", "t.bct"]),
    ("edges-json", &["edges", "--no-stdlib", "-f", "json", "t.bct"]),
    ("layers", &["layers", "--no-stdlib", "t.bct"]),
    ("layers-json", &["layers", "--no-stdlib", "-f", "json", "t.bct"]),
    ("tried", &["tried", "t.bct"]),
    ("tried-json", &["tried", "-f", "json", "t.bct"]),
    ("tricks", &["tricks", "t.bct"]),
    ("tricks-json", &["tricks", "-f", "json", "t.bct"]),
    ("diff", &["diff", "t.bct", "other.bct"]),
    ("diff-json", &["diff", "-f", "json", "t.bct", "other.bct"]),
];

#[test]
fn every_view_prints_what_is_expected() {
    let mut wrong = Vec::new();
    for (name, input, source) in PROGRAMS {
        let program = Program::new(source);
        record(&program, "t.bct", &[], input);
        record(&program, "other.bct", &[], "open the door\n");
        for (of, words) in VIEWS.into_iter().chain(OTHERS) {
            let (status, got) = view(&program, words);
            assert!(status < 2, "{name} {words:?}: {status}");
            assert!(
                got.chars().all(|one| !one.is_control() || one == '\n'),
                "{name} {words:?} prints control characters"
            );
            let path = folder().join(format!("expected/{name}.{of}.txt"));
            if std::env::var_os("BCTRACE_BLESS").is_some() {
                fs::write(&path, &got).unwrap();
            }
            let want = fs::read_to_string(&path).unwrap_or_default();
            let beside = path.with_extension("txt.actual");
            if got == want {
                let _ = fs::remove_file(&beside);
                continue;
            }
            fs::write(&beside, &got).unwrap();
            let line = got.lines().zip(want.lines()).take_while(|(got, want)| got == want).count();
            wrong.push(format!("{} differs in line {}", beside.display(), line + 1));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_line_of_json_is_an_object_and_the_first_one_is_the_views() {
    let (name, input, source) = PROGRAMS[0];
    let program = Program::new(source);
    record(&program, "t.bct", &[], input);
    for (of, words) in VIEWS.iter().filter(|(of, _)| of.ends_with("json")) {
        let (_, text) = view(&program, words);
        let objects: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let head = &objects[0];
        assert_eq!(head["type"], "view", "{name} {of}");
        assert_eq!((&head["version"], &head["dropped"]), (&1.into(), &0.into()), "{name} {of}");
        assert!(head["stdlib_left_out"].as_u64().unwrap() > 1000, "{name} {of}");
        assert!(objects.len() > 1 && objects[1..].iter().all(|object| object["type"].is_string()), "{name} {of}");
    }
}

#[test]
fn a_trace_that_comes_through_a_pipe_is_viewed_as_the_file_is() {
    let (_, input, source) = PROGRAMS[0];
    let program = Program::new(source);
    record(&program, "t.bct", &[], input);
    record(&program, "other.bct", &[], "other\n");
    let trace = fs::read(program.path("t.bct")).unwrap();
    let through_a_pipe = |words: &[&str], name: &str| {
        let words: Vec<&str> = words.iter().map(|word| if *word == "t.bct" { name } else { word }).collect();
        let ran = running::run_with(&mut program.command(words), &trace);
        let label = if name == "-" { "standard input" } else { name };
        (ran.status, ran.stdout().replace(label, "t.bct"), ran.stderr())
    };
    let left_out = regex::Regex::new("\"stdlib_left_out\":[0-9]+").unwrap();
    for (of, words) in VIEWS.into_iter().chain(OTHERS) {
        let (status, expected) = view(&program, words);
        // The index at a file's end, which says beforehand how much is left out, is not there yet.
        let expected = left_out.replace(&expected, "\"stdlib_left_out\":null").into_owned();
        for name in ["-", "/dev/stdin"] {
            let (same, text, stderr) = through_a_pipe(words, name);
            let text = text.replace("\"trace\":\"-\"", "\"trace\":\"t.bct\"");
            let text = left_out.replace(&text, "\"stdlib_left_out\":null").into_owned();
            assert_eq!((same, &text), (status, &expected), "{of} {name}: {stderr}");
        }
    }
    for name in ["-", "/dev/stdin"] {
        let (status, _, stderr) = through_a_pipe(&["report", "t.bct", "-o", "r.html"], name);
        assert_eq!((status, stderr.lines().count()), (125, 1), "{stderr}");
        assert!(stderr.contains("name a file"), "{stderr}");
    }
}

#[test]
fn what_a_loop_cap_left_out_is_said_of_a_trace_from_a_pipe_too() {
    let program = Program::new("t = 0\nfor i in range(500):\n    t += i == 7\nprint t\n");
    let ran = program.trace(&["-q", "--values", "--loop-cap", "5"], "t.bct", &[]);
    assert_eq!(ran.status, 0, "{}", ran.stderr());
    let trace = fs::read(program.path("t.bct")).unwrap();
    for view in ["calls", "compares", "strings", "hot"] {
        let of_file = running::run(&mut program.command([view, "t.bct"])).stderr();
        assert!(of_file.contains("490 iterations of loops left out by --loop-cap"), "{view}: {of_file}");
        let of_pipe = running::run_with(&mut program.command([view, "-"]), &trace).stderr();
        assert_eq!(of_pipe.replace("standard input:", "t.bct:"), of_file, "{view}");
    }
}

#[test]
fn find_ends_with_0_if_the_value_is_there_and_with_1_if_not() {
    let program = Program::new("def f(a):\n    return a * 2\nf(21)\nf('ab')\n");
    record(&program, "t.bct", &[], "");
    assert_eq!(view(&program, &["find", "t.bct", "42"]).0, 0);
    assert_eq!(view(&program, &["find", "t.bct", "0x2b"]), (1, String::new()));
    assert_eq!(view(&program, &["find", "t.bct", "-5"]), (1, String::new()));
    assert_eq!(view(&program, &["find", "t.bct", "bab"]).0, 0);
    assert_eq!(view(&program, &["find", "-n", "f", "--opcode", "BINARY_MULTIPLY", "t.bct", "42"]).0, 0);
    assert_eq!(view(&program, &["find", "-n", "f", "--opcode", "COMPARE_OP", "t.bct", "42"]).0, 1);
    assert_eq!(view(&program, &["find", "missing.bct", "42"]).0, 125);
}

#[test]
fn hot_counts_what_info_counts() {
    let program = Program::new("def f(n):\n    return n if n < 1 else f(n - 1)\nfor i in range(30):\n    f(i)\n");
    record(&program, "t.bct", &[], "");
    let (_, info) = view(&program, &["info", "-f", "json", "t.bct"]);
    let info: serde_json::Value = serde_json::from_str(&info).unwrap();
    let (_, hot) = view(&program, &["hot", "-f", "json", "--stdlib", "t.bct"]);
    let objects: Vec<serde_json::Value> = hot.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let own: u64 = objects.iter().filter_map(|object| object["own"].as_u64()).sum();
    assert_eq!(Some(own), info["recorded"].as_u64(), "{info}");
    let f = objects.iter().find(|object| object["type"] == "code" && object["name"] == "f").unwrap();
    assert_eq!((&f["own"], &f["frames"]), (&f["total"], &465.into()), "{f}");
    let (_, part) = view(&program, &["hot", "-f", "json", "--from", "20", "--to", "29", "t.bct"]);
    let part: u64 =
        part.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["own"].as_u64()).sum();
    assert_eq!(part, 10);
}

#[test]
fn hot_counts_instructions_outside_the_bytes() {
    for fixture in ["falls_off", "before_the_code", "extended_arg_no_operand"] {
        let program = Program::new("pass\n");
        let trace = program.path("t.bct");
        let file = format!("{}/{fixture}.pyc", running::fixtures().display());
        let ran = running::run(&mut running::bctrace(["-q", "--force", &file, trace.to_str().unwrap()]));
        assert!(ran.status < 123, "{}", ran.stderr());
        let (_, info) = view(&program, &["info", "-f", "json", "t.bct"]);
        let info: serde_json::Value = serde_json::from_str(&info).unwrap();
        let (_, hot) = view(&program, &["hot", "-f", "json", "--stdlib", "--count", "1000", "t.bct"]);
        let objects: Vec<serde_json::Value> = hot.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let own: u64 = objects.iter().filter_map(|object| object["own"].as_u64()).sum();
        assert_eq!(Some(own), info["recorded"].as_u64(), "{fixture}: {hot}");
        let offsets = objects.iter().filter(|object| object["type"] == "offset");
        let offsets: u64 = offsets.filter_map(|object| object["times"].as_u64()).sum();
        assert_eq!(offsets, own, "{fixture}: {hot}");
    }
}

#[test]
fn an_opcode_without_a_name_has_none_in_json() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("t.bct");
    let fixture = running::fixtures().join("invalid_uncaught.pyc");
    running::run(&mut running::bctrace(["-q", fixture.to_str().unwrap(), trace.to_str().unwrap()]));
    let json = running::run(&mut running::bctrace(["hot", "-f", "json", trace.to_str().unwrap()])).stdout();
    let objects: Vec<serde_json::Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut offsets = objects.iter().filter(|object| object["type"] == "offset");
    assert!(offsets.any(|offset| offset.get("opname") == Some(&serde_json::Value::Null)), "{json}");
}

#[test]
fn other_bytes_of_a_code_object_are_entered_as_often_as_they_begin() {
    let program = Program::new(
        "\
import ctypes, sys
def g(x):
    return x * 3 + 1
code = g.func_code.co_code
address = id(code) + sys.getsizeof('') - 1 + code.index('\\x14')
for i in range(5):
    g(i)
ctypes.memset(address, 0x17, 1)
for i in range(7):
    g(i)
",
    );
    record(&program, "t.bct", &[], "");
    let edges = program.view("edges", &["-n", "g"], "t.bct");
    assert!(edges.contains("line 2: entered 5 times, 30 instructions"), "{edges}");
    assert!(edges.contains("other bytes of the same code object, entered 7 times, 42 instructions"), "{edges}");
    let hot = program.view("hot", &["-n", "g", "-f", "json"], "t.bct");
    let frames: Vec<serde_json::Value> = hot.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let counted = |own: u64| frames.iter().find(|object| object["own"] == own).map(|object| object["frames"].as_u64());
    assert_eq!([counted(30), counted(42)], [Some(Some(5)), Some(Some(7))], "{hot}");
}

#[test]
fn methods_made_with_partial_are_called_as_they_were_looked_up() {
    let program = Program::new(
        "import socket
s = socket.socket()
s.settimeout(2)
try:
    s.connect(('10.1.2.3', 4444))
except socket.error:
    pass
send = getattr(s, 'sendall')
send('hello')
",
    );
    let ran = program.trace(&["--values", "--fake-net"], "t.bct", &[]);
    assert_eq!(ran.status, 0, "{}", ran.stderr());
    let calls = program.view("calls", &[], "t.bct");
    for call in [".settimeout(2) -> None", ".connect(('10.1.2.3', 4444)) -> None", ".sendall('hello') -> None"] {
        assert!(calls.contains(call), "{call} in\n{calls}");
    }
    assert!(!calls.contains(".partial("), "{calls}");
    let connects = program.view("calls", &["--of", "connect"], "t.bct");
    assert_eq!(connects.lines().filter(|line| line.contains(".connect((")).count(), 1, "{connects}");
    let json = program.view("calls", &["-f", "json", "--of", "sendall"], "t.bct");
    let call: serde_json::Value = serde_json::from_str(json.lines().nth(1).unwrap()).unwrap();
    assert_eq!((&call["callee"], &call["arguments"][0]), (&"sendall".into(), &"'hello'".into()), "{json}");
    let found = running::run(&mut program.command(["find", "t.bct", "4444"]));
    assert!(found.stdout().contains(".connect(("), "{}", found.stdout());
    assert!(program.show(&[], "t.bct").contains("-> <method _socketobject.connect #"));
}

#[test]
fn a_method_made_with_partial_has_no_name_of_another_one() {
    let program = Program::new(
        "import operator, socket
s = socket.socket()
s.setblocking
operator.attrgetter('gettimeout')(s)()
s.setblocking
s.__getattribute__('gettimeout')()
",
    );
    assert_eq!(program.trace(&["--values"], "t.bct", &[]).status, 0);
    let calls = program.view("calls", &[], "t.bct");
    assert!(!calls.contains(".setblocking()"), "{calls}");
    assert_eq!(calls.matches(".partial() -> None").count(), 1, "{calls}");
    assert_eq!(calls.matches(".gettimeout() -> None").count(), 1, "{calls}");
}

#[test]
fn texts_that_are_evaluated_are_one_place_if_only_their_constants_differ() {
    let source = "import sys
word = sys.argv[1]
texts = ['word == \\'abcd\\'', 'len(word) == 4', 'sys.argv[1] == \\'toor\\'']
for text in texts + ['word[%d] == %r' % pair for pair in enumerate('abcd')]:
    eval(text)
";
    let program = Program::new(source);
    record(&program, "t.bct", &["abcx"], "");
    let text = program.view("compares", &[], "t.bct");
    for line in ["'abcx' == 'abcd' -> False", "'abcx' == 'toor' -> False", "'x' == 'd' -> False"] {
        assert!(text.contains(&format!("<string>:1: <module>: {line}")), "{line} in\n{text}");
    }
    let wholes: Vec<&str> = text.lines().filter_map(|line| line.trim().strip_prefix("whole: ")).collect();
    assert_eq!(wholes, ["'abcx' == 'abcd'"], "{text}");
}
