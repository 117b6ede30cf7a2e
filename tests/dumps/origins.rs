//! Where a code object comes from: which function made it, for which instruction, and in whose constants it is.

use serde_json::Value;

use super::Manifest;
use crate::live::{self, Program};

/// Each way to a code object, in a file name of its own.
const WAYS: &str = "import sys, marshal, types, new, parser, ctypes, zipfile
source = 'def inner(): return 1\\ninner()'
exec 'def execed(): pass\\nexeced()'
eval('(lambda evaled: evaled)(1)')
open('execfile.py', 'w').write('def execfiled(): pass\\nexecfiled()\\n')
execfile('execfile.py')
exec compile('def compiled(): pass\\ncompiled()', 'compiled', 'exec')
code = marshal.loads(marshal.dumps(compile(source, 'loads', 'exec')))
exec code
marshal.dump(compile(source, 'load', 'exec'), open('dumped', 'wb'))
exec marshal.load(open('dumped', 'rb'))
exec types.CodeType(0, 0, 1, 64, 'd\\0\\0S', (None,), (), (), 'codetype', 'codetype', 1, '')
exec new.code(0, 0, 1, 64, 'd\\0\\0S', (None,), (), (), 'newcode', 'newcode', 1, '')
exec parser.suite('pass').compile('parsed')
make = ctypes.pythonapi.Py_CompileString
make.restype = ctypes.py_object
exec make('pass', 'native', 257)
sys.path.insert(0, '.')
open('sourced.py', 'w').write('x = 1\\n')
import sourced
sys.modules.pop('sourced')
import sourced
archive = zipfile.ZipFile('archive.zip', 'w')
archive.writestr('zipped.py', 'x = 1\\n')
archive.close()
sys.path.insert(0, 'archive.zip')
import zipped
import colorsys
";

/// The text of a layer's origin, with the opcode of the instruction that it was made for.
fn told(layer: &Value, lines: &[&str]) -> String {
    let origin = layer["origin"].as_str().unwrap();
    let Some(number) = layer["instruction"].as_u64() else { return origin.to_string() };
    let line = lines[number as usize - 1];
    assert!(line.contains(&format!("> {} ", layer["offset"])), "{line} is not at {}", layer["offset"]);
    let opcode = line.split(' ').nth(2).unwrap();
    let path = layer["path"].as_str().map(|path| format!(" of {path}")).unwrap_or_default();
    format!("{origin}{path} by {opcode}")
}

#[test]
fn every_way_to_a_code_object_is_shown_with_its_instruction() {
    let program = Program::free(WAYS);
    let manifest = Manifest::of(&program);
    let text = program.show(&[], "t.bct");
    let lines: Vec<&str> = text.lines().collect();
    let of = |filename: &str, name: &str| {
        let wanted = |layer: &&Value| layer["filename"] == filename && layer["name"] == name;
        let found: Vec<_> = manifest.layers.iter().filter(wanted).map(|layer| told(layer, &lines)).collect();
        found.join(", ")
    };
    let cases = [
        ("p.py", "<module>", "main program"),
        ("<string>", "<module>", "exec by EXEC_STMT, eval by CALL_FUNCTION"),
        ("<string>", "execed", "constant"),
        ("<string>", "<lambda>", "constant"),
        ("execfile.py", "<module>", "execfile by CALL_FUNCTION"),
        ("compiled", "<module>", "compile by CALL_FUNCTION"),
        ("loads", "<module>", "marshal.loads by CALL_FUNCTION"),
        ("loads", "inner", "constant"),
        ("load", "<module>", "marshal.loads by CALL_FUNCTION"),
        ("codetype", "codetype", "types.CodeType by CALL_FUNCTION"),
        ("newcode", "newcode", "types.CodeType by CALL_FUNCTION"),
        ("parsed", "<module>", "compile by CALL_FUNCTION"),
        ("native", "<module>", "native code by CALL_FUNCTION"),
        ("./sourced.py", "<module>", "import of ./sourced.py by IMPORT_NAME, import of ./sourced.pyc by IMPORT_NAME"),
        ("archive.zip/zipped.py", "<module>", "import of archive.zip/zipped.py by IMPORT_NAME"),
        (
            "/opt/python2.7/lib/python2.7/colorsys.py",
            "<module>",
            "import of /opt/python2.7/lib/python2.7/colorsys.pyc by IMPORT_NAME",
        ),
    ];
    for (filename, name, origin) in cases {
        assert_eq!(of(filename, name), origin, "{filename} {name}");
    }
}

/// The code object of a module is freed when it has run; its functions live on.
#[test]
fn a_function_knows_its_parent_when_that_is_gone() {
    let program = Program::new("exec 'def late(): return 1'\nx = [i for i in range(9)]\nexec 'y = 1'\nlate()\n");
    let manifest = Manifest::of(&program);
    let late = manifest.only("late");
    assert_eq!(late["origin"], "constant");
    assert_eq!(manifest.number(&late["parent"])["filename"], "<string>");
}

#[test]
fn a_function_that_is_dug_out_comes_from_what_made_it() {
    let program = Program::new(
        "import marshal\nmodule = marshal.loads(marshal.dumps(compile('def f(): return 1', 'dug', 'exec')))\n\
         exec module.co_consts[0]\n",
    );
    let f = Manifest::of(&program).only("f").clone();
    assert_eq!(f["origin"], "constant");
    let all = Manifest::whole(&program, "layers");
    let module = all.number(&f["parent"]);
    assert_eq!((&module["origin"], &module["ran"]), (&"marshal.loads".into(), &false.into()));
}

#[test]
fn a_function_that_was_there_before_the_trace_is_shown_as_such() {
    let program = Program::new("import os\nos.getenv('HOME')\n");
    assert_eq!(Manifest::of(&program).only("getenv")["origin"], "before the trace");
}

#[test]
fn what_a_recorded_interpreter_has_to_run_is_the_main_program() {
    let program = Program::new("");
    let command = program.command(["python", "--trace-to", "t.bct", "-c", "exec 'x = 1'"]);
    assert_eq!(live::run(command).status, 0);
    let tree = program.view("layers", &["--no-stdlib"], "t.bct");
    let wanted = "0001 <module> (<string>, line 1): main program; 6 instructions, 1 to 10
  0002 <module> (<string>, line 1): exec at instruction 4; 4 instructions, 5 to 8\n";
    assert_eq!(tree, wanted);
}

#[test]
fn what_evaluated_code_makes_is_its_own() {
    let program = Program::new(
        "def make(): return compile('1', 'within', 'eval')\n\
         exec eval('make()')\nimport types\n",
    );
    let manifest = Manifest::of(&program);
    let within = manifest.layers.iter().find(|layer| layer["filename"] == "within").unwrap();
    assert_eq!(within["origin"], "compile");
    assert_eq!(manifest.number(&within["parent"])["name"], "make");
}

/// marshal.load reads from a file, which lets other threads run.
#[test]
fn threads_that_make_code_at_once_are_distinguished() {
    let program = Program::new(
        "import threading, marshal
def worker(number):
    for step in range(40):
        exec compile('x = %d' % step, 'compiled%d' % number, 'exec')
        exec marshal.loads(marshal.dumps(compile('y = %d' % step, 'loaded%d' % number, 'exec')))
threads = [threading.Thread(target=worker, args=(number,)) for number in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
",
    );
    let manifest = Manifest::of(&program);
    let mut seen = 0;
    for layer in &manifest.layers {
        let filename = layer["filename"].as_str().unwrap();
        let wanted = match filename.trim_end_matches(char::is_numeric) {
            "compiled" => "compile",
            "loaded" => "marshal.loads",
            _ => continue,
        };
        assert_eq!(
            (layer["origin"].as_str().unwrap(), &manifest.number(&layer["parent"])["name"]),
            (wanted, &"worker".into())
        );
        seen += 1;
    }
    assert_eq!(seen, 320);
}

#[test]
fn code_that_one_place_makes_again_and_again_is_one_layer() {
    let program = Program::new("for i in xrange(3000):\n    exec 'def f(): pass\\nf()'\n");
    let manifest = Manifest::with(&program, &["--no-stdlib"]);
    assert_eq!(manifest.layers.len(), 3);
    let f = manifest.only("f");
    assert_eq!((&f["objects"], &f["instructions"]), (&3000.into(), &6000.into()));
}

#[test]
fn a_filtered_recording_numbers_the_makers_instruction_as_the_vm_does() {
    let source = "def pad(n):\n    for i in range(n): pass\npad(1000)\nexec 'def f(): return 1\\nf()'\n";
    let program = Program::new(source);
    let whole = Manifest::of(&program);
    let module =
        |manifest: &Manifest| manifest.layers.iter().find(|layer| layer["filename"] == "<string>").cloned().unwrap();
    let filtered = Program::new(source);
    let some = Manifest::with(&filtered, &["--file", "<string>"]);
    for member in ["instruction", "offset", "first_instruction", "last_instruction", "instructions"] {
        assert_eq!(module(&whole)[member], module(&some)[member], "{member}");
    }
}

#[test]
fn the_tree_cannot_be_forged_by_names() {
    let program = Program::new(
        "import types\nexec types.CodeType(0, 0, 1, 64, 'd\\0\\0S', (None,), (), (), 'a\\nb', '../x\\n0009 f\\x1b[2J', 1, '')\n",
    );
    let manifest = Manifest::with(&program, &["--no-stdlib"]);
    assert_eq!(manifest.layers[1]["file"], "0002-___x_0009_f__2J.pyc");
    let tree = program.view("layers", &["--no-stdlib"], "t.bct");
    assert_eq!(tree.lines().count(), 2, "{tree}");
    assert!(tree.ends_with(": types.CodeType at instruction 19; 2 instructions, 23 to 24\n"), "{tree}");
    assert!(tree.contains("  0002 ../x\\n0009\\x20f\\x1b[2J (a\\nb, line 1): "), "{tree}");
}

#[test]
fn json_lines_say_what_made_what() {
    let program = Program::new("exec 'x = 1'\n");
    program.trace(&["-q"], "t.jsonl", &[]);
    let lines: Vec<Value> = program.read("t.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |kind: &str| -> Vec<&Value> { lines.iter().filter(|line| line["type"] == kind).collect() };
    let made = of("made")[0];
    assert_eq!((&made["how"], &made["by"], &made["made"]), (&"exec".into(), &0.into(), &0.into()));
    let instruction =
        lines.iter().find(|line| line["type"] == "instruction" && line["number"] == made["number"]).unwrap();
    assert_eq!((&instruction["opname"], &instruction["offset"]), (&"EXEC_STMT".into(), &made["offset"]));
    let layers = of("layer");
    assert_eq!((&layers[0]["made"], &layers[1]["made"]), (&Value::Null, &0.into()));
    assert_eq!(layers[1]["number"], made["number"]);
}

#[test]
fn what_a_module_of_the_library_runs_when_it_is_imported_is_the_librarys() {
    let program = Program::new("import _multiprocessing\nprint _multiprocessing.__name__\n");
    let whole = Manifest::of(&program);
    assert!(whole.layers.iter().any(|layer| layer["filename"] == "<string>"), "{:#?}", whole.layers);
    let own = Program::new("import _multiprocessing\nprint _multiprocessing.__name__\n");
    let own = Manifest::with(&own, &["--no-stdlib"]);
    assert_eq!(own.layers.len(), 1, "{:#?}", own.layers);
}
