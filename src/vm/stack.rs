//! The memory of a frame: its arguments, and its value stack as it is when a unit is fetched.

use super::ffi;
use super::gil::Gil;
use super::hook::{FrameAddress, Place};
use super::value::ObjectRef;

/// Where a frame's local variables and value stack are, as far as that can be read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Room {
    locals: usize,
    stack: usize,
    end: usize,
    /// How many constants and local variables the code object has.
    pub(super) constant_count: usize,
    pub(super) local_count: usize,
}

impl Room {
    /// The memory of the frame that runs.
    pub fn of(_gil: Gil, at: &Place) -> Room {
        let null = std::ptr::null();
        let mut room = ffi::vm_frame_room { locals: null, stack: null, end: null, constant_count: 0, local_count: 0 };
        // SAFETY: the frame runs; the struct is ours.
        if unsafe { ffi::vm_frame_room(at.frame.0 as *const _, &mut room) } == 0 {
            return Room::default();
        }
        Room {
            locals: room.locals as usize,
            stack: room.stack as usize,
            end: room.end as usize,
            constant_count: room.constant_count,
            local_count: room.local_count,
        }
    }

    /// The frame that called the frame that runs; none where there is none.
    pub fn caller(_gil: Gil, at: &Place) -> FrameAddress {
        // SAFETY: the frame runs.
        FrameAddress(unsafe { ffi::vm_frame_back(at.frame.0 as *const _) } as usize)
    }

    /// Whether the code object has a constant of this index.
    #[inline]
    pub fn has_constant(&self, index: i32) -> bool {
        usize::try_from(index).is_ok_and(|index| index < self.constant_count)
    }

    /// Whether the code object has a local variable of this index.
    #[inline]
    pub fn has_local(&self, index: i32) -> bool {
        usize::try_from(index).is_ok_and(|index| index < self.local_count)
    }

    /// The topmost entries of the value stack, the top last; none where the frame's own memory does not have that many.
    #[inline(always)]
    pub fn entries<'a>(&self, _gil: Gil<'a>, top: usize, count: usize) -> &'a [ObjectRef] {
        // Where the top is below the stack this is more than there is.
        let used = top.wrapping_sub(self.stack);
        if count == 0 || used > self.end - self.stack || used / size_of::<usize>() < count {
            return &[];
        }
        let first = (top as *const ObjectRef).wrapping_sub(count);
        if !first.is_aligned() {
            return &[];
        }
        // SAFETY: they are in the frame's memory, which was found to be there and stays while the frame runs.
        unsafe { std::slice::from_raw_parts(first, count) }
    }

    /// All entries, the top last; none where the stack pointer is outside the frame's own memory.
    pub fn all<'a>(&self, gil: Gil<'a>, top: usize) -> &'a [ObjectRef] {
        self.entries(gil, top, top.saturating_sub(self.stack) / size_of::<usize>())
    }

    /// The local variables that hold the frame's arguments, `*args` and `**kwargs` after the others.
    pub fn arguments<'a>(&self, gil: Gil<'a>, at: &Place) -> &'a [ObjectRef] {
        const VARARGS_AND_VARKEYWORDS: [u32; 2] = [4, 8];
        let numbers = at.code(gil).numbers(gil);
        let more = VARARGS_AND_VARKEYWORDS.iter().filter(|&&flag| numbers.flags & flag != 0).count();
        let locals = (self.stack - self.locals) / size_of::<usize>();
        let count = (numbers.argcount as usize).saturating_add(more).min(numbers.nlocals as usize).min(locals);
        let first = self.locals as *const ObjectRef;
        if count == 0 || !first.is_aligned() {
            return &[];
        }
        // SAFETY: as above; local variables are before the value stack.
        unsafe { std::slice::from_raw_parts(first, count) }
    }
}
