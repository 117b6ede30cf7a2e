//! What is inside a program and never runs by itself: texts, code objects that were made and not run, strings of C functions, and the names
//! under which functions are stored.

use serde_json::Value;

use super::{Manifest, names, python};
use crate::live::{self, Program};
use crate::running;

/// The manifest of a folder, whole.
fn whole(program: &Program, folder: &str) -> Value {
    serde_json::from_str(&program.read(&format!("{folder}/manifest.json"))).unwrap()
}

/// The text of the only layer of this file name.
#[track_caller]
fn text_of(program: &Program, filename: &str) -> String {
    let manifest = Manifest::whole(program, "layers");
    let layer =
        manifest.layers.iter().find(|layer| layer["filename"] == filename && layer["text"].is_string()).unwrap();
    let (text, file) = (layer["text"].as_str().unwrap(), layer["file"].as_str().unwrap());
    assert_eq!(text.strip_suffix(".py"), file.strip_suffix(".pyc"));
    program.read(&format!("layers/{text}"))
}

#[test]
fn the_text_of_each_way_to_compile_is_written_whole() {
    let comments = "# a comment\n".repeat(4000);
    let program = Program::free(&format!(
        "open('file.py', 'w').write('file = 1 # the end\\n')\n\
         compile({comments:?} + 'compiled = 1 # the end', 'compiled', 'exec')\n\
         exec {comments:?} + 'executed = 1 # the end'\n\
         execfile('file.py')\n\
         exec open('file.py')\n"
    ));
    let manifest = Manifest::of(&program);
    assert_eq!(text_of(&program, "compiled"), format!("{comments}compiled = 1 # the end"));
    assert_eq!(text_of(&program, "<string>"), format!("{comments}executed = 1 # the end"));
    assert_eq!(text_of(&program, "file.py"), "file = 1 # the end\n");
    assert_eq!(manifest.layers.iter().filter(|layer| layer["filename"] == "file.py").count(), 2);
}

#[test]
fn the_text_of_eval_is_written_and_one_that_is_no_python_as_well() {
    let program = Program::new(
        "eval(u'1 + 1 # \\xfc')\n\
         try: exec 'def f(:'\nexcept SyntaxError: pass\n",
    );
    Manifest::of(&program);
    assert_eq!(text_of(&program, "<string>"), "1 + 1 # \u{fc}");
    let texts = whole(&program, "layers")["texts"].as_array().unwrap().clone();
    assert_eq!((texts.len(), &texts[0]["origin"]), (1, &"exec".into()));
    assert_eq!(program.read("layers/text-0001.py"), "def f(:");
}

#[test]
fn what_input_reads_is_a_text_like_any() {
    let program = Program::new("print input(), input('> ')\n");
    let options = ["-q", "--dump-code", "layers", "--stdin-text", " 6 * 7 # the first\n(lambda: 8)()\n"];
    let ran = program.trace(&options, "t.bct", &[]);
    assert_eq!((ran.status, ran.stdout()), (0, "42 > 8\n".into()), "{}", ran.stderr());
    let manifest = Manifest::whole(&program, "layers");
    let texts = manifest.layers.iter().filter_map(|layer| layer["text"].as_str());
    let texts: std::collections::BTreeSet<String> = texts.map(|text| program.read(&format!("layers/{text}"))).collect();
    assert_eq!(texts.into_iter().collect::<Vec<_>>(), ["(lambda: 8)()", "6 * 7 # the first"]);
    assert_eq!(manifest.only("<lambda>")["filename"], "<string>");
}

const UNRUN: &str = "import marshal, types
payload = marshal.dumps(compile('def flag(): return 7', 'payload', 'exec'))
codes = [marshal.loads(payload), {'a': (marshal.loads(marshal.dumps([compile('2', 'listed', 'eval')])),)}]
types.CodeType(0, 0, 1, 64, 'd\\0\\0S', (None,), (), (), 'codetype', 'codetype', 1, '')
exec marshal.loads(marshal.dumps(compile('ran = 1', 'ran', 'exec')))
";

#[test]
fn code_that_was_made_and_never_ran_is_under_what_made_it() {
    let program = Program::new(UNRUN);
    Manifest::of(&program);
    let manifest = Manifest::whole(&program, "layers");
    let of = |filename: &str| -> Vec<(String, bool, u64)> {
        let layers = manifest.layers.iter().filter(|layer| layer["filename"] == filename);
        let told = |layer: &Value| {
            let parent = layer["parent"].as_u64().unwrap();
            (layer["origin"].as_str().unwrap().to_owned(), layer["ran"].as_bool().unwrap(), parent)
        };
        layers.map(told).collect()
    };
    let made = |origin: &str, ran, parent| (origin.to_owned(), ran, parent);
    assert_eq!(of("payload").len(), 4);
    assert!(of("payload").iter().all(|(_, ran, _)| !ran));
    assert_eq!(of("listed"), [made("compile", false, 1), made("marshal.loads", false, 1)]);
    assert_eq!(of("codetype"), [made("types.CodeType", false, 1)]);
    assert_eq!(of("ran"), [made("compile", false, 1), made("marshal.loads", true, 1)]);
    let tree = program.view("layers", &["--no-stdlib"], "t.bct");
    let unrun = tree.lines().filter(|line| line.ends_with("; never ran")).count();
    assert_eq!(unrun, 4 + 2 + 1 + 1, "{tree}");
    let flag = manifest.named("flag")[0]["file"].as_str().unwrap().to_owned();
    let script = format!("import marshal; exec marshal.loads(open('layers/{flag}', 'rb').read()[8:])\nprint 'loaded'");
    assert_eq!(python(&program, &script), "loaded\n");
}

#[test]
fn what_the_library_executes_of_its_own_is_left_out_with_it() {
    let program = Program::new(
        "import collections, profile\n\
         Point = collections.namedtuple('Point', 'x y')\n\
         Point(1, 2)\n\
         exec 'mine = 1'\n\
         profile.run('profiled = 1')\n",
    );
    let manifest = Manifest::with(&program, &["--no-stdlib"]);
    let strings = manifest.layers.iter().filter(|layer| layer["filename"] == "<string>").count();
    assert_eq!(strings, 2, "{:#?}", manifest.layers);
    assert!(manifest.named("__new__").is_empty());
    let tree = program.view("layers", &["--no-stdlib"], "t.bct");
    assert!(!tree.contains("__new__ (<string>") && tree.contains("(<string>"), "{tree}");
}

/// Texts of the program's that the library executes or evaluates for it; each names itself.
const GIVEN: &str = "\
import atexit, cPickle, code, functools, logging, pickle, profile, threading, timeit, UserDict
from multiprocessing import managers
pickle.loads('c__builtin__\\neval\\n(S\\'[1 for pickled in \"a\"]\\'\\ntR.')
cPickle.loads('c__builtin__\\neval\\n(S\\'[1 for c_pickled in \"a\"]\\'\\ntR.')
thread = threading.Thread(target=eval, args=('[1 for threaded in \"a\"]', {}))
timer = threading.Timer(0, eval, ('[1 for timed in \"a\"]', {}))
for one in (thread, timer):
    one.start(); one.join()
atexit.register(eval, '[1 for late in \"a\"]', {})
map(eval, ['[1 for mapped in \"a\"]'])
functools.partial(eval, '[1 for partial in \"a\"]')()
profile.run('[1 for profiled in \"a\"]')
timeit.timeit('[1 for repeated in \"a\"]', number=1)
code.InteractiveInterpreter().runsource('[1 for interpreted in \"a\"]')
sorted(['[1 for sorted_by in \"a\"]'], key=eval)
managers.MakeProxyType('Proxy', ('f(self): pass\\n[1 for managed in \"a\"]\\ndef g',))
";
const NAMES: [&str; 12] = [
    "pickled",
    "c_pickled",
    "threaded",
    "timed",
    "late",
    "mapped",
    "partial",
    "profiled",
    "repeated",
    "interpreted",
    "sorted_by",
    "managed",
];

/// All that the library makes of texts of its own.
const OWN: &str = "\
import collections, gettext
collections.namedtuple('Point', 'x y')(1, 2)
gettext.c2py('n != 1')(2)
exec 'mine = 1'
";

/// The texts of the layers that ran, in order: recorded without the library, and as a view leaves it out.
fn texts(program: &Program) -> [Vec<String>; 2] {
    let recorded = Manifest::with(program, &["--no-stdlib"]);
    assert_eq!(program.trace(&["-q", "--values"], "all.bct", &[]).status, 0);
    program.view("layers", &["--no-stdlib", "--dump", "viewed"], "all.bct");
    [("layers", recorded), ("viewed", Manifest::read(program, "viewed"))].map(|(folder, manifest)| {
        let texts = manifest.layers.iter().filter_map(|layer| layer["text"].as_str());
        let mut texts: Vec<String> = texts.map(|text| program.read(&format!("{folder}/{text}"))).collect();
        texts.sort();
        texts
    })
}

#[test]
fn texts_that_the_library_evaluates_for_the_program_are_the_programs() {
    let program = Program::new(GIVEN);
    let [recorded, viewed] = texts(&program);
    assert_eq!(recorded, viewed);
    let tree = program.view("layers", &["--no-stdlib"], "all.bct");
    let calls = program.view("calls", &[], "all.bct");
    for name in NAMES {
        assert!(viewed.iter().any(|text| text.contains(&format!("[1 for {name} in"))), "{name}: {tree}");
    }
    assert!(calls.matches("<module>()").count() > 5, "{calls}");
}

#[test]
fn texts_that_the_library_makes_itself_are_the_librarys() {
    let program = Program::new(OWN);
    assert_eq!(texts(&program), [["mine = 1"]; 2]);
    let with = program.view("layers", &[], "all.bct");
    assert!(with.lines().filter(|line| line.contains("(<string>")).count() > 4, "{with}");
}

/// Decodes, and writes, a file of 12 KiB that begins as an ELF file does.
const ELF: &str = "import zlib, base64, os
elf = '\\x7fELF' + ''.join(chr(i * i % 251 ^ i >> 5 & 255) for i in xrange(12288))
packed = base64.b64encode(zlib.compress(elf))
out = zlib.decompress(base64.b64decode(packed))
again = map(str.upper, ['ab'])
print out == packed.decode('base64').decode('zlib')
";

#[test]
fn a_file_that_is_unpacked_comes_out_whole() {
    let program = Program::new(ELF);
    let ran = program.trace(&["-q", "--blobs", "4k"], "t.bct", &[]);
    assert_eq!((ran.status, ran.stdout()), (0, "True\n".into()), "{}", ran.stderr());
    program.view("layers", &["--no-stdlib", "--dump", "layers"], "t.bct");
    let manifest = whole(&program, "layers");
    let blobs = manifest["blobs"].as_array().unwrap();
    let elf = |blob: &&Value| {
        running::read(&program.path(format!("layers/{}", blob["file"].as_str().unwrap()))).starts_with(b"\x7fELF")
    };
    let found: Vec<_> = blobs.iter().filter(elf).collect();
    assert_eq!((found.len(), &found[0]["bytes"]), (1, &12292.into()), "{blobs:#?}");
    let uses = found[0]["uses"].as_array().unwrap();
    let has = |function: &str, role: &str| uses.iter().any(|used| used["function"] == function && used["role"] == role);
    assert!(has("decompress", "result") && has("decode", "result"), "{uses:#?}");
}

/// Passes strings to native functions by ctypes, as code that injects itself does.
const NATIVE: &str = "import ctypes
code = '\\x7fELF' + 'code' * 2000
libc = ctypes.CDLL(None)
libc.strlen.argtypes = [ctypes.c_char_p]
print libc.strlen(code)
place = ctypes.create_string_buffer(9000)
ctypes.memmove(place, code + '!', len(code) + 1)
print ctypes.string_at(place, 8005)[-1]
";

#[test]
fn strings_that_ctypes_passes_and_returns_come_out_whole() {
    let program = Program::new(NATIVE);
    let ran = program.trace(&["-q", "--blobs", "4k"], "t.bct", &[]);
    assert_eq!((ran.status, ran.stdout()), (0, "8004\n!\n".into()), "{}", ran.stderr());
    program.view("layers", &["--no-stdlib", "--dump", "layers"], "t.bct");
    let manifest = whole(&program, "layers");
    let blobs = manifest["blobs"].as_array().unwrap();
    let functions: Vec<_> =
        blobs.iter().flat_map(|blob| blob["uses"].as_array().unwrap()).map(|used| &used["function"]).collect();
    assert!(functions.contains(&&Value::from("strlen")), "{functions:?}");
    let roles = |end: &str| -> Vec<(u64, String)> {
        let content =
            |blob: &&Value| running::read(&program.path(format!("layers/{}", blob["file"].as_str().unwrap())));
        let found = blobs
            .iter()
            .filter(|blob| content(blob).starts_with(b"\x7fELF") && content(blob).ends_with(end.as_bytes()));
        let uses = found.flat_map(|blob| {
            blob["uses"].as_array().unwrap().iter().map(|used| (blob["bytes"].as_u64().unwrap(), used))
        });
        let of_ctypes = uses.filter(|(_, used)| used["owner"] == "ctypes");
        of_ctypes.map(|(bytes, used)| (bytes, used["role"].as_str().unwrap().to_owned())).collect()
    };
    assert_eq!(roles("code"), [(8004, "argument".to_owned())]);
    let moved = roles("code!");
    assert!(
        moved.contains(&(8005, "argument".to_owned())) && moved.contains(&(8005, "result".to_owned())),
        "{moved:?}"
    );
}

#[test]
fn strings_beyond_the_limit_are_counted() {
    let program = Program::new("for i in range(5):\n    (chr(65 + i) * 2000).encode('hex')\n");
    let ran = program.trace(&["-q", "--blobs", "1k", "--max-blobs", "7000"], "t.bct", &[]);
    assert_eq!(ran.status, 0, "{}", ran.stderr());
    program.view("layers", &["--dump", "layers"], "t.bct");
    let manifest = whole(&program, "layers");
    assert_eq!(manifest["blobs"].as_array().unwrap().len(), 2);
    assert!(manifest["blobs_left_out"].as_u64().unwrap() > 0);
}

#[test]
fn without_blobs_no_string_is_recorded() {
    let program = Program::new(ELF);
    assert!(!Manifest::of(&program).layers.is_empty());
    assert_eq!(whole(&program, "layers")["blobs"], Value::Array(Vec::new()));
    assert!(names(&program, "layers").iter().all(|name| !name.starts_with("blob")));
}

#[test]
fn a_function_is_shown_by_the_name_that_it_is_stored_under() {
    let program = Program::new("flatten = lambda: 0\ndef kept(): return flatten()\nkept()\n");
    let manifest = Manifest::of(&program);
    let stored = manifest.only("<lambda>");
    assert_eq!(stored["stored_as"], "flatten");
    assert!(stored["file"].as_str().unwrap().ends_with("-flatten.pyc"));
    assert!(manifest.only("kept").get("stored_as").is_none());
    assert!(program.view("layers", &["--no-stdlib"], "t.bct").contains("stored as flatten"));
}

/// Runs a code object with flags that 2.7 does not define, and looks at the flags in its file.
#[test]
fn flags_that_python_does_not_define_are_not_in_the_file() {
    let program = Program::new(
        "import types\nexec types.CodeType(0, 0, 1, 64 | 1 << 29, 'd\\0\\0S', (None,), (), (), 'strange', 'strange', 1, '')\n",
    );
    let manifest = Manifest::of(&program);
    let strange = manifest.only("strange");
    assert_eq!((&strange["flags"], &strange["flags_masked"]), (&(64 | 1 << 29).into(), &true.into()));
    let file = strange["file"].as_str().unwrap();
    let script = format!("import marshal; print marshal.loads(open('layers/{file}', 'rb').read()[8:]).co_flags");
    assert_eq!(python(&program, &script), "64\n");
}

/// Each kind of code object, and what its module does.
const KINDS: &str = "def outer(a):
    def inner(b): return a + b
    return inner
class Kind(object):
    def method(self): return 1
print outer(1)(2), Kind().method(), (lambda x: x)(3), list(x for x in [1])
";

#[test]
fn as_a_module_each_function_is_defined_and_not_run() {
    let program = Program::new(KINDS);
    Manifest::with(&program, &["--as-module"]);
    let script = "import json, marshal
for layer in json.load(open('layers/manifest.json'))['layers']:
    if layer['filename'] != 'p.py' or layer['name'] == '<module>': continue
    names = {'iterable': []}
    exec marshal.loads(open('layers/' + layer['file'], 'rb').read()[8:]) in names
    print layer['name'], sorted(name for name in names if name not in ('iterable', '__builtins__'))
";
    let defined = python(&program, script);
    let mut lines: Vec<&str> = defined.lines().collect();
    lines.sort_unstable();
    let wanted = [
        "<genexpr> ['function']",
        "<lambda> ['function']",
        "Kind ['Kind']",
        "inner ['enclosing']",
        "method ['method']",
        "outer ['outer']",
    ];
    assert_eq!(lines, wanted);
}

#[test]
fn a_function_of_a_library_is_called_with_literals() {
    let program = Program::new(
        "print __name__\n\
         class Codec(object):\n    \
             @staticmethod\n    \
             def join(first, rest): return first + repr(rest)\n\
         def fail(): raise SystemExit(3)\n",
    );
    let call = |arguments: &[&str]| live::run(program.command([&["call", "-q", "p.pyc"], arguments].concat()));
    let joined = call(&["Codec.join", "t.bct", "--", "'AAAA'", "[1, (u'x', -2.5), {'k': None}]"]);
    assert_eq!(joined.stdout(), "p\n\"AAAA[1, (u'x', -2.5), {'k': None}]\"\n", "{}", joined.stderr());
    assert_eq!(joined.status, 0);
    let calls = program.view("calls", &["--no-stdlib"], "t.bct");
    assert!(calls.contains("'AAAA'"), "{calls}");
    assert_eq!(call(&["fail", "t.bct"]).status, 3);
    let missing = call(&["missing", "t.bct"]);
    assert_eq!(missing.status, 1);
    assert!(missing.stderr().contains("AttributeError"), "{}", missing.stderr());
    let wrong = call(&["fail", "t.bct", "--", "AAAA"]);
    assert_eq!(wrong.status, 2);
    assert!(wrong.stderr().contains("argument 1 is no Python literal"), "{}", wrong.stderr());
}
