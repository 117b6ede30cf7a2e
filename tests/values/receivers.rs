//! What is called: shown as source code names it, with the object that it is called on, wherever the callable comes from.

use crate::live::Program;

/// The calls of a program, as its lines of text show them, without the numbers of objects.
fn calls(source: &str) -> Vec<String> {
    let program = Program::new(source);
    let text = program.text(&["--values", "--no-stdlib", "-r"], &[]);
    let numbers = regex::Regex::new(r" #\d+").unwrap();
    let call = regex::Regex::new(r" CALL_FUNCTION\w* \(\d+\)  (.*)$").unwrap();
    let found = text.lines().filter_map(|line| call.captures(line));
    found.map(|found| numbers.replace_all(&found[1], "").into_owned()).collect()
}

#[track_caller]
fn assert_calls(source: &str, expected: &[&str]) {
    let calls = calls(source);
    for call in expected {
        assert!(calls.iter().any(|one| one == call), "no {call:?} in\n{}", calls.join("\n"));
    }
}

#[test]
fn methods_of_values_show_the_value() {
    assert_calls(
        "\
'aHR0'.decode('base64')
'-'.join(['a', 'b'])
u'a b'.split()
'guess'.startswith('S3CRET')
'guess'.__eq__('S3CRET')
(5).__add__(3)
(-7).__abs__()
(2.5).is_integer()
(1 << 70).bit_length()
(3+4j).conjugate()
None.__repr__()
[3, 1].sort()
{'k': 1}.get('k')
(1, 2).count(1)
",
        &[
            "'aHR0'.decode('base64')",
            "'-'.join(['a', 'b']) -> 'a-b'",
            "u'a b'.split() -> [u'a', u'b']",
            "'guess'.startswith('S3CRET') -> False",
            "'guess'.__eq__('S3CRET') -> False",
            "(5).__add__(3) -> 8",
            "(-7).__abs__() -> 7",
            "(2.5).is_integer() -> False",
            "(1180591620717411303424L).bit_length() -> 71",
            "(3+4j).conjugate() -> (3-4j)",
            "None.__repr__() -> 'None'",
            "[3, 1].sort() -> None",
            "{'k': 1}.get('k') -> 1",
            "(1, 2).count(1) -> 1",
        ],
    );
}

#[test]
fn where_a_bound_method_comes_from_does_not_matter() {
    let source = "\
bound = 'a'.upper
bound()
['b'.upper][0]()
getattr('c', 'upper')()
{'f': 'd'.upper}['f']()
def f(method): return method()
f('e'.upper)
class Holder(object): method = 'f'.upper
Holder.method()
Holder().method()
";
    assert_calls(
        source,
        &[
            "'a'.upper() -> 'A'",
            "'b'.upper() -> 'B'",
            "'c'.upper() -> 'C'",
            "'d'.upper() -> 'D'",
            "'e'.upper() -> 'E'",
            "'f'.upper() -> 'F'",
        ],
    );
}

#[test]
fn methods_of_classes_show_the_instance_or_the_class() {
    assert_calls(
        "\
import weakref
class Old:
    def m(self, x=0): return x
    def __call__(self, x): return x
class A(object):
    def get(self): return 1
    @classmethod
    def make(cls): return 2
    @staticmethod
    def plain(x): return x
    def __call__(self, x): return x
    def __repr__(self): raise Exception('must not run')
class B(A):
    def get(self): return super(B, self).get()
Old().m(x=2)
Old.m(Old(), 3)
Old()(4)
a = A()
a.get()
a(5)
A.get(a)
A.make()
a.make()
B.make()
A.plain(6)
A.mro()
B().get()
weakref.proxy(a).get()
weakref.proxy(a)(7)
dict.fromkeys('ab')
type.mro(A)
str.join('-', ['a'])
object.__new__(A)
int.__add__(1, 2)
",
        &[
            "<Old>.m(x=2)",
            "Old.m(<Old>, 3)",
            "<Old>(4)",
            "<A>.get()",
            "<A>(5)",
            "A.get(<A>)",
            "A.make()",
            "B.make()",
            "plain(6)",
            "A.mro() -> [<type A>, <type object>]",
            "<B>.get()",
            "<weakcallableproxy of <A>>(7)",
            "dict.fromkeys('ab') -> {'a': None, 'b': None}",
            "type.mro(<type A>) -> [<type A>, <type object>]",
            "str.join('-', ['a']) -> 'a'",
            "object.__new__(<type A>) -> <A>",
            "int.__add__(1, 2) -> 3",
        ],
    );
}

#[test]
fn methods_of_c_types_show_the_object_and_functions_their_module() {
    assert_calls(
        "\
import zlib, hashlib, re, struct, itertools, collections, array, os
def g():
    x = yield 1
    yield x
it = g()
it.next()
it.send('s')
digest = hashlib.md5('x'); digest.update('y')
re.compile('a+').match('aab').group()
zlib.decompressobj().decompress(zlib.compress('q'))
struct.Struct('<I').pack(7)
itertools.count(3).next()
iter([1]).next()
collections.deque([1]).popleft()
array.array('i', [1]).tolist()
f = open('/dev/null'); f.read(); f.close()
zlib.crc32('guess')
len('abc')
ValueError('no')
abs.__call__(-1)
",
        &[
            "g() -> <generator g>",
            "<generator g>.next()",
            "<generator g>.send('s')",
            "<HASH>.update('y') -> None",
            "re.compile('a+').match('aab') -> <SRE_Match>",
            "<SRE_Match>.group() -> 'aa'",
            "<Struct>.pack(7) -> '\\x07\\x00\\x00\\x00'",
            "<count>.next() -> 3",
            "<listiterator>.next() -> 1",
            "<deque>.popleft() -> 1",
            "<array>.tolist() -> [1]",
            "<file>.read() -> ''",
            "<file>.close() -> None",
            "zlib.crc32('guess') -> 852692886",
            "len('abc') -> 3",
            "ValueError('no') -> <ValueError>",
            "abs.__call__(-1) -> 1",
        ],
    );
}

#[test]
fn what_was_made_with_a_function_shows_it_and_its_arguments() {
    assert_calls(
        "\
import functools, operator, types
functools.partial(int, base=2)('101')
functools.partial('-'.join)(['p', 'q'])
functools.partial(functools.partial(max, 1), 2)(3)
class P(functools.partial): pass
P(max, 4)(5)
operator.methodcaller('decode', 'base64')('aGk=')
operator.itemgetter(1)('abc')
operator.itemgetter(1, 2)('abc')
operator.attrgetter('real')(3)
types.MethodType(len, 'abc')()
",
        &[
            "functools.partial(int, base=2)('101') -> 5",
            "functools.partial('-'.join)(['p', 'q']) -> 'p-q'",
            "functools.partial(functools.partial(max, 1), 2)(3) -> 3",
            "P(max, 4)(5) -> 5",
            "operator.methodcaller('decode', 'base64')('aGk=')",
            "operator.itemgetter(1)('abc') -> 'b'",
            "operator.itemgetter(1, 2)('abc') -> ('b', 'c')",
            "operator.attrgetter('real')(3) -> 3",
            "'abc'.len() -> 3",
        ],
    );
}

#[test]
fn functions_of_c_libraries_have_the_name_that_they_were_looked_up_by() {
    assert_calls(
        "\
import ctypes
libc = ctypes.CDLL(None)
libc.toupper(97)
libc['tolower'](65)
function = libc.abs
function(-3)
nameless = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(lambda x: x + 1)
nameless(3)
",
        &["toupper(97) -> 65", "tolower(65) -> 97", "abs(-3) -> 3", "CFunctionType(3)"],
    );
}

#[test]
fn a_receiver_is_cut_as_any_value_is() {
    let source = "\
range(100).count(3)
('x' * 5000).upper()
deep = [[[[[1]]]]]
deep.append(2)
{'a': 1}.update(dict.fromkeys(range(50)))
";
    let calls = calls(source);
    let expected = ["[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, …(100 items)].count(3) -> 1", "[[[[…]]]].append(2) -> None"];
    for call in expected {
        assert!(calls.iter().any(|one| one == call), "no {call:?} in\n{}", calls.join("\n"));
    }
    let upper = calls.iter().find(|call| call.contains(".upper() -> ")).unwrap();
    assert!(upper.starts_with(&format!("'{}'…(5000 bytes, crc32 ", "x".repeat(100))), "{upper}");
}

#[test]
fn every_reader_has_the_receiver() {
    let program = Program::new("import zlib\nbound = 'x y'.split\nbound()\nzlib.crc32('a')\n");
    let ran = program.trace(&["--values", "--no-stdlib"], "t.bct", &[]);
    assert_eq!(ran.status, 0, "{}", ran.stderr());
    let call = "'x y'.split() -> ['x', 'y']\n";
    assert!(program.show(&["-r"], "t.bct").contains(&format!("CALL_FUNCTION (0)  {call}")));
    let tree = program.view("calls", &["--all", "--stdlib"], "t.bct");
    assert!(tree.contains(&format!("  {call}")), "{tree}");
    let lines = program.show(&["-f", "jsonl"], "t.bct");
    let objects: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let callables =
        objects.iter().filter(|object| object["opname"] == "CALL_FUNCTION").map(|object| &object["operands"][0]);
    let callables: Vec<&str> = callables.map(|callable| callable.as_str().unwrap()).collect();
    assert!(callables[0].starts_with("<built-in split #") && callables[0].ends_with(" of 'x y'>"), "{callables:?}");
    assert!(callables[1].starts_with("<built-in zlib.crc32 #"), "{callables:?}");
}

#[test]
fn objects_keep_their_references_and_run_nothing() {
    let source = "\
import functools, sys, weakref
class A(object):
    def m(self): return sys.getrefcount(self)
    def __getattribute__(self, name):
        seen.append(name)
        return object.__getattribute__(self, name)
    def __del__(self): print 'del'
seen = []
a = A()
method = a.m
print method(), sys.getrefcount(a), functools.partial(a.m)(), sys.getrefcount(method)
w = weakref.ref(a)
del a, method
print w(), seen, sys.getrefcount(None) > 0
";
    let program = Program::new(source);
    let plain = crate::live::run(program.command(["python", "p.pyc"]));
    let traced = program.trace(&["--values"], "t.bct", &[]);
    assert_eq!((traced.status, traced.stdout(), traced.stderr()), (plain.status, plain.stdout(), plain.stderr()));
}

#[test]
fn a_bound_method_that_is_handed_on_shows_its_object() {
    assert_calls(
        "\
import functools, threading
begins = 'abc'.startswith
map(begins, ['a'])
filter('abc'.__contains__, ['a'])
apply(begins, ('b',))
sorted(['b', 'a'], key='ab'.index)
functools.partial(map, begins)(['z'])
threading.Timer(0, 'base'.encode, ['hex'])
apply(apply, (begins, ('c',)))
len([begins, {'k': begins}])
''.join.__call__(['q'])
begins.__call__('zz')
begins.__eq__.__call__(1)
class A(object):
    def get(self, x): return x
map(A().get, [1])
",
        &[
            "map(<built-in startswith of 'abc'>, ['a']) -> [True]",
            "filter(<method-wrapper __contains__ of 'abc'>, ['a']) -> ['a']",
            "apply(<built-in startswith of 'abc'>, ('b',)) -> False",
            "functools.partial(map, <built-in startswith of 'abc'>)(['z']) -> [False]",
            "apply(<built-in apply>, (<built-in startswith of 'abc'>, ('c',))) -> False",
            "len([<built-in startswith of 'abc'>, {'k': <built-in startswith of 'abc'>}]) -> 2",
            "sorted(['b', 'a'], key=<built-in index of 'ab'>) -> ['a', 'b']",
            "''.join.__call__(['q']) -> 'q'",
            "'abc'.startswith.__call__('zz') -> False",
            "'abc'.startswith.__eq__.__call__(1) -> NotImplemented",
            "map(<method get of <A>>, [1])",
        ],
    );
}

#[test]
fn methods_of_methods_without_end_are_cut() {
    let source = "f = 'a'.upper\nfor i in range(1000): f = f.__call__\nprint f()\nmap(f, [])\n";
    let calls = calls(source);
    let last = calls.iter().find(|call| call.starts_with("map(")).expect("the call of map");
    assert!(last.len() < 200, "{last}");
}

#[test]
fn a_value_takes_a_bounded_number_of_words_whatever_its_containers_hold() {
    for item in ["l", "l.append", "(l, 'x' * 200)", "{1: l}"] {
        let program = Program::new(&format!(
            "def f(*arguments): pass\nl = []\nl.extend([{item}] * 1000)\nfor i in range(10):\n    map(f, l[:2])\n    f(l[:], *l[:200])\n"
        ));
        let wide = ["--values", "--value-width", "1000", "--value-depth", "50", "--value-length", "10000"];
        let ran = program.trace(&wide, "t.bct", &[]);
        assert_eq!((ran.status, ran.stderr().as_str()), (0, ""), "{item}");
        assert!(program.view("calls", &["--all", "--stdlib"], "t.bct").contains("f("), "{item}");
    }
}

#[test]
fn an_object_that_a_class_has_made_has_a_number_of_its_own() {
    let program = Program::new(
        "\
import ctypes, abc, collections
class S(str): pass
class Made(S):
    def __init__(self): pass
class I(int): pass
class T(tuple): pass
class Abstract(object): __metaclass__ = abc.ABCMeta
class Structure(ctypes.Structure): _fields_ = [('a', ctypes.c_int)]
class Singleton(object):
    one = None
    def __new__(cls):
        cls.one = cls.one or object.__new__(cls)
        return cls.one
def f(x): pass
for make in S, Made, I, T, Abstract, Structure, ctypes.c_int, bytearray, collections.deque, Singleton:
    for i in range(3): f(make())
for i in range(3): f(file('/dev/null'))
",
    );
    program.trace(&["--values"], "t.bct", &[]);
    let text = program.view("calls", &["--all", "-n", "<module>"], "t.bct");
    let argument = regex::Regex::new(r"(?m)^  f\(<(\w+) #(\d+)>\)").unwrap();
    let mut numbers = std::collections::BTreeMap::<&str, std::collections::BTreeSet<&str>>::new();
    for found in argument.captures_iter(&text) {
        let (_, [name, number]) = found.extract();
        numbers.entry(name).or_default().insert(number);
    }
    let counts: Vec<(&str, usize)> = numbers.iter().map(|(name, numbers)| (*name, numbers.len())).collect();
    let three = ["Abstract", "I", "Made", "S"].map(|name| (name, 3));
    let others = ["Structure", "T", "bytearray", "c_int", "deque", "file"].map(|name| (name, 3));
    assert_eq!(counts, [&three[..], &[("Singleton", 1)], &others[..]].concat(), "{text}");
}
