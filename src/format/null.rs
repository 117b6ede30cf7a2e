//! The format that writes nothing: for measuring, and for programs that are only to be run.

use std::io;

use crate::trace::{Event, Run, Sink, State};

/// Takes every event and keeps none.
pub struct Null;

impl Sink for Null {
    fn event(&mut self, _event: &Event, _at: &State) -> io::Result<()> {
        Ok(())
    }

    fn run(&mut self, _run: &Run, _at: &State) -> io::Result<()> {
        Ok(())
    }

    fn values(&mut self, _words: &[u64], _at: &State) -> io::Result<()> {
        Ok(())
    }

    fn written(&self) -> u64 {
        0
    }
}
