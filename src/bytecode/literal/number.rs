//! Reading constants that are one word: names and numbers.

use num_bigint::BigInt;

use super::read::{LiteralError, unknown};
use crate::bytecode::object::Object;

/// Reads a constant that is one word: a name or a number.
pub(super) fn plain(token: &[u8]) -> Option<Object> {
    Some(match token {
        b"None" => Object::None,
        b"True" => Object::Bool(true),
        b"False" => Object::Bool(false),
        b"Ellipsis" => Object::Ellipsis,
        b"StopIteration" => Object::StopIteration,
        _ => {
            let digits = token.strip_suffix(b"L").unwrap_or(token);
            let unsigned = digits.strip_prefix(b"-").unwrap_or(digits);
            if !unsigned.is_empty() && unsigned.iter().all(u8::is_ascii_digit) {
                let text = std::str::from_utf8(digits).ok()?;
                match text.parse() {
                    Ok(int) if digits.len() == token.len() => Object::Int(int),
                    _ => Object::Long(Box::new(text.parse::<BigInt>().ok()?)),
                }
            } else {
                Object::Float(float(token)?)
            }
        }
    })
}

/// Reads a float's repr, or one with the bits of a nan.
pub(super) fn float(token: &[u8]) -> Option<f64> {
    if let Some(bits) = token.strip_prefix(b"nan(0x").and_then(|rest| rest.strip_suffix(b")")) {
        return u64::from_str_radix(std::str::from_utf8(bits).ok()?, 16).ok().map(f64::from_bits);
    }
    match token {
        b"nan" => Some(f64::from_bits(0x7ff8 << 48)),
        // Rust's own words for these are more than Python's.
        b"inf" => Some(f64::INFINITY),
        b"-inf" => Some(f64::NEG_INFINITY),
        _ if token.iter().all(|byte| b"0123456789+-.eE".contains(byte)) => {
            std::str::from_utf8(token).ok()?.parse().ok()
        }
        _ => None,
    }
}

/// The length of a complex number's repr, if one begins here: `2j` or `(1+2j)`.
pub(super) fn complex_length(text: &[u8]) -> Option<usize> {
    let is_bracketed = text.starts_with(b"(");
    let from = usize::from(is_bracketed);
    let is_part = |byte: &u8| b"0123456789+-.einfEj".contains(byte);
    let length = text.get(from..)?.iter().take_while(|byte| is_part(byte)).count();
    let number = &text[from..from + length];
    if !number.ends_with(b"j") {
        return None;
    }
    match is_bracketed {
        true => (text.get(from + length) == Some(&b')')).then_some(length + 2),
        false => Some(length),
    }
}

/// Reads a complex number's repr.
pub(super) fn complex(text: &[u8]) -> Result<Object, LiteralError> {
    let bad = || unknown(text);
    let number = text.strip_prefix(b"(").and_then(|rest| rest.strip_suffix(b")")).unwrap_or(text);
    let number = number.strip_suffix(b"j").ok_or_else(bad)?;
    // The sign between the parts is the last one that is not of an exponent.
    let middle = (1..number.len()).rev().find(|&at| b"+-".contains(&number[at]) && !b"eE".contains(&number[at - 1]));
    let (real, imaginary) = match middle.filter(|_| text.starts_with(b"(")) {
        Some(middle) => (float(&number[..middle]).ok_or_else(bad)?, &number[middle..]),
        None => (0.0, number),
    };
    let imaginary = imaginary.strip_prefix(b"+").unwrap_or(imaginary);
    Ok(Object::Complex(Box::new((real, float(imaginary).ok_or_else(bad)?))))
}
