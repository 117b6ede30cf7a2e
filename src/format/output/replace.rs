//! Tells a trace from every other file by its first bytes: only a trace is replaced without being asked.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

use crate::bytecode::opcode;
use crate::format::bct::layout::FILE_MAGIC;
use crate::format::decompressed;

/// Bytes of a file's content that are looked at: a name is cut far below.
const HEAD: u64 = 64 << 10;

/// How a trace of JSON lines begins.
const JSONL: &[u8] = b"{\"type\":\"start\",\"bctrace\":";

/// What an existing file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// A trace in any form, or compressed nothing.
    Trace,
    CompiledProgram,
    Other,
    /// It may not be read.
    Unreadable,
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Content::Trace => "it is a trace",
            Content::CompiledProgram => "it is a compiled program",
            Content::Other => "it is no trace",
            Content::Unreadable => "it may not be read",
        })
    }
}

/// Looks at what a file that is not empty holds.
pub(super) fn content(file: &File) -> io::Result<Content> {
    let mut head = Vec::new();
    // What a damaged stream holds up to its damage is enough, or it is no trace.
    let is_whole = match decompressed(At { file, offset: 0 }) {
        Ok(content) => content.take(HEAD).read_to_end(&mut head).is_ok(),
        Err(_) => false,
    };
    let mut magic = [0; 4];
    let count = file.read_at(&mut magic, 0)?;
    Ok(match &head[..] {
        [] if is_whole => Content::Trace,
        head if head.starts_with(&FILE_MAGIC) || head.starts_with(JSONL) || is_line(head) => Content::Trace,
        _ if magic[..count] == *b"\x03\xf3\r\n" => Content::CompiledProgram,
        _ => Content::Other,
    })
}

/// Tells whether text begins with a line of a trace: `NAME> OFFSET OPNAME`, and then what it may have.
fn is_line(text: &[u8]) -> bool {
    let Some(line) = text.split(|&byte| byte == b'\n').next().and_then(|line| str::from_utf8(line).ok()) else {
        return false;
    };
    let Some((name, rest)) = line.split_once("> ") else { return false };
    let Some((offset, rest)) = rest.split_once(' ') else { return false };
    let (word, behind) = rest.split_once(' ').unwrap_or((rest, ""));
    let is_opcode = match word.parse::<u8>() {
        Ok(number) => opcode::name(number).is_none() && behind == "**********INVALID**********",
        Err(_) => {
            let is_known = (0..=u8::MAX).any(|number| opcode::name(number) == Some(word));
            is_known && (behind.is_empty() || behind.starts_with(['(', ' ']))
        }
    };
    !name.contains([' ', '\t']) && offset.parse::<i32>().is_ok() && is_opcode
}

/// Reads a file from its beginning and leaves its cursor alone.
struct At<'a> {
    file: &'a File,
    offset: u64,
}

impl Read for At<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(bytes, self.offset)?;
        self.offset += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn of(bytes: &[u8]) -> Content {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(bytes).expect("written");
        content(&file).expect("readable")
    }

    #[test]
    fn traces_are_known_by_how_they_begin() {
        let traces: [&[u8]; 9] = [
            b"\x89bctrace\r\n\x1a\n\x03\0\0\0",
            b"{\"type\":\"start\",\"bctrace\":\"0.1.0\"}\n",
            b"<module>> 0 LOAD_CONST (0)\nanything",
            b"f> 12 NOP",
            b"> 0 STOP_CODE\n",
            b"a\\x20b> -12 LOAD_CONST (a > b> c)\n",
            b"f> 3 LOAD_FAST (0)  (n=3)\n",
            b"f> 3 RETURN_VALUE  None\n",
            b"f> 3 200 **********INVALID**********\n",
        ];
        for trace in traces {
            assert_eq!(of(trace), Content::Trace, "{:?}", String::from_utf8_lossy(trace));
            assert_eq!(of(&zstd::encode_all(trace, 1).expect("zstd")), Content::Trace);
            let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            gzip.write_all(trace).expect("gzip");
            assert_eq!(of(&gzip.finish().expect("gzip")), Content::Trace);
        }
        assert_eq!(of(&zstd::encode_all(&b""[..], 1).expect("zstd")), Content::Trace, "nothing, compressed");
    }

    #[test]
    fn nothing_else_is_taken_for_a_trace() {
        let others: [&[u8]; 15] = [
            b"\x89bctrace",
            b"{\"type\":\"start\"}\n",
            b"{}\n",
            b"precious\n",
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
            b"\0",
        ];
        for other in others {
            assert_eq!(of(other), Content::Other, "{:?}", String::from_utf8_lossy(other));
        }
        assert_eq!(of(b"\x03\xf3\r\n\0\0\0\0c"), Content::CompiledProgram);
        assert_eq!(of(&zstd::encode_all(&b"precious"[..], 1).expect("zstd")), Content::Other);
    }
}
