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

    /// Takes the words of a number that `takes` has refused.
    #[inline]
    pub fn put_new_number<const COUNT: usize>(&mut self, words: [u64; COUNT], mut out: impl FnMut(u64)) {
        let position = self.position();
        let repeated = position - self.written;
        if repeated > 0 {
            self.flush(&mut out);
        }
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
