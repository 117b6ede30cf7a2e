//! The words of a line of a listing: flags, bytes, remarks.

use super::{Problem, printable};
use crate::bytecode::assemble::flags;

/// Splits the first word off a text.
pub(super) fn word_of(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(u8::is_ascii_whitespace).unwrap_or(text.len());
    (&text[..end], text[end..].trim_ascii())
}

/// Whether there is nothing but a remark.
pub(super) fn is_remark(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    text.is_empty() || text.starts_with(b"#")
}

/// Reads names of flags, and numbers in hexadecimal digits.
pub(super) fn flags_of(text: &[u8]) -> Result<i32, Problem> {
    let mut flags = 0;
    for word in text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()) {
        if word.starts_with(b"#") {
            break;
        }
        let name = std::str::from_utf8(word).unwrap_or_default();
        let number = name.strip_prefix("0x").and_then(|digits| u32::from_str_radix(digits, 16).ok());
        flags |= number.or_else(|| flags::of_name(name)).ok_or_else(|| Problem::Flag(printable(word)))?;
    }
    Ok(flags.cast_signed())
}

/// Reads bytes, each of two hexadecimal digits.
pub(super) fn bytes_of(text: &[u8]) -> Result<Vec<u8>, Problem> {
    let words = text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let byte = |word: &[u8]| {
        let digits = std::str::from_utf8(word).ok().filter(|digits| digits.len() == 2);
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        byte.ok_or_else(|| Problem::Byte(printable(word)))
    };
    words.take_while(|word| !word.starts_with(b"#")).map(byte).collect()
}
