//! What the short path for usual units shows against the long one: with --value-stacks every unit takes that, and both must say the same.

use std::path::Path;

use bctrace::parts::UnitValues;
use bctrace::parts::steps::{Item, Steps};
use regex::Regex;

use super::views::without_numbers;
use crate::live::{self, Program};
use crate::running;

/// The instructions of a trace, each with its values but those on the stack, and without the numbers of objects: these go by the order of
/// sight, and on the stack more is seen.
fn values(trace: &Path) -> Vec<String> {
    let number = Regex::new(r"number: \d+").unwrap();
    let steps = Steps::open(trace).unwrap().filter_map(|item| match item.unwrap() {
        Item::Step(step) => Some(step),
        _ => None,
    });
    let lines = steps.map(|step| {
        let values = format!("{:?}", UnitValues { stack: None, ..step.values.clone() });
        format!("{:?} {}", step.instruction, number.replace_all(&values, ""))
    });
    lines.collect()
}

/// Records a program both ways and compares; returns how many instructions were compared.
#[track_caller]
fn check(program: &Program, name: &str, options: &[&str]) -> usize {
    let [usual, hooked] = [&[][..], &["--value-stacks"]].map(|more| {
        let options = [&["--values", "--deterministic"], more, options].concat();
        let mut command = program.tracing(&options, "t.bct", &[]);
        // CPython's own tests are not in the binary; they lie in the tree that the VM was built from.
        command.env("PYTHONPATH", Path::new(env!("BCTRACE_PYTHON_HEADERS")).with_file_name("Lib"));
        let ran = live::run(command);
        assert_eq!(ran.status, 0, "{name}: {}", ran.stderr());
        values(&program.path("t.bct"))
    });
    for (number, (usual, hooked)) in usual.iter().zip(&hooked).enumerate() {
        assert_eq!(usual, hooked, "{name} {options:?}: instruction {number}");
    }
    assert_eq!(usual.len(), hooked.len(), "{name} {options:?}");
    usual.len()
}

/// The caps of values, as they are and tight.
const CAPS: [&[&str]; 2] = [&[], &["--value-width", "2", "--value-depth", "1", "--value-length", "6"]];

#[test]
fn usual_units_of_ordinary_programs_show_the_same_on_both_paths() {
    let mut shown = 0;
    for name in
        ["classes", "closures", "comprehensions", "exceptions", "every_opcode", "exec_eval", "generators", "loops"]
    {
        let source = std::fs::read_to_string(running::fixtures().join(format!("source/{name}.py"))).unwrap();
        shown += CAPS.map(|caps| check(&Program::new(&source), name, caps)).iter().sum::<usize>();
    }
    for name in ["augassign", "opcodes", "unpack"] {
        let source = format!("from test import test_{name}\ntest_{name}.test_main()\n");
        shown += check(&Program::new(&source), name, &[]);
    }
    assert!(shown > 100_000, "{shown} instructions");
}

/// Every kind of value, in loops in which it was seen before.
const EVERYTHING: &str = r"
class Old:
    def method(self, *rest): return rest
    @classmethod
    def of_class(cls, x): return cls
    @staticmethod
    def static(x): return x
class New(object):
    def method(self, *rest): return rest
    @classmethod
    def of_class(cls, x): return cls
class Slots(object):
    __slots__ = 'a', 'b'
def function(*rest): return rest
many = ['x' * n for n in range(0, 40)] + ['y' * 870, 'z' * 900, '\0\1\xff', 'a\0', '', u'unicode', bytearray('b')]
many += [sign * (1 << bits) - low for bits in (0, 15, 30, 31, 47, 48, 59, 60, 62, 63, 64, 65, 90, 200) for sign in (1, -1) for low in (0, 1)]
many += [long(n) for n in range(-2, 3)] + [0.0, -0.0, 1.5, 1e300, float('nan'), float('inf'), 0.1, 2.0 ** -1074, 1j, None, True, False]
many += [(), (1,), [1, [2, [3, [4, [5]]]]], tuple(range(30)), [[n] * 15 for n in range(15)], {}, {1: 2}, set('a'), frozenset('b')]
many += [Old(), New(), Slots(), Old, New, Old.method, New.method, Old().method, New.of_class, Old.of_class, New().method, function, len, [].append]
many += ['abc'.join, [].__add__, object.__init__, dict.fromkeys, str.join, iter([]), xrange(3), Ellipsis, NotImplemented, type, object, Exception, StopIteration, ValueError('x')]
loop = [1]; loop.append(loop); many.append(loop)
old, new = Old(), New()
for turn in range(3):
    for value in many:
        kept = value
        old.attribute = new.attribute = value
        old.method(value, old.attribute); new.method(new.attribute, value)
        function(value, *[value]); function(value, value, value, value, value, value)
        Old.static(value); New.of_class(value); Old.of_class(value); old.of_class(value)
        pair = (value, [value, value]); pair[1].append(value); pair[1][0] == value
        len(pair); isinstance(value, Old); value is pair
        {type(value).__name__: value}.get('int', value)
# Names that change, and types that come and go.
for turn in range(40):
    New.__name__, Old.__name__, function.__name__ = 'New%d' % (turn % 3), 'Old%d' % (turn % 3), 'function%d' % (turn % 3)
    function(new, old, New, Old); new.method(old); old.method(new); kept = new; kept = old; kept = function
    Made = type('Made%d' % (turn % 4), (object,), {'method': function}); made = Made(); made.method(made); kept = made
    class Again: pass
    Again.__name__ = 'Again%d' % (turn % 2); again = Again(); function(again); del made, Made, again, Again
# Many objects.
objects = [New() for n in xrange(6000)] + [[n] for n in xrange(6000)]
for turn in range(2):
    for one in objects: kept = one
print 'done'
";

#[test]
fn every_kind_of_value_is_the_same_on_both_paths() {
    for caps in CAPS {
        let shown = check(&Program::new(EVERYTHING), "everything", &[caps, &["--no-stdlib"]].concat());
        assert!(shown > 50_000, "{shown} instructions");
    }
}

#[test]
fn a_name_is_the_one_that_its_object_has_then() {
    let text = without_numbers(&super::lines(
        "\
class New(object):
    def method(self): pass
class Old:
    def method(self): pass
def show(shown): pass
new, old = New(), Old()
for name in 'first', 'second':
    New.__name__ = name + 'New'
    Old.__name__ = name + 'Old'
    New.method.im_func.__name__ = Old.method.im_func.__name__ = show.__name__ = name
    show([new, old, new.method, old.method, show])
for number in range(40):
    made = type('Type%d' % number, (object,), {})()
    show([made])
    function = eval('lambda: 1')
    function.__name__ = 'function%d' % number
    show([function])
    del made, function
",
        &[],
    ));
    let shown: Vec<&str> = text.lines().filter_map(|line| Some(line.split_once("(shown=")?.1)).collect();
    let of_names = ["first", "second"].map(|name| {
        let methods = ["New", "Old"].map(|class| format!("<method {name} of <{name}{class}>>")).join(", ");
        format!("[<{name}New>, <{name}Old>, {methods}, <function {name}>])")
    });
    let of_numbers =
        (0..40).flat_map(|number| [format!("[<Type{number}>])"), format!("[<function function{number}>])")]);
    assert_eq!(shown, of_names.into_iter().chain(of_numbers).collect::<Vec<_>>());
}
