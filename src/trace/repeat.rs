//! Words that repeat, written as a distance and a count: a program repeats itself, so a stream of a hundred words shrinks to a few
//! on its way through the ring and into a file.  The search is one comparison per word: what came last time after the same few
//! words is expected to come again.
//!
//! ```text
//! repeat word   bits 0..4 REPEAT   4..32 distance   32..64 count: as many words again as stood so far back, overlapping or not
//! ```

mod extent;
mod numbers;

use super::laps;
use super::state::Contradiction;
use super::word::{self, Kind};

#[cfg(test)]
use extent::Extent;
pub use extent::measure;

/// How far back a repeat word reaches, in words.  The writer's share of the caches grows with it; programs hardly shrink further.
pub const HISTORY: usize = 1 << 14;
/// Words that one repeat word stands for, at most.
pub const MAX_REPEAT: u64 = 1 << 20;

const MASK: usize = HISTORY - 1;
/// A place to go on from is found by as many words as there are factors, the last one first: the upper bits of the sum of their products.
/// The factors are the first odd numbers of splitmix64 from 0.
const FACTORS: [u64; 4] = [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f5, 0x06c4_5d18_8009_454f, 0xf88b_b8a8_724c_81ed];
/// Places in the table of them.
const PLACES: usize = 1 << 12;

const DISTANCE: u32 = 4;
const DISTANCE_MASK: u64 = (1 << 28) - 1;
const COUNT: u32 = 32;

/// Makes a repeat word.
fn pack(distance: u64, count: u64) -> u64 {
    Kind::Repeat as u64 | distance << DISTANCE | count << COUNT
}

/// Refuses a repetition that cannot stand at a position.
fn check_repetition(distance: u64, count: u64, position: u64) -> Result<(), Contradiction> {
    if count > MAX_REPEAT {
        return Err("a repetition of more words than any can be");
    }
    if distance == 0 || distance > position.min(HISTORY as u64) {
        return Err("a repetition of words that never were");
    }
    Ok(())
}

/// What a writer remembers of its stream.
pub trait Past {
    /// Words of the stream so far.
    fn position(&self) -> u64;
    /// How far back the next word is expected.
    fn distance(&self) -> u64;
    fn set_distance(&mut self, distance: u64);
    /// The word at a position, one of the last [`HISTORY`].
    fn word(&self, position: u64) -> u64;
    /// Adds a word.
    fn keep(&mut self, word: u64);
    /// Forgets all words.
    fn clear(&mut self);
}

/// Shortens a stream.  What it puts out lags behind by the words that repeat and that no repeat word stands for yet.
pub struct RepeatWriter<P = OwnPast> {
    pub past: P,
    /// Words that the ones put out stand for.
    written: u64,
    /// Where the stream went on after the words that hash here.
    places: Box<[u64; PLACES]>,
}

/// A past in memory of its own.
pub struct OwnPast {
    /// The last words, each at its position modulo the size.
    history: Box<[u64; HISTORY]>,
    position: u64,
    distance: u64,
}

impl Past for OwnPast {
    #[inline]
    fn position(&self) -> u64 {
        self.position
    }

    #[inline]
    fn distance(&self) -> u64 {
        self.distance
    }

    #[inline]
    fn set_distance(&mut self, distance: u64) {
        self.distance = distance;
    }

    #[inline]
    fn word(&self, position: u64) -> u64 {
        self.history[position as usize & MASK]
    }

    #[inline]
    fn keep(&mut self, word: u64) {
        self.history[self.position as usize & MASK] = word;
        self.position += 1;
    }

    fn clear(&mut self) {
        self.history.fill(0);
        (self.position, self.distance) = (0, HISTORY as u64);
    }
}

impl Default for RepeatWriter {
    fn default() -> Self {
        RepeatWriter::new(OwnPast { history: boxed(), position: 0, distance: HISTORY as u64 })
    }
}

/// An array of zeros that never lay on the stack.
fn boxed<const N: usize>() -> Box<[u64; N]> {
    vec![0; N].into_boxed_slice().try_into().expect("the vector has this length")
}

impl<P: Past> RepeatWriter<P> {
    /// Begins a stream, whose past is empty.
    pub fn new(past: P) -> Self {
        RepeatWriter { past, written: 0, places: boxed() }
    }

    /// Words of the stream so far.
    #[inline]
    pub fn position(&self) -> u64 {
        self.past.position()
    }

    /// How far back the words are that repeat and that no repeat word stands for yet.
    #[inline]
    pub fn distance(&self) -> u64 {
        self.past.distance()
    }

    /// Takes a word if it is the one that was expected; nothing is put out then.
    #[inline(always)]
    pub fn takes(&mut self, word: u64) -> bool {
        let expected = self.past.word(self.position().wrapping_sub(self.distance()));
        if expected == word {
            self.past.keep(word);
        }
        expected == word
    }

    /// Takes any word of a run.
    #[cfg(test)]
    pub fn put(&mut self, word: u64, out: impl FnMut(u64)) {
        if !self.takes(word) {
            self.put_new([word], out);
        }
    }

    /// Takes a word that `takes` has refused, and others that come with it.
    #[inline]
    pub fn put_new<const COUNT: usize>(&mut self, words: [u64; COUNT], mut out: impl FnMut(u64)) {
        if self.is_repeating() {
            self.flush(&mut out);
        }
        for word in words {
            out(word);
            self.past.keep(word);
        }
        self.written = self.position();
        let context = self.context();
        let last = std::mem::replace(&mut self.places[context], self.written);
        // Places count from 1, so that 0 stands for none.
        let distance = self.written - last;
        self.past.set_distance(if last != 0 && distance < HISTORY as u64 { distance } else { HISTORY as u64 });
    }

    /// Takes words that belong together, a record or a wide run: a repeat word stands for all of them or for none.
    pub fn put_together(&mut self, words: &[u64], out: impl FnMut(u64)) {
        let begin = self.position().wrapping_sub(self.distance());
        let mut places = (0..).map(|place| begin.wrapping_add(place));
        let is_expected = words.len() as u64 <= self.distance()
            && words.iter().all(|word| places.next().is_some_and(|place| self.past.word(place) == *word));
        if is_expected {
            return words.iter().for_each(|word| self.past.keep(*word));
        }
        self.put_as_they_are(words, out);
    }

    /// Takes words without looking whether they repeat.
    pub fn put_as_they_are(&mut self, words: &[u64], mut out: impl FnMut(u64)) {
        self.flush(&mut out);
        for word in words {
            out(*word);
            self.past.keep(*word);
        }
        self.written = self.position();
    }

    /// Whether words repeat that no repeat word stands for yet.
    pub fn is_repeating(&self) -> bool {
        self.written != self.position()
    }

    /// Puts out the repeat words that are pending.
    #[inline(never)]
    pub fn flush(&mut self, out: impl FnMut(u64)) {
        self.pending().for_each(out);
        self.written = self.position();
    }

    /// The repeat words for what has repeated since the last one.
    pub fn pending(&self) -> impl Iterator<Item = u64> + use<P> {
        let (distance, pending) = (self.distance(), self.position() - self.written);
        (0..pending.div_ceil(MAX_REPEAT)).map(move |nth| pack(distance, (pending - nth * MAX_REPEAT).min(MAX_REPEAT)))
    }

    /// Begins another stream.
    pub fn restart(&mut self) {
        self.past.clear();
        self.places.fill(0);
        self.written = 0;
    }

    /// The place in the table of the last words.
    #[inline]
    fn context(&self) -> usize {
        let position = self.position();
        let terms = FACTORS
            .iter()
            .zip(1u64..)
            .map(|(factor, back)| self.past.word(position.wrapping_sub(back)).wrapping_mul(*factor));
        (terms.fold(0, u64::wrapping_add) >> 52) as usize
    }
}

const _: () = assert!(PLACES == 1 << 12, "context() takes the upper 12 bits");

/// Brings a shortened stream back to its length.  Believes nothing: what cannot be is a contradiction.
#[derive(Default)]
pub struct RepeatReader {
    /// The last words of the stream: those that a repeat word can reach, and those that were not taken yet.
    words: Vec<u64>,
    /// Of these, the ones that were taken.
    taken: usize,
    /// Words of the stream before them.
    forgotten: u64,
    /// Of the words so far, how many the next repeat word will stand for once more.
    ahead: u64,
    /// Words of a record's payload that are still to come: they are no words of a kind.
    payload: usize,
    /// Of the repeat word that is being read: how many words are left, and from how far back.
    rest: u64,
    distance: usize,
    /// Reading ends after a repeat word that stands for many laps.
    stops_at_laps: bool,
    /// What the repeat word stands for was not looked at as laps.
    is_new: bool,
}

impl RepeatReader {
    /// Words of the stream so far, taken or not.
    pub fn position(&self) -> u64 {
        self.forgotten + self.words.len() as u64
    }

    /// The words that were read and not taken yet.
    pub fn words(&self) -> &[u64] {
        &self.words[self.taken..]
    }

    /// Takes the first `count` of `words`.
    pub fn take(&mut self, count: usize) {
        self.taken += count;
        debug_assert!(self.taken <= self.words.len(), "only words that were read are taken");
        if self.taken >= 2 * HISTORY {
            let out_of_reach = self.taken - HISTORY;
            self.words.drain(..out_of_reach);
            self.taken = HISTORY;
            self.forgotten += out_of_reach as u64;
        }
    }

    /// Reads what `packed` stands for, up to some `most` words; returns how many of `packed` it read.  A repeat word that was not read
    /// to its end is, by the next call.
    pub fn read(&mut self, packed: &[u64], most: usize) -> Result<usize, Contradiction> {
        let full = self.words.len() + most;
        self.repeat(full);
        let mut read = 0;
        while let Some(&word) = packed.get(read) {
            if self.words.len() >= full {
                return Ok(read);
            }
            if self.payload == 0 && self.ahead == 0 {
                let plain = plain_words(&packed[read..packed.len().min(read + full - self.words.len())]);
                if !plain.is_empty() {
                    self.words.extend_from_slice(plain);
                    read += plain.len();
                    continue;
                }
            }
            read += 1;
            if self.payload > 0 {
                self.payload -= 1;
            } else if Kind::of(word) == Some(Kind::Repeat) {
                self.begin(word >> DISTANCE & DISTANCE_MASK, word >> COUNT)?;
                if self.stops_at_laps && self.rest / self.distance as u64 >= laps::FEWEST {
                    return Ok(read);
                }
                self.repeat(full);
                continue;
            } else if Kind::of(word) == Some(Kind::Record) {
                let (_, bytes) = word::record_fields(word);
                if bytes > word::MAX_RECORD {
                    return Err("a record longer than any");
                }
                self.payload = word::payload_words(bytes);
            }
            if self.ahead > 0 {
                return Err("a word where words were to repeat");
            }
            self.words.push(word);
        }
        Ok(packed.len())
    }

    /// As [`RepeatReader::read`], up to a repeat word that stands for many laps, so that these can be taken at once.
    pub fn read_to_laps(&mut self, packed: &[u64], most: usize) -> Result<usize, Contradiction> {
        self.stops_at_laps = true;
        let read = self.read(packed, most);
        self.stops_at_laps = false;
        read
    }

    /// The words that come next again and again, and how many words that are, if all words before were taken and these come often.  A
    /// repeat word has laps once.
    pub fn laps(&mut self) -> Option<(&[u64], u64)> {
        let times = self.rest.checked_div(self.distance as u64)?;
        let lap = self.words.len().checked_sub(self.distance)?;
        let is_new = std::mem::take(&mut self.is_new);
        (is_new && times >= laps::FEWEST && self.taken == self.words.len()).then(|| (&self.words[lap..], self.rest))
    }

    /// Takes so many words of laps.
    pub fn take_laps(&mut self, count: u64) {
        // Whole laps beyond those that a repeat word can reach leave no trace.
        let most = (HISTORY + self.distance) as u64;
        let skipped = count.saturating_sub(most) / self.distance as u64 * self.distance as u64;
        self.rest -= skipped;
        self.forgotten += skipped;
        self.repeat(self.words.len() + (count - skipped) as usize);
        self.taken = self.words.len();
        self.take(0);
    }

    /// Whether a repeat word has not been read to its end.
    pub fn has_rest(&self) -> bool {
        self.rest > 0
    }

    /// Reads the words up to `position` that repeat and that no repeat word stands for yet.
    pub fn read_ahead(&mut self, distance: u64, position: u64) -> Result<(), Contradiction> {
        let Some(count) = position.checked_sub(self.position()).filter(|&count| count > 0) else {
            return Ok(());
        };
        if self.payload > 0 || self.rest > 0 || self.ahead + count > MAX_REPEAT {
            return Err("words that repeat where there can be none");
        }
        self.begin_at(distance, count)?;
        self.repeat(usize::MAX);
        self.ahead += count;
        Ok(())
    }

    fn begin(&mut self, distance: u64, count: u64) -> Result<(), Contradiction> {
        let count = count.checked_sub(self.ahead).ok_or("a repetition of fewer words than are there already")?;
        self.ahead = 0;
        self.begin_at(distance, count)
    }

    fn begin_at(&mut self, distance: u64, count: u64) -> Result<(), Contradiction> {
        check_repetition(distance, count, self.position())?;
        (self.distance, self.rest, self.is_new) = (distance as usize, count, true);
        Ok(())
    }

    /// Goes on with the repeat word that is being read.
    fn repeat(&mut self, full: usize) {
        let mut count = self.rest.min(full.saturating_sub(self.words.len()) as u64) as usize;
        self.rest -= count as u64;
        let from = self.words.len() - self.distance;
        while count > 0 {
            // What is copied can be copied with what it was copied from: a loop doubles each time.
            let together = count.min(self.words.len() - from);
            self.words.extend_from_within(from..from + together);
            count -= together;
        }
    }
}

/// The first words that are neither repeat words nor records.
fn plain_words(words: &[u64]) -> &[u64] {
    let is_plain = |word: &u64| !matches!(Kind::of(*word), Some(Kind::Repeat | Kind::Record));
    &words[..words.iter().position(|word| !is_plain(word)).unwrap_or(words.len())]
}

#[cfg(test)]
mod tests;
