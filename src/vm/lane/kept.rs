//! The suspended frames that the stream knows, each at the place of its slot: `kept` of `struct bctrace_lane`, from which C takes slots
//! and to which it returns them as well.  A frame's slot is in the frame itself (`f_number`), so that none is searched.

use std::ptr;
use std::sync::atomic::Ordering::Relaxed;

use super::{FrameAddress, Lane, ffi, memory};

/// A frame that the stream knows, between two runs.
#[derive(Clone, Copy, Debug)]
pub struct Suspended {
    pub slot: u32,
    /// Its number in the stream.
    pub id: u64,
}

impl Lane {
    /// What is kept of a frame, which is alive.
    #[inline]
    pub fn suspended(&self, frame: FrameAddress) -> Option<Suspended> {
        // SAFETY: the hook was called for this frame, or it is on the stack, so it is alive.
        let number = unsafe { ffi::vm_frame_number(frame.0 as _) };
        let slot = number.checked_sub(ffi::BCTRACE_KEPT)?;
        let kept =
            self.kept.get(slot as usize).filter(|kept| ptr::addr_eq(kept.frame, frame.0 as *const ffi::_frame))?;
        Some(Suspended { slot, id: kept.id })
    }

    /// Whether no frame is suspended.
    pub fn keeps_none(&self) -> bool {
        memory().kept_used.load(Relaxed) == 0
    }

    /// Keeps a frame of the stack, which is suspended for the first time; returns its slot.
    pub fn keep(&mut self, frame: FrameAddress, id: u64) -> u32 {
        let free = memory().free.load(Relaxed) as usize;
        let slot = match self.kept.get(free) {
            Some(next) => {
                memory().free.store(next.id, Relaxed);
                free
            }
            None => {
                self.kept.push(ffi::bctrace_kept { frame: ptr::null(), id: 0 });
                self.kept.len() - 1
            }
        };
        self.kept[slot] = ffi::bctrace_kept { frame: frame.0 as _, id };
        memory().kept_used.fetch_add(1, Relaxed);
        self.show_kept();
        let slot = slot as u32;
        // SAFETY: a frame on the stack is alive, and the field is the hook's.
        unsafe { ffi::vm_set_frame_number(frame.0 as _, ffi::BCTRACE_KEPT | slot) }
        slot
    }

    /// Forgets the frame in a slot, which is free from here on; the slot that was freed last is used first.
    pub fn release(&mut self, slot: u32) {
        if let Some(kept) = self.kept.get_mut(slot as usize).filter(|kept| !kept.frame.is_null()) {
            let next = memory().free.swap(slot.into(), Relaxed);
            *kept = ffi::bctrace_kept { frame: ptr::null(), id: next };
            memory().kept_used.fetch_sub(1, Relaxed);
        }
    }

    /// Forgets all frames.
    pub(super) fn forget_kept(&mut self) {
        self.kept.clear();
        memory().kept_used.store(0, Relaxed);
        memory().free.store(ffi::BCTRACE_NO_SLOT.into(), Relaxed);
        self.show_kept();
    }

    /// Shows C those of which a word has room for the slot.
    fn show_kept(&mut self) {
        memory().kept.store(self.kept.as_mut_ptr(), Relaxed);
        let narrow = self.kept.len().min(super::SLOTS as usize);
        memory().kept_count.store(narrow as u64, Relaxed);
    }
}
