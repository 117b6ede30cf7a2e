//! Programs that do not want to be dumped: broken interfaces, constants that no compiler makes, and files in the way.

use std::fs;
use std::time::{Duration, Instant};

use super::{Manifest, marshalled, names, python};
use crate::live::Program;

/// Runs a code object with these constants, the expression of a tuple; nothing of them may be looked at by code of theirs.
fn holding(prelude: &str, constants: &str) -> (Program, Manifest) {
    let program = Program::new(&format!(
        "import types, ctypes\n{prelude}\nheld = types.CodeType(0, 0, 1, 64, 'd\\0\\0S', {constants}, (), (), 'held', 'held', 1, '')\nexec held\n"
    ));
    let manifest = Manifest::of(&program);
    (program, manifest)
}

/// What Python reads of the dump's constants.
fn read_back(program: &Program, manifest: &Manifest) -> String {
    let file = manifest.only("held")["file"].as_str().unwrap();
    python(program, &format!("import marshal; print marshal.loads(open('layers/{file}', 'rb').read()[8:]).co_consts"))
}

#[test]
fn a_program_that_breaks_marshal_and_hides_its_code_is_dumped_as_ever() {
    let hides = "import gc, marshal, types, ctypes
def refuse(*arguments): raise ValueError
marshal.dumps = marshal.dump = refuse
hidden = gc.get_referents(types.CodeType.__dict__)[0]
for name in list(hidden):
    del hidden[name]
ctypes.pythonapi.PyType_Modified(ctypes.py_object(types.CodeType))
def secret(): return 'flag'
try:
    secret.__code__.co_code
except AttributeError:
    print secret()
";
    let program = Program::new(hides);
    let ran = program.trace(&["-q", "--dump-code", "layers"], "t.bct", &[]);
    assert_eq!((ran.status, ran.stdout().as_str()), (0, "flag\n"), "{}", ran.stderr());
    let manifest = Manifest::read(&program, "layers");
    let file = manifest.only("secret")["file"].as_str().unwrap();
    let script = format!("import marshal; exec marshal.loads(open('layers/{file}', 'rb').read()[8:])\nprint 'ran'");
    assert_eq!(python(&program, &script), "ran\n");
    assert!(marshalled(&program, &manifest.layers[0]).ends_with(&program_bytes(&program)[8..]));
}

fn program_bytes(program: &Program) -> Vec<u8> {
    fs::read(program.path("p.pyc")).unwrap()
}

#[test]
fn constants_of_every_type_come_back() {
    let constants = "(None, Ellipsis, StopIteration, True, False, 1, -2**31, 2**62, 2**100, -2**77, 0L, 1.5, float('-inf'), 2-3j, \
        'str', 'interned', unichr(0xd800) + unichr(0xdc00) + u'\\xfc\\U0001f600', (1, ('two', ())), [3, [4]], {5: 'six', (7,): {}}, set([8]), frozenset([9, (10,)]))";
    let (program, manifest) = holding("", constants);
    assert_eq!(manifest.only("held")["missing"], 0);
    assert_eq!(read_back(&program, &manifest), python(&program, &format!("print {constants}")));
}

#[test]
fn objects_that_marshal_does_not_know_are_none_and_counted() {
    let prelude = "class Loud(object):
    def __repr__(self): raise SystemExit('looked at')
    __str__ = __eq__ = __hash__ = __reduce__ = __getattribute__ = __len__ = __iter__ = __repr__
class Text(str): __hash__ = None
class Number(int): pass
class Many(tuple): pass
class Keys(dict): pass
";
    let (program, manifest) =
        holding(prelude, "(1, Loud(), Text('x'), Number(5), Many((6,)), Keys(), Loud, len, [Loud(), 2])");
    assert_eq!(manifest.only("held")["missing"], 8);
    assert_eq!(read_back(&program, &manifest), "(1, None, None, None, None, None, None, None, [None, 2])\n");
}

#[test]
fn constants_that_hold_themselves_end() {
    let prelude = "cycle = [1]; cycle.append(cycle)
table = {}; table[0] = table
";
    let (program, manifest) = holding(prelude, "(cycle, table)");
    assert_eq!(manifest.only("held")["missing"], 2);
    assert_eq!(read_back(&program, &manifest), "([1, None], {0: None})\n");
}

#[test]
fn a_code_object_and_a_tuple_inside_themselves_end() {
    let program = Program::new(
        "import types, ctypes
pair = (2, 3)
constants = (None, 1, pair)
held = types.CodeType(0, 0, 1, 64, 'd\\0\\0S', constants, (), (), 'held', 'held', 1, '')
ctypes.pythonapi.Py_IncRef(ctypes.py_object(held))
ctypes.c_void_p.from_address(id(constants) + tuple.__basicsize__ + 8).value = id(held)
ctypes.pythonapi.Py_IncRef(ctypes.py_object(pair))
ctypes.c_void_p.from_address(id(pair) + tuple.__basicsize__ + 8).value = id(pair)
exec held
",
    );
    let manifest = Manifest::of(&program);
    assert_eq!(manifest.only("held")["missing"], 2);
    assert_eq!(read_back(&program, &manifest), "(None, None, (2, None))\n");
}

#[test]
fn constants_deeper_than_marshal_reads_are_cut_there() {
    let (program, manifest) = holding("deep = ()\nfor i in range(5000): deep = (deep,)", "(deep,)");
    assert_eq!(manifest.only("held")["missing"], 1);
    let file = manifest.only("held")["file"].as_str().unwrap();
    let script = format!(
        "import marshal\nobject = marshal.loads(open('layers/{file}', 'rb').read()[8:]).co_consts\ndepth = 0
while object:\n    object = object[0]\n    depth += 1\nprint depth"
    );
    assert_eq!(python(&program, &script), "1997\n");
}

#[test]
fn a_graph_that_unfolds_without_end_is_cut_in_time() {
    let begin = Instant::now();
    let (program, manifest) = holding("bomb = []\nfor i in range(60): bomb = [bomb, bomb]", "(bomb,)");
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    let held = manifest.only("held");
    assert!(held["missing"].as_u64().unwrap() > 0);
    assert!(marshalled(&program, held).len() < 64 << 20);
    read_back(&program, &manifest);
}

/// Only C code can make them: a name that is no string, numbers below zero.
#[test]
fn fields_that_no_code_object_has_are_mended() {
    let prelude = "held = types.CodeType(0, 0, 1, 64, 'd\\0\\0S', (1,), ('name', 'other'), (), 'held', 'held', 1, '')
ctypes.pythonapi.Py_IncRef(ctypes.py_object(7))
ctypes.c_void_p.from_address(id(held.co_names) + tuple.__basicsize__).value = id(7)
ctypes.c_int.from_address(id(held) + 16).value = -5
exec held
ctypes.c_int.from_address(id(held) + 16).value = 0
";
    let program = Program::new(&format!("import types, ctypes\n{prelude}"));
    let manifest = Manifest::of(&program);
    let file = manifest.only("held")["file"].as_str().unwrap();
    let script = format!(
        "import marshal; code = marshal.loads(open('layers/{file}', 'rb').read()[8:]); print code.co_argcount, code.co_names"
    );
    assert_eq!(python(&program, &script), "0 ('', 'other')\n");
}

#[test]
fn a_subclass_of_str_as_code_is_dumped_as_its_bytes() {
    let program = Program::new(
        "import types
class Code(str):
    def __repr__(self): raise SystemExit('looked at')
    __str__ = __len__ = __getitem__ = __repr__
exec types.CodeType(0, 0, 1, 64, Code('d\\0\\0S'), (1,), (), (), 'held', Code('held'), 1, '')
",
    );
    let manifest = Manifest::of(&program);
    let held = manifest.only("held");
    assert_eq!((&held["missing"], &held["instructions"]), (&0.into(), &2.into()));
    assert_eq!(read_back(&program, &manifest), "(1,)\n");
}

#[test]
fn names_lead_nowhere_but_into_the_folder() {
    let program = Program::new(
        "import types
for name in ('../../up', '/etc/passwd', 'a\\0b', '', '.', '..', 'CON', '\\xff' * 5000, 'a' * 300):
    exec types.CodeType(0, 0, 1, 64, 'd\\0\\0S', (1,), (), (), 'held', name, 1, '')
",
    );
    let manifest = Manifest::with(&program, &["--file", "held"]);
    let mut files: Vec<&str> = manifest.layers.iter().map(|layer| layer["file"].as_str().unwrap()).collect();
    files.push("manifest.json");
    assert_eq!((names(&program, "layers"), files.len()), (files.iter().map(|name| name.to_string()).collect(), 10));
    assert!(files.iter().all(
        |name| name.len() <= 80 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
    ));
    assert_eq!(names(&program, "."), ["layers", "p.pyc", "t.bct"]);
}

#[test]
fn a_file_that_the_program_puts_in_the_way_is_replaced() {
    let program = Program::free(
        "import os
os.symlink('../victim', 'layers/0099-f.pyc')
open('victim', 'w').write('whole')
for number in range(200):
    if not os.path.exists('layers/%04d-f.pyc' % number):
        os.symlink('../victim', 'layers/%04d-f.pyc' % number)
def f(): return 1
f()
",
    );
    let manifest = Manifest::with(&program, &["-n", "f"]);
    assert!(marshalled(&program, manifest.only("f")).starts_with(b"c"));
    assert_eq!(program.read("victim"), "whole");
}
