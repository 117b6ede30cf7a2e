//! Memory of the traced process, whose program may run out of it, or may have it run out on purpose.  Rust's collections abort where
//! there is none, so small requests have a reserve, and whoever is about to need much asks first.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::ptr::{self, null_mut};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

/// Bytes of the reserve, and of the blocks that it consists of.
const RESERVE: usize = 4 << 20;
const BLOCK: usize = 64;
const BLOCKS: usize = RESERVE / BLOCK;
/// From so many bytes on the system's allocator maps memory of its own for a request, and learns from its being given back
/// (mallopt(3), M_MMAP_THRESHOLD), which the program's own requests would show.
const MAPPED: usize = 1 << 16;

/// The allocator: the system's, and the reserve for what that refuses.
pub struct Memory;

// SAFETY: what comes from the system's allocator goes back there, and the reserve gives out no block twice.
unsafe impl GlobalAlloc for Memory {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's layout is not empty.
        let place = unsafe { System.alloc(layout) };
        if place.is_null() { RESERVED.take(layout) } else { place }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as in `alloc`.
        let place = unsafe { System.alloc_zeroed(layout) };
        if !place.is_null() {
            return place;
        }
        let place = RESERVED.take(layout);
        if !place.is_null() {
            // SAFETY: so many bytes were given out just now.
            unsafe { place.write_bytes(0, layout.size()) };
        }
        place
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        if RESERVED.has(place) {
            RESERVED.give_back(place, layout);
        } else {
            // SAFETY: the caller has it from `alloc`, and so it is the system's.
            unsafe { System.dealloc(place, layout) };
        }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !RESERVED.has(place) {
            // SAFETY: as in `dealloc`.
            let grown = unsafe { System.realloc(place, layout, size) };
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

/// Returns whether there are so many bytes besides the reserve.
pub fn has_room(bytes: usize) -> bool {
    if bytes < MAPPED { can_allocate(bytes.max(1)) } else { can_map(bytes) }
}

fn can_allocate(bytes: usize) -> bool {
    let Ok(layout) = Layout::array::<u8>(bytes) else { return false };
    // SAFETY: the layout is not empty.
    let place = unsafe { System.alloc(layout) };
    if !place.is_null() {
        // SAFETY: it was given out just now, for this layout.
        unsafe { System.dealloc(place, layout) };
    }
    !place.is_null()
}

fn can_map(bytes: usize) -> bool {
    let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
    // SAFETY: a new mapping at a place that the kernel chooses.
    let Ok(place) = (unsafe { mmap_anonymous(null_mut(), bytes, ProtFlags::READ | ProtFlags::WRITE, flags) }) else {
        return false;
    };
    // SAFETY: it was mapped just now, and nothing is in it.
    unsafe { munmap(place, bytes) }.is_ok()
}

/// The reserve.
struct Reserve {
    memory: UnsafeCell<Blocks>,
    /// Which blocks are given out, a bit each.
    used: UnsafeCell<[u64; BLOCKS / 64]>,
    locked: AtomicBool,
}

#[repr(C, align(4096))]
struct Blocks([u8; RESERVE]);

// SAFETY: the bits are used only under the lock, and the blocks only by those that they were given to.
unsafe impl Sync for Reserve {}

static RESERVED: Reserve = Reserve::new();

impl Reserve {
    const fn new() -> Reserve {
        Reserve {
            memory: UnsafeCell::new(Blocks([0; RESERVE])),
            used: UnsafeCell::new([0; BLOCKS / 64]),
            locked: AtomicBool::new(false),
        }
    }

    fn has(&self, place: *mut u8) -> bool {
        (place as usize).wrapping_sub(self.memory.get() as usize) < RESERVE
    }

    /// Gives out blocks; null if there are not so many in a row.
    #[cold]
    fn take(&self, layout: Layout) -> *mut u8 {
        if layout.align() > BLOCK {
            return null_mut();
        }
        let count = layout.size().div_ceil(BLOCK);
        let first = self.with_bits(|bits| {
            let first = bits.find_free(count)?;
            (first..first + count).for_each(|block| bits.flip(block));
            Some(first)
        });
        // SAFETY: the block is inside the reserve.
        first.map_or(null_mut(), |first| unsafe { self.memory.get().cast::<u8>().add(first * BLOCK) })
    }

    #[cold]
    fn give_back(&self, place: *mut u8, layout: Layout) {
        let first = (place as usize - self.memory.get() as usize) / BLOCK;
        let count = layout.size().div_ceil(BLOCK);
        self.with_bits(|bits| (first..first + count).for_each(|block| bits.flip(block)));
    }

    fn with_bits<T>(&self, work: impl FnOnce(&mut Bits) -> T) -> T {
        while self.locked.swap(true, Ordering::Acquire) {
            std::hint::spin_loop();
        }
        // SAFETY: the lock is held.
        let mut bits = Bits(unsafe { &mut *self.used.get() });
        let result = work(&mut bits);
        self.locked.store(false, Ordering::Release);
        result
    }
}

/// One bit for each block that is given out.
struct Bits<'a>(&'a mut [u64; BLOCKS / 64]);

impl Bits<'_> {
    fn is_used(&self, block: usize) -> bool {
        self.0[block / 64] & 1 << (block % 64) != 0
    }

    fn flip(&mut self, block: usize) {
        self.0[block / 64] ^= 1 << (block % 64);
    }

    /// The first of so many free blocks in a row.
    fn find_free(&self, count: usize) -> Option<usize> {
        let mut free = 0;
        for block in 0..BLOCKS {
            free = if self.is_used(block) { 0 } else { free + 1 };
            if free >= count {
                return Some(block + 1 - free);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(size: usize) -> Layout {
        Layout::from_size_align(size, 8).expect("a layout")
    }

    #[test]
    fn the_reserve_gives_out_each_block_once_and_takes_all_back() {
        static TESTED: Reserve = Reserve::new();
        let reserve = &TESTED;
        let sizes = [1, 64, 65, 4096, 100_000];
        let taken: Vec<_> = sizes.iter().cycle().take(50).map(|&size| (reserve.take(layout(size)), size)).collect();
        let mut places: Vec<_> = taken.iter().map(|(place, size)| (*place as usize, *size)).collect();
        places.sort_unstable();
        assert!(places.windows(2).all(|pair| pair[0].0 + pair[0].1 <= pair[1].0), "two of them overlap");
        assert!(taken.iter().all(|(place, _)| reserve.has(*place)));
        assert!(reserve.take(layout(RESERVE)).is_null());
        taken.iter().step_by(2).chain(taken.iter().skip(1).step_by(2)).for_each(|(place, size)| {
            reserve.give_back(*place, layout(*size));
        });
        let all = reserve.take(layout(RESERVE));
        assert!(!all.is_null());
        assert!(reserve.take(layout(1)).is_null());
        reserve.give_back(all, layout(RESERVE));
        assert!(reserve.take(Layout::from_size_align(8, 4096).expect("a layout")).is_null());
    }

    #[test]
    fn more_than_a_process_can_have_is_no_room() {
        assert!(has_room(0) && has_room(1000) && has_room(1 << 20));
        assert!(!has_room(usize::MAX));
        assert!(!has_room(1 << 60));
    }
}
