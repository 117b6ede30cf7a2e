//! What the program printed, as lines that are safe to look at: the first part of it as it comes, the last part at the end.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};

use crate::bytecode::escape::Printable;

/// Bytes that are written as they come, and bytes of the end that are kept after those.
const FIRST: usize = 768 << 10;
const LAST: usize = 256 << 10;
/// Bytes of a line that are written before its end has come.
const LONG: usize = 16 << 10;

/// A file that receives output.
pub struct Bounded {
    file: File,
    /// The line that has not ended.
    line: Vec<u8>,
    taken: usize,
    last: VecDeque<u8>,
    left_out: u64,
    /// Bytes that the program printed.
    pub total: u64,
    /// The first failure to write.
    failure: Option<io::Error>,
}

impl Bounded {
    pub fn new(file: File) -> Bounded {
        Bounded { file, line: Vec::new(), taken: 0, last: VecDeque::new(), left_out: 0, total: 0, failure: None }
    }

    /// Takes what was printed.
    pub fn take(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        let (first, rest) = bytes.split_at(bytes.len().min(FIRST - self.taken));
        self.taken += first.len();
        self.push(first);
        self.last.extend(rest);
        let over = self.last.len().saturating_sub(LAST);
        self.last.drain(..over);
        self.left_out += over as u64;
    }

    /// Writes the end; fails if anything could not be written.
    pub fn finish(mut self) -> io::Result<()> {
        if self.left_out > 0 {
            self.end_line();
            let note = format!("... ({} bytes left out) ...\n", self.left_out);
            self.write(note.as_bytes());
        }
        let last: Vec<u8> = std::mem::take(&mut self.last).into();
        self.push(&last);
        self.end_line();
        self.failure.map_or(Ok(()), Err)
    }

    fn push(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            match piece.strip_suffix(b"\n") {
                Some(end) => {
                    self.line.extend_from_slice(end);
                    let line = std::mem::take(&mut self.line);
                    self.write(format!("{}\n", Printable::text(&line)).as_bytes());
                }
                None => self.line.extend_from_slice(piece),
            }
            if self.line.len() > LONG {
                self.end_line();
            }
        }
    }

    /// Ends the line that is open.
    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        if !line.is_empty() {
            self.write(format!("{}\n", Printable::text(&line)).as_bytes());
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        if self.failure.is_none() {
            self.failure = self.file.write_all(bytes).err();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn written(pieces: &[&[u8]]) -> String {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let mut bounded = Bounded::new(file.reopen().expect("opened"));
        pieces.iter().for_each(|piece| bounded.take(piece));
        bounded.finish().expect("written");
        fs::read_to_string(file.path()).expect("text")
    }

    #[test]
    fn lines_are_escaped_one_by_one() {
        assert_eq!(written(&[b"a\x1b[31", b"mb\nc", b"\td\n", b"\\e"]), "a\\x1b[31mb\nc\\td\n\\e\n");
        assert_eq!(written(&[]), "");
    }

    #[test]
    fn the_beginning_and_the_end_of_long_output_are_kept() {
        let many = b"0123456789abcde\n".repeat(200_000);
        let text = written(&[&many, b"the end"]);
        assert!(text.len() < FIRST + LAST + 100, "{}", text.len());
        assert!(text.starts_with("0123456789abcde\n") && text.ends_with("\nthe end\n"));
        let left_out = many.len() + "the end".len() - FIRST - LAST;
        assert!(text.contains(&format!("\n... ({left_out} bytes left out) ...\n")));
    }
}
