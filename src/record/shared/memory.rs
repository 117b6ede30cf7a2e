//! Mapping memory that processes share, and sleeping on a word of it.

use std::fs::File;
use std::io::{self, Write};
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous};
use rustix::thread::futex::{self, Flags};

use crate::process::timespec;

/// A field with cache lines of its own.
#[repr(C, align(128))]
pub(super) struct Line<T>(pub(super) T);

/// Maps zeroed memory that processes forked from this one share.
pub(super) fn map_anonymous(size: usize) -> io::Result<NonNull<u8>> {
    let flags = MapFlags::SHARED | MapFlags::NORESERVE;
    // SAFETY: a new mapping at a place that the kernel chooses.
    let base = unsafe { mmap_anonymous(null_mut(), size, ProtFlags::READ | ProtFlags::WRITE, flags) }?;
    Ok(NonNull::new(base.cast()).expect("a mapping is not at address 0"))
}

/// Maps the beginning of a file, shared with all that map it.
pub(super) fn map_file(file: &File, size: usize) -> io::Result<NonNull<u8>> {
    let flags = MapFlags::SHARED | MapFlags::NORESERVE;
    // SAFETY: a new mapping at a place that the kernel chooses.
    let base = unsafe { mmap(null_mut(), size, ProtFlags::READ | ProtFlags::WRITE, flags, file, 0) }?;
    Ok(NonNull::new(base.cast()).expect("a mapping is not at address 0"))
}

/// Makes a file without a name that no process can change.
pub fn sealed(bytes: &[u8]) -> io::Result<File> {
    let mut file = File::from(memfd_create("bctrace-plan", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?);
    file.write_all(bytes)?;
    fcntl_add_seals(&file, SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
    Ok(file)
}

/// Sleeps while a word is `seen`, until it is woken or the time is over; may return early.
pub fn futex_wait(word: &AtomicU32, seen: u32, at_most: Duration) {
    let _ = futex::wait(word, Flags::empty(), seen, Some(&timespec(at_most)));
}

/// Wakes one process that sleeps on a word.
pub fn futex_wake(word: &AtomicU32) {
    let _ = futex::wake(word, Flags::empty(), 1);
}
