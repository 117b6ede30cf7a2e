//! Runs the tools that the build needs; nothing else in build/ starts a process, except the `cc` crate.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};

/// Why a command did not do its work. Its text is the `wrong` of a `Problem`.
#[derive(Debug)]
pub struct CommandError {
    program: String,
    why: Why,
}

#[derive(Debug)]
enum Why {
    NotStarted(io::Error),
    /// What the command printed, and the file that has all of it.
    Failed {
        status: ExitStatus,
        said: String,
        log: Option<PathBuf>,
    },
}

/// Runs a command to its end, without input and in English. Returns what it printed on standard output; with a `log`, appends
/// both of its streams to that file instead.
pub fn run(command: &mut Command, log: Option<&Path>) -> Result<Vec<u8>, CommandError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = match outcome(command, log) {
        Ok(output) if output.status.success() => return Ok(output.stdout),
        Ok(output) => output,
        Err(error) => return Err(CommandError { program, why: Why::NotStarted(error) }),
    };
    let said = log.map_or(output.stderr, |log| fs::read(log).unwrap_or_default());
    let said = String::from_utf8_lossy(&said).into_owned();
    Err(CommandError { program, why: Why::Failed { status: output.status, said, log: log.map(Path::to_path_buf) } })
}

fn outcome(command: &mut Command, log: Option<&Path>) -> io::Result<Output> {
    command.env("LC_ALL", "C").stdin(Stdio::null());
    if let Some(log) = log {
        let file = File::options().create(true).append(true).open(log)?;
        command.stdout(file.try_clone()?).stderr(file);
    }
    command.output()
}

impl CommandError {
    /// Returns whether there is no such program.
    pub fn is_missing(&self) -> bool {
        matches!(&self.why, Why::NotStarted(error) if error.kind() == io::ErrorKind::NotFound)
    }

    /// Returns all that the command printed, as far as it was started.
    pub fn said(&self) -> &str {
        match &self.why {
            Why::NotStarted(_) => "",
            Why::Failed { said, .. } => said,
        }
    }

    /// Returns what went wrong in one line, which ends with the last one that the command printed.
    pub fn in_one_line(&self) -> String {
        let last = self.said().lines().rev().find(|line| !line.trim().is_empty());
        match (&self.why, last) {
            (Why::Failed { status, .. }, Some(last)) => {
                format!("`{}` ended with {status}: {}", self.program, last.trim())
            }
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let program = &self.program;
        match &self.why {
            Why::NotStarted(error) => write!(f, "`{program}` could not be started: {error}"),
            Why::Failed { status, said, log } => {
                write!(f, "`{program}` ended with {status}")?;
                if !said.is_empty() {
                    write!(f, "; its last lines are\n{}", last_lines(said))?;
                }
                log.iter().try_for_each(|log| write!(f, "\nall of it is in {}", log.display()))
            }
        }
    }
}

impl std::error::Error for CommandError {}

/// Returns the lines of a tool's output that say why it failed.
fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(12)..].join("\n")
}
