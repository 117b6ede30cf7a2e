//! How a .bct ends whose writing has failed: what of it is kept, and the room in the file that its end will need.

use super::layout::{self, Index, Piece};
use crate::format::output::Filler;
use crate::trace::event::Skipped;
use crate::trace::totals::{Counter, Counts, Totals};
use crate::trace::{Event, State};

/// Bytes that the last block takes at most besides the START record: names are cut far below.
const LAST_BLOCK: usize = 8 << 10;

/// The room of a plain .bct is a piece that readers step over.
pub(super) const FILLER: Filler = Filler { pattern: &[0], head: room_piece };

fn room_piece(_offset: u64, bytes: u64) -> Vec<u8> {
    match bytes.checked_sub(layout::PIECE_HEADER as u64).and_then(|bytes| u32::try_from(bytes).ok()) {
        Some(bytes) => {
            Piece { piece_type: layout::ROOM, stored: bytes, raw: bytes, ..Piece::default() }.encode().to_vec()
        }
        None => Vec::new(),
    }
}

/// What a file holds for good: whole blocks up to a place.
#[derive(Default)]
pub(super) struct Kept {
    /// Instructions executed, and the number of the next frame.
    pub(super) instructions: u64,
    next_frame: u64,
    /// None if it holds no block.
    counts: Option<Counts>,
}

impl Kept {
    /// The file holds everything up to here.
    pub(super) fn advance(&mut self, instructions: u64, next_frame: u64, counter: &mut Counter) {
        (self.instructions, self.next_frame) = (instructions, next_frame);
        counter.save(self.counts.get_or_insert_default());
    }

    /// The totals of what is kept.
    pub(super) fn totals(&self, counter: &mut Counter) -> Totals {
        match &self.counts {
            Some(counts) => counter.saved(counts),
            None => Totals::default(),
        }
    }
}

/// The room that the end of a file may need.
#[derive(Default)]
pub(super) struct Reserve {
    /// The words of the START record, which a file that holds no block lacks.
    start: Vec<u64>,
}

impl Reserve {
    /// Hears of the START record.
    pub(super) fn start(&mut self, record: &[u64]) {
        self.start = record.to_vec();
    }

    /// Bytes that the end takes at most.
    pub(super) fn bytes(&self, index: &Index, counter: &Counter) -> u64 {
        let bound = |raw: usize| (layout::PIECE_HEADER + zstd::zstd_safe::compress_bound(raw)) as u64;
        let index = bound(layout::index_size(index.blocks.len() + 1) + counter.encoded_size());
        bound(LAST_BLOCK + self.start.len() * 8) + index + (layout::TRAILER + layout::PIECE_HEADER) as u64
    }

    /// The payload of the last block: what was executed and is not in the file, and how the trace ends.
    pub(super) fn last_block(&self, kept: &Kept, end: &Event, at: &State) -> Vec<u8> {
        let mut before = State::default();
        (before.instructions, before.finished) = (kept.instructions, at.finished);
        before.next_frame = kept.next_frame.max(before.next_frame);
        let mut words = Vec::new();
        before.push_record(&mut words);
        if kept.counts.is_none() {
            words.extend_from_slice(&self.start);
        }
        let skipped = Skipped {
            instructions: at.instructions.saturating_sub(before.instructions),
            frames: at.next_frame.saturating_sub(before.next_frame),
            ..Skipped::default()
        };
        if skipped != Skipped::default() {
            Event::Skipped(skipped).encode(&mut words);
        }
        end.encode(&mut words);
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }
}
