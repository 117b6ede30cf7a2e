//! A sink before the sink of a view, which notes what of the selection the trace has met, and shows how far it is.

use crate::format::bct::layout::Index;
use crate::progress::{Done, Progress};
use crate::select::{Miss, Seen, Selection};
use crate::trace::{Event, Run, Sink, SinkError, State};

/// Passes a trace on.
pub(super) struct Observed<'a> {
    sink: &'a mut dyn Sink,
    /// None if all of the trace is wanted.
    seen: Option<Seen>,
    progress: Option<Reading>,
}

impl<'a> Observed<'a> {
    pub(super) fn new(
        sink: &'a mut dyn Sink,
        selection: &Selection,
        shows_progress: bool,
        index: Option<&Index>,
    ) -> Observed<'a> {
        let seen = (!selection.is_everything()).then(|| Seen::new(selection));
        Observed { sink, seen, progress: shows_progress.then(|| Reading::new(index)) }
    }

    /// Returns what of the selection nothing has met; `reached` is the number of the last instruction of what was read.
    pub(super) fn misses(self, index: Option<&Index>, reached: u64, is_whole: bool) -> Vec<Miss> {
        self.seen.map_or(Vec::new(), |seen| misses(seen, index, reached, is_whole))
    }
}

/// The progress of a command that reads a trace.
pub(super) struct Reading {
    line: Progress,
    total: Option<u64>,
    /// Steps taken; the clock is not asked at each.
    steps: u32,
}

impl Reading {
    pub(super) fn new(index: Option<&Index>) -> Reading {
        Reading { line: Progress::new(true), total: index.map(Index::instructions), steps: 0 }
    }

    /// Takes a run or an instruction, after which so many were read and so many bytes written.
    #[inline]
    pub(super) fn step(&mut self, instructions: u64, written: impl FnOnce() -> Option<u64>) {
        self.steps = self.steps.wrapping_add(1);
        if self.steps.is_multiple_of(1 << 14) {
            self.line.show(|| Done { instructions, total: self.total, written: written() });
        }
    }
}

/// As [`Observed::misses`], of what a view has seen.
pub(super) fn misses(mut seen: Seen, index: Option<&Index>, reached: u64, is_whole: bool) -> Vec<Miss> {
    match index {
        Some(index) => {
            seen.totals(&index.totals);
            seen.misses(index.instructions(), true)
        }
        None => seen.misses(reached, is_whole),
    }
}

impl Sink for Observed<'_> {
    fn event(&mut self, event: &Event, at: &State) -> Result<(), SinkError> {
        if let (Some(seen), Event::Outside(outside), Some(frame)) = (&mut self.seen, event, at.frame()) {
            let first = at.instructions.saturating_add(1);
            seen.instructions(first..first.saturating_add(outside.count()), at.thread, frame.depth, &frame.code);
        }
        self.sink.event(event, at)
    }

    fn run(&mut self, run: &Run, at: &State) -> Result<(), SinkError> {
        if let (Some(seen), Some(frame), true) = (&mut self.seen, at.frame(), run.count > 0) {
            let first = at.instructions.saturating_add(1);
            seen.instructions(first..first.saturating_add(run.count), at.thread, frame.depth, &frame.code);
        }
        if let Some(progress) = &mut self.progress {
            progress.step(at.instructions, || Some(self.sink.written()));
        }
        self.sink.run(run, at)
    }

    fn values(&mut self, words: &[u64], at: &State) -> Result<(), SinkError> {
        self.sink.values(words, at)
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.sink.flush()
    }

    fn finish(&mut self) -> Result<u64, SinkError> {
        self.sink.finish()
    }

    fn written(&self) -> u64 {
        self.sink.written()
    }
}
