//! Reads Python 2.7 literals, as ast.literal_eval accepts them: strings, numbers, tuples, lists, dicts, None, True and False.  Runs
//! nothing.

use num_bigint::BigInt;

use super::object::Object;

/// How deep containers may lie in each other.
const DEPTH: u32 = 200;

/// Reads one literal; an error says what is wrong with it.
pub fn read(text: &str) -> Result<Object, String> {
    let mut reader = Reader { rest: text };
    let value = reader.value(0)?;
    reader.skip_blanks();
    match reader.rest {
        "" => Ok(value),
        rest => Err(format!("after the literal comes {}", shown(rest))),
    }
}

fn shown(rest: &str) -> String {
    let start: String = rest.chars().take(20).collect();
    if start.is_empty() { "its end".into() } else { format!("{start:?}") }
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, start: &str) -> bool {
        self.skip_blanks();
        match self.rest.strip_prefix(start) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn word(&mut self) -> &'a str {
        let end =
            self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.').unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn value(&mut self, depth: u32) -> Result<Object, String> {
        if depth > DEPTH {
            return Err(format!("containers lie more than {DEPTH} deep"));
        }
        self.skip_blanks();
        if self.string_prefix().is_some() {
            return self.strings();
        }
        match self.rest.chars().next() {
            Some('(') => self.tuple(depth),
            Some('[') => {
                self.take("[");
                Ok(Object::List(self.items("]", depth)?.0.into()))
            }
            Some('{') => self.dict(depth),
            Some('-' | '+' | '.' | '0'..='9') => self.number(),
            Some(c) if c.is_ascii_alphabetic() => match self.word() {
                "None" => Ok(Object::None),
                "True" => Ok(Object::Bool(true)),
                "False" => Ok(Object::Bool(false)),
                word => Err(format!("{word} is no literal; write a string in quotes of its own, as \"'{word}'\"")),
            },
            _ => Err(format!("a literal was expected where there is {}", shown(self.rest))),
        }
    }

    /// Reads items up to `end`; says whether a comma stood among them.
    fn items(&mut self, end: &str, depth: u32) -> Result<(Vec<Object>, bool), String> {
        let (mut items, mut has_comma) = (Vec::new(), false);
        while !self.take(end) {
            if !items.is_empty() && !has_comma {
                return Err(format!("a comma was expected where there is {}", shown(self.rest)));
            }
            items.push(self.value(depth + 1)?);
            let comma = self.take(",");
            has_comma |= comma;
            if !comma {
                if self.take(end) {
                    break;
                }
                return Err(format!("a comma or {end} was expected where there is {}", shown(self.rest)));
            }
        }
        Ok((items, has_comma))
    }

    fn tuple(&mut self, depth: u32) -> Result<Object, String> {
        self.take("(");
        let (mut items, has_comma) = self.items(")", depth)?;
        match (items.len(), has_comma) {
            (1, false) => Ok(items.remove(0)),
            _ => Ok(Object::Tuple(items.into())),
        }
    }

    fn dict(&mut self, depth: u32) -> Result<Object, String> {
        self.take("{");
        let mut entries = Vec::new();
        while !self.take("}") {
            let key = self.value(depth + 1)?;
            if !is_hashable(&key) {
                return Err(format!("a {} is no key of a dict", key.type_name()));
            }
            entries.push(key);
            if !self.take(":") {
                return Err(format!("a colon was expected where there is {}", shown(self.rest)));
            }
            entries.push(self.value(depth + 1)?);
            if !self.take(",") {
                if self.take("}") {
                    break;
                }
                return Err(format!("a comma or }} was expected where there is {}", shown(self.rest)));
            }
        }
        Ok(Object::Dict(entries.into()))
    }

    fn number(&mut self) -> Result<Object, String> {
        let start = self.rest;
        let is_negative = self.take("-");
        if !is_negative {
            self.take("+");
        }
        self.skip_blanks();
        let mut word = self.word().to_ascii_lowercase();
        let is_exponent = !word.starts_with("0x") && word.ends_with('e');
        if is_exponent && self.rest.starts_with(['+', '-']) {
            word.push_str(&self.rest[..1]);
            self.rest = &self.rest[1..];
            word.push_str(self.word());
        }
        let wrong = || format!("{} is no number", shown(start));
        let is_long = word.ends_with('l');
        let digits = word.strip_suffix('l').unwrap_or(&word);
        let whole = match digits.get(..2) {
            Some("0x") => BigInt::parse_bytes(&digits.as_bytes()[2..], 16),
            Some("0b") => BigInt::parse_bytes(&digits.as_bytes()[2..], 2),
            Some("0o") => BigInt::parse_bytes(&digits.as_bytes()[2..], 8),
            _ if digits.starts_with('0') && digits.len() > 1 && digits.bytes().all(|digit| digit.is_ascii_digit()) => {
                BigInt::parse_bytes(digits.as_bytes(), 8)
            }
            _ if digits.bytes().all(|digit| digit.is_ascii_digit()) => BigInt::parse_bytes(digits.as_bytes(), 10),
            _ => None,
        };
        if let Some(whole) = whole {
            let whole = if is_negative { -whole } else { whole };
            return Ok(match i64::try_from(&whole) {
                Ok(int) if !is_long => Object::Int(int),
                _ => Object::Long(Box::new(whole)),
            });
        }
        let is_float = word.bytes().all(|c| c.is_ascii_digit() || matches!(c, b'.' | b'e' | b'+' | b'-'));
        let float: f64 = word.parse().ok().filter(|_| is_float).ok_or_else(wrong)?;
        Ok(Object::Float(if is_negative { -float } else { float }))
    }

    /// The prefix of a string that begins here: whether it is unicode, whether it is raw, and its length.
    fn string_prefix(&self) -> Option<(bool, bool, usize)> {
        let length = self.rest.find(['\'', '"']).filter(|&length| length <= 2)?;
        let prefix = self.rest[..length].to_ascii_lowercase();
        match prefix.as_str() {
            "" | "b" => Some((false, false, length)),
            "u" => Some((true, false, length)),
            "r" | "br" => Some((false, true, length)),
            "ur" => Some((true, true, length)),
            _ => None,
        }
    }

    /// Reads strings that stand one after the other, which are one.
    fn strings(&mut self) -> Result<Object, String> {
        let (mut bytes, mut points, mut is_any_unicode) = (Vec::new(), Vec::new(), false);
        while let Some((is_unicode, is_raw, length)) = self.string_prefix() {
            self.rest = &self.rest[length..];
            is_any_unicode |= is_unicode;
            let text = self.quoted(is_unicode, is_raw)?;
            points.extend(&text);
            if !is_unicode {
                for point in text {
                    bytes.push(point as u8);
                }
            }
            self.skip_blanks();
        }
        Ok(if is_any_unicode { Object::Unicode(points.into()) } else { Object::Str(bytes.into()) })
    }

    /// Reads a string from its quote on: code points of a unicode, bytes of a str.
    fn quoted(&mut self, is_unicode: bool, is_raw: bool) -> Result<Vec<u32>, String> {
        let quote = ["'''", "\"\"\"", "'", "\""].into_iter().find(|quote| self.rest.starts_with(quote)).unwrap_or("'");
        self.rest = &self.rest[quote.len()..];
        let mut out = Vec::new();
        loop {
            if let Some(rest) = self.rest.strip_prefix(quote) {
                self.rest = rest;
                return Ok(out);
            }
            let mut chars = self.rest.chars();
            let c = chars.next().ok_or("a string has no end")?;
            self.rest = chars.as_str();
            if c == '\\' && is_raw {
                out.push(u32::from(c));
                let next = chars.next().ok_or("a string has no end")?;
                push(&mut out, next, is_unicode);
                self.rest = chars.as_str();
            } else if c == '\\' {
                self.escape(&mut out, is_unicode)?;
            } else {
                push(&mut out, c, is_unicode);
            }
        }
    }

    fn escape(&mut self, out: &mut Vec<u32>, is_unicode: bool) -> Result<(), String> {
        let c = self.rest.chars().next().ok_or("a string has no end")?;
        self.rest = &self.rest[c.len_utf8()..];
        let simple = match c {
            '\n' => return Ok(()),
            '\\' | '\'' | '"' => u32::from(c),
            'a' => 7,
            'b' => 8,
            'f' => 12,
            'n' => 10,
            'r' => 13,
            't' => 9,
            'v' => 11,
            '0'..='7' => {
                let more = self.rest.bytes().take(2).take_while(|digit| matches!(digit, b'0'..=b'7')).count();
                let digits = format!("{c}{}", &self.rest[..more]);
                self.rest = &self.rest[more..];
                let value = u32::from_str_radix(&digits, 8).unwrap_or_default();
                if is_unicode { value } else { value & 0xff }
            }
            'x' => self.hex(2)?,
            'u' if is_unicode => self.hex(4)?,
            'U' if is_unicode => self.hex(8).and_then(|point| match point {
                0..=0x10ffff => Ok(point),
                _ => Err("a string has a character beyond Unicode".into()),
            })?,
            'N' if is_unicode => return Err("names of characters, as \\N{BULLET}, are not read; write \\u2022".into()),
            other => {
                out.push(u32::from('\\'));
                push(out, other, is_unicode);
                return Ok(());
            }
        };
        out.push(simple);
        Ok(())
    }

    fn hex(&mut self, count: usize) -> Result<u32, String> {
        let digits = self.rest.get(..count).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let digits = digits.ok_or_else(|| format!("an escape in a string needs {count} hexadecimal digits"))?;
        self.rest = &self.rest[count..];
        u32::from_str_radix(digits, 16).map_err(|error| error.to_string())
    }
}

fn push(out: &mut Vec<u32>, c: char, is_unicode: bool) {
    if is_unicode {
        out.push(u32::from(c));
    } else {
        out.extend(c.to_string().bytes().map(u32::from));
    }
}

fn is_hashable(object: &Object) -> bool {
    match object {
        Object::Tuple(items) => items.iter().all(is_hashable),
        Object::List(_) | Object::Dict(_) => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_read_as_python_reads_them() {
        let cases = [
            ("'AAAA'", "Str([65, 65, 65, 65])"),
            (r#""a\n\x41\101\q" 'b'"#, "Str([97, 10, 65, 65, 92, 113, 98])"),
            (r"r'a\n'", r"Str([97, 92, 110])"),
            ("u'\u{fc}'", "Unicode([252])"),
            ("'\u{fc}'", "Str([195, 188])"),
            ("-0x10", "Int(-16)"),
            ("010", "Int(8)"),
            ("5L", "Long(5)"),
            ("9223372036854775808", "Long(9223372036854775808)"),
            ("1.5e-3", "Float(0.0015)"),
            ("(1)", "Int(1)"),
            ("(1,)", "Tuple(Items([Int(1)]))"),
            ("[]", "List(Items([]))"),
            ("{'a': [None, True]}", "Dict(Items([Str([97]), List(Items([None, Bool(true)]))]))"),
        ];
        for (text, object) in cases {
            assert_eq!(format!("{:?}", read(text).expect(text)), object, "{text}");
        }
    }

    #[test]
    fn what_is_no_literal_is_refused() {
        for text in ["", "AAAA", "'a", "f()", "1 2", "[1 2]", "{[]: 1}", "1.2.3", "(1", "'\\x4'", "__import__('os')"] {
            assert!(read(text).is_err(), "{text}");
        }
        assert!(read(&"[".repeat(100_000)).is_err());
    }
}
