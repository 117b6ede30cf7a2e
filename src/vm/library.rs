//! The standard library inside the binary: handed to the VM packed, unpacked module by module as they are imported.

use std::cmp::Ordering;
use std::ffi::{CStr, c_int};

use zstd::zstd_safe;

use super::ffi;
use crate::bytecode::code::STDLIB_PREFIX;

static PACKED: &[u8] = include_bytes!(env!("BCTRACE_LIBRARY"));

/// Gives the VM its library and its own path, sys.executable.  To be called once, before the interpreter starts.
pub(super) fn embed(executable: &CStr, home_counts: bool) {
    // SAFETY: the bytes are static, and `unpack` is a function that calls nothing of Python and does not unwind.
    let status = unsafe { ffi::vm_embed_library(PACKED.as_ptr(), PACKED.len(), Some(unpack)) };
    assert_eq!(status, 0, "the build made the library and the VM together");
    // SAFETY: the path is a C string, which the VM copies.
    unsafe { ffi::vm_set_executable(executable.as_ptr(), c_int::from(home_counts)) };
}

/// What library.h describes: the magic and a count, then an entry of eight numbers for each file.
const COUNT: usize = 8;
const ENTRIES: usize = 12;
const ENTRY: usize = 32;

fn number(at: usize) -> Option<usize> {
    let bytes = PACKED.get(at..at.checked_add(4)?)?;
    Some(u32::from_ne_bytes(bytes.try_into().ok()?) as usize)
}

/// The path of a file.
fn path_at(place: usize) -> Option<&'static [u8]> {
    let entry = ENTRIES + place * ENTRY;
    PACKED.get(number(entry)?..)?.get(..number(entry + 4)?)
}

/// Files of the library.
fn count() -> usize {
    number(COUNT).unwrap_or(0)
}

/// A module of the library.
#[derive(Clone, Copy, Debug)]
pub struct Module {
    /// In the library, as `os.py`.
    pub path: &'static [u8],
    packed: &'static [u8],
    /// Bytes of its marshal data.
    pub size: usize,
}

impl Module {
    /// The one that library.h's index has at a place; None for a file that is no module, or beyond the last.
    pub fn at(place: u32) -> Option<Module> {
        let place = Some(place as usize).filter(|place| *place < count())?;
        let path = path_at(place)?;
        let part = ENTRIES + place * ENTRY + 8;
        let (at, packed, size) = (number(part)?, number(part + 4)?, number(part + 8)?);
        let packed = PACKED.get(at..at.checked_add(packed)?).filter(|_| size > 0)?;
        Some(Module { path, packed, size })
    }

    /// The one of a path in the library, as `json/decoder.py`.
    pub fn named(path: &[u8]) -> Option<Module> {
        // The index is in the order of the paths; files that are no modules have paths too.
        let (mut from, mut to) = (0, count());
        while from < to {
            let middle = from + (to - from) / 2;
            match path_at(middle)?.cmp(path) {
                Ordering::Less => from = middle + 1,
                Ordering::Greater => to = middle,
                Ordering::Equal => return Module::at(middle as u32),
            }
        }
        None
    }

    /// Its marshal data; None if the library is damaged.
    pub fn marshal(self) -> Option<Vec<u8>> {
        if self.packed.len() == self.size {
            return Some(self.packed.to_vec());
        }
        let mut module = Vec::with_capacity(self.size);
        zstd_safe::decompress(&mut module, self.packed).ok()?;
        (module.len() == self.size).then_some(module)
    }

    /// Whether code of this file name can be this module's: that is where it lies.
    pub fn is_at(self, filename: &[u8]) -> bool {
        filename.strip_prefix(STDLIB_PREFIX) == Some(self.path)
    }
}

/// The marshal data of the module of a path, as `json/decoder.py`.
pub fn marshal_of(path: &[u8]) -> Option<Vec<u8>> {
    Module::named(path)?.marshal()
}

/// The marshalled modules of the library, unpacked one by one; none if it is damaged.
pub fn modules() -> impl Iterator<Item = Vec<u8>> {
    modules_named(|_| true)
}

/// Those whose paths in the library, as `os.py`, are wanted.
pub fn modules_named(is_wanted: impl Fn(&[u8]) -> bool) -> impl Iterator<Item = Vec<u8>> {
    let modules = (0..count() as u32).filter_map(Module::at);
    modules.filter(move |module| is_wanted(module.path)).filter_map(Module::marshal)
}

/// Unpacks one part of the library; any other length than `to_len` means that it is damaged.
extern "C" fn unpack(to: *mut u8, to_len: usize, from: *const u8, from_len: usize) -> usize {
    // SAFETY: library.c passes room for what a part unpacks to.
    let to = unsafe { std::slice::from_raw_parts_mut(to, to_len) };
    // SAFETY: it passes a part of `PACKED`.
    let from = unsafe { std::slice::from_raw_parts(from, from_len) };
    zstd_safe::decompress(to, from).unwrap_or(0)
}
