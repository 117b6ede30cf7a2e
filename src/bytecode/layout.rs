//! Owns what is known of a code string before it runs: where its canonical units begin, how many
//! instructions stand before each, and where each straight-line segment ends. Built once in O(n).

use std::sync::Arc;

use super::decode::Unit;
use super::opcode::{self, EXTENDED_ARG};

/// Marks "not a canonical boundary" and "no segment end". A code string is shorter than 2^31.
const NONE: u32 = u32::MAX;

/// The two answers for one offset lie side by side: a hot path asks for both.
#[derive(Clone, Copy, Debug)]
struct Cell {
    index: u32,
    segment_end: u32,
}

/// The precomputed answers for one version of a code string: 8 bytes per byte of code.
#[derive(Clone, Debug)]
pub struct Layout {
    cells: Box<[Cell]>,
    chain_end: u32,
}

impl Layout {
    /// Computes the layout of `bytes`. Only the first 2^31 - 2 bytes can be addressed by the VM.
    pub fn new(bytes: &[u8]) -> Layout {
        let bytes = &bytes[..bytes.len().min(i32::MAX as usize - 1)];
        let mut cells = segment_ends(bytes);
        let mut offset = 0;
        let mut index = 0;
        loop {
            cells[offset as usize].index = index;
            let Some(unit) = Unit::decode(bytes, offset) else { break };
            offset = unit.end;
            index += unit.instructions;
        }
        Layout { cells: cells.into_boxed_slice(), chain_end: offset }
    }

    /// Returns how many instructions of the canonical chain stand before `offset`; None where no
    /// canonical unit begins there. The end of the chain is a boundary too.
    #[inline]
    pub fn index(&self, offset: u32) -> Option<u32> {
        match self.cells.get(offset as usize) {
            Some(cell) if cell.index != NONE => Some(cell.index),
            _ => None,
        }
    }

    /// Returns where the canonical chain ends: at the length of the code, or before a truncated unit.
    #[inline]
    pub fn chain_end(&self) -> u32 {
        self.chain_end
    }

    /// Returns the end of the first unit, sequentially at or after `start`, whose opcode ends a segment
    /// ([`opcode::ends_segment`]); None where sequence leaves the code string first. Any start is O(1).
    #[inline]
    pub fn segment_end(&self, start: u32) -> Option<u32> {
        match self.cells.get(start as usize) {
            Some(cell) if cell.segment_end != NONE => Some(cell.segment_end),
            _ => None,
        }
    }

    /// Returns the bytes of `bytes`, which are those of `new`, from `start` to the segment's end; None as for `segment_end`.
    #[inline]
    pub fn segment<'a>(&self, bytes: &'a [u8], start: usize) -> Option<&'a [u8]> {
        // NONE is beyond every code string's end.
        bytes.get(start..self.cells.get(start)?.segment_end as usize)
    }

    /// For each offset, the bytes of the segment from there on: what the lane compares.  0 where there is none, or more than it compares.
    pub fn segment_lengths(&self) -> Arc<[u8]> {
        let offsets = 0..self.cells.len().saturating_sub(1) as u32;
        // NONE is farther from every offset than a byte can say.
        let lengths = offsets.zip(&self.cells).map(|(offset, cell)| cell.segment_end.saturating_sub(offset));
        lengths.map(|length| u8::try_from(length).unwrap_or(0)).collect()
    }

    /// Counts the instructions of the run of sequential units from `start` that ends exactly at `end`;
    /// None where no such run exists. O(1) for canonical starts; else it decodes until it meets `end`
    /// or the canonical chain, so never more than the VM executed. `bytes` are those of `new`.
    #[inline]
    pub fn count(&self, bytes: &[u8], start: u32, end: u32) -> Option<u64> {
        match self.index(start) {
            Some(_) => self.count_canonical(start, end),
            None => self.count_by_decoding(bytes, start, end),
        }
    }

    /// The same where both are boundaries of canonical units; None where one is not.
    #[inline]
    pub fn count_canonical(&self, start: u32, end: u32) -> Option<u64> {
        let (last, first) = (self.index(end)?, self.cells.get(start as usize)?.index);
        // NONE is more than any index.
        last.checked_sub(first).map(u64::from)
    }

    #[cold]
    fn count_by_decoding(&self, bytes: &[u8], start: u32, end: u32) -> Option<u64> {
        let last = self.index(end);
        let mut offset = start;
        let mut count = 0;
        while offset < end {
            if let Some(index) = self.index(offset) {
                return Some(count + u64::from(last?.checked_sub(index)?));
            }
            let unit = Unit::decode(bytes, offset)?;
            offset = unit.end;
            count += u64::from(unit.instructions);
        }
        (offset == end).then_some(count)
    }
}

/// Computes every offset's segment end from the last byte backwards: a unit either ends a segment or
/// shares the answer of the unit after it, so overlapping code costs no more than plain code.
fn segment_ends(bytes: &[u8]) -> Vec<Cell> {
    let len = bytes.len();
    let mut cells = vec![Cell { index: NONE, segment_end: NONE }; len + 1];
    // What a prefix ending at an offset leads to: a window of the last three answers is enough.
    let mut behind_prefix = [NONE; 3];
    for offset in (0..len).rev() {
        let opcode = bytes[offset];
        let answer_at = |end: usize| if opcode::ends_segment(opcode) { end as u32 } else { cells[end].segment_end };
        let fits = offset + 3 <= len;
        let prefixed = match (fits, opcode == EXTENDED_ARG) {
            (false, _) => NONE,
            (true, true) => behind_prefix[2],
            (true, false) => answer_at(offset + 3),
        };
        cells[offset].segment_end = match opcode {
            _ if !opcode::has_argument(opcode) => answer_at(offset + 1),
            _ => prefixed,
        };
        behind_prefix = [prefixed, behind_prefix[0], behind_prefix[1]];
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::super::decode::units;
    use super::*;

    #[test]
    fn index_counts_prefixes_and_knows_boundaries() {
        let code = [145, 0, 0, 100, 1, 0, 71, 100, 0, 0, 83];
        let layout = Layout::new(&code);
        assert_eq!(layout.index(0), Some(0));
        assert_eq!(layout.index(3), None);
        assert_eq!(layout.index(6), Some(2));
        assert_eq!(layout.index(11), Some(5));
        assert_eq!(layout.index(12), None);
        assert_eq!(layout.chain_end(), 11);
        assert_eq!(layout.count(&code, 0, 7), Some(3));
        assert_eq!(layout.count(&code, 7, 0), None);
        assert_eq!(layout.count(&code, 6, 6), Some(0));
    }

    #[test]
    fn a_noncanonical_start_joins_the_canonical_chain() {
        let code = [145, 0, 0, 100, 1, 0, 71, 83];
        let layout = Layout::new(&code);
        assert_eq!(layout.count(&code, 3, 8), Some(3));
        assert_eq!(layout.count(&code, 3, 7), Some(2));
        assert_eq!(layout.count(&code, 3, 5), None);
        assert_eq!(layout.count(&code, 9, 9), Some(0));
        assert_eq!(layout.count(&code, 9, 10), None);
    }

    #[test]
    fn a_segment_ends_after_its_call_with_all_prefixes() {
        let code = [100, 0, 0, 145, 0, 0, 131, 0, 0, 1, 9];
        let layout = Layout::new(&code);
        assert_eq!(layout.segment_end(0), Some(9));
        assert_eq!(layout.segment_end(6), Some(9));
        assert_eq!(layout.segment_end(9), None, "sequence leaves the code");
        assert_eq!(layout.segment_end(11), None);
        assert_eq!(layout.segment_end(400), None);
    }

    #[test]
    fn a_segment_of_more_than_255_bytes_has_no_length() {
        let code = [vec![9; 255], vec![83, 9]].concat();
        let lengths = Layout::new(&code).segment_lengths();
        assert_eq!(lengths.len(), code.len());
        assert_eq!([0, 1, 255, 256].map(|offset| lengths[offset]), [0, 255, 1, 0]);
        assert!(Layout::new(&[]).segment_lengths().is_empty());
    }

    #[test]
    fn an_empty_code_has_one_boundary() {
        let layout = Layout::new(&[]);
        assert_eq!((layout.index(0), layout.chain_end(), layout.segment_end(0)), (Some(0), 0, None));
    }

    fn walked_segment_end(bytes: &[u8], start: u32) -> Option<u32> {
        units(bytes, start).find(|unit| opcode::ends_segment(unit.last.opcode)).map(|unit| unit.end)
    }

    fn walked_count(bytes: &[u8], start: u32, end: u32) -> Option<u64> {
        let mut walk = units(bytes, start);
        let mut count = 0;
        while walk.offset() < end {
            count += u64::from(walk.next()?.instructions);
        }
        (walk.offset() == end).then_some(count)
    }

    proptest::proptest! {
        #[test]
        fn tables_agree_with_walking(raw in proptest::collection::vec(0u8..=255, 0..60), bias: u8) {
            // A third of the bytes become prefixes or plain opcodes: random bytes seldom chain.
            let bytes: Vec<u8> = raw.iter().enumerate().map(|(place, &byte)| {
                match (byte.wrapping_mul(bias | 1)).wrapping_add(place as u8) % 6 { 0 => 145, 1 => 9, 2 => 100, _ => byte }
            }).collect();
            let layout = Layout::new(&bytes);
            let len = bytes.len() as u32;
            for start in 0..=len + 1 {
                let walked = walked_segment_end(&bytes, start);
                assert_eq!(layout.segment_end(start), walked, "{bytes:?} {start}");
                if let Some(length) = layout.segment_lengths().get(start as usize) {
                    assert_eq!(*length, walked.and_then(|end| u8::try_from(end - start).ok()).unwrap_or(0));
                }
                for end in 0..=len + 1 {
                    assert_eq!(layout.count(&bytes, start, end), walked_count(&bytes, start, end), "{bytes:?} {start} {end}");
                }
            }
        }
    }
}
