//! What is known of values wherever they are: by their names, as attributes of objects, and of strings and containers by themselves.

use std::hash::{Hash, Hasher};
use std::rc::Rc;

use rustc_hash::{FxHashMap, FxHashSet, FxHasher};

use super::mark::Mark;
use crate::trace::value::Value;

/// Names, strings and objects that are remembered, of each.
const REMEMBERED: usize = 1 << 20;
/// Bytes of a string that is known by itself, at least: shorter ones are everywhere.
const TELLING: usize = 4;
/// Strings and lists with pieces that are kept, so that all their pieces share one.
const SHARED: usize = 4;

#[derive(Default)]
pub(super) struct Memory {
    names: FxHashMap<u64, Mark>,
    /// Strings that are input, by their hashes.
    strings: FxHashSet<u64>,
    /// Objects and containers that hold input, by their numbers.
    objects: FxHashSet<u32>,
    shared: [Option<Rc<Value>>; SHARED],
    next_shared: usize,
}

impl Memory {
    /// Takes a text that the program was given.
    pub(super) fn input(&mut self, text: &[u8]) {
        if text.len() >= TELLING && self.strings.len() < REMEMBERED {
            self.strings.insert(hash(text));
        }
    }

    /// Takes a value that was made of what `mark` says, or that holds it.
    pub(super) fn made(&mut self, value: &Value, mark: &Mark) {
        if !mark.is_input {
            return;
        }
        match value {
            Value::Str(text) | Value::Unicode(text) => self.input(&text.bytes),
            _ => self.put_into(value),
        }
    }

    /// Takes an object that input was put into.  A string stays what it is.
    pub(super) fn put_into(&mut self, value: &Value) {
        match value {
            Value::Container(container) if container.number != 0 => self.holds_input(container.number),
            Value::Deep { number, .. } | Value::Object { number, receiver: None, .. } => self.holds_input(*number),
            _ => {}
        }
    }

    fn holds_input(&mut self, number: u32) {
        if self.objects.len() < REMEMBERED {
            self.objects.insert(number);
        }
    }

    /// Returns whether a value is known to be or hold input.
    #[inline]
    pub(super) fn has(&self, value: &Value) -> bool {
        match value {
            Value::Str(text) | Value::Unicode(text) => {
                text.bytes.len() >= TELLING && !self.strings.is_empty() && self.strings.contains(&hash(&text.bytes))
            }
            Value::Container(container) => self.objects.contains(&container.number),
            Value::Deep { number, .. } | Value::Object { number, .. } => self.objects.contains(number),
            _ => false,
        }
    }

    pub(super) fn has_receiver(&self, callee: &Value) -> bool {
        matches!(callee, Value::Object { receiver: Some(receiver), .. } if self.has(receiver))
    }

    pub(super) fn of(&self, value: &Value) -> Mark {
        Mark { is_input: self.has(value), ..Mark::default() }
    }

    /// What is known of a global or cell variable.
    #[inline]
    pub(super) fn name(&self, name: &[u8]) -> Mark {
        self.names.get(&hash(name)).cloned().unwrap_or_default()
    }

    pub(super) fn set_name(&mut self, name: &[u8], mark: Mark) {
        self.set(hash(name), mark);
    }

    pub(super) fn attribute(&self, object: &Value, name: &[u8]) -> Mark {
        let key = number(object).map(|number| hash(&(number, name)));
        key.and_then(|key| self.names.get(&key)).cloned().unwrap_or_default()
    }

    pub(super) fn set_attribute(&mut self, object: &Value, name: &[u8], mark: Mark) {
        if let Some(number) = number(object) {
            self.set(hash(&(number, name)), mark);
        }
    }

    fn set(&mut self, key: u64, mark: Mark) {
        if !mark.is_known() {
            self.names.remove(&key);
        } else if self.names.len() < REMEMBERED || self.names.contains_key(&key) {
            self.names.insert(key, mark);
        }
    }

    /// Returns a value that its pieces share.
    pub(super) fn shared(&mut self, value: &Value) -> Rc<Value> {
        if let Some(shared) = self.shared.iter().flatten().find(|shared| ***shared == *value) {
            return Rc::clone(shared);
        }
        let shared = Rc::new(value.clone());
        self.shared[self.next_shared] = Some(Rc::clone(&shared));
        self.next_shared = (self.next_shared + 1) % SHARED;
        shared
    }
}

fn number(object: &Value) -> Option<u32> {
    match object {
        Value::Object { number, .. } => Some(*number),
        _ => None,
    }
}

#[inline]
fn hash(what: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = FxHasher::default();
    what.hash(&mut hasher);
    hasher.finish()
}
