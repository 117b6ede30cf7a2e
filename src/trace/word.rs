//! The stream's unit: one little-endian 64-bit word.  A hot event (a run and what ended it) is one word; everything else is a
//! record, a header word with a length followed by its payload.  Shared by the hook, which packs words, and every reader.
//!
//! ```text
//! run word      bits 0..4 kind   4..24 start   24..44 length   44..64 argument
//! wide word     bits 0..4 WIDE   4..16 start   16..28 length   28..40 argument: the high 12 bits for the run word after it
//! record header bits 0..4 RECORD 4..12 type    12..44 payload length in bytes; the payload is padded to whole words
//! ```

/// Words of one event at most, records aside.
pub const MAX_RUN_WORDS: usize = 2;

/// Bytes of one record's payload at most; a longer one is no trace.
pub const MAX_RECORD: usize = 1 << 30;

/// Where the numbers of a run word begin: start, length, argument.
pub const FIELDS: [u32; 3] = [KIND, KIND + FIELD, KIND + 2 * FIELD];

const FIELD: u32 = 20;
const FIELD_MASK: u64 = (1 << FIELD) - 1;
const HIGH: u32 = 12;
const HIGH_MASK: u64 = (1 << HIGH) - 1;
const KIND_MASK: u64 = 0xf;
const KIND: u32 = 4;

/// What ended a run, or what else a word says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    Record = 0,
    /// Control went on elsewhere in the same frame.
    Jump = 1,
    /// A new frame of the code object `argument` was entered.
    Call = 2,
    /// The frame suspended in slot `argument` was entered again.
    Resume = 3,
    /// The frame returned.
    Return = 4,
    /// The frame yielded and is suspended in slot `argument`.
    Yield = 5,
    /// An exception left the frame.
    Unwind = 6,
    /// Thread `argument` took the GIL.
    Thread = 7,
    /// The frame's bytes are from here on those of the code object `argument`.
    Version = 8,
    /// The code object `argument` is no more.
    CodeGone = 9,
    /// The suspended frame in slot `argument` is no more.
    SlotGone = 10,
    /// Free for a later version: a reader passes over it.
    Free = 11,
    /// Words that stood before stand here again; see `trace::repeat`.
    Repeat = 12,
    /// What an instruction of the next run consumed or produced; see [`super::value`].
    Value = 13,
    /// More of a value.
    Part = 14,
    Wide = 15,
}

impl Kind {
    /// Reads a word's kind.
    #[inline]
    pub fn of(word: u64) -> Kind {
        // Every value has its kind, so that a compiler makes no more of this than the mask.
        match word & KIND_MASK {
            0 => Kind::Record,
            1 => Kind::Jump,
            2 => Kind::Call,
            3 => Kind::Resume,
            4 => Kind::Return,
            5 => Kind::Yield,
            6 => Kind::Unwind,
            7 => Kind::Thread,
            8 => Kind::Version,
            9 => Kind::CodeGone,
            10 => Kind::SlotGone,
            11 => Kind::Free,
            12 => Kind::Repeat,
            13 => Kind::Value,
            14 => Kind::Part,
            _ => Kind::Wide,
        }
    }

    /// Returns whether a word of this kind is a run.
    #[inline]
    pub fn is_run(self) -> bool {
        (Kind::Jump as u8..=Kind::SlotGone as u8).contains(&(self as u8))
    }
}

/// The three numbers of a run word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    /// Offset of the run's first instruction, in bytes.
    pub start: u32,
    /// Bytes of the run.
    pub length: u32,
    pub argument: u32,
}

/// Numbers of a run word that stay below this need no wide word before it.
pub const NARROW: u32 = 1 << FIELD;

/// Packs a run word, with a wide word before it where a number needs more than 20 bits.  Returns the words and how many count.
#[inline]
pub fn pack(kind: Kind, fields: Fields) -> ([u64; MAX_RUN_WORDS], usize) {
    let Fields { start, length, argument } = fields;
    let low = kind as u64
        | (u64::from(start) & FIELD_MASK) << KIND
        | (u64::from(length) & FIELD_MASK) << (KIND + FIELD)
        | (u64::from(argument) & FIELD_MASK) << (KIND + 2 * FIELD);
    if (start | length | argument) >> FIELD == 0 {
        return ([low, 0], 1);
    }
    let high = Kind::Wide as u64
        | u64::from(start >> FIELD) << KIND
        | u64::from(length >> FIELD) << (KIND + HIGH)
        | u64::from(argument >> FIELD) << (KIND + 2 * HIGH);
    ([high, low], 2)
}

/// Reads a run word's numbers; `wide` is the wide word before it, or 0.
#[inline]
pub fn fields(word: u64, wide: u64) -> Fields {
    let low = |n: u32| (word >> (KIND + n * FIELD) & FIELD_MASK) as u32;
    let fields = Fields { start: low(0), length: low(1), argument: low(2) };
    if wide == 0 {
        return fields;
    }
    let high = |n: u32| ((wide >> (KIND + n * HIGH) & HIGH_MASK) << FIELD) as u32;
    Fields { start: fields.start | high(0), length: fields.length | high(1), argument: fields.argument | high(2) }
}

/// Returns whether a word that is no part of a record's payload executes nothing: a run of no length, or the high bits of one.
pub fn is_idle(word: u64) -> bool {
    match Kind::of(word) {
        Kind::Wide => word >> (KIND + HIGH) & HIGH_MASK == 0,
        kind if kind.is_run() => word >> (KIND + FIELD) & FIELD_MASK == 0,
        kind => kind == Kind::Free,
    }
}

/// Packs a record's header.
pub fn record_header(record_type: u8, payload_bytes: usize) -> u64 {
    debug_assert!(payload_bytes <= MAX_RECORD, "a record's length fits its header");
    Kind::Record as u64 | u64::from(record_type) << 4 | (payload_bytes as u64) << 12
}

/// Reads a record's header: its type and its payload's length in bytes.
pub fn record_fields(word: u64) -> (u8, usize) {
    ((word >> 4) as u8, (word >> 12) as u32 as usize)
}

/// The words that a payload of this many bytes takes.
pub fn payload_words(bytes: usize) -> usize {
    bytes.div_ceil(8)
}

/// Appends a whole record.
pub fn push_record(out: &mut Vec<u64>, record_type: u8, payload: &[u8]) {
    out.push(record_header(record_type, payload.len()));
    out.extend(payload_to_words(payload));
}

/// Yields a payload's words, the last one padded with zero bytes.
pub fn payload_to_words(payload: &[u8]) -> impl Iterator<Item = u64> + '_ {
    let (whole, rest) = payload.as_chunks::<8>();
    let last = (!rest.is_empty()).then(|| {
        let mut bytes = [0; 8];
        bytes[..rest.len()].copy_from_slice(rest);
        bytes
    });
    whole.iter().copied().chain(last).map(u64::from_le_bytes)
}

/// Turns a record's payload back into bytes; None where the words are too few.
pub fn payload_from_words(words: &[u64], bytes: usize) -> Option<Vec<u8>> {
    let words = words.get(..payload_words(bytes))?;
    let mut out: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    out.truncate(bytes);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn packed_fields_come_back(start: u32, length: u32, argument: u32) {
            let given = Fields { start, length, argument };
            let (words, count) = pack(Kind::Call, given);
            let (wide, word) = if count == 2 { (words[0], words[1]) } else { (0, words[0]) };
            prop_assert_eq!(Kind::of(word), Kind::Call);
            prop_assert_eq!(fields(word, wide), given);
        }

        #[test]
        fn a_record_comes_back(kind: u8, payload in proptest::collection::vec(any::<u8>(), 0..100)) {
            let mut words = Vec::new();
            push_record(&mut words, kind, &payload);
            prop_assert_eq!(record_fields(words[0]), (kind, payload.len()));
            prop_assert_eq!(payload_from_words(&words[1..], payload.len()), Some(payload));
        }
    }
}
