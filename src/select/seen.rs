//! What of a trace a selection has met, and which of its parts have met nothing: for commands that say why they print little.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use super::{Matches, Selection, Trigger, TriggerMatch, Unmet};
use crate::bytecode::code::is_library_name;
use crate::trace::totals::{CodeTotal, Totals};
use crate::trace::{Code, Event, Run, State};

/// Code objects and threads that are remembered: a program can make new ones for ever.
const REMEMBERED: usize = 1 << 16;

/// What a selection has met so far.
#[derive(Debug)]
pub struct Seen {
    selection: Selection,
    matches: Matches,
    /// Whether the filter wants a code object, by its id.
    by_code: HashMap<u32, bool>,
    threads: BTreeSet<u32>,
    /// Of the frames of wanted code objects and threads.
    least_depth: Option<u32>,
    /// Something was wanted by all parts.
    anything: bool,
    /// Something in the window was recorded.
    is_recorded: bool,
    /// The instructions of the window that were left out as the interpreter's own shutdown, from the first to the end of the last.
    own: Option<Range<u64>>,
}

/// A part of a selection that nothing has met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Miss {
    /// A name, pattern or glob.
    Code(Unmet),
    /// A place that an option has named.
    Place { option: &'static str, place: Trigger, found: TriggerMatch },
    /// A thread; the trace has these.
    Thread { asked: u32, threads: Vec<u32> },
    /// The first instruction is beyond the last one of the trace.
    BeyondEnd { from: u64, instructions: u64 },
    /// All that the window holds was left out as the interpreter's own shutdown: these instructions, the last one included.
    Shutdown { first: u64, last: u64 },
    /// All frames are deeper.
    Depth { most: u32, least: u32 },
    /// Each part has met something, and all of them together nothing.
    Together,
}

impl Seen {
    pub fn new(selection: &Selection) -> Seen {
        Seen {
            selection: selection.clone(),
            matches: Matches::new(selection.filter.clone(), Vec::new()),
            by_code: HashMap::new(),
            threads: BTreeSet::new(),
            least_depth: None,
            anything: false,
            is_recorded: false,
            own: None,
        }
    }

    /// Takes an event: instructions outside the code string, or the interpreter's own.
    pub fn event(&mut self, event: &Event, at: &State) {
        match (event, at.frame()) {
            (Event::Outside(outside), Some(frame)) => {
                self.instructions(next(at, outside.count()), at.thread, frame.depth, &frame.code);
            }
            (Event::Skipped(skipped), _) if skipped.own => self.own(&next(at, skipped.instructions)),
            _ => {}
        }
    }

    /// Takes a run.
    #[inline]
    pub fn run(&mut self, run: &Run, at: &State) {
        if let (Some(frame), true) = (at.frame(), run.count > 0) {
            self.instructions(next(at, run.count), at.thread, frame.depth, &frame.code);
        }
    }

    /// Takes instructions of a frame.
    #[inline]
    fn instructions(&mut self, numbers: Range<u64>, thread: u32, depth: u32, code: &Code) {
        if self.anything && self.threads.contains(&thread) && self.by_code.contains_key(&code.id) {
            return;
        }
        self.take(numbers, thread, depth, code);
    }

    #[cold]
    fn take(&mut self, numbers: Range<u64>, thread: u32, depth: u32, code: &Code) {
        let in_window = self.part_in_window(&numbers).is_some();
        self.is_recorded |= in_window;
        if self.by_code.len() >= REMEMBERED {
            self.by_code.clear();
        }
        let wants = *self.by_code.entry(code.id).or_insert_with(|| {
            self.matches.see(&code.object);
            self.selection.filter.wants(&code.object)
        });
        if self.threads.len() < REMEMBERED {
            self.threads.insert(thread);
        }
        let Selection { threads, max_depth, .. } = &self.selection;
        if !wants || !(threads.is_empty() || threads.contains(&thread)) {
            return;
        }
        self.least_depth = Some(self.least_depth.map_or(depth, |least| least.min(depth)));
        self.anything |= in_window && max_depth.is_none_or(|most| depth <= most);
    }

    /// Takes instructions that the recording left out as the interpreter's own shutdown.
    fn own(&mut self, numbers: &Range<u64>) {
        if let Some(part) = self.part_in_window(numbers) {
            let own = self.own.get_or_insert(part.clone());
            own.end = part.end;
        }
    }

    /// Returns whether all of these numbers are in the window, or none.
    pub fn is_even(&self, numbers: &Range<u64>) -> bool {
        self.part_in_window(numbers).is_none_or(|part| part == *numbers)
    }

    /// What of these numbers is in the window.
    fn part_in_window(&self, numbers: &Range<u64>) -> Option<Range<u64>> {
        let window = self.selection.window.clone().unwrap_or(0..u64::MAX);
        let part = numbers.start.max(window.start)..numbers.end.min(window.end);
        (!part.is_empty()).then_some(part)
    }

    /// Takes the totals of the whole trace, of which only a part is read.
    pub fn totals(&mut self, totals: &Totals) {
        totals
            .codes
            .iter()
            .for_each(|code| self.matches.see_named(&code.name, &code.filename, is_library_name(&code.filename)));
        self.threads.extend(totals.threads.keys().take(REMEMBERED));
        if totals.other_codes != CodeTotal::default() {
            // Some of these could be what was asked for.
            self.matches = Matches::default();
        }
    }

    /// Returns what nothing has met of a trace with this many instructions.  If not all of them were seen, what was not may hold the
    /// code objects and threads that are missed.
    pub fn misses(&self, instructions: u64, is_whole: bool) -> Vec<Miss> {
        let mut misses = Vec::new();
        if self.selection.is_everything() {
            return misses;
        }
        if is_whole {
            misses.extend(self.matches.unmet().into_iter().map(Miss::Code));
            let threads = self.selection.threads.iter().filter(|thread| !self.threads.contains(thread));
            misses
                .extend(threads.map(|&asked| Miss::Thread { asked, threads: self.threads.iter().copied().collect() }));
        }
        let window = self.selection.window.clone().unwrap_or(1..u64::MAX);
        if window.start > instructions.max(1) {
            misses.push(Miss::BeyondEnd { from: window.start, instructions });
        }
        if self.anything || !misses.is_empty() || window.is_empty() {
            return misses;
        }
        if let Some(own) = self.own.as_ref().filter(|_| !self.is_recorded) {
            return vec![Miss::Shutdown { first: own.start, last: own.end - 1 }];
        }
        match (self.selection.max_depth, self.least_depth) {
            (Some(most), Some(least)) if is_whole && most < least => misses.push(Miss::Depth { most, least }),
            _ if instructions > 0 => misses.push(Miss::Together),
            _ => {}
        }
        misses
    }
}

/// The numbers of the next instructions.
fn next(at: &State, count: u64) -> Range<u64> {
    let first = at.instructions.saturating_add(1);
    first..first.saturating_add(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytecode::CodeObject;
    use crate::select::{Filter, Name};

    fn code(id: u32, name: &str) -> Code {
        Code::new(id, id, None, CodeObject { name: name.into(), ..CodeObject::default() })
    }

    fn selection(name: &str, threads: &[u32], max_depth: Option<u32>, window: Option<Range<u64>>) -> Selection {
        let names = if name.is_empty() { Vec::new() } else { vec![Name::new(name)] };
        Selection { filter: Filter { names, ..Filter::default() }, threads: threads.to_vec(), max_depth, window }
    }

    /// What a trace of 30 instructions misses: `main` in thread 0 at depth 0, 10 times `f` in thread 1 at depth 2.
    fn misses(selection: Selection) -> Vec<Miss> {
        let mut seen = Seen::new(&selection);
        seen.instructions(1..21, 0, 0, &code(1, "main"));
        (21..31).for_each(|number| seen.instructions(number..number + 1, 1, 2, &code(2, "f")));
        seen.misses(30, true)
    }

    #[test]
    fn each_part_that_met_nothing_is_reported() {
        assert_eq!(misses(selection("", &[], None, None)), []);
        let damaged = Seen::new(&selection("", &[], None, None));
        assert_eq!(damaged.misses(30, false), [], "nothing was asked for");
        assert_eq!(misses(selection("f", &[1], Some(2), Some(30..31))), []);
        assert!(matches!(&misses(selection("g", &[], None, None))[..], [Miss::Code(_)]));
        assert_eq!(misses(selection("", &[0, 7], None, None)), [Miss::Thread { asked: 7, threads: vec![0, 1] }]);
        assert_eq!(misses(selection("", &[], None, Some(31..40))), [Miss::BeyondEnd { from: 31, instructions: 30 }]);
        assert_eq!(misses(selection("f", &[], Some(1), None)), [Miss::Depth { most: 1, least: 2 }]);
        assert_eq!(misses(selection("f", &[0], None, None)), [Miss::Together]);
        assert_eq!(misses(selection("f", &[], None, Some(1..5))), [Miss::Together]);
        assert_eq!(misses(selection("", &[], None, Some(5..5))), []);
    }

    #[test]
    fn a_window_that_holds_the_shutdown_alone_is_reported_as_such() {
        let misses = |window| {
            let mut seen = Seen::new(&selection("", &[], None, Some(window)));
            seen.instructions(1..21, 0, 0, &code(1, "main"));
            seen.own(&(21..31));
            seen.misses(30, true)
        };
        assert_eq!(misses(21..31), [Miss::Shutdown { first: 21, last: 30 }]);
        assert_eq!(misses(25..28), [Miss::Shutdown { first: 25, last: 27 }]);
        assert_eq!(misses(20..31), []);
        assert_eq!(misses(31..40), [Miss::BeyondEnd { from: 31, instructions: 30 }]);
    }
}
