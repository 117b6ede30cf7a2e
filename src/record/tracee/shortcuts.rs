//! The usual cases of the three hot events, where code is as described and nothing asks for a look at anything else.  Each gives
//! None, with nothing done, where anything is out of the ordinary.

use std::rc::Rc;
use std::sync::atomic::Ordering;

use super::Tracee;
use super::arrive::is_as_described;
use crate::record::stacks::Active;
use crate::trace::word::{Fields, Kind};
use crate::vm::Gil;
use crate::vm::hook::{Flow, FrameAddress, Leave, Place};
use crate::vm::object::CodeRef;
use crate::vm::shared::CALLED;

/// For frames that are recorded.
impl Tracee {
    /// A jump within the frame on top, or a call that ran no Python.
    #[inline(always)]
    pub(super) fn jump_shortcut(&mut self, gil: Gil, at: &Place) -> Option<Flow> {
        let top = self.stacks.current.stack.last().filter(|top| top.recorded && top.frame == at.frame)?;
        if !self.shortcuts || self.start == 0 || !is_as_described(gil, &top.version, at) {
            return None;
        }
        let next = self.fetched();
        if next != at.instruction {
            if next != self.start {
                let (start, length) = ((self.start - top.first) as u32, (next - self.start) as u32);
                self.push_run(Kind::Jump, Fields { start, length, argument: 0 });
            }
            self.open(at.first, at.instruction, true, 0);
        }
        Some(self.flow())
    }

    /// A new frame, or a generator's, entered from a recorded one.
    #[inline(always)]
    pub(super) fn enter_shortcut(&mut self, gil: Gil, code: CodeRef, at: &Place) -> Option<Flow> {
        if !self.shortcuts || self.untold.any {
            return None;
        }
        let version = self.codes.recent(code.address(), at.first).filter(|version| version.wanted)?;
        if !is_as_described(gil, version, at) {
            return None;
        }
        let kept = match at.instruction == at.first {
            true => None,
            false => Some(self.suspended.get(at.frame).filter(|kept| kept.announced)?),
        };
        let next = (self.slot.next.load(Ordering::Relaxed) & !CALLED) as usize;
        let caller = self.stacks.current.stack.last_mut().filter(|caller| caller.recorded)?;
        caller.next = next;
        let (start, length) = match self.start {
            0 => (0, 0),
            start => ((start - caller.first) as u32, (next - start) as u32),
        };
        let version = Rc::clone(version);
        let (kind, argument) = kept.map_or((Kind::Call, version.id), |kept| (Kind::Resume, kept.slot));
        self.push_run(kind, Fields { start, length, argument });
        let id = kept.map_or(self.next_frame, |kept| kept.id);
        self.next_frame += u64::from(kept.is_none());
        self.stacks.current.stack.push(Active {
            frame: at.frame,
            version,
            first: at.first,
            next: 0,
            id,
            slot: kept.map(|kept| kept.slot),
            kept_as_announced: kept.is_some(),
            announced: true,
            recorded: true,
        });
        self.open(at.first, at.instruction, true, 0);
        Some(self.flow())
    }

    /// A return or yield to a recorded frame that goes on behind its call.
    #[inline(always)]
    pub(super) fn leave_shortcut(&mut self, gil: Gil, frame: FrameAddress, how: Leave) -> Option<Flow> {
        let [.., caller, top] = self.stacks.current.stack.as_slice() else {
            return None;
        };
        if !self.shortcuts || top.frame != frame || !top.recorded || !caller.recorded || caller.next == 0 {
            return None;
        }
        let (kind, argument) = match (how, top.slot) {
            (Leave::Return, None) => (Kind::Return, 0),
            (Leave::Yield, Some(slot)) if top.kept_as_announced => (Kind::Yield, slot),
            _ => return None,
        };
        let (first, instruction) = (caller.first, caller.next);
        if !is_as_described(gil, &caller.version, &Place { frame: caller.frame, first, instruction }) {
            return None;
        }
        let (start, length) = match self.start {
            0 => (0, 0),
            start => ((start - top.first) as u32, (self.fetched() - start) as u32),
        };
        self.push_run(kind, Fields { start, length, argument });
        self.stacks.current.stack.pop();
        self.open(first, instruction, true, 0);
        Some(self.flow())
    }
}

/// For frames that are not recorded: their instructions are only counted.
impl Tracee {
    /// Counts the open run of the frame on top, and lets the next one begin at `start` without a call.
    #[inline(always)]
    fn count_and_open(&mut self, start: usize) -> Flow {
        if let (Some(top), 1..) = (self.stacks.current.stack.last(), self.start) {
            let count = top.version.count((self.start - top.first) as u32, (self.fetched() - top.first) as u32);
            self.skip(count);
        }
        self.start = start;
        self.slot.next.store(start as u64, Ordering::Relaxed);
        self.flow()
    }

    #[inline(always)]
    pub(super) fn jump_quietly(&mut self, gil: Gil, at: &Place) -> Option<Flow> {
        let top = self.stacks.current.stack.last().filter(|top| !top.recorded && top.frame == at.frame)?;
        if !self.shortcuts || top.version.wanted || self.start == 0 || !is_as_described(gil, &top.version, at) {
            return None;
        }
        Some(self.count_and_open(at.instruction))
    }

    #[inline(always)]
    pub(super) fn enter_quietly(&mut self, gil: Gil, code: CodeRef, at: &Place) -> Option<Flow> {
        if !self.shortcuts || at.instruction != at.first {
            return None;
        }
        let version = self.codes.recent(code.address(), at.first).filter(|version| !version.wanted)?;
        let next = self.fetched();
        if !is_as_described(gil, version, at) || self.stacks.current.stack.last().is_none_or(|caller| caller.recorded) {
            return None;
        }
        let version = Rc::clone(version);
        let flow = self.count_and_open(at.instruction);
        self.stacks.current.stack.last_mut()?.next = next;
        self.stacks.current.stack.push(Active {
            frame: at.frame,
            version,
            first: at.first,
            next: 0,
            id: self.next_frame,
            slot: None,
            kept_as_announced: false,
            announced: false,
            recorded: false,
        });
        self.next_frame += 1;
        self.untold.frames += 1;
        self.untold.any = true;
        Some(flow)
    }

    #[inline(always)]
    pub(super) fn leave_quietly(&mut self, gil: Gil, frame: FrameAddress, how: Leave) -> Option<Flow> {
        let [.., caller, top] = self.stacks.current.stack.as_slice() else {
            return None;
        };
        let is_quiet = !top.announced && !caller.recorded && !caller.version.wanted && caller.next != 0;
        if !self.shortcuts || top.frame != frame || how != Leave::Return || top.slot.is_some() || !is_quiet {
            return None;
        }
        let (first, instruction) = (caller.first, caller.next);
        if !is_as_described(gil, &caller.version, &Place { frame: caller.frame, first, instruction }) {
            return None;
        }
        let flow = self.count_and_open(instruction);
        self.stacks.current.stack.pop();
        Some(flow)
    }
}
