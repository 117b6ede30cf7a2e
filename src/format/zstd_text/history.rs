//! What was printed lately: runs, by which a repeated one is found without looking at its text, and the text of new
//! ones, in which parts of other new ones are found.

use std::fmt::Debug;

use super::block::{Block, LARGEST, WINDOW};
use crate::format::compression::ZSTD_HEADER;

/// Runs that are remembered.
const RUNS: usize = 1 << 17;
/// Places by which a run is found.
const PLACES: usize = 1 << 15;
/// Bytes of new text that are remembered; beyond it all are forgotten.
const TEXT: usize = 2 << 20;
/// Places by which text is found, and bytes that must agree.
const TEXT_PLACES: usize = 1 << 14;
const SEED: usize = 6;
/// The shortest copy that the format has.
const SHORTEST: usize = 3;

/// Names a run's text: equal keys have equal text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) code: u32,
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Key {
    #[inline]
    fn hash(&self) -> u64 {
        let place = u64::from(self.start) | u64::from(self.end) << 32;
        (place ^ u64::from(self.code) << 16).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

/// A run that was printed.
#[derive(Clone, Copy, Debug, Default)]
struct Printed {
    key: Key,
    length: u32,
    /// Bytes of text before it.
    at: u64,
}

/// Turns runs into blocks of a frame.
pub(super) struct Packer {
    block: Block,
    /// Compressed bytes that wait to be written.
    pub(super) packed: Vec<u8>,
    /// Bytes of text so far.
    length: u64,
    /// The last runs, the one of number n at n modulo `RUNS`.
    runs: Box<[Printed; RUNS]>,
    count: u64,
    /// Where a run was printed last, by itself and by the one before it too: such a place is likelier to go on alike.
    places: Box<[u64; PLACES]>,
    places_after: Box<[u64; PLACES]>,
    last_hash: u64,
    /// The number of the run that comes next if the text goes on as it did before.
    expected: u64,
    text: Text,
}

impl Packer {
    pub(super) fn new() -> Packer {
        Packer {
            block: Block::new(),
            packed: ZSTD_HEADER.to_vec(),
            length: 0,
            runs: boxed(Printed::default()),
            // No run has the number 0.
            count: 1,
            places: boxed(0),
            places_after: boxed(0),
            last_hash: 0,
            expected: 0,
            text: Text::default(),
        }
    }

    /// Looks whether a run's text can be a copy; then returns its length, and `repeat` may follow.
    #[inline]
    pub(super) fn known(&mut self, key: &Key) -> Option<u64> {
        let expected = &self.runs[self.expected as usize % RUNS];
        if expected.key == *key && self.is_near(self.expected, expected) {
            return Some(expected.length.into());
        }
        self.look_up(key)
    }

    fn look_up(&mut self, key: &Key) -> Option<u64> {
        let hash = key.hash();
        for candidate in [self.places_after[place_after(self.last_hash, hash)], self.places[place(hash)]] {
            let run = &self.runs[candidate as usize % RUNS];
            if run.key == *key && self.is_near(candidate, run) {
                let length = run.length.into();
                self.expected = candidate;
                return Some(length);
            }
        }
        None
    }

    #[inline]
    fn is_near(&self, number: u64, run: &Printed) -> bool {
        number != 0 && self.count - number < RUNS as u64 && self.length - run.at < WINDOW - LARGEST as u64
    }

    /// Adds the run that `known` found.
    #[inline]
    pub(super) fn repeat(&mut self, key: Key) {
        let Printed { length, at, .. } = self.runs[self.expected as usize % RUNS];
        self.expected += 1;
        let offset = (self.length - at) as u32;
        if length as usize > self.block.room() {
            self.copy_in_parts(length as usize, offset);
        } else {
            self.block.copy(length as usize, offset);
        }
        self.remember(key, length);
    }

    /// Adds lines that were not found; with a key they can be found the next time.
    pub(super) fn add(&mut self, key: Option<Key>, text: &[u8]) {
        if text.len() > self.block.room() {
            self.end_block();
        }
        for part in text.chunks(LARGEST) {
            if part.len() > self.block.room() {
                self.end_block();
            }
            self.text.add(&mut self.block, self.length, part);
            self.length += part.len() as u64;
        }
        self.length -= text.len() as u64;
        match key {
            Some(key) => self.remember(key, text.len() as u32),
            None => {
                self.length += text.len() as u64;
                self.expected = 0;
            }
        }
    }

    /// Returns whether the block should be ended, which is best between lines.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.block.room() < LARGEST / 16
    }

    pub(super) fn end_block(&mut self) {
        if !self.block.is_empty() {
            self.block.end(&mut self.packed);
        }
    }

    #[cold]
    fn copy_in_parts(&mut self, length: usize, offset: u32) {
        let mut left = length;
        while left > 0 {
            if left > self.block.room() {
                self.end_block();
            }
            let mut part = left.min(LARGEST);
            if left > part && left - part < SHORTEST {
                part -= SHORTEST;
            }
            self.block.copy(part, offset);
            left -= part;
        }
    }

    #[inline]
    fn remember(&mut self, key: Key, length: u32) {
        let hash = key.hash();
        self.runs[self.count as usize % RUNS] = Printed { key, length, at: self.length };
        self.places[place(hash)] = self.count;
        self.places_after[place_after(self.last_hash, hash)] = self.count;
        self.last_hash = hash;
        self.count += 1;
        self.length += u64::from(length);
    }
}

/// An array that never lay on the stack, and whose length is known where it is looked into.
fn boxed<T: Clone + Debug, const N: usize>(value: T) -> Box<[T; N]> {
    vec![value; N].try_into().expect("the vector has this length")
}

#[inline]
fn place(hash: u64) -> usize {
    (hash >> 40) as usize % PLACES
}

#[inline]
fn place_after(last: u64, hash: u64) -> usize {
    (last.rotate_left(20).wrapping_add(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize % PLACES
}

/// New text: a small compressor for what is printed for the first time.
#[derive(Default)]
struct Text {
    bytes: Vec<u8>,
    /// Where parts of `bytes` end, and how much further back than in `bytes` they are in the whole text.
    parts: Vec<(usize, u64)>,
    /// Where six bytes were seen last: place and part, one more than 0 each.
    places: Vec<(u32, u32)>,
}

impl Text {
    /// Adds text that begins at `at` to the block.
    fn add(&mut self, block: &mut Block, at: u64, text: &[u8]) {
        if self.bytes.len() + text.len() > TEXT || self.places.is_empty() {
            self.bytes.clear();
            self.parts.clear();
            self.places = vec![(0, 0); TEXT_PLACES];
        }
        let begin = self.bytes.len();
        self.bytes.extend_from_slice(text);
        self.parts.push((self.bytes.len(), at - begin as u64));
        let part = self.parts.len() as u32;
        let (mut done, mut place) = (begin, begin);
        while let Some(seed) = self.bytes[place..].first_chunk::<SEED>() {
            let slot = &mut self.places[slot_of(seed)];
            let (found, found_part) = std::mem::replace(slot, (place as u32 + 1, part));
            let Some((length, offset)) = self.agreement(found, found_part, place, at - begin as u64) else {
                place += 1;
                continue;
            };
            if place > done {
                block.literal(&self.bytes[done..place]);
            }
            block.copy(length, offset);
            place += length;
            done = place;
        }
        if self.bytes.len() > done {
            block.literal(&self.bytes[done..]);
        }
    }

    /// How many bytes at `place` agree with those found, and how far back these are in the whole text.
    fn agreement(&self, found: u32, part: u32, place: usize, before: u64) -> Option<(usize, u32)> {
        let found = (found as usize).checked_sub(1)?;
        let (end, found_before) = *self.parts.get((part as usize).checked_sub(1)?)?;
        let offset = (before + place as u64) - (found_before + found as u64);
        let earlier = &self.bytes[found..end];
        let length = earlier.iter().zip(&self.bytes[place..]).take_while(|(one, other)| one == other).count();
        (length >= SEED && offset < WINDOW - LARGEST as u64).then_some((length, offset as u32))
    }
}

fn slot_of(seed: &[u8; SEED]) -> usize {
    let mut word = [0; 8];
    word[..SEED].copy_from_slice(seed);
    (u64::from_le_bytes(word).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize % TEXT_PLACES
}
