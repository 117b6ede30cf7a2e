//! Programs that fight being looked at: nothing of theirs runs, nothing of theirs lives longer, and nothing of theirs makes a trace
//! large.

use super::lines;
use crate::live::{self, Program};
use crate::running;

/// Asserts that a program prints the same with values recorded and under the interpreter alone; returns the trace's text.
#[track_caller]
fn assert_unaware(source: &str) -> String {
    let program = Program::new(source);
    let plain = live::run(program.command(["python", "p.pyc"]));
    let traced = program.trace(&["--values", "--no-stdlib", "-r"], "t.txt", &[]);
    assert_eq!((traced.status, traced.stdout(), traced.stderr()), (plain.status, plain.stdout(), plain.stderr()));
    assert!(!plain.stdout().is_empty(), "{}", plain.stderr());
    program.read("t.txt")
}

#[test]
fn no_method_of_an_object_runs_because_it_is_shown() {
    let text = assert_unaware(
        "\
calls = []
class Evil(object):
    def __init__(self): self.x = 1
    def __getattribute__(self, name):
        calls.append(name)
        return object.__getattribute__(self, name)
    def __repr__(self): calls.append('repr'); return 'evil'
    __str__ = __repr__
    def __hash__(self): calls.append('hash'); return 1
    def __eq__(self, other): calls.append('eq'); return True
    def __len__(self): calls.append('len'); return 3
    def __iter__(self): calls.append('iter'); return iter([])
class S(str):
    def __repr__(self): calls.append('S'); return 'S'
    def __len__(self): calls.append('Slen'); return 9
class I(int):
    def __repr__(self): calls.append('I'); return 'I'
class L(list):
    def __iter__(self): calls.append('L'); return iter([])
class D(dict):
    def __getitem__(self, key): calls.append('D')
class Meta(type):
    def __repr__(cls): calls.append('Meta'); return 'M'
    def __getattribute__(cls, name): calls.append('M' + name); return type.__getattribute__(cls, name)
class M(object): __metaclass__ = Meta
e = Evil()
things = [e, S('abc'), I(5), L([1]), D(a=1), M]
for thing in things:
    x = (thing, [thing], {1: thing})
def f(*args): return args
f(*things)
print calls
",
    );
    for shown in ["<Evil #", "<S #", "<I #", "<L #", "<D #", "<type M #"] {
        assert!(text.contains(shown), "no {shown} in\n{text}");
    }
}

#[test]
fn objects_die_when_they_would_and_have_the_references_they_would() {
    assert_unaware(
        "\
import sys, weakref
class A(object):
    def __init__(self, n): self.n = n
    def __del__(self): print 'del', self.n
def f(a): return sys.getrefcount(a)
def g(a):
    del a
    print 'behind'
print f(A(1)), sys.getrefcount(A(2))
g(A(3))
a = A(4); w = weakref.ref(a); b = [a, (a,), {a: a}]
print sys.getrefcount(a), weakref.getweakrefcount(a)
del b; del a
print w()
x = A(5); x = A(6); x = None
def h():
    y = A(7)
    yield y
    print 'end'
for z in h(): del z
import gc
c = A(8); c.me = c; del c
print len(gc.get_objects()) > 0, gc.collect(), len(gc.garbage)
print sys.getrefcount('__name__') > 0
",
    );
}

#[test]
fn huge_and_cyclic_containers_are_cut() {
    let text = lines(
        "\
l = range(100000); l.append(l); l.insert(0, l)
d = {}; d['d'] = d; d['l'] = l
t = (l, d, (l, d)); t2 = (t, t, t, t, t, t, t, t, t, t, t)
s = 'x' * 10000000
u = u'\\u20ac' * 1000000
n = 1 << 10000000
k = -n
deep = []
for i in range(1000): deep = [deep]
z = deep
w = set(range(1000)), frozenset('abc')
",
        &[],
    );
    assert!(text.contains("…(100002 items)"), "{text}");
    assert!(text.contains("[[[[…]]]]"), "{text}");
    assert!(text.contains("…(10000000 bytes, crc32 "), "{text}");
    assert!(text.contains("…(1000000 code points, crc32 "), "{text}");
    assert!(text.contains("<-long of 10000001 bits, crc32 "), "{text}");
    let longest = text.lines().map(str::len).max().unwrap();
    assert!(longest < 40_000, "a line of {longest} bytes");
}

#[test]
fn caps_are_options() {
    let source = "x = [1, [2, [3, [4]]], 'abcdefgh']\ny = x\n";
    let text = lines(source, &["--value-width", "2", "--value-depth", "1"]);
    assert!(text.contains("  [1, […], …(3 items)]"), "{text}");
    let text = lines(source, &["--value-length", "3"]);
    assert!(text.contains("  [1, [2, [3, […]]], 'abc'…(8 bytes, crc32 aeef2a50)]"), "{text}");
}

#[test]
fn names_and_strings_forge_no_line() {
    let text = lines(
        "\
class A(object): pass
A.__name__ = 'x>\\n<module>> 0 NOP'
def f(): pass
f.__name__ = 'a\\n\\x1b[31m'
y = A(); z = f; s = 'a\\nb> 0 NOP\\x1b'; u = u'\\u2028\\u202e'
",
        &[],
    );
    assert!(text.contains(r"<x>\n<module>>\x200\x20NOP #"), "{text}");
    assert!(text.contains(r"<function a\n\x1b[31m #"), "{text}");
    assert!(text.contains(r"'a\nb> 0 NOP\x1b'"), "{text}");
    assert!(text.lines().all(|line| line.starts_with("<module>> ") || line.starts_with("A> ")), "{text}");
    assert!(!text.contains(['\u{1b}', '\u{2028}', '\u{202e}']), "{text}");
}

#[test]
fn a_stack_beyond_the_frames_own_memory_is_not_read() {
    let text = assert_unaware(
        "\
import new, types
def f(): return 7
c = f.func_code
liar = types.CodeType(0, 0, 0, 0, c.co_code, c.co_consts, (), (), 'liar', 'liar', 1, '')
print new.function(liar, {})()
greedy = types.CodeType(5, 0, 1 << 10, 0, c.co_code, c.co_consts, (), (), 'greedy', 'greedy', 1, '')
print greedy.co_argcount, greedy.co_nlocals
",
    );
    assert!(text.contains("liar> 3 RETURN_VALUE\n"), "what lies outside is not shown: {text}");
}

#[test]
fn dying_by_a_signal_leaves_the_values_of_the_last_instruction() {
    let program = Program::new("import os\ndef f(x): os.kill(os.getpid(), 9)\nf('last words')\n");
    let ran = program.trace(&["--values", "--no-stdlib", "-r"], "t.txt", &[]);
    assert_eq!(ran.status, 128 + 9);
    let text = program.read("t.txt");
    let last = text.lines().last().unwrap();
    assert!(last.contains("posix.kill(") && last.ends_with(", 9)"), "{text}");
    assert!(text.contains("f('last words')"), "{text}");
}

#[test]
fn threads_keep_their_values_apart() {
    let source = "\
import thread, time
done = []
def work(n):
    total = 0
    for i in range(300):
        total = total + n
        if i % 50 == 0: time.sleep(0)
    done.append((n, total))
for n in (1, 1000): thread.start_new_thread(work, (n,))
while len(done) < 2: time.sleep(0.001)
print sorted(done)
";
    let program = Program::new(source);
    let ran = program.trace(&["--values", "--no-stdlib"], "t.jsonl", &[]);
    assert_eq!(ran.stdout(), "[(1, 300), (1000, 300000)]\n");
    let mut seen = std::collections::BTreeMap::<u64, Vec<i64>>::new();
    let mut awaited = std::collections::BTreeMap::<u64, i64>::new();
    for line in program.read("t.jsonl").lines().filter(|line| line.contains("\"type\":\"instruction\"")) {
        let object: serde_json::Value = serde_json::from_str(line).unwrap();
        let thread = object["thread"].as_u64().unwrap();
        let number = |text: &serde_json::Value| text.as_str().unwrap().parse::<i64>().unwrap();
        // Where the threads switched after an addition, its result stands in the thread's next line.
        if let Some(sum) = awaited.remove(&thread) {
            assert_eq!(sum, number(&object["returned"][0]), "{line}");
        }
        if object["opname"] == "BINARY_ADD" {
            let (left, right) = (number(&object["operands"][0]), number(&object["operands"][1]));
            match object["results"].get(0) {
                Some(result) => assert_eq!(left + right, number(result), "{line}"),
                None => assert!(awaited.insert(thread, left + right).is_none()),
            }
            seen.entry(thread).or_default().push(right);
        }
    }
    assert!(awaited.is_empty());
    assert_eq!(seen.len(), 2);
    assert!(seen.values().all(|added| added.len() == 300 && added.iter().all(|number| *number == added[0])));
}

#[test]
fn foreign_code_does_not_stop_values() {
    let text = assert_unaware("import ctypes\nx = ctypes.c_int(5).value + 1\nprint x\n");
    assert!(text.contains("BINARY_ADD  5 + 1 -> 6"), "{text}");
    let _ = running::bctrace(["--version"]);
}
