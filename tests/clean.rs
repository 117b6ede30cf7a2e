//! `bctrace clean` on programs of tests/clean/programs that tests/clean/obfuscate has obfuscated: what is clean runs like the original,
//! and what bctrace says of it is true.  tests/cleaning measures more of it.

use std::fs;
use std::path::{Path, PathBuf};

use bctrace::parts::clean::{Evidence, Options, Outcome, rebuild};
use bctrace::parts::object::Object;
use serde_json::Value;
use tempfile::TempDir;

use crate::running::{self, Ran, bctrace, run, run_with};
use crate::verified;

mod other_inputs;

/// Each technique alone, and some together; tests/clean/obfuscate says what they are.
const TECHNIQUES: [&str; 24] = [
    "shuffle",
    "junk",
    "overlap",
    "constant",
    "valid",
    "trampolines",
    "exceptions",
    "unwind",
    "calls",
    "flatten",
    "strings",
    "names",
    "extended",
    "tables",
    "layers",
    "builtins",
    "failures",
    "noise",
    "lookups",
    "raises",
    "detours",
    "shuffle,junk,overlap,constant,trampolines,exceptions",
    "shuffle,junk,unwind,flatten,valid,calls",
    "all",
];

/// A program of tests/clean/programs.
struct Program {
    source: PathBuf,
    arguments: Vec<String>,
    input: Vec<u8>,
}

impl Program {
    /// All of them, with the first run that each asks for in a line `# run: ARGUMENTS | INPUT`.
    fn all() -> Vec<Program> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clean/programs");
        let mut sources: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        sources.retain(|path| path.extension().is_some_and(|suffix| suffix == "py"));
        sources.sort();
        sources.into_iter().map(Program::new).collect()
    }

    fn new(source: PathBuf) -> Program {
        let text = fs::read_to_string(&source).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("# run:")).unwrap_or_default();
        let (arguments, input) = line.split_once('|').unwrap_or((line, ""));
        let arguments = arguments.split_whitespace().map(str::to_owned).collect();
        Program { source, arguments, input: input.trim().replace("\\n", "\n").into_bytes() }
    }

    fn named(name: &str) -> Program {
        Program::all().into_iter().find(|program| program.name() == name).unwrap()
    }

    fn name(&self) -> &str {
        self.source.file_stem().unwrap().to_str().unwrap()
    }

    /// Writes it obfuscated into a folder of its own.
    fn obfuscated(&self, techniques: &str, seed: usize) -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let pyc = folder.path().join(self.name()).with_extension("pyc");
        let obfuscator = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clean/obfuscate");
        let mut command = bctrace(["python", "-B"]);
        command.arg(obfuscator).arg(&self.source).arg(&pyc).args(["--with", techniques, "--seed", &seed.to_string()]);
        run(&mut command).succeeded();
        (folder, pyc)
    }

    fn run(&self, file: &Path) -> Ran {
        run_with(bctrace(["python"]).arg(file).args(&self.arguments), &self.input)
    }

    fn record(&self, file: &Path, trace: &Path) -> Ran {
        let mut command = bctrace(["-q", "--deterministic", "--values"]);
        command.arg(file).arg(trace).arg("--").args(&self.arguments);
        run_with(&mut command, &self.input)
    }
}

/// Cleans a file with a trace into the folder `clean` beside it.
fn clean(file: &Path, options: &[&str], trace: &Path) -> (Ran, PathBuf) {
    let folder = file.with_file_name("clean");
    let ran = run(bctrace(["clean"]).args(options).arg(file).arg(trace).arg("-o").arg(&folder));
    (ran, folder)
}

fn proof(folder: &Path) -> Value {
    serde_json::from_slice(&running::read(&folder.join("proof.json"))).unwrap()
}

/// Two programs for each of the techniques, all programs in turn.
fn cases() -> Vec<(Program, &'static str, usize)> {
    let techniques = TECHNIQUES.iter().enumerate().flat_map(|(seed, techniques)| [(*techniques, seed); 2]);
    let programs = Program::all().into_iter().chain(Program::all());
    programs.zip(techniques).map(|(program, (techniques, seed))| (program, techniques, seed)).collect()
}

#[test]
fn obfuscated_programs_behave_like_the_originals() {
    for (program, techniques, seed) in cases() {
        let (_folder, pyc) = program.obfuscated(techniques, seed);
        let (expected, found) = (program.run(&program.source), program.run(&pyc));
        let name = program.name();
        assert_eq!((found.status, found.stdout()), (expected.status, expected.stdout()), "{name} with {techniques}");
    }
}

#[test]
fn clean_files_run_like_the_originals_and_are_proven() {
    for (program, techniques, seed) in cases() {
        let (_folder, pyc) = program.obfuscated(techniques, seed);
        let expected = program.run(&program.source);
        let trace = pyc.with_file_name("t.bct");
        program.record(&pyc, &trace);
        let (ran, folder) = clean(&pyc, &[], &trace);
        let case = format!("{} with {techniques}, seed {seed}: {}{}", program.name(), ran.stdout(), ran.stderr());
        assert!(ran.status <= 1, "{case}");
        let proof = proof(&folder);
        let main = &proof["files"][0];
        // Threads take turns by executed instructions, so calls can come in another order.
        let is_proven = ["equal", "unchanged"].iter().any(|verdict| main["verdict"] == *verdict);
        assert!(is_proven || program.name() == "threads_queue", "{case}");
        let found = program.run(&folder.join(pyc.file_name().unwrap()));
        assert_eq!((found.status, found.stdout()), (expected.status, expected.stdout()), "{case}");
    }
}

/// A loop whose else returns and that is left through a finally block, one whose else breaks another, an expression of chained comparisons
/// that is returned, and a load that always fails; and each of what needs more than constants to see through.
#[test]
fn code_is_laid_out_as_statements() {
    let shown =
        [("finally_paths", "unwind"), ("chained", "shuffle"), ("globals_use", "valid"), ("while_else", "shuffle")];
    let opaque = [("loops", "builtins"), ("closures", "noise"), ("generators", "lookups"), ("recursion", "failures")];
    for (name, techniques) in shown.into_iter().chain(opaque) {
        let program = Program::named(name);
        let (_folder, pyc) = program.obfuscated(techniques, 1);
        let trace = pyc.with_file_name("t.bct");
        program.record(&pyc, &trace);
        let (ran, _) = clean(&pyc, &[], &trace);
        let text = ran.stdout();
        assert!(text.contains("rebuilt because"), "{name}: {text}");
        assert!(!text.contains("kept as it is") && !text.contains("block by block"), "{name}: {text}");
    }
}

#[test]
fn a_module_returns_at_its_end_alone() {
    // Its last statement is a try whose body always fails.
    for techniques in ["exceptions", "shuffle"] {
        let program = Program::named("globals_use");
        let (_folder, pyc) = program.obfuscated(techniques, 1);
        let trace = pyc.with_file_name("t.bct");
        program.record(&pyc, &trace);
        let (_, folder) = clean(&pyc, &[], &trace);
        let listing = run(bctrace(["dis"]).arg(folder.join(pyc.file_name().unwrap()))).succeeded();
        let module = listing.split("\ncode 1 ").next().unwrap();
        assert_eq!(module.matches("RETURN_VALUE").count(), 1, "{techniques}: {module}");
    }
}

#[test]
fn a_trace_of_another_file_is_refused() {
    let program = Program::named("loops");
    let (_folder, pyc) = program.obfuscated("shuffle", 1);
    let (_other, other) = program.obfuscated("shuffle", 2);
    let trace = pyc.with_file_name("t.bct");
    program.record(&other, &trace);
    let (ran, _) = clean(&pyc, &[], &trace);
    assert_eq!(ran.status, 125);
    assert!(ran.stderr().contains("is not a trace of"), "{}", ran.stderr());
}

#[test]
fn a_file_is_not_proven_by_a_run_whose_input_is_not_all_recorded() {
    let program = Program { input: vec![b'x'; (1 << 20) + 100], ..Program::named("arguments") };
    let (_folder, pyc) = program.obfuscated("shuffle,junk", 1);
    let trace = pyc.with_file_name("t.bct");
    program.record(&pyc, &trace);
    let (ran, folder) = clean(&pyc, &[], &trace);
    assert_eq!(ran.status, 1, "{}", ran.stderr());
    assert!(ran.stdout().contains("100 bytes of standard input are not in the trace"), "{}", ran.stdout());
    assert_eq!(proof(&folder)["files"][0]["verdict"], "not compared");
}

#[test]
fn functions_that_never_ran_are_not_proven() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("some.py");
    fs::write(&source, "def used(n):\n    return n + 1 if n else 0\n\n\ndef unused(n):\n    return n - 1 if n else 0\n\n\nprint used(1)\n")
        .unwrap();
    let program = Program::new(source);
    let (_folder, pyc) = program.obfuscated("shuffle,junk,unwind", 1);
    let trace = pyc.with_file_name("t.bct");
    program.record(&pyc, &trace);
    let (ran, folder) = clean(&pyc, &[], &trace);
    assert_eq!(ran.status, 1, "{}{}", ran.stdout(), ran.stderr());
    let proof = proof(&folder);
    let verdicts: Vec<_> = proof["files"][0]["codes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|code| (code["name"].as_str().unwrap(), code["verdict"].as_str().unwrap()))
        .collect();
    assert_eq!(verdicts, [("<module>", "equal"), ("used", "equal"), ("unused", "never ran")]);
}

#[test]
fn listings_have_readable_names_and_the_file_keeps_its_own() {
    let source = "def O0O0(n):\n    return n + 1 if n else 0\n\n\nprint O0O0(1)\n";
    let (_folder, pyc) = running::compiled(source, "some.pyc");
    let trace = pyc.with_file_name("t.bct");
    run(bctrace(["-q", "--deterministic", "--values"]).arg(&pyc).arg(&trace)).succeeded();
    let (ran, folder) = clean(&pyc, &["--format", "json"], &trace);
    let text = ran.stdout();
    let lines: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let code = lines.iter().find(|line| line["type"] == "code" && line["name"] == "O0O0").expect("the function");
    assert_eq!(code["readable"], "name_1", "{text}");
    assert_eq!(proof(&folder)["files"][0]["codes"][1]["name"], "O0O0", "{text}");
}

/// A decompiler that prints the names of code objects, and fails on each that is called `bad` and is more than a stub.
const DECOMPILER: &str = "import marshal, sys
def walk(code):
    if code.co_name == 'bad' and len(code.co_code) > 4: sys.exit(3)
    print code.co_name, [text for text in code.co_consts if isinstance(text, str)]
    for inner in code.co_consts:
        if hasattr(inner, 'co_code'): walk(inner)
walk(marshal.loads(open(sys.argv[1], 'rb').read()[8:]))
print 'return'
";

#[test]
fn a_decompiler_that_fails_on_one_function_gets_the_others() {
    let source = "class Good(object):\n    def fine(self):\n        return 'fine'\n    def bad(self):\n        return 1 + self.x\n";
    let (folder, pyc) = running::compiled(source, "it's; $(a) {}.pyc");
    let script = folder.path().join("decompiler.py");
    fs::write(&script, DECOMPILER).unwrap();
    let command = format!("'{}' python '{}' {{}}", running::binary().display(), script.display());
    let clean = folder.path().join("clean one");
    let ran = run(bctrace(["clean"]).arg(&pyc).arg("-o").arg(&clean).args(["--decompile", &command]));
    assert!(ran.stderr().contains("the decompiler fails on bad (status 3); the rest is there"), "{}", ran.stderr());
    let written = fs::read_dir(&clean).unwrap().map(|entry| entry.unwrap().path());
    let source = written.into_iter().find(|path| path.extension().is_some_and(|suffix| suffix == "py")).unwrap();
    let text = fs::read_to_string(source).unwrap();
    assert!(text.contains("fine ['fine']") && text.contains("bctrace: bad is not decompiled"), "{text}");
    assert!(!text.contains("return\n"), "{text}");
}

/// A decompiler that prints assignments, and for code objects that are called `bad` what is no Python, as uncompyle6 does.
const HALF: &str = "
import marshal, sys
module = marshal.loads(open(sys.argv[1], 'rb').read()[8:])
for code in module.co_consts:
    if hasattr(code, 'co_name'):
        print(code.co_name + ' = 1' if code.co_name != 'bad' or len(code.co_code) == 4 else 'def badParse error at offset 287')
print('return')
";

#[test]
fn a_decompiler_that_prints_no_python_for_one_function_gets_the_others() {
    let (folder, pyc) = running::compiled("def fine():\n    return x\n\ndef bad():\n    return x + 1\n", "two.pyc");
    let script = folder.path().join("decompiler.py");
    fs::write(&script, HALF).unwrap();
    let clean = folder.path().join("clean");
    let command = format!("'{}' python {} {{}}", running::binary().display(), script.display());
    let ran = run(bctrace(["clean"]).arg(&pyc).arg("-o").arg(&clean).args(["--decompile", &command]));
    let why = "the decompiler fails on bad (what it prints is not Python 2.7); the rest is there";
    assert!(ran.stderr().contains(why), "{}", ran.stderr());
    assert_eq!(fs::read_to_string(clean.join("two.py")).unwrap(), "fine = 1\nbad = 1\n");
}

/// A decompiler that prints the file's name in a comment, as uncompyle6 does.
const COMMENT: &str = "import marshal, sys
print '# Embedded file name: ' + marshal.loads(open(sys.argv[1], 'rb').read()[8:]).co_filename
print 'x = 1'
";

#[test]
fn a_file_name_of_control_characters_is_one_line_of_text_for_a_decompiler() {
    for (control, shown) in [(0, "a\\x00b.py"), (b'\n', "a\\nb.py")] {
        let folder = tempfile::tempdir().unwrap();
        let make = "import marshal; code = compile('x = 1', 'a@b.py', 'exec')
open('a.pyc', 'wb').write('\\x03\\xf3\\r\\n' + 4 * '\\0' + marshal.dumps(code))";
        fs::write(folder.path().join("make.py"), make).unwrap();
        run(bctrace(["python", "make.py"]).current_dir(folder.path())).succeeded();
        let pyc = folder.path().join("a.pyc");
        let bytes = fs::read(&pyc).unwrap();
        let bytes: Vec<u8> = bytes.iter().map(|&byte| if byte == b'@' { control } else { byte }).collect();
        fs::write(&pyc, bytes).unwrap();
        fs::write(folder.path().join("decompiler.py"), COMMENT).unwrap();
        let command = format!("'{}' python decompiler.py {{}}", running::binary().display());
        let words = ["clean", "a.pyc", "-o", "clean", "--decompile", &command];
        let ran = run(bctrace(words).current_dir(folder.path()));
        assert!(!ran.stderr().contains("not Python"), "{}", ran.stderr());
        let text = fs::read_to_string(folder.path().join("clean/a.py")).unwrap();
        assert_eq!(text, format!("# Embedded file name: {shown}\nx = 1\n"));
    }
}

#[test]
fn a_decompiler_gets_no_more_than_4_gib_of_memory() {
    let (folder, pyc) = running::compiled("print 1\n", "a.pyc");
    let clean = folder.path().join("clean");
    // The memory is not touched, whether it is given or not.
    let script = "import mmap; mmap.mmap(-1, 5 << 30, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS); print 1";
    let command = format!("'{}' python -c '{script}' {{}}", running::binary().display());
    let ran = run(bctrace(["clean"]).arg(&pyc).arg("-o").arg(&clean).args(["--decompile", &command]));
    assert!(ran.stderr().contains("the decompiler fails: status 1"), "{}", ran.stderr());
    assert!(clean.join("a.pyc").exists() && !clean.join("a.py").exists());
}

#[test]
fn a_decompiler_that_is_not_there_leaves_the_clean_files() {
    let (folder, pyc) = running::compiled("print 1\n", "a.pyc");
    let clean = folder.path().join("clean");
    let ran = run(bctrace(["clean"]).arg(&pyc).arg("-o").arg(&clean).args(["--decompile", "/nowhere/decompiler"]));
    assert!(ran.stderr().contains("cannot run /nowhere/decompiler"), "{}", ran.stderr());
    assert!(clean.join("a.pyc").exists() && !clean.join("a.py").exists());
}

/// Decrypts the bytes of a function before it is called, and encrypts them again.
const ENCRYPTED: &str = "import ctypes
HEADER = str.__basicsize__ - 1
def overwrite(code, new):
    ctypes.memmove(id(code.co_code) + HEADER, new, len(new))
def xor(text):
    return ''.join(chr(ord(c) ^ 0x5a) for c in text)
def secret(n):
    total = 0
    for i in range(n):
        total += i * 3
    return total
def call(n):
    code = secret.__code__
    overwrite(code, xor(code.co_code))
    try:
        return secret(n)
    finally:
        overwrite(code, xor(code.co_code))
print call(5), call(6)
";

/// Encrypts the bytes of `secret` in a file.
const ENCRYPT: &str = "import marshal, sys, types
def swapped(c):
    if getattr(c, 'co_name', '') != 'secret': return c
    bytes = ''.join(chr(ord(byte) ^ 0x5a) for byte in c.co_code)
    return changed(c, bytes, c.co_consts)
def changed(c, bytes, constants):
    return types.CodeType(c.co_argcount, c.co_nlocals, c.co_stacksize, c.co_flags, bytes, constants, c.co_names, c.co_varnames,
        c.co_filename, c.co_name, c.co_firstlineno, c.co_lnotab)
content = open(sys.argv[1], 'rb').read()
module = marshal.loads(content[8:])
module = changed(module, module.co_code, tuple(map(swapped, module.co_consts)))
open(sys.argv[1], 'wb').write(content[:8] + marshal.dumps(module))
";

#[test]
fn code_that_is_decrypted_only_while_it_runs_is_written_as_it_ran() {
    let (_folder, pyc) = running::compiled(ENCRYPTED, "it.pyc");
    let plain = running::read(&pyc);
    run(bctrace(["python", "-c", ENCRYPT]).arg(&pyc)).succeeded();
    let trace = pyc.with_file_name("t.bct");
    assert_eq!(run(bctrace(["-q", "--deterministic", "--values"]).arg(&pyc).arg(&trace)).succeeded(), "30 45\n");
    let (ran, folder) = clean(&pyc, &[], &trace);
    let text = ran.stdout();
    assert!(text.contains("it-as-it-ran.pyc, made by the bytes that ran\n"), "{text}");
    assert_eq!(ran.status, 0, "{text}");
    let walk = "import marshal, sys
def walk(code):
    print code.co_name, repr(code.co_code)
    [walk(inner) for inner in code.co_consts if hasattr(inner, 'co_code')]
walk(marshal.load(sys.stdin))";
    let codes = |pyc: &[u8]| running::run_with(&mut bctrace(["python", "-c", walk]), &pyc[8..]).succeeded();
    assert_eq!(codes(&running::read(&folder.join("it-as-it-ran.pyc"))), codes(&plain));
    // It is the only version that ran, and stands alone too.
    assert!(folder.join("version-0001.pyc").exists() && !folder.join("version-0002.pyc").exists());
}

#[test]
fn each_of_two_stages_in_the_bytes_of_one_function_is_written() {
    let source = "import ctypes
HEADER = str.__basicsize__ - 1
def overwrite(code, new):
    ctypes.memmove(id(code.co_code) + HEADER, new, len(new))
def stage(n):
    print 'one', n
    return n + 1
first = ''.join(list(stage.__code__.co_code))
overwrite(stage.__code__, first) or stage(1)
overwrite(stage.__code__, first.replace(chr(23), chr(20))) or stage(2)
overwrite(stage.__code__, first) or stage(3)
";
    let (_folder, pyc) = running::compiled(source, "it.pyc");
    let trace = pyc.with_file_name("t.bct");
    run(bctrace(["-q", "--deterministic", "--values"]).arg(&pyc).arg(&trace)).succeeded();
    let (ran, folder) = clean(&pyc, &[], &trace);
    let dis = |name: &str| run(bctrace(["dis"]).arg(folder.join(name))).succeeded();
    assert!(dis("it.pyc").contains("BINARY_ADD") && dis("version-0001.pyc").contains("BINARY_MULTIPLY"));
    let text = ran.stdout();
    assert!(!text.contains("as-it-ran") && !text.contains("version-0002"), "{text}");
}

/// Puts bytes that never run behind the code of each function of a file, as an obfuscator does.
const JUNK: &str = "import marshal, sys, types
def junk(c):
    if not hasattr(c, 'co_code'): return c
    constants = tuple(map(junk, c.co_consts))
    return types.CodeType(c.co_argcount, c.co_nlocals, c.co_stacksize, c.co_flags, c.co_code + 4 * chr(255), constants, c.co_names,
        c.co_varnames, c.co_filename, c.co_name, c.co_firstlineno, c.co_lnotab, c.co_freevars, c.co_cellvars)
content = open(sys.argv[1], 'rb').read()
open(sys.argv[1], 'wb').write(content[:8] + marshal.dumps(junk(marshal.loads(content[8:]))))
";

/// A program with junk, recorded and cleaned: what its clean file prints, and what is said of it.
#[track_caller]
fn cleaned_of_junk(source: &str) -> (String, String) {
    let (_folder, pyc) = running::compiled(source, "it.pyc");
    run(bctrace(["python", "-c", JUNK]).arg(&pyc)).succeeded();
    let trace = pyc.with_file_name("t.bct");
    run(bctrace(["-q", "--deterministic", "--values"]).arg(&pyc).arg(&trace)).succeeded();
    let (ran, folder) = clean(&pyc, &[], &trace);
    assert_eq!(proof(&folder)["files"][0]["verdict"], "equal", "{}", ran.stdout());
    (run(bctrace(["python"]).arg(folder.join("it.pyc"))).succeeded(), ran.stdout())
}

#[test]
fn a_local_stays_that_what_is_called_reads_in_its_callers_frame() {
    let source = "import sys
def peek():
    return sys._getframe(1).f_locals
def secret():
    key = 'k'
    return peek()
print secret()
";
    let (printed, said) = cleaned_of_junk(source);
    assert_eq!(printed, "{'key': 'k'}\n", "{said}");
}

/// Compiles a program, records it with arguments, and cleans it; returns the folder, and what is said.
#[track_caller]
fn compiled_and_cleaned(source: &str, arguments: &[&str], options: &[&str], is_junk_added: bool) -> (TempDir, Ran) {
    let (folder, pyc) = running::compiled(source, "it.pyc");
    if is_junk_added {
        run(bctrace(["python", "-c", JUNK]).arg(&pyc)).succeeded();
    }
    let trace = pyc.with_file_name("t.bct");
    run(bctrace(["-q", "--deterministic", "--values"]).arg(&pyc).arg(&trace).arg("--").args(arguments));
    let (ran, _) = clean(&pyc, options, &trace);
    (folder, ran)
}

/// What the clean file prints.
fn printed_when_clean(folder: &TempDir, arguments: &[&str]) -> String {
    run(bctrace(["python"]).arg(folder.path().join("clean/it.pyc")).args(arguments)).stdout()
}

/// Programs with shapes of code that look unusual, each with the arguments that it is recorded with.
const ORDINARY: [(&str, &[&str]); 12] = [
    // A loop that only waits, of which one side ran.
    (
        "import sys
left = [int(sys.argv[1])]
def more():
    left[0] -= 1
    return left[0] > 0
def f():
    while more(): pass
    while left.pop(): pass
    return left
print f()
",
        &["0"],
    ),
    (
        "import sys
left = [int(sys.argv[1])]
def more():
    left[0] -= 1
    return left[0] > 0
while more(): pass
print left
",
        &["0"],
    ),
    // Loops over constants that ended early.
    (
        "import sys
def work(k):
    print k
    if len(sys.argv) < 3: sys.exit(0)
for k in range(4):
    work(k)
",
        &[],
    ),
    (
        "import sys
def probe(k):
    if k == 0 and len(sys.argv) < 2: sys.exit('no')
    return k * 2
def main():
    for k in range(3):
        print probe(k)
main()
",
        &[],
    ),
    // A break is the first statement of a handler.
    (
        "def f(xs):
    for x in xs:
        try: v = int(x)
        except ValueError: break
        print v
    return 5
def g(xs):
    for x in xs:
        try: v = int(x)
        except: break
        print v
print f(['1', '2', 'z']), g('1z')
",
        &[],
    ),
    (
        "for ch in 'ab':
    try:
        int('x')
    except ValueError:
        break
print 1
",
        &[],
    ),
    // Conditional expressions in others.
    (
        "def f(a, b, c):
    x = (a if a > b else b) if c else 0
    y = a if a > b else b if c else 0
    z = ((a if b else c) if c else b) if a else 7
    return x, y, z, [(a if b else c) if c else (b if a else 2) for c in xrange(2)]
print f(1, 2, 3)
",
        &[],
    ),
    // An `else` that raises or breaks after a condition in a condition.
    (
        "def f(a, b):
    if a:
        if b: print 1
    else:
        raise ValueError
    print 2
f(1, 1)
",
        &[],
    ),
    (
        "def f(xs, b):
    for x in xs:
        if x:
            if b: print 1
        else:
            break
        print 2
f([1], 1)
",
        &[],
    ),
    // A variable of constants that is compared.
    (
        "def f(all):
    err = None
    sock = None
    for res in all:
        try:
            sock = int(res)
        except ValueError, err:
            sock = None
            continue
        break
    if sock is None:
        if err is not None:
            raise err
        else:
            raise KeyError
    return sock
print f(['a', '5'])
",
        &[],
    ),
    // A finally block without a statement.
    (
        "def f(a):
    try:
        try:
            print a
        finally:
            pass
    except ValueError:
        pass
    while a:
        try:
            a -= 1
            break
        finally:
            pass
f(2)
",
        &[],
    ),
    (
        "def f(a):
    while 1:
        if a:
            if a > 1: print 1
        else:
            return 4
        a -= 1
print f(2)
",
        &[],
    ),
];

#[test]
fn ordinary_code_is_kept() {
    for (source, arguments) in ORDINARY {
        for options in [&[][..], &["--untaken", "keep"]] {
            let (folder, ran) = compiled_and_cleaned(source, arguments, options, false);
            let clean = folder.path().join("clean");
            assert_eq!(proof(&clean)["files"][0]["verdict"], "unchanged", "{source}{}{}", ran.stdout(), ran.stderr());
        }
    }
}

/// Junk behind the code has all of it laid out again; nothing of what never ran may get lost.
#[test]
fn ordinary_code_is_laid_out_as_the_compiler_does_it() {
    let codes = |pyc: &[u8]| {
        let walk = "import marshal, sys
def walk(code):
    print code.co_name, repr(code.co_code)
    [walk(inner) for inner in code.co_consts if hasattr(inner, 'co_code')]
walk(marshal.load(sys.stdin))";
        running::run_with(&mut bctrace(["python", "-c", walk]), &pyc[8..]).succeeded()
    };
    for (source, arguments) in ORDINARY {
        // An empty finally block goes, and what an `else` does that leaves can stand behind the rest.
        if source.contains("finally") || source.contains("else:") {
            continue;
        }
        let (folder, ran) = compiled_and_cleaned(source, arguments, &[], true);
        let (_plain, pyc) = running::compiled(source, "it.pyc");
        let clean = codes(&running::read(&folder.path().join("clean/it.pyc")));
        assert_eq!(clean, codes(&running::read(&pyc)), "{source}{}{}", ran.stdout(), ran.stderr());
    }
}

#[test]
fn no_code_of_the_standard_library_has_a_sign() {
    let Object::List(codes) = verified::library() else { panic!("a list was written") };
    let (mut count, mut with_sign) = (0, Vec::new());
    for code in codes.iter() {
        let Object::Code(code) = code else { continue };
        for one in rebuild(code, &Evidence::default(), &Options::default()).report {
            count += 1;
            if one.result != Outcome::Unchanged {
                let name = |bytes| String::from_utf8_lossy(bytes).into_owned();
                with_sign.push(format!("{} {}: {:?}", name(&code.filename), name(&one.name), one.result));
            }
        }
    }
    assert!(count > 10_000, "{count} code objects");
    assert!(with_sign.is_empty(), "{} of {count}:\n{}", with_sign.len(), with_sign.join("\n"));
}

/// The recorded run had a scratch folder of another path.
#[test]
fn what_is_done_with_the_paths_of_the_scratch_folder_is_the_same() {
    let source = "import os, tempfile
print os.environ['HOME'], tempfile.gettempdir(), os.path.expanduser('~/a')
print len(tempfile.gettempdir()) > 3, os.environ['HOME'].upper(), os.listdir(tempfile.gettempdir())
open(os.environ['HOME'] + '/left', 'w').close()
";
    let (folder, ran) = compiled_and_cleaned(source, &[], &[], true);
    let clean = folder.path().join("clean");
    assert_eq!(proof(&clean)["files"][0]["verdict"], "equal", "{}{}", ran.stdout(), ran.stderr());
    assert_eq!(ran.status, 0, "{}{}", ran.stdout(), ran.stderr());
}

#[test]
fn a_builtin_that_the_program_replaces_is_not_worked_out() {
    let replaced = [
        "import __builtin__; __builtin__.len = lambda x: 7",
        "import __builtin__; setattr(__builtin__, 'len', lambda x: 7)",
        "__builtins__.__dict__['len'] = lambda x: 7",
        "import __builtin__; vars(__builtin__)['len'] = lambda x: 7",
        "import __builtin__; vars(__builtin__).update(len=lambda x: 7)",
        "import __builtin__; vars(__builtin__).update({'len': lambda x: 7})",
    ];
    for replaced in replaced {
        let source = format!(
            "import sys
def f():
    if len('abc') == 3: return 'plain'
    return 'replaced'
if sys.argv[1] == 'b': {replaced}
print f()
"
        );
        let (folder, ran) = compiled_and_cleaned(&source, &["a"], &["--untaken", "keep"], true);
        let printed = ["a", "b"].map(|argument| printed_when_clean(&folder, &[argument]));
        assert_eq!(printed, ["plain\n", "replaced\n"], "{replaced}: {}", ran.stdout());
    }
}

/// In the first turn of the loop both variables are 0, later ones they need not be.
#[test]
fn a_condition_that_one_state_decides_is_not_reported() {
    let source = "def f(s):
    a = b = 0
    for c in s:
        if not (a or b): a = 1
        b += 1
    return a, b
print f('abc')
";
    let (printed, said) = cleaned_of_junk(source);
    assert_eq!(printed, "(1, 3)\n", "{said}");
    assert!(!said.contains("its condition is always"), "{said}");
}
