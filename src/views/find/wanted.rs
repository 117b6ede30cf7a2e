//! A value that is looked for, as it was typed.

use num_bigint::{BigInt, Sign};

use crate::bytecode::escape;
use crate::bytecode::literal::Reader;
use crate::bytecode::marshal::write::utf8;
use crate::bytecode::object::Object;
use crate::select::NamePattern;
use crate::trace::value::{Text, Value};
use crate::views::left_out::Cut;

/// What is looked for.
#[derive(Clone, Debug)]
pub enum Wanted {
    /// Bytes of a str and, as UTF-8, of a unicode, which need not be all of it; and the float that was typed, if it is one.
    Bytes { of_str: Vec<u8>, of_unicode: Vec<u8>, float: Option<f64> },
    /// A number, or a string that is that.
    Number(BigInt, Vec<u8>),
    /// What is found in a string.
    Pattern(NamePattern),
}

impl Wanted {
    /// Reads a number, a text in quotes, or a text as it is; escapes are as bctrace prints them.
    pub fn of(typed: &[u8]) -> Wanted {
        if let Ok(text) = str::from_utf8(typed)
            && let Some(number) = number(text)
        {
            return Wanted::Number(number, typed.to_vec());
        }
        let typed = typed.strip_prefix(b"u").filter(|rest| rest.starts_with(b"'")).unwrap_or(typed);
        let inner = [b"'", b"\""].iter().find_map(|quote| typed.strip_prefix(*quote)?.strip_suffix(*quote));
        let typed = inner.unwrap_or(typed);
        let of_str = escape::read(typed).unwrap_or_else(|| typed.to_vec());
        let of_unicode = unicode(typed).unwrap_or_else(|| of_str.clone());
        let float = str::from_utf8(typed).ok().filter(|_| inner.is_none()).and_then(|text| text.parse().ok());
        Wanted::Bytes { of_str, of_unicode, float }
    }

    /// Finds it in a value, its items included; returns the part that has it.  Counts strings and containers without it that were cut.
    pub(super) fn find<'a>(&self, value: &'a Value, cut: &mut Cut) -> Option<&'a Value> {
        match value {
            Value::Str(text) | Value::Unicode(text) => {
                let is_there = self.is_in(text, matches!(value, Value::Unicode(_)));
                cut.strings += u64::from(!is_there && text.cut.is_some() && !matches!(self, Wanted::Number(..)));
                is_there.then_some(value)
            }
            Value::Int(number) => self.is_number(&BigInt::from(*number)).then_some(value),
            Value::Bool(_) => None,
            Value::Float(number) => {
                matches!(self, Wanted::Bytes { float: Some(wanted), .. } if wanted == number).then_some(value)
            }
            Value::Long { negative, magnitude } => {
                let sign = if *negative { Sign::Minus } else { Sign::Plus };
                self.is_number(&BigInt::from_bytes_le(sign, magnitude)).then_some(value)
            }
            Value::Container(container) => {
                let found = container.items.iter().find_map(|item| self.find(item, cut));
                cut.containers += u64::from(found.is_none() && container.cut.is_some());
                found
            }
            Value::Object { receiver: Some(receiver), .. } => self.find(receiver, cut),
            _ => None,
        }
    }

    fn is_in(&self, text: &Text, is_unicode: bool) -> bool {
        match self {
            Wanted::Bytes { of_str, of_unicode, .. } => {
                let bytes = if is_unicode { of_unicode } else { of_str };
                memchr::memmem::find(&text.bytes, bytes).is_some()
            }
            Wanted::Number(_, typed) => text.bytes == *typed,
            Wanted::Pattern(pattern) => pattern.matches(&text.bytes),
        }
    }

    fn is_number(&self, number: &BigInt) -> bool {
        matches!(self, Wanted::Number(wanted, _) if wanted == number)
    }
}

/// Reads the inside of a unicode with escapes, as UTF-8; None if it is none.
fn unicode(typed: &[u8]) -> Option<Vec<u8>> {
    let quote = ['\'', '"'].into_iter().find(|&quote| !typed.contains(&(quote as u8)))?;
    let escaped = |one: char| if one.is_ascii() { one.to_string() } else { format!("\\U{:08x}", u32::from(one)) };
    let typed: String = str::from_utf8(typed).ok()?.chars().map(escaped).collect();
    match Reader::new(format!("u{quote}{typed}{quote}").as_bytes()).object(&mut |_| None).ok()? {
        Object::Unicode(points) => Some(utf8(&points)),
        _ => None,
    }
}

/// Reads a whole number: 42, -1, 0x1f, 42L.
fn number(text: &str) -> Option<BigInt> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text),
    };
    let digits = digits.strip_suffix('L').unwrap_or(digits);
    let (digits, radix) = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None => (digits, 10),
    };
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    BigInt::parse_bytes(format!("{sign}{digits}").as_bytes(), radix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_a_number_or_a_text() {
        let text = |bytes: &[u8]| Value::Str(Text { bytes: bytes.to_vec(), cut: None });
        let finds =
            |typed: &str, value: &Value| Wanted::of(typed.as_bytes()).find(value, &mut Cut::default()).is_some();
        assert!(finds("0x10", &Value::Int(16)) && finds("16", &Value::Int(16)) && finds("16", &text(b"16")));
        assert!(!finds("16", &Value::Int(17)) && !finds("16", &text(b"160")));
        assert!(finds("-1L", &Value::Long { negative: true, magnitude: vec![1] }));
        assert!(finds("cret", &text(b"s3cret")) && finds("'16'", &text(b"x16x")));
        assert!(
            finds("3.5", &Value::Float(3.5)) && finds("3.5", &text(b"3.5.1")) && !finds("3.5", &Value::Float(3.25))
        );
        assert!(finds(r"a\x00", &text(b"ba\0")) && !finds(r"a\x01", &text(b"ba\0")));
        let unicode = |text: &str| Value::Unicode(Text { bytes: text.into(), cut: None });
        for typed in [r"f\xe9\u20ac", r"u'f\xe9\u20ac'", "fé€", r"\U0001f600", r"é\u20ac"] {
            assert!(finds(typed, &unicode("caf\u{e9}\u{20ac}\u{1f600}")), "{typed}");
        }
        assert!(!finds(r"\xc3\xa9", &unicode("\u{e9}")) && finds(r"\xc3\xa9", &text("\u{e9}".as_bytes())));
    }
}
