//! Where a reading command prints: standard output, plain or painted, or a pager if that is a terminal.

use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};
use std::path::Path;

use anyhow::Context;

use super::args::{ColorWhen, ScreenArgs};
use super::pager::Pager;
use super::{exit, message};
use crate::format::{self, Compression, Output, Paint, Painted, Replace};
use crate::process::descriptors::check_stdout;
use crate::read::TraceError;
use crate::trace::SinkError;

/// What goes before the reason if the output cannot be written.
pub const CANNOT_WRITE: &str = "cannot write to standard output";

/// An open screen.
pub struct Screen {
    pager: Option<Pager>,
    is_colored: bool,
}

impl Screen {
    /// Opens it; without `pages` there is no pager.
    pub fn open(args: &ScreenArgs, pages: bool) -> Screen {
        let is_colored = match args.color {
            ColorWhen::Always => true,
            ColorWhen::Never => false,
            ColorWhen::Auto => wants_colors(|name| env::var_os(name), io::stdout().is_terminal()),
        };
        let wants_pager = pages && !args.no_pager && io::stdout().is_terminal();
        let pager = if wants_pager { Pager::start() } else { None };
        if pager.is_some() {
            message::hold();
        }
        Screen { pager, is_colored }
    }

    /// An output for lines, which must not be the file `input`; they are painted if they are of a kind that has colours.
    pub fn output(&self, paint: Option<Paint>, input: &Path) -> anyhow::Result<Output> {
        let output = match self.pager.as_ref().and_then(Pager::input) {
            Some(input) => Output::of_pipe(input)?,
            // A file that is not open for writing fails with the first line, as a standard output that is closed does.
            None if check_stdout().is_err() => Output::of_pipe(File::open("/dev/null")?)?,
            None => format::check_output(Path::new("-"), Some(input), Replace::Traces)?.open(Compression::None)?,
        };
        Ok(match paint.filter(|_| self.is_colored) {
            Some(paint) => output.painted(paint),
            None => output,
        })
    }

    /// A writer for lines of this kind.
    pub fn writer(&self, paint: Option<Paint>) -> Box<dyn Write> {
        let writer: Box<dyn Write> = match self.pager.as_ref().and_then(Pager::input) {
            Some(input) => Box::new(BufWriter::new(input)),
            None => Box::new(BufWriter::new(stdout())),
        };
        match paint.filter(|_| self.is_colored) {
            Some(paint) => Box::new(Painted::new(writer, paint)),
            None => writer,
        }
    }
}

/// Standard output, where writing fails if there is none.
pub fn stdout() -> impl Write {
    Stdout(io::stdout().lock())
}

struct Stdout(StdoutLock<'static>);

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        check_stdout()?;
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Prints a whole text on standard output.
pub fn print(text: &[u8]) -> anyhow::Result<u8> {
    printed(stdout().write_all(text))
}

/// Prints help or a version that clap has made.
pub fn print_answer(answer: &clap::Error) -> anyhow::Result<u8> {
    printed(check_stdout().and_then(|()| answer.print()))
}

/// The result of a command whose answer was printed on standard output.
fn printed(written: io::Result<()>) -> anyhow::Result<u8> {
    result(written.and_then(|()| io::stdout().flush()).map(|()| 0).context(CANNOT_WRITE))
}

/// The result of a command that reads: that what it prints is not read to the end is no error.
pub fn result(result: anyhow::Result<u8>) -> anyhow::Result<u8> {
    match result {
        Err(error) if exit::is_closed_pipe(&error) => Ok(0),
        result => result,
    }
}

/// Says of what could not be written that it is standard output.
pub fn of_output(error: TraceError) -> anyhow::Error {
    match error {
        TraceError::Output(SinkError::Io(error)) => anyhow::Error::new(error).context(CANNOT_WRITE),
        error => error.into(),
    }
}

impl Drop for Screen {
    /// Waits until the pager is left, and then prints the messages that it would have hidden.  The output must be closed.
    fn drop(&mut self) {
        if let Some(pager) = self.pager.take() {
            pager.wait();
            message::release();
        }
    }
}

/// Decides whether output has colours if the command line does not say: as the variables of the environment ask for them.
fn wants_colors(variable: impl Fn(&str) -> Option<OsString>, is_terminal: bool) -> bool {
    let value = |name: &str| variable(name).filter(|value| !value.is_empty());
    let is_off = |name: &str| value(name).is_some_and(|value| value == "0");
    if value("NO_COLOR").is_some() {
        return false;
    }
    if value("CLICOLOR_FORCE").is_some() && !is_off("CLICOLOR_FORCE") {
        return true;
    }
    let has_colors = value("TERM").is_some_and(|terminal| terminal != "dumb");
    is_terminal && has_colors && !is_off("CLICOLOR")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_colors(variables: &[(&str, &str)], on_terminal: bool, elsewhere: bool) {
        let value = |name: &str| {
            let found = [("TERM", "xterm")].iter().chain(variables).rev().find(|(other, _)| *other == name);
            found.map(|(_, value)| OsString::from(value))
        };
        let wants = [true, false].map(|is_terminal| wants_colors(value, is_terminal));
        assert_eq!(wants, [on_terminal, elsewhere], "{variables:?}");
    }

    #[test]
    fn variables_decide_about_colours_and_an_empty_one_is_none() {
        assert_colors(&[], true, false);
        assert_colors(&[("TERM", "dumb")], false, false);
        assert_colors(&[("TERM", "")], false, false);
        assert_colors(&[("NO_COLOR", "1")], false, false);
        assert_colors(&[("NO_COLOR", "0")], false, false);
        assert_colors(&[("NO_COLOR", "")], true, false);
        assert_colors(&[("CLICOLOR_FORCE", "1")], true, true);
        assert_colors(&[("CLICOLOR_FORCE", "0")], true, false);
        assert_colors(&[("CLICOLOR_FORCE", "")], true, false);
        assert_colors(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false, false);
        assert_colors(&[("CLICOLOR_FORCE", "1"), ("TERM", "dumb")], true, true);
        assert_colors(&[("CLICOLOR", "0")], false, false);
        assert_colors(&[("CLICOLOR", "0"), ("CLICOLOR_FORCE", "1")], true, true);
    }
}
