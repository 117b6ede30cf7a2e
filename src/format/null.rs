//! The format that writes nothing: for measuring, and for programs that are only to be run.

use crate::trace::{Event, Run, Sink, SinkError, State};

/// Takes every event and keeps none.
pub struct Null;

impl Sink for Null {
    fn event(&mut self, _event: &Event, _at: &State) -> Result<(), SinkError> {
        Ok(())
    }

    fn run(&mut self, _run: &Run, _at: &State) -> Result<(), SinkError> {
        Ok(())
    }

    fn values(&mut self, _words: &[u64], _at: &State) -> Result<(), SinkError> {
        Ok(())
    }

    fn written(&self) -> u64 {
        0
    }
}
