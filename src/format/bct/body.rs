//! The words of a block's events, shortened.

use super::bounds::BLOCK_WORDS;
use crate::trace::repeat::RepeatWriter;
use crate::trace::{value, word};

/// The words so far.
#[derive(Default)]
pub(super) struct Body {
    words: Vec<u64>,
    repeats: RepeatWriter,
    /// How many of `words` are numbers.
    numbers: usize,
    /// Words up to here that execute nothing.
    idle: u64,
}

impl Body {
    /// Empties it for the next block.  Its memory stays: a block fills it in milliseconds.
    pub(super) fn clear(&mut self) {
        self.words.clear();
        self.words.shrink_to(2 * BLOCK_WORDS as usize);
        self.repeats.restart();
        (self.numbers, self.idle) = (0, 0);
    }

    /// Words of events, those that only repeat included.
    #[inline]
    pub(super) fn position(&self) -> u64 {
        self.repeats.position()
    }

    /// Whether most of what had to be written are numbers.
    pub(super) fn is_mostly_numbers(&self) -> bool {
        self.numbers > self.words.len() / 2
    }

    /// All that it has.
    pub(super) fn reached(&self) -> Reached {
        Reached { words: self.words.len(), pending: self.repeats.pending().collect(), position: self.position() }
    }

    /// The words as far as `reached`, in two pieces.
    pub(super) fn words_to<'a>(&'a self, reached: &'a Reached) -> [&'a [u64]; 2] {
        [&self.words[..reached.words], &reached.pending]
    }

    /// Adds runs of one word each.
    pub(super) fn push_runs(&mut self, mut words: &[u64]) {
        while let Some(&first) = words.first() {
            // Where a repetition would begin, it may not be of those that execute nothing alone.
            let begins_idle = !self.repeats.is_repeating() && word::is_idle(first);
            let repeated = if begins_idle { 0 } else { self.repeats.take_all(words) };
            self.count_idle(&words[..repeated]);
            let Some((&next, rest)) = words[repeated..].split_first() else { return };
            self.push_run(next);
            words = rest;
        }
    }

    /// Counts the words at the end that execute nothing, after words that were taken since they repeat.
    fn count_idle(&mut self, words: &[u64]) {
        let idle = words.iter().rev().take_while(|word| word::is_idle(**word)).count();
        self.idle = idle as u64 + if idle == words.len() { self.idle } else { 0 };
    }

    /// Adds a run of one word.
    #[inline]
    pub(super) fn push_run(&mut self, word: u64) {
        if word::is_idle(word) {
            return self.push_idle(&[word]);
        }
        self.idle = 0;
        if !self.repeats.takes(word) {
            self.push_new(word);
        }
    }

    #[inline(never)]
    fn push_new(&mut self, word: u64) {
        self.repeats.put_new(word, |word| self.words.push(word));
    }

    /// Adds the words of a run that executes nothing.  Such runs repeat only among others: readers refuse a repetition of them alone.
    #[inline(never)]
    pub(super) fn push_idle(&mut self, words: &[u64]) {
        let begins = !self.repeats.is_repeating();
        if begins && self.idle >= self.repeats.distance() {
            self.repeats.put_as_they_are(words, |word| self.words.push(word));
        } else if begins || !matches!(words, [word] if self.repeats.takes(*word)) {
            self.repeats.put_together(words, |word| self.words.push(word));
        }
        self.idle += words.len() as u64;
    }

    /// Adds the words of a record, or of a run that needs two; they repeat as a whole, or not at all.
    #[inline(never)]
    pub(super) fn push_record(&mut self, words: &[u64], may_repeat: bool) {
        self.idle = 0;
        match may_repeat {
            true => self.repeats.put_together(words, |word| self.words.push(word)),
            false => self.repeats.put_as_they_are(words, |word| self.words.push(word)),
        }
    }

    /// Adds words of values.  How many come at a time makes no difference.
    pub(super) fn push_values(&mut self, mut words: &[u64]) {
        self.idle = 0;
        while let Some((&word, rest)) = words.split_first() {
            if self.repeats.expects_nothing() && value::is_number(word) {
                let count = words.iter().position(|word| !value::is_number(*word)).unwrap_or(words.len());
                self.numbers += count;
                self.words.extend_from_slice(&words[..count]);
                self.repeats.keep_numbers(&words[..count]);
                words = &words[count..];
                continue;
            }
            if !self.repeats.takes(word) {
                self.push_new_value(word);
            }
            words = rest;
        }
    }

    #[inline]
    fn push_new_value(&mut self, word: u64) {
        match value::is_number(word) {
            true => {
                self.numbers += 1;
                self.repeats.put_new_number([word], |word| self.words.push(word));
            }
            false => self.push_new(word),
        }
    }
}

/// How far a body goes.
#[derive(Clone, Debug)]
pub(super) struct Reached {
    /// How many of its words there are.
    words: usize,
    /// The repeat words that come after them.
    pending: Vec<u64>,
    /// Words of events, those that only repeat included.
    pub(super) position: u64,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::trace::repeat::{self, RepeatReader};
    use crate::trace::value::{Role, Tag, pack};
    use crate::trace::word::{Fields, Kind};

    /// The words of a body to which pieces were added so.
    fn body(pieces: &[&[u64]], push: impl Fn(&mut Body, &[u64])) -> Vec<u64> {
        let mut body = Body::default();
        pieces.iter().for_each(|words| push(&mut body, words));
        body.words_to(&body.reached()).concat()
    }

    proptest! {
        #[test]
        fn runs_stand_in_it_alike_however_many_come_at_a_time(
            lengths in proptest::collection::vec(0u32..4, 0..60), times in 1usize..5, most in 1usize..20, new: u8
        ) {
            let mut words = Vec::new();
            for (round, &length) in (0u32..).zip(lengths.repeat(times).iter()) {
                // Now and then comes one that never was.
                let start = if round % 16 == u32::from(new) % 16 { 100 + round } else { length };
                words.push(word::pack(Kind::Jump, Fields { start, length, argument: 0 }).0[0]);
            }
            let one_by_one = body(&words.chunks(1).collect::<Vec<_>>(), |body, words| body.push_run(words[0]));
            prop_assert_eq!(&one_by_one, &body(&words.chunks(most).collect::<Vec<_>>(), Body::push_runs));
            prop_assert!(repeat::measure(&one_by_one, 0, words.len() as u64).is_ok());
            let mut reader = RepeatReader::default();
            prop_assert_eq!(reader.read(&one_by_one, 1 << 20), Ok(one_by_one.len()));
            prop_assert_eq!(reader.words(), &words[..]);
        }

        #[test]
        fn values_stand_in_it_alike_however_many_come_at_a_time(
            numbers in proptest::collection::vec(0u64..8, 0..60), times in 1usize..5, most in 1usize..20, new: u32
        ) {
            let mut words = Vec::new();
            for (round, &number) in (0u64..).zip(numbers.repeat(times).iter()) {
                words.push(match number {
                    0 => pack(Tag::Object, Role::Operand, 1, number),
                    1 => pack(Tag::Int, Role::Result, 1, u64::from(new) + round),
                    _ => pack(Tag::Int, Role::Operand, 1, number),
                });
            }
            let pieces: Vec<&[u64]> = words.chunks(most).collect();
            prop_assert_eq!(body(&[&words], Body::push_values), body(&pieces, Body::push_values));
            let (mut reader, packed) = (RepeatReader::default(), body(&pieces, Body::push_values));
            prop_assert_eq!(reader.read(&packed, 1 << 20), Ok(packed.len()));
            prop_assert_eq!(reader.words(), &words[..]);
        }
    }
}
