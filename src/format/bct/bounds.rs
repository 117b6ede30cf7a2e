//! What a block of a .bct holds at most: stated once, for the writer that keeps to it and for readers, which refuse more before
//! they unpack or lengthen it.  docs/trace-format.md states the same numbers.

use crate::trace::repeat;
use crate::trace::state::Contradiction;
use crate::trace::{value, word};

/// Words of a block's own events at which it ends, those included that only repeat: they decide how long it takes to go to an
/// instruction.  Tests want many blocks out of few events.
pub const BLOCK_WORDS: u64 = if cfg!(test) { 32 } else { 1 << 17 };
/// A block is this many times larger than what it repeats of earlier ones, so that repeating costs little.
const REPEATED: u64 = 4;
/// It ends here whatever it repeats, so that memory stays bounded.
const LARGEST: u64 = 1 << 21;

/// Bytes of a block's payload at most.
pub const MAX_PAYLOAD: usize = 64 << 20;
/// Bytes of the payload of an index at most.
pub const MAX_INDEX: usize = 16 << 20;
/// Bytes of the payload of one record in a block at most.
pub const MAX_RECORD: usize = 32 << 20;

/// What the code objects of a block may take in memory, in bytes, as [`crate::trace::Code::weight`] estimates it.  A block ends before
/// one that would make those exceed `WEIGHT` which came after it had begun.
pub const WEIGHT: u64 = 32 << 20;
pub const MAX_WEIGHT: u64 = 96 << 20;

/// Words of events at which a block ends that begins with `before` words of repeated records and state.
pub fn full(before: u64) -> u64 {
    (REPEATED * before).clamp(BLOCK_WORDS, LARGEST)
}

/// Words that execute nothing and may stand between values and the run that they belong to, in a block that is full.
pub const MOST_IDLE: u64 = 1024;

/// Words of events that such a block has at most, but for records that are not repeated.  It goes beyond its end by values, which stay
/// with their run.
fn most_words(before: u64) -> u64 {
    full(before) + (value::MOST_WORDS + word::MAX_RUN_WORDS) as u64 + MOST_IDLE
}

/// Checks the words of a block, of which the first `before` are not its own events, without lengthening them.
pub fn check(words: &[u64], before: usize) -> Result<(), Contradiction> {
    let (before, events) = words.split_at(before);
    repeat::measure(before, MAX_RECORD, LARGEST.max(before.len() as u64))?;
    repeat::measure(events, MAX_RECORD, most_words(before.len() as u64))?;
    Ok(())
}
