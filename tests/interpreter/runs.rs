//! Command lines of the interpreter, and what a plain Python 2.7.18 makes of them: expected.txt, which BCTRACE_BLESS=1 writes by the
//! machine's plain Python.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use regex::Regex;
use serde::Deserialize;

use crate::running::{self, Ran};

/// One command line.  runs.toml says what each member means.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Run {
    name: String,
    #[serde(default)]
    args: Vec<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default)]
    stdin: String,
    #[serde(default = "yes")]
    traced: bool,
    #[serde(default = "yes")]
    stderr: bool,
    #[serde(default)]
    traced_stderr: String,
}

#[derive(Deserialize)]
struct Runs {
    run: Vec<Run>,
}

fn yes() -> bool {
    true
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interpreter")
}

fn runs() -> Vec<Run> {
    let text = String::from_utf8(running::read(&folder().join("runs.toml"))).unwrap();
    toml::from_str::<Runs>(&text).unwrap().run
}

impl Run {
    /// Runs it under an interpreter, whose own name is taken out of what it prints.
    fn told(&self, mut command: Command, name: &str, more_stderr: &str) -> String {
        command.args(&self.args).env_clear().env("HOME", "/").env("PATH", "/usr/bin:/bin").envs(&self.env);
        let ran = running::run_with(command.current_dir(folder().join("programs")), self.stdin.as_bytes());
        self.shown(&ran, name, more_stderr)
    }

    fn shown(&self, ran: &Ran, name: &str, more_stderr: &str) -> String {
        let library = Regex::new(r#"/[^" ]*/lib/python2\.7/"#).unwrap();
        let banner = Regex::new(r"(?m)^Python 2\.7\.18 \(.*\n\[.*\] on linux2$").unwrap();
        // What runpy says begins with sys.executable.
        let own_name = Regex::new(r"(?m)^/\S*/python2\.7: ").unwrap();
        let stderr = if self.stderr { ran.stderr() } else { String::new() };
        let stderr = stderr.strip_suffix(more_stderr).unwrap_or(&stderr).to_string();
        let clean = |text: String| {
            let text = own_name.replace_all(&text.replace(name, "python2.7"), "python2.7: ").into_owned();
            let text = library.replace_all(&text, "LIBRARY/");
            banner.replace_all(&text, "BANNER").into_owned()
        };
        let (stdout, stderr) = (clean(ran.stdout()), clean(stderr));
        format!("status {}\n{}{}", ran.status, marked("| ", &stdout), marked("! ", &stderr))
    }
}

/// A mark before each line; what has no line end gets a mark of its own.
fn marked(mark: &str, text: &str) -> String {
    let mut marked = String::new();
    for line in text.split_inclusive('\n') {
        let _ = write!(marked, "{mark}{line}");
    }
    if !text.is_empty() && !text.ends_with('\n') {
        marked.push_str("\\\n");
    }
    marked
}

/// What expected.txt has for each run.
fn expected() -> BTreeMap<String, String> {
    let text = String::from_utf8(running::read(&folder().join("expected.txt"))).unwrap();
    let blocks = text.split("== ").skip(1);
    blocks.map(|block| block.split_once('\n').unwrap()).map(|(name, told)| (name.into(), told.into())).collect()
}

/// Asserts that what each run shows is expected.
#[track_caller]
fn assert_expected(runs: &[Run], told: impl Fn(&Run) -> String) {
    let expected = expected();
    let mut wrong = String::new();
    for run in runs {
        let (told, expected) = (told(run), expected.get(&run.name).map_or("", String::as_str));
        if told != expected {
            let _ = writeln!(wrong, "== {}\n{told}-- expected is\n{expected}", run.name);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn the_interpreters_command_line_is_plain_pythons() {
    assert_expected(&runs(), |run| run.told(running::bctrace(["python"]), "python2.7", ""));
}

#[test]
fn a_recorded_interpreter_behaves_like_one_that_is_not() {
    let scratch = tempfile::tempdir().unwrap();
    let traced: Vec<Run> = runs().into_iter().filter(|run| run.traced).collect();
    assert_expected(&traced, |run| {
        let trace = scratch.path().join("trace.bct");
        let mut command = running::bctrace(["python", "--trace-to"]);
        command.arg(&trace).args(["--no-sandbox", "--"]);
        let told = run.told(command, "python2.7", &run.traced_stderr);
        let info = running::run(running::bctrace(["info"]).arg(&trace));
        assert_eq!(info.status, 0, "{}: {}", run.name, info.stderr());
        told
    });
}

#[test]
fn what_is_expected_is_what_plain_python_does() {
    let Some(python) = crate::plain::plain() else { return };
    let name = python.to_str().unwrap().to_string();
    let told = |run: &Run| run.told(Command::new(&python), &name, "");
    if std::env::var_os("BCTRACE_BLESS").is_some() {
        let blocks = runs().iter().fold(String::new(), |text, run| text + "== " + &run.name + "\n" + &told(run));
        fs::write(folder().join("expected.txt"), blocks).unwrap();
    }
    assert_expected(&runs(), told);
}
