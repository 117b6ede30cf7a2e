//! The programs of pyperformance 1.0.0 that run without further packages; pip fetches them.  Each executes its benchmark once, or as often as the environment variable
//! `BENCHMARK_LOOPS` says.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{BCTRACE, compile};

/// The benchmarks, by the names of their files.
const PACKAGE: &str = "pyperformance==1.0.0";
/// What some of them import.
const NEEDED: [&str; 2] = ["six==1.16.0", "pyaes==1.6.1"];
/// Passes for the module that runs the benchmarks.
const RUNNER: &str = include_str!("pyperf.py");
/// Benchmarks that run other programs or serve a network.
const LEFT_OUT: [&str; 4] = ["2to3", "hg_startup", "python_startup", "tornado_http"];

/// Fetches the programs whose name has one of these words in it, or all, and compiles them; those that run here, with their names.
pub fn benchmarks(words: &[String], folder: &Path) -> impl Iterator<Item = (String, PathBuf)> {
    let named = fetch(folder).into_iter().map(|program| (name_of(&program), program));
    named.filter(move |(name, program)| {
        if !words.is_empty() && !words.iter().any(|word| name.contains(word.as_str())) {
            return false;
        }
        let runs = runs(program, folder);
        if !runs {
            eprintln!("{name} does not run here");
        }
        runs
    })
}

/// The binary that is measured: the environment variable BCTRACE can name another one, for a comparison.
pub fn binary() -> OsString {
    std::env::var_os("BCTRACE").unwrap_or_else(|| BCTRACE.into())
}

fn name_of(program: &Path) -> String {
    let stem = program.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    stem.trim_start_matches("bm_").to_owned()
}

/// Fetches the benchmarks and compiles them; `folder` gets all that they need.
fn fetch(folder: &Path) -> Vec<PathBuf> {
    let fetched = folder.join("fetched");
    let pip = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--target"];
    let status =
        Command::new("python3").args(pip).arg(&fetched).arg(PACKAGE).args(NEEDED).stdout(Stdio::null()).status();
    assert!(status.is_ok_and(|status| status.success()), "pip fetches {PACKAGE}");
    let benchmarks = fetched.join("pyperformance/benchmarks");
    fs::write(benchmarks.join("pyperf.py"), RUNNER).expect("there is room for a module");
    for needed in ["six.py", "pyaes"] {
        fs::rename(fetched.join(needed), benchmarks.join(needed)).expect("pip has put it there");
    }
    let mut sources: Vec<PathBuf> = fs::read_dir(&benchmarks)
        .expect("the package has benchmarks")
        .map(|entry| entry.expect("a readable entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "py"))
        .filter(|path| name_of(path).len() < name_of_file(path).len() && !LEFT_OUT.contains(&name_of(path).as_str()))
        .collect();
    sources.sort();
    sources.iter().map(|source| compile(source, &benchmarks)).collect()
}

fn name_of_file(path: &Path) -> String {
    path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned())
}

/// Whether a program runs to its end; it leaves its modules compiled.
fn runs(program: &Path, folder: &Path) -> bool {
    let mut command = Command::new(binary());
    command.arg("python").arg(program).current_dir(folder);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
