//! Where a reading command prints: standard output, plain or painted, or a pager if that is a terminal.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

use anstream::{AutoStream, ColorChoice};

use super::args::{ColorWhen, ScreenArgs};
use super::pager::Pager;
use super::{exit, message};
use crate::format::{self, Compression, Output, Paint, Painted, Replace};

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
            ColorWhen::Auto => AutoStream::choice(&io::stdout()) != ColorChoice::Never,
        };
        let wants_pager = pages && !args.no_pager && io::stdout().is_terminal();
        let pager = if wants_pager { Pager::start() } else { None };
        if pager.is_some() {
            message::hold();
        }
        Screen { pager, is_colored }
    }

    /// An output for lines, which must not be the file `input`; they are painted if they are of a kind that has colours.
    pub fn output(&mut self, paint: Option<Paint>, input: &Path) -> anyhow::Result<Output> {
        let output = match self.pager.as_mut().and_then(Pager::take_input) {
            Some(input) => Output::of_pipe(File::from(OwnedFd::from(input)))?,
            None => format::check_output(Path::new("-"), Some(input), Replace::Traces)?.open(Compression::None)?,
        };
        Ok(match paint.filter(|_| self.is_colored) {
            Some(paint) => output.painted(paint),
            None => output,
        })
    }

    /// A writer for lines of this kind.
    pub fn writer(&mut self, paint: Option<Paint>) -> Box<dyn Write> {
        let writer: Box<dyn Write> = match self.pager.as_mut().and_then(Pager::take_input) {
            Some(input) => Box::new(BufWriter::new(input)),
            None => Box::new(BufWriter::new(io::stdout().lock())),
        };
        match paint.filter(|_| self.is_colored) {
            Some(paint) => Box::new(Painted::new(writer, paint)),
            None => writer,
        }
    }

    /// The result of a command whose output a pager may have refused: leaving a pager is no error.
    pub fn result(&self, result: anyhow::Result<u8>) -> anyhow::Result<u8> {
        match result {
            Err(error) if self.pager.is_some() && exit::is_closed_pipe(&error) => Ok(0),
            result => result,
        }
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
