//! What `show` makes of values: comparisons by place, and the tree of calls.

use crate::live::Program;

fn recorded(source: &str) -> Program {
    let program = Program::new(source);
    let ran = program.trace(&["--values", "--no-stdlib"], "t.bct", &[]);
    assert_eq!(ran.status, 0, "{}", ran.stderr());
    program
}

#[test]
fn compares_are_folded_by_place_with_counts() {
    let program = recorded(
        "\
def check(s):
    return len(s) == 3 and s[0] == 'k' and s in ('key', 'kit')
for s in ('guess', 'nay', 'key', 'nay'): check(s)
",
    );
    let text = program.show(&["--compares"], "t.bct");
    let expected = "\
check, p:2, at 12 COMPARE_OP (==), 4 times
       1  5 == 3 -> False
       3  3 == 3 -> True
check, p:2, at 24 BINARY_SUBSCR, 3 times
       2  'nay'[0] -> 'n'
       1  'key'[0] -> 'k'
check, p:2, at 28 COMPARE_OP (==), 3 times
       2  'n' == 'k' -> False
       1  'k' == 'k' -> True
check, p:2, at 40 COMPARE_OP (in), once
       1  'key' in ('key', 'kit') -> True
";
    assert_eq!(without_file(&text), expected);
}

/// The lines with `p` for the name of the program's source file.
fn without_file(text: &str) -> String {
    regex::Regex::new(r", [^ ,]*:(\d+), at").unwrap().replace_all(text, ", p:$1, at").into_owned()
}

#[test]
fn a_comparison_that_runs_python_has_its_result_too() {
    let program = recorded("class A(object):\n    def __eq__(self, other): return other * 2\nA() == 21\n");
    let text = program.show(&["--compares"], "t.bct");
    assert!(text.contains(" == 21 -> 42\n"), "{text}");
}

#[test]
fn calls_are_a_tree_with_arguments_and_results() {
    let program = recorded(
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
    let text = program.show(&["--calls"], "t.bct");
    let text = regex::Regex::new(r" #\d+>").unwrap().replace_all(&text, ">").into_owned();
    let expected = "\
  A(5)
    __init__(self=<A>, n=5) -> None
  -> <A>
  A.get(k=2) -> 7
  fib(2)
    fib(1) -> 1
    fib(0) -> 0
  -> 1
  zlib.crc32('abc') -> 891568578
  gen(1) -> <generator>
  list(<generator>)
    gen(n=1)
      range(1) -> [0]
    -> yields 0
    gen resumed -> None
  -> [0]
  sorted([2, 1], key=<function <lambda>>)
    <lambda>(v=2) -> -2
    <lambda>(v=1) -> -1
  -> [2, 1]
";
    assert!(text.contains(expected), "{text}");
    assert!(
        text.contains("  fail()\n    exceptions.ValueError('no') -> <ValueError>\n  -> raises ValueError: no\n"),
        "{text}"
    );
}

#[test]
fn depth_indents_the_text() {
    let program = recorded("def f():\n    return 1\nf()\n");
    let text = program.show(&["--depth", "--no-values"], "t.bct");
    assert!(
        text.contains(
            "\n<module>> 12 CALL_FUNCTION (0)\n  f> 0 LOAD_CONST (1)\n  f> 3 RETURN_VALUE\n<module>> 15 POP_TOP\n"
        ),
        "{text}"
    );
}

#[test]
fn a_view_of_values_refuses_a_trace_without() {
    let program = Program::new("print 1 + 1");
    program.trace(&[], "t.bct", &[]);
    for view in ["--compares", "--calls"] {
        let shown = crate::live::run(program.command(["show", view, "t.bct"]));
        crate::live::assert_failed(&shown, &["t.bct", "without values", "--values"]);
    }
}
