//! Code that changes itself: the bytes that ran are in the trace and in the dump, and where each version began is reported.

use serde_json::Value;

use super::{Manifest, marshalled, python};
use crate::live::Program;
use crate::successor::{self, Allowance};
use crate::{recorded, running};

/// `f`, whose operand at offset 1 chooses what it returns; `put` writes into its bytes, `swap` gives it others.
const CHANGING: &str = "import ctypes, types
HEADER = str.__basicsize__ - 1
CODE = 32
move = ctypes.PYFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t)(ctypes._memmove_addr)
kept = []
def put(code, offset, new):
    move(id(code.co_code) + HEADER + offset, new, len(new))
def swap(code, string):
    kept.extend([code.co_code, string])
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(string))
    ctypes.c_void_p.from_address(id(code) + CODE).value = id(string)
def made(bytes, name='f'):
    constants = (None, 'one', 'two', 'three')
    return types.FunctionType(types.CodeType(0, 0, 9, 67, bytes, constants, (), (), 'changing', name, 1, ''), {})
f = made('d\\1\\0S')
";

/// The program with these lines at its end, and its layers.
#[track_caller]
fn changing(lines: &str) -> (Program, Manifest) {
    let program = Program::new(&format!("{CHANGING}{lines}"));
    let manifest = Manifest::of(&program);
    (program, manifest)
}

/// The code strings of the layers called `f`, as Python shows them.
fn code_strings(program: &Program) -> Vec<String> {
    let script = "import json, marshal
for layer in json.load(open('layers/manifest.json'))['layers']:
    if not layer['ran']: continue
    if layer['name'] == 'f':
        print repr(marshal.loads(open('layers/' + str(layer['file']), 'rb').read()[8:]).co_code)";
    python(program, script).lines().map(str::to_string).collect()
}

/// The lines of `f`, with their numbers.
fn lines_of_f(program: &Program) -> Vec<(u64, String)> {
    let text = program.show(&["-r"], "t.bct");
    let numbered = (1..).zip(text.lines());
    numbered.filter(|(_, line)| line.starts_with("f> ")).map(|(number, line)| (number, line[3..].to_string())).collect()
}

/// What each first instruction of `f` loaded.
fn loaded(program: &Program) -> String {
    let lines = lines_of_f(program);
    let first = lines.iter().filter_map(|(_, line)| line.strip_prefix("0 LOAD_CONST "));
    first.collect::<Vec<_>>().join(" ")
}

#[test]
fn bytes_that_were_changed_before_the_first_call_are_the_only_ones() {
    let (program, manifest) = changing("put(f.__code__, 1, '\\2')\nprint f()\n");
    assert_eq!((loaded(&program).as_str(), code_strings(&program)), ("(two)", vec![r"'d\x02\x00S'".to_string()]));
    assert_eq!(manifest.only("f")["version_of"], Value::Null);
}

#[test]
fn bytes_that_were_changed_after_the_last_call_never_ran() {
    let (program, _) = changing("print f()\nput(f.__code__, 1, '\\2')\n");
    assert_eq!((loaded(&program).as_str(), code_strings(&program)), ("(one)", vec![r"'d\x01\x00S'".to_string()]));
}

#[test]
fn each_version_says_where_it_began() {
    let (program, manifest) = changing("f(); put(f.__code__, 1, '\\2'); f(); put(f.__code__, 1, '\\1'); f()\n");
    assert_eq!(loaded(&program), "(one) (two) (one)");
    let lines = lines_of_f(&program);
    let [first, second] = manifest.named("f")[..] else { panic!("{:#?}", manifest.layers) };
    assert_eq!((&first["version_of"], &second["version_of"]), (&Value::Null, &first["number"]));
    assert_eq!((&first["first_instruction"], &first["last_instruction"]), (&lines[0].0.into(), &lines[5].0.into()));
    assert_eq!((&second["first_instruction"], &second["last_instruction"]), (&lines[2].0.into(), &lines[3].0.into()));
    let tree = program.view("layers", &[], "t.bct");
    let told = format!(
        ": other bytes of {:04}; 2 instructions, {} to {}",
        first["number"].as_u64().unwrap(),
        lines[2].0,
        lines[3].0
    );
    assert_eq!(tree.lines().filter(|line| line.ends_with(&told)).count(), 1, "{tree}");
}

#[test]
fn json_lines_say_where_a_version_began() {
    let (program, manifest) = changing("f(); put(f.__code__, 1, '\\2'); f()\n");
    let json = program.show(&["-f", "jsonl"], "t.bct");
    let version = json.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let version =
        version.filter(|line| line["type"] == "layer").find(|line| line["first_code"] != line["code"]).unwrap();
    let began = manifest.named("f")[1]["first_instruction"].as_u64().unwrap();
    assert_eq!((&version["name"], version["number"].as_u64()), (&"f".into(), Some(began - 1)));
}

/// `changes` in the fixture writes over what it is about to run, and puts it back afterwards.
#[test]
fn a_frame_that_rewrites_its_own_next_instructions_is_recorded_as_it_ran() {
    let folder = tempfile::tempdir().unwrap();
    let (dump, trace) = (folder.path().join("layers"), folder.path().join("t.txt"));
    let mut command = running::bctrace(["-q", "-r", "--dump-code"]);
    running::run(command.arg(&dump).arg(running::fixtures().join("self_modifying.pyc")).arg(&trace)).succeeded();
    let text = String::from_utf8(running::read(&trace)).unwrap();
    let manifest: Value = serde_json::from_slice(&running::read(&dump.join("manifest.json"))).unwrap();
    let layers = manifest["layers"].as_array().unwrap();
    let [original, patched] = layers.iter().filter(|layer| layer["name"] == "changes").collect::<Vec<_>>()[..] else {
        panic!("{layers:#?}")
    };
    assert_eq!(patched["version_of"], original["number"]);
    let lines: Vec<&str> = text.lines().collect();
    let began = patched["first_instruction"].as_u64().unwrap() as usize;
    let (before, from) = (lines[began - 2], &lines[began - 1..began + 2]);
    assert!(
        before.starts_with("memmove> ") || before.contains(" RETURN_VALUE") || before.contains(" CALL_FUNCTION"),
        "{before}"
    );
    assert!(from.iter().any(|line| line.contains("LOAD_GLOBAL (suffix)")), "{from:?}");
    let bytes = |layer: &Value| running::read(&dump.join(layer["file"].as_str().unwrap()));
    let differing = bytes(original).iter().zip(bytes(patched)).filter(|(left, right)| **left != *right).count();
    assert!((1..=3).contains(&differing), "{differing} bytes differ");
}

#[test]
fn a_code_string_that_is_swapped_runs_from_the_next_call_on() {
    let lines = "f()\nswap(f.__code__, 'd\\2\\0S')\nf()\nswap(f.__code__, 'd\\3\\0\\x01d\\1\\0S')\nf()\n";
    let (program, manifest) = changing(lines);
    assert_eq!(loaded(&program), "(one) (two) (three)");
    let strings = [r"'d\x01\x00S'", r"'d\x02\x00S'", r"'d\x03\x00\x01d\x01\x00S'"];
    assert_eq!(code_strings(&program), strings);
    assert_eq!(manifest.named("f").len(), 3);
}

/// A frame keeps the string that it began with: ceval.c reads co_code once.
#[test]
fn a_code_string_that_is_swapped_under_a_running_frame_does_not_run_in_it() {
    let lines = "def outer(again):
    if again:
        swap(outer.__code__, 'd\\2\\0S')
    return 'from the old string'
print outer(1), outer(1)
";
    let program = Program::new(&format!("{CHANGING}{lines}"));
    let ran = program.trace(&["-q", "-r", "--dump-code", "layers"], "t.txt", &[]);
    assert_eq!((ran.status, ran.stdout().as_str()), (0, "from the old string from the old string\n"));
    let manifest = Manifest::read(&program, "layers");
    let [old, new] = manifest.named("outer")[..] else { panic!("{:#?}", manifest.layers) };
    assert_eq!((&new["version_of"], &new["instructions"]), (&old["number"], &2.into()));
    let text = program.read("t.txt");
    assert_eq!(text.lines().filter(|line| line.starts_with("outer> ") && line.contains("RETURN_VALUE")).count(), 2);
    assert_eq!(text.lines().rfind(|line| line.starts_with("outer> ")), Some("outer> 3 RETURN_VALUE"));
}

#[test]
fn bytes_that_are_decrypted_for_each_call_are_dumped_decrypted() {
    let lines = "def crypt(code):
    put(code, 0, ''.join(chr(ord(byte) ^ 0x5a) for byte in code.co_code))
def guarded():
    crypt(f.__code__)
    try:
        return f()
    finally:
        crypt(f.__code__)
crypt(f.__code__)
assert f.__code__.co_code[0] != 'd'
print guarded(), guarded(), guarded()
assert f.__code__.co_code[0] != 'd'
";
    let (program, manifest) = changing(lines);
    assert_eq!(
        (loaded(&program).as_str(), code_strings(&program)),
        ("(one) (one) (one)", vec![r"'d\x01\x00S'".to_string()])
    );
    assert_eq!(manifest.only("f")["instructions"], 6);
}

/// As protectors do it: the first instructions call what decrypts the rest, the last ones what encrypts it again.
#[test]
fn bytes_that_a_frame_decrypts_for_itself_are_dumped_decrypted() {
    let lines = "hidden = 'd\\1\\0}\\0\\0'
def crypt():
    code = f.__code__
    put(code, 7, ''.join(chr(ord(byte) ^ 0x5a) for byte in code.co_code[7:13]))
code = types.CodeType(0, 1, 9, 67, 't\\0\\0\\x83\\0\\0\\1' + hidden + 't\\0\\0\\x83\\0\\0\\1|\\0\\0S', (None, 'one'), ('crypt',), ('x',), 'changing', 'f', 1, '')
f = types.FunctionType(code, globals())
crypt()
print f(), f()
";
    let program = Program::new(&format!("{CHANGING}{lines}"));
    let ran = program.trace(&["-q", "--dump-code", "layers"], "t.bct", &[]);
    assert_eq!((ran.status, ran.stdout().as_str()), (0, "one one\n"));
    let strings = code_strings(&program);
    assert_eq!(strings.len(), 2, "{strings:?}");
    assert!(strings[1].contains(r"d\x01\x00}\x00\x00") && !strings[0].contains(r"d\x01\x00}"), "{strings:?}");
    let of_f = lines_of_f(&program);
    let hidden: Vec<_> =
        of_f.iter().filter(|(_, line)| line == "7 LOAD_CONST (one)" || line == "10 STORE_FAST (x)").collect();
    assert_eq!(hidden.len(), 4);
    let manifest = Manifest::read(&program, "layers");
    let began = manifest.named("f")[1]["first_instruction"].as_u64().unwrap();
    assert_eq!(of_f.iter().find(|(number, _)| *number == began).unwrap().1, "6 POP_TOP");
}

#[test]
fn a_suspended_generator_goes_on_with_the_bytes_that_it_finds() {
    let lines = "def f():
    yield 'first'
    yield 'second'
    yield 'third'
running = f()
next(running)
code = f.__code__
place = code.co_code.index('d' + chr(code.co_consts.index('second')))
put(code, place + 1, chr(code.co_consts.index('third')))
assert next(running) == 'third'
put(code, place + 1, chr(code.co_consts.index('second')))
assert list(running) == ['third'] and list(f()) == ['first', 'second', 'third']
";
    let (program, manifest) = changing(lines);
    let yielded: Vec<String> = lines_of_f(&program)
        .into_iter()
        .filter_map(|(_, line)| line.split_once("LOAD_CONST ").map(|(_, constant)| constant.to_string()))
        .filter(|constant| constant != "(None)")
        .collect();
    assert_eq!(yielded.join(" "), "(first) (third) (third) (first) (second) (third)");
    assert_eq!(manifest.named("f").len(), 2);
}

#[test]
fn an_operand_after_a_prefix_is_compared_too() {
    let lines =
        "f = made('\\x91\\0\\0d\\1\\0S')\nf()\nput(f.__code__, 4, '\\2')\nf()\nput(f.__code__, 0, 'd\\3\\0')\nf()\n";
    let (program, _) = changing(lines);
    let text: Vec<String> = lines_of_f(&program).into_iter().map(|(_, line)| line).collect();
    let wanted = [
        "0 EXTENDED_ARG (0)",
        "3 LOAD_CONST (one)",
        "6 RETURN_VALUE",
        "0 EXTENDED_ARG (0)",
        "3 LOAD_CONST (two)",
        "6 RETURN_VALUE",
        "0 LOAD_CONST (three)",
        "3 LOAD_CONST (two)",
        "6 RETURN_VALUE",
    ];
    assert_eq!(text, wanted);
}

#[test]
fn bytes_that_another_thread_changes_are_recorded_as_they_ran() {
    let lines = "import threading, time
def loop():
    ones = twos = 0
    for step in xrange(300):
        sleep(0.0001)
        value = 'one'
        if value == 'one':
            ones += 1
        else:
            twos += 1
    return ones, twos, 'two'
sleep = time.sleep
code = loop.__code__
one, two = [chr(code.co_consts.index(value)) for value in ('one', 'two')]
place = id(code.co_code) + HEADER + code.co_code.index('d' + one) + 1
def flip():
    turn = 0
    while not over:
        turn += 1
        move(place, (one, two)[turn & 1], 1)
    move(place, one, 1)
over = []
flipper = threading.Thread(target=flip)
flipper.start()
print '%d %d %s' % loop()
over.append(1)
flipper.join()
";
    let program = Program::new(&format!("{CHANGING}{lines}"));
    let ran = program.trace(&["-q", "--shutdown"], "t.bct", &[]);
    let counts: Vec<usize> = ran.stdout().split(' ').filter_map(|word| word.trim().parse().ok()).collect();
    let text = program.show(&["-r", "-n", "loop"], "t.bct");
    // The comparison after it loads 'one' as well, in bytes that are not changed.
    let ran_with = |constant: &str| text.matches(&format!(" LOAD_CONST ({constant})\nloop> ")).count();
    let compared = counts.iter().sum::<usize>();
    assert_eq!((compared, ran_with("one") - compared, ran_with("two") - 1), (300, counts[0], counts[1]));
    assert!(counts[0] > 0 && counts[1] > 0, "{counts:?}");
    let events = recorded::read(&program.path("t.bct")).events;
    assert_eq!(successor::check(&events, Allowance::default()), vec![]);
}

#[test]
fn code_that_is_never_the_same_twice_is_dumped_each_time() {
    let lines = "constants = (None,) + tuple(range(200))
code = types.CodeType(0, 0, 1, 67, 'd\\1\\0S', constants, (), (), 'changing', 'f', 1, '')
f = types.FunctionType(code, {})
for turn in range(2):
    for value in range(200):
        put(code, 1, chr(value + 1))
        assert f() == value
";
    let (program, manifest) = changing(lines);
    let values: Vec<String> = (0..200).map(|value| format!("({value})")).collect();
    assert_eq!(loaded(&program), [&values[..], &values].concat().join(" "));
    let versions = manifest.named("f");
    assert_eq!(versions.len(), 200);
    assert!(versions[1..].iter().all(|layer| layer["version_of"] == versions[0]["number"]));
    assert_eq!(code_strings(&program).len(), 200);
}

/// The VM runs whatever lies where the text of a str would be.
#[test]
fn code_that_is_no_string_runs_and_is_reported_as_missing() {
    let lines = "import struct
fake = ctypes.create_string_buffer(struct.pack('LLlli', 1 << 20, id(object), 4, -1, 0) + 'd\\2\\0S')
ctypes.c_void_p.from_address(id(f.__code__) + CODE).value = ctypes.addressof(fake)
assert f() == 'two'
";
    let (program, manifest) = changing(lines);
    assert_eq!(loaded(&program), "(two)");
    let f = manifest.only("f");
    assert_eq!((&f["missing"], &f["instructions"]), (&1.into(), &2.into()));
    assert_eq!(code_strings(&program), ["''"]);
    assert!(!marshalled(&program, f).is_empty());
}

/// A class and a function that a program changes when their code objects exist, as protectors decrypt what they are about to run.
const DECRYPTED: &str = "import marshal
source = '''class A(object):
    def get(self):
        inner = lambda: 1 or 'inner'
        return 'one', inner
        return 'two', inner
    def other(self):
        return 'other'
'''
scope = {'__name__': 'layer'}
exec marshal.loads(marshal.dumps(compile(source, 'layer', 'exec'))) in scope
code = scope['A'].__dict__['get'].__code__
scope['A']().get()
put(code, code.co_code.index('d', 9) + 1, chr(code.co_consts.index('two')))
for _ in range(3): scope['A']().get()[1]()
";

#[test]
fn what_ran_of_changed_code_is_put_together() {
    let (program, manifest) = changing(DECRYPTED);
    let script = "import json, marshal
whole, = json.load(open('layers/manifest.json'))['wholes']
code = marshal.loads(open('layers/' + str(whole['file']), 'rb').read()[8:])
scope = {'__name__': 'layer'}
exec code in scope
print whole['layer'], whole['file'], scope['A']().get()[0], scope['A']().other()";
    let [first, second] = manifest.named("get")[..] else { panic!("{:#?}", manifest.layers) };
    assert_eq!(second["version_of"], first["number"]);
    let outermost = manifest.number(&manifest.number(&first["parent"])["parent"]);
    let number = outermost["number"].as_u64().unwrap();
    assert_eq!(outermost["origin"], "marshal.loads");
    assert_eq!(python(&program, script), format!("{number} {number:04}-module.whole.pyc two other\n"));
}
