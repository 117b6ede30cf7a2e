//! Recognises a trace by how it begins.

use std::io::Read;

use super::bct::layout::FILE_MAGIC;
use super::{Format, decompressed};
use crate::bytecode::opcode;

/// Bytes that are looked at, decompressed; the names in a trace are cut far below.
const HEAD: u64 = 64 << 10;
/// How a trace of JSON lines begins.
const JSONL: &[u8] = b"{\"type\":\"start\",\"bctrace\":";

/// What a file begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beginning {
    /// A trace of this form, compressed or not.
    Trace(Format),
    /// It holds nothing, compressed or not.
    Nothing,
    Other,
}

/// Returns what a file begins with.
pub fn recognized(file: impl Read) -> Beginning {
    let mut head = Vec::new();
    // What a damaged stream holds up to its damage is enough, or it is no trace.
    let is_whole = decompressed(file).and_then(|input| input.take(HEAD).read_to_end(&mut head)).is_ok();
    match &head[..] {
        [] if is_whole => Beginning::Nothing,
        head if head.starts_with(&FILE_MAGIC) => Beginning::Trace(Format::Bct),
        head if head.starts_with(JSONL) => Beginning::Trace(Format::Jsonl),
        head if is_line(head) => Beginning::Trace(Format::Text),
        _ => Beginning::Other,
    }
}

/// Returns whether text begins with a line of a trace: `NAME> OFFSET OPNAME`, and then what it may have.
fn is_line(text: &[u8]) -> bool {
    let Some(line) = text.split(|&byte| byte == b'\n').next().and_then(|line| str::from_utf8(line).ok()) else {
        return false;
    };
    let Some((name, rest)) = line.split_once("> ") else { return false };
    let Some((offset, rest)) = rest.split_once(' ') else { return false };
    let (word, after) = rest.split_once(' ').unwrap_or((rest, ""));
    let is_opcode = match word.parse::<u8>() {
        Ok(number) => opcode::name(number).is_none() && after == "**********INVALID**********",
        Err(_) => {
            let is_known = (0..=u8::MAX).any(|number| opcode::name(number) == Some(word));
            is_known && (after.is_empty() || after.starts_with(['(', ' ']))
        }
    };
    !name.contains([' ', '\t']) && offset.parse::<i32>().is_ok() && is_opcode
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(bytes).expect("gzip");
        gzip.finish().expect("gzip")
    }

    #[test]
    fn traces_are_known_by_how_they_begin() {
        let traces: [(&[u8], Format); 9] = [
            (b"\x89bctrace\r\n\x1a\n\x03\0\0\0", Format::Bct),
            (b"{\"type\":\"start\",\"bctrace\":\"0.1.0\"}\n", Format::Jsonl),
            (b"<module>> 0 LOAD_CONST (0)\nanything", Format::Text),
            (b"f> 12 NOP", Format::Text),
            (b"> 0 STOP_CODE\n", Format::Text),
            (b"a\\x20b> -12 LOAD_CONST (a > b> c)\n", Format::Text),
            (b"f> 3 LOAD_FAST (0)  (n=3)\n", Format::Text),
            (b"f> 3 RETURN_VALUE  None\n", Format::Text),
            (b"f> 3 200 **********INVALID**********\n", Format::Text),
        ];
        for (trace, format) in traces {
            let packed = zstd::encode_all(trace, 1).expect("zstd");
            for file in [trace.to_vec(), packed, gzip(trace)] {
                assert_eq!(recognized(&file[..]), Beginning::Trace(format), "{}", trace.escape_ascii());
            }
        }
        for file in [Vec::new(), zstd::encode_all(&b""[..], 1).expect("zstd"), gzip(b"")] {
            assert_eq!(recognized(&file[..]), Beginning::Nothing);
        }
    }

    #[test]
    fn nothing_else_is_taken_for_a_trace() {
        let others: [&[u8]; 17] = [
            b"\x89bctrace",
            b"{\"type\":\"start\"}\n",
            b"{}\n",
            b"import os\n",
            b"a> b\n",
            b"f> 3 NOPE\n",
            b"f> x NOP\n",
            b"a b> 3 NOP\n",
            b"f> 3 NOP and more\n",
            b"f> 3 100 **********INVALID**********\n",
            b"\n<module>> 0 LOAD_CONST (0)\n",
            b"\xff> 0 NOP\n",
            b"\x1f\x8b\x08 cut",
            b"\x28\xb5\x2f\xfd",
            b"\x03\xf3\r\n",
            b"\0",
            b"precious",
        ];
        for other in others {
            assert_eq!(recognized(other), Beginning::Other, "{}", other.escape_ascii());
        }
        let packed = zstd::encode_all(&b"precious"[..], 1).expect("zstd");
        assert_eq!(recognized(&packed[..]), Beginning::Other);
    }
}
