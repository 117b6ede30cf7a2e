//! What consumes a trace: one method that takes each event with the state it happened in.

use std::io;

use super::event::{Event, Run};
use super::state::State;

/// The error of a sink that has reached its size limit: what it wrote is whole, and it takes nothing more.
#[derive(Debug, thiserror::Error)]
#[error("the trace has reached its size limit")]
pub struct SizeLimit;

/// Tells whether a sink's error is [`SizeLimit`].
pub fn is_size_limit(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<SizeLimit>())
}

/// Takes the events of a trace in their order.
pub trait Sink {
    /// Takes one event.  `at` is the state before it: for a run, its frame is the current one and its first instruction has the
    /// number `at.instructions + 1`.
    fn event(&mut self, event: &Event, at: &State) -> io::Result<()>;

    /// Takes one run, as `event` would; most events are runs, so formats spare them the detour.
    #[inline]
    fn run(&mut self, run: &Run, at: &State) -> io::Result<()> {
        self.event(&Event::Run(*run), at)
    }

    /// Takes values of the next run that is not empty, as `event` would.
    #[inline]
    fn values(&mut self, words: &[u64], at: &State) -> io::Result<()> {
        self.event(&Event::Values(words.to_vec()), at)
    }

    /// Hands on what is held back, as far as readers of a growing trace need it.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Ends the output after the last event; returns its size in bytes.
    fn finish(&mut self) -> io::Result<u64> {
        self.flush()?;
        Ok(self.written())
    }

    /// The bytes of output so far, before compression.
    fn written(&self) -> u64;
}
