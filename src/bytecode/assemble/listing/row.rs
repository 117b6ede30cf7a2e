//! One line of a listing that has an instruction: what stands before it, its opcode, and the text of its operand.

use super::{Problem, printable};
use crate::bytecode::opcode;

/// A line with an instruction, or with bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row<'a> {
    pub line: Option<i32>,
    /// The offset that the listing says, or any other label.
    pub label: Option<&'a [u8]>,
    /// None for `.bytes`.
    pub opcode: Option<u8>,
    /// What follows the opcode's name.
    pub rest: &'a [u8],
}

/// Splits a line.  `has_colons` says that offsets have one, as `bctrace dis` writes them; else the last number before the opcode is the
/// offset, as dis writes it.  None if the line has no opcode.
pub(super) fn split(text: &[u8], has_colons: bool) -> Result<Option<Row<'_>>, Problem> {
    let mut row = Row { line: None, label: None, opcode: None, rest: text };
    let mut numbers: Vec<&[u8]> = Vec::new();
    loop {
        let trimmed = row.rest.trim_ascii_start();
        let end = trimmed.iter().position(u8::is_ascii_whitespace).unwrap_or(trimmed.len());
        let (token, rest) = trimmed.split_at(end);
        if token.is_empty() {
            return Ok(None);
        }
        row.rest = rest;
        // A line of source can be negative: a file says what it likes.
        let digits = token.strip_prefix(b"-").unwrap_or(token);
        let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
        if token == b">>" || token == b"-->" {
            continue;
        }
        if has_colons && row.label.is_some() && is_of_columns(token) {
            continue;
        }
        if let Some(label) = token.strip_suffix(b":").filter(|label| has_colons && !label.is_empty()) {
            row.label = Some(label);
            continue;
        }
        if is_number {
            numbers.push(token);
            continue;
        }
        if token == b".bytes" && has_colons {
            break;
        }
        match opcode_of(token) {
            Some(opcode) => row.opcode = Some(opcode),
            None if looks_like_opcode(token) && (has_colons || !numbers.is_empty()) => {
                return Err(Problem::Opcode(printable(token)));
            }
            None => return Ok(None),
        }
        break;
    }
    if !has_colons {
        row.label = numbers.pop();
    }
    let line = numbers.pop().and_then(|digits| std::str::from_utf8(digits).ok());
    row.line = line.and_then(|digits| digits.parse().ok());
    Ok(Some(row))
}

/// Columns between offset and opcode: bytes, how often it ran.
fn is_of_columns(token: &[u8]) -> bool {
    let is_byte = token.len() == 2 && token.iter().all(u8::is_ascii_hexdigit);
    let is_count = token.strip_suffix(b"x").is_some_and(|digits| digits.iter().all(u8::is_ascii_digit));
    is_byte || is_count || token == b"-"
}

fn opcode_of(token: &[u8]) -> Option<u8> {
    let name = std::str::from_utf8(token).ok()?;
    if let Some(number) = name.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')) {
        return number.parse().ok();
    }
    opcode::of_name(name)
}

fn looks_like_opcode(token: &[u8]) -> bool {
    token.len() > 2
        && token.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"_+<>".contains(byte))
}

/// Splits a number, with or without `L`, off the front of an operand.
pub(super) fn number(text: &[u8]) -> Option<(i64, &[u8])> {
    let text = text.trim_ascii_start();
    let sign = usize::from(text.starts_with(b"-"));
    let digits = text[sign..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = std::str::from_utf8(&text[..sign + digits]).ok()?.parse().ok()?;
    let rest = &text[sign + digits..];
    Some((number, rest.strip_prefix(b"L").unwrap_or(rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_told_apart() {
        let row = split(b"    4 >>   12:  64 01 00  LOAD_CONST  1  (x)", true).unwrap().unwrap();
        assert_eq!((row.line, row.label, row.opcode), (Some(4), Some(&b"12"[..]), Some(100)));
        assert_eq!(row.rest, b"  1  (x)");
        let row = split(b"         12:    -  64 01 00  LOAD_CONST  1", true).unwrap().unwrap();
        assert_eq!((row.line, row.label, row.opcode), (None, Some(&b"12"[..]), Some(100)));
        let row = split(b" 12     >>    3 SLICE+0", false).unwrap().unwrap();
        assert_eq!((row.line, row.label, row.opcode), (Some(12), Some(&b"3"[..]), Some(30)));
        assert_eq!(split(b" -1   0:  00  STOP_CODE", true).unwrap().unwrap().line, Some(-1));
        assert_eq!(split(b"  3 <200>   7", false).unwrap().unwrap().opcode, Some(200));
        assert_eq!(split(b"Disassembly of f:", false), Ok(None));
        assert_eq!(split(b"  3 LOAD_CONTS 1", false), Err(Problem::Opcode("LOAD_CONTS".into())));
    }
}
