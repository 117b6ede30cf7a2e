//! The usual cases of the three hot events, where code is as described and nothing asks for a look at anything else.  Each gives
//! None, with nothing done, where anything is out of the ordinary.  They call nothing in most cases, so that the compiler need not
//! save registers for them.

use std::sync::atomic::Ordering;

use super::Tracee;
use super::arrive::is_as_described;
use super::stream::flow;
use crate::trace::word::{self, Fields, Kind};
use crate::vm::Gil;
use crate::vm::hook::{Flow, FrameAddress, Leave, Place};
use crate::vm::object::CodeRef;
use crate::vm::shared::Slot;

impl Tracee {
    /// A jump within the frame on top, or a call that ran no Python.
    #[inline(always)]
    pub(super) fn jump_shortcut(&mut self, gil: Gil, at: &Place) -> Option<Flow> {
        let top = self.stacks.current.stack.last()?;
        let is_usual = self.shortcuts && self.start != 0 && top.frame == at.frame && top.first == at.first;
        if !is_usual || !is_as_described(gil, &top.version, at) {
            return None;
        }
        if !top.is_plain() {
            return if top.is_unwanted() { Some(self.count_and_open(at.instruction)) } else { None };
        }
        let next = self.fetched();
        if next == at.instruction {
            return Some(flow());
        }
        let word = narrow(Kind::Jump, top.first, self.start, next, 0);
        self.start = at.instruction;
        Some(self.stream.push_and_open(word, at.first, at.instruction))
    }

    /// A new frame, or a generator's, entered from a frame of the same kind: recorded, or unwanted.
    #[inline(always)]
    pub(super) fn enter_shortcut(&mut self, gil: Gil, code: CodeRef, at: &Place) -> Option<Flow> {
        if !self.shortcuts || self.start == 0 {
            return None;
        }
        let version = self.codes.recent(code.address(), at.first)?;
        if !is_as_described(gil, version, at) {
            return None;
        }
        let next = self.fetched();
        let caller = self.stacks.current.stack.last_mut()?;
        if !version.wanted {
            let is_usual = caller.is_unwanted() && at.instruction == at.first;
            return if is_usual { self.enter_unwanted(code, at) } else { None };
        }
        if !caller.is_plain() || self.untold.any || !version.is_narrow {
            return None;
        }
        let (kind, argument, id, slot) = match at.instruction == at.first {
            true => (Kind::Call, version.id, self.next_frame, None),
            false => {
                let kept = self.suspended.get(at.frame).filter(|kept| kept.announced && kept.slot < word::NARROW)?;
                (Kind::Resume, kept.slot, kept.id, Some(kept.slot))
            }
        };
        caller.next = next;
        let word = narrow(kind, caller.first, self.start, next, argument);
        let place = self.stacks.current.stack.place_above()?;
        place.reuse(version, at, id, slot);
        self.stacks.current.stack.grown();
        self.next_frame += u64::from(slot.is_none());
        self.start = at.instruction;
        Some(self.stream.push_and_open(word, at.first, at.instruction))
    }

    /// A return or yield to a frame of the same kind that goes on behind its call.
    #[inline(always)]
    pub(super) fn leave_shortcut(&mut self, gil: Gil, frame: FrameAddress, how: Leave) -> Option<Flow> {
        let [.., caller, top] = &*self.stacks.current.stack else {
            return None;
        };
        let is_usual = self.shortcuts && self.start != 0 && top.frame == frame && caller.next != 0;
        let (first, instruction) = (caller.first, caller.next);
        if !is_usual || !is_as_described(gil, &caller.version, &Place { frame: caller.frame, first, instruction }) {
            return None;
        }
        if !top.is_plain() || !caller.is_plain() {
            let is_unwanted = top.is_unwanted() && !top.announced && caller.is_unwanted();
            let is_usual = is_unwanted && how == Leave::Return && top.slot.is_none();
            return if is_usual { Some(self.leave_unwanted(instruction)) } else { None };
        }
        let (kind, argument) = match (how, top.slot) {
            (Leave::Return, None) => (Kind::Return, 0),
            (Leave::Yield, Some(slot)) if top.kept_as_announced && slot < word::NARROW => (Kind::Yield, slot),
            _ => return None,
        };
        let word = narrow(kind, top.first, self.start, self.fetched(), argument);
        self.stacks.current.stack.pop();
        self.start = instruction;
        Some(self.stream.push_and_open(word, first, instruction))
    }

    /// Counts the open run of the frame on top, which is not recorded, and lets the next one begin at `start` without a call.
    #[inline(always)]
    fn count_and_open(&mut self, start: usize) -> Flow {
        if let Some(top) = self.stacks.current.stack.last() {
            let count = top.version.count((self.start - top.first) as u32, (self.fetched() - top.first) as u32);
            self.skip(count);
        }
        self.start = start;
        Slot::get().next.store(start as u64, Ordering::Relaxed);
        flow()
    }

    #[inline(always)]
    fn enter_unwanted(&mut self, code: CodeRef, at: &Place) -> Option<Flow> {
        let version = self.codes.recent(code.address(), at.first)?;
        let place = self.stacks.current.stack.place_above()?;
        place.reuse(version, at, self.next_frame, None);
        (place.announced, place.recorded) = (false, false);
        let next = self.fetched();
        let flow = self.count_and_open(at.instruction);
        self.stacks.current.stack.last_mut()?.next = next;
        self.stacks.current.stack.grown();
        self.next_frame += 1;
        self.untold.frames += 1;
        self.untold.any = true;
        Some(flow)
    }

    #[inline(always)]
    fn leave_unwanted(&mut self, instruction: usize) -> Flow {
        let flow = self.count_and_open(instruction);
        self.stacks.current.stack.pop();
        flow
    }
}

/// The word of a run from `start` to `end`, by addresses in a code string that begins at `first`.
#[inline(always)]
fn narrow(kind: Kind, first: usize, start: usize, end: usize, argument: u32) -> u64 {
    word::pack_narrow(kind, Fields { start: (start - first) as u32, length: (end - start) as u32, argument })
}
