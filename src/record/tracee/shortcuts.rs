//! Generators, on the way that they usually take: the code is as described and nothing asks for a look at anything else.  Usual jumps,
//! calls and returns never come here; the lane takes them (cpython-2.7-patch/lane.c).

use super::{Tracee, fetched};
use crate::record::codes::Version;
use crate::trace::word::{self, Fields, Kind};
use crate::vm::Gil;
use crate::vm::hook::{Flow, FrameAddress, Place};
use crate::vm::lane::{Active, Is};
use crate::vm::object::CodeRef;

impl Tracee {
    /// Yields to a recorded frame that goes on behind its call, if that is usual.
    #[inline]
    pub(super) fn yield_usually(&mut self, gil: Gil, frame: FrameAddress) -> Option<Flow> {
        let [.., caller, top] = self.lane.frames() else { return None };
        let slot = top.slot().filter(|&slot| slot < word::NARROW)?;
        let at = Place { frame: caller.frame, first: caller.first, instruction: caller.next };
        let is_usual = self.lane.is_open() && top.frame == frame && caller.next != 0 && caller.is_plain();
        if !is_usual || !is_surely_as_described(gil, self.codes.version(caller.version()), &at) {
            return None;
        }
        let word = narrow(Kind::Yield, top.first, self.lane.start(), slot);
        self.lane.pop();
        self.lane.set_start(at.instruction);
        Some(self.stream.push_and_open(word, at.first, at.instruction))
    }

    /// Lets a generator's frame go on that is recorded, as is who resumes it, if that is usual.
    #[inline]
    pub(super) fn resume_usually(&mut self, gil: Gil, code: CodeRef, at: &Place) -> Option<Flow> {
        let version = self.codes.recent(code.address(), at.first)?;
        let kept = self.suspended.get(at.frame)?;
        let is_recorded = version.wanted && version.is_narrow && kept.slot < word::NARROW;
        if !self.lane.is_open() || !is_recorded || !is_surely_as_described(gil, version, at) {
            return None;
        }
        let mut frame = Active::new(at.frame, at.first, kept.id, version.lane, Some(kept.slot));
        [Is::Announced, Is::Recorded, Is::Narrow].into_iter().for_each(|what| frame.set(what, true));
        let start = self.lane.start();
        let caller = self.lane.top_mut()?;
        caller.next = fetched();
        let word = narrow(Kind::Resume, caller.first, start, kept.slot);
        self.lane.push(frame);
        self.lane.set_start(at.instruction);
        Some(self.stream.push_and_open(word, at.first, at.instruction))
    }
}

/// Whether the units up to the end of the segment are as described; false too where that takes longer to say.
#[inline]
fn is_surely_as_described(gil: Gil, version: &Version, at: &Place) -> bool {
    let offset = at.instruction.wrapping_sub(at.first);
    version.layout.segment(&version.bytes, offset).is_some_and(|units| at.surely_holds(gil, offset, units))
}

/// The word of the open run, from `start`, by addresses in a code string that begins at `first`.
#[inline]
fn narrow(kind: Kind, first: usize, start: usize, argument: u32) -> u64 {
    word::pack_narrow(kind, Fields { start: (start - first) as u32, length: (fetched() - start) as u32, argument })
}
