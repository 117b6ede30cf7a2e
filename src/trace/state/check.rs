//! What contradicts the state, told before it changes: a sink must not hear of an event that nobody can read again.

use super::{Contradiction, MAX_COUNT, MAX_SLOT, NO_ROOM, State};
use crate::trace::event::{Announce, Event, Skipped};
use crate::trace::value::NAMES;

impl State {
    /// Says why an event that is no run cannot come now, if `apply` would refuse it.
    pub(in crate::trace) fn check(&self, event: &Event) -> Result<(), Contradiction> {
        let refused = match event {
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

    fn check_announce(&self, frame: &Announce) -> Result<(), Contradiction> {
        let is_numbered = frame.frame != 0 && frame.frame < self.next_frame;
        if !is_numbered || frame.slot.is_some_and(|slot| slot > MAX_SLOT) {
            return Err("a frame with a number that was not given yet");
        }
        if self.codes.get(frame.code).is_none() {
            return Err("a frame of an unknown code object");
        }
        if self.has_room() { Ok(()) } else { Err(NO_ROOM) }
    }

    fn can_skip(&self, skipped: &Skipped) -> bool {
        let is_countable = |count: u64, more: u64| count.checked_add(more).is_some_and(|sum| sum < MAX_COUNT);
        is_countable(self.instructions, skipped.instructions) && is_countable(self.next_frame, skipped.frames)
    }
}
