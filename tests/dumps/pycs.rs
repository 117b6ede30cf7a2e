//! The files themselves: whole, loadable, and the same from a recording and from its trace.

use std::fs;

use super::{Manifest, marshalled, names, python};
use crate::live::{self, Program};
use crate::{manifest, running};

/// 200 code objects, each inside the one before: marshalled, packed by zlib, and run by `exec`.
const CHAIN: &str = "import marshal, zlib
code = compile('print 42', 'layer0', 'exec')
for depth in range(1, 200):
    blob = zlib.compress(marshal.dumps(code))
    code = compile('import marshal, zlib\\nexec marshal.loads(zlib.decompress(%r))' % blob, 'layer%d' % depth, 'exec')
exec code
";

/// Loads each dump, marshals it again, and says which give the same bytes.
const AGAIN: &str = "import json, marshal
for layer in json.load(open('layers/manifest.json'))['layers']:
    if not layer['ran']: continue
    data = open('layers/' + str(layer['file']), 'rb').read()
    code = marshal.loads(data[8:])
    same = data[:8] == '\\x03\\xf3\\r\\n\\0\\0\\0\\0' and marshal.dumps(code) == data[8:]
    print layer['number'], code.co_filename, code.co_name, same
";

#[test]
fn a_chain_of_200_layers_gives_200_dumps_that_load() {
    let program = Program::new(CHAIN);
    let manifest = Manifest::with(&program, &["--no-stdlib"]);
    assert_eq!(manifest.layers.len(), 201);
    let again = python(&program, AGAIN);
    let lines: Vec<String> = (0..200)
        .rev()
        .map(|depth| format!("{} layer{depth} <module> True", manifest_number(&manifest, depth)))
        .collect();
    assert_eq!(again.lines().skip(1).collect::<Vec<_>>(), lines);
    for depth in 0..199 {
        let layer = layer_of(&manifest, depth);
        assert_eq!((&layer["origin"], &layer["instruction"].is_u64()), (&"marshal.loads".into(), &true));
        assert_eq!(layer["parent"], layer_of(&manifest, depth + 1)["number"]);
    }
    assert_eq!(layer_of(&manifest, 199)["origin"], "compile");
    let tree = program.view("layers", &["--no-stdlib"], "t.bct");
    let deepest = tree.lines().last().unwrap();
    assert!(
        deepest.starts_with(&format!("{}[200] 0", " ".repeat(80)))
            && deepest.contains(" <module> (layer0, line 1): marshal.loads at instruction "),
        "{deepest}"
    );
}

fn layer_of(manifest: &Manifest, depth: usize) -> &serde_json::Value {
    let filename = format!("layer{depth}");
    manifest.layers.iter().find(|layer| layer["filename"] == *filename).unwrap()
}

fn manifest_number(manifest: &Manifest, depth: usize) -> u64 {
    layer_of(manifest, depth)["number"].as_u64().unwrap()
}

/// A .pyc that the compiler wrote holds marshal's own bytes of what is dumped: names, interning and references included.
#[test]
fn the_main_program_of_every_fixture_is_dumped_as_the_pyc_that_it_was() {
    let mut compared = 0;
    for run in
        manifest::runs().iter().filter(|run| running::fixtures().join(format!("source/{}.py", run.name)).exists())
    {
        let folder = tempfile::tempdir().unwrap();
        let dump = folder.path().join("layers");
        run.traced(&["-q", "--dump-code", dump.to_str().unwrap()], "/dev/null");
        let main = fs::read(dump.join("0001-module.pyc")).unwrap();
        let pyc = running::read(&running::fixtures().join(run.pyc()));
        assert!(main[8..] == pyc[8..], "{} is dumped otherwise", run.name);
        compared += 1;
    }
    assert!(compared > 20, "{compared} programs were compared");
}

#[test]
fn a_function_that_never_ran_is_in_its_parents_dump() {
    let program = Program::new("def never(): return 'secret'\ndef ran(): return 1\nran()\n");
    let manifest = Manifest::of(&program);
    assert!(manifest.named("never").is_empty());
    let main = manifest.only("<module>")["file"].as_str().unwrap();
    let script =
        format!("import marshal; print marshal.loads(open('layers/{main}', 'rb').read()[8:]).co_consts[0].co_consts");
    assert_eq!(python(&program, &script), "(None, 'secret')\n");
}

#[test]
fn a_trace_gives_the_same_dump_as_its_recording() {
    let program = Program::new(CHAIN);
    Manifest::of(&program);
    assert_eq!(program.view("layers", &["--dump", "later"], "t.bct"), "");
    assert_eq!(names(&program, "layers"), names(&program, "later"));
    for name in names(&program, "layers") {
        let read = |folder: &str| running::read(&program.path(format!("{folder}/{name}")));
        assert!(read("layers") == read("later"), "{name} differs");
    }
}

#[test]
fn two_recordings_give_the_same_dump() {
    let program = Program::new(CHAIN);
    let manifests: Vec<String> = ["one", "two"]
        .into_iter()
        .map(|folder| {
            program.trace(&["-q", "--format", "null", "--dump-code", folder], "t", &[]);
            program.read(&format!("{folder}/manifest.json"))
        })
        .collect();
    assert_eq!(manifests[0], manifests[1]);
}

#[test]
fn a_filter_chooses_what_is_dumped_and_numbers_stay() {
    let program = Program::new("def f(): return 1\ndef g(): return f()\ng()\n");
    let manifest = Manifest::with(&program, &["-n", "f"]);
    assert_eq!(names(&program, "layers"), ["0003-f.pyc", "manifest.json"]);
    let f = manifest.only("f");
    assert_eq!((&f["number"], &f["parent"], &f["first_instruction"]), (&3.into(), &1.into(), &11.into()));
    assert!(program.view("layers", &[], "t.bct").lines().count() > 2);
    let tree = "0003 f (p.py, line 1): constant; 2 instructions, 11 to 12\n";
    assert_eq!(program.view("layers", &["-n", "f"], "t.bct"), tree);
}

#[test]
fn a_killed_program_leaves_its_layers() {
    let program = Program::new("import os\nexec 'x = 1'\nos.kill(os.getpid(), 9)\n");
    let ran = program.trace(&["-q", "--no-stdlib", "--dump-code", "layers"], "t.bct", &[]);
    assert_eq!(ran.status, 137);
    let manifest = Manifest::read(&program, "layers");
    assert_eq!(manifest.layers.len(), 2);
    marshalled(&program, &manifest.layers[1]);
}

#[test]
fn only_a_new_or_empty_folder_is_written_into() {
    let program = Program::new("print 42\n");
    fs::create_dir(program.path("full")).unwrap();
    fs::write(program.path("full/mine"), "mine").unwrap();
    fs::create_dir(program.path("empty")).unwrap();
    let refused = "bctrace: cannot write into the folder full: it is not empty; name a new folder\n";
    let ran = program.trace(&["--dump-code", "full"], "t.bct", &[]);
    assert_eq!((ran.status, ran.stdout(), ran.stderr().as_str()), (125, String::new(), refused));
    assert!(!program.path("t.bct").exists());
    assert_eq!(program.trace(&["-q", "--dump-code", "empty"], "t.bct", &[]).status, 0);
    assert!(program.path("empty/0001-module.pyc").exists() && program.path("empty/manifest.json").exists());
    let ran = live::run(program.command(["layers", "--dump", "full", "t.bct"]));
    assert_eq!((ran.status, ran.stderr().as_str()), (125, refused));
    let ran = live::run(program.command(["layers", "--dump", "none/there", "t.bct"]));
    let refused = "bctrace: cannot write none/there: there is no folder none; make it first\n";
    assert_eq!((ran.status, ran.stderr().as_str()), (125, refused));
    assert_eq!(names(&program, "full"), ["mine"]);
}

#[test]
fn what_cannot_be_read_makes_no_folder() {
    let program = Program::new("print 42\n");
    let ran = live::run(program.command(["layers", "--dump", "layers", "p.pyc"]));
    assert_eq!(ran.status, 125);
    assert!(!program.path("layers").exists());
}

#[test]
fn layers_as_json_lines_are_those_of_the_manifest() {
    let program = Program::new("exec 'def f(): return 1\\nf()'\n");
    program.trace(&["-q", "--dump-code", "layers"], "t.bct", &[]);
    let lines = program.view("layers", &["--format", "json"], "t.bct");
    let mut objects = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let head = objects.next().unwrap();
    assert_eq!((&head["type"], &head["view"], &head["version"]), (&"view".into(), &"layers".into(), &1.into()));
    let manifest: serde_json::Value = serde_json::from_str(&program.read("layers/manifest.json")).unwrap();
    let expected = manifest["layers"].as_array().unwrap().clone();
    let without_type = |mut object: serde_json::Value| {
        assert_eq!(object.as_object_mut().unwrap().remove("type"), Some("layer".into()));
        object
    };
    assert_eq!(objects.map(without_type).collect::<Vec<_>>(), expected);
    assert!(expected.len() > 2);
}

/// Compares each dump of the library's `textwrap` with what its source compiles to.
const TEXTWRAP: &str = "import json, marshal, types
def codes(code):
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            for inner in codes(constant): yield inner
filename = '/opt/python2.7/lib/python2.7/textwrap.py'
compiled = set(codes(compile(open(filename).read(), filename, 'exec', 0, 1)))
for layer in json.load(open('layers/manifest.json'))['layers']:
    if layer['filename'] == filename:
        code = marshal.loads(open('layers/' + str(layer['file']), 'rb').read()[8:])
        print code.co_name, code in compiled
";

#[test]
fn code_of_the_library_is_dumped_from_its_place_there() {
    let program = Program::new("import textwrap\nprint textwrap.fill('readable code back', 10)\n");
    let live = Manifest::with(&program, &[]);
    let (class, method) = (live.only("TextWrapper"), live.only("_wrap_chunks"));
    assert_eq!(method["parent"], class["number"]);
    assert_eq!(live.number(&class["parent"])["filename"], class["filename"]);
    let printed = python(&program, TEXTWRAP);
    let lines: Vec<&str> = printed.lines().collect();
    for name in ["<module>", "TextWrapper", "fill", "wrap", "_wrap_chunks"] {
        assert!(lines.contains(&format!("{name} True").as_str()), "{printed}");
    }
    assert!(lines.iter().all(|line| line.ends_with(" True")), "{printed}");
    fs::rename(program.path("layers"), program.path("live")).unwrap();
    program.view("layers", &["--dump", "layers"], "t.bct");
    let [live, later] = ["live", "layers"].map(|folder| {
        let read = |name: &String| (name.clone(), running::read(&program.path(format!("{folder}/{name}"))));
        names(&program, folder).iter().map(read).collect::<Vec<_>>()
    });
    assert_eq!(live, later);
}
