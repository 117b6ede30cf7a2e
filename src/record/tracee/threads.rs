//! The hook's account of threads, and of the frames that are suspended between two runs.

use std::collections::HashMap;

use rustc_hash::FxHashMap;

use crate::vm::hook::{FrameAddress, ThreadAddress};
use crate::vm::lane::{Active, Lane, LaneVersion};

/// A frame that the stream knows, between two runs.
#[derive(Clone, Copy, Debug)]
pub struct Suspended {
    pub slot: u32,
    pub id: u64,
}

/// One thread.
#[derive(Debug, Default)]
pub struct Thread {
    pub number: u32,
    /// Its frames, the running one last, while it is not the current one; those are in the lane.
    frames: Vec<Active>,
    /// While it is not the current one: frames above those, which were entered without a call.
    pub above: u64,
}

/// All threads; the current one is kept apart.
#[derive(Debug, Default)]
pub struct Threads {
    pub current: Thread,
    address: Option<ThreadAddress>,
    others: HashMap<ThreadAddress, Thread>,
    next_number: u32,
}

impl Threads {
    /// Makes another thread the current one; a thread that was never current gets the next number.  Returns whether it was not.
    pub fn switch(&mut self, address: ThreadAddress, lane: &mut Lane) -> bool {
        if self.address == Some(address) {
            return false;
        }
        let before = self.next_number;
        let next = self.others.remove(&address).unwrap_or_else(|| {
            let number = self.next_number;
            self.next_number += 1;
            Thread { number, ..Thread::default() }
        });
        let mut left = std::mem::replace(&mut self.current, next);
        left.frames = lane.replace_frames(&std::mem::take(&mut self.current.frames));
        if let Some(previous) = self.address.replace(address) {
            self.others.insert(previous, left);
        }
        self.next_number > before
    }

    /// Whether a frame of another thread than the current one has this version.
    pub fn has(&self, version: LaneVersion) -> bool {
        self.others.values().any(|thread| thread.frames.iter().any(|frame| frame.version() == version))
    }

    /// Forgets a thread whose address may be used again; returns its number.  The current thread stays until another one is.
    pub fn forget(&mut self, address: ThreadAddress) -> Option<u32> {
        if self.address == Some(address) {
            self.address = None;
            return Some(self.current.number);
        }
        self.others.remove(&address).map(|thread| thread.number)
    }
}

/// The suspended frames, each in a slot with a small number that is used again.
#[derive(Debug, Default)]
pub struct SuspendedFrames {
    frames: FxHashMap<FrameAddress, Suspended>,
    free: Vec<u32>,
    used: u32,
}

impl SuspendedFrames {
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    pub fn get(&self, frame: FrameAddress) -> Option<Suspended> {
        self.frames.get(&frame).copied()
    }

    /// Keeps a frame; one that was kept at the same address is gone, and returned.
    pub fn insert(&mut self, frame: FrameAddress, suspended: Suspended) -> Option<Suspended> {
        self.frames.insert(frame, suspended).filter(|other| other.slot != suspended.slot)
    }

    /// A slot that no frame has.
    pub fn take_slot(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.used += 1;
            self.used - 1
        })
    }

    /// Forgets a frame and frees its slot.
    pub fn remove(&mut self, frame: FrameAddress) -> Option<Suspended> {
        let suspended = self.frames.remove(&frame)?;
        self.free.push(suspended.slot);
        Some(suspended)
    }

    /// Frees the slot of a frame that [`SuspendedFrames::insert`] replaced.
    pub fn free(&mut self, slot: u32) {
        self.free.push(slot);
    }
}
