//! Reads one value from its words.  Words that are no value give [`Value::Missing`]; nothing is believed but what is there.

use std::rc::Rc;

use super::pending::Renamed;
use super::{Container, ContainerKind, DEEPEST, NAMES, Names, RAW, RAW_BYTES, Tag, Text, Value, What, payload};
use crate::trace::word::Kind;

/// The words of one value.
pub(super) struct Reader<'a> {
    pub(super) words: &'a [u64],
    /// How many there were at first.
    pub(super) count: usize,
    pub(super) names: &'a Names,
    pub(super) renamed: &'a Renamed,
}

impl Reader<'_> {
    /// Reads the value that begins with `word`, whose parts come next.
    pub(super) fn value(&mut self, word: u64, depth: u32) -> Value {
        let payload = payload(word);
        match Tag::of(word) {
            Tag::None => Value::None,
            Tag::False => Value::Bool(false),
            Tag::True => Value::Bool(true),
            Tag::Ellipsis => Value::Ellipsis,
            Tag::NotImplemented => Value::NotImplemented,
            Tag::Int => Value::Int((payload << 16).cast_signed() >> 16),
            Tag::WideInt => Value::Int((payload | self.raw() << 48).cast_signed()),
            Tag::Float => Value::Float(f64::from_bits(payload << 16)),
            Tag::WideFloat => Value::Float(f64::from_bits(payload << 16 | self.raw() & 0xffff)),
            Tag::Complex => self.complex(),
            Tag::ShortStr => {
                let bytes = payload.to_le_bytes();
                let length = usize::from(bytes[0]).min(5);
                Value::Str(Text { bytes: bytes[1..=length].to_vec(), cut: None })
            }
            Tag::Str => Value::Str(self.text(payload)),
            Tag::Unicode => Value::Unicode(self.text(payload)),
            Tag::Long => {
                let negative = payload >> 17 & 1 != 0;
                match self.text(payload) {
                    Text { cut: Some((bits, checksum)), .. } => Value::HugeLong { negative, bits, checksum },
                    Text { bytes, .. } => Value::Long { negative, magnitude: bytes },
                }
            }
            tag @ (Tag::Tuple | Tag::List | Tag::Dict | Tag::Set | Tag::FrozenSet) => {
                let kind = ContainerKind::of(tag).unwrap_or(ContainerKind::Tuple);
                self.container(kind, payload, depth)
            }
            Tag::Deep => match ContainerKind::of(Tag::of(payload << 4)) {
                Some(kind) => Value::Deep { kind, number: (payload >> 5) as u32 & super::MOST_NUMBER },
                None => Value::Missing,
            },
            tag @ (Tag::Object | Tag::Bound) => {
                let name = self.name((payload & (NAMES as u64 - 1)) as u32);
                let receiver = if tag == Tag::Bound && depth < DEEPEST { self.part() } else { None };
                Value::Object {
                    what: What::of(payload >> 12 & 0xf),
                    name,
                    number: (payload >> 16) as u32 & super::MOST_NUMBER,
                    receiver: receiver.map(|part| Box::new(self.value(part, depth + 1))),
                }
            }
            Tag::Bad => Value::Bad,
            Tag::Missing | Tag::Same | Tag::Step | Tag::Callee => Value::Missing,
        }
    }

    fn name(&self, name: u32) -> Rc<[u8]> {
        let place = self.count - self.words.len();
        let renamed = self.renamed.range((name, place)..=(name, usize::MAX)).next();
        let text = renamed.map(|(_, text)| text).or_else(|| self.names.get(name));
        text.cloned().unwrap_or_else(|| b"?"[..].into())
    }

    fn part(&mut self) -> Option<u64> {
        let (&word, rest) = self.words.split_first()?;
        if Kind::of(word) != Kind::Part {
            return None;
        }
        self.words = rest;
        Some(word)
    }

    fn raw(&mut self) -> u64 {
        self.part().unwrap_or(0) >> RAW
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count.min(self.words.len() * RAW_BYTES));
        while bytes.len() < count {
            let Some(part) = self.part() else { break };
            let raw = (part >> RAW).to_le_bytes();
            bytes.extend_from_slice(&raw[..RAW_BYTES.min(count - bytes.len())]);
        }
        bytes
    }

    fn complex(&mut self) -> Value {
        let bytes = self.bytes(16);
        let number = |at: usize| bytes.get(at..)?.first_chunk().map(|bytes| f64::from_le_bytes(*bytes));
        match (number(0), number(8)) {
            (Some(real), Some(imaginary)) => Value::Complex(real, imaginary),
            _ => Value::Missing,
        }
    }

    fn text(&mut self, payload: u64) -> Text {
        let bytes = self.bytes((payload & 0xffff) as usize);
        let cut = (payload >> 16 & 1 != 0).then(|| (self.raw(), self.raw() as u32));
        Text { bytes, cut }
    }

    fn container(&mut self, kind: ContainerKind, payload: u64, depth: u32) -> Value {
        let shown = (payload >> 28 & 0xffff) as usize * if kind == ContainerKind::Dict { 2 } else { 1 };
        let mut items = Vec::new();
        while items.len() < shown && depth < DEEPEST {
            let Some(part) = self.part() else { break };
            items.push(self.value(part, depth + 1));
        }
        let cut = (payload >> 44 & 1 != 0).then(|| self.raw());
        Value::Container(Container { kind, number: payload as u32 & super::MOST_NUMBER, items, cut })
    }
}
