//! The kinds of files that bctrace takes a program from.  Every archive is written by `archives`, so that nothing of others is needed.

mod archives;
mod forms;
mod frozen;
mod hostile;
mod listing;
mod natives;
mod others;

use std::fs;
use std::path::{Path, PathBuf};

use crate::running::{self, Ran};

/// A folder with files, in which commands are run.
struct Scratch {
    folder: tempfile::TempDir,
}

impl Scratch {
    fn new() -> Scratch {
        Scratch { folder: tempfile::tempdir().unwrap() }
    }

    fn with(name: &str, bytes: &[u8]) -> Scratch {
        let scratch = Scratch::new();
        scratch.write(name, bytes);
        scratch
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        running::run(running::bctrace(arguments).current_dir(self.folder.path()))
    }

    /// Runs a program quietly; returns what it prints.
    #[track_caller]
    fn runs(&self, program: &str) -> String {
        self.run(&["-q", program, "t.bct"]).succeeded()
    }

    /// Asserts that a command fails with one line that has all of these parts.
    #[track_caller]
    fn refuses(&self, arguments: &[&str], parts: &[&str]) {
        let ran = self.run(arguments);
        let message = ran.stderr();
        assert_eq!((ran.status, ran.stdout().as_str()), (125, ""), "{message}");
        assert_eq!(message.lines().count(), 1, "{message}");
        for part in parts {
            assert!(message.contains(part), "{part:?} is not in: {message}");
        }
    }

    /// All files below a folder, with their paths from it.
    fn tree(&self, folder: &str) -> Vec<String> {
        let root = self.path(folder);
        let mut open = vec![root.clone()];
        let mut found = Vec::new();
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => open.push(path),
                    false => found.push(relative(&path, &root)),
                }
            }
        }
        found.sort();
        found
    }
}

fn relative(path: &Path, root: &Path) -> String {
    path.strip_prefix(root).unwrap().to_str().unwrap().to_owned()
}

/// The marshalled code of a source.
fn marshalled(source: &str, name: &str) -> Vec<u8> {
    let (_folder, pyc) = running::compiled(source, name);
    running::read(&pyc)[8..].to_vec()
}

const HEADER: &[u8] = b"\x03\xf3\r\n\0\0\0\0";

/// A whole .pyc.
fn pyc(source: &str, name: &str) -> Vec<u8> {
    [HEADER, &marshalled(source, name)].concat()
}
