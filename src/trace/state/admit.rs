//! What an event that is no run does to the state.  One place decides whether it can come now and what it changes, so that a sink is
//! never given an event that a reader would refuse.

use std::rc::Rc;

use super::{Contradiction, MAX_COUNT, MAX_SLOT, NO_ROOM, State, Thread};
use crate::trace::code::Code;
use crate::trace::event::{Announce, Event, Skipped, StopReason};
use crate::trace::value::NAMES;

/// What an admitted event changes.
pub(super) enum Change {
    Nothing,
    Describe(Rc<Code>),
    /// This many instructions outside the code were executed.
    Count(u64),
    Push {
        frame: u64,
        code: Rc<Code>,
        kept: u32,
    },
    /// The counts after what was skipped.
    Skip {
        instructions: u64,
        next_frame: u64,
    },
    /// The frame at this place of the current stack comes on top.
    BringUp(usize),
    Name {
        name: u32,
        text: Rc<[u8]>,
    },
    ForgetThread(u32),
    Finish,
    Stop(StopReason),
}

impl State {
    /// Decides whether an event can come now; returns what it changes, or why it contradicts what came before.
    pub(super) fn admit(&self, event: &Event) -> Result<Change, Contradiction> {
        Ok(match event {
            Event::Code(code) => match self.codes.get(code.id) {
                None => Change::Describe(Rc::clone(code)),
                Some(_) => return Err("a code object with the id of a live one"),
            },
            Event::WholeCode(whole) => match self.code(whole.code) {
                Some(_) => Change::Nothing,
                None => return Err("the whole of an unknown code object"),
            },
            Event::Outside(outside) => match self.frame() {
                Some(_) => Change::Count(outside.count()),
                None => return Err("an instruction without a frame"),
            },
            Event::Announce(frame) => self.admit_announced(frame)?,
            Event::Skipped(skipped) => self.admit_skipped(skipped).ok_or("more skipped than there can be")?,
            Event::Switch(frame) => {
                let place = self.stack().iter().rposition(|other| other.id == *frame);
                Change::BringUp(place.ok_or("a switch to a frame that is not on the stack")?)
            }
            Event::Name(name) if name.name as usize >= NAMES => return Err("a name beyond the table of names"),
            Event::Name(name) => Change::Name { name: name.name, text: Rc::clone(&name.text) },
            Event::ThreadGone(number) => Change::ForgetThread(*number),
            Event::Finished => Change::Finish,
            Event::Stop(reason) => Change::Stop(*reason),
            Event::Start(_)
            | Event::Made(_)
            | Event::Own(_)
            | Event::Raised(_)
            | Event::LowMemory(_)
            | Event::Attempt(_)
            | Event::Repeated(_)
            | Event::Input(_)
            | Event::StandIn(_)
            | Event::Unmapped(_)
            | Event::Content(_)
            | Event::NewCode(_)
            | Event::Use(_)
            | Event::End(_) => Change::Nothing,
        })
    }

    fn admit_announced(&self, announce: &Announce) -> Result<Change, Contradiction> {
        let Announce { code, frame, slot } = *announce;
        let is_numbered = frame != 0 && frame < self.next_frame;
        if !is_numbered || slot.is_some_and(|slot| slot > MAX_SLOT) {
            return Err("a frame with a number that was not given yet");
        }
        let code = Rc::clone(self.codes.get(code).ok_or("a frame of an unknown code object")?);
        let kept = slot.map_or(0, |slot| slot + 1);
        if self.has_room() { Ok(Change::Push { frame, code, kept }) } else { Err(NO_ROOM) }
    }

    fn admit_skipped(&self, skipped: &Skipped) -> Option<Change> {
        let sum = |count: u64, more: u64| count.checked_add(more).filter(|&sum| sum < MAX_COUNT);
        let instructions = sum(self.instructions, skipped.instructions)?;
        let next_frame = sum(self.next_frame, skipped.frames)?;
        Some(Change::Skip { instructions, next_frame })
    }

    /// Carries out the change of an event that was admitted.
    pub(super) fn apply(&mut self, change: Change) {
        match change {
            Change::Nothing => {}
            Change::Describe(code) => drop(self.codes.insert(code.id, code)),
            Change::Count(instructions) => self.instructions += instructions,
            Change::Push { frame, code, kept } => self.push(frame, code, kept),
            Change::Skip { instructions, next_frame } => {
                (self.instructions, self.next_frame) = (instructions, next_frame);
            }
            Change::BringUp(place) => self.current.stack[place..].rotate_left(1),
            Change::Name { name, text } => self.names.set(name, text),
            Change::ForgetThread(number) if number == self.thread => self.current = Thread::default(),
            Change::ForgetThread(number) => drop(self.others.remove(&number)),
            Change::Finish => self.finished = true,
            Change::Stop(reason) => self.stopped = Some(reason),
        }
    }
}
