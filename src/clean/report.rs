//! What was done to each code object, and why.

use std::ops::Range;

/// What became of one code object.
#[derive(Clone, Debug, Default)]
pub struct CodeReport {
    /// Its name as the code object has it.
    pub name: Vec<u8>,
    pub instructions_before: usize,
    pub instructions_after: usize,
    pub changes: Vec<Change>,
}

/// Something that was removed or changed.
#[derive(Clone, Debug)]
pub struct Change {
    /// Offsets in the original code.
    pub offsets: Range<u32>,
    pub why: String,
}
