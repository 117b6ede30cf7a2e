//! What C takes of the usual events, and whether it looks at the bytes first.

use std::ptr;
use std::sync::atomic::Ordering::{self, Relaxed};

use super::{Active, Lane, ffi, memory};

/// Says what C takes.
#[inline]
fn set_kind(kind: u32, room: *mut Active, order: Ordering) {
    memory().open.store(kind.into(), order);
    memory().room.store(room, order);
}

impl Lane {
    /// Lets C take what it can, or nothing; see bctrace_lane.h for when.
    #[inline]
    pub fn set_open(&mut self, open: bool) {
        self.start = self.start();
        if !open {
            return set_kind(ffi::BCTRACE_CLOSED, ptr::null_mut(), Relaxed);
        }
        if self.is_trusted() {
            set_kind(ffi::BCTRACE_TRUSTING, memory().end.load(Relaxed), Ordering::SeqCst);
        }
        // A thread without the GIL can expose memory meanwhile.
        if !self.is_trusted() {
            set_kind(ffi::BCTRACE_COMPARING, ptr::null_mut(), Relaxed);
        }
    }

    /// Lets C trust bytes again, if nothing is exposed any more.
    pub fn trust_again(&mut self) {
        if self.trusts && memory().open.load(Relaxed) == u64::from(ffi::BCTRACE_COMPARING) {
            self.set_open(true);
        }
    }

    /// Whether C compares bytes.
    #[inline(always)]
    pub fn is_comparing(&self) -> bool {
        memory().open.load(Relaxed) == u64::from(ffi::BCTRACE_COMPARING)
    }

    /// Whether nothing can have changed a code object since it was made, but as the VM's objects allow.
    pub fn is_trusted(&self) -> bool {
        self.trusts && memory().exposed.load(Ordering::SeqCst) == 0
    }

    /// Has C compare bytes from now on: code that is not verified is about to run.
    pub fn distrust(&mut self) {
        self.trusts = false;
        if memory().open.load(Relaxed) != u64::from(ffi::BCTRACE_CLOSED) {
            self.set_open(true);
        }
    }
}
