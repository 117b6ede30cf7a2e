//! What --file wants: file names by a glob, which the whole of co_filename must match.  It becomes a regular expression.

use regex::bytes::{Regex, RegexBuilder};

use super::names::{Name, PatternError};
use super::regex_error::explained;
use crate::bytecode::escape;

/// A glob: `*` is any characters, slashes too, `?` is one, `[ab]`, `[a-z]` and `[!a]` are one of some, `{ab,c}` is one of several
/// texts.  A backslash is a character like any, or, if that makes sense of all of them, begins an escape as bctrace prints it.
/// A whole file name, as it is or as bctrace prints it, matches that name whatever characters it holds.
#[derive(Clone, Debug)]
pub struct FileGlob {
    name: Name,
    readings: Vec<Reading>,
}

/// One way to understand a glob.
#[derive(Clone, Debug)]
struct Reading {
    /// For names that are UTF-8.
    text: Regex,
    /// For all others, in which each byte is a character.
    bytes: Regex,
}

/// A piece of a glob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    /// It may have a meaning.
    Char(char),
    /// It stands for itself.
    Byte(u8),
}

impl FileGlob {
    pub fn new(typed: &[u8]) -> Result<FileGlob, PatternError> {
        let name = Name::new(typed);
        let as_it_is = Reading::of(&tokens(typed));
        let as_printed = printed_tokens(typed).map(|tokens| Reading::of(&tokens));
        let readings = match (as_it_is, as_printed) {
            (Ok(one), Some(Ok(other))) => vec![one, other],
            (Ok(one), _) | (Err(_), Some(Ok(one))) => vec![one],
            // With escapes it was copied from what bctrace prints.
            (Err(_), Some(Err(_))) => Vec::new(),
            (Err(error), None) => return Err(error),
        };
        Ok(FileGlob { name, readings })
    }

    /// Returns what was typed.
    pub fn typed(&self) -> &[u8] {
        self.name.typed()
    }

    pub fn matches(&self, filename: &[u8]) -> bool {
        let is_text = std::str::from_utf8(filename).is_ok();
        self.name.matches(filename)
            || self
                .readings
                .iter()
                .any(|reading| if is_text { &reading.text } else { &reading.bytes }.is_match(filename))
    }
}

impl Reading {
    fn of(tokens: &[Token]) -> Result<Reading, PatternError> {
        let regex = |is_text| {
            let source = Translation::of(tokens, is_text)?;
            let regex = RegexBuilder::new(&source).unicode(false).dot_matches_new_line(true).build();
            regex.map_err(|error| explained(&source, false, &error))
        };
        Ok(Reading { text: regex(true)?, bytes: regex(false)? })
    }
}

/// The tokens of a glob in which a backslash is a character like any.
fn tokens(typed: &[u8]) -> Vec<Token> {
    let chunks = typed.utf8_chunks();
    chunks
        .flat_map(|chunk| {
            chunk.valid().chars().map(Token::Char).chain(chunk.invalid().iter().copied().map(Token::Byte))
        })
        .collect()
}

/// The tokens of a glob in which backslashes begin escapes; None if it has none, or one that begins no escape.
fn printed_tokens(typed: &[u8]) -> Option<Vec<Token>> {
    let mut parts = typed.split(|&byte| byte == b'\\');
    let mut found = tokens(parts.next()?);
    let mut rest = &typed[typed.iter().position(|&byte| byte == b'\\')? + 1..];
    loop {
        let (byte, after) = escape::read_one(rest)?;
        found.push(Token::Byte(byte));
        let plain = after.iter().position(|&byte| byte == b'\\');
        found.extend(tokens(&after[..plain.unwrap_or(after.len())]));
        match plain {
            Some(place) => rest = &after[place + 1..],
            None => return Some(found),
        }
    }
}

/// A glob on its way to a regular expression for bytes.
struct Translation<'a> {
    tokens: &'a [Token],
    regex: String,
    is_text: bool,
}

impl Translation<'_> {
    fn of(tokens: &[Token], is_text: bool) -> Result<String, PatternError> {
        let mut translation = Translation { tokens, regex: r"\A(?:".to_owned(), is_text };
        let mut open = 0;
        while let Some((&token, rest)) = translation.tokens.split_first() {
            translation.tokens = rest;
            match token {
                Token::Char('*') => translation.regex.push_str(".*"),
                Token::Char('?') => translation.regex.push_str(if is_text { "(?u:.)" } else { "." }),
                Token::Char('[') => translation.class()?,
                Token::Char('{') => {
                    open += 1;
                    translation.regex.push_str("(?:");
                }
                Token::Char(',') if open > 0 => translation.regex.push('|'),
                Token::Char('}') if open > 0 => {
                    open -= 1;
                    translation.regex.push(')');
                }
                Token::Char(one) => translation.literal(one),
                Token::Byte(byte) => translation.byte(byte),
            }
        }
        if open > 0 {
            return Err(PatternError("a { is not closed by }".into()));
        }
        translation.regex.push_str(r")\z");
        Ok(translation.regex)
    }

    fn byte(&mut self, byte: u8) {
        self.regex.push_str(&format!("\\x{byte:02x}"));
    }

    fn literal(&mut self, one: char) {
        one.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| self.byte(byte));
    }

    /// Translates what follows a `[`.
    fn class(&mut self) -> Result<(), PatternError> {
        let is_negated = matches!(self.tokens.first(), Some(Token::Char('!' | '^')));
        self.tokens = &self.tokens[usize::from(is_negated)..];
        // A bracket that comes first is one of the characters.
        let end = self.tokens.iter().skip(1).position(|token| *token == Token::Char(']')).map(|place| place + 1);
        let Some(end) = end else {
            return Err(PatternError("a [ is not closed by ]; [[] is the character itself".into()));
        };
        let (members, rest) = self.tokens.split_at(end);
        self.tokens = &rest[1..];
        let class = Class::of(members)?;
        self.regex.push_str(&class.regex(is_negated, self.is_text));
        Ok(())
    }
}

/// One character out of some, as the inside of classes of regular expressions.
#[derive(Debug, Default)]
struct Class {
    text: String,
    bytes: String,
}

impl Class {
    fn of(members: &[Token]) -> Result<Class, PatternError> {
        let mut class = Class::default();
        let mut members = members.iter().copied();
        while let Some(first) = members.next() {
            let mut last = first;
            let mut ahead = members.clone();
            if ahead.next() == Some(Token::Char('-'))
                && let Some(end) = ahead.next()
            {
                (last, members) = (end, ahead);
            }
            class.add(first, last)?;
        }
        Ok(class)
    }

    /// Adds a range.
    fn add(&mut self, first: Token, last: Token) -> Result<(), PatternError> {
        let mut add_text = |first: u32, last: u32| self.text.push_str(&format!("\\x{{{first:x}}}-\\x{{{last:x}}}"));
        match (first, last, first.byte().zip(last.byte())) {
            (_, _, Some((first, last))) if first <= last => {
                self.bytes.push_str(&format!("\\x{first:02x}-\\x{last:02x}"));
                if first < 0x80 {
                    add_text(first.into(), last.min(0x7f).into());
                }
                Ok(())
            }
            (Token::Char(first), Token::Char(last), None) if first <= last => {
                add_text(first.into(), last.into());
                Ok(())
            }
            _ => Err(PatternError("a range in [ ] ends before it begins".into())),
        }
    }

    fn regex(&self, is_negated: bool, is_text: bool) -> String {
        let Class { text, bytes } = self;
        // This holds nothing, where an empty class would be an error.
        let nothing = "a&&b";
        let or_nothing = |class: &str| if class.is_empty() { nothing.to_owned() } else { class.to_owned() };
        match (is_text, is_negated) {
            (true, true) => format!("(?u:[^{}])", or_nothing(text)),
            (true, false) => format!("(?u:[{}])", or_nothing(text)),
            (false, true) => format!("[^{}]", or_nothing(bytes)),
            (false, false) => format!("(?:[{}]|(?u:[{}]))", or_nothing(bytes), or_nothing(text)),
        }
    }
}

impl Token {
    /// The byte that it is, unless it is a character of several.
    fn byte(self) -> Option<u8> {
        match self {
            Token::Char(one) => u8::try_from(one).ok().filter(u8::is_ascii),
            Token::Byte(byte) => Some(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_matches(glob: &str, names: &[&[u8]], others: &[&[u8]]) {
        let glob = FileGlob::new(glob.as_bytes()).expect("a glob");
        for name in names {
            assert!(glob.matches(name), "{}: {}", String::from_utf8_lossy(glob.typed()), name.escape_ascii());
        }
        for name in others {
            assert!(!glob.matches(name), "{}: {}", String::from_utf8_lossy(glob.typed()), name.escape_ascii());
        }
    }

    #[test]
    fn a_glob_matches_the_whole_name_and_its_star_crosses_slashes() {
        assert_matches("*.py", &[b"a.py", b"/a/b.py", b".py", b"a\n\xff.py"], &[b"a.pyc", b"b"]);
        assert_matches("lib/*", &[b"lib/", b"lib/a/b"], &[b"/lib/a"]);
        assert_matches("x.p?", &[b"x.py"], &[b"x.p", b"x.pyc", b"xyp?"]);
        assert_matches("?", &["ü".as_bytes(), b"\xff", b"\n"], &[b"", b"\xff\xfe", b"ab"]);
        assert_matches("", &[b""], &[b"a"]);
        assert_matches("(a+b).$", &[b"(a+b).$"], &[b"aab.$"]);
    }

    #[test]
    fn classes_and_alternatives_are_understood() {
        assert_matches("[a-cx]", &[b"a", b"b", b"x"], &[b"d", b"-", b"ab"]);
        assert_matches("[!a-c]", &[b"d", "ü".as_bytes(), b"\xff"], &[b"a", b""]);
        assert_matches("[]a][[]", &[b"][", b"a["], &[b"]]"]);
        assert_matches("[ü-ž]", &["ü".as_bytes(), "ý".as_bytes()], &[b"u", b"\xfc"]);
        assert_matches("[a-]", &[b"a", b"-"], &[b"b"]);
        assert_matches("{a,b{c,d}}.py", &[b"a.py", b"bc.py", b"bd.py"], &[b"b.py", b"{a.py"]);
        assert_matches("a,b}", &[b"a,b}"], &[]);
        assert_matches("{,x}", &[b"", b"x"], &[b","]);
    }

    #[test]
    fn a_backslash_is_a_character_or_begins_an_escape_as_it_is_printed() {
        assert_matches(r"C:\Users\*", &[br"C:\Users\bob\evil.py"], &[br"C:\\Users\\x", b"C:Users*"]);
        assert_matches(r"C:\\Users\\*", &[br"C:\Users\bob.py", br"C:\\Users\\x"], &[b"C:Users"]);
        assert_matches(r"C:\new\*", &[br"C:\new\x"], &[b"C:\new\\x"]);
        assert_matches(r"*\*", &[br"a\b"], &[b"a*"]);
        assert_matches(r"*\x0a*", &[b"a\nb", br"a\x0ab"], &[b"anb"]);
        assert_matches(r"\xff[\xf0-\xfe]?.py", &[b"\xff\xf5a.py"], &[b"\xff\xffa.py", "ÿþa.py".as_bytes()]);
        assert_matches(r"a\x2ab", &[b"a*b"], &[b"axb"]);
    }

    #[test]
    fn a_name_matches_itself_whatever_it_holds() {
        assert_matches("[x].py", &[b"[x].py", b"x.py"], &[b"y.py"]);
        assert_matches("a b/Ж{1,2}.py", &["a b/Ж{1,2}.py".as_bytes(), "a b/Ж1.py".as_bytes()], &[]);
        assert_matches(r"\\srv\share\[a]\x.py", &[br"\\srv\share\[a]\x.py"], &[]);
        assert_matches(r"/tmp/\x1b[2J/e*?.py", &[br"/tmp/\x1b[2J/e*?.py", b"/tmp/\x1b[2J/e*?.py"], &[b"/tmp/"]);
    }

    #[test]
    fn bytes_that_are_no_text_can_be_typed_as_they_are() {
        let glob = FileGlob::new(b"Jos\xe9/*").expect("a glob");
        assert!(glob.matches(b"Jos\xe9/a") && !glob.matches("José/a".as_bytes()));
    }

    #[test]
    fn what_is_wrong_with_a_glob_is_said() {
        for (glob, part) in [("a[b", "[[]"), ("{a,b", "}"), ("[z-a]", "range"), ("[", "["), ("[!]", "]")] {
            let error = FileGlob::new(glob.as_bytes()).expect_err(glob).to_string();
            assert!(error.contains(part) && !error.contains('\n'), "{glob}: {error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_file_name_matches_itself_as_it_is_printed(name: Vec<u8>) {
            let printed = crate::bytecode::escape::Printable::text(&name).to_string();
            let literally: Vec<u8> = printed.bytes().flat_map(|byte| match byte {
                b'*' | b'?' | b'[' | b'{' => vec![b'[', byte, b']'],
                _ => vec![byte],
            }).collect();
            proptest::prop_assert!(FileGlob::new(&literally).expect("a glob").matches(&name));
            // Without an escape it may be a glob with a fault.
            if let Ok(glob) = FileGlob::new(printed.as_bytes()) {
                proptest::prop_assert!(glob.matches(&name));
            }
        }
    }
}
