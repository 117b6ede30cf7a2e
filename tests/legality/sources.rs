//! Generates small 2.7 programs that end: loops, try with all its parts, with, generators, calls, closures and classes, nested in every
//! way, with exceptions raised and caught in the middle.  What x holds stays small, however often a loop assigns to it.

use proptest::prelude::*;

/// What every generated program begins with.
const PROLOGUE: &str = "\
class Context(object):
    def __init__(self, swallows): self.swallows = swallows
    def __enter__(self): return self.swallows
    def __exit__(self, *error): return self.swallows
class Counter(object):
    def __init__(self): self.count = 0
    def step(self):
        self.count += 1
        if self.count > 400: raise SystemExit
        return self.count
    count_twice = property(lambda self: self.step() + self.step())
counter = Counter()
def numbers(n):
    try:
        for i in range(n):
            sent = yield i
            if sent: yield sent
    finally:
        counter.step()
def calls(f, *args, **keywords):
    counter.step()
    return f(*args, **keywords)
";

/// A whole program: a few functions that take a number, and calls of them.
pub fn program() -> impl Strategy<Value = String> {
    prop::collection::vec((block(false), any::<bool>()), 1..4).prop_map(|functions| {
        let mut text = PROLOGUE.to_string();
        for (number, (body, is_generator)) in functions.iter().enumerate() {
            text.push_str(&format!("def f{number}(x):\n    def add(y): return x + y % 9\n"));
            if *is_generator {
                text.push_str("    yield x\n");
            }
            let body = if *is_generator { body.replace("return x", "return") } else { body.clone() };
            text.push_str(&indented(&body));
            text.push_str(if *is_generator { "    yield add(1)\n" } else { "    return add(1)\n" });
            let call = if *is_generator { format!("list(f{number}(n))") } else { format!("f{number}(n)") };
            text.push_str(&format!(
                "for n in range(3):\n    try:\n        print n, {call}\n    except Exception, e:\n        print type(e).__name__\n"
            ));
        }
        text
    })
}

/// Statements of a function that has x, add and, in a loop, break and continue.
fn block(in_loop: bool) -> BoxedStrategy<String> {
    prop::collection::vec(statement(2, in_loop), 1..4).prop_map(|statements| statements.concat()).boxed()
}

fn statement(depth: u32, in_loop: bool) -> BoxedStrategy<String> {
    let simple = prop_oneof![
        expression().prop_map(|value| format!("x = {value}\n")),
        expression().prop_map(|value| format!("{value}\n")),
        expression().prop_map(|value| format!("if {value}: raise ValueError(x)\n")),
        Just("x += counter.step() % 5\n".to_string()),
        Just("x, y = counter.count_twice % 7, x\n".to_string()),
        Just("assert x % 3, x\n".to_string()),
        Just("print x,\n".to_string()),
        Just("exec 'x = 1 + 2' in {}\n".to_string()),
        Just("if x % 5 == 4: return x\n".to_string()),
    ];
    let simple = match in_loop {
        true => prop_oneof![
            3 => simple,
            1 => Just("if x % 2: break\nx += 1\n".to_string()),
            1 => Just("if x % 3: continue\nx += 1\n".to_string()),
        ]
        .boxed(),
        false => simple.boxed(),
    };
    if depth == 0 {
        return simple;
    }
    let inner = |in_loop| {
        prop::collection::vec(statement(depth - 1, in_loop), 1..3).prop_map(|all| indented(&all.concat())).boxed()
    };
    // `continue` may not stand in a finally clause.
    let (body, other, last, looped) = (inner(in_loop), inner(in_loop), inner(false), inner(true));
    prop_oneof![
        3 => simple,
        1 => (expression(), body.clone(), other.clone())
            .prop_map(|(test, body, other)| format!("if {test}:\n{body}else:\n{other}")),
        1 => (1..4u8, looped.clone(), other.clone())
            .prop_map(|(count, body, other)| format!("for x in range({count}):\n{body}else:\n{other}")),
        1 => (1..4u8, looped.clone())
            .prop_map(|(count, body)| format!("for x in numbers({count}):\n{body}")),
        1 => looped.prop_map(|body| format!("while counter.step() % 4:\n{body}")),
        1 => (body.clone(), other.clone(), prop::bool::ANY).prop_map(|(body, other, all)| {
            let caught = if all { "except:" } else { "except (ValueError, TypeError), error:" };
            format!("try:\n{body}{caught}\n{other}")
        }),
        1 => (body.clone(), other.clone(), last.clone())
            .prop_map(|(body, other, last)| format!("try:\n{body}except KeyError:\n{other}else:\n{last}")),
        1 => (body.clone(), last).prop_map(|(body, last)| format!("try:\n{body}finally:\n{last}")),
        1 => (body.clone(), prop::bool::ANY)
            .prop_map(|(body, swallows)| format!("with Context({}) as w:\n{body}", if swallows { "True" } else { "None" })),
        1 => (body, other).prop_map(|(body, other)| {
            format!("try:\n{body}    raise KeyError\nexcept ValueError:\n{other}except KeyError:\n    counter.step()\n")
        }),
    ]
    .boxed()
}

fn expression() -> impl Strategy<Value = String> {
    prop::sample::select(&[
        "x % 2",
        "x * 3 - 7",
        "add(x) % 5",
        "calls(add, 2)",
        "calls(add, y=3)",
        "calls(*[add, x])",
        "calls(add, **{'y': 1})",
        "x and add(x) or 4",
        "not x",
        "1 / (x - 1)",
        "[i for i in range(x % 4) if i]",
        "sum(i * i for i in numbers(3))",
        "dict((i, i) for i in [1, 2])",
        "{i: x % 3 for i in numbers(2)}",
        "(lambda z: z + x)(2)",
        "list(numbers(2))[1:]",
        "[].pop()",
        "undefined",
        "x if x > 1 else None",
        "0 < x < 3",
        "counter.step()",
        "numbers(3).next()",
        "sorted([3, 1, x], key=lambda z: -z)[0]",
        "`x`[:9]",
        "'%s' % (x,)",
    ])
    .prop_map(str::to_string)
}

/// The same lines, one level deeper.
fn indented(lines: &str) -> String {
    lines.lines().map(|line| format!("    {line}\n")).collect()
}
