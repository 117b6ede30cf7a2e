//! What the program reads from standard input is in the trace, byte for byte, at the instruction that read it.

use std::collections::HashMap;
use std::fs;
use std::process::Stdio;

use serde_json::Value;

use crate::live::Program;
use crate::running;
use crate::terminal::Terminal;

/// Lines of all kinds of ends, bytes that are no text, and no newline at the end.
const TYPED: &[u8] = b"one\ntwo words\r\n\n\xff\xfe binary \x00\x01\rlast line without its end";
/// Bytes of input that a trace has at most.
const SHARE: usize = 1 << 20;

/// One `input` object.
#[derive(Debug)]
struct Input {
    bytes: Vec<u8>,
    left_out: u64,
    /// The opcode of the last instruction of its thread, and its code object's name.
    opcode: String,
    name: String,
}

/// The `input` objects of a trace in JSON lines.
fn inputs(trace: &str) -> Vec<Input> {
    let (mut inputs, mut last) = (Vec::new(), HashMap::new());
    for line in trace.lines() {
        let object: Value = serde_json::from_str(line).unwrap();
        match object["type"].as_str().unwrap() {
            "instruction" => {
                let said = |key: &str| object[key].as_str().unwrap().to_string();
                last.insert(object["thread"].as_u64(), (said("opname"), said("name")));
            }
            "input" => {
                let bytes = match &object["read_hex"] {
                    Value::String(digits) => from_hex(digits),
                    _ => object["read"].as_str().unwrap().as_bytes().to_vec(),
                };
                let (opcode, name) = last.get(&object["thread"].as_u64()).cloned().unwrap_or_default();
                inputs.push(Input { bytes, left_out: object["left_out"].as_u64().unwrap(), opcode, name });
            }
            _ => {}
        }
    }
    inputs
}

fn from_hex(digits: &str) -> Vec<u8> {
    digits.as_bytes().chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn joined(inputs: &[Input]) -> Vec<u8> {
    inputs.iter().flat_map(|input| input.bytes.clone()).collect()
}

impl Program {
    /// The inputs of a trace with these options, of the program with this standard input; it must behave as it does untraced.
    #[track_caller]
    fn inputs(&self, options: &[&str], stdin: &[u8]) -> Vec<Input> {
        let plain = running::run_with(&mut self.command(["python", "p.pyc"]), stdin);
        let ran = running::run_with(&mut self.tracing(options, "t.jsonl", &[]), stdin);
        assert_eq!((ran.status, ran.stderr()), (plain.status, plain.stderr()), "{}", ran.stderr());
        assert_eq!(ran.stdout, plain.stdout);
        inputs(&self.read("t.jsonl"))
    }
}

/// Each way to read, as a program that writes all that it got to standard output.
const WAYS: [(&str, &str); 20] = [
    ("read", "put(sys.stdin.read())"),
    ("read of a size", "for text in iter(lambda: sys.stdin.read(3), ''): put(text)"),
    ("readline", "for text in iter(sys.stdin.readline, ''): put(text)"),
    ("readline of a size", "for text in iter(lambda: sys.stdin.readline(4), ''): put(text)"),
    ("readlines", "put(''.join(sys.stdin.readlines()))"),
    ("readlines of a size", "for lines in iter(lambda: sys.stdin.readlines(5), []): put(''.join(lines))"),
    ("next", "for text in sys.stdin: put(text)"),
    ("xreadlines", "map(put, sys.stdin.xreadlines())"),
    ("readinto", "room = bytearray(7)\nfor n in iter(lambda: sys.stdin.readinto(room), 0): put(room[:n])"),
    ("newlines of all kinds", "for text in os.fdopen(0, 'rU'): put(text)"),
    ("newlines of all kinds by readline", "put(os.fdopen(0, 'rU').readline())"),
    ("os.read", "for text in iter(lambda: os.read(0, 5), ''): put(text)"),
    ("FileIO.read", "raw = io.FileIO(0)\nfor text in iter(lambda: raw.read(6), ''): put(text)"),
    ("FileIO.readall", "raw = io.FileIO(0)\nput(raw.read(2))\nput(raw.readall())"),
    ("io.open", "put(io.open(0, 'rb').read())"),
    ("io.open by lines", "for text in io.open(0, 'rb'): put(text)"),
    ("fileinput", "import fileinput\nfor text in fileinput.input('-'): put(text)"),
    ("array.fromfile", "bytes = array.array('c')\nbytes.fromfile(sys.stdin, 11)\nput(bytes.tostring())"),
    ("mixed", "put(sys.stdin.readline() + sys.stdin.read(2) + os.read(os.dup(0), 0) + sys.stdin.next())"),
    ("nothing", "open('/dev/null').read(); os.read(os.open('/dev/null', os.O_RDONLY), 9); open(sys.argv[0]).read()"),
];

#[test]
fn whatever_way_the_program_reads_each_byte_is_recorded_once() {
    for (name, way) in WAYS {
        let program = Program::new(&format!("import array, io, os, sys\nput = sys.stdout.write\n{way}\n"));
        let found = program.inputs(&["-q"], TYPED);
        let written = running::run_with(&mut program.command(["python", "p.pyc"]), TYPED).stdout;
        assert!(joined(&found) == written, "{name}: {found:?}");
        assert!(found.iter().all(|input| input.left_out == 0), "{name}");
        for input in &found {
            assert!(input.opcode.starts_with("CALL_FUNCTION") || input.opcode == "FOR_ITER", "{name}: {input:?}");
        }
        assert_eq!(found.is_empty(), name == "nothing");
    }
}

#[test]
fn raw_input_and_input_are_recorded_with_the_ends_of_their_lines() {
    let program = Program::new("print [raw_input('a? '), input('b? '), raw_input()]\nraw_input()\n");
    let found = program.inputs(&["-q"], b"Ada\n6 * 7\n\n");
    assert_eq!(found.iter().map(|input| &input.bytes[..]).collect::<Vec<_>>(), [&b"Ada\n"[..], b"6 * 7\n", b"\n"]);
}

#[test]
fn what_is_typed_at_a_terminal_is_recorded() {
    let program = Program::new("import sys\nprint raw_input('name? ')\nprint 'more?', repr(sys.stdin.readline())\n");
    let folder = program.path("");
    let terminal = Terminal::new(&folder).typing("name? ", "Ada\n").typing("more?", "a b\n");
    let paths = ["p.pyc", "t.jsonl"].map(|name| program.path(name).to_str().unwrap().to_string());
    let ran = terminal.run(&["-q", &paths[0], &paths[1]]);
    assert_eq!(ran.status, 0, "{}", ran.stdout());
    let found = inputs(&program.read("t.jsonl"));
    assert_eq!(found.iter().map(|input| &input.bytes[..]).collect::<Vec<_>>(), [&b"Ada\n"[..], b"a b\n"]);
}

#[test]
fn standard_input_can_be_a_file_and_what_is_read_twice_is_recorded_twice() {
    let program = Program::new("import sys\nprint [sys.stdin.read(4), sys.stdin.seek(0), sys.stdin.readline()]\n");
    fs::write(program.path("in"), TYPED).unwrap();
    let mut command = program.tracing(&["-q"], "t.jsonl", &[]);
    command.stdin(Stdio::from(fs::File::open(program.path("in")).unwrap()));
    command.stdout(Stdio::null());
    assert!(command.status().unwrap().success());
    assert_eq!(joined(&inputs(&program.read("t.jsonl"))), b"one\none\n");
}

#[test]
fn reads_of_a_pipe_that_is_filled_bit_by_bit_are_recorded_as_they_come() {
    let program = Program::new(
        "import os, sys
end, begin = os.pipe()
os.dup2(end, 0)
got = []
for text in 'ab', 'c\\nd', 'e\\n':
    os.write(begin, text)
    got.append(os.read(0, 10))
os.write(begin, 'line\\nnext\\n')
got.append(sys.stdin.readline())
os.close(begin)
got.append(sys.stdin.next())
try:
    sys.stdin.readline()
    sys.stdin.next()
except (StopIteration, ValueError) as error:
    got.append(type(error).__name__)
got.append(os.read(0, 10))
print got
",
    );
    let found = program.inputs(&["-q"], b"");
    let bytes: Vec<&[u8]> = found.iter().map(|input| &input.bytes[..]).collect();
    assert_eq!(bytes, [&b"ab"[..], b"c\nd", b"e\n", b"line\n", b"next\n"]);
}

#[test]
fn lines_after_a_read_ahead_are_recorded_when_the_program_gets_them() {
    let program = Program::new(
        "import sys
print sys.stdin.next()
try:
    sys.stdin.readline()
except ValueError as error:
    print error
print sys.stdin.next()
",
    );
    let found = program.inputs(&["-q"], b"1\n2\n3\n4\n");
    assert_eq!(found.iter().map(|input| &input.bytes[..]).collect::<Vec<_>>(), [b"1\n", b"2\n"]);
}

#[test]
fn what_pickle_and_marshal_load_is_recorded() {
    let program =
        Program::new("import cPickle, marshal, sys\nprint cPickle.load(sys.stdin), marshal.load(sys.stdin)\n");
    let make = "import cPickle, marshal, sys
thing = {'key': [1, 2.5, None, u'\\xe9' * 3], 7: ('x' * 9000,) * 2, 8: range(3000)}
sys.stdout.write(cPickle.dumps(thing, int(sys.argv[1])) + marshal.dumps(thing))";
    for protocol in ["0", "2"] {
        let stdin = running::run(&mut running::bctrace(["python", "-c", make, protocol])).stdout;
        let found = program.inputs(&["-q"], &stdin);
        assert!(joined(&found) == stdin, "{} of {} bytes", joined(&found).len(), stdin.len());
        // Marshal reads byte by byte; it is one instruction all the same.
        let marshalled = found.iter().rev().take_while(|input| input.bytes.len() > 1).count();
        assert!(marshalled < 20, "{marshalled}");
    }
}

#[test]
fn input_is_recorded_with_values_and_where_a_filter_leaves_the_code_out() {
    let source = "import sys
def get():
    return sys.stdin.readline()
def other():
    return 1
for i in range(4):
    get(); other()
sys.stdout.write(sys.stdin.read())
";
    let program = Program::new(source);
    let typed = b"1\n22\n333\n4444\nrest";
    let whole = program.inputs(&["-q"], typed);
    assert_eq!((whole.len(), joined(&whole)), (5, typed.to_vec()));
    for options in [&["-q", "--values"][..], &["-q", "-n", "other"], &["-q", "--start-at", "other"]] {
        let found = program.inputs(options, typed);
        assert_eq!(joined(&found), typed, "{options:?}");
    }
    assert_eq!(running::run_with(&mut program.tracing(&["-q"], "t.bct", &[]), typed).status, 0);
    assert_eq!(joined(&inputs(&program.show(&["--format", "jsonl"], "t.bct"))), typed);
}

#[test]
fn the_text_of_a_trace_is_the_same_whatever_was_read() {
    let program = Program::new("import sys\nfor text in sys.stdin: pass\nlen(text)\n");
    let text = |stdin: &[u8]| {
        assert_eq!(running::run_with(&mut program.tracing(&["-q"], "t.txt", &[]), stdin).status, 0);
        program.read("t.txt")
    };
    assert_eq!(text(b"a\nb\n"), text(b"c\n\xff\n"));
}

#[test]
fn threads_that_read_have_their_input_at_their_own_instructions() {
    let program = Program::new(
        "import os, sys, threading
end, begin = os.pipe()
os.dup2(end, 0)
def reads():
    got.append(os.read(0, 100))
got = []
thread = threading.Thread(target=reads)
thread.start()
os.write(begin, 'for the thread')
thread.join()
print got
",
    );
    let found = program.inputs(&["-q"], b"");
    assert_eq!(joined(&found), b"for the thread");
    assert_eq!((found[0].name.as_str(), found[0].opcode.as_str()), ("reads", "CALL_FUNCTION"));
}

#[test]
fn a_trace_has_a_mebibyte_of_input_and_counts_the_rest() {
    let stdin: Vec<u8> =
        (0..3 * SHARE + 5).map(|at| if at % 100 == 99 { b'\n' } else { b'a' + (at % 23) as u8 }).collect();
    for way in ["sys.stdin.read()", "sys.stdin.readlines()", "for text in sys.stdin: pass", "io.FileIO(0).readall()"] {
        let program = Program::new(&format!("import io, sys\n{way}\n"));
        let found = program.inputs(&["-q"], &stdin);
        let left_out: u64 = found.iter().map(|input| input.left_out).sum();
        assert!(joined(&found) == stdin[..SHARE], "{way}");
        assert_eq!(left_out, 2 * SHARE as u64 + 5, "{way}");
        let first = found.iter().position(|input| input.left_out != 0).unwrap();
        assert!(found[first..].iter().all(|input| input.bytes.is_empty()), "{way}");
        assert!(found.len() - first <= 2, "{way}");
    }
}

#[test]
fn a_program_that_is_killed_leaves_a_trace_that_says_that_it_read_more() {
    let program = Program::new("import os, sys\nsys.stdin.read()\nos.kill(os.getpid(), 9)\n");
    let ran = running::run_with(&mut program.tracing(&["-q"], "t.jsonl", &[]), &vec![b'x'; 2 * SHARE]);
    assert_eq!(ran.status, 137);
    let found = inputs(&program.read("t.jsonl"));
    assert_eq!((joined(&found).len(), found.last().unwrap().left_out), (SHARE, SHARE as u64));
}

#[test]
fn a_process_that_is_forked_has_its_own_input() {
    let program = Program::new(
        "import os
first = os.read(0, 3)
child = os.fork()
if child == 0:
    os.read(0, 3)
    os._exit(0)
os.waitpid(child, 0)
print child, first, os.read(0, 3)
",
    );
    let mut command = program.tracing(&["-q", "--follow-forks"], "t.jsonl", &[]);
    let printed = running::run_with(&mut command, b"123456789").succeeded();
    let (child, rest) = printed.split_once(' ').unwrap();
    assert_eq!(rest, "123 789\n");
    assert_eq!(joined(&inputs(&program.read("t.jsonl"))), b"123789");
    assert_eq!(joined(&inputs(&program.read(&format!("t.{child}.jsonl")))), b"456");
}

#[test]
fn a_program_that_the_interpreter_reads_from_standard_input_is_no_input() {
    let program = Program::new("");
    let mut command = program.command(["python", "--trace-to", "t.jsonl", "-"]);
    assert_eq!(running::run_with(&mut command, b"print 1\nprint 2\n").succeeded(), "1\n2\n");
    assert_eq!(inputs(&program.read("t.jsonl")).len(), 0);
}
