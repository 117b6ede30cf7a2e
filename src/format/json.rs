//! JSON text out of arbitrary bytes.  Bytes that are no UTF-8 become U+FFFD, and a member of the same name with `_hex`
//! after it has them all: any reader of JSON can read both, and nothing is lost.  Control and bidi characters are
//! escaped, for terminals' sake.

use std::io::Write as _;

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Appends a string.
pub fn push_string(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    for chunk in bytes.utf8_chunks() {
        for one in chunk.valid().chars() {
            push_char(out, one);
        }
        for _ in chunk.invalid() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
    out.push(b'"');
}

fn push_char(out: &mut Vec<u8>, one: char) {
    match one {
        '"' => out.extend_from_slice(b"\\\""),
        '\\' => out.extend_from_slice(b"\\\\"),
        '\n' => out.extend_from_slice(b"\\n"),
        '\r' => out.extend_from_slice(b"\\r"),
        '\t' => out.extend_from_slice(b"\\t"),
        '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{2028}' | '\u{2029}' => push_escape(out, one),
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            push_escape(out, one)
        }
        _ => out.extend_from_slice(one.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}

fn push_escape(out: &mut Vec<u8>, one: char) {
    let [high, low] = (one as u32 as u16).to_be_bytes();
    out.extend_from_slice(b"\\u");
    push_hex(out, &[high, low]);
}

fn push_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    for &byte in bytes {
        out.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
}

/// Appends `,"key":"bytes as hexadecimal digits"`.
pub fn push_hex_member(out: &mut Vec<u8>, key: &str, bytes: &[u8]) {
    push_key(out, key);
    out.push(b'"');
    push_hex(out, bytes);
    out.push(b'"');
}

/// Appends `,"key":"text"`, and `,"key_hex":"…"` where the bytes are no UTF-8.
pub fn push_text_member(out: &mut Vec<u8>, key: &str, bytes: &[u8]) {
    push_key(out, key);
    push_string(out, bytes);
    if str::from_utf8(bytes).is_err() {
        push_hex_member(out, &format!("{key}_hex"), bytes);
    }
}

/// Appends `,"key":["text",…]`, and `,"key_hex":{"index":"…",…}` for those that are no UTF-8.
pub fn push_list_member(out: &mut Vec<u8>, key: &str, list: &[Vec<u8>]) {
    push_key(out, key);
    out.push(b'[');
    for (index, bytes) in list.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push_string(out, bytes);
    }
    out.push(b']');
    let mut invalid = list.iter().enumerate().filter(|(_, bytes)| str::from_utf8(bytes).is_err()).peekable();
    if invalid.peek().is_none() {
        return;
    }
    push_key(out, &format!("{key}_hex"));
    let mut between = b'{';
    for (index, bytes) in invalid {
        out.push(between);
        out.extend_from_slice(format!("\"{index}\":\"").as_bytes());
        push_hex(out, bytes);
        out.push(b'"');
        between = b',';
    }
    out.push(b'}');
}

/// Appends `,"key":value` for a number, a boolean or null.
pub fn push_member(out: &mut Vec<u8>, key: &str, value: impl std::fmt::Display) {
    push_key(out, key);
    // Writing to a vector does not fail.
    let _ = write!(out, "{value}");
}

/// The same of a number, faster.
pub fn push_number_member(out: &mut Vec<u8>, key: &str, value: u64) {
    push_key(out, key);
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends `,"key":value`, null for None.
pub fn push_optional_member(out: &mut Vec<u8>, key: &str, value: Option<impl std::fmt::Display>) {
    match value {
        Some(value) => push_member(out, key, value),
        None => push_member(out, key, "null"),
    }
}

fn push_key(out: &mut Vec<u8>, key: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_come_back(bytes: Vec<u8>, list: Vec<Vec<u8>>) {
            let mut out = b"{\"first\":0".to_vec();
            push_text_member(&mut out, "text", &bytes);
            push_list_member(&mut out, "list", &list);
            out.push(b'}');
            let value: serde_json::Value = serde_json::from_slice(&out).expect("JSON");
            let back = |text: &serde_json::Value, hex: &serde_json::Value| match hex.as_str() {
                Some(hex) => {
                    (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..][..2], 16).expect("hex")).collect()
                }
                None => text.as_str().expect("text").as_bytes().to_vec(),
            };
            prop_assert_eq!(back(&value["text"], &value["text_hex"]), bytes);
            for (index, bytes) in list.into_iter().enumerate() {
                prop_assert_eq!(back(&value["list"][index], &value["list_hex"][index.to_string()]), bytes);
            }
        }

        #[test]
        fn no_control_character_is_written(bytes: Vec<u8>) {
            let mut out = Vec::new();
            push_string(&mut out, &bytes);
            let text = String::from_utf8(out).expect("UTF-8");
            let is_harmless = |one: char| !one.is_control() && !matches!(one, '\u{2028}'..='\u{202e}');
            prop_assert!(text.chars().all(is_harmless));
        }
    }
}
