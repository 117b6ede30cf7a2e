//! Owns reading marshal data as Python/marshal.c of 2.7.18 does on 64-bit systems: accepts what r_object
//! accepts, and refuses besides the few code objects that abort plain Python or that it would run as
//! raw memory. Never trusts a size before the data is there; never recurses.

mod code_fields;
mod error;
pub mod whole;
pub mod write;

use std::sync::Arc;

use super::literal::Interned;
use super::object::Object;
use code_fields::CodeFields;
pub use error::{MarshalError, Problem};
pub use whole::of_code;

/// The nesting that marshal.c allows (MAX_MARSHAL_STACK_DEPTH).
pub const DEPTH_LIMIT: usize = 2000;

/// Bytes that strings may take where the data refers to them again.  Memory holds each once, but what prints or writes them does so each time.
const MOST_SHARED: usize = 64 << 20;

/// Reads the object that `data` begins with, and returns it with the number of bytes it takes. Offsets
/// in errors count from the beginning of `data`.
pub fn read(data: &[u8]) -> Result<(Object, usize), MarshalError> {
    let mut reader = Reader { data, at: 0, interned: Vec::new(), shared: 0 };
    Ok((reader.top()?, reader.at))
}

/// Reads the object that `data` begins with, and returns it with its strings that are interned.
pub fn read_with_interned(data: &[u8]) -> Result<(Object, Interned), MarshalError> {
    let mut reader = Reader { data, at: 0, interned: Vec::new(), shared: 0 };
    let object = reader.top()?;
    let mut interned = Interned::default();
    reader.interned.iter().for_each(|string| interned.add(string));
    Ok((object, interned))
}

/// What reading one object gives: None is NULL, which only ends dicts. A list in a tuple makes the tuple
/// unhashable, so hashability is known from below and never searched for.
struct Value {
    object: Option<Object>,
    hashable: bool,
}

/// A container that still wants items, with the offset of its type code.
enum Open {
    Sequence { kind: Sequence, start: usize, wanted: usize, items: Vec<Object>, hashable: bool },
    Dict { start: usize, items: Vec<Object>, key: Option<Value>, ended: bool },
    Code(Box<CodeFields>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sequence {
    Tuple,
    List,
    Set,
    FrozenSet,
}

impl Sequence {
    fn name(self) -> &'static str {
        match self {
            Sequence::Tuple => "tuple",
            Sequence::List => "list",
            Sequence::Set => "set",
            Sequence::FrozenSet => "frozenset",
        }
    }
}

enum Read {
    Value(Value),
    Open(Open),
}

impl From<Object> for Read {
    fn from(object: Object) -> Read {
        Read::Value(Value { object: Some(object), hashable: true })
    }
}

struct Reader<'a> {
    data: &'a [u8],
    at: usize,
    /// Strings that TYPE_STRINGREF refers back to.
    interned: Vec<Arc<[u8]>>,
    /// Bytes of the strings that were referred to.
    shared: usize,
}

impl Reader<'_> {
    fn top(&mut self) -> Result<Object, MarshalError> {
        let null = MarshalError { offset: 0, problem: Problem::Null("the top level") };
        self.object()?.object.ok_or(null)
    }

    fn object(&mut self) -> Result<Value, MarshalError> {
        let mut stack: Vec<Open> = Vec::new();
        loop {
            let value = match stack.pop_if(|open| open.is_complete()) {
                Some(open) => open.finish()?,
                None => match self.begin(stack.len() + 1)? {
                    Read::Value(value) => value,
                    Read::Open(open) => {
                        stack.push(open);
                        continue;
                    }
                },
            };
            match stack.last_mut() {
                None => return Ok(value),
                Some(open) => open.accept(value, self)?,
            }
        }
    }

    /// Reads a whole leaf or the beginning of a container.
    fn begin(&mut self, depth: usize) -> Result<Read, MarshalError> {
        let start = self.at;
        let [code] = self.take("an object")?;
        if depth > DEPTH_LIMIT {
            return Err(MarshalError { offset: start, problem: Problem::TooDeep });
        }
        let fail = |problem| Err(MarshalError { offset: start, problem });
        Ok(match code {
            b'0' => Read::Value(Value { object: None, hashable: true }),
            b'N' => Object::None.into(),
            b'F' => Object::Bool(false).into(),
            b'T' => Object::Bool(true).into(),
            b'S' => Object::StopIteration.into(),
            b'.' => Object::Ellipsis.into(),
            b'i' => Object::Int(i32::from_le_bytes(self.take("an int")?).into()).into(),
            b'I' => Object::Int(i64::from_le_bytes(self.take("an int")?)).into(),
            b'l' => self.long(start)?.into(),
            b'f' => Object::Float(self.float_text(start)?).into(),
            b'g' => Object::Float(f64::from_le_bytes(self.take("a float")?)).into(),
            b'x' => Object::Complex(Box::new((self.float_text(start)?, self.float_text(start)?))).into(),
            b'y' => {
                let [real, imaginary] = [self.take("a complex")?, self.take("a complex")?];
                Object::Complex(Box::new((f64::from_le_bytes(real), f64::from_le_bytes(imaginary)))).into()
            }
            b's' => Object::Str(self.string("str", start)?.into()).into(),
            b't' => {
                let string: Arc<[u8]> = self.string("str", start)?.into();
                self.interned.push(string.clone());
                Object::Str(string).into()
            }
            b'R' => {
                let index = i32::from_le_bytes(self.take("a string reference")?);
                let found = usize::try_from(index).ok().and_then(|index| self.interned.get(index));
                self.shared += found.map_or(0, |string| string.len());
                match found {
                    Some(_) if self.shared > MOST_SHARED => return fail(Problem::Shared),
                    Some(string) => Object::Str(string.clone()).into(),
                    None => return fail(Problem::StringReference { index, known: self.interned.len() }),
                }
            }
            b'u' => match decode_utf8(self.string("unicode", start)?) {
                Ok(points) => Object::Unicode(points.into()).into(),
                Err(place) => return fail(Problem::Unicode { place }),
            },
            b'(' => self.sequence(Sequence::Tuple, start)?,
            b'[' => self.sequence(Sequence::List, start)?,
            b'<' => self.sequence(Sequence::Set, start)?,
            b'>' => self.sequence(Sequence::FrozenSet, start)?,
            b'{' => Read::Open(Open::Dict { start, items: Vec::new(), key: None, ended: false }),
            b'c' => Read::Open(Open::Code(Box::new(CodeFields::begin(self, start)?))),
            _ => return fail(Problem::UnknownType(code)),
        })
    }

    /// Takes `N` bytes. Plain Python reads a number that is cut off as -1 and carries on; as nothing that
    /// needs it can end there, that always fails in the end, and here it fails at once.
    fn take<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], MarshalError> {
        match self.data[self.at..].first_chunk::<N>() {
            Some(bytes) => {
                self.at += N;
                Ok(*bytes)
            }
            None => Err(self.ended(what)),
        }
    }

    fn ended(&self, what: &'static str) -> MarshalError {
        MarshalError { offset: self.data.len(), problem: Problem::Ended(what) }
    }

    fn bytes(&mut self, count: usize, what: &'static str) -> Result<&[u8], MarshalError> {
        if count > self.data.len() - self.at {
            return Err(self.ended(what));
        }
        self.at += count;
        Ok(&self.data[self.at - count..self.at])
    }

    fn size(&mut self, what: &'static str, start: usize) -> Result<usize, MarshalError> {
        let size = i32::from_le_bytes(self.take("a size")?);
        let problem = Problem::Size { what, size };
        usize::try_from(size).map_err(|_| MarshalError { offset: start, problem })
    }

    fn string(&mut self, what: &'static str, start: usize) -> Result<&[u8], MarshalError> {
        let size = self.size(what, start)?;
        self.bytes(size, "the rest of a string")
    }

    fn sequence(&mut self, kind: Sequence, start: usize) -> Result<Read, MarshalError> {
        let wanted = self.size(kind.name(), start)?;
        let left = self.data.len() - self.at;
        if wanted > left {
            let problem = Problem::TooManyItems { what: kind.name(), wanted, left };
            return Err(MarshalError { offset: start, problem });
        }
        let hashable = matches!(kind, Sequence::Tuple | Sequence::FrozenSet);
        Ok(Read::Open(Open::Sequence { kind, start, wanted, items: Vec::new(), hashable }))
    }

    /// Reads digits in base 2^15 (r_PyLong).
    fn long(&mut self, start: usize) -> Result<Object, MarshalError> {
        let fail = |problem| MarshalError { offset: start, problem };
        let size = i32::from_le_bytes(self.take("a long")?);
        if size == i32::MIN {
            return Err(fail(Problem::Size { what: "long", size }));
        }
        let bytes = self.bytes(size.unsigned_abs() as usize * 2, "a long")?;
        let digits = bytes.chunks_exact(2).map(|pair| u32::from(u16::from_le_bytes([pair[0], pair[1]])));
        if let Some(digit) = digits.clone().find(|&digit| digit >= 1 << 15) {
            return Err(fail(Problem::LongDigit(digit)));
        }
        if digits.clone().next_back() == Some(0) {
            return Err(fail(Problem::LongNotNormal));
        }
        Ok(Object::long(size < 0, digits, 15))
    }

    /// Reads a float as text (TYPE_FLOAT): C reads it up to a NUL.
    fn float_text(&mut self, start: usize) -> Result<f64, MarshalError> {
        let [size] = self.take("a float")?;
        let text = self.bytes(size.into(), "a float")?;
        let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
        let text = String::from_utf8_lossy(text);
        // Rust and PyOS_string_to_double accept the same texts: decimal, inf, infinity and nan.
        let problem = || Problem::FloatText(text.clone().into_owned());
        text.parse().map_err(|_| MarshalError { offset: start, problem: problem() })
    }
}

impl Open {
    fn is_complete(&self) -> bool {
        match self {
            Open::Sequence { wanted, items, .. } => items.len() == *wanted,
            Open::Dict { ended, .. } => *ended,
            Open::Code(fields) => fields.is_complete(),
        }
    }

    fn accept(&mut self, value: Value, reader: &mut Reader<'_>) -> Result<(), MarshalError> {
        match self {
            Open::Sequence { kind, start, items, hashable, .. } => {
                let fail = |problem| Err(MarshalError { offset: *start, problem });
                let Some(object) = value.object else {
                    return fail(Problem::Null(kind.name()));
                };
                match kind {
                    Sequence::Set | Sequence::FrozenSet if !value.hashable => {
                        return fail(Problem::Unhashable { what: kind.name(), item: object.type_name().into() });
                    }
                    Sequence::Tuple => *hashable &= value.hashable,
                    _ => {}
                }
                items.push(object);
                Ok(())
            }
            Open::Dict { start, items, key, ended } => accept_in_dict(*start, items, key, ended, value),
            Open::Code(fields) => fields.accept(value, reader),
        }
    }

    fn finish(self) -> Result<Value, MarshalError> {
        match self {
            Open::Sequence { kind, items, hashable, .. } => {
                let items = items.into();
                let object = match kind {
                    Sequence::Tuple => Object::Tuple(items),
                    Sequence::List => Object::List(items),
                    Sequence::Set => Object::Set(items),
                    Sequence::FrozenSet => Object::FrozenSet(items),
                };
                Ok(Value { object: Some(object), hashable })
            }
            Open::Dict { items, .. } => Ok(Value { object: Some(Object::Dict(items.into())), hashable: false }),
            Open::Code(fields) => fields.finish(),
        }
    }
}

/// Takes a key, a value, or the NULL that ends a dict. A NULL value drops its key (r_object, TYPE_DICT).
fn accept_in_dict(
    start: usize,
    items: &mut Vec<Object>,
    key: &mut Option<Value>,
    ended: &mut bool,
    value: Value,
) -> Result<(), MarshalError> {
    match (key.take(), value.object) {
        (None, None) => *ended = true,
        (None, object) => *key = Some(Value { object, hashable: value.hashable }),
        (Some(_), None) => {}
        (Some(Value { object: Some(key), hashable: true }), Some(value)) => items.extend([key, value]),
        (Some(key), Some(_)) => {
            let item = key.object.map_or_else(String::new, |key| key.type_name().into());
            return Err(MarshalError { offset: start, problem: Problem::Unhashable { what: "dict", item } });
        }
    }
    Ok(())
}

/// Decodes UTF-8 as 2.7 does, which lets surrogates through (PyUnicode_DecodeUTF8Stateful). The error is
/// the place of the first bad byte.
fn decode_utf8(bytes: &[u8]) -> Result<Vec<u32>, usize> {
    let mut points = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let (width, lead, least) = match bytes[at] {
            byte @ 0..=0x7f => (1, u32::from(byte), 0),
            byte @ 0xc2..=0xdf => (2, u32::from(byte & 0x1f), 0x80),
            byte @ 0xe0..=0xef => (3, u32::from(byte & 0x0f), 0x800),
            byte @ 0xf0..=0xf4 => (4, u32::from(byte & 0x07), 0x10000),
            _ => return Err(at),
        };
        let rest = bytes.get(at + 1..at + width).ok_or(at)?;
        if rest.iter().any(|byte| byte & 0xc0 != 0x80) {
            return Err(at);
        }
        let point = rest.iter().fold(lead, |point, byte| point << 6 | u32::from(byte & 0x3f));
        if point < least || point > 0x10ffff {
            return Err(at);
        }
        points.push(point);
        at += width;
    }
    points.shrink_to_fit();
    Ok(points)
}

#[cfg(test)]
pub(super) mod tests;
