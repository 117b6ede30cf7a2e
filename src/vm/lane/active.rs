//! The frames of the lane's stack.

use std::ptr;

use super::{LaneVersion, SLOTS};
use crate::vm::ffi::{self, assert_layout};
use crate::vm::hook::{FrameAddress, Place};

/// A frame on the running thread's stack: `struct bctrace_active`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Active {
    pub frame: FrameAddress,
    /// The address that its offsets count from.
    pub first: usize,
    /// Where it goes on when what it called is done; 0 if it is lost.
    next: usize,
    version: *const ffi::bctrace_version,
    /// Its number in the stream.
    pub id: u64,
    state: u32,
    slot: u32,
}

assert_layout!(Active, ffi::bctrace_active, frame, first, next, version, id, state, slot);

/// What is so of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Is {
    /// The stream knows it.
    Announced = ffi::BCTRACE_ANNOUNCED as isize,
    /// Its runs are recorded.
    Recorded = ffi::BCTRACE_RECORDED as isize,
    /// One word is enough for each of its runs.
    Narrow = ffi::BCTRACE_NARROW as isize,
    /// It is the interpreter's own, at shutdown.
    Own = ffi::BCTRACE_OWN as isize,
    /// Where it goes on is not known.
    Lost = ffi::BCTRACE_LOST as isize,
}

impl Active {
    /// What is in a place that no frame has.
    pub(super) const NONE: Active = Active {
        frame: FrameAddress(0),
        first: 0,
        next: 0,
        version: ptr::null(),
        id: 0,
        state: ffi::BCTRACE_LOST,
        slot: 0,
    };

    /// A frame that is lost, kept in a slot or not.
    pub fn new(frame: FrameAddress, first: usize, id: u64, version: LaneVersion, slot: Option<u32>) -> Active {
        let slot = slot.map_or(0, |slot| slot | ffi::BCTRACE_KEPT);
        Active { frame, first, next: 0, version: version.0, id, state: ffi::BCTRACE_LOST, slot }
    }

    /// Where it goes on.
    #[inline]
    pub fn place(&self) -> Place {
        Place { frame: self.frame, first: self.first, instruction: self.next }
    }

    /// Says where it goes on; 0 if that is not known.
    #[inline]
    pub fn set_next(&mut self, next: usize) {
        self.next = next;
        self.set(Is::Lost, next == 0);
    }

    /// The version that it runs.
    #[inline]
    pub fn version(&self) -> LaneVersion {
        LaneVersion(self.version)
    }

    /// Gives it another version, for whose runs one word is enough or not.
    pub fn set_version(&mut self, version: LaneVersion, is_narrow: bool) {
        self.version = version.0;
        let has_room = self.slot().is_none_or(|slot| slot < SLOTS);
        self.set(Is::Narrow, is_narrow && has_room);
    }

    #[inline]
    pub fn is(&self, what: Is) -> bool {
        self.state & what as u32 != 0
    }

    pub fn set(&mut self, what: Is, so: bool) {
        if so { self.state |= what as u32 } else { self.state &= !(what as u32) }
    }

    /// Whether its runs are recorded as words that need no wide ones, while it runs: it is no longer lost.
    #[inline]
    pub fn is_plain_on_top(&mut self) -> bool {
        self.set(Is::Lost, false);
        self.state == ffi::BCTRACE_PLAIN
    }

    /// Where it is kept while suspended, once it has yielded and the stream knows it.
    #[inline]
    pub fn slot(&self) -> Option<u32> {
        self.slot.checked_sub(ffi::BCTRACE_KEPT)
    }

    pub fn set_slot(&mut self, slot: u32) {
        self.slot = slot | ffi::BCTRACE_KEPT;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_word_is_enough_for_the_runs_of_a_frame_whose_slot_has_room_in_it() {
        let version = LaneVersion(ptr::null());
        let is_narrow = |slot, is_narrow| {
            let mut frame = Active::new(FrameAddress::NONE, 0, 1, version, slot);
            frame.set_version(version, is_narrow);
            frame.is(Is::Narrow)
        };
        assert!(is_narrow(None, true) && is_narrow(Some(0), true) && is_narrow(Some(SLOTS - 1), true));
        assert!(!is_narrow(Some(SLOTS), true) && !is_narrow(Some(SLOTS - 1), false));
        assert_eq!(SLOTS, 1 << 20, "as docs/trace-format.md says");
    }
}
