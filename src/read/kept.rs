//! The words of blocks that were read lately, for a reader that goes back and forth.

use std::collections::VecDeque;
use std::rc::Rc;

use crate::format::bct::layout::Piece;

/// Words that are kept, at most: 32 MiB.
const MOST_WORDS: usize = 4 << 20;

/// A block as it was read.
#[derive(Clone)]
pub(super) struct KeptBlock {
    pub(super) offset: u64,
    /// Where the next piece begins.
    pub(super) end: u64,
    pub(super) piece: Piece,
    pub(super) words: Rc<[u64]>,
}

/// The blocks, the one that was used last at the end.
#[derive(Default)]
pub(super) struct KeptBlocks {
    blocks: VecDeque<KeptBlock>,
    words: usize,
}

impl KeptBlocks {
    /// Returns the block that begins at an offset, if it is kept.
    pub(super) fn get(&mut self, offset: u64) -> Option<KeptBlock> {
        let place = self.blocks.iter().position(|block| block.offset == offset)?;
        let block = self.blocks.remove(place)?;
        self.blocks.push_back(block.clone());
        Some(block)
    }

    /// Keeps a block, and drops those that were not used for longest.
    pub(super) fn put(&mut self, block: KeptBlock) {
        self.words += block.words.len();
        self.blocks.push_back(block);
        while self.words > MOST_WORDS
            && let Some(oldest) = self.blocks.pop_front()
        {
            self.words -= oldest.words.len();
        }
    }
}
