//! How much memory an answer may take, and how many of its items there was no room for.

use crate::trace::value::Value;

/// What is left of the memory.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Room {
    left: u64,
    /// Items that were dropped.
    pub(super) dropped: u64,
}

impl Room {
    pub(super) fn new(bytes: u64) -> Room {
        Room { left: bytes, dropped: 0 }
    }

    /// Takes bytes for an item; false if there are not as many, and the item is counted as dropped.
    pub(super) fn take(&mut self, bytes: u64) -> bool {
        let left = self.left.checked_sub(bytes);
        match left {
            Some(left) => self.left = left,
            None => self.dropped += 1,
        }
        left.is_some()
    }

    /// Takes bytes for more of an item that is kept anyway.
    pub(super) fn has(&mut self, bytes: u64) -> bool {
        let left = self.left.checked_sub(bytes);
        self.left = left.unwrap_or(self.left);
        left.is_some()
    }

    pub(super) fn give_back(&mut self, bytes: u64) {
        self.left = self.left.saturating_add(bytes);
    }
}

/// About the bytes that a value takes in memory.
pub(super) fn weight(value: &Value) -> u64 {
    let more = match value {
        Value::Str(text) | Value::Unicode(text) => text.bytes.len() as u64 + 16,
        Value::Long { magnitude, .. } => magnitude.len() as u64 + 16,
        Value::Container(container) => container.items.iter().map(weight).sum(),
        Value::Object { receiver: Some(receiver), .. } => weight(receiver),
        _ => 0,
    };
    size_of::<Value>() as u64 + more
}
