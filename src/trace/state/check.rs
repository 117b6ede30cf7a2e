//! What contradicts the state, told before it changes: a sink must not hear of an event that nobody can read again.

use super::{Contradiction, MAX_COUNT, MAX_FRAMES, MAX_SLOT, State};
use crate::trace::event::{Announce, Event, Run, Skipped, Then};
use crate::trace::value::NAMES;

impl State {
    /// Says why an event that is no run cannot come now, if `apply` would refuse it.
    pub(in crate::trace) fn check(&self, event: &Event) -> Result<(), Contradiction> {
        let refused = match event {
            Event::Run(run) => return self.check_run(run),
            Event::Code(code) => self.codes.get(code.id).is_some().then_some("a code object's id that cannot be"),
            Event::Layer(layer) => self.code(layer.code).is_none().then_some("a layer of an unknown code object"),
            Event::Outside(_) => self.frame().is_none().then_some("an instruction without a frame"),
            Event::Announce(frame) => return self.check_announce(frame),
            Event::Skipped(skipped) => (!self.can_skip(skipped)).then_some("more skipped than can be"),
            Event::Switch(frame) => {
                let is_there = self.stack().iter().any(|other| other.id == *frame);
                (!is_there).then_some("a switch to a frame that is not on the stack")
            }
            Event::Name(name) => (name.name as usize >= NAMES).then_some("a name beyond the table of names"),
            _ => None,
        };
        refused.map_or(Ok(()), Err)
    }

    /// The same of a run.
    #[inline]
    pub(in crate::trace) fn check_run(&self, run: &Run) -> Result<(), Contradiction> {
        let depth = self.current.stack.len();
        let refused = match run.then {
            Then::Call { code } if self.codes.get(code).is_none() => "a frame of an unknown code object",
            Then::Resume { slot } if self.suspended.get(slot).is_none() => "a resumed frame that is not suspended",
            Then::Call { .. } | Then::Resume { .. } if depth >= MAX_FRAMES => "a stack of more frames than any VM has",
            Then::Return | Then::Unwind | Then::Yield { .. } if depth == 0 => "a frame left where there is none",
            Then::Yield { slot } if slot > MAX_SLOT => "a slot beyond all bounds",
            Then::Yield { slot } if self.suspended.len() >= MAX_FRAMES || self.suspended.get(slot).is_some() => {
                "a frame suspended where another one is"
            }
            Then::Thread { number } if number > self.next_thread || number as usize > MAX_FRAMES => {
                "a thread's number that was not given yet"
            }
            Then::Version { code } if self.codes.get(code).is_none() => "an unknown version of a code object",
            Then::Version { .. } if depth == 0 => "a version without a frame",
            _ => return Ok(()),
        };
        Err(refused)
    }

    fn check_announce(&self, frame: &Announce) -> Result<(), Contradiction> {
        let code = frame.code;
        let is_numbered = frame.frame != 0 && frame.frame < self.next_frame;
        if !is_numbered || frame.slot.is_some_and(|slot| slot > MAX_SLOT) {
            return Err("a frame with a number that was not given yet");
        }
        self.check_run(&Run { start: 0, length: 0, count: 0, then: Then::Call { code } })
    }

    fn can_skip(&self, skipped: &Skipped) -> bool {
        let is_countable = |count: u64, more: u64| count.checked_add(more).is_some_and(|sum| sum < MAX_COUNT);
        is_countable(self.instructions, skipped.instructions) && is_countable(self.next_frame, skipped.frames)
    }
}
