//! Words that repeat, written as a distance and a count: a program repeats itself, so a stream of a hundred words shrinks to a few
//! on its way through the ring and into a file.  The search is one comparison per word: what came last time after the same few
//! words is expected to come again.
//!
//! ```text
//! repeat word   bits 0..4 REPEAT   4..32 distance   32..64 count: as many words again as stood so far back, overlapping or not
//! ```

mod extent;
mod numbers;
mod reader;

use super::state::Contradiction;
use super::word::Kind;

#[cfg(test)]
use extent::Extent;
pub use extent::measure;
pub use reader::RepeatReader;

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
    /// The fewest words for which a repeat word is put out; fewer are put out once more.
    const FEWEST: u64;

    /// Words of the stream so far.
    fn position(&self) -> u64;
    /// How far back the next word is expected.
    fn distance(&self) -> u64;
    fn set_distance(&mut self, distance: u64);
    /// The word at a position, one of the last [`HISTORY`].
    fn word(&self, position: u64) -> u64;
    /// Adds a word.
    fn keep(&mut self, word: u64) {
        self.keep_at(self.position(), word);
    }

    /// The same where it is known what [`Past::position`] is.
    fn keep_at(&mut self, position: u64, word: u64);

    /// Adds words.
    #[inline]
    fn keep_all(&mut self, words: &[u64]) {
        words.iter().for_each(|word| self.keep(*word));
    }
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

/// A past in memory of its own, of a stream that will be compressed: a few words that are common by themselves take less there than a
/// distance, which is hardly ever the same, and less time.
pub struct OwnPast<const FEWEST: u64 = 5> {
    /// The last words, each at its position modulo the size.
    history: Box<[u64; HISTORY]>,
    position: u64,
    distance: u64,
}

impl<const FEWEST: u64> Past for OwnPast<FEWEST> {
    const FEWEST: u64 = FEWEST;

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
    fn keep_at(&mut self, position: u64, word: u64) {
        self.history[position as usize & MASK] = word;
        self.position = position + 1;
    }

    fn clear(&mut self) {
        self.history.fill(0);
        (self.position, self.distance) = (0, HISTORY as u64);
    }
}

impl<const FEWEST: u64> Default for RepeatWriter<OwnPast<FEWEST>> {
    fn default() -> Self {
        RepeatWriter::new(OwnPast { history: boxed(), position: 0, distance: HISTORY as u64 })
    }
}

/// An array of zeros that never lay on the stack.
fn boxed<const N: usize>() -> Box<[u64; N]> {
    vec![0; N].into_boxed_slice().try_into().expect("the vector has this length")
}

impl RepeatWriter {
    /// Takes the words that are the expected ones, up to the first that is not; returns how many these are.
    pub fn take_all(&mut self, words: &[u64]) -> usize {
        let OwnPast { history, position, distance } = &mut self.past;
        let before = *position;
        for &word in words {
            if history[position.wrapping_sub(*distance) as usize & MASK] != word {
                break;
            }
            history[*position as usize & MASK] = word;
            *position += 1;
        }
        (*position - before) as usize
    }
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
            self.put_new(word, out);
        }
    }

    /// Takes a word that `takes` has refused.
    #[inline(always)]
    pub fn put_new(&mut self, word: u64, mut out: impl FnMut(u64)) {
        self.flush(&mut out);
        out(word);
        self.keep_new(self.position(), word);
    }

    /// The same at a position, which is that of the stream, where `out` takes at once all that is to be put out; returns whether it did.
    #[inline(always)]
    pub fn try_put_new(&mut self, position: u64, word: u64, out: impl FnOnce(&[u64]) -> bool) -> bool {
        let is_out = match position - self.written {
            0 => out(&[word]),
            count @ 1..=MAX_REPEAT => out(&[pack(self.distance(), count), word]),
            _ => false,
        };
        if is_out {
            self.keep_new(position, word);
        }
        is_out
    }

    /// Adds a word that was put out, at a position, which is that of the stream, and finds what is expected next.
    #[inline(always)]
    fn keep_new(&mut self, position: u64, word: u64) {
        let last = std::mem::replace(&mut self.places[self.context(position, word)], position + 1);
        self.past.keep_at(position, word);
        self.written = position + 1;
        // Places count from 1, so that 0 stands for none.
        let distance = position + 1 - last;
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

    /// Puts out what is pending.
    #[inline(always)]
    pub fn flush(&mut self, mut out: impl FnMut(u64)) {
        match self.position() - self.written {
            0 => {}
            count if count < P::FEWEST => (self.written..self.position()).for_each(|place| out(self.past.word(place))),
            // Nearly always it is one.
            count @ 1..=MAX_REPEAT => out(pack(self.distance(), count)),
            _ => self.pending().for_each(out),
        }
        self.written = self.position();
    }

    /// What stands for the words that have repeated since the last one that was put out: repeat words, or so few of them themselves.
    pub fn pending(&self) -> impl Iterator<Item = u64> {
        let (distance, count) = (self.distance(), self.position() - self.written);
        let (few, many) = if count < P::FEWEST { (count, 0) } else { (0, count) };
        let words = (self.written..self.written + few).map(|place| self.past.word(place));
        let repeats =
            (0..many.div_ceil(MAX_REPEAT)).map(move |nth| pack(distance, (many - nth * MAX_REPEAT).min(MAX_REPEAT)));
        words.chain(repeats)
    }

    /// Begins another stream.
    pub fn restart(&mut self) {
        self.past.clear();
        self.places.fill(0);
        self.written = 0;
    }

    /// The place in the table of the word at a position, and the last ones before it.
    #[inline(always)]
    fn context(&self, position: u64, word: u64) -> usize {
        let terms = FACTORS[1..]
            .iter()
            .zip(1u64..)
            .map(|(factor, back)| self.past.word(position.wrapping_sub(back)).wrapping_mul(*factor));
        (terms.fold(word.wrapping_mul(FACTORS[0]), u64::wrapping_add) >> 52) as usize
    }
}

const _: () = assert!(PLACES == 1 << 12, "context() takes the upper 12 bits");

#[cfg(test)]
mod tests;
