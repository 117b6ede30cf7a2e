//! The three hot events, of which nearly all are of one usual case: the code is as described and nothing asks for a look at anything
//! else.  That case calls nothing, and whatever takes over from it is called last, so that the compiler need not save registers.

use super::stream::flow;
use super::{Tracee, fetched};
use crate::record::codes::Version;
use crate::trace::word::{self, Fields, Kind};
use crate::vm::Gil;
use crate::vm::hook::{Flow, FrameAddress, Leave, Place};
use crate::vm::object::CodeRef;

impl Tracee {
    /// Usually a jump within the frame on top, or a call that ran no Python.
    #[inline(always)]
    pub(super) fn jump_usually(&mut self, gil: Gil, at: Place) -> Flow {
        let Place { frame, first, instruction } = at;
        let Some(top) = self.stacks.current.stack.top() else {
            return self.jump_anyhow(gil, frame, first, instruction);
        };
        let is_usual = self.shortcuts && self.start != 0 && top.frame == frame && top.first == first && top.is_plain();
        if !is_usual || !is_surely_as_described(gil, &top.version, &at) {
            return self.jump_anyhow(gil, frame, first, instruction);
        }
        let next = fetched();
        if next == instruction {
            return flow();
        }
        let word = narrow(Kind::Jump, first, self.start, next, 0);
        self.start = instruction;
        self.stream.push_and_open(word, first, instruction)
    }

    /// Usually a new frame that is entered from a recorded one.
    #[inline(always)]
    pub(super) fn enter_usually(&mut self, gil: Gil, code: CodeRef, at: Place) -> Flow {
        let Place { frame, first, instruction } = at;
        if instruction != first {
            return self.resume(gil, code, frame, first, instruction);
        }
        let is_usual = self.shortcuts && self.start != 0 && !self.untold.any;
        let (version, stack) = (self.codes.recent(code.address(), first), &mut self.stacks.current.stack);
        let (Some(version), Some(caller)) = (version, stack.top()) else {
            return self.enter_anyhow(gil, code, frame, first, instruction);
        };
        let is_recorded = version.wanted && version.is_narrow && caller.is_plain();
        if !is_usual || !is_recorded || !is_surely_as_described(gil, version, &at) {
            return self.enter_anyhow(gil, code, frame, first, instruction);
        }
        let next = fetched();
        caller.next = next;
        let word = narrow(Kind::Call, caller.first, self.start, next, version.id);
        let Some(place) = stack.place_above() else {
            return self.enter_anyhow(gil, code, frame, first, instruction);
        };
        place.reuse(version, &at, self.next_frame, None);
        stack.grown();
        self.next_frame += 1;
        self.start = instruction;
        self.stream.push_and_open(word, first, instruction)
    }

    /// Usually a return or yield to a recorded frame that goes on behind its call.
    #[inline(always)]
    pub(super) fn leave_usually(&mut self, gil: Gil, frame: FrameAddress, how: Leave) -> Flow {
        let Some((top, caller)) = self.stacks.current.stack.top_two() else {
            return self.leave_anyhow(gil, frame, how);
        };
        let is_usual = self.shortcuts && self.start != 0 && top.frame == frame && caller.next != 0;
        let is_recorded = top.is_plain() && caller.is_plain();
        let at = caller.place();
        if !is_usual || !is_recorded || !is_surely_as_described(gil, &caller.version, &at) {
            return self.leave_anyhow(gil, frame, how);
        }
        let kind = match (how, top.slot) {
            (Leave::Return, None) => Kind::Return,
            (Leave::Yield, Some(slot)) if slot < word::NARROW => Kind::Yield,
            _ => return self.leave_anyhow(gil, frame, how),
        };
        let word = narrow(kind, top.first, self.start, fetched(), top.slot.unwrap_or(0));
        self.stacks.current.stack.pop();
        self.start = at.instruction;
        self.stream.push_and_open(word, at.first, at.instruction)
    }

    /// A generator's frame goes on: usually both it and who resumes it are recorded.
    #[inline(never)]
    fn resume(&mut self, gil: Gil, code: CodeRef, frame: FrameAddress, first: usize, instruction: usize) -> Flow {
        let at = Place { frame, first, instruction };
        match self.resume_usually(gil, code, &at) {
            Some(flow) => flow,
            None => self.enter_anyhow(gil, code, frame, first, instruction),
        }
    }

    #[inline(always)]
    fn resume_usually(&mut self, gil: Gil, code: CodeRef, at: &Place) -> Option<Flow> {
        let version = self.codes.recent(code.address(), at.first)?;
        let kept = self.suspended.get(at.frame)?;
        let caller = self.stacks.current.stack.top().filter(|caller| caller.is_plain())?;
        let is_usual = self.shortcuts && self.start != 0 && !self.untold.any;
        let is_recorded = version.wanted && version.is_narrow && kept.slot < word::NARROW;
        if !is_usual || !is_recorded || !is_surely_as_described(gil, version, at) {
            return None;
        }
        let next = fetched();
        caller.next = next;
        let word = narrow(Kind::Resume, caller.first, self.start, next, kept.slot);
        self.stacks.current.stack.place_above()?.reuse(version, at, kept.id, Some(kept.slot));
        self.stacks.current.stack.grown();
        self.start = at.instruction;
        Some(self.stream.push_and_open(word, at.first, at.instruction))
    }
}

/// Whether the units up to the end of the segment are as described; false too where that takes longer to say.
#[inline(always)]
fn is_surely_as_described(gil: Gil, version: &Version, at: &Place) -> bool {
    let offset = at.instruction.wrapping_sub(at.first);
    version.layout.segment(&version.bytes, offset).is_some_and(|units| at.surely_holds(gil, offset, units))
}

/// The word of a run from `start` to `end`, by addresses in a code string that begins at `first`.
#[inline(always)]
fn narrow(kind: Kind, first: usize, start: usize, end: usize, argument: u32) -> u64 {
    word::pack_narrow(kind, Fields { start: (start - first) as u32, length: (end - start) as u32, argument })
}
