//! The memory that an object says is its: any range of it is asked for before it is read, for an object can be made up.

use std::marker::PhantomData;
use std::ops::Range;

use super::ffi;
use super::gil::Gil;

/// Items of one type in the VM's memory, as far as an object says.
#[derive(Clone, Copy, Debug)]
pub struct Span<'a, T> {
    first: *const T,
    count: usize,
    /// How many of them are known to be there.
    known: usize,
    lives: PhantomData<&'a T>,
}

/// What any bytes are a value of.
pub trait Plain: Copy {}

impl Plain for u8 {}
impl Plain for u32 {}
impl Plain for f64 {}
impl Plain for super::value::ObjectRef {}

impl<'a, T: Plain> Span<'a, T> {
    /// Items that may be there, for as long as the hook runs.
    pub(super) fn new(_gil: Gil<'a>, first: *const T, count: usize) -> Span<'a, T> {
        Span { first, count, known: 0, lives: PhantomData }
    }

    /// The content of an object.
    #[inline]
    pub(super) fn of(_gil: Gil<'a>, seen: &ffi::vm_seen) -> Span<'a, T> {
        Span { first: seen.data.cast(), count: seen.number as usize, known: seen.known as usize, lives: PhantomData }
    }

    /// Nothing.
    pub(super) fn empty() -> Span<'a, T> {
        Span { first: std::ptr::null(), count: 0, known: 0, lives: PhantomData }
    }

    /// Where the first item is.
    pub(super) fn address(&self) -> usize {
        self.first as usize
    }

    /// How many items there are, or are said to be.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The items of a range; None where they are not all there, or cannot be read.
    #[inline]
    pub fn get(&self, range: Range<usize>) -> Option<&'a [T]> {
        let count = range.end.checked_sub(range.start)?;
        if count == 0 {
            return Some(&[]);
        }
        let first = self.first.wrapping_add(range.start);
        if range.end > self.count || !first.is_aligned() || !(range.end <= self.known || can_read(first, count)) {
            return None;
        }
        // SAFETY: they can be read, they are items whatever they are, and what has the GIL changes none of them while the hook runs.
        Some(unsafe { std::slice::from_raw_parts(first, count) })
    }

    /// One item.
    #[inline]
    pub fn item(&self, index: usize) -> Option<T> {
        self.get(index..index.checked_add(1)?)?.first().copied()
    }

    /// All items, or the first and last ones where there are more than `most`.
    pub fn ends(&self, most: usize) -> Option<(&'a [T], &'a [T])> {
        if self.count <= most {
            return Some((self.get(0..self.count)?, &[]));
        }
        Some((self.get(0..most / 2)?, self.get(self.count - most / 2..self.count)?))
    }
}

/// Whether that many items can be read.
fn can_read<T>(first: *const T, count: usize) -> bool {
    // SAFETY: it takes any address.
    count.checked_mul(size_of::<T>()).is_some_and(|bytes| unsafe { ffi::vm_can_read(first.cast(), bytes) } != 0)
}

/// Forgets what was found to be there: the program may have run since then.
#[inline]
pub(super) fn forget(_gil: Gil) {
    // SAFETY: only what has the GIL reads or writes it.
    unsafe { ffi::vm_heap.end = 0 };
}
