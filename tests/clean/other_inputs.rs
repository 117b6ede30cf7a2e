//! What is clean does the same as the original with arguments that it was not recorded with.

use std::fs;

use super::{Program, clean, compiled_and_cleaned, printed_when_clean};
use crate::running::{bctrace, run};

/// A program, the arguments that it is recorded with, and others.
type Case = (&'static str, &'static [&'static str], &'static [&'static str]);

/// Checks that clean files print what the originals do.
#[track_caller]
fn behave_alike(cases: &[Case]) {
    for (source, recorded, other) in cases {
        let (folder, said) = compiled_and_cleaned(source, recorded, &[], true);
        for arguments in [recorded, other] {
            let original = run(bctrace(["python"]).arg(folder.path().join("it.pyc")).args(*arguments));
            assert_eq!(original.status, 0, "{source}{}", original.stderr());
            let printed = printed_when_clean(&folder, arguments);
            // Lines of tracebacks are other ones.
            let is_same = |line: &&str| !line.contains(", line ");
            let [printed, expected] = [printed, original.stdout()]
                .map(|text| text.lines().filter(is_same).map(str::to_owned).collect::<Vec<String>>());
            assert_eq!(printed, expected, "{source}{}", said.stdout());
        }
    }
}

#[test]
fn what_always_failed_in_the_trace_can_go_well() {
    behave_alike(&[
        (
            "import sys
def f(s):
    try:
        a, b = s.split('=')
        print 'key', a, 'value', b
    except ValueError:
        print 'bad line'
    return 'end'
print f(sys.argv[1])
",
            &["x"],
            &["k=v"],
        ),
        (
            "import sys
def f(n):
    if n:
        x = n
    try:
        print 'x is', x
    except UnboundLocalError:
        print 'unbound'
    return 'end'
print f(sys.argv[1:])
",
            &[],
            &["x"],
        ),
        (
            "import sys
if len(sys.argv) > 1:
    CONFIG = sys.argv[1]
def f():
    try:
        print 'config is', CONFIG
    except NameError:
        print 'no config'
    return 'end'
print f()
",
            &[],
            &["x"],
        ),
        (
            "import sys, time
if len(sys.argv) > 1:
    time.now = lambda: 5
def f():
    try:
        from time import now
        print 'now', now()
    except ImportError:
        print 'no now'
    return 'end'
print f()
",
            &[],
            &["x"],
        ),
        (
            "import sys
def f(n):
    if n:
        y = 7
    def get():
        return y
    try:
        print 'y is', get(), y
    except NameError:
        print 'unbound'
    return 'end'
print f(sys.argv[1:])
",
            &[],
            &["x"],
        ),
    ]);
}

#[test]
fn what_is_made_of_constants_can_change() {
    behave_alike(&[
        (
            "import sys
def repeated(words):
    seen = set()
    for word in words:
        if seen:
            print 'not the first'
        seen.add(word)
    if len(seen) > 1:
        print 'many'
    return seen
print len(repeated(sys.argv[1:]))
",
            &[],
            &["a", "b"],
        ),
        (
            "import sys
counts = dict()
def count(words):
    d = dict()
    b = bytearray('')
    for word in words:
        if word in d:
            print 'again', word
        if 'a' in d:
            print 'has a'
        d[word] = d.get(word, 0) + 1
        b.extend(word)
    if b == '':
        print 'empty'
    if not b:
        print 'empty'
    if d:
        print 'some'
    return d
print len(count(sys.argv[1:]))
",
            &["x"],
            &["a", "a"],
        ),
        (
            "import sys
def f(a):
    s = {1, 2}
    for x in a:
        s.add(int(x))
    if 3 in s:
        print 'three'
    if len(s) == 3:
        print 'more'
    s.clear()
    if s: print 'no'
f(sys.argv[1:])
",
            &[],
            &["3"],
        ),
        (
            "import sys
def f(n):
    it = iter((1, 2, 3))
    s = set()
    d = dict()
    b = bytearray('abc')
    while n:
        if sum(it) == 6:
            print 'first'
        else:
            print 'later'
        if s:
            print 'has'
        if len(d) == 1:
            print 'one'
        if b == 'abc':
            print 'abc'
        else:
            print 'other'
        s.add(1)
        d[n] = 2
        b[0] = 5
        n -= 1
def g():
    it = iter((1, 2, 3))
    list(it)
    for x in it:
        print x
    print 'end'
f(int(sys.argv[1]))
g()
",
            &["1"],
            &["3"],
        ),
        (
            "import sys
def f(n):
    sieve = [True] * 5
    for at in range(n): sieve[at] = False
    words = 'a b'.split()
    words.pop()
    if sieve[2]: print 'kept'
    if len(words) == 2: print 'two'
f(int(sys.argv[1]))
",
            &["0"],
            &["3"],
        ),
    ]);
}

#[test]
fn iterators_are_no_lists() {
    behave_alike(&[(
        "def f():
    a = ''
    b = 'ab'
    for k in (enumerate, reversed): pass
    if enumerate(a): print 'T1'
    else: print 'F1'
    if reversed(a): print 'T2'
    else: print 'F2'
    try: print enumerate(b)[0]
    except TypeError: print 'type'
    try: print len(reversed(b))
    except TypeError: print 'type2'
    if isinstance(enumerate(b), list): print 'list'
    else: print 'no list'
    if reversed(b) == ['b', 'a']: print 'eq'
    else: print 'ne'
    if xrange(3) == [0, 1, 2]: print 'eq'
    else: print 'ne'
    if isinstance(xrange(3), list): print 'xl'
    else: print 'not xl'
    try: print xrange(3) + [1]
    except TypeError: print 'type3'
    if type(xrange(2)) == list: print 'tl'
    else: print 'ntl'
    if type(enumerate(b)) is list: print 'tl'
    else: print 'ntl'
    if hasattr(xrange(2), 'append'): print 'a'
    else: print 'na'
    if bytearray('') == '': print 'b1'
    else: print 'b0'
    if xrange(3) < [5]: print 'lt'
    else: print 'nlt'
    try: print xrange(5)[1:3]
    except TypeError: print 'type4'
    if dict(a=1): print 'd'
    it = reversed(b)
    print list(it), list(it)
    e = iter((1, 2))
    if 2 in e: print 'in'
    if 2 in e: print 'in'
    else: print 'out'
f()
",
        &[],
        &[],
    )]);
}

#[test]
fn names_come_from_modules_and_texts() {
    behave_alike(&[
        (
            "from math import *
def f():
    k = 3
    if repr(pow(2, k)) == '8':
        print 'int'
    else:
        print 'float'
    try:
        print 'chr', chr(pow(2, 6))
    except TypeError:
        print 'type'
f()
",
            &[],
            &[],
        ),
        (
            "import sys
if len(sys.argv) > 1:
    from os.path import *
try:
    print join('a', 'b')
except NameError:
    print 'no join'
print 'end'
",
            &[],
            &["x"],
        ),
        (
            "import sys, gettext
if len(sys.argv) > 1:
    gettext.install('x')
def f():
    try:
        return _('text')
    except NameError:
        return 'plain'
print f(), 'end'
",
            &[],
            &["x"],
        ),
        (
            r#"import marshal
def f():
    global key
    key = 5
    if key == 5:
        print 'five'
    exec 'print "key is", key'
f()
"#,
            &[],
            &[],
        ),
    ]);
}

#[test]
fn functions_and_globals_are_replaced() {
    behave_alike(&[
        (
            "import sys
def dec(s):
    return s.decode('hex')
def other(s):
    return s[::-1]
def use():
    return dec('616263')
if len(sys.argv) > 1:
    dec.func_code = other.func_code
print use()
",
            &[],
            &["x"],
        ),
        (
            "import sys
def other():
    return 'b'
def g():
    f = lambda: 'a'
    f.func_code = other.func_code
    if f() == 'a':
        print 'still a'
    else:
        print 'now b'
    h = lambda x=1: 'a'
    f2 = lambda x, y: x + y
    f2.func_defaults = ('p', 'q')
    try:
        print f2()
    except TypeError:
        print 'type'
    def k(x): return x
    k.tag = 5
    if k.tag == 5: print 'tag'
    if hasattr(k, 'tag'): print 'has'
    if k: print 'true'
g()
",
            &[],
            &[],
        ),
        (
            "import sys
KEY = 1
def dec(s):
    return ''.join([chr(ord(c) ^ KEY) for c in s])
def use():
    return dec('bcd')
m = __import__('__main__')
if len(sys.argv) > 1:
    setattr(m, 'KEY', 2)
print use()
",
            &[],
            &["x"],
        ),
    ]);
}

#[test]
fn a_global_of_a_function_is_changed_by_what_with_and_truth_call() {
    behave_alike(&[(
        "class C(object):
    def __enter__(self): h(0)
    def __exit__(self, *a): h(0)
    def __nonzero__(self):
        k(0)
        return True
def h(n):
    global t
    c = C()
    t = 0
    if n:
        with c:
            if t == 0: print 'zero'
            else: print 'one'
    t = 1
def k(n):
    global u
    c = C()
    u = 0
    if n and c:
        if u == 0: print 'zero'
        else: print 'one'
    u = 1
h(1)
k(1)
",
        &[],
        &[],
    )]);
}

#[test]
fn an_exception_is_asked_for_elsewhere() {
    behave_alike(&[
        (
            "def fail():
    raise
def check():
    try: None.x
    except AttributeError: fail()
try: check()
except AttributeError: print 'refused'
import logging, sys
logging.basicConfig(stream=sys.stdout, format='%(message)s')
def log():
    try: [][5]
    except IndexError: logging.error('failed', exc_info=True)
log()
",
            &[],
            &[],
        ),
        (
            "def log():
    try: raise
    except Exception as error: print 'logged', error.__class__.__name__
def fail():
    try: raise ValueError
    except ValueError: log()
fail()
",
            &[],
            &[],
        ),
    ]);
}

#[test]
fn names_are_looked_up_by_others() {
    behave_alike(&[
        (
            "import sys
class Base(object):
    def show(self):
        return [getattr(self, n) for n in ('width', 'height')]
class Box(Base):
    width = 10
    if width == 10:
        height = 20
    else:
        height = 30
print Box().show()
",
            &[],
            &[],
        ),
        (
            "import sys
def len(x):
    return 42
def go():
    if (lambda: len('ab'))() == 2:
        print 'builtin'
    else:
        print 'mine'
    try:
        if (lambda q: chr(q))(65) == 'A': print 'A'
        else: print 'no'
    except NameError, e: print e
def chr(x): return 'z'
go()
f = lambda: len('ab')
if f() == 2: print 'b'
else: print 'm'
",
            &[],
            &[],
        ),
        (
            "import sys, __builtin__
E = eval
def f():
    x = 5
    y = 6
    return E('x + y')
try: print f()
except NameError, e: print e
def g():
    z = 7
    return getattr(__builtin__, 'eval')('z')
try: print g()
except NameError, e: print e
def h(run):
    key = 'k'
    return run('key')
try: print h(eval)
except NameError, e: print e
",
            &[],
            &[],
        ),
        (
            "import sys, __builtin__
if len(sys.argv) > 1:
    __builtin__.myname = 5
try:
    myname
    print 'there'
except NameError:
    print 'not there'
def f():
    try:
        v = myname
    except NameError:
        return 'no'
    return v
print f()
",
            &[],
            &["x"],
        ),
        (
            "import sys
def log(n):
    if n: raise IOError('log')
def reraise(n):
    try:
        log(n)
    except IOError:
        return 'logged'
    raise
def f(n):
    try:
        1 / 0
    except ZeroDivisionError:
        return reraise(n)
for n in (0, 1):
    try: print f(n)
    except Exception, e: print type(e).__name__
",
            &[],
            &[],
        ),
        (
            "import sys, __builtin__
def wrap(f):
    def g(*a): return 99
    return g
for n in ('len', 'ord'):
    setattr(__builtin__, n, wrap(getattr(__builtin__, n)))
def f():
    if len('ab') == 2: return 'real'
    return 'fake'
print f()
",
            &[],
            &[],
        ),
        (
            "import sys
def a():
    if isinstance(pow(3, 1000, 10**15+37), int): print 'int'
    else: print 'long'
    print (lambda: pow(3, 1000, 1000000000000037)).__name__, repr((lambda: pow(3, 1000, 1000000000000037))())
a()
",
            &[],
            &[],
        ),
    ]);
}

#[test]
fn a_side_that_did_not_run_stays_in_flattened_code() {
    let source = "import sys
def f(x):
    n = len(x)
    if x: return sorted(x)
    return n
print f(sys.argv[1:])
";
    for (technique, seed) in [("flatten", 1), ("flatten", 5), ("lookups", 1)] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("plain.py");
        fs::write(&file, source).unwrap();
        let (_obfuscated, pyc) = Program::new(file).obfuscated(technique, seed);
        let trace = folder.path().join("t.bct");
        run(bctrace(["-q", "--deterministic", "--values"]).arg(&pyc).arg(&trace)).succeeded();
        let (said, clean) = clean(&pyc, &[], &trace);
        let printed = run(bctrace(["python"]).arg(clean.join("plain.pyc")).args(["b", "a"])).stdout();
        assert_eq!(printed, "['a', 'b']\n", "{technique} {seed}: {}", said.stdout());
    }
}
