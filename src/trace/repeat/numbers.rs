//! Numbers in a stream of words: what comes after them is expected as it was, and no other place is searched.  A search by the last words
//! would hardly find one, since a number is nearly always another, and it takes longer than all else that is done for a number.

use super::{HISTORY, Past, RepeatWriter};

/// Words that must have repeated since the last one that did not, or nothing is expected until a search finds a place.
const FEWEST: u64 = 4;

impl<P: Past> RepeatWriter<P> {
    /// Takes a word of a number.
    #[cfg(test)]
    pub fn put_number(&mut self, word: u64, out: impl FnMut(u64)) {
        if !self.takes(word) {
            self.put_new_number([word], out);
        }
    }

    /// Whether no word is expected, and none is pending.
    #[inline(always)]
    pub fn expects_nothing(&self) -> bool {
        self.distance() == HISTORY as u64 && !self.is_repeating()
    }

    /// Takes words of numbers that were put out as they are, while nothing is expected.
    #[inline(always)]
    pub fn keep_numbers(&mut self, words: &[u64]) {
        debug_assert!(self.expects_nothing(), "words that repeat are looked for first");
        self.past.keep_all(words);
        self.written = self.position();
    }

    /// Takes the words of a number that `takes` has refused.
    #[inline]
    pub fn put_new_number<const COUNT: usize>(&mut self, words: [u64; COUNT], mut out: impl FnMut(u64)) {
        let position = self.position();
        let repeated = position - self.written;
        self.flush(&mut out);
        if repeated < FEWEST {
            self.past.set_distance(HISTORY as u64);
        }
        for word in words {
            out(word);
            self.past.keep(word);
        }
        self.written = position + COUNT as u64;
    }
}
