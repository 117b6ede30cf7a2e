//! The lane's memory of words: `history` of `struct bctrace_lane`, which C fills too.

use std::sync::atomic::Ordering::Relaxed;

use super::{ffi, memory};
use crate::vm::shared::REPEATING;

/// Words of the stream that are remembered.
pub const HISTORY: usize = ffi::BCTRACE_HISTORY as usize;

/// The lane's memory of words: the last ones of the stream, and the one that is expected.
pub struct Past(());

impl Past {
    pub(super) fn new() -> Past {
        Past(())
    }

    /// Words of the stream so far.
    #[inline]
    pub fn position(&self) -> u64 {
        memory().position.load(Relaxed) & !REPEATING
    }

    /// How far back the next word is expected.
    #[inline]
    pub fn distance(&self) -> u64 {
        memory().distance.load(Relaxed)
    }

    #[inline]
    pub fn set_distance(&mut self, distance: u64) {
        memory().distance.store(distance, Relaxed);
    }

    /// The word at a position, if it is one of the last `HISTORY`.
    #[inline]
    pub fn word(&self, position: u64) -> u64 {
        memory().history[position as usize % HISTORY].load(Relaxed)
    }

    /// Adds a word at a position, which is that of the stream.
    #[inline]
    pub fn keep_at(&mut self, position: u64, word: u64) {
        memory().history[position as usize % HISTORY].store(word, Relaxed);
        memory().position.store(REPEATING | (position + 1), Relaxed);
    }

    /// Adds a word.
    #[inline]
    pub fn keep(&mut self, word: u64) {
        let position = memory().position.load(Relaxed);
        memory().history[position as usize % HISTORY].store(word, Relaxed);
        memory().position.store(position + 1, Relaxed);
    }

    /// Adds words.
    #[inline(always)]
    pub fn keep_all(&mut self, words: &[u64]) {
        let position = memory().position.load(Relaxed);
        for (place, word) in words.iter().enumerate() {
            memory().history[(position as usize + place) % HISTORY].store(*word, Relaxed);
        }
        memory().position.store(position + words.len() as u64, Relaxed);
    }

    /// Forgets all words.
    pub fn clear(&mut self) {
        memory().history.iter().for_each(|word| word.store(0, Relaxed));
        memory().position.store(REPEATING, Relaxed);
        self.set_distance(HISTORY as u64);
    }
}
