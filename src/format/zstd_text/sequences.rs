//! The codes of zstd's sequences (RFC 8878, 3.1.1.3.2): how literal lengths, match lengths and offsets become symbols,
//! and the predefined FSE tables that encode the symbols.

/// The first value of each literal length code, and its extra bits.
const LITERAL_LENGTHS: [(u32, u8); 36] = {
    let mut codes = [(0, 0); 36];
    let mut code = 0;
    while code < 16 {
        codes[code] = (code as u32, 0);
        code += 1;
    }
    extend(codes, 16, [1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16])
};

/// The same for match lengths, which begin at 3.
const MATCH_LENGTHS: [(u32, u8); 53] = {
    let mut codes = [(0, 0); 53];
    let mut code = 0;
    while code < 32 {
        codes[code] = (code as u32 + 3, 0);
        code += 1;
    }
    extend(codes, 32, [1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16])
};

/// Fills in codes from `first` on: each begins where the extra bits of the one before end.
const fn extend<const N: usize, const M: usize>(
    mut codes: [(u32, u8); N],
    first: usize,
    bits: [u8; M],
) -> [(u32, u8); N] {
    let mut place = 0;
    while place < M {
        let (before, extra) = codes[first + place - 1];
        codes[first + place] = (before + (1 << extra), bits[place]);
        place += 1;
    }
    codes
}

/// RFC 8878, 3.1.1.3.2.2: the default distributions; -1 is "less than 1".
const LITERAL_LENGTH_SHARES: [i8; 36] =
    [4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1];
const MATCH_LENGTH_SHARES: [i8; 53] = [
    1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
];
const OFFSET_SHARES: [i8; 29] =
    [1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1];

/// Copies `length` bytes from `offset` bytes back, after `literals` literal bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sequence {
    pub(super) literals: u32,
    /// At least 3.
    pub(super) length: u32,
    pub(super) offset: u32,
}

/// A symbol with the bits that complete its value.
#[derive(Clone, Copy)]
struct Coded {
    symbol: usize,
    extra: u32,
    bits: u8,
}

fn code_of(codes: &[(u32, u8)], value: u32) -> Coded {
    // Small values have a code each.
    let place = (value - codes[0].0) as usize;
    let symbol = match codes.get(place) {
        Some(&(first, _)) if first == value => place,
        _ => codes.partition_point(|&(first, _)| first <= value) - 1,
    };
    let (first, bits) = codes[symbol];
    Coded { symbol, extra: value - first, bits }
}

fn code_of_offset(offset: u32) -> Coded {
    // 1 to 3 would mean offsets used before.
    let value = offset + 3;
    let bits = value.ilog2() as u8;
    Coded { symbol: bits.into(), extra: value - (1 << bits), bits }
}

/// An FSE table, turned round for encoding: from a symbol and the state after it to the state before.
struct Table {
    log: u8,
    /// For each symbol and following state.
    before: Vec<u8>,
    /// For each state: how many bits lead from it, and to which state zero bits lead.
    steps: Vec<(u8, u8)>,
}

impl Table {
    /// Builds the table as RFC 8878, 4.1.1 has a decoder build it.
    fn new(shares: &[i8], log: u8) -> Table {
        let size = 1usize << log;
        let mut symbols = vec![0usize; size];
        let mut high = size;
        for (symbol, _) in shares.iter().enumerate().filter(|(_, share)| **share == -1) {
            high -= 1;
            symbols[high] = symbol;
        }
        let mut place = 0;
        for (symbol, &share) in shares.iter().enumerate() {
            for _ in 0..share.max(0) {
                symbols[place] = symbol;
                place = (place + (size >> 1) + (size >> 3) + 3) % size;
                while place >= high {
                    place = (place + (size >> 1) + (size >> 3) + 3) % size;
                }
            }
        }
        let mut next: Vec<usize> = shares.iter().map(|&share| usize::from(share.unsigned_abs())).collect();
        let mut table = Table { log, before: vec![0; shares.len() * size], steps: Vec::with_capacity(size) };
        for (state, &symbol) in symbols.iter().enumerate() {
            let bits = log - next[symbol].ilog2() as u8;
            let base = (next[symbol] << bits) - size;
            next[symbol] += 1;
            table.steps.push((bits, base as u8));
            table.before[symbol * size + base..][..1 << bits].fill(state as u8);
        }
        table
    }

    fn before(&self, symbol: usize, state: u8) -> u8 {
        self.before[(symbol << self.log) + usize::from(state)]
    }
}

/// Writes the sequences of blocks.
pub(super) struct SequenceWriter {
    literal_lengths: Table,
    match_lengths: Table,
    offsets: Table,
}

impl SequenceWriter {
    pub(super) fn new() -> SequenceWriter {
        SequenceWriter {
            literal_lengths: Table::new(&LITERAL_LENGTH_SHARES, 6),
            match_lengths: Table::new(&MATCH_LENGTH_SHARES, 6),
            offsets: Table::new(&OFFSET_SHARES, 5),
        }
    }

    /// Appends a sequences section.  A decoder reads its bits from the end, so the last sequence is written first.
    pub(super) fn write(&self, sequences: &[Sequence], out: &mut Vec<u8>) {
        push_count(sequences.len(), out);
        if sequences.is_empty() {
            return;
        }
        // All three tables are the predefined ones.
        out.push(0);
        let mut bits = Bits { out, held: 0, count: 0 };
        let mut states = [0; 3];
        for (place, sequence) in sequences.iter().rev().enumerate() {
            let literals = code_of(&LITERAL_LENGTHS, sequence.literals);
            let length = code_of(&MATCH_LENGTHS, sequence.length);
            let offset = code_of_offset(sequence.offset);
            let tables = [(&self.offsets, offset), (&self.match_lengths, length), (&self.literal_lengths, literals)];
            for ((table, code), state) in tables.into_iter().zip(&mut states) {
                let before = table.before(code.symbol, *state);
                let (count, base) = table.steps[usize::from(before)];
                // Nothing follows the last sequence: its state may lead anywhere.
                if place > 0 {
                    bits.push(u32::from(*state - base), count);
                }
                *state = before;
            }
            for code in [literals, length, offset] {
                bits.push(code.extra, code.bits);
            }
        }
        let [offset, length, literals] = states;
        bits.push(length.into(), self.match_lengths.log);
        bits.push(offset.into(), self.offsets.log);
        bits.push(literals.into(), self.literal_lengths.log);
        bits.close();
    }
}

fn push_count(count: usize, out: &mut Vec<u8>) {
    match count {
        0..128 => out.push(count as u8),
        128..0x7f00 => out.extend_from_slice(&[(count >> 8) as u8 + 128, count as u8]),
        _ => {
            out.push(255);
            out.extend_from_slice(&((count - 0x7f00) as u16).to_le_bytes());
        }
    }
}

/// Bits that fill bytes from the lowest on.
struct Bits<'a> {
    out: &'a mut Vec<u8>,
    held: u64,
    count: u32,
}

impl Bits<'_> {
    /// Adds up to 32 bits.
    #[inline]
    fn push(&mut self, value: u32, bits: u8) {
        self.held |= u64::from(value) << self.count;
        self.count += u32::from(bits);
        if self.count >= 32 {
            self.out.extend_from_slice(&(self.held as u32).to_le_bytes());
            self.held >>= 32;
            self.count -= 32;
        }
    }

    /// Ends with a 1, by which a decoder finds the first bit.
    fn close(mut self) {
        self.push(1, 1);
        let bytes = self.count.div_ceil(8) as usize;
        self.out.extend_from_slice(&self.held.to_le_bytes()[..bytes]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_cover_all_lengths_of_a_block() {
        assert_eq!(LITERAL_LENGTHS[35], (65536, 16));
        assert_eq!(MATCH_LENGTHS[52], (65539, 16));
        assert_eq!((MATCH_LENGTHS[42], MATCH_LENGTHS[43]), ((99, 5), (131, 7)));
        assert_eq!((LITERAL_LENGTHS[24], LITERAL_LENGTHS[25]), ((48, 4), (64, 6)));
    }

    #[test]
    fn every_symbol_can_come_before_every_state() {
        for (shares, log) in [(&LITERAL_LENGTH_SHARES[..], 6), (&MATCH_LENGTH_SHARES, 6), (&OFFSET_SHARES, 5)] {
            let sum: u32 = shares.iter().map(|share| u32::from(share.unsigned_abs())).sum();
            assert_eq!(sum, 1 << log);
            let table = Table::new(shares, log);
            for symbol in 0..shares.len() {
                for state in 0..1u8 << log {
                    let (bits, base) = table.steps[usize::from(table.before(symbol, state))];
                    assert!(state >= base && u32::from(state - base) < 1 << bits, "symbol {symbol} before {state}");
                }
            }
        }
    }
}
