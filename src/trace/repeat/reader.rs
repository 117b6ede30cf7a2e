//! Words that were shortened, brought back.

use super::{COUNT, DISTANCE, DISTANCE_MASK, HISTORY, MAX_REPEAT, check_repetition};
use crate::trace::laps;
use crate::trace::state::Contradiction;
use crate::trace::word::{self, Kind};

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
        // The more are let go at once, the less often those in reach are moved.
        if self.taken >= 4 * HISTORY {
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
            } else if Kind::of(word) == Kind::Repeat {
                self.begin(word >> DISTANCE & DISTANCE_MASK, word >> COUNT)?;
                if self.stops_at_laps && self.rest / self.distance as u64 >= laps::FEWEST {
                    return Ok(read);
                }
                self.repeat(full);
                continue;
            } else if Kind::of(word) == Kind::Record {
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
    let is_plain = |word: &u64| !matches!(Kind::of(*word), Kind::Repeat | Kind::Record);
    &words[..words.iter().position(|word| !is_plain(word)).unwrap_or(words.len())]
}
