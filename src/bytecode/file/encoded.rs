//! Data in zlib's form, in base64, or in hexadecimal.

use super::FileError;
use super::limit::{Limit, LimitError};

/// The least that is worth looking at.
const SHORTEST: usize = 16;

/// Decodes what a file is in; None if it is in none of these forms.
pub fn decode(bytes: &[u8], limit: &mut Limit) -> Result<Option<(&'static str, Vec<u8>)>, FileError> {
    if let [0x08 | 0x18 | 0x28 | 0x38 | 0x48 | 0x58 | 0x68 | 0x78, flags, ..] = *bytes
        && (u16::from(bytes[0]) << 8 | u16::from(flags)) % 31 == 0
    {
        return match limit.inflate(bytes, true, None) {
            Ok(unpacked) => Ok(Some(("zlib", unpacked))),
            Err(LimitError::TooLarge) => Err(FileError::TooLarge),
            Err(_) => Ok(None),
        };
    }
    let text: Vec<u8> = bytes.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    if text.len() < SHORTEST {
        return Ok(None);
    }
    Ok(hexadecimal(&text).map(|bytes| ("hexadecimal", bytes)).or_else(|| base64(&text).map(|bytes| ("base64", bytes))))
}

fn hexadecimal(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let pairs = text.chunks(2);
    pairs.map(|pair| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?)).collect()
}

/// Decodes the usual alphabet and that of URLs; padding may be missing.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let end = text.len() - text.iter().rev().take(2).take_while(|byte| **byte == b'=').count();
    let mut out = Vec::with_capacity(end / 4 * 3 + 3);
    for group in text[..end].chunks(4) {
        let mut bits = 0u32;
        for byte in group {
            bits = bits << 6 | u32::from(value(*byte)?);
        }
        let bytes = match group.len() {
            4 => 3,
            3 => 2,
            2 => 1,
            _ => return None,
        };
        bits <<= 6 * (4 - group.len());
        out.extend_from_slice(&bits.to_be_bytes()[1..=bytes]);
    }
    Some(out)
}

fn value(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(text: &[u8]) -> Option<(&'static str, Vec<u8>)> {
        decode(text, &mut Limit::default()).expect("within the limit")
    }

    #[test]
    fn base64_of_each_length_is_decoded() {
        for (text, bytes) in [
            (&b"QUJDREVGR0hJSktMTU5P"[..], &b"ABCDEFGHIJKLMNO"[..]),
            (b"QUJDREVGR0hJSktMTU4=\n", b"ABCDEFGHIJKLMN"),
            (b"QUJDREVG\r\nR0hJSktMTQ==", b"ABCDEFGHIJKLM"),
            (b"QUJDREVGR0hJSktMTQ", b"ABCDEFGHIJKLM"),
        ] {
            assert_eq!(decoded(text), Some(("base64", bytes.to_vec())));
        }
        assert_eq!(
            decoded(b"-_-_-_-_-_-_-_-_").map(|(_, bytes)| bytes),
            decoded(b"+/+/+/+/+/+/+/+/").map(|(_, bytes)| bytes)
        );
    }

    #[test]
    fn hexadecimal_is_decoded_and_other_text_is_not() {
        assert_eq!(decoded(b"03F30d0a 00000000\n63"), Some(("hexadecimal", b"\x03\xf3\r\n\0\0\0\0c".to_vec())));
        assert_eq!(decoded(b"import sys; print sys.argv"), None);
        assert_eq!(decoded(b"short"), None);
        assert_eq!(decoded(b"QUJDREVGR0hJSktMTU5PQ"), None);
    }
}
