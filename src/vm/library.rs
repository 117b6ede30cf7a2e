//! The standard library inside the binary: handed to the VM packed, unpacked module by module as they are imported.

use std::ffi::{CStr, c_int};

use flate2::{Decompress, FlushDecompress, Status};

use super::ffi;

static PACKED: &[u8] = include_bytes!(env!("BCTRACE_LIBRARY"));

/// Gives the VM its library and its own path, sys.executable.  To be called once, before the interpreter starts.
pub(super) fn embed(executable: &CStr, home_counts: bool) {
    // SAFETY: the bytes are static, and `unpack` is a function that calls nothing of Python and does not unwind.
    let status = unsafe { ffi::vm_embed_library(PACKED.as_ptr(), PACKED.len(), Some(unpack)) };
    assert_eq!(status, 0, "the build made the library and the VM together");
    // SAFETY: the path is a C string, which the VM copies.
    unsafe { ffi::vm_set_executable(executable.as_ptr(), c_int::from(home_counts)) };
}

/// Unpacks one part of the library; any other length than `to_len` means that it is damaged.
extern "C" fn unpack(to: *mut u8, to_len: usize, from: *const u8, from_len: usize) -> usize {
    // SAFETY: library.c passes room for what a part unpacks to.
    let to = unsafe { std::slice::from_raw_parts_mut(to, to_len) };
    // SAFETY: it passes a part of `PACKED`.
    let from = unsafe { std::slice::from_raw_parts(from, from_len) };
    let mut inflate = Decompress::new(true);
    match inflate.decompress(from, to, FlushDecompress::Finish) {
        Ok(Status::StreamEnd) => inflate.total_out() as usize,
        _ => 0,
    }
}
