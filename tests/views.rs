//! What the views answer: programs that ask for a password, the output of every view for small programs, and what is left out.

mod answers;
mod differences;
mod folds;
mod laps;
mod printed;
mod said;
mod threads;
mod tricks;

use std::fs;
use std::path::{Path, PathBuf};

use crate::live::Program;
use crate::running::{self, Ran};

/// The folder of this module's programs and expected outputs.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/views")
}

/// Records `p.pyc` with values and this input; returns what the program printed.
fn record(program: &Program, trace: &str, arguments: &[&str], input: &str) -> Ran {
    let mut command = program.tracing(&["--values"], trace, arguments);
    let ran = running::run_with(&mut command, input.as_bytes());
    assert_eq!(ran.status, 0, "{}", ran.stderr());
    ran
}

/// A view of a trace, and its status.
fn view(program: &Program, words: &[&str]) -> (i32, String) {
    let ran = running::run(&mut program.command(words));
    (ran.status, ran.stdout())
}

/// The programs that ask for a password, by their names, with their sources.
fn crackmes() -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = fs::read_dir(folder().join("crackmes"))
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.file_stem().unwrap().to_str().unwrap().to_string(), fs::read_to_string(path).unwrap())
        })
        .collect();
    found.sort();
    found
}
