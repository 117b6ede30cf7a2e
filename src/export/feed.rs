//! Reads a trace once and hands it to an export: what a visitor of the views gets, and what a visitor does not see.

use std::io;

use crate::progress::{Done, Progress};
use crate::read::visit::{Visit, Visitor};
use crate::read::{Flaw, Reader, TraceError};
use crate::trace::{Event, Run, Sink, SinkError, State};

/// Takes a trace in its order.
pub trait Exporter: Visitor {
    /// Takes any event before [`Visitor`] does, exceptions included.
    fn before(&mut self, _event: &Event, _at: &State) -> Result<(), SinkError> {
        Ok(())
    }

    /// Takes any run, an empty one too, after its units and after the frame that it enters or leaves.
    fn after(&mut self, _run: &Run, _at: &State) -> Result<(), SinkError> {
        Ok(())
    }
}

/// Reads all of a trace; each flaw goes to `report`.  Returns how many there were.
pub fn feed<E: Exporter>(
    reader: &mut Reader,
    exporter: &mut E,
    shows_progress: bool,
    report: &mut dyn FnMut(Flaw),
) -> Result<u64, TraceError> {
    let total = reader.index().map(|index| index.instructions());
    let mut feed = Feed {
        visit: Visit::new(exporter, None),
        progress: shows_progress.then(|| Progress::new(true)),
        total,
        runs: 0,
    };
    let mut flaws = 0;
    reader.read_all(&mut feed, &mut |flaw| {
        flaws += 1;
        report(flaw);
        Ok(())
    })?;
    Ok(flaws)
}

struct Feed<'a, E> {
    visit: Visit<&'a mut E>,
    progress: Option<Progress>,
    total: Option<u64>,
    runs: u32,
}

impl<E: Exporter> Sink for Feed<'_, E> {
    fn event(&mut self, event: &Event, at: &State) -> Result<(), SinkError> {
        self.visit.visitor.before(event, at)?;
        self.visit.event(event, at)
    }

    #[inline]
    fn run(&mut self, run: &Run, at: &State) -> Result<(), SinkError> {
        self.runs = self.runs.wrapping_add(1);
        if let Some(progress) = self.progress.as_mut().filter(|_| self.runs.is_multiple_of(1 << 14)) {
            progress.show(|| Done { instructions: at.instructions, total: self.total, written: None });
        }
        self.visit.run(run, at)?;
        self.visit.visitor.after(run, at)
    }

    #[inline]
    fn values(&mut self, words: &[u64], at: &State) -> Result<(), SinkError> {
        self.visit.values(words, at)
    }

    fn written(&self) -> u64 {
        0
    }
}

/// An error of an output that is no error of the system.
pub fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> SinkError {
    SinkError::Io(io::Error::other(error))
}
