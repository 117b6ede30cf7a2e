//! Recognises a trace by its first bytes: only a trace is replaced without being asked.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

use crate::format::{Beginning, recognized};

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
            Content::Trace => "is a trace",
            Content::CompiledProgram => "is a compiled program",
            Content::Other => "is not a trace",
            Content::Unreadable => "may not be read",
        })
    }
}

/// Looks at what a file that is not empty holds.
pub(super) fn content(file: &File) -> io::Result<Content> {
    let mut magic = [0; 4];
    let count = file.read_at(&mut magic, 0)?;
    Ok(match recognized(At { file, offset: 0 }) {
        Beginning::Trace(_) | Beginning::Nothing => Content::Trace,
        Beginning::Other if magic[..count] == *b"\x03\xf3\r\n" => Content::CompiledProgram,
        Beginning::Other => Content::Other,
    })
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
    fn a_trace_is_distinguished_from_a_program_and_from_anything_else() {
        assert_eq!(of(b"<module>> 0 LOAD_CONST (0)\nanything"), Content::Trace);
        assert_eq!(of(&zstd::encode_all(&b""[..], 1).expect("zstd")), Content::Trace, "nothing, compressed");
        assert_eq!(of(b"\x03\xf3\r\n\0\0\0\0c"), Content::CompiledProgram);
        assert_eq!(of(b"precious\n"), Content::Other);
    }
}
