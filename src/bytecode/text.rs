//! Owns how a constant is shown: `str()` at the top level, `repr()` inside containers, cut where it is
//! long. Hostile constants (huge, deeply nested, shared a million times) cost bounded time and memory:
//! text is kept only up to the cut, the rest is measured, and measuring stops when the budget is spent.

use num_bigint::{BigInt, Sign};

use super::number::{self, FloatForm};
use super::object::Object;
use super::order::{Arranged, Order};

/// A text longer than this many bytes is cut there.
pub const TEXT_LIMIT: usize = 4096;
/// The limit of each text once the texts of one code object have used up their sum.
const SMALL_LIMIT: usize = 64;

/// What the texts of one code object may cost together. No program that was compiled from source comes
/// near it; strings that marshal shares by reference would otherwise make gigabytes out of a small file.
#[derive(Clone, Debug)]
pub struct Budget {
    /// Bytes of text still kept in full length.
    text: usize,
    /// Bytes and objects still looked at in order to know the full length of a text that is cut.
    work: u64,
}

impl Default for Budget {
    fn default() -> Budget {
        Budget { text: 64 << 20, work: 4 << 20 }
    }
}

impl Budget {
    fn limit(&self) -> usize {
        if self.text == 0 { SMALL_LIMIT } else { TEXT_LIMIT }
    }

    /// Pays for as many of `wanted` steps as there are left, and returns how many those are.
    fn pay(&mut self, wanted: usize) -> usize {
        let paid = (wanted as u64).min(self.work);
        self.work -= paid;
        paid as usize
    }
}

/// Returns the text of a constant. `order` says in which order dicts and sets hold their items.
pub fn constant(object: &Object, order: Order, budget: &mut Budget) -> Vec<u8> {
    let mut text = Text::new(budget);
    match object {
        Object::Str(bytes) => text.bytes(bytes),
        Object::Unicode(points) => text.unicode(points),
        Object::Float(value) => text.bytes(number::float(*value, FloatForm::Str).as_bytes()),
        Object::Complex(pair) => text.bytes(number::complex(pair.0, pair.1, FloatForm::Str).as_bytes()),
        Object::Long(value) => text.long(value),
        _ => text.repr(object, order),
    }
    text.finish()
}

/// Returns the text of a name or a file name: its bytes, cut like a constant's text.
pub fn name(bytes: &[u8], budget: &mut Budget) -> Vec<u8> {
    let mut text = Text::new(budget);
    text.bytes(bytes);
    text.finish()
}

/// A text in the making: keeps its beginning and counts the rest. Its methods are the pieces that texts
/// consist of, so that live objects can be shown without being copied first.
#[derive(Debug)]
pub struct Text<'a> {
    budget: &'a mut Budget,
    limit: usize,
    kept: Vec<u8>,
    length: u64,
    counted: bool,
}

impl<'a> Text<'a> {
    /// Begins an empty text.
    pub fn new(budget: &'a mut Budget) -> Text<'a> {
        let limit = budget.limit();
        Text { budget, limit, kept: Vec::new(), length: 0, counted: true }
    }

    /// Pays for looking at one object; false when the budget is spent.
    pub fn visit(&mut self) -> bool {
        self.counted &= self.budget.pay(1) == 1;
        self.counted
    }

    /// Appends bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) {
        // Three bytes more than the limit show whether the cut falls into a character.
        let room = (self.limit + 3).saturating_sub(self.kept.len());
        self.kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.length += bytes.len() as u64;
    }

    /// Appends the UTF-8 of a unicode: surrogate pairs join, lone surrogates take three bytes
    /// (PyUnicode_EncodeUTF8, Objects/unicodeobject.c).
    pub fn unicode(&mut self, points: &[u32]) {
        let mut rest = self.affordable(points);
        while let [point, tail @ ..] = rest {
            rest = tail;
            match (*point, tail) {
                (high @ 0xd800..=0xdbff, [low @ 0xdc00..=0xdfff, after @ ..]) => {
                    self.utf8(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00));
                    rest = after;
                }
                (point, _) => self.utf8(point),
            }
        }
    }

    /// Appends the repr of a str (PyString_Repr, Objects/stringobject.c).
    pub fn str_repr(&mut self, bytes: &[u8]) {
        let bytes = self.affordable(bytes);
        let quote = quote(bytes.contains(&b'\''), bytes.contains(&b'"'));
        self.bytes(&[quote]);
        let mut rest = bytes;
        while let [byte, tail @ ..] = rest
            && !self.is_full()
        {
            rest = tail;
            self.escaped(u32::from(*byte), quote);
        }
        self.length += rest.iter().map(|&byte| escaped_width(byte, quote)).sum::<u64>();
        self.bytes(&[quote]);
    }

    /// Appends the repr of a unicode (unicodeescape_string, Objects/unicodeobject.c).
    pub fn unicode_repr(&mut self, points: &[u32]) {
        let points = self.affordable(points);
        let quote = quote(points.contains(&0x27), points.contains(&0x22));
        self.bytes(&[b'u', quote]);
        for &point in points {
            match point {
                0..=0xff => self.escaped(point, quote),
                0x100..=0xffff => self.bytes(format!("\\u{point:04x}").as_bytes()),
                _ => self.bytes(format!("\\U{point:08x}").as_bytes()),
            }
        }
        self.bytes(&[quote]);
    }

    /// Appends the decimal digits of a long, without the L of its repr.
    pub fn long(&mut self, value: &BigInt) {
        // Measured in bytes looked at: conversion of small longs is quadratic, of large ones linear.
        let words = (value.bits() / 64) as usize;
        let cost = words.min(1024).pow(2) + words * 4;
        if self.budget.pay(cost) < cost {
            self.counted = false;
            return;
        }
        if value.sign() == Sign::Minus {
            self.bytes(b"-");
        }
        let decimal = number::decimal(value.magnitude(), TEXT_LIMIT as u32 + 4);
        self.bytes(decimal.leading.as_bytes());
        self.length += decimal.count - decimal.leading.len() as u64;
    }

    /// Appends a code object as code_repr (Objects/codeobject.c) shows it, but for the address.
    pub fn code(&mut self, name: &[u8], filename: &[u8], first_line: i32) {
        self.bytes(b"<code object ");
        self.bytes(c_string(name, 100));
        self.bytes(b", file \"");
        self.bytes(c_string(filename, 300));
        let line = if first_line == 0 { -1 } else { first_line };
        self.bytes(format!("\", line {line}>").as_bytes());
    }

    /// Appends an object of a type that has no text of its own here.
    pub fn other(&mut self, type_name: &[u8]) {
        self.bytes(b"<");
        self.bytes(type_name);
        self.bytes(b" object>");
    }

    /// Appends the repr of an object, walking containers on a stack of its own.
    pub fn repr(&mut self, object: &Object, order: Order) {
        let mut open: Vec<Container<'_>> = Vec::new();
        let mut next = Some(object);
        while self.visit() {
            if let Some(object) = next {
                open.extend(self.open(object, order));
            }
            let Some(container) = open.last_mut() else { return };
            next = container.items.next();
            if next.is_some() {
                self.bytes(container.separator().as_bytes());
            } else {
                self.bytes(container.close.as_bytes());
                open.pop();
            }
        }
    }

    /// Ends the text: as it is, or cut and followed by its full length.
    pub fn finish(self) -> Vec<u8> {
        let Text { budget, limit, mut kept, length, counted } = self;
        if !counted || length > limit as u64 {
            kept.truncate(character_boundary(&kept, limit));
            let more = if counted { "" } else { "more than " };
            kept.extend_from_slice(format!("…({more}{length} bytes)").as_bytes());
        }
        budget.text = budget.text.saturating_sub(kept.len());
        kept.shrink_to_fit();
        kept
    }

    /// Appends a leaf, or the beginning of a container, which is returned.
    fn open<'o>(&mut self, object: &'o Object, order: Order) -> Option<Container<'o>> {
        match object {
            Object::None => self.bytes(b"None"),
            Object::Ellipsis => self.bytes(b"Ellipsis"),
            Object::StopIteration => self.bytes(b"<type 'exceptions.StopIteration'>"),
            Object::Bool(true) => self.bytes(b"True"),
            Object::Bool(false) => self.bytes(b"False"),
            Object::Int(value) => self.bytes(value.to_string().as_bytes()),
            Object::Long(value) => {
                self.long(value);
                self.bytes(b"L");
            }
            Object::Float(value) => self.bytes(number::float(*value, FloatForm::Repr).as_bytes()),
            Object::Complex(pair) => self.bytes(number::complex(pair.0, pair.1, FloatForm::Repr).as_bytes()),
            Object::Str(bytes) => self.str_repr(bytes),
            Object::Unicode(points) => self.unicode_repr(points),
            Object::Code(code) => self.code(&code.name, &code.filename, code.first_line),
            Object::Other(type_name) => self.other(type_name),
            Object::Tuple(items) => {
                let close = if items.len() == 1 { ",)" } else { ")" };
                return Some(self.begin("(", close, Arranged::Given(items.iter())));
            }
            Object::List(items) => return Some(self.begin("[", "]", Arranged::Given(items.iter()))),
            Object::Dict(items) => {
                let items = order.pairs(items, &mut self.budget.work);
                return Some(Container { colons: true, ..self.begin("{", "}", items) });
            }
            Object::Set(items) => {
                let items = order.items(items, &mut self.budget.work);
                return Some(self.begin("set([", "])", items));
            }
            Object::FrozenSet(items) => {
                let items = order.items(items, &mut self.budget.work);
                return Some(self.begin("frozenset([", "])", items));
            }
        }
        None
    }

    fn begin<'o>(&mut self, open: &str, close: &'static str, items: Arranged<'o>) -> Container<'o> {
        self.bytes(open.as_bytes());
        Container { items, shown: 0, colons: false, close }
    }

    fn is_full(&self) -> bool {
        self.kept.len() >= self.limit + 3
    }

    fn affordable<'b, T>(&mut self, items: &'b [T]) -> &'b [T] {
        let paid = self.budget.pay(items.len());
        self.counted &= paid == items.len();
        &items[..paid]
    }

    /// Appends one byte or code point below 256 as both reprs write it.
    fn escaped(&mut self, point: u32, quote: u8) {
        match point as u8 {
            b'\t' => self.bytes(b"\\t"),
            b'\n' => self.bytes(b"\\n"),
            b'\r' => self.bytes(b"\\r"),
            byte if byte == quote || byte == b'\\' => self.bytes(&[b'\\', byte]),
            byte @ b' '..=b'~' => self.bytes(&[byte]),
            byte => self.bytes(format!("\\x{byte:02x}").as_bytes()),
        }
    }

    /// Appends the generalised UTF-8 of one code point; 2.7 encodes lone surrogates like any other.
    fn utf8(&mut self, point: u32) {
        let continuation = |shift: u32| 0x80 | (point >> shift & 0x3f) as u8;
        match point {
            0..=0x7f => self.bytes(&[point as u8]),
            0x80..=0x7ff => self.bytes(&[0xc0 | (point >> 6) as u8, continuation(0)]),
            0x800..=0xffff => {
                self.bytes(&[0xe0 | (point >> 12) as u8, continuation(6), continuation(0)]);
            }
            _ => {
                let lead = 0xf0 | (point >> 18) as u8;
                self.bytes(&[lead, continuation(12), continuation(6), continuation(0)]);
            }
        }
    }
}

/// A container whose items are being written.
struct Container<'o> {
    items: Arranged<'o>,
    shown: usize,
    /// A dict: every second separator is a colon.
    colons: bool,
    close: &'static str,
}

impl Container<'_> {
    fn separator(&mut self) -> &'static str {
        let place = self.shown;
        self.shown += 1;
        match place {
            0 => "",
            _ if self.colons && place % 2 == 1 => ": ",
            _ => ", ",
        }
    }
}

fn quote(has_single: bool, has_double: bool) -> u8 {
    if has_single && !has_double { b'"' } else { b'\'' }
}

fn escaped_width(byte: u8, quote: u8) -> u64 {
    match byte {
        b'\t' | b'\n' | b'\r' | b'\\' => 2,
        _ if byte == quote => 2,
        b' '..=b'~' => 1,
        _ => 4,
    }
}

/// What C's `%.*s` prints of a string.
fn c_string(bytes: &[u8], limit: usize) -> &[u8] {
    let end = bytes.iter().take(limit).position(|&byte| byte == 0);
    &bytes[..end.unwrap_or(bytes.len().min(limit))]
}

/// Returns the largest length up to `limit` that does not cut a UTF-8 character.
fn character_boundary(bytes: &[u8], limit: usize) -> usize {
    if bytes.len() <= limit {
        return bytes.len();
    }
    let cuts_a_character = |&start: &usize| {
        let end = start + 4;
        let beginning = &bytes[start..end.min(bytes.len())];
        let first = beginning.utf8_chunks().next();
        first.and_then(|chunk| chunk.valid().chars().next()).is_some_and(|one| start + one.len_utf8() > limit)
    };
    (limit.saturating_sub(3)..limit).find(cuts_a_character).unwrap_or(limit)
}

#[cfg(test)]
mod tests;
