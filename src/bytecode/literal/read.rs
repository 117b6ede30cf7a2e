//! Reading constants: what `write` writes, and what repr() of 2.7 writes of the same types.

use std::sync::Arc;

use super::number::{complex, complex_length, float, plain};
use super::{Interned, is_usually_interned};
use crate::bytecode::marshal::DEPTH_LIMIT;
use crate::bytecode::object::Object;

/// What is wrong with a text that should be a constant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LiteralError {
    #[error("a constant is missing")]
    Missing,
    #[error("a string does not end")]
    OpenString,
    #[error("a string has an invalid escape")]
    Escape,
    #[error("{0:?} is no constant")]
    Unknown(String),
    #[error("a bracket does not match")]
    Bracket,
    #[error("a {0} cannot hold a list, dict or set")]
    Unhashable(&'static str),
    #[error("constants are nested more than 2000 deep, which is marshal's limit")]
    TooDeep,
}

/// What stands at a place of a text instead of a constant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// `code N`, a code object by its number.
    Code(u32),
    /// `<…>`, what repr() says of an object of any other type.
    Repr(Vec<u8>),
}

/// Reads constants from a line.
pub struct Reader<'a> {
    text: &'a [u8],
    /// The strings that are interned, so far.
    pub interned: Interned,
}

/// A container that is being read.
struct Open {
    kind: Kind,
    items: Vec<Object>,
    has_comma: bool,
    hashable: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Tuple,
    List,
    Dict,
    Set,
    FrozenSet,
}

const OPENINGS: [(&[u8], Kind); 5] = [
    (b"frozenset([", Kind::FrozenSet),
    (b"set([", Kind::Set),
    (b"(", Kind::Tuple),
    (b"[", Kind::List),
    (b"{", Kind::Dict),
];

impl<'a> Reader<'a> {
    pub fn new(text: &'a [u8]) -> Reader<'a> {
        Reader { text, interned: Interned::default() }
    }

    /// What was not read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.text
    }

    pub fn skip_spaces(&mut self) {
        self.text = self.text.trim_ascii_start();
    }

    /// Reads past a text, if it comes next.
    pub fn eat(&mut self, text: &[u8]) -> bool {
        match self.text.strip_prefix(text) {
            Some(rest) => {
                self.text = rest;
                true
            }
            None => false,
        }
    }

    /// Reads a file's name: a str, which is usually not interned, or a bare word.
    pub fn file_name(&mut self) -> Result<Arc<[u8]>, LiteralError> {
        self.skip_spaces();
        match self.string(Some(false))? {
            Some((string, _)) => Ok(string),
            None => self.name(),
        }
    }

    /// Reads a name: bare, or a str.
    pub fn name(&mut self) -> Result<Arc<[u8]>, LiteralError> {
        self.skip_spaces();
        if let Some((string, _)) = self.string(Some(true))? {
            return Ok(string);
        }
        let is_part = |byte: &u8| !byte.is_ascii_whitespace() && *byte != b',' && *byte != b'#' && *byte != b')';
        let end = self.text.iter().position(|byte| !is_part(byte)).unwrap_or(self.text.len());
        if end == 0 {
            return Err(LiteralError::Missing);
        }
        let (name, rest) = self.text.split_at(end);
        self.text = rest;
        let name: Arc<[u8]> = name.into();
        self.interned.add(&name);
        Ok(name)
    }

    /// Reads a constant.  `word` makes an object of what is none.
    pub fn object(&mut self, word: &mut dyn FnMut(Word) -> Option<Object>) -> Result<Object, LiteralError> {
        let mut open: Vec<Open> = Vec::new();
        loop {
            self.skip_spaces();
            let mut object = match open.last_mut() {
                Some(container) if self.closes(container.kind) => match open.pop() {
                    Some(container) => container.close()?,
                    None => return Err(LiteralError::Bracket),
                },
                _ => match self.opening() {
                    Some(kind) => {
                        if open.len() >= DEPTH_LIMIT {
                            return Err(LiteralError::TooDeep);
                        }
                        open.push(Open { kind, items: Vec::new(), has_comma: false, hashable: true });
                        continue;
                    }
                    None => (self.leaf(word)?, true),
                },
            };
            // A container is closed after its last item, so one object can end several.
            loop {
                let Some(container) = open.last_mut() else { return Ok(object.0) };
                container.take(object)?;
                self.skip_spaces();
                let separator: &[u8] =
                    if container.kind == Kind::Dict && container.items.len() % 2 == 1 { b":" } else { b"," };
                if self.eat(separator) {
                    container.has_comma = true;
                    break;
                }
                if !self.closes(container.kind) {
                    return Err(LiteralError::Bracket);
                }
                // `(x)` is x, as in Python, and so is what stands in brackets for the eye: (1+2j).
                object = match open.pop() {
                    Some(Open { kind: Kind::Tuple, mut items, has_comma: false, hashable }) if items.len() == 1 => {
                        (items.remove(0), hashable)
                    }
                    Some(container) => container.close()?,
                    None => return Err(LiteralError::Bracket),
                };
            }
        }
    }

    fn opening(&mut self) -> Option<Kind> {
        // A complex number begins with a bracket too.
        if self.text.starts_with(b"(") && complex_length(self.text).is_some() {
            return None;
        }
        OPENINGS.into_iter().find(|(text, _)| self.eat(text)).map(|(_, kind)| kind)
    }

    fn closes(&mut self, kind: Kind) -> bool {
        self.eat(match kind {
            Kind::Tuple => b")",
            Kind::List => b"]",
            Kind::Dict => b"}",
            Kind::Set | Kind::FrozenSet => b"])",
        })
    }

    fn leaf(&mut self, word: &mut dyn FnMut(Word) -> Option<Object>) -> Result<Object, LiteralError> {
        if let Some((string, points)) = self.string(None)? {
            return Ok(points.map_or(Object::Str(string), |points| Object::Unicode(points.into())));
        }
        if let Some(length) = complex_length(self.text) {
            let (text, rest) = self.text.split_at(length);
            self.text = rest;
            return complex(text);
        }
        if self.eat(b"complex(") {
            let parts = [self.number(b',')?, self.number(b')')?];
            return Ok(Object::Complex(Box::new((parts[0], parts[1]))));
        }
        if self.text.starts_with(b"<") {
            return self.repr(word);
        }
        let end = self.text.iter().position(|byte| b" ,:)]}#\t".contains(byte)).unwrap_or(self.text.len());
        let end = if self.text.starts_with(b"nan(") && self.text.get(end) == Some(&b')') { end + 1 } else { end };
        let (token, rest) = self.text.split_at(end);
        if token == b"code" {
            let digits = rest.trim_ascii_start();
            let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let number = std::str::from_utf8(&digits[..count]).ok().and_then(|digits| digits.parse().ok());
            self.text = &digits[count..];
            return number.and_then(|number| word(Word::Code(number))).ok_or_else(|| unknown(token));
        }
        self.text = rest;
        plain(token).ok_or_else(|| if token.is_empty() { LiteralError::Missing } else { unknown(token) })
    }

    fn number(&mut self, end: u8) -> Result<f64, LiteralError> {
        self.skip_spaces();
        let mut close = self.text.iter().position(|&byte| byte == end).ok_or(LiteralError::Bracket)?;
        if self.text.starts_with(b"nan(") && end == b')' {
            close += 1;
        }
        let (token, rest) = self.text.split_at(close.min(self.text.len()));
        self.text = rest.get(1..).unwrap_or_default();
        float(token).ok_or_else(|| unknown(token))
    }

    /// Reads `<code object f at 0x7f, file "x", line 3>` and its like, whose last `>` ends it on the line.
    fn repr(&mut self, word: &mut dyn FnMut(Word) -> Option<Object>) -> Result<Object, LiteralError> {
        let is_type = self.text.starts_with(b"<type 'exceptions.StopIteration'>");
        let mut end = None;
        // `<module>` and `<lambda>` are in brackets themselves.
        let (mut depth, mut is_quoted) = (0, false);
        for (place, byte) in self.text.iter().enumerate() {
            match byte {
                b'"' => is_quoted = !is_quoted,
                b'<' if !is_quoted => depth += 1,
                b'>' if !is_quoted => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                end = Some(place + 1);
                break;
            }
        }
        let (text, rest) = self.text.split_at(end.ok_or(LiteralError::Bracket)?);
        self.text = rest;
        if is_type {
            return Ok(Object::StopIteration);
        }
        word(Word::Repr(text.to_vec())).ok_or_else(|| unknown(text))
    }

    /// Reads a str or a unicode, if one begins here; its points are there if it is a unicode.  `usually` says whether it is interned
    /// without a mark; if None, the string itself does.
    #[expect(clippy::type_complexity, reason = "a pair")]
    fn string(&mut self, usually: Option<bool>) -> Result<Option<(Arc<[u8]>, Option<Vec<u32>>)>, LiteralError> {
        let (mark, quoted) = match self.text {
            [mark @ (b's' | b't' | b'u' | b'b'), quote @ (b'\'' | b'"'), ..] => (Some(*mark), (*quote, 2)),
            [quote @ (b'\'' | b'"'), ..] => (None, (*quote, 1)),
            _ => return Ok(None),
        };
        let (quote, mut at) = quoted;
        let mut points: Vec<u32> = Vec::new();
        loop {
            let byte = *self.text.get(at).ok_or(LiteralError::OpenString)?;
            at += 1;
            if byte == quote {
                break;
            }
            if byte != b'\\' {
                points.push(byte.into());
                continue;
            }
            let kind = *self.text.get(at).ok_or(LiteralError::OpenString)?;
            at += 1;
            let digits = match kind {
                b'x' => 2,
                b'u' if mark == Some(b'u') => 4,
                b'U' if mark == Some(b'u') => 8,
                _ => {
                    points.push(match kind {
                        b'n' => 10,
                        b'r' => 13,
                        b't' => 9,
                        b'\\' | b'\'' | b'"' => kind.into(),
                        _ => return Err(LiteralError::Escape),
                    });
                    continue;
                }
            };
            let digits = self.text.get(at..at + digits).ok_or(LiteralError::Escape)?;
            at += digits.len();
            let digits = std::str::from_utf8(digits).map_err(|_| LiteralError::Escape)?;
            points.push(u32::from_str_radix(digits, 16).map_err(|_| LiteralError::Escape)?);
        }
        self.text = &self.text[at..];
        if mark == Some(b'u') {
            let is_ascii = points.iter().all(|&point| point <= 0x10ffff);
            return if is_ascii { Ok(Some(([].into(), Some(points)))) } else { Err(LiteralError::Escape) };
        }
        let bytes: Arc<[u8]> = points.into_iter().map(|point| point as u8).collect();
        let is_interned = match mark {
            Some(b't') => true,
            Some(b's') => false,
            _ => usually.unwrap_or_else(|| is_usually_interned(&bytes)),
        };
        if is_interned {
            self.interned.add(&bytes);
        }
        Ok(Some((bytes, None)))
    }
}

impl Open {
    fn take(&mut self, (object, hashable): (Object, bool)) -> Result<(), LiteralError> {
        let is_key = self.kind == Kind::Dict && self.items.len().is_multiple_of(2);
        match self.kind {
            Kind::Set | Kind::FrozenSet if !hashable => return Err(LiteralError::Unhashable("set")),
            Kind::Dict if is_key && !hashable => return Err(LiteralError::Unhashable("dict")),
            _ => self.hashable &= hashable,
        }
        self.items.push(object);
        Ok(())
    }

    fn close(self) -> Result<(Object, bool), LiteralError> {
        let Open { kind, items, hashable, .. } = self;
        if kind == Kind::Dict && items.len() % 2 == 1 {
            return Err(LiteralError::Bracket);
        }
        let items = items.into();
        Ok(match kind {
            Kind::Tuple => (Object::Tuple(items), hashable),
            Kind::List => (Object::List(items), false),
            Kind::Dict => (Object::Dict(items), false),
            Kind::Set => (Object::Set(items), false),
            Kind::FrozenSet => (Object::FrozenSet(items), true),
        })
    }
}

pub(super) fn unknown(token: &[u8]) -> LiteralError {
    let shown = &token[..token.len().min(40)];
    LiteralError::Unknown(shown.escape_ascii().to_string())
}
