//! Memory of the traced process, whose program may run out of it, or may have it run out on purpose.  Rust's collections abort where
//! there is none, so there is a reserve, and code that is about to need much asks first.  The hook's memory lies apart from the
//! program's heap: in the midst of it, it would keep the heap from shrinking when the program frees what it has.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

mod heap;

use heap::{Heap, Pages, Reserve, Whole};

/// Bytes of the reserve that are not for what asks first.
const KEPT: usize = 4 << 20;
/// Where the hook's memory begins, and its bytes at most.  Programs, libraries and heaps are elsewhere, even on a system whose
/// addresses have 39 bits.
const PLACE: usize = 64 << 30;
const SPAN: usize = 64 << 30;
/// Bytes that the hook leaves to the program, whose stack cannot ask as it grows: 8 MiB for that one, and for one of a new thread.
const LEFT: usize = 16 << 20;

/// The allocator: the system's, or in the traced process the hook's own, and the reserve for what that refuses.
pub struct Memory;

static IS_APART: AtomicBool = AtomicBool::new(false);
static APART: Heap<Pages> = Heap::new(Pages::new(PLACE, SPAN, LEFT));
static RESERVE: Reserve = Reserve::new();
static RESERVED: Heap<Whole> = Heap::new(Whole::new(&RESERVE));

/// Has this process allocate apart from the program's heap from now on.
pub fn keep_apart() {
    IS_APART.store(true, Ordering::Relaxed);
}

/// Returns whether the hook can have so many bytes without what is kept.
pub fn has_room(bytes: usize) -> bool {
    APART.can_allocate(bytes) || bytes.checked_add(KEPT).is_some_and(|bytes| RESERVED.can_allocate(bytes))
}

/// What gives out memory now.
fn current() -> &'static dyn GlobalAlloc {
    if IS_APART.load(Ordering::Relaxed) { &APART } else { &System }
}

fn is_apart(place: *mut u8) -> bool {
    (place as usize).wrapping_sub(PLACE) < SPAN
}

/// What gave out a place.
fn owner(place: *mut u8) -> &'static dyn GlobalAlloc {
    if is_apart(place) {
        &APART
    } else if RESERVE.has(place) {
        &RESERVED
    } else {
        &System
    }
}

// SAFETY: a place goes back to the allocator that gave it out, and each gives out memory of its own.
unsafe impl GlobalAlloc for Memory {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's layout is not empty.
        let place = unsafe { current().alloc(layout) };
        if !place.is_null() {
            return place;
        }
        // SAFETY: as above.
        unsafe { RESERVED.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as in `alloc`.
        let place = unsafe { current().alloc_zeroed(layout) };
        if !place.is_null() {
            return place;
        }
        // SAFETY: as in `alloc`.
        unsafe { RESERVED.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: it gave out the place for this layout.
        unsafe { owner(place).dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // What lies elsewhere than it would now is moved.
        if is_apart(place) == IS_APART.load(Ordering::Relaxed) && !RESERVE.has(place) {
            // SAFETY: as in `dealloc`; the caller's size is not 0, and does not overflow with this alignment.
            let grown = unsafe { current().realloc(place, layout, size) };
            if !grown.is_null() {
                return grown;
            }
        }
        // SAFETY: the caller's size is not 0, and does not overflow with this alignment.
        let new = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        // SAFETY: as in `alloc`.
        let moved = unsafe { self.alloc(new) };
        if !moved.is_null() {
            // SAFETY: both have so many bytes, and the second one was given out just now.
            unsafe { ptr::copy_nonoverlapping(place, moved, layout.size().min(size)) };
            // SAFETY: the caller gives it up.
            unsafe { self.dealloc(place, layout) };
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_a_process_can_have_is_no_room() {
        assert!(has_room(0) && has_room(1000) && has_room(1 << 20));
        assert!(!has_room(usize::MAX));
        assert!(!has_room(1 << 60));
    }
}
