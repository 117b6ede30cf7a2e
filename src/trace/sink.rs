//! What consumes a trace: each run, the values before it, and each other event, with the state in which it happened.

use std::io;

use super::decoder::Decoder;
use super::event::{Event, Run};
use super::laps::Laps;
use super::state::{State, StreamError};

/// Why a sink takes nothing more.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The output has reached its size limit; what was written is whole.
    #[error("the trace has reached its size limit")]
    Full,
    /// The output is complete, but others have removed or changed it meanwhile; says what was seen.
    #[error("{0}")]
    Lost(String),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl SinkError {
    /// Says why the output cannot be written, without the number of the system's error.
    pub fn cause(&self) -> String {
        let text = self.to_string();
        let end = text.rfind(" (os error ").unwrap_or(text.len());
        text[..end].to_string()
    }
}

impl From<SinkError> for io::Error {
    fn from(error: SinkError) -> io::Error {
        match error {
            SinkError::Full => io::ErrorKind::FileTooLarge.into(),
            SinkError::Lost(_) => io::Error::other(error),
            SinkError::Io(error) => error,
        }
    }
}

/// Takes a trace in its order.  `at` is the state before the event: for a run, its frame is the current one and its first instruction
/// has the number `at.instructions + 1`.
pub trait Sink {
    /// Takes an event.
    fn event(&mut self, event: &Event, at: &State) -> Result<(), SinkError>;

    /// Takes a run.
    fn run(&mut self, run: &Run, at: &State) -> Result<(), SinkError>;

    /// Takes the runs of one word each with which `words` begin; returns how many these are.  By default each is decoded and handed to
    /// [`Sink::run`]: one call for many runs, where most of a stream is runs.
    fn runs(&mut self, words: &[u64], decoder: &mut Decoder) -> Result<usize, StreamError> {
        decoder.runs(words, self)
    }

    /// Takes words of the values of the next run that is not empty; they may come in any number of pieces.
    fn values(&mut self, words: &[u64], at: &State) -> Result<(), SinkError>;

    /// Asks about laps of a loop that come next: a sink for which one of them stands for all returns true.  Then it is handed the first of
    /// them alone, for all, and [`Sink::laps_end`].  By default it is handed each.  A sink is asked after one of them was handed to it, and
    /// if it refuses, once more after each of the next few.
    fn laps(&mut self, _laps: &Laps, _at: &State) -> bool {
        false
    }

    /// Ends laps that were taken at once; `at` is the state after the last one.
    fn laps_end(&mut self, _at: &State) {}

    /// Writes what is held back, as far as readers of a growing trace need it.
    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    /// Goes on in a copy of the process that has written the trace so far and is dead: whatever that has written after the copy was made
    /// is written again.
    fn resume(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    /// Ends the output after the last event; returns its size in bytes.
    fn finish(&mut self) -> Result<u64, SinkError> {
        self.flush()?;
        Ok(self.written())
    }

    /// The bytes of the output so far.  Those that wait to be compressed are not among them.
    fn written(&self) -> u64;
}

/// Hands each event to a function, and takes nothing else of a trace.
pub struct Events<F>(pub F);

impl<F: FnMut(&Event)> Sink for Events<F> {
    fn event(&mut self, event: &Event, _at: &State) -> Result<(), SinkError> {
        (self.0)(event);
        Ok(())
    }

    fn run(&mut self, _run: &Run, _at: &State) -> Result<(), SinkError> {
        Ok(())
    }

    fn values(&mut self, _words: &[u64], _at: &State) -> Result<(), SinkError> {
        Ok(())
    }

    fn laps(&mut self, laps: &Laps, _at: &State) -> bool {
        !laps.has_exceptions
    }

    fn written(&self) -> u64 {
        0
    }
}

/// Takes every event and keeps none: for a trace of which only the state is wanted, or nothing.
pub fn ignore() -> impl Sink {
    Events(|_: &Event| ())
}
