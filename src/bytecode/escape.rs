//! Owns the escapes that keep one instruction on one line whatever its names and constants hold:
//! line breaks, control characters, bidi controls and invalid UTF-8 become `\n \r \t \xNN`.

use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Text that a program, a file or a file's name chose, for one line that people read.  Its only way out is `Display`,
/// which escapes, so such text cannot be printed raw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Printable<'a> {
    bytes: &'a [u8],
    part: Part,
}

impl<'a> Printable<'a> {
    /// The name of a code object, in which a space is escaped too, as in NAME of a trace.
    pub fn name(bytes: &'a [u8]) -> Self {
        Printable { bytes, part: Part::Name }
    }

    /// Any other text.
    pub fn text(bytes: &'a [u8]) -> Self {
        Printable { bytes, part: Part::Operand }
    }

    /// The path of a file.
    pub fn path(path: &'a Path) -> Self {
        Printable::text(path.as_os_str().as_bytes())
    }
}

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = Vec::with_capacity(self.bytes.len());
        push(&mut line, self.bytes, self.part, false);
        // What was escaped is UTF-8.
        f.pad(&String::from_utf8_lossy(&line))
    }
}

/// Which part of a line is written: in a name a space is escaped too, so that the first `> ` ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Name,
    Operand,
}

/// Returns whether writing `bytes` takes an escape; then every backslash of its line is doubled.
pub(super) fn has_escape(bytes: &[u8], part: Part) -> bool {
    if bytes.iter().all(|&byte| is_plain_ascii(byte, part)) {
        return false;
    }
    bytes
        .utf8_chunks()
        .any(|chunk| !chunk.invalid().is_empty() || chunk.valid().chars().any(|one| is_escaped(one, part)))
}

/// Appends `bytes` to a line, escaped where they need it.  `doubled` says that another part of the line has an escape,
/// so that backslashes are doubled here too.
pub(super) fn push(line: &mut Vec<u8>, bytes: &[u8], part: Part, doubled: bool) {
    if !doubled && !has_escape(bytes, part) {
        line.extend_from_slice(bytes);
        return;
    }
    for chunk in bytes.utf8_chunks() {
        for one in chunk.valid().chars() {
            let mut buffer = [0; 4];
            let encoded = one.encode_utf8(&mut buffer).as_bytes();
            match one {
                '\\' => line.extend_from_slice(b"\\\\"),
                '\n' => line.extend_from_slice(b"\\n"),
                '\r' => line.extend_from_slice(b"\\r"),
                '\t' => line.extend_from_slice(b"\\t"),
                _ if is_escaped(one, part) => push_hexadecimal(line, encoded),
                _ => line.extend_from_slice(encoded),
            }
        }
        push_hexadecimal(line, chunk.invalid());
    }
}

/// Appends `bytes` so that [`read`] returns them: escaped if they need it, or if they look like something that was escaped.
pub fn push_exact(out: &mut Vec<u8>, bytes: &[u8]) {
    push(out, bytes, Part::Operand, bytes.contains(&b'\\') && read(bytes).is_some());
}

/// Reads what [`push`] has written with escapes; None if it has none, or a backslash that begins none.
pub fn read(printed: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(printed.len());
    let mut rest = printed;
    while let Some((&byte, mut after)) = rest.split_first() {
        if byte == b'\\' {
            let (escaped, next) = read_one(after)?;
            bytes.push(escaped);
            after = next;
        } else {
            bytes.push(byte);
        }
        rest = after;
    }
    (bytes.len() < printed.len()).then_some(bytes)
}

/// Reads one escape without its backslash; returns its byte and what follows it.
pub fn read_one(after: &[u8]) -> Option<(u8, &[u8])> {
    let (&kind, after) = after.split_first()?;
    let byte = match kind {
        b'\\' => b'\\',
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'x' => {
            let (digits, next) = after.split_first_chunk::<2>()?;
            let value = |digit: u8| char::from(digit).to_digit(16);
            let byte = value(digits[0])? * 16 + value(digits[1])?;
            return Some((u8::try_from(byte).ok()?, next));
        }
        _ => return None,
    };
    Some((byte, after))
}

/// Returns whether a character is shown escaped in any text.
pub fn is_unsafe(one: char) -> bool {
    is_escaped(one, Part::Operand)
}

fn is_plain_ascii(byte: u8, part: Part) -> bool {
    (0x21..0x7f).contains(&byte) || (byte == b' ' && part == Part::Operand)
}

fn is_escaped(one: char, part: Part) -> bool {
    match one {
        ' ' => part == Part::Name,
        '\0'..='\x1f' | '\x7f'..='\u{9f}' => true,
        '\u{2028}' | '\u{2029}' => true,
        // The bidi controls (Unicode property Bidi_Control) reorder what a terminal shows.
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        _ => false,
    }
}

fn push_hexadecimal(line: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for &byte in bytes {
        let digits = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
        line.extend_from_slice(b"\\x");
        line.extend_from_slice(&digits);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(bytes: &[u8], part: Part) -> String {
        Printable { bytes, part }.to_string()
    }

    #[test]
    fn plain_text_stays_as_it_is() {
        for text in ["", "a b", "C:\\new", "ü→😀", "\u{a0}"] {
            assert_eq!(escaped(text.as_bytes(), Part::Operand), text);
        }
    }

    #[test]
    fn controls_become_escapes_and_double_the_backslashes() {
        assert_eq!(escaped(b"a\nb\r\t\\", Part::Operand), r"a\nb\r\t\\");
        assert_eq!(escaped(b"\0\x1b\x7f", Part::Operand), r"\x00\x1b\x7f");
        assert_eq!(escaped("\u{85}\u{2028}".as_bytes(), Part::Operand), r"\xc2\x85\xe2\x80\xa8");
        assert_eq!(escaped("a\u{202e}b\u{2066}".as_bytes(), Part::Operand), r"a\xe2\x80\xaeb\xe2\x81\xa6");
    }

    #[test]
    fn invalid_utf8_is_escaped_byte_by_byte() {
        assert_eq!(escaped(b"\xffab\xc3", Part::Operand), r"\xffab\xc3");
        assert_eq!(escaped(b"\xed\xa0\x80 \xc0\xaf", Part::Operand), r"\xed\xa0\x80 \xc0\xaf");
    }

    #[test]
    fn a_space_is_escaped_in_a_name_only() {
        assert_eq!(escaped(b"a> 0 NOP", Part::Name), r"a>\x200\x20NOP");
        assert_eq!(escaped(b"a> 0 NOP", Part::Operand), "a> 0 NOP");
    }

    #[test]
    fn a_part_with_an_escape_is_escaped_whatever_the_line_says() {
        let mut line = Vec::new();
        push(&mut line, b"\x1b[2J\n", Part::Name, false);
        assert_eq!(line, br"\x1b[2J\n");
        push(&mut line, br"\plain", Part::Name, true);
        assert_eq!(line, br"\x1b[2J\n\\plain");
    }

    #[test]
    fn printable_text_can_be_padded() {
        assert_eq!(format!("{:>8}|", Printable::name(b"a b")), r"  a\x20b|");
        assert_eq!(Printable::path(Path::new("x\u{202e}y")).to_string(), r"x\xe2\x80\xaey");
    }

    #[test]
    fn what_is_no_escape_is_not_read() {
        for text in ["", "plain", r"C:\Users", r"a\", r"\x1", r"\xg0", r"\q"] {
            assert_eq!(read(text.as_bytes()), None, "{text}");
        }
        assert_eq!(read(br"a\x20b\\\n\XFF"), None);
        assert_eq!(read(br"a\x20b\\\n\xFF"), Some(b"a b\\\n\xff".to_vec()));
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_with_escapes_is_read_as_it_was(bytes: Vec<u8>) {
            for part in [Part::Name, Part::Operand] {
                let mut line = Vec::new();
                push(&mut line, &bytes, part, true);
                proptest::prop_assert_eq!(read(&line).unwrap_or(line), bytes.clone());
            }
        }

        #[test]
        fn exact_text_is_read_as_it_was(bytes: Vec<u8>, text in r"[\\\\nx0-9a-fA-F]{0,12}") {
            for bytes in [bytes.as_slice(), text.as_bytes()] {
                let mut line = Vec::new();
                push_exact(&mut line, bytes);
                proptest::prop_assert_eq!(read(&line).unwrap_or(line), bytes);
            }
        }

        #[test]
        fn nothing_breaks_a_line(bytes: Vec<u8>) {
            let text = escaped(&bytes, Part::Name);
            assert!(text.chars().all(|one| !is_escaped(one, Part::Name)));
            assert!(!has_escape(text.as_bytes(), Part::Name));
        }
    }
}
