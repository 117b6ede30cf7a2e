//! Bytes that are changed without foreign code: through a file or by another process.

use crate::live::Program;

/// What a function prints, 8 or 2, is what its instruction makes of 5 and 3.  `put` writes a byte to an address.
const WRITTEN: &str = "
def write(function, opcode):
    put(id(function.func_code.co_code) + str.__basicsize__ - 1 + places[function.__name__], opcode)
def called(a, b):
    return a + b
def caller(a, b, opcode):
    write(caller, opcode)
    return a + b
def loop(a, b):
    out = []
    for turn in range(300):
        out.append(a + b)
        if turn % 7 == 0: write(loop, opcode(turn))
    return out
def generator(a, b):
    while 1: yield a + b
def opcode(turn):
    return ADD if turn % 3 else SUBTRACT
ADD, SUBTRACT = chr(23), chr(24)
places = dict((f.__name__, f.func_code.co_code.index(ADD)) for f in (called, caller, loop, generator))
for function in called, caller, loop, generator: prepare(function)
going = generator(5, 3)
for turn in range(300):
    if turn % 7 == 0: write(called, opcode(turn)); write(generator, opcode(turn))
    print 'called', called(5, 3)
    print 'caller', caller(5, 3, opcode(turn // 7))
    print 'generator', next(going)
for result in loop(5, 3): print 'loop', result
";

/// For ways to write that need nothing done before.
const PREPARE: &str = "
def prepare(function): pass
";

/// Runs the program with a way to write; every instruction that ran is in the trace.
fn is_recorded(put: &str, options: &[&str]) {
    let got = sums(&format!("{PREPARE}{put}{WRITTEN}"), options, &["called", "caller", "loop", "generator"]);
    assert_eq!(got, [300; 4], "{options:?}{put}");
}

/// Runs a program in which functions of these names make 8 or 2 of 5 and 3, and print their name and that; what they print is what they
/// execute by the trace.  Returns how often each did.
fn sums(source: &str, options: &[&str], names: &[&str]) -> Vec<usize> {
    let program = Program::free(source);
    let ran = program.trace(options, "t.bct", &[]);
    assert_eq!(ran.status, 0, "{}", ran.stderr());
    let text = program.show(&["--no-values"], "t.bct");
    let count = |name: &&str| {
        let line = |result: &str| match result {
            "8" => "BINARY_ADD",
            "2" => "BINARY_SUBTRACT",
            _ => panic!("{name} has made {result}"),
        };
        let printed = ran.stdout();
        let want: Vec<&str> =
            printed.lines().filter_map(|said| Some(line(said.strip_prefix(name)?.trim_start()))).collect();
        let sums = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix("> ")?.split_once(' '));
        let is_sum = |opname: &&str| ["BINARY_ADD", "BINARY_SUBTRACT"].contains(opname);
        let got: Vec<&str> = sums.map(|(_, opname)| opname).filter(is_sum).collect();
        assert_eq!(got, want, "{name} {options:?}{source}");
        got.len()
    };
    names.iter().map(count).collect()
}

const BY_FILE: &str = "
mem = open('/proc/self/mem', 'r+b', 0)
def put(address, byte):
    mem.seek(address)
    mem.write(byte)
";

#[test]
fn bytes_that_a_program_writes_through_a_file_are_recorded_as_they_ran() {
    for options in [&[][..], &["--values"], &["-n", "loop", "-n", "caller", "-n", "called", "-n", "generator"]] {
        is_recorded(BY_FILE, options);
    }
}

#[test]
fn bytes_that_a_program_writes_through_any_kind_of_file_are_recorded_as_they_ran() {
    let by_io = "
import io, os
os.symlink('/proc/self/mem', 'link')
mem = io.open('link', 'r+b', 0)
def put(address, byte):
    mem.seek(address)
    mem.write(byte)
";
    let by_descriptor = "
import os
mem = os.open('/proc/%d/task/%d/mem' % (os.getpid(), os.getpid()), os.O_RDWR)
def put(address, byte):
    os.lseek(mem, address, 0)
    os.write(mem, byte)
";
    let opened_late = "
import os
calls = []
def put(address, byte):
    calls.append(address)
    if len(calls) > 30:
        mem = os.open('/proc/self/mem', os.O_WRONLY)
        os.lseek(mem, address, 0)
        os.write(mem, byte)
        os.close(mem)
";
    [by_io, by_descriptor, opened_late].iter().for_each(|put| is_recorded(put, &[]));
}

/// Where the system lets no process write to its parent, nothing changes, and the test says nothing.
#[test]
fn bytes_that_another_process_writes_are_recorded_as_they_ran() {
    let by_child = "
import os, struct
there, here = os.pipe(), os.pipe()
if os.fork() == 0:
    os.close(there[1])
    while 1:
        order = os.read(there[0], 9)
        if not order: os._exit(0)
        address, byte = struct.unpack('=Qc', order)
        try:
            mem = os.open('/proc/%d/mem' % os.getppid(), os.O_RDWR)
            os.lseek(mem, address, 0)
            os.write(mem, byte)
        except OSError:
            pass
        os.write(here[1], '.')
os.close(there[0])
def put(address, byte):
    os.write(there[1], struct.pack('=Qc', address, byte))
    os.read(here[0], 1)
";
    let by_command = "
import os
def put(address, byte):
    command = r\"printf '\\%o' | dd of=/proc/%d/mem bs=1 seek=%d conv=notrunc 2>/dev/null\"
    os.system(command % (ord(byte), os.getpid(), address))
";
    [by_child, by_command].iter().for_each(|put| is_recorded(put, &[]));
}

#[test]
fn bytes_that_a_program_writes_through_a_view_of_a_string_are_recorded_as_they_ran() {
    let by_writer = "
import io
class Raw(io.RawIOBase):
    def writable(self): return True
    def write(self, view):
        self.view = view
        return len(view)
def put(address, byte):
    for function in called, caller, loop, generator:
        code, raw = function.func_code.co_code, Raw()
        at = address - id(code) - str.__basicsize__ + 1
        if 0 <= at < len(code):
            io.BufferedWriter(raw, 1).write(code)
            io.BytesIO(byte).readinto(raw.view[at:at + 1])
";
    let by_reader = "
import io, types
views = {}
class Raw(io.RawIOBase):
    def readable(self): return True
    def readinto(self, view):
        view[:] = self.bytes
        self.view = view
        return len(view)
def prepare(function):
    code, raw = function.func_code, Raw()
    raw.bytes = code.co_code
    length = len(raw.bytes)
    bytes = io.BufferedReader(raw, length).read(length)
    views[id(bytes)] = raw.view
    function.func_code = types.CodeType(
        code.co_argcount, code.co_nlocals, code.co_stacksize, code.co_flags, bytes, code.co_consts, code.co_names,
        code.co_varnames, code.co_filename, code.co_name, code.co_firstlineno, code.co_lnotab)
def put(address, byte):
    for start, view in views.items():
        at = address - start - str.__basicsize__ + 1
        if 0 <= at < len(view): view[at:at + 1] = byte
";
    // FileIO is not asked, but the attribute.
    let by_attribute = "
import io, os
def put(address, byte):
    for function in called, caller, loop, generator:
        code, kept = function.func_code.co_code, []
        at = address - id(code) - str.__basicsize__ + 1
        if 0 <= at < len(code):
            raw = io.FileIO(os.devnull, 'w')
            raw.write = lambda view: kept.append(view) or len(view)
            io.BufferedWriter(raw, 1).write(code)
            io.BytesIO(byte).readinto(kept[0][at:at + 1])
";
    [by_writer, by_reader, by_attribute].iter().for_each(|put| is_recorded(put, &[]));
}

/// A function is made where an array was that it is given to write to.  Where the C library finds another place for it, nothing changes.
#[test]
fn bytes_that_a_program_writes_where_an_array_was_are_recorded_as_they_ran() {
    let source = "
import array, struct, types
def called(a, b):
    return a + b
code, rest, made = called.func_code, chr(9) * 3000, []
class Zero(object):
    def __index__(self):
        there.fromstring('x' * 300000)
        for turn in range(50):
            made.append(types.FunctionType(types.CodeType(
                2, 2, 2, 67, code.co_code + rest, code.co_consts, (), code.co_varnames, 'x', 'called', 1, ''), {}))
            print 'called', made[-1](5, 3)
        return 0
there = array.array('B', chr(0) * (len(code.co_code + rest) + str.__basicsize__))
at = str.__basicsize__ - 1 + code.co_code.index(chr(23))
struct.pack_into('BB', there, at - 1, Zero(), 24)
for function in made: print 'called', function(5, 3)
";
    assert_eq!(sums(source, &[], &["called"]), [100]);
}

/// What is no cell is taken for one, and a reference to what it would hold is counted in the function's code.
#[test]
fn bytes_that_a_program_writes_through_what_is_no_cell_are_recorded_as_they_ran() {
    let source = "
import struct, types
def called(a, b):
    return a + b
def code(arguments, bytes, constants, names=(), variables=(), free=()):
    return types.CodeType(arguments, arguments, 3, 3, bytes, constants, names, variables, 'x', 'called', 1, '', free)
# An object that begins at the addition has its type behind the return.
bytes = called.func_code.co_code.ljust(7 + 7, chr(9)) + struct.pack('Q', id(int))
called.func_code = code(2, bytes, (None,), (), ('a', 'b'))
address = id(bytes) + str.__basicsize__ - 1 + bytes.index(chr(23))
# return locals()
inside = code(0, '\\x74\\0\\0\\x83\\0\\0\\x53', (), ('locals',), (), ('v',))
# BUILD_TUPLE of the address, MAKE_CLOSURE
make = code(0, '\\x64\\0\\0\\x66\\1\\0\\x64\\1\\0\\x86\\0\\0\\x53', (address, inside))
function = types.FunctionType(make, globals())()
kept = []
for turn in range(100):
    print 'called', called(5, 3)
    if turn == 50: kept.append(function())
";
    assert_eq!(sums(source, &[], &["called"]), [100]);
}

/// A function is made where the end of an array was when an item there is about to be written.  Where the C library finds another place for
/// it, nothing changes.
#[test]
fn bytes_that_a_program_writes_behind_an_array_are_recorded_as_they_ran() {
    let source = "
import array, types
def called(a, b):
    return a + b
code, rest, made = called.func_code, chr(9) * 3000, []
class Number(object):
    def __int__(self):
        del there[1:]
        made.extend(types.FunctionType(types.CodeType(
            2, 2, 2, 67, code.co_code + rest, code.co_consts, (), code.co_varnames, 'x', 'called', 1, ''), {})
            for turn in range(400))
        made.sort(key=lambda function: abs(id(function.func_code.co_code) - there.buffer_info()[0] - 32))
        for turn in range(50): print 'called', made[0](5, 3)
        return 24
there = array.array('B', chr(0) * 50000)
there[32 + str.__basicsize__ - 1 + code.co_code.index(chr(23))] = Number()
for turn in range(50): print 'called', made[0](5, 3)
";
    assert_eq!(sums(source, &[], &["called"]), [100]);
}

#[test]
fn bytes_that_are_written_through_a_file_of_a_module_for_audio_are_recorded_as_they_ran() {
    is_recorded(
        "
import os, ossaudiodev
mem = ossaudiodev.openmixer('/proc/self/mem')
def put(address, byte):
    os.lseek(mem.fileno(), address, 0)
    os.write(mem.fileno(), byte)
",
        &[],
    );
}

#[test]
fn an_mmap_that_is_closed_while_an_index_is_found_out_is_no_way_into_memory() {
    let program = Program::new(
        "
import mmap
class Index(object):
    def __index__(self):
        m.close()
        return 1
    __int__ = __index__
def delete(): del m[Index()]
def put(): m[Index()] = 'x'
def put_slice(): m[Index():3] = 'xy'
def put_step(): m[Index():5:2] = 'xy'
for use in (lambda: m[Index()], lambda: m[Index():3], lambda: m[Index():5:2], put, put_slice, put_step, delete,
            lambda: m.read(Index()), lambda: m.find('x', Index()), lambda: m.rfind('x', Index()), lambda: m.flush(Index(), 1),
            lambda: m.move(Index(), 0, 1), lambda: m.resize(Index())):
    m = mmap.mmap(-1, 1 << 20)
    try: print use()
    except ValueError as error: print error
",
    );
    let ran = program.trace(&[], "t.bct", &[]);
    assert_eq!((ran.stdout(), ran.status), ("mmap closed or invalid\n".repeat(13), 0), "{}", ran.stderr());
}

#[test]
fn a_bytearray_that_shrinks_while_an_index_is_found_out_keeps_its_size() {
    let program = Program::new(
        "
class Index(object):
    def __index__(self):
        del some[10:]
        return 2
    __int__ = __index__
some = bytearray(range(200))
print some.pop(Index()), len(some), list(some)
",
    );
    let ran = program.trace(&[], "t.bct", &[]);
    assert_eq!(ran.succeeded(), "2 9 [0, 1, 3, 4, 5, 6, 7, 8, 9]\n");
}

#[test]
fn a_struct_that_gets_another_format_packs_by_the_one_that_it_has_begun_with() {
    let program = Program::new(
        "
import struct
class Index(object):
    def __index__(self):
        some.__init__('qqqq')
        # In the memory of the former format, if that is free.
        others.extend([struct.Struct('qqqq') for _ in range(9)])
        return 1
    __int__ = __index__
others = []
some = struct.Struct('iiii')
print some.pack(Index(), 2, 3, 4) == struct.pack('iiii', 1, 2, 3, 4), some.size, len(some.pack(1, 2, 3, 4))
",
    );
    assert_eq!(program.trace(&[], "t.bct", &[]).succeeded(), "True 32 32\n");
}

#[test]
fn a_file_of_the_program_that_reads_too_much_overwrites_nothing() {
    let program = Program::new(
        "
import io
class Much(io.BufferedIOBase):
    def read(self, count): return b'A' * 100000
try: Much().readinto(bytearray(10))
except ValueError as error: print error
",
    );
    assert_eq!(program.trace(&[], "t.bct", &[]).succeeded(), "read() returned too much data\n");
}

#[test]
fn an_mmap_that_a_codec_closes_is_not_written_to() {
    let program = Program::new(
        "
import codecs, mmap, sys
def encode(text, errors='strict'):
    m.close()
    return 'xy', len(text)
codecs.register(lambda name: codecs.CodecInfo(encode, None, name=name) if name == 'closing' else None)
m = mmap.mmap(-1, 1 << 20)
reload(sys)
sys.setdefaultencoding('closing')
try: m.write(u'x')
except ValueError as error: print error
",
    );
    let ran = program.trace(&[], "t.bct", &[]);
    assert_eq!((ran.stdout().as_str(), ran.status), ("mmap closed or invalid\n", 0), "{}", ran.stderr());
}

#[test]
fn a_struct_that_gets_more_items_while_an_offset_is_found_out_packs_nothing() {
    let program = Program::new(
        "
import struct
class Offset(object):
    def __int__(self):
        some.__init__('q' * 200)
        return 0
some = struct.Struct('ii')
try: some.pack_into(bytearray(2000), Offset(), 1, 2)
except struct.error as error: print error
",
    );
    let ran = program.trace(&[], "t.bct", &[]);
    assert_eq!((ran.stdout().as_str(), ran.status), ("the format has changed\n", 0), "{}", ran.stderr());
}

#[test]
fn a_struct_that_gets_another_format_while_the_collector_runs_unpacks_by_the_one_that_it_had() {
    let program = Program::new(
        "
import gc, struct, weakref
some = struct.Struct('30i')
class Garbage(object): pass
def again(gone): some.__init__('200q')
def made():
    garbage = Garbage()
    garbage.itself = garbage
    return weakref.ref(garbage, again)
gc.disable()
gc.collect()
some.unpack('\\1' * 120)
data = '\\1' * 120
gc.set_threshold(1, 1000, 1000)
kept = made()
gc.enable()
found = some.unpack(data)
gc.disable()
print len(found), found[-1], some.size
",
    );
    let ran = program.trace(&[], "t.bct", &[]);
    assert_eq!((ran.stdout().as_str(), ran.status), ("30 16843009 1600\n", 0), "{}", ran.stderr());
}
