//! The same programs under a plain Python 2.7, where the machine has one: output, errors and exit status are the same.
//! `BCTRACE_PYTHON27` names the interpreter; else it is looked for on PATH and among pyenv's versions.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use crate::legality::sources;
use crate::manifest;
use crate::running::{self, Ran};

/// Seconds after which a program is taken to run for ever.
const PATIENCE: &str = "3";

/// Finds an interpreter, or says that nothing is compared.
pub fn plain() -> Option<PathBuf> {
    let named = std::env::var_os("BCTRACE_PYTHON27").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join("python2.7"));
    let versions = std::env::home_dir().map(|home| home.join(".pyenv/versions"));
    let pyenv = versions.and_then(|folder| fs::read_dir(folder).ok()).into_iter().flatten();
    let pyenv = pyenv.filter_map(Result::ok).map(|entry| entry.path().join("bin/python2.7"));
    let is_one = |candidate: &PathBuf| {
        let version = Command::new(candidate).args(["-c", "import sys; print sys.version_info[:2] == (2, 7)"]).output();
        version.is_ok_and(|output| output.stdout == b"True\n")
    };
    let found = named.into_iter().chain(on_path).chain(pyenv).find(is_one);
    if found.is_none() {
        println!("nothing was compared: no Python 2.7 on this machine; BCTRACE_PYTHON27 can name one");
    }
    found
}

/// A command that is ended when it takes too long, with an empty environment.
fn patient(program: &Path) -> Command {
    let mut command = Command::new("timeout");
    command.env_clear().env("PATH", "/usr/bin:/bin").args(["-s", "KILL", PATIENCE]).arg(program);
    command
}

/// Runs a program both ways, in its folder.
fn both(python: &Path, pyc: &Path, arguments: &[String], stdin: &[u8]) -> [Ran; 2] {
    let (folder, name) = (pyc.parent().unwrap(), pyc.file_name().unwrap());
    let mut plain = patient(python);
    plain.arg(name).args(arguments).current_dir(folder);
    let mut traced = patient(running::binary());
    traced.args(["-q", "-f", "text"]).arg(name).args(["/dev/null", "--"]).args(arguments).current_dir(folder);
    [running::run_with(&mut plain, stdin), running::run_with(&mut traced, stdin)]
}

/// Standard error without the line that names a refused opcode (which one depends on when the last periodic check was), without
/// addresses and without where the standard library is.
fn errors(ran: &Ran) -> Vec<String> {
    let address = regex::Regex::new("0x[0-9a-f]+|/[^\"]*/lib/python2.7/").unwrap();
    let errors = ran.stderr();
    let lines = errors.lines().filter(|line| !line.starts_with("XXX lineno"));
    lines.map(|line| address.replace_all(line, "…").into_owned()).collect()
}

/// Says how two runs differ.
fn difference(name: &str, [plain, traced]: &[Ran; 2]) -> Option<String> {
    let told = |ran: &Ran| (ran.status, ran.stdout.clone(), errors(ran));
    let (plain, traced) = (told(plain), told(traced));
    (plain != traced).then(|| {
        let shown = |(status, stdout, errors): &(i32, Vec<u8>, Vec<String>)| {
            format!("status {status}, {:?}, {errors:?}", String::from_utf8_lossy(stdout))
        };
        format!("{name}\n  plain:  {}\n  traced: {}", shown(&plain), shown(&traced))
    })
}

#[test]
fn fixtures_behave_as_under_plain_python() {
    let Some(python) = plain() else { return };
    let mut wrong = Vec::new();
    for run in manifest::runs() {
        let pyc = running::fixtures().join(run.pyc());
        wrong.extend(difference(&run.name, &both(&python, &pyc, &run.args, run.stdin.as_bytes())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn generated_programs_behave_as_under_plain_python() {
    let Some(python) = plain() else { return };
    let folder = tempfile::tempdir().unwrap();
    let pyc = folder.path().join("generated.pyc");
    let mut runner = TestRunner::deterministic();
    for _ in 0..40 {
        let source = sources::program().new_tree(&mut runner).unwrap().current();
        running::compile(&source, &pyc);
        let differs = difference("generated", &both(&python, &pyc, &[], b""));
        assert!(differs.is_none(), "{}\n{source}", differs.unwrap());
    }
}

/// Bits of bytecode, and of the sizes before it, are left alone: what the VM reads beyond its arrays depends on the build.
#[test]
fn damaged_programs_behave_as_under_plain_python_or_are_refused_like_there() {
    let Some(python) = plain() else { return };
    let folder = tempfile::tempdir().unwrap();
    let pyc = folder.path().join("damaged.pyc");
    let whole = running::read(&running::fixtures().join("factorial.pyc"));
    let bytecode = bytecode(&whole);
    let (mut compared, mut refused, mut wrong) = (0, 0, Vec::new());
    // After the header; a number of bits on each time that brings every place in a byte.
    let bits = (8 * 8..whole.len() * 8).step_by(11);
    for bit in bits.filter(|bit| !bytecode.iter().any(|range| range.contains(&(bit / 8)))) {
        let mut damaged = whole.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        fs::write(&pyc, damaged).unwrap();
        let [plain, traced] = both(&python, &pyc, &[], b"");
        if traced.status == 125 {
            let mut loads = patient(&python);
            loads.args(["-c", "import marshal, sys; marshal.loads(open(sys.argv[1]).read()[8:]).co_code"]).arg(&pyc);
            assert_ne!(running::run(&mut loads).status, 0, "bit {bit} is refused: {}", traced.stderr());
            refused += 1;
        } else {
            wrong.extend(difference(&format!("bit {bit}"), &[plain, traced]));
            compared += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("{compared} damaged programs were compared, {refused} were refused");
    assert!(compared > 50 && refused > 10);
}

/// Where the code objects of a .pyc have their four sizes and their bytecode.
fn bytecode(pyc: &[u8]) -> Vec<Range<usize>> {
    let code = |at: usize| {
        let length = u32::from_le_bytes(*pyc.get(at + 18..at + 22)?.first_chunk()?);
        let is_code = pyc[at] == b'c' && pyc[at + 17] == b's' && pyc[at + 4] == 0;
        is_code.then(|| at..at + 22 + length as usize)
    };
    let found: Vec<Range<usize>> = (0..pyc.len()).filter_map(code).collect();
    assert_eq!(found.len(), 2, "factorial.pyc has two code objects");
    found
}
