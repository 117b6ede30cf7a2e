//! Objects that C code of 2.7 goes on using after the program has taken them away or changed them: ways to bytes of code that nobody sees.

use crate::live::Program;

/// Traces a program; returns what it has printed.
#[track_caller]
fn printed(source: &str) -> String {
    let program = Program::new(source);
    let ran = program.trace(&[], "t.bct", &[]);
    assert_eq!(ran.status, 0, "{}{}", ran.stdout(), ran.stderr());
    ran.stdout()
}

#[test]
fn an_item_that_is_taken_away_lives_as_long_as_it_is_compared() {
    let printed = printed(
        "
import collections, heapq
class Item(object):
    __slots__ = ['s%d' % number for number in range(12)]
    def taken(self, other):
        if not gone:
            gone.append(1)
            take()
        return NotImplemented
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __cmp__ = taken
class Other(object):
    def seen(self, item):
        kept = ['x' * (Item.__basicsize__ - 37 + 32) for count in range(4)]
        print type(item).__name__,
        return False
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = seen
for use in (lambda items: items.index(Other()), lambda items: items.count(Other()), lambda items: items.remove(Other()),
            lambda items: Other() in items, lambda items: items == [Other()], lambda items: items < [Other()],
            lambda items: heapq.heapreplace(items, Other())):
    items, gone = [Item()], []
    def take(): del items[:]
    try: use(items)
    except (ValueError, IndexError): pass
for use in (lambda items: items.count(Other()), lambda items: items.remove(Other())):
    items, gone = collections.deque([Item()]), []
    take = lambda: items.clear()
    try: use(items)
    except (ValueError, IndexError, RuntimeError): pass
",
    );
    let types: Vec<&str> = printed.split_whitespace().collect();
    assert!(types.len() >= 8 && types.iter().all(|name| *name == "Item"), "{printed}");
}

/// Gets hold of a tuple into which `itertools.izip`, `itertools.izip_longest` or `tuple` writes another item then, and makes something of it.
const FILLED: &str = "import gc, itertools, types
gc.disable()
mark = [object()]
class Marks(object):
    def __iter__(self): return self
    def next(self): return mark
class Changing(object):
    def __init__(self, first, then): self.items = [first, then]
    def __iter__(self): return self
    def next(self):
        if len(self.items) == 1:
            found = [t for t in gc.get_referrers(mark) if type(t) is tuple and len(t) == 2 and t[0] is mark and t[1] is self.first]
            made.append(make(found[0]))
        self.first = self.items.pop(0)
        return self.first
made = []
def make_by(zip, first, then):
    z = zip(Marks(), Changing(first, then))
    next(z); next(z)
    return made.pop()
ZIPS = itertools.izip, itertools.izip_longest
";

#[test]
fn the_constants_of_a_code_object_are_not_those_that_a_pickler_works_with() {
    let printed = printed(
        "
import cPickle, gc, types
gc.disable()
class File(object):
    def write(self, data): pass
made = []
class Old:
    def __getstate__(self):
        for found in gc.get_objects():
            if type(found) is tuple and len(found) == 1 and type(found[0]) is str and found[0].startswith('first'):
                made.append(types.CodeType(0, 0, 5, 0, 'd\\x00\\x00S', found, (), (), 'x', 'victim', 1, ''))
        print eval(made[0]) is made[0].co_consts[0], eval(made[0])[:5],
        return 1
pickler = cPickle.Pickler(File(), 2)
pickler.dump(['first'.ljust(400), Old(), 'second'.ljust(400)])
print eval(made[0])[:5]
",
    );
    assert_eq!(printed, "True first first\n");
}

#[test]
fn the_constants_of_a_code_object_do_not_change() {
    let printed = printed(&format!(
        "{FILLED}
def make(constants):
    code = types.CodeType(0, 0, 2, 67, 'd\\x01\\x00S', constants, (), (), 'x', 'victim', 1, '')
    function = types.FunctionType(code, {{}})
    print function(),
    return function
for zip in ZIPS: print make_by(zip, 'described', 'changed')()
def items():
    yield mark
    yield 'described'
    constants = [t for t in gc.get_referrers(mark) if type(t) is tuple and len(t) > 2 and t[0] is mark and t[1] == 'described'][0]
    made.append(constants)
    yield 'changed'
made_of = tuple(items())
constants = made.pop()
print made_of[1:], 'changed' in gc.get_referents(constants)
"
    ));
    assert_eq!(printed, "described described\ndescribed described\n('described', 'changed') False\n");
}

#[test]
fn the_cells_of_a_function_do_not_change() {
    let printed = printed(&format!(
        "{FILLED}
def outer():
    a = b = 'cell'
    def inner(): return b; a
    return inner
inner = outer()
mark, cell = inner.func_closure
def make(cells):
    print [type(item).__name__ for item in cells],
    return types.FunctionType(inner.func_code, {{}}, 'f', None, cells)
for zip in ZIPS:
    function = make_by(zip, cell, 12345)
    print function(), [type(item).__name__ for item in function.func_closure]
"
    ));
    assert_eq!(printed, "['cell', 'cell'] cell ['cell', 'cell']\n".repeat(2));
}

#[test]
fn a_buffer_that_is_in_use_is_not_made_again() {
    let printed = printed(
        "
import io
class Raw(io.RawIOBase):
    def readable(self): return True
    def readinto(self, buffer):
        try: reader.__init__(self, 16)
        except RuntimeError as error: print error
        buffer[:4] = 'read'
        return 4
reader = io.BufferedReader(Raw(), 1 << 12)
print reader.read(4)
",
    );
    assert_eq!(printed, "a buffer that is in use cannot be made again\nread\n");
}

#[test]
fn a_regular_expression_has_no_marks_beyond_those_that_there_is_room_for() {
    let printed = printed(
        "
import _sre, sre_constants as k
any, mark, success = [k.OPCODES[name] for name in k.ANY, k.MARK, k.SUCCESS]
for number in 199, 200, 201, 1 << 20:
    try: print _sre.compile('x', 0, [mark, number, any, success], 0, {}, [None]).scanner('ab').match() is not None
    except RuntimeError as error: print error
",
    );
    assert_eq!(printed, "True\ninvalid SRE code\ninvalid SRE code\ninvalid SRE code\n");
}
