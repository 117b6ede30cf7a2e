//! The hook's account of frames: a stack for each thread, and the frames that are suspended between two runs.

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::rc::Rc;

use super::codes::Version;
use crate::vm::address::ByAddress;
use crate::vm::hook::{FrameAddress, Place, ThreadAddress};

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
    /// Where it is kept while suspended, once it has yielded and the stream knows it.
    pub slot: Option<u32>,
    /// The stream knows it.
    pub announced: bool,
    /// Its runs are recorded.
    pub recorded: bool,
}

impl Active {
    /// Where it goes on when what it called is done.
    #[inline(always)]
    pub fn place(&self) -> Place {
        Place { frame: self.frame, first: self.first, instruction: self.next }
    }

    /// Whether its runs are recorded as words that need no wide ones.
    #[inline(always)]
    pub fn is_plain(&self) -> bool {
        self.recorded && self.version.is_narrow
    }

    /// Makes it the frame that begins or goes on at a place, recorded and known to the stream.
    #[inline(always)]
    pub fn reuse(&mut self, version: &Rc<Version>, at: &Place, id: u64, slot: Option<u32>) {
        if !Rc::ptr_eq(&self.version, version) {
            self.version = Rc::clone(version);
        }
        (self.frame, self.first, self.next) = (at.frame, at.first, 0);
        (self.id, self.slot) = (id, slot);
        (self.announced, self.recorded) = (true, true);
    }

    /// Whether its instructions are only counted, now and later.
    #[inline(always)]
    pub fn is_unwanted(&self) -> bool {
        !self.recorded && !self.version.wanted
    }
}

/// The frames of a thread, the running one last.  Places of frames that were left are kept and written over, so that entering one
/// costs neither memory management nor, where the same function ran there before, a reference.
#[derive(Debug, Default)]
pub struct Stack {
    places: Vec<Active>,
    depth: usize,
}

impl Stack {
    /// The place above the last frame, where there is one to write over; `grown` must follow.
    #[inline(always)]
    pub fn place_above(&mut self) -> Option<&mut Active> {
        self.places.get_mut(self.depth)
    }

    /// Makes the frame that was written to the place above the last one.
    #[inline(always)]
    pub fn grown(&mut self) {
        self.depth += 1;
    }

    /// The frame that runs.
    #[inline(always)]
    pub fn top(&mut self) -> Option<&mut Active> {
        self.places.get_mut(self.depth.wrapping_sub(1))
    }

    /// The frame that runs, and the one below it.
    #[inline(always)]
    pub fn top_two(&self) -> Option<(&Active, &Active)> {
        let caller = self.depth.wrapping_sub(2);
        Some((self.places.get(caller.wrapping_add(1))?, self.places.get(caller)?))
    }

    pub fn push(&mut self, frame: Active) {
        match self.place_above() {
            Some(place) => *place = frame,
            None => self.places.push(frame),
        }
        self.grown();
    }

    /// Leaves the last frame.
    #[inline(always)]
    pub fn pop(&mut self) -> Option<&Active> {
        self.depth = self.depth.checked_sub(1)?;
        self.places.get(self.depth)
    }

    /// Makes the frame at `place` the last one.
    pub fn bring_up(&mut self, place: usize) {
        self[place..].rotate_left(1);
    }
}

impl Deref for Stack {
    type Target = [Active];

    #[inline(always)]
    fn deref(&self) -> &[Active] {
        &self.places[..self.depth]
    }
}

impl DerefMut for Stack {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [Active] {
        &mut self.places[..self.depth]
    }
}

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
    pub stack: Stack,
    /// While it is not the current one: frames above those of `stack`, which were entered without a call.
    pub above: u64,
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
            Thread { number, ..Thread::default() }
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
    frames: ByAddress<Suspended>,
    free: Vec<u32>,
    used: u32,
}

impl SuspendedFrames {
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    pub fn get(&self, frame: FrameAddress) -> Option<Suspended> {
        self.frames.get(&frame.0).copied()
    }

    /// Keeps a frame; one that was kept at the same address is gone, and returned.
    pub fn insert(&mut self, frame: FrameAddress, suspended: Suspended) -> Option<Suspended> {
        self.frames.insert(frame.0, suspended).filter(|other| other.slot != suspended.slot)
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
        let suspended = self.frames.remove(&frame.0)?;
        self.free.push(suspended.slot);
        Some(suspended)
    }

    /// Frees the slot of a frame that [`SuspendedFrames::insert`] replaced.
    pub fn free(&mut self, slot: u32) {
        self.free.push(slot);
    }
}
