//! What is remembered of code objects and makings for what may come of them.

use std::collections::BTreeMap;

/// Bytes that are remembered in one map; the oldest entries are forgotten.
const REMEMBERED: usize = 64 << 20;
/// What an entry takes besides its texts.
pub(super) const ENTRY: usize = 64;

/// A map from ascending numbers that forgets the lowest ones.
pub(super) struct Remembered<T> {
    map: BTreeMap<u32, (T, usize)>,
    /// The sum of what the entries take.
    bytes: usize,
}

impl<T> Remembered<T> {
    pub(super) fn new() -> Remembered<T> {
        Remembered { map: BTreeMap::new(), bytes: 0 }
    }

    pub(super) fn get(&self, number: u32) -> Option<&T> {
        self.map.get(&number).map(|(value, _)| value)
    }

    /// Adds a value that refers to this many bytes.
    pub(super) fn insert(&mut self, number: u32, value: T, bytes: usize) {
        let bytes = bytes + ENTRY;
        self.bytes += bytes;
        if let Some((_, before)) = self.map.insert(number, (value, bytes)) {
            self.bytes -= before;
        }
        while self.bytes > REMEMBERED
            && let Some((_, (_, bytes))) = self.map.pop_first()
        {
            self.bytes -= bytes;
        }
    }
}
