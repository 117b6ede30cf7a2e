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
going = generator(5, 3)
for turn in range(300):
    if turn % 7 == 0: write(called, opcode(turn)); write(generator, opcode(turn))
    print 'called', called(5, 3)
    print 'caller', caller(5, 3, opcode(turn // 7))
    print 'generator', next(going)
for result in loop(5, 3): print 'loop', result
";

/// Runs the program with a way to write; every instruction that ran is in the trace.
fn is_recorded(put: &str, options: &[&str]) {
    let program = Program::free(&format!("{put}{WRITTEN}"));
    let ran = program.trace(options, "t.bct", &[]);
    assert_eq!(ran.status, 0, "{}", ran.stderr());
    let text = program.show(&["--no-values"], "t.bct");
    for name in ["called", "caller", "loop", "generator"] {
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
        assert_eq!((got.len(), got), (300, want), "{name} {options:?}{put}");
    }
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
