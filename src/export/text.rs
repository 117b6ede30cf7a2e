//! Texts that a program chose, as the exports hold them: UTF-8 on one line, from which the bytes can be read again.

use crate::bytecode::escape;

/// A text as a string.
pub fn exact(bytes: &[u8]) -> String {
    let mut out = Vec::with_capacity(bytes.len());
    escape::push_exact(&mut out, bytes);
    // What was escaped is UTF-8.
    String::from_utf8_lossy(&out).into_owned()
}

/// Appends a string of JSON.
pub fn push_json(out: &mut Vec<u8>, bytes: &[u8]) {
    let from = out.len() + 1;
    out.push(b'"');
    escape::push_exact(out, bytes);
    // No control character is left, so these two are all that JSON escapes.
    if out[from..].iter().any(|byte| matches!(byte, b'"' | b'\\')) {
        let text = out.split_off(from);
        for byte in text {
            if matches!(byte, b'"' | b'\\') {
                out.push(b'\\');
            }
            out.push(byte);
        }
    }
    out.push(b'"');
}

/// A list of texts as an array of JSON.
pub fn list(texts: &[Vec<u8>]) -> Vec<u8> {
    let mut out = vec![b'['];
    for (position, text) in texts.iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        push_json(&mut out, text);
    }
    out.push(b']');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn a_list_is_json_that_holds_the_bytes(texts: Vec<Vec<u8>>) {
            let parsed: Vec<String> = serde_json::from_slice(&list(&texts)).unwrap();
            for (parsed, text) in parsed.iter().zip(&texts) {
                let read = escape::read(parsed.as_bytes()).unwrap_or_else(|| parsed.clone().into_bytes());
                proptest::prop_assert_eq!(&read, text);
                proptest::prop_assert_eq!(parsed, &exact(text));
            }
            proptest::prop_assert_eq!(parsed.len(), texts.len());
        }
    }
}
