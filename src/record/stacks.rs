//! The hook's account of frames: a stack for each thread, and the frames that are suspended between two runs.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::rc::Rc;

use super::codes::Version;
use crate::vm::hook::{FrameAddress, ThreadAddress};

/// A frame on a thread's stack.
#[derive(Clone, Debug)]
pub struct Active {
    pub frame: FrameAddress,
    pub version: Rc<Version>,
    /// The address that its offsets count from.
    pub first: usize,
    /// Where it goes on when what it called is done; 0 if that is not known.
    pub next: usize,
    /// Its number in the stream.
    pub id: u64,
    /// Where it is kept while suspended, once it has yielded.
    pub slot: Option<u32>,
    /// What its slot says of `announced`; false while it has none.
    pub kept_as_announced: bool,
    /// The stream knows it.
    pub announced: bool,
    /// Its runs are recorded.
    pub recorded: bool,
}

/// A frame between two runs.
#[derive(Clone, Copy, Debug)]
pub struct Suspended {
    pub slot: u32,
    pub id: u64,
    pub announced: bool,
}

/// One thread.
#[derive(Debug, Default)]
pub struct Thread {
    pub number: u32,
    pub stack: Vec<Active>,
}

/// All threads; the current one is kept apart.
#[derive(Debug, Default)]
pub struct Stacks {
    pub current: Thread,
    address: Option<ThreadAddress>,
    others: HashMap<ThreadAddress, Thread>,
    next_number: u32,
}

impl Stacks {
    /// Makes another thread the current one; a thread that was never current gets the next number.
    pub fn switch(&mut self, address: ThreadAddress) {
        if self.address == Some(address) {
            return;
        }
        let next = self.others.remove(&address).unwrap_or_else(|| {
            let number = self.next_number;
            self.next_number += 1;
            Thread { number, stack: Vec::new() }
        });
        let left = std::mem::replace(&mut self.current, next);
        if let Some(previous) = self.address.replace(address) {
            self.others.insert(previous, left);
        }
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
    frames: HashMap<FrameAddress, Suspended, BuildHasherDefault<AddressHasher>>,
    free: Vec<u32>,
    used: u32,
}

impl SuspendedFrames {
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

/// Spreads an address over 64 bits by one multiplication: every resumption of a generator looks its frame up.
#[derive(Default)]
struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_usize(usize::from(byte)));
    }

    #[inline]
    fn write_usize(&mut self, address: usize) {
        // 2^64 divided by the golden ratio; the map takes its bits from both ends of the product.
        let product = (self.0 ^ address as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = product ^ product >> 32;
    }
}
