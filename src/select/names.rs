//! What -n and --match want: a name as it is or as bctrace prints it, and a regular expression that is searched for in it.

use regex::bytes::{Regex, RegexBuilder};

use super::regex_error::explained;
use crate::bytecode::escape;

/// What is wrong with a pattern; one line, without the pattern itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PatternError(pub(super) String);

/// A name as it was typed.  It means the name of exactly these bytes, and the one that bctrace prints like this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    typed: Vec<u8>,
    /// What it means if it is read with escapes; None if it has none.
    printed: Option<Vec<u8>>,
}

impl Name {
    pub fn new(typed: impl Into<Vec<u8>>) -> Name {
        let typed = typed.into();
        Name { printed: escape::read(&typed), typed }
    }

    /// Returns what was typed.
    pub fn typed(&self) -> &[u8] {
        &self.typed
    }

    pub fn matches(&self, name: &[u8]) -> bool {
        self.typed == name || self.printed.as_deref() == Some(name)
    }
}

/// A regular expression for names.  `\xNN` of 80 and above is a byte, as in what bctrace prints; names that are not UTF-8 are
/// bytes altogether.
#[derive(Clone, Debug)]
pub struct NamePattern {
    typed: String,
    /// For names that are UTF-8; None if the expression has bytes in it.
    text: Option<Regex>,
    /// For all others; None if the expression makes no sense for bytes.
    bytes: Option<Regex>,
}

impl NamePattern {
    pub fn new(typed: &str) -> Result<NamePattern, PatternError> {
        let bytes = RegexBuilder::new(typed).unicode(false).build();
        let text = match has_byte(typed) {
            true => None,
            false => Some(Regex::new(typed).map_err(|error| explained(typed, true, &error))?),
        };
        let bytes = match (&text, bytes) {
            (None, Err(error)) => return Err(explained(typed, false, &error)),
            (_, bytes) => bytes.ok(),
        };
        Ok(NamePattern { typed: typed.to_owned(), text, bytes })
    }

    /// Returns what was typed.
    pub fn typed(&self) -> &str {
        &self.typed
    }

    pub fn matches(&self, name: &[u8]) -> bool {
        let text = self.text.as_ref().filter(|_| std::str::from_utf8(name).is_ok());
        text.or(self.bytes.as_ref()).or(self.text.as_ref()).is_some_and(|pattern| pattern.is_match(name))
    }
}

/// Whether a regular expression has an escape of two digits that is no ASCII.
fn has_byte(pattern: &str) -> bool {
    let mut rest = pattern.as_bytes();
    while let Some(place) = rest.iter().position(|&byte| byte == b'\\') {
        rest = &rest[place + 1..];
        if escape::read_one(rest).is_some_and(|(byte, _)| byte >= 0x80) {
            return true;
        }
        rest = rest.get(1..).unwrap_or_default();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_matches_as_it_is_and_as_it_is_printed() {
        let cases: [(&str, &[u8]); 9] = [
            ("f", b"f"),
            ("a b", b"a b"),
            (r"a\x20b", b"a b"),
            (r"\x01\x02\n>\x200\x20NOP", b"\x01\x02\n> 0 NOP"),
            (r"\xff\xfe", b"\xff\xfe"),
            (r"a\b", br"a\b"),
            (r"a\\b", br"a\b"),
            (r"a\x20b", br"a\x20b"),
            (r"a\nb", br"a\nb"),
        ];
        for (typed, name) in cases {
            assert!(Name::new(typed).matches(name), "{typed}");
        }
        assert!(!Name::new("a").matches(b"ab"));
        assert!(!Name::new(r"a\x20b").matches(b"a  b"));
    }

    #[track_caller]
    fn assert_found(pattern: &str, names: &[&[u8]], others: &[&[u8]]) {
        let pattern = NamePattern::new(pattern).expect("a pattern");
        for name in names {
            assert!(pattern.matches(name), "{name:?}");
        }
        for name in others {
            assert!(!pattern.matches(name), "{name:?}");
        }
    }

    #[test]
    fn a_pattern_is_searched_for_in_text_and_in_bytes() {
        assert_found("^get_", &[b"get_x", b"get_\xff"], &[b"forget_x"]);
        assert_found("^.$", &[b"a", "Ж".as_bytes(), b"\xff"], &[b"ab", b"\xff\xfe"]);
        assert_found(r"\xff", &[b"\xff\xfe", b"a\xff"], &["ÿ".as_bytes(), b"f"]);
        assert_found(r"\xe2\x80\xae", &["a\u{202e}b".as_bytes()], &[b"ab"]);
        assert_found(r"^\x01\x02\n>\x200", &[b"\x01\x02\n> 0 NOP"], &[]);
        assert_found(r"\x{ff}", &["ÿ".as_bytes()], &[b"\xff"]);
        assert_found(r"[Жж]", &["Ж".as_bytes()], &[b"\xff"]);
        assert_found(r"\\xff", &[br"\xff"], &[b"\xff"]);
        assert_found(r"a\\b", &[br"a\b"], &[b"ab"]);
    }

    #[test]
    fn what_is_wrong_with_a_pattern_is_said_in_one_line() {
        let cases = [
            ("[", "is not closed"),
            ("(?=a)", "look-around"),
            (r"[Ж]\xff", "ASCII"),
            ("a{9999999}", "too large"),
            ("(\u{1b}\n", "not closed"),
        ];
        for (pattern, part) in cases {
            let error = NamePattern::new(pattern).expect_err(pattern).to_string();
            assert!(error.contains(part) && !error.contains('\n'), "{pattern}: {error}");
        }
    }
}
