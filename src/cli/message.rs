//! Messages on standard error: one line each, whatever the names in them hold.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::{Mutex, MutexGuard, PoisonError};

use indicatif::HumanCount;

use crate::bytecode::escape::Printable;
use crate::progress::columns;

/// Messages that wait for the end of a pager.
static HELD: Mutex<Option<Vec<String>>> = Mutex::new(None);

/// Prints one line on standard error.  A standard error that is closed or full is no reason to fail.
pub fn warn(message: impl Display) {
    let message = without_codes(&message.to_string());
    match held().as_mut() {
        Some(held) => held.push(message),
        None => print(&message),
    }
}

/// Prints what another program has said, whose lines have no control characters.
pub fn repeat(lines: &str) {
    let _ = io::stderr().write_all(lines.as_bytes());
}

/// Holds messages back.
pub fn hold() {
    held().get_or_insert_default();
}

/// Prints the messages that were held back.
pub fn release() {
    let messages = held().take();
    messages.iter().flatten().for_each(|message| print(message));
}

fn held() -> MutexGuard<'static, Option<Vec<String>>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

fn print(message: &str) {
    // In one write: recorders of several processes print at the same time.
    let line = format!("bctrace: {}\n", Printable::text(message.as_bytes()));
    let _ = io::stderr().write_all(line.as_bytes());
}

/// Begins a line of its own on a terminal, on which a program may have left one unfinished: as many blanks as there are columns end
/// in this line if it is empty, and in the next one if it is not.
pub fn begin_line() {
    if io::stderr().is_terminal() {
        let _ = write!(io::stderr(), "{:columns$}\r", "", columns = columns());
    }
}

/// A number and what is counted.
pub fn counted(number: u64, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {what}{plural}", HumanCount(number))
}

/// Prints an error of usage, which has several lines.  Words in it can be names of files, which can hold anything.
pub fn explain(error: &clap::Error) {
    for line in error.render().to_string().lines() {
        let _ = writeln!(io::stderr(), "{}", Printable::text(line.as_bytes()));
    }
}

/// Takes the numbers out of errors of the operating system, whose texts say enough.
fn without_codes(message: &str) -> String {
    let mut parts = message.split(" (os error ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| match part.split_once(')') {
        Some((code, rest)) if code.bytes().all(|byte| byte.is_ascii_digit()) => text + rest,
        _ => text + " (os error " + part,
    })
}

/// Returns whether a command that reads for long may show how far it is: on a terminal, on which it does not print its results at the
/// same time, directly or through a pager.
pub fn shows_progress(prints: bool) -> bool {
    let stdout = || io::stdout().as_fd().try_clone_to_owned().and_then(|stdout| File::from(stdout).metadata());
    io::stderr().is_terminal() && (!prints || stdout().is_ok_and(|stdout| stdout.is_file()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_system_are_reported_without_their_numbers() {
        let error = std::io::Error::from_raw_os_error(2);
        assert_eq!(without_codes(&format!("cannot read x: {error}; and {error}")), {
            "cannot read x: No such file or directory; and No such file or directory"
        });
        assert_eq!(without_codes("a (os error x) b (os error"), "a (os error x) b (os error");
    }
}
