//! Programs whose opcodes have other numbers: recorded by a map, and the search for the map.  The remapped files are made here, of what the
//! compiler inside the VM makes.

use std::fs;
use std::path::{Path, PathBuf};

use crate::running::{Ran, bctrace, run};

/// Compiles FILE.py to FILE.pyc with its opcodes permuted by a seed, writes the map to FILE.json and plain code to FILE.plain.pyc.
/// Arguments: a mode, the seed, the opcodes that are left out of the map, and the files.  In the mode `classes` numbers from 90 on keep
/// their operands; in `all` any number can stand for any opcode; `twice` gives each opcode two numbers; in `padded` opcodes without an
/// operand have numbers from 90 on too, and then two more bytes, as an interpreter reads them that goes by the number.
const REMAP: &str = r#"
import imp, json, marshal, opcode, random, sys, types
mode, seed, left_out = sys.argv[1], int(sys.argv[2]), sys.argv[3].split(',')
random.seed(seed)
ops = sorted(number for name, number in opcode.opmap.items() if number)
numbers = {}
if mode == 'classes':
    for group in ([o for o in ops if o < 90], [o for o in ops if o >= 90]):
        others = group[:]
        random.shuffle(others)
        numbers.update((o, [other]) for o, other in zip(group, others))
elif mode == 'padded':
    others = random.sample(range(90, 256), len(ops))
    numbers = dict(zip(ops, ([other] for other in others)))
else:
    twice = 2 if mode == 'twice' else 1
    others = random.sample(range(256), len(ops) * twice)
    numbers = dict((o, others[i * twice:(i + 1) * twice]) for i, o in enumerate(ops))
def pad(old):
    at, places, all = 0, {}, []
    while at < len(old):
        op = ord(old[at])
        places[at] = 3 * len(all)
        all.append((at, op, old[at + 1:at + 3] if op >= 90 else '\x09\x01'))
        at += 3 if op >= 90 else 1
    new = ''
    for at, op, operand in all:
        value = ord(operand[0]) | ord(operand[1]) << 8
        if op in opcode.hasjabs:
            value = places[value]
        elif op in opcode.hasjrel:
            value = places[at + 3 + value] - places[at] - 3
        new += chr(numbers[op][0]) + chr(value & 255) + chr(value >> 8)
    return new
def remap(code):
    old, new, at = code.co_code, '', 0
    while at < len(old):
        op = ord(old[at])
        length = 3 if op >= 90 else 1
        new += chr(random.choice(numbers[op])) + old[at + 1:at + length]
        at += length
    if mode == 'padded':
        new = pad(old)
    constants = tuple(remap(c) if type(c) is types.CodeType else c for c in code.co_consts)
    return types.CodeType(code.co_argcount, code.co_nlocals, code.co_stacksize, code.co_flags, new, constants, code.co_names,
                          code.co_varnames, code.co_filename, code.co_name, code.co_firstlineno, code.co_lnotab,
                          code.co_freevars, code.co_cellvars)
def write(code, path):
    open(path, 'wb').write(imp.get_magic() + '\0\0\0\0' + marshal.dumps(code))
for path in sys.argv[4:]:
    code = compile(open(path).read(), path.split('/')[-1], 'exec', 0, True)
    base = path[:-3]
    write(code, base + '.plain.pyc')
    write(remap(code), base + '.pyc')
    names = dict((str(n), opcode.opname[o]) for o, ns in numbers.items() for n in ns if opcode.opname[o] not in left_out)
    json.dump(names, open(base + '.json', 'w'))
"#;

/// A program that is remapped.
struct Remapped {
    folder: tempfile::TempDir,
}

impl Remapped {
    fn new(source: &str, mode: &str, seed: u32, left_out: &str) -> Remapped {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("p.py"), source).unwrap();
        let remapped = Remapped { folder };
        remapped.remap(mode, seed, left_out, &["p.py"]);
        remapped
    }

    fn remap(&self, mode: &str, seed: u32, left_out: &str, files: &[&str]) {
        let mut python = bctrace(["python", "-S", "-E", "-c", REMAP, mode, &seed.to_string(), left_out]);
        run(python.args(files.iter().map(|file| self.path(file)))).succeeded();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Records a file of the folder with more arguments.
    fn record(&self, pyc: &str, trace: &str, more: &[&str]) -> Ran {
        run(bctrace(["-q", "-r"]).args(more).arg(self.path(pyc)).arg(self.path(trace)))
    }

    fn record_mapped(&self, trace: &str) -> Ran {
        self.record("p.pyc", trace, &["--opmap", self.path("p.json").to_str().unwrap()])
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }
}

const PROGRAM: &str = "import sys
class Box(object):
    def __init__(self, *values, **named):
        self.values, self.named = list(values), named
    def each(self):
        for value in self.values:
            try:
                yield value / (value - 2)
            except ZeroDivisionError as error:
                yield str(error)
            finally:
                self.named['last'] = value
box = Box(1, 2, 3, key='x')
print [x for x in box.each()], sorted(box.named.items()), box.values[1:], not box
total = 0
while total < 10:
    total += 3
    if total == 6:
        continue
print >>sys.stdout, total, {total: 1 if total else 2}, (lambda a, b=2: a ** b)(total)
with open('/dev/null') as null:
    null.read()
";

#[test]
fn a_remapped_program_runs_and_is_traced_as_the_plain_one() {
    for (mode, seed) in [("classes", 1), ("classes", 2), ("all", 3), ("all", 4), ("twice", 5)] {
        let program = Remapped::new(PROGRAM, mode, seed, "");
        let plain = program.record("p.plain.pyc", "plain.txt", &[]);
        let mapped = program.record_mapped("mapped.txt");
        assert_eq!((mapped.status, mapped.stdout()), (0, plain.stdout()), "{mode} {seed}: {}", mapped.stderr());
        assert_eq!(program.text("mapped.txt"), program.text("plain.txt"), "{mode} {seed}");
    }
}

/// Changes an operand of a function in memory, where the VM has it, between two calls.
const CHANGING: &str = "import ctypes
CODE = object.__basicsize__ + 16
def f(x):
    return x + 1000
    return x + 2000
print f(1)
place = ctypes.c_void_p.from_address(id(f.__code__) + CODE).value + str.__basicsize__ - 1
ctypes.memmove(place + 4, '\\2', 1)
print f(1)
";

#[test]
fn a_remapped_program_may_change_its_code_in_memory() {
    for (mode, seed) in [("classes", 40), ("all", 41)] {
        let program = Remapped::new(CHANGING, mode, seed, "");
        let plain = program.record("p.plain.pyc", "plain.txt", &[]);
        assert_eq!((plain.status, plain.stdout()), (0, "1001\n2001\n".into()), "{}", plain.stderr());
        let mapped = program.record_mapped("mapped.txt");
        assert_eq!((mapped.status, mapped.stdout()), (0, plain.stdout()), "{}", mapped.stderr());
        assert!(program.text("plain.txt").contains("f> 3 LOAD_CONST (2000)"));
        assert_eq!(program.text("mapped.txt"), program.text("plain.txt"), "{mode}");
    }
}

/// Runs other code in a child, some of it unmarshalled there.
const FORKING: &str = "import marshal, os
def double(n): return [n, n * 2]
def child(n): return sum(double(n))
data = marshal.dumps(child.func_code)
if os.fork() == 0:
    again = type(child)(marshal.loads(data), globals())
    os._exit(again(4))
print os.WEXITSTATUS(os.wait()[1])
";

#[test]
fn the_children_of_a_remapped_program_are_traced_as_those_of_the_plain_one() {
    let program = Remapped::new(FORKING, "all", 42, "");
    let map = program.path("p.json");
    let texts = |pyc: &str, folder: &str, more: &[&str]| {
        fs::create_dir(program.path(folder)).unwrap();
        let ran = program.record(pyc, &format!("{folder}/t.txt"), &[&["--follow-forks", "--no-stdlib"], more].concat());
        assert_eq!((ran.status, ran.stdout()), (0, "12\n".into()), "{}", ran.stderr());
        let files = fs::read_dir(program.path(folder)).unwrap().map(|entry| entry.unwrap().path());
        let mut texts: Vec<String> = files.map(|path| fs::read_to_string(path).unwrap()).collect();
        texts.sort();
        texts
    };
    let plain = texts("p.plain.pyc", "plain", &[]);
    assert!(plain.len() == 2 && plain.iter().any(|text| text.contains("double> ")), "{plain:?}");
    assert_eq!(texts("p.pyc", "mapped", &["--opmap", map.to_str().unwrap()]), plain);
}

#[test]
fn opcodes_without_an_operand_may_take_three_bytes() {
    let program = Remapped::new(PROGRAM, "padded", 9, "");
    let ran = program.record_mapped("t.txt");
    let plain = program.record("p.plain.pyc", "plain.txt", &[]);
    assert_eq!((ran.status, ran.stdout()), (plain.status, plain.stdout()));
    // Each of them is followed by two NOPs, if control goes on.
    let opcodes = |name: &str| -> Vec<String> {
        let text = program.text(name);
        let opcodes = text.lines().filter_map(|line| line.split_once("> ")?.1.split(' ').nth(1));
        opcodes.filter(|opcode| *opcode != "NOP").map(str::to_owned).collect()
    };
    assert!(!opcodes("plain.txt").is_empty());
    assert_eq!(opcodes("t.txt"), opcodes("plain.txt"));
    assert!(program.text("t.txt").contains(" NOP"));
}

#[test]
fn dis_lists_a_remapped_program_as_the_plain_one() {
    let program = Remapped::new(PROGRAM, "all", 6, "");
    let list = |pyc: &str, more: &[&str]| {
        run(bctrace(["dis", "--format", "lines", "-r"]).args(more).arg(program.path(pyc))).succeeded()
    };
    let map = program.path("p.json");
    assert_eq!(list("p.pyc", &["--opmap", map.to_str().unwrap()]), list("p.plain.pyc", &[]));
}

const LAYERS: &str = "import marshal, sys, types
def layer(n):
    return sum([i * i for i in range(n)])
code = layer.func_code
data = marshal.dumps(code)
again = marshal.loads(data)
made = types.CodeType(code.co_argcount, code.co_nlocals, code.co_stacksize, code.co_flags, code.co_code, code.co_consts,
                      code.co_names, code.co_varnames, code.co_filename, code.co_name, code.co_firstlineno, code.co_lnotab)
print [types.FunctionType(c, globals())(5) for c in (again, made)]
print again.co_code == code.co_code, marshal.dumps(again) == data, made == code, hash(made) == hash(code)
exec compile('print layer(3)', '<text>', 'exec')
import collections, helper
print collections.namedtuple('P', 'a b')(1, helper.double(2))
print type(code).co_code, code.co_code.encode('hex')
";

#[test]
fn layers_and_modules_are_translated_and_the_library_is_not() {
    let program = Remapped::new(LAYERS, "all", 7, "");
    fs::write(program.path("helper.py"), "def double(x):\n    return [x, x]\n").unwrap();
    program.remap("all", 7, "", &["helper.py", "p.py"]);
    fs::remove_file(program.path("helper.py")).unwrap();
    let ran = program.record_mapped("t.jsonl");
    assert_eq!(ran.status, 0, "{}", ran.stderr());
    let out = ran.stdout();
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[..4], ["[30, 30]", "True True True True", "5", "P(a=1, b=[2, 2])"]);
    let (member, bytes) = lines[4].rsplit_once(' ').unwrap();
    assert_eq!(member, "<member 'co_code' of 'code' objects>");
    // The program and the trace have the original bytes, and the trace those that were executed too.
    let trace = program.text("t.jsonl");
    assert!(trace.contains(&format!("\"original_hex\":\"{bytes}\"")));
    assert!(!trace.contains(&format!("\"bytes_hex\":\"{bytes}\"")));
}

#[test]
fn a_plain_module_beside_a_remapped_program_stays_as_it_is() {
    let program = Remapped::new("import helper\nprint helper.double(4)\n", "classes", 8, "");
    let helper = tempfile::tempdir().unwrap();
    fs::write(
        helper.path().join("helper.py"),
        "def double(x):\n    for y in range(x):\n        x += y\n    return x\n",
    )
    .unwrap();
    let mut python = bctrace(["python", "-S", "-E", "-c", REMAP, "classes", "9", ""]);
    run(python.arg(helper.path().join("helper.py"))).succeeded();
    fs::copy(helper.path().join("helper.plain.pyc"), program.path("helper.pyc")).unwrap();
    let ran = program.record_mapped("t.txt");
    assert_eq!((ran.status, ran.stdout()), (0, "10\n".into()), "{}", ran.stderr());
}

#[test]
fn an_opcode_that_the_map_does_not_name_stops_the_program() {
    let program = Remapped::new("print 'before'\nx = ['a', 7]\nprint x\n", "all", 10, "BUILD_LIST");
    let ran = program.record_mapped("t.txt");
    assert_eq!((ran.status, ran.stdout()), (123, "before\n".into()), "{}", ran.stderr());
    let map: serde_json::Value = serde_json::from_str(&program.text("p.json")).unwrap();
    assert!(!map.as_object().unwrap().values().any(|name| name == "BUILD_LIST"));
    let trace = program.text("t.txt");
    let last = trace.lines().last().unwrap();
    let number = last.strip_prefix("<module>> 11 ").and_then(|rest| rest.strip_suffix(" **********INVALID**********"));
    let number = number.unwrap_or_else(|| panic!("{last}"));
    let said = ran.stderr();
    assert!(
        said.contains(&format!("the map does not name opcode {number}, which is executed in <module> at 11")),
        "{said}"
    );
    assert!(said.contains("the value stack: 7, a (top first)"), "{said}");
    assert!(said.contains("it can be BUILD_LIST"), "{said}");
    let ran = program.record_mapped("t.jsonl");
    assert_eq!(ran.status, 123);
    let record = format!(
        "\"type\":\"unmapped\",\"number\":6,\"opcode\":{number},\"stack\":[\"a\",\"7\"],\"below\":0,\"candidates\":[\"BUILD_LIST\"]"
    );
    assert!(program.text("t.jsonl").contains(&record), "{}", program.text("t.jsonl"));
}

/// Writes code in which numbers below 90 have one byte whatever they stand for, and all others three.
const BY_NUMBER: &str = r#"
import imp, json, marshal, sys, types
code = types.CodeType(0, 0, 1, 64, CODE, (41, None), ('x',), (), 's.py', '<module>', 1, '', (), ())
open(sys.argv[1] + '/p.pyc', 'wb').write(imp.get_magic() + '\0\0\0\0' + marshal.dumps(code))
names = {5: 'LOAD_CONST', 71: 'PRINT_ITEM', 100: 'LOAD_CONST', 200: 'RETURN_VALUE', 201: 'PRINT_NEWLINE'}
json.dump(dict((str(number), name) for number, name in names.items()), open(sys.argv[1] + '/p.json', 'w'))
"#;

#[test]
fn an_opcode_without_room_for_its_operand_stops_the_program_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    // Prints 41, and loads by the short form.
    let code = r"'d\0\0' 'G' '\xc9\0\0' '\5' '\xc8\0\0'";
    run(bctrace(["python", "-S", "-E", "-c", &BY_NUMBER.replace("CODE", code)]).arg(folder.path())).succeeded();
    let program = Remapped { folder };
    let ran = program.record_mapped("t.jsonl");
    let said = ran.stderr();
    assert_eq!((ran.status, ran.stdout()), (123, "41\n".into()), "{said}");
    let why = "opcode 5, which is executed in <module> at 7, stands for LOAD_CONST in the map; that needs an operand";
    assert!(said.contains(why), "{said}");
    let trace = program.text("t.jsonl");
    assert!(trace.contains("\"candidates\":[\"LOAD_CONST\"]"), "{trace}");
}

#[test]
fn a_map_that_is_none_is_refused_before_anything_is_written() {
    let program = Remapped::new("print 1\n", "classes", 11, "");
    for (text, part) in [("[]", "must be an object"), ("{\"1\": \"LOAD\"}", "\"LOAD\" is no opcode of Python 2.7")] {
        fs::write(program.path("p.json"), text).unwrap();
        let ran = program.record_mapped("t.txt");
        assert_eq!(ran.status, 125);
        assert!(ran.stderr().contains(part), "{}", ran.stderr());
        assert!(!program.path("t.txt").exists());
    }
}

#[test]
fn a_program_that_looks_remapped_gets_a_hint() {
    let program = Remapped::new(PROGRAM, "classes", 12, "");
    let hint = "does not look like code of Python 2.7";
    let recorded = program.record("p.pyc", "t.txt", &[]);
    assert_ne!(recorded.status, 0);
    assert!(recorded.stderr().contains(hint), "{}", recorded.stderr());
    assert!(run(bctrace(["dis"]).arg(program.path("p.pyc"))).stderr().contains(hint));
    for ran in [program.record("p.plain.pyc", "u.txt", &[]), run(bctrace(["dis"]).arg(program.path("p.plain.pyc")))] {
        assert!(!ran.stderr().contains(hint), "{}", ran.stderr());
    }
}

/// Writes the sources of library modules into the folder, and remaps them.
fn library(program: &Remapped, mode: &str, seed: u32, modules: &[&str]) {
    const SOURCE: &str = "import pkgutil, sys
open(sys.argv[2], 'w').write(pkgutil.get_loader(sys.argv[1]).get_source(sys.argv[1]))";
    for module in modules {
        let path = program.path(&format!("{module}.py"));
        run(bctrace(["python", "-c", SOURCE, module]).arg(path)).succeeded();
    }
    let files: Vec<String> = modules.iter().map(|module| format!("{module}.py")).collect();
    program.remap(mode, seed, "", &files.iter().map(String::as_str).collect::<Vec<_>>());
}

fn pairs(json: &str) -> std::collections::BTreeMap<u8, String> {
    let map: std::collections::BTreeMap<String, String> = serde_json::from_str(json).unwrap();
    map.into_iter().map(|(number, name)| (number.parse().unwrap(), name)).collect()
}

#[test]
fn known_modules_give_the_exact_map() {
    for (mode, seed) in [("classes", 20), ("all", 21), ("twice", 22)] {
        let program = Remapped::new(PROGRAM, mode, seed, "");
        library(&program, mode, seed, &["decimal", "inspect", "pickle", "tarfile"]);
        program.remap(mode, seed, "", &["p.py"]);
        let known = ["decimal", "inspect", "pickle", "tarfile"].map(|name| program.path(&format!("{name}.pyc")));
        let found = run(bctrace(["opmap"]).arg(program.path("decimal.pyc")).arg("--known").args(known)).succeeded();
        let (found, truth) = (pairs(&found), pairs(&program.text("decimal.json")));
        let wrong: Vec<_> = found.iter().filter(|(number, name)| truth.get(number) != Some(name)).collect();
        assert!(wrong.is_empty(), "{mode}: {wrong:?}");
        assert!(found.len() > 70, "{mode}: {}", found.len());
        let zip = "import sys, zipfile\narchive = zipfile.ZipFile(sys.argv[1], 'w')\nfor path in sys.argv[2:]: archive.write(path, path.split('/')[-1])";
        let known = ["decimal", "inspect", "pickle", "tarfile"].map(|name| program.path(&format!("{name}.pyc")));
        run(bctrace(["python", "-c", zip]).arg(program.path("library.zip")).args(known)).succeeded();
        let mut of_zip = bctrace(["opmap"]);
        of_zip.arg(program.path("decimal.pyc")).arg("--known").arg(program.path("library.zip"));
        assert_eq!(pairs(&run(&mut of_zip).succeeded()), found, "{mode}");
    }
}

#[test]
fn a_map_is_inferred_from_a_program_alone() {
    let program = Remapped::new(PROGRAM, "classes", 30, "");
    library(&program, "classes", 32, &["tarfile"]);
    // All opcodes of the small program are rare; the module is large.
    for (name, least) in [("p", 0.75), ("tarfile", 0.97)] {
        let share = inferred(&program, name);
        assert!(share >= least, "{share} of the instructions of {name} are listed as they are");
    }
}

/// Infers a map; returns the share of instructions that are then listed as those of the plain program.
fn inferred(program: &Remapped, name: &str) -> f64 {
    let (pyc, map) = (program.path(&format!("{name}.pyc")), program.path("inferred.json"));
    let ran = run(bctrace(["opmap"]).arg(&pyc).arg("-o").arg(&map));
    assert!(ran.stderr().contains("OPCODE"), "{}", ran.stderr());
    let found = run(bctrace(["dis", "-r", "--opmap"]).arg(&map).arg(&pyc)).succeeded();
    let truth = run(bctrace(["dis", "-r"]).arg(program.path(&format!("{name}.plain.pyc")))).succeeded();
    let same = found.lines().zip(truth.lines()).filter(|(found, truth)| found == truth).count();
    same as f64 / truth.lines().count() as f64
}

#[test]
fn a_map_in_doubt_is_found_by_running_the_program() {
    let source =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clean/programs/printing.py")).unwrap();
    let program = Remapped::new(&source, "classes", 1, "");
    let plain = program.record("p.plain.pyc", "plain.txt", &[]);
    let map = program.path("found.json");
    let ran = run(bctrace(["opmap", "--try"]).arg(program.path("p.pyc")).arg("-o").arg(&map));
    assert!(ran.stderr().contains("and ended with status 0"), "{}", ran.stderr());
    let mapped = program.record("p.pyc", "mapped.txt", &["--opmap", map.to_str().unwrap()]);
    assert_eq!((mapped.status, mapped.stdout()), (0, plain.stdout()));
    assert_eq!(program.text("mapped.txt"), program.text("plain.txt"));
}

#[test]
fn devices_and_files_that_are_too_long_are_no_maps() {
    let program = Remapped::new("print 1\n", "classes", 31, "");
    fs::File::create(program.path("long")).unwrap().set_len(1 << 40).unwrap();
    let long = program.path("long").to_str().unwrap().to_owned();
    for (map, why) in [("/dev/zero", "it is a device; a map is a file"), (&long, "it is longer than 1.00 MiB")] {
        let ran = run(bctrace(["dis", "--opmap", map]).arg(program.path("p.pyc")));
        assert_eq!(ran.status, 125);
        assert!(ran.stderr().contains(&format!("cannot read the map {map}: {why}")), "{}", ran.stderr());
    }
    let ran = run(bctrace(["opmap", "-q"]).arg(program.path("p.pyc")).arg("-o").arg(&long));
    assert!(ran.stderr().contains("it exists and is no map"), "{}", ran.stderr());
}

#[test]
fn a_map_replaces_no_other_file() {
    let program = Remapped::new("print 1\n", "classes", 31, "");
    let write = |to: &Path| run(bctrace(["opmap", "-q"]).arg(program.path("p.pyc")).arg("-o").arg(to));
    fs::write(program.path("notes"), "keep").unwrap();
    assert_eq!(write(&program.path("notes")).status, 125);
    assert_eq!(program.text("notes"), "keep");
    for _ in 0..2 {
        assert_eq!(write(&program.path("new.json")).status, 0);
    }
    assert!(!pairs(&program.text("new.json")).is_empty());
}

#[test]
fn a_trace_by_a_map_is_none_of_the_file_for_clean() {
    let program = Remapped::new(PROGRAM, "classes", 6, "");
    assert_eq!(program.record_mapped("t.bct").status, 0);
    let ran = run(bctrace(["clean"]).args([
        program.path("p.pyc"),
        program.path("t.bct"),
        "-o".into(),
        program.path("clean"),
    ]));
    assert_eq!((ran.status, program.path("clean").exists()), (125, false));
    let message = ran.stderr();
    assert!(
        message.contains("it was recorded with --opmap; clean the files that `bctrace layers --dump DIR "),
        "{message}"
    );
    assert_eq!(message.lines().count(), 1, "{message}");
}

#[test]
fn what_is_wrong_with_a_map_is_said_once() {
    let program = Remapped::new(PROGRAM, "classes", 7, "");
    fs::write(program.path("p.json"), "{\"1\":\n").unwrap();
    let ran = program.record_mapped("t.txt");
    assert_eq!(ran.status, 125);
    assert_eq!(ran.stderr().matches("EOF while parsing").count(), 1, "{}", ran.stderr());
}
