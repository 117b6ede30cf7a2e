//! How many words a shortened stream stands for, found without lengthening it.

use super::{COUNT, DISTANCE, DISTANCE_MASK, HISTORY, check_repetition};
use crate::trace::state::Contradiction;
use crate::trace::word::{self, Kind};

/// How many words a shortened stream stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    pub words: u64,
    /// Of these, the words of records that stand in the stream as they are.
    pub records: u64,
}

/// Measures a whole shortened stream without lengthening it, and refuses what no writer of files makes: records of more bytes than
/// `max_record`, more than `most_words` words besides records, repetitions of words that never were, and those of runs that all execute nothing, with which a few bytes could keep
/// a reader busy.
pub fn measure(packed: &[u64], max_record: usize, most_words: u64) -> Result<Extent, Contradiction> {
    let (mut position, mut records) = (0, 0);
    let mut recent = Recent::default();
    let mut rest = packed;
    while let Some((&word, after)) = rest.split_first() {
        rest = after;
        match Kind::of(word) {
            Kind::Record => {
                let (_, bytes) = word::record_fields(word);
                if bytes > max_record {
                    return Err("a record longer than any in a file");
                }
                let words = word::payload_words(bytes).min(rest.len());
                rest = &rest[words..];
                records += 1 + words as u64;
                position += 1 + words as u64;
                (0..1 + words.min(HISTORY)).for_each(|_| recent.push(false));
            }
            Kind::Repeat => {
                let (distance, count) = (word >> DISTANCE & DISTANCE_MASK, word >> COUNT);
                check_repetition(distance, count, position)?;
                if recent.is_idle(distance as usize) {
                    return Err("a repetition of runs that execute nothing");
                }
                position += count;
                check_extent(position - records, most_words)?;
                recent.repeat(distance as usize, count);
            }
            _ => {
                position += 1;
                recent.push(word::is_idle(word));
            }
        }
    }
    check_extent(position - records, most_words)?;
    Ok(Extent { words: position, records })
}

fn check_extent(words: u64, most: u64) -> Result<(), Contradiction> {
    if words > most { Err("a block of more events than any recorder puts into one") } else { Ok(()) }
}

/// Which of the last words were of runs that execute nothing.
struct Recent {
    idle: Box<[bool]>,
    /// Words so far.
    count: usize,
    /// `count` after the last word that was not idle, and after the last one that was.
    busy: usize,
    idle_end: usize,
}

impl Default for Recent {
    fn default() -> Recent {
        Recent { idle: vec![true; HISTORY].into(), count: 0, busy: 0, idle_end: 0 }
    }
}

impl Recent {
    fn push(&mut self, is_idle: bool) {
        self.idle[self.count % HISTORY] = is_idle;
        self.count += 1;
        *(if is_idle { &mut self.idle_end } else { &mut self.busy }) = self.count;
    }

    /// Whether all of the last words were idle.
    fn is_idle(&self, words: usize) -> bool {
        self.busy + words <= self.count
    }

    /// Repeats words from so far back.
    fn repeat(&mut self, distance: usize, count: u64) {
        if self.idle_end + distance <= self.count {
            // None of them is idle, as in most loops.
            let (begin, length) = (self.count % HISTORY, HISTORY.min(count as usize));
            let end = HISTORY.min(begin + length);
            self.idle[begin..end].fill(false);
            self.idle[..length - (end - begin)].fill(false);
            self.count += count as usize;
            self.busy = self.count;
            return;
        }
        (0..count).for_each(|_| self.push(self.idle[(self.count - distance) % HISTORY]));
    }
}
