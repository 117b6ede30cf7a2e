//! A sink before the sink of a view, which notes what of the selection the trace has met, and shows how far it is.

use crate::format::bct::layout::Index;
use crate::progress::{Done, Progress};
use crate::select::{Miss, Seen, Selection};
use crate::trace::{Event, Laps, Run, Sink, SinkError, State};

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
        count: Option<u64>,
        shows_progress: bool,
        index: Option<&Index>,
    ) -> Observed<'a> {
        let seen = (!selection.is_everything()).then(|| Seen::new(selection));
        Observed { sink, seen, progress: shows_progress.then(|| Reading::new(index, selection, count)) }
    }

    /// Returns what of the selection nothing has met; `reached` is the number of the last instruction of what was read.
    pub(super) fn misses(self, index: Option<&Index>, reached: u64, is_whole: bool) -> Vec<Miss> {
        self.seen.map_or(Vec::new(), |seen| misses(seen, index, reached, is_whole))
    }
}

/// The progress of a command that reads a trace.
pub(super) struct Reading {
    line: Progress,
    /// Instructions before the first one that is wanted, and how many are wanted from there on, if that is known.
    before: u64,
    total: Option<u64>,
    /// Steps taken; the clock is not asked at each.
    steps: u32,
}

impl Reading {
    /// Begins to read a selection, of which `count` instructions are printed at most.
    pub(super) fn new(index: Option<&Index>, selection: &Selection, count: Option<u64>) -> Reading {
        let (before, total) = wanted(index.map(Index::instructions), selection, count);
        Reading { line: Progress::new(true), before, total, steps: 0 }
    }

    /// Takes a run or an instruction, after which `instructions` have been read, and `written` bytes written.
    #[inline]
    pub(super) fn step(&mut self, instructions: u64, written: impl FnOnce() -> Option<u64>) {
        self.steps = self.steps.wrapping_add(1);
        if self.steps.is_multiple_of(1 << 14) {
            let instructions = instructions.saturating_sub(self.before);
            self.line.show(|| Done { instructions, total: self.total, written: written() });
        }
    }
}

/// Returns how many of all instructions of a trace come before a selection, and how many are read from there on, if that is known.
fn wanted(all: Option<u64>, selection: &Selection, count: Option<u64>) -> (u64, Option<u64>) {
    let window = selection.window.clone().unwrap_or(1..u64::MAX);
    let before = window.start.saturating_sub(1);
    let last = match all {
        Some(all) => Some(all.min(window.end.saturating_sub(1))),
        None => (window.end < u64::MAX).then(|| window.end - 1),
    };
    let in_window = last.map(|last| last.saturating_sub(before));
    let is_by_number =
        selection.filter.is_everything() && selection.threads.is_empty() && selection.max_depth.is_none();
    let total = match count {
        Some(count) if is_by_number => Some(in_window.map_or(count, |all| all.min(count))),
        // Where the last one that is printed stands is not known.
        Some(_) => None,
        None => in_window,
    };
    (before, total)
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
        if let Some(seen) = &mut self.seen {
            seen.event(event, at);
        }
        self.sink.event(event, at)
    }

    fn run(&mut self, run: &Run, at: &State) -> Result<(), SinkError> {
        if let Some(seen) = &mut self.seen {
            seen.run(run, at);
        }
        if let Some(progress) = &mut self.progress {
            progress.step(at.instructions, || Some(self.sink.written()));
        }
        self.sink.run(run, at)
    }

    fn values(&mut self, words: &[u64], at: &State) -> Result<(), SinkError> {
        self.sink.values(words, at)
    }

    fn laps(&mut self, laps: &Laps, at: &State) -> bool {
        let first = at.instructions.saturating_add(1);
        let numbers = first..first.saturating_add(laps.total());
        self.seen.as_ref().is_none_or(|seen| seen.is_even(&numbers)) && self.sink.laps(laps, at)
    }

    fn laps_end(&mut self, at: &State) {
        self.sink.laps_end(at);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::select::{Filter, Name};

    #[test]
    fn the_total_of_a_part_is_that_part() {
        let part = |from, to| Selection { window: Selection::window(from, to), ..Selection::default() };
        assert_eq!(wanted(Some(100), &part(None, None), None), (0, Some(100)));
        assert_eq!(wanted(Some(100), &part(Some(21), None), None), (20, Some(80)));
        assert_eq!(wanted(Some(100), &part(Some(21), Some(30)), None), (20, Some(10)));
        assert_eq!(wanted(Some(100), &part(Some(21), Some(300)), Some(5)), (20, Some(5)));
        assert_eq!(wanted(Some(100), &part(None, None), Some(500)), (0, Some(100)));
        assert_eq!(wanted(None, &part(None, None), None), (0, None));
        assert_eq!(wanted(None, &part(None, None), Some(7)), (0, Some(7)));
        let filter = Filter { names: vec![Name::new("f")], ..Filter::default() };
        assert_eq!(wanted(Some(100), &Selection { filter, ..part(None, None) }, Some(5)), (0, None));
    }
}
