//! Allocators over pages of their own.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::UnsafeCell;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use dlmalloc::{Allocator, Dlmalloc};
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

/// Bytes of a reserve.
pub const RESERVE: usize = 8 << 20;

/// An allocator that any thread may use.
pub struct Heap<A> {
    heap: UnsafeCell<Dlmalloc<A>>,
    is_locked: AtomicBool,
}

// SAFETY: the heap is used only under the lock.
unsafe impl<A: Send> Sync for Heap<A> {}

impl<A: Allocator> Heap<A> {
    pub const fn new(pages: A) -> Heap<A> {
        Heap { heap: UnsafeCell::new(Dlmalloc::new_with_allocator(pages)), is_locked: AtomicBool::new(false) }
    }

    /// Returns whether it can give out so many bytes.
    pub fn can_allocate(&self, bytes: usize) -> bool {
        let Ok(layout) = Layout::array::<u8>(bytes.max(1)) else { return false };
        // SAFETY: the layout is not empty.
        let place = unsafe { self.alloc(layout) };
        if !place.is_null() {
            // SAFETY: it was given out just now, for this layout.
            unsafe { self.dealloc(place, layout) };
        }
        !place.is_null()
    }

    fn with<T>(&self, work: impl FnOnce(&mut Dlmalloc<A>) -> T) -> T {
        while self.is_locked.swap(true, Ordering::Acquire) {
            std::hint::spin_loop();
        }
        // SAFETY: the lock is held.
        let result = work(unsafe { &mut *self.heap.get() });
        self.is_locked.store(false, Ordering::Release);
        result
    }
}

// SAFETY: it is Doug Lea's allocator, under a lock.
unsafe impl<A: Allocator> GlobalAlloc for Heap<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is the same.
        self.with(|heap| unsafe { heap.malloc(layout.size(), layout.align()) })
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: as above.
        self.with(|heap| unsafe { heap.free(place, layout.size(), layout.align()) });
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        self.with(|heap| unsafe { heap.realloc(place, layout.size(), layout.align(), size) })
    }
}

/// Pages that are mapped one after the other, so that an address shows whether it is in one of them.  They are mapped as long as the
/// process can have `left` bytes besides.
pub struct Pages {
    place: usize,
    most: usize,
    left: usize,
    size: AtomicUsize,
}

impl Pages {
    pub const fn new(place: usize, most: usize, left: usize) -> Pages {
        Pages { place, most, left, size: AtomicUsize::new(0) }
    }
}

const NOTHING: (*mut u8, usize, u32) = (null_mut(), 0, 0);

// SAFETY: it gives out each page once, until that is unmapped.
unsafe impl Allocator for Pages {
    fn alloc(&self, size: usize) -> (*mut u8, usize, u32) {
        let used = self.size.load(Ordering::Relaxed);
        let needed = size.saturating_add(self.left);
        if size > self.most - used || !map(null_mut(), needed).is_some_and(|place| unmap(place, needed)) {
            return NOTHING;
        }
        let end = (self.place + used) as *mut u8;
        match map(end, size) {
            Some(place) if place == end => {
                self.size.store(used + size, Ordering::Relaxed);
                (place, size, 0)
            }
            // An old kernel takes the place for a wish.
            Some(elsewhere) => {
                unmap(elsewhere, size);
                NOTHING
            }
            None => NOTHING,
        }
    }

    fn remap(&self, _: *mut u8, _: usize, _: usize, _: bool) -> *mut u8 {
        null_mut()
    }

    fn free_part(&self, place: *mut u8, old_size: usize, new_size: usize) -> bool {
        let is_last = place as usize + old_size == self.place + self.size.load(Ordering::Relaxed);
        if !is_last || !unmap(place.wrapping_add(new_size), old_size - new_size) {
            return false;
        }
        self.size.fetch_sub(old_size - new_size, Ordering::Relaxed);
        true
    }

    fn free(&self, _: *mut u8, _: usize) -> bool {
        false
    }

    fn can_release_part(&self, _: u32) -> bool {
        true
    }

    fn allocates_zeros(&self) -> bool {
        true
    }

    fn page_size(&self) -> usize {
        PAGE
    }
}

/// The heap asks for multiples of 64 KiB, which are whole pages everywhere.
const PAGE: usize = 4096;

/// Maps pages at a place where nothing is, or anywhere for null.
fn map(place: *mut u8, size: usize) -> Option<*mut u8> {
    let fixed = if place.is_null() { MapFlags::empty() } else { MapFlags::FIXED_NOREPLACE };
    let flags = MapFlags::PRIVATE | MapFlags::NORESERVE | fixed;
    // SAFETY: a new mapping, which replaces none.
    let mapped = unsafe { mmap_anonymous(place.cast(), size, ProtFlags::READ | ProtFlags::WRITE, flags) };
    mapped.ok().map(|place| place.cast())
}

fn unmap(place: *mut u8, size: usize) -> bool {
    // SAFETY: it was mapped here, and nothing is in it.
    unsafe { munmap(place.cast(), size) }.is_ok()
}

/// Bytes of this process's image, which a heap gets as a whole.
pub struct Reserve(UnsafeCell<Image>);

#[repr(C, align(4096))]
struct Image([u8; RESERVE]);

// SAFETY: the bytes are used only by the heap that they were given to.
unsafe impl Sync for Reserve {}

impl Reserve {
    pub const fn new() -> Reserve {
        Reserve(UnsafeCell::new(Image([0; RESERVE])))
    }

    pub fn has(&self, place: *mut u8) -> bool {
        (place as usize).wrapping_sub(self.0.get() as usize) < RESERVE
    }
}

/// A reserve that no heap has yet.
pub struct Whole {
    reserve: &'static Reserve,
    is_given: AtomicBool,
}

impl Whole {
    pub const fn new(reserve: &'static Reserve) -> Whole {
        Whole { reserve, is_given: AtomicBool::new(false) }
    }
}

/// What the allocator calls EXTERN_BIT: none of it is given back.
const EXTERN: u32 = 1;

// SAFETY: it gives out its bytes once.
unsafe impl Allocator for Whole {
    fn alloc(&self, size: usize) -> (*mut u8, usize, u32) {
        if size > RESERVE || self.is_given.swap(true, Ordering::Relaxed) {
            return NOTHING;
        }
        (self.reserve.0.get().cast(), RESERVE, EXTERN)
    }

    fn remap(&self, _: *mut u8, _: usize, _: usize, _: bool) -> *mut u8 {
        null_mut()
    }

    fn free_part(&self, _: *mut u8, _: usize, _: usize) -> bool {
        false
    }

    fn free(&self, _: *mut u8, _: usize) -> bool {
        false
    }

    fn can_release_part(&self, _: u32) -> bool {
        false
    }

    fn allocates_zeros(&self) -> bool {
        true
    }

    fn page_size(&self) -> usize {
        PAGE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(size: usize) -> Layout {
        Layout::from_size_align(size, 8).expect("a layout")
    }

    fn alloc<A: Allocator>(heap: &Heap<A>, size: usize) -> *mut u8 {
        // SAFETY: no size here is 0.
        unsafe { heap.alloc(layout(size)) }
    }

    fn dealloc<A: Allocator>(heap: &Heap<A>, place: *mut u8, size: usize) {
        // SAFETY: the callers give back what they were given.
        unsafe { heap.dealloc(place, layout(size)) }
    }

    #[test]
    fn the_reserve_gives_out_each_byte_once_and_takes_all_back() {
        static RESERVED: Reserve = Reserve::new();
        let heap = Heap::new(Whole::new(&RESERVED));
        let most = RESERVE - (64 << 10);
        let sizes = [1, 64, 65, 4096, 100_000];
        let taken: Vec<_> = sizes.iter().cycle().take(50).map(|&size| (alloc(&heap, size), size)).collect();
        let mut places: Vec<_> = taken.iter().map(|(place, size)| (*place as usize, *size)).collect();
        places.sort_unstable();
        assert!(places.windows(2).all(|pair| pair[0].0 + pair[0].1 <= pair[1].0), "two of them overlap");
        assert!(taken.iter().all(|(place, _)| RESERVED.has(*place)));
        assert!(!heap.can_allocate(most));
        taken.iter().step_by(2).chain(taken.iter().skip(1).step_by(2)).for_each(|(place, size)| {
            dealloc(&heap, *place, *size);
        });
        assert!(heap.can_allocate(most) && heap.can_allocate(most));
        assert!(!heap.can_allocate(RESERVE));
    }

    #[test]
    fn pages_lie_one_after_the_other_and_are_unmapped_when_unused() {
        const PLACE: usize = 200 << 30;
        let heap = Heap::new(Pages::new(PLACE, 64 << 20, 1 << 20));
        let mut taken: Vec<_> = (0..100).map(|_| alloc(&heap, 300_000)).collect();
        taken.sort_unstable();
        assert!(taken.iter().all(|place| (PLACE..PLACE + (32 << 20)).contains(&(*place as usize))));
        assert!(taken.windows(2).all(|pair| pair[0] as usize + 300_000 <= pair[1] as usize));
        assert!(!heap.can_allocate(64 << 20) && heap.can_allocate(30 << 20));
        taken.into_iter().for_each(|place| dealloc(&heap, place, 300_000));
        let is_mapped =
            |place: usize| map(place as *mut u8, 4096).is_none_or(|at| !(at as usize == place && unmap(at, 4096)));
        assert!(is_mapped(PLACE) && !is_mapped(PLACE + (8 << 20)));
    }

    #[test]
    fn pages_leave_what_they_are_to_leave() {
        assert!(!Heap::new(Pages::new(300 << 30, 1 << 30, 1 << 60)).can_allocate(1));
    }
}
