//! What is known of one value.

use std::rc::Rc;

use crate::read::rebuild::Entry;
use crate::trace::value::{Container, ContainerKind, Value};

/// Where a value comes from.
#[derive(Clone, Debug, Default)]
pub(in crate::views) struct Mark {
    /// It is, contains or derives from something that the program was given.
    pub(in crate::views) is_input: bool,
    /// It is a constant of the code, or was calculated from nothing else.
    pub(in crate::views) is_constant: bool,
    /// What it is a piece of, or was made of a piece of.
    pub(in crate::views) from: Option<Source>,
}

/// Where in a string or list a piece was taken from.
#[derive(Clone, Debug)]
pub(in crate::views) struct Source {
    pub(in crate::views) whole: Rc<Value>,
    /// The index, or how many items a loop had taken before.
    pub(in crate::views) at: i64,
}

impl Source {
    pub(super) fn new(whole: Rc<Value>, at: i64) -> Source {
        Source { whole, at }
    }
}

impl PartialEq for Mark {
    /// Whether all that is known is the same, without looking into values.
    fn eq(&self, other: &Mark) -> bool {
        let from = |mark: &Mark| mark.from.as_ref().map(|source| Rc::as_ptr(&source.whole));
        (self.is_input, self.is_constant, from(self)) == (other.is_input, other.is_constant, from(other))
    }
}

impl Mark {
    pub(super) fn of_entry(entry: &Entry<Mark>) -> Mark {
        match entry {
            Entry::Known(mark) => mark.clone(),
            Entry::Constant(_) => Mark { is_constant: true, ..Mark::default() },
            Entry::Unknown | Entry::Why(_) => Mark::default(),
        }
    }

    /// Whether it says anything.
    pub(super) fn is_known(&self) -> bool {
        self.is_input || self.is_constant || self.from.is_some()
    }

    pub(super) fn or_input(mut self, other: &Mark) -> Mark {
        self.is_input |= other.is_input;
        self
    }

    /// What is known of what is made of all of these; it is a piece of what the first of them is, of those that are input if there are.
    pub(super) fn together(marks: &[Mark]) -> Mark {
        let is_input = marks.iter().any(|mark| mark.is_input);
        let is_constant = !marks.is_empty() && marks.iter().all(|mark| mark.is_constant);
        let from =
            |wanted: bool| marks.iter().filter(|mark| mark.is_input == wanted).find_map(|mark| mark.from.clone());
        Mark { is_input, is_constant, from: from(true).or_else(|| from(false)) }
    }
}

/// Whether a value has pieces that a program goes through: a string, tuple or list.
pub(super) fn has_pieces(value: &Value) -> bool {
    match value {
        Value::Str(text) | Value::Unicode(text) => text.bytes.len() > 1,
        Value::Container(container) => {
            matches!(container.kind, ContainerKind::Tuple | ContainerKind::List) && container.items.len() > 1
        }
        _ => false,
    }
}

/// Whether a value is an item or a part of another one.
pub(super) fn is_part(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::Str(part), Value::Str(whole)) | (Value::Unicode(part), Value::Unicode(whole)) => {
            memchr::memmem::find(&whole.bytes, &part.bytes).is_some()
        }
        (Value::Container(container), _) if container.items.iter().any(|item| item == whole) => true,
        (part, Value::Container(container)) => container.items.contains(part),
        _ => false,
    }
}

/// A tuple of these.
pub(super) fn tuple(items: &[Value]) -> Value {
    Value::Container(Container { kind: ContainerKind::Tuple, number: 0, items: items.to_vec(), cut: None })
}
