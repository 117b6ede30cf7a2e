//! Runs a program again with recorded input, in the sandbox and repeatably, in a process of its own, and reads what it did.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use super::recorded::Recorded;
use crate::clean::Evidence;
use crate::clean::behaviour::{Behaviour, Meant, comparable};
use crate::read::Reader;
use crate::read::steps::Steps;
use crate::sandbox::Temporary;
use crate::trace::event::{EndReason, StopReason};

/// Seconds that a run gets.
const TIMEOUT: u32 = 120;
/// Instructions that a run gets: so many times those of the recorded one, and some more.  A program that was stopped would go on for ever.
const TIMES: u64 = 4;
const MORE: u64 = 10_000_000;
/// Bytes of output that are compared.
const MOST_OUTPUT: u64 = 64 << 20;

/// A place for the files of the runs.
pub struct Place {
    scratch: Temporary,
    /// The scratch folder of each run: what a program does with its path is the same in all.
    home: Temporary,
}

/// What a run did.
pub struct Ran {
    pub behaviour: Behaviour,
    /// As a shell reports it.
    pub status: i32,
    pub output: Vec<u8>,
    /// The line that names the exception that ended it, or nothing.
    pub exception: Vec<u8>,
    /// It was stopped because it had run for long enough.
    pub is_cut: bool,
    pub trace: PathBuf,
}

impl Place {
    pub fn new() -> anyhow::Result<Place> {
        let create = |seed| Temporary::create(seed).context("cannot make a folder for the runs that are compared");
        Ok(Place { scratch: create(b"compared")?, home: create(b"home")? })
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// Removes it with all that is in it.
    pub fn remove(self) -> io::Result<()> {
        let home = self.home.remove();
        self.scratch.remove().and(home)
    }

    /// Runs `file` as if it were `original`, which need not exist, with the input of a recorded run.  `meant` says what is different in
    /// clean code on purpose.
    pub fn run(&self, file: &Path, original: &Path, recorded: &Recorded, meant: &Meant) -> anyhow::Result<Ran> {
        let paths = ["run.bct", "input", "output", "errors"].map(|name| self.path(name));
        let [trace, input, output, errors] = &paths;
        fs::write(input, &recorded.input)?;
        if trace.exists() {
            fs::remove_file(trace)?;
        }
        self.home.empty().context("cannot empty the folder of a run that is compared")?;
        let mut command = Command::new("/proc/self/exe");
        command.args([
            "--deterministic",
            "--values",
            "--value-length=10000",
            "--no-stdlib",
            "--quiet",
            "--format=bct",
            "--force",
        ]);
        let most = recorded.instructions.saturating_mul(TIMES).saturating_add(MORE);
        command.arg(format!("--timeout={TIMEOUT}")).arg(format!("--max-instructions={most}"));
        command.arg(option("--in-place-of", original.as_os_str()));
        command.arg(option("--scratch", self.home.path().as_os_str()));
        command.args(recorded.environment.iter().map(|variable| option("--env", variable)));
        command.arg(std::path::absolute(file)?).arg(trace).arg("--").args(&recorded.arguments);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"PYTHON")) {
            command.env_remove(name);
        }
        command.stdin(File::open(input)?).stdout(File::create(output)?).stderr(File::create(errors)?);
        let status = command.status().context("cannot run bctrace again")?;
        let status = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
        let errors = beginning(errors)?;
        if !trace.exists() {
            anyhow::bail!("the run was not recorded: {}", errors.escape_ascii());
        }
        let behaviour = Behaviour::read(Steps::open(trace)?, meant)?;
        let is_cut =
            matches!(behaviour.end, Some(EndReason::Stopped(StopReason::Timeout | StopReason::MaxInstructions)));
        let output = comparable(&beginning(output)?);
        let exception = comparable(exception(&errors));
        Ok(Ran { behaviour, status, output, exception, is_cut, trace: trace.clone() })
    }
}

impl Ran {
    /// Adds which code ran.
    pub fn add_to(&self, evidence: &mut Evidence) -> anyhow::Result<()> {
        Ok(evidence.add(Reader::open(&self.trace)?, &mut |_| {})?)
    }
}

/// An option and its value as one word, whatever the value begins with.
fn option(name: &str, value: &OsStr) -> OsString {
    let mut word = OsString::from(name);
    word.push("=");
    word.push(value);
    word
}

fn beginning(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST_OUTPUT).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The last line of a traceback; bctrace's own messages can come after it.
fn exception(errors: &[u8]) -> &[u8] {
    let has_traceback = memchr::memmem::find(errors, b"Traceback (most recent call last)").is_some();
    let mut lines =
        errors.trim_ascii_end().rsplit(|&byte| byte == b'\n').filter(|line| !line.starts_with(b"bctrace: "));
    if has_traceback { lines.next().unwrap_or_default() } else { b"" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_does_not_start_leaves_no_folder() {
        let place = Place::new().expect("folders");
        let folders = [place.scratch.path().to_owned(), place.home.path().to_owned()];
        let environment = vec![OsString::from("A=\0")];
        let recorded = Recorded { environment, ..Recorded::default() };
        let compare = || place.run(Path::new("a.pyc"), Path::new("a.pyc"), &recorded, &Meant::default()).map(drop);
        let failed = compare().is_err();
        drop(place);
        assert!(failed && folders.iter().all(|folder| !folder.exists()));
    }
}
