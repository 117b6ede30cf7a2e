//! The block of a zstd frame that is being filled: literal bytes and copies in turn (RFC 8878, 3.1.1.2).

use super::sequences::{Sequence, SequenceWriter};

/// Bytes of text in a block, at most; the format allows 128 KiB.
pub(super) const LARGEST: usize = 120 << 10;
/// How far back a copy may reach: the window of `ZSTD_HEADER`, which every decoder allows.
pub(super) const WINDOW: u64 = 8 << 20;

/// A block on its way.
pub(super) struct Block {
    writer: SequenceWriter,
    literals: Vec<u8>,
    sequences: Vec<Sequence>,
    /// Literal bytes after the last copy.
    fresh: u32,
    /// The copy that is going on; of no length where there is none.
    copy: Copy,
    /// Bytes of text.
    length: usize,
}

#[derive(Clone, Copy, Default)]
struct Copy {
    length: u32,
    offset: u32,
}

impl Block {
    pub(super) fn new() -> Block {
        let (literals, sequences) = (Vec::new(), Vec::new());
        Block { writer: SequenceWriter::new(), literals, sequences, fresh: 0, copy: Copy::default(), length: 0 }
    }

    /// Bytes of text that still fit.
    #[inline]
    pub(super) fn room(&self) -> usize {
        LARGEST - self.length
    }

    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Adds bytes as they are.
    pub(super) fn literal(&mut self, bytes: &[u8]) {
        self.end_copy();
        self.literals.extend_from_slice(bytes);
        self.fresh += bytes.len() as u32;
        self.length += bytes.len();
    }

    /// Adds a copy; one that goes on where the last one ended becomes part of it.  At least 3 bytes where it does not.
    #[inline]
    pub(super) fn copy(&mut self, length: usize, offset: u32) {
        if offset != self.copy.offset || self.copy.length == 0 {
            self.end_copy();
            self.copy.offset = offset;
        }
        self.copy.length += length as u32;
        self.length += length;
    }

    fn end_copy(&mut self) {
        let Copy { length, offset } = std::mem::take(&mut self.copy);
        if length > 0 {
            self.sequences.push(Sequence { literals: std::mem::take(&mut self.fresh), length, offset });
        }
    }

    /// Appends the whole block to `out` and begins the next one.
    pub(super) fn end(&mut self, out: &mut Vec<u8>) {
        self.end_copy();
        let begin = out.len();
        out.extend_from_slice(&[0; 3]);
        let block_type = if self.sequences.is_empty() {
            out.extend_from_slice(&self.literals);
            0
        } else {
            // Literals as they are, with their length in 20 bits.
            let header = 3 << 2 | (self.literals.len() as u32) << 4;
            out.extend_from_slice(&header.to_le_bytes()[..3]);
            out.extend_from_slice(&self.literals);
            self.writer.write(&self.sequences, out);
            2
        };
        let header = block_type << 1 | ((out.len() - begin - 3) as u32) << 3;
        out[begin..begin + 3].copy_from_slice(&header.to_le_bytes()[..3]);
        self.literals.clear();
        self.sequences.clear();
        (self.fresh, self.length) = (0, 0);
    }
}
