//! Frames as the eval loop has them: which bytes one fetches next, and which are on the stack.

use super::FrameAddress;
use crate::vm::ffi;
use crate::vm::gil::Gil;
use crate::vm::object::CodeRef;

/// Where a frame is about to fetch.  Only this module's parent makes one, of a frame that is alive.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub(in crate::vm) frame: FrameAddress,
    pub(in crate::vm) first: usize,
    pub(in crate::vm) instruction: usize,
}

impl Place {
    #[inline]
    pub fn frame(&self) -> FrameAddress {
        self.frame
    }

    /// The address that the frame's offsets count from.
    #[inline]
    pub fn first(&self) -> usize {
        self.first
    }

    /// The address of the unit that is fetched next.
    #[inline]
    pub fn instruction(&self) -> usize {
        self.instruction
    }

    /// The offset of the unit that is fetched next; outside the code where a program jumped there.
    #[inline]
    pub fn offset(&self) -> i64 {
        self.instruction.wrapping_sub(self.first).cast_signed() as i64
    }

    /// Returns whether the bytes that the VM executes from `offset` on are these.
    ///
    /// The caller vouches that `offset + described.len()` is within the length that [`CodeRef::length`] gave for this string.
    #[inline]
    pub fn holds(&self, _gil: Gil, offset: usize, described: &[u8]) -> bool {
        let running = (self.first + offset) as *const u8;
        // SAFETY: the frame that the hook was called for executes this string, so it is alive, and the range is inside it.
        unsafe { std::slice::from_raw_parts(running, described.len()) == described }
    }

    /// Reads the opcode of the first instruction of the unit that is fetched next.
    #[inline(always)]
    pub fn first_opcode(&self, _gil: Gil) -> u8 {
        // SAFETY: as in `opcode`.
        unsafe { (self.instruction as *const u8).read() }
    }

    /// Reads the operand of that instruction, which must have one.
    #[inline(always)]
    pub fn first_operand(&self, _gil: Gil) -> i32 {
        // SAFETY: as in `opcode`.
        let bytes = unsafe { ((self.instruction + 1) as *const [u8; 2]).read() };
        u16::from_le_bytes(bytes).into()
    }

    /// Reads the opcode that the unit ends with and its operand, as the VM will; a chain of prefixes is followed for 64 of them.
    #[inline]
    pub fn opcode(&self, _gil: Gil) -> (u8, i32) {
        use crate::bytecode::opcode::{EXTENDED_ARG, has_argument};
        // SAFETY: the VM reads the same bytes right after the hook.
        let byte = |at: usize| unsafe { ((self.instruction + at) as *const u8).read() };
        let argument = |at: usize| i32::from(u16::from_le_bytes([byte(at + 1), byte(at + 2)]));
        let (mut at, mut prefix) = (0, 0i32);
        while at < 64 * 3 && byte(at) == EXTENDED_ARG {
            prefix = prefix.wrapping_shl(16) | argument(at);
            at += 3;
        }
        let opcode = byte(at);
        (opcode, if has_argument(opcode) { prefix.wrapping_shl(16) | argument(at) } else { 0 })
    }

    /// The low bits of the number of a frame that is left out; 0 where it has none.
    pub fn number(&self, _gil: Gil) -> u32 {
        // SAFETY: the hook was called for this frame, or it is on the stack, so it is alive.
        unsafe { ffi::vm_frame_number(self.frame.0 as *const ffi::_frame) }
    }

    /// Gives the frame that is entered a number, and its code object the mark of what is left out.
    pub fn leave_out(&self, _gil: Gil, number: u64, mark: u32) {
        let frame = self.frame.0 as *mut ffi::_frame;
        // SAFETY: as above; the field is the hook's.
        unsafe { ffi::vm_set_frame_number(frame, number as u32) };
        // SAFETY: as above, and so is this one.
        unsafe { ffi::vm_mark_code(frame, mark) };
    }

    /// The frame's code object.
    pub fn code(&self, _gil: Gil) -> CodeRef {
        // SAFETY: the hook was called for this frame, so it is alive.
        let code = unsafe { ffi::vm_frame_code(self.frame.0 as *const ffi::_frame) };
        // SAFETY: the frame keeps its code object alive.
        unsafe { CodeRef::new(code) }
    }

    /// Copies the unit that is fetched next, byte by byte as the VM will, wherever it lies.  A chain of prefixes is followed for 64
    /// of them.
    pub fn fetch(&self, _gil: Gil) -> Vec<u8> {
        use crate::bytecode::opcode::{EXTENDED_ARG, has_argument};
        // SAFETY: the VM reads the same bytes right after the hook; where they are not mapped it dies the same way.
        let byte = |at: usize| unsafe { ((self.instruction + at) as *const u8).read() };
        let mut bytes = vec![byte(0)];
        while bytes.len() < 64 * 3 && bytes[bytes.len() - 1] == EXTENDED_ARG {
            let at = bytes.len();
            bytes.extend([byte(at), byte(at + 1), byte(at + 2)]);
        }
        let opcode = bytes[bytes.len() - 1];
        if has_argument(opcode) || bytes.len() > 1 {
            let at = bytes.len();
            bytes.extend([byte(at), byte(at + 1)]);
        }
        bytes
    }
}

/// The last frames of the running thread, the running one last and without the `above` last ones of all.  Where a frame fetches next
/// is not known: each stands at its beginning.
pub fn frames(_gil: Gil, above: usize, most: usize) -> Vec<Place> {
    let mut frames = Vec::new();
    // SAFETY: the GIL is held.
    let mut frame = unsafe { ffi::vm_current_frame() };
    for _ in 0..above {
        if !frame.is_null() {
            // SAFETY: a frame on the stack is alive.
            frame = unsafe { ffi::vm_frame_back(frame) };
        }
    }
    while !frame.is_null() && frames.len() < most {
        // SAFETY: a frame on the stack is alive, and so is its code object.
        let first = unsafe { ffi::vm_frame_first(frame) } as usize;
        frames.push(Place { frame: FrameAddress(frame as usize), first, instruction: first });
        // SAFETY: as above.
        frame = unsafe { ffi::vm_frame_back(frame) };
    }
    frames.reverse();
    frames
}
