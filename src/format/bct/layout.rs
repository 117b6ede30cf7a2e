//! The bytes of a .bct around its words: file header, piece headers, index and trailer.  docs/trace-format.md describes
//! them for readers in other languages; a change of either changes `VERSION`.

use super::bounds;
use crate::trace::payload::{PayloadReader, PayloadWriter};
use crate::trace::totals::Totals;

/// The format's version.  Readers refuse others; new record types and piece types need no new version.
pub const VERSION: u32 = 3;

/// Begins every .bct.  The first byte is no text, the last ones show whether line ends were converted.
pub const FILE_MAGIC: [u8; 12] = *b"\x89bctrace\r\n\x1a\n";
/// The file header: magic and version.
pub const FILE_HEADER: usize = 16;

/// Begins every piece, so that a reader finds the next one after a damage.
pub const PIECE_MAGIC: [u8; 8] = *b"\xb7bct\xa7pc\n";
pub const PIECE_HEADER: usize = 48;

/// Ends a finished file.
pub const TRAILER_MAGIC: [u8; 8] = *b"\xb7bct\xa7ix\n";
pub const TRAILER: usize = 24;

/// What a piece holds.  Readers step over types that they do not know.
pub const BLOCK: u16 = 1;
/// The block that a recorder is working on: it is written again, longer, at the same place.
pub const UNFINISHED_BLOCK: u16 = 2;
pub const INDEX: u16 = 3;
/// Room for the end of an unfinished file.  Nothing comes after it; its payload means nothing and has no checksum.
pub const ROOM: u16 = 4;

/// Entries of the index at most.
const ENTRIES: usize = if cfg!(test) { 64 } else { 1 << 18 };

/// How a payload is stored.
pub const STORED_RAW: u16 = 0;
pub const STORED_ZSTD: u16 = 1;

/// The header of a piece.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Piece {
    pub piece_type: u16,
    pub storage: u16,
    /// Bytes of the payload in the file.
    pub stored: u32,
    /// Bytes of the payload when unpacked.
    pub raw: u32,
    /// Instructions executed before the block, and in it.
    pub before: u64,
    pub instructions: u64,
    /// CRC-32 of the stored payload.
    pub checksum: u32,
}

impl Piece {
    pub fn encode(&self) -> [u8; PIECE_HEADER] {
        let mut out = [0; PIECE_HEADER];
        out[..8].copy_from_slice(&PIECE_MAGIC);
        out[8..10].copy_from_slice(&self.piece_type.to_le_bytes());
        out[10..12].copy_from_slice(&self.storage.to_le_bytes());
        out[12..16].copy_from_slice(&self.stored.to_le_bytes());
        out[16..20].copy_from_slice(&self.raw.to_le_bytes());
        out[20..28].copy_from_slice(&self.before.to_le_bytes());
        out[28..36].copy_from_slice(&self.instructions.to_le_bytes());
        out[36..40].copy_from_slice(&self.checksum.to_le_bytes());
        let checksum = crc32fast::hash(&out[..44]);
        out[44..].copy_from_slice(&checksum.to_le_bytes());
        out
    }

    /// Reads a header; None where it is none, or damaged.
    pub fn decode(bytes: &[u8]) -> Option<Piece> {
        let bytes = bytes.first_chunk::<PIECE_HEADER>()?;
        if !bytes.starts_with(&PIECE_MAGIC) {
            return None;
        }
        let mut reader = PayloadReader::new(&bytes[8..]);
        let types = reader.u32()?;
        let piece = Piece {
            piece_type: types as u16,
            storage: (types >> 16) as u16,
            stored: reader.u32()?,
            raw: reader.u32()?,
            before: reader.u64()?,
            instructions: reader.u64()?,
            checksum: reader.u32()?,
        };
        let _unused = reader.u32()?;
        let intact = reader.u32()? == crc32fast::hash(&bytes[..44]);
        let most = if piece.piece_type == INDEX { bounds::MAX_INDEX } else { bounds::MAX_PAYLOAD };
        // What zstd cannot pack it makes longer by a 256th and a little.
        let bounded = piece.raw as usize <= most && piece.stored as usize <= most + most / 128;
        (intact && bounded).then_some(piece)
    }

    pub fn is_block(&self) -> bool {
        matches!(self.piece_type, BLOCK | UNFINISHED_BLOCK)
    }

    /// The number of instructions executed when the block ends.
    pub fn after(&self) -> u64 {
        self.before.saturating_add(self.instructions)
    }
}

/// The checksum that stands for a payload.
pub fn checksum(payload: &[u8]) -> u32 {
    crc32fast::hash(payload)
}

/// Makes the header of a file.
pub fn file_header() -> [u8; FILE_HEADER] {
    let mut out = [0; FILE_HEADER];
    out[..12].copy_from_slice(&FILE_MAGIC);
    out[12..].copy_from_slice(&VERSION.to_le_bytes());
    out
}

/// What stands at the end of a finished file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    /// Where the blocks are.  Each is of one block, or in a file of very many of several that stand together.
    pub blocks: Vec<BlockPlace>,
    /// How many blocks there are.
    pub count: u64,
    pub totals: Totals,
}

/// Where a block is, or the first of several, and what they hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockPlace {
    /// Offset of its header in the file.
    pub offset: u64,
    pub before: u64,
    pub instructions: u64,
}

/// Bytes of an index of this many entries, its totals aside.
pub(super) fn index_size(entries: usize) -> usize {
    4 + entries * 24 + 8
}

impl Index {
    /// The instructions that were executed up to the end of the last block.
    pub fn instructions(&self) -> u64 {
        self.blocks.last().map_or(0, |block| block.before.saturating_add(block.instructions))
    }

    /// Adds a block, which comes after all others.
    pub fn push(&mut self, block: BlockPlace) {
        if self.blocks.len() >= ENTRIES {
            self.blocks = self.blocks.chunks(2).map(|pair| pair[0].up_to(pair[pair.len() - 1].after())).collect();
        }
        self.blocks.push(block);
        self.count += 1;
    }

    /// Forgets the blocks from an offset on, at which `instructions` have been executed.
    pub fn cut(&mut self, offset: u64, instructions: u64) {
        let kept = self.blocks.partition_point(|block| block.offset < offset);
        self.blocks.truncate(kept);
        if let Some(last) = self.blocks.last_mut() {
            *last = last.up_to(last.after().min(instructions));
        }
    }

    pub fn encode(&self, totals: &Totals) -> Vec<u8> {
        let mut out = PayloadWriter::default();
        out.u32(self.blocks.len() as u32);
        for block in &self.blocks {
            out.u64(block.offset).u64(block.before).u64(block.instructions);
        }
        totals.encode(&mut out);
        out.u64(self.count);
        out.finish()
    }

    pub fn decode(payload: &[u8]) -> Option<Index> {
        let mut reader = PayloadReader::new(payload);
        let mut blocks = Vec::new();
        for _ in 0..reader.u32()? {
            blocks.push(BlockPlace { offset: reader.u64()?, before: reader.u64()?, instructions: reader.u64()? });
        }
        let ordered = blocks.windows(2).all(|pair| pair[0].offset < pair[1].offset && pair[0].before <= pair[1].before);
        let totals = Totals::decode(&mut reader)?;
        let count = reader.u64()?;
        ordered.then_some(Index { blocks, count, totals })
    }
}

impl BlockPlace {
    /// Instructions executed when it ends.
    fn after(&self) -> u64 {
        self.before.saturating_add(self.instructions)
    }

    /// The same, ending when this many instructions have been executed.
    fn up_to(&self, after: u64) -> BlockPlace {
        BlockPlace { instructions: after.saturating_sub(self.before), ..*self }
    }
}

/// Makes the trailer that points at the index piece.
pub fn trailer(index_offset: u64) -> [u8; TRAILER] {
    let mut out = [0; TRAILER];
    out[..8].copy_from_slice(&index_offset.to_le_bytes());
    let checksum = crc32fast::hash(&out[..8]);
    out[8..12].copy_from_slice(&checksum.to_le_bytes());
    out[16..].copy_from_slice(&TRAILER_MAGIC);
    out
}

/// Reads a trailer; None where it is none, or damaged.
pub fn index_offset(bytes: &[u8]) -> Option<u64> {
    let bytes = bytes.first_chunk::<TRAILER>()?;
    let mut reader = PayloadReader::new(bytes);
    let offset = reader.u64()?;
    let intact = reader.u32()? == crc32fast::hash(&bytes[..8]);
    (intact && bytes[16..] == TRAILER_MAGIC).then_some(offset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_piece_header_comes_back_and_no_other_does(before: u64, stored in 0..bounds::MAX_PAYLOAD as u32, bit in 0..PIECE_HEADER * 8) {
            let piece = Piece { piece_type: BLOCK, storage: 1, stored, raw: 7, before, instructions: 3, checksum: 9 };
            let mut bytes = piece.encode();
            prop_assert_eq!(Piece::decode(&bytes), Some(piece));
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(Piece::decode(&bytes), None);
        }
    }

    #[test]
    fn a_trailer_comes_back_and_a_damaged_one_does_not() {
        let bytes = trailer(77);
        assert_eq!(index_offset(&bytes), Some(77));
        for bit in (0..12 * 8).chain(16 * 8..TRAILER * 8) {
            let mut damaged = bytes;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(index_offset(&damaged), None, "bit {bit}");
        }
    }
}
