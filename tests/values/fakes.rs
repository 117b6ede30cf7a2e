//! Objects that are none: bytecode with operands out of range makes them of any memory, and native code too.  Plain Python runs these
//! programs, for the VM never looks at the objects; so they run with values recorded, whatever the memory holds.

use crate::live::{self, Program};

const FAKES: &str = include_str!("fakes.py");

/// Asserts that a program does under every kind of recording what it does under the interpreter alone; returns the text with values.
#[track_caller]
fn assert_runs(source: &str) -> String {
    let program = Program::new(&format!("{FAKES}\n{source}\nprint 'done'\n"));
    let plain = live::run(program.command(["python", "p.pyc"]));
    assert_eq!(
        (plain.status, plain.stdout().as_str(), plain.stderr().as_str()),
        (0, "done\n", ""),
        "the program itself"
    );
    for (options, trace) in [
        (&["-r"][..], "plain.txt"),
        (&["--dump-code", "code"], "plain.bct"),
        (&["--values"], "t.bct"),
        (&["--values"], "t.jsonl"),
        (&["--values", "-r", "--no-stdlib"], "t.txt"),
    ] {
        let traced = program.trace(options, trace, &[]);
        assert_eq!(
            (traced.status, traced.stdout().as_str()),
            (0, "done\n"),
            "{options:?} {trace}: {}",
            traced.stderr()
        );
    }
    program.read("t.txt")
}

#[test]
fn a_constant_out_of_range_is_shown_as_a_bad_object() {
    let text = assert_runs(
        "use(fake(NOWHERE), USES[0])\nuse(fake(0), USES[1])\nuse(fake(-1), USES[2])\nuse(fake(8), USES[5])",
    );
    for part in ["> -> <bad object>\n", "STORE_FAST (v)  <bad object>\n", "[<bad object>]\n", "(<bad object>,)\n"] {
        assert!(text.contains(part) || text.contains(&part.replace("> ->", ">)  ->")), "no {part:?} in\n{text}");
    }
}

#[test]
fn objects_of_every_type_with_any_fields_are_shown() {
    let text = assert_runs(
        "\
import collections, exceptions, functools, operator, re, weakref
class Old: pass
class New(object): pass
def generate(): yield
def closure(x): return lambda: x
TYPES = [int, bool, long, float, complex, str, unicode, tuple, list, dict, set, frozenset, type, object, type(None), type(Ellipsis),
    type(NotImplemented), types.FunctionType, types.MethodType, types.BuiltinFunctionType, types.InstanceType, types.ClassType,
    types.ModuleType, types.CodeType, types.GeneratorType, types.FrameType, types.TracebackType, type(str.join),
    type(object.__init__), type(''.__len__), type(dict.__dict__['fromkeys']), type(closure(1).func_closure[0]), type(re.compile('')),
    New, ValueError, SystemExit, functools.partial, operator.itemgetter, operator.methodcaller, collections.deque, slice, buffer,
    bytearray, property, staticmethod, super, xrange, weakref.ref, type(weakref.proxy(closure))]
WORDS = [NOWHERE, 0, 1, -1, 3, -5, 1 << 16, 1 << 40, 1 << 62, (1 << 63) - 1, 0xffffffffffffff00, id(None), id('text'), id(New)]
for of_type in TYPES:
    for word in WORDS:
        use_everywhere(fake(id(of_type), *[word] * 14))
        use_everywhere(fake(id(of_type), 3, *[word] * 14))
        use_everywhere(fake(id(of_type), *[word, id(None)] * 7))
",
    );
    assert!(text.matches("<bad object>").count() > 100);
}

#[test]
fn types_that_are_none_are_not_followed() {
    assert_runs(
        "\
WORDS = [NOWHERE, 0, 1, -1, 1 << 31, 0x7fffffff, 1 << 40, 0xffffffffffffff00, id(None), id('text'), id(type)]
for word in WORDS:
    use_everywhere(fake(word))
    for meta in (id(type), id(int), word):
        use_everywhere(fake(memory(words(MANY, meta, *[word] * 110))))
        # The flags of a type, and of a type's type: types, dicts, strs, exceptions, tuples.
        for flags in (1 << 31, 1 << 29, 1 << 27, 1 << 30, 1 << 26, -1):
            use_everywhere(fake(memory(words(MANY, meta, 0, word, 16, 0, *[word] * 15) + words(flags) + words(*[word] * 90))))
",
    );
}

#[test]
fn containers_without_end_are_cut() {
    let text = assert_runs(
        "\
def nested(make, depth):
    pointer = id(None)
    for level in range(depth): pointer = make(pointer)
    return pointer
use_everywhere(nested(lambda inner: fake(id(tuple), 3, inner, inner, inner), 300))
use_everywhere(nested(lambda inner: fake(id(list), 3, memory(words(inner, inner, inner)), 3), 300))
table = memory(words(*[0, id('key'), id('value')] * 8))
empty = memory('\\0' * 8192)
for of_type in (dict, set, frozenset):
    for fill, used, mask, at in [(3, 3, 7, table), (3, 3, (1 << 60) - 1, table), (1 << 60, 1 << 60, 7, table), (3, 3, 7, NOWHERE),
            (3, 3, -1, table), (3, -1, 7, table), (3, 3, 1 << 40, empty), (5, 5, 7, 0), (2, 2, 1 << 62, 65536), (9, 9, 1 << 62, empty)]:
        use_everywhere(fake(id(of_type), fill, used, mask, at, NOWHERE))
for of_type in (str, tuple, long, list, unicode):
    for size in (1 << 40, (1 << 63) - 1, -(1 << 63), -1, 1 << 20):
        use_everywhere(fake(id(of_type), size, table, table))
",
    );
    assert!(text.lines().map(str::len).max().unwrap() < 40_000);
}

#[test]
fn callables_that_are_none_have_no_receiver_that_is_followed() {
    // A call looks at what it calls, so the program ends here in plain Python too: what is shown comes before.
    let program = Program::new(&format!(
        "{FAKES}
import os, sys
CALL = op('CALL_FUNCTION', 0) + op('POP_TOP') + END
pointers = [fake(id(of_type), *[word] * 14) for of_type in (types.MethodType, types.BuiltinFunctionType, type(''.__len__), type)
    for word in (NOWHERE, id(None), id(''), 1)]
sys.stdout.write(str(len(pointers)))
sys.stdout.flush()
use(pointers[int(sys.argv[1])], CALL)
"
    ));
    for which in 0..16 {
        let number = which.to_string();
        let ran = program.trace(&["--values", "--no-stdlib", "-r"], "t.txt", &[&number]);
        assert_eq!(ran.stdout(), "16", "{}", ran.stderr());
        let text = program.read("t.txt");
        let calls = text.lines().filter(|line| line.starts_with("f> ") && line.contains("CALL_FUNCTION"));
        assert_eq!(calls.count(), 1, "the call of {which} was shown before it was made: {text}");
    }
}

#[test]
fn operands_out_of_range_of_every_kind_are_survived() {
    assert_runs(
        "\
# Fast locals: those of the value stack, and what comes after it.
pointer = memory(words(fake(NOWHERE)))
def load_fast(at):
    return function(wide('LOAD_FAST', at) + op('POP_TOP') + END, (None,))
for at in (2, 3, 9):
    try: load_fast(at)()
    except (UnboundLocalError, IndexError): pass
# What is built of more than there is takes local variables.
code = op('LOAD_CONST', 0) + op('STORE_FAST', 0) + op('LOAD_CONST', 0) + op('STORE_FAST', 1) + op('BUILD_TUPLE', 2) + op('LOAD_CONST', 0) + END
function(code, (None,))()
# The stack pointer is below its bottom for a while.
code = op('LOAD_CONST', 0) + op('STORE_FAST', 0) + op('LOAD_CONST', 0) + op('STORE_FAST', 1) + op('POP_TOP') + op('LOAD_CONST', 1) + op('ROT_TWO')
function(code + END, (None, True))()
",
    );
}

#[test]
fn exceptions_with_arguments_that_are_none_are_recorded() {
    let text = assert_runs(
        "\
table = memory(words(*[0, id('key'), id('value')] * 8))
pointers = [fake(NOWHERE), fake(0), fake(id(str), 1 << 40), fake(id(unicode), 1 << 40, NOWHERE), fake(id(tuple), 1 << 40),
    fake(id(list), 1 << 40, NOWHERE), fake(id(dict), 3, 3, (1 << 60) - 1, table), fake(id(long), -(1 << 50)), fake(id(New))
    if 'New' in globals() else fake(id(type))]
code = op('STORE_FAST', 0) + op('LOAD_GLOBAL', 0) + op('LOAD_FAST', 0) + op('CALL_FUNCTION', 1) + op('RETURN_VALUE')
for of_type in (ValueError, KeyError, SystemExit, Exception, StopIteration):
    for pointer in pointers:
        takes = of_type
        error = use(pointer, code)
        try: raise error
        except of_type: pass
        error = None
",
    );
    assert!(text.contains("ValueError(<bad object>)"), "{text}");
}

#[test]
fn code_objects_made_of_what_is_none_are_described() {
    assert_runs(
        "\
table = memory(words(*[0, id('key'), id('value')] * 8))
BODY = op('LOAD_CONST', 0) + op('RETURN_VALUE')
# Constants.
for pointer in [fake(id(tuple), -1), fake(id(list), 1 << 40, NOWHERE), fake(id(str), 1 << 40, 0, 0x2121212100000000),
        fake(id(unicode), 1 << 40, NOWHERE), fake(id(long), 1 << 50), fake(id(dict), 3, 3, (1 << 60) - 1, table),
        fake(id(set), 3, 3, 1 << 40, NOWHERE), fake(id(types.CodeType), *[NOWHERE] * 16), fake(id(types.CodeType), *[id(None)] * 16),
        fake(id(types.FunctionType), *[NOWHERE] * 9)]:
    consts = use(pointer, op('STORE_FAST', 0) + op('LOAD_CONST', 0) + op('LOAD_FAST', 0) + op('BUILD_TUPLE', 2) + op('RETURN_VALUE'))
    kept.append(consts)
    function(BODY, consts)()
# A code object that is none itself, whose fields no instruction needs.
def code_object(code=BODY, consts=(None,), names=id(()), varnames=id(()), filename=id('file'), name=id('name'), lnotab=id('')):
    kept.append((code, consts))
    numbers = struct.pack('<4i', 0, 0, 4, 0x40)
    fields = words(id(code), id(consts), names, varnames, id(()), id(()), filename, name)
    return memory(words(MANY, id(types.CodeType)) + numbers + fields + struct.pack('<2i', 1, 0) + words(lnotab, 0, 0) + '\\0' * 64)
long_str, bad = fake(id(str), 1 << 40), fake(NOWHERE)
run = op('MAKE_FUNCTION', 0) + op('STORE_FAST', 0) + op('LOAD_FAST', 0) + op('CALL_FUNCTION', 0) + op('RETURN_VALUE')
for pointer in [code_object(), code_object(filename=long_str), code_object(name=long_str), code_object(lnotab=long_str),
        code_object(names=bad), code_object(varnames=bad), code_object(filename=bad, name=bad, lnotab=bad),
        code_object(names=fake(id(tuple), 1 << 40)), code_object(varnames=fake(id(tuple), 1 << 50, NOWHERE))]:
    use(pointer, run)
",
    );
}

#[test]
fn what_native_code_makes_is_looked_at_with_the_same_care() {
    let text = assert_runs(
        "\
import ctypes, mmap, os, tempfile
libc = ctypes.CDLL(None)
def at(address): return ctypes.cast(ctypes.c_void_p(address), ctypes.py_object)
# An object that holds itself.
room = ctypes.create_string_buffer(256)
base = ctypes.addressof(room) + 63 & ~15
struct.pack_into('<5Q', room, base - ctypes.addressof(room), MANY, id(list), 1, base + 40, 1)
struct.pack_into('<Q', room, base - ctypes.addressof(room) + 40, base)
item = at(base).value
pair = (item, 1)
# Items in memory that may not be read, and after the end of a file: where the VM looks at neither.
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
hidden = libc.mmap(None, 4096, 0, 0x22, -1, 0)
file = tempfile.TemporaryFile(); file.write('x' * 8192); file.flush()
gone = libc.mmap(None, 8192, 3, 1, file.fileno(), 0)
file.truncate(0)
for address in (hidden, gone, gone + 4096, hidden + 4090):
    use_everywhere(fake(id(list), 5, address, 5))
    use_everywhere(fake(id(unicode), 500, address))
    use_everywhere(fake(address))
    use_everywhere(fake(id(dict), 5, 5, 7, address, NOWHERE))
# The last bytes of a mapping.
edge = libc.mmap(None, 8192, 3, 0x22, -1, 0)
libc.munmap(ctypes.c_void_p(edge + 4096), ctypes.c_size_t(4096))
for size in (16, 24, 32, 40, 48):
    for of_type in (int, object, str, tuple, list, dict, types.FunctionType):
        start = edge + 4096 - size
        ctypes.memmove(start, words(MANY, id(of_type), 2, 0, 0, 0)[:size], size)
        use_everywhere(start)
",
    );
    assert!(text.contains("[[[[…]]]]"), "{text}");
}

#[test]
fn values_of_other_threads_are_read_as_well() {
    // What a thread allocates lies outside the first heap.
    let source = "\
import thread, time
done = []
class Local(object): pass
def work():
    class Inner(object): pass
    text, numbers, table = 'x' * 100000, range(1000, 3000), dict.fromkeys(range(500), 1.5)
    whole = [text, numbers, table, Inner(), u'y' * 50000, 1 << 5000]
    for part in whole: id(part)
    done.append(1)
thread.start_new_thread(work, ())
while not done: time.sleep(0.001)
print 'done'
";
    let program = Program::new(source);
    let ran = program.trace(&["--values", "--no-stdlib", "-r"], "t.txt", &[]);
    assert_eq!((ran.status, ran.stdout().as_str()), (0, "done\n"));
    let text = program.read("t.txt");
    for part in [
        "…(100000 bytes, crc32 ",
        "…(2000 items)",
        "1.5, …(500 items)}",
        "<Inner #",
        "…(50000 code points",
        "<long of 5001 bits",
    ] {
        assert!(text.contains(part), "no {part} in\n{text}");
    }
    assert!(!text.contains("<bad object>"), "{text}");
}
