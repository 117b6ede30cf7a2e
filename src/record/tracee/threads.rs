//! The hook's account of threads.

use std::collections::HashMap;

use crate::vm::hook::ThreadAddress;
use crate::vm::lane::{Active, Lane, LaneVersion};

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
