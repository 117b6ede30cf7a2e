//! The command line from outside: what is typed, what is refused and how that is said, and what the traced program sees of it.

mod generated;
mod inputs;
mod missing;
mod mistakes;
mod names;
mod options;
mod outputs;
mod path;
mod program;
mod source;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::running::{self, Ran};

/// A folder with a .pyc that prints "hello", in which commands are run.
struct Scratch {
    folder: tempfile::TempDir,
}

impl Scratch {
    fn new() -> Scratch {
        Scratch::with("print 'hello'")
    }

    /// With this program as `ok.pyc`.
    fn with(source: &str) -> Scratch {
        let (folder, _) = running::compiled(source, "ok.pyc");
        Scratch { folder }
    }

    fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command<I: IntoIterator<Item: AsRef<OsStr>>>(&self, arguments: I) -> Command {
        let mut command = running::bctrace(arguments);
        command.current_dir(self.folder.path());
        command
    }

    fn run<I: IntoIterator<Item: AsRef<OsStr>>>(&self, arguments: I) -> Ran {
        running::run(&mut self.command(arguments))
    }

    fn text(&self, name: &str) -> String {
        String::from_utf8(running::read(&self.path(name))).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

/// Asserts that bctrace itself failed before it ran anything: status 125, one line on standard error with all of `parts`.
#[track_caller]
fn assert_refused(ran: &Ran, parts: &[&str]) {
    let message = ran.stderr();
    assert_eq!((ran.status, ran.stdout().as_str()), (125, ""), "{message}");
    assert!(message.starts_with("bctrace: ") && message.ends_with('\n'), "{message:?}");
    assert_eq!(message.matches('\n').count(), 1, "more than one line: {message}");
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
}
