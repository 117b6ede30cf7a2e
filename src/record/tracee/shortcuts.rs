//! The three hot events, of which nearly all are of one usual case: the code is as described and nothing asks for a look at anything
//! else.  That case calls nothing, and whatever takes over from it is called last, so that the compiler need not save registers.

use std::sync::atomic::Ordering;

use super::stream::flow;
use super::{Tracee, fetched};
use crate::record::codes::Version;
use crate::record::stacks::Active;
use crate::trace::word::{self, Fields, Kind};
use crate::vm::Gil;
use crate::vm::hook::{Flow, FrameAddress, Leave, Place};
use crate::vm::object::CodeRef;
use crate::vm::shared::Slot;

impl Tracee {
    /// Usually a jump within the frame on top, or a call that ran no Python.
    #[inline(always)]
    pub(super) fn jump_usually(&mut self, gil: Gil, at: Place) -> Flow {
        let Place { frame, first, instruction } = at;
        let Some(top) = self.stacks.current.stack.top() else {
            return self.jump_anyhow(gil, frame, first, instruction);
        };
        let is_usual = self.shortcuts && self.start != 0 && top.frame == frame && top.first == first;
        if !is_usual || !is_surely_as_described(gil, &top.version, &at) {
            return self.jump_anyhow(gil, frame, first, instruction);
        }
        if !top.is_plain() {
            return self.jump_unrecorded(gil, frame, first, instruction);
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
            return self.enter_unrecorded(gil, code, frame, first, instruction);
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
        let at = caller.place();
        if !is_usual || !is_surely_as_described(gil, &caller.version, &at) {
            return self.leave_anyhow(gil, frame, how);
        }
        let kind = match (how, top.slot) {
            (Leave::Return, None) => Kind::Return,
            (Leave::Yield, Some(slot)) if top.kept_as_announced && slot < word::NARROW => Kind::Yield,
            _ => return self.leave_anyhow(gil, frame, how),
        };
        if !top.is_plain() || !caller.is_plain() {
            return self.leave_unrecorded(gil, frame, how);
        }
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
        let is_recorded = version.wanted && version.is_narrow && kept.announced && kept.slot < word::NARROW;
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

/// The same among frames that no filter wants: their instructions are only counted.
impl Tracee {
    #[inline(never)]
    fn jump_unrecorded(&mut self, gil: Gil, frame: FrameAddress, first: usize, instruction: usize) -> Flow {
        match self.stacks.current.stack.top().is_some_and(|top| top.is_unwanted()) {
            true => self.count_and_open(instruction),
            false => self.jump_anyhow(gil, frame, first, instruction),
        }
    }

    #[inline(never)]
    fn enter_unrecorded(
        &mut self,
        gil: Gil,
        code: CodeRef,
        frame: FrameAddress,
        first: usize,
        instruction: usize,
    ) -> Flow {
        let at = Place { frame, first, instruction };
        match self.enter_unwanted(gil, code, &at) {
            Some(flow) => flow,
            None => self.enter_anyhow(gil, code, frame, first, instruction),
        }
    }

    #[inline(always)]
    fn enter_unwanted(&mut self, gil: Gil, code: CodeRef, at: &Place) -> Option<Flow> {
        let version = self.codes.recent(code.address(), at.first).filter(|version| !version.wanted)?;
        if !self.shortcuts || self.start == 0 || !is_surely_as_described(gil, version, at) {
            return None;
        }
        self.stacks.current.stack.top().filter(|caller| caller.is_unwanted())?.next = fetched();
        let place = self.stacks.current.stack.place_above()?;
        place.reuse(version, at, self.next_frame, None);
        (place.announced, place.recorded) = (false, false);
        let flow = self.count_and_open(at.instruction);
        self.stacks.current.stack.grown();
        self.next_frame += 1;
        self.untold.frames += 1;
        self.untold.any = true;
        Some(flow)
    }

    #[inline(never)]
    fn leave_unrecorded(&mut self, gil: Gil, frame: FrameAddress, how: Leave) -> Flow {
        let is_unwanted = |(top, caller): (&Active, &Active)| {
            top.is_unwanted() && !top.announced && top.slot.is_none() && caller.is_unwanted()
        };
        let usual = self.stacks.current.stack.top_two().filter(|two| is_unwanted(*two) && how == Leave::Return);
        let Some(at) = usual.map(|(_, caller)| caller.place()) else {
            return self.leave_anyhow(gil, frame, how);
        };
        let flow = self.count_and_open(at.instruction);
        self.stacks.current.stack.pop();
        flow
    }

    /// Counts the open run of the frame on top, and lets the next one begin at `start` without a call.
    #[inline(always)]
    fn count_and_open(&mut self, start: usize) -> Flow {
        if let Some(top) = self.stacks.current.stack.top() {
            let count = top.version.count((self.start - top.first) as u32, (fetched() - top.first) as u32);
            self.skip(count);
        }
        self.start = start;
        Slot::get().next.store(start as u64, Ordering::Relaxed);
        flow()
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
