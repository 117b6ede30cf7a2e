//! Hands a trace to a visitor, unit by unit with its values, without making an object for each: what the views that read every
//! instruction are built on.  [`super::steps`] has the same as an iterator, at a third of the speed.

use std::ops::Range;
use std::rc::Rc;

use super::steps::{Entered, Entry, Exit};
use crate::bytecode::decode::{Unit, units};
use crate::trace::event::Skipped;
use crate::trace::value::{Pending, UnitValues};
use crate::trace::{Code, Event, Frame, Laps, Raised, Run, Sink, SinkError, State, Then};

/// Where a unit was executed.
pub struct Place<'a> {
    /// The number of its last instruction; those of the EXTENDED_ARGs come before it.
    pub number: u64,
    pub thread: u32,
    pub frame: &'a Frame,
    pub unit: &'a Unit,
}

/// Takes a trace in its order.
pub trait Visitor {
    /// Takes an event that is no run and nothing of the other functions here; `at` is the state before it.  Of instructions that were left
    /// out or are outside the code string it gets those in the window.
    fn event(&mut self, _event: &Event, _at: &State) -> Result<(), SinkError> {
        Ok(())
    }

    /// Takes a run before its units; `is_whole` says that all of them are wanted.  False leaves out its units, and their values are not
    /// decoded.
    fn run(&mut self, _run: &Run, _at: &State, _is_whole: bool) -> Result<bool, SinkError> {
        Ok(true)
    }

    /// Takes an executed unit.
    fn unit(&mut self, place: &Place, values: &UnitValues) -> Result<(), SinkError>;

    /// A frame begins or goes on.
    fn entered(&mut self, _entered: &Entered) -> Result<(), SinkError> {
        Ok(())
    }

    /// A frame goes on with other bytes of its code object.
    fn version(&mut self, _frame: &Frame, _code: &Rc<Code>) {}

    /// A frame is left; `number` is the last instruction before.
    fn left(&mut self, _frame: &Frame, _exit: Exit, _number: u64) -> Result<(), SinkError> {
        Ok(())
    }

    /// An exception was raised in a frame by the instruction `number`, or came out of what it called.
    fn raised(&mut self, _frame: &Frame, _raised: &Raised, _number: u64) -> Result<(), SinkError> {
        Ok(())
    }

    /// As [`Sink::laps`].
    fn laps(&mut self, _laps: &Laps, _at: &State) -> bool {
        false
    }

    /// As [`Sink::laps_end`].
    fn laps_end(&mut self, _at: &State) {}
}

impl<V: Visitor + ?Sized> Visitor for &mut V {
    fn event(&mut self, event: &Event, at: &State) -> Result<(), SinkError> {
        (**self).event(event, at)
    }

    fn run(&mut self, run: &Run, at: &State, is_whole: bool) -> Result<bool, SinkError> {
        (**self).run(run, at, is_whole)
    }

    fn unit(&mut self, place: &Place, values: &UnitValues) -> Result<(), SinkError> {
        (**self).unit(place, values)
    }

    fn entered(&mut self, entered: &Entered) -> Result<(), SinkError> {
        (**self).entered(entered)
    }

    fn version(&mut self, frame: &Frame, code: &Rc<Code>) {
        (**self).version(frame, code);
    }

    fn left(&mut self, frame: &Frame, exit: Exit, number: u64) -> Result<(), SinkError> {
        (**self).left(frame, exit, number)
    }

    fn raised(&mut self, frame: &Frame, raised: &Raised, number: u64) -> Result<(), SinkError> {
        (**self).raised(frame, raised, number)
    }

    fn laps(&mut self, laps: &Laps, at: &State) -> bool {
        (**self).laps(laps, at)
    }

    fn laps_end(&mut self, at: &State) {
        (**self).laps_end(at);
    }
}

/// A sink that hands what happened in a window of instruction numbers to a visitor; what is between two instructions belongs to the one
/// before it, and a frame to its first one.
pub struct Visit<V> {
    pub visitor: V,
    /// The numbers of the instructions that are wanted.
    window: Range<u64>,
    pending: Pending,
    values: UnitValues,
}

impl<V: Visitor> Visit<V> {
    pub fn new(visitor: V, window: Option<Range<u64>>) -> Visit<V> {
        let window = window.unwrap_or(0..u64::MAX);
        Visit { visitor, window, pending: Pending::default(), values: UnitValues::default() }
    }

    fn units(&mut self, run: &Run, frame: &Frame, at: &State) -> Result<(), SinkError> {
        let bytes = &frame.code.object.bytes;
        let mut number = at.instructions;
        let mut cursor = self.pending.cursor(at.names(), &frame.code.object);
        for unit in units(bytes, run.start) {
            if unit.end > run.end() {
                break;
            }
            cursor.next(&unit.last, &mut self.values);
            number += u64::from(unit.instructions);
            if self.window.contains(&number) {
                let place = Place { number, thread: at.thread, frame, unit: &unit };
                self.visitor.unit(&place, &self.values)?;
            }
        }
        Ok(())
    }

    /// A frame comes on top after `count` more instructions.
    fn entered(
        &mut self,
        entry: Entry,
        frame: u64,
        code: Option<&Rc<Code>>,
        count: u64,
        at: &State,
    ) -> Result<(), SinkError> {
        let Some(code) = code.cloned() else { return Ok(()) };
        let (caller, depth) = at.frame().map_or((0, 0), |caller| (caller.id, caller.depth + 1));
        let number = at.instructions + count;
        if !self.window.contains(&(number + 1)) {
            return Ok(());
        }
        self.visitor.entered(&Entered { thread: at.thread, frame, number, caller, depth, code, entry })
    }

    /// What was left out, up to the end of the window; None if that is before or after it.
    fn skipped(&self, skipped: &Skipped, at: &State) -> Option<Skipped> {
        let first = at.instructions.saturating_add(1);
        let end = first.saturating_add(skipped.instructions).min(self.window.end);
        let is_wanted = first < self.window.end && self.window.start < end;
        is_wanted.then(|| Skipped { instructions: end - first, ..*skipped })
    }

    fn left(&mut self, exit: Exit, count: u64, at: &State) -> Result<(), SinkError> {
        match at.frame() {
            Some(frame) if self.window.contains(&(at.instructions + count)) => {
                self.visitor.left(frame, exit, at.instructions + count)
            }
            _ => Ok(()),
        }
    }
}

impl<V: Visitor> Sink for Visit<V> {
    fn event(&mut self, event: &Event, at: &State) -> Result<(), SinkError> {
        self.pending.event(event, at);
        match event {
            Event::Raised(raised) => match at.frame() {
                Some(frame) if self.window.contains(&at.instructions) => {
                    self.visitor.raised(frame, raised, at.instructions)
                }
                _ => Ok(()),
            },
            Event::Announce(frame) => {
                self.visitor.event(event, at)?;
                self.entered(Entry::Announced, frame.frame, at.code(frame.code), 0, at)
            }
            Event::Outside(outside) if !self.window.contains(&(at.instructions + outside.count())) => Ok(()),
            Event::Skipped(skipped) => match self.skipped(skipped, at) {
                Some(skipped) => self.visitor.event(&Event::Skipped(skipped), at),
                None => Ok(()),
            },
            _ => self.visitor.event(event, at),
        }
    }

    #[inline]
    fn run(&mut self, run: &Run, at: &State) -> Result<(), SinkError> {
        if run.length > 0 {
            let last = at.instructions + run.count;
            let is_whole = self.window.start <= at.instructions + 1 && last < self.window.end;
            let is_wanted = is_whole || self.window.start <= last && at.instructions + 1 < self.window.end;
            if is_wanted
                && self.visitor.run(run, at, is_whole)?
                && let Some(frame) = at.frame()
            {
                self.units(run, frame, at)?;
            }
            if !self.pending.is_empty() {
                self.pending.clear();
            }
        }
        match run.then() {
            Then::Jump => Ok(()),
            Then::Call { code } => self.entered(Entry::New, at.next_frame, at.code(code), run.count, at),
            Then::Resume { slot } => match at.suspended(slot) {
                Some(frame) => self.entered(Entry::Resumed, frame.id, Some(&frame.code), run.count, at),
                None => Ok(()),
            },
            Then::Return => self.left(Exit::Return, run.count, at),
            Then::Yield { .. } => self.left(Exit::Yield, run.count, at),
            Then::Unwind => self.left(Exit::Unwind, run.count, at),
            Then::Version { code } => {
                if let (Some(frame), Some(code)) = (at.frame(), at.code(code)) {
                    self.visitor.version(frame, code);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    #[inline]
    fn values(&mut self, words: &[u64], _at: &State) -> Result<(), SinkError> {
        self.pending.push(words);
        Ok(())
    }

    /// Those that are not wanted, or only in part, are few.
    fn laps(&mut self, laps: &Laps, at: &State) -> bool {
        let after = at.instructions.saturating_add(laps.total()).saturating_add(1);
        self.window.start <= at.instructions && after < self.window.end && self.visitor.laps(laps, at)
    }

    fn laps_end(&mut self, at: &State) {
        self.visitor.laps_end(at);
    }

    fn written(&self) -> u64 {
        0
    }
}
