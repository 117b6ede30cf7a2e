//! Walks the pieces of a .bct in the order in which they stand, over damage, in a file or in what comes through a pipe.
//! Believes no length that it has not checked, and holds one piece at a time.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

use crate::format::bct::layout::{self, PIECE_HEADER, PIECE_MAGIC, Piece, STORED_RAW, STORED_ZSTD};

/// Bytes that are asked for at a time.  Tests have small files, and want them in many parts.
const READ: usize = if cfg!(test) { 100 } else { 256 << 10 };

/// Where the bytes come from.
pub enum Input {
    File(File),
    Stream(Box<dyn Read>),
}

/// What was found at one place of the file.
#[derive(Debug)]
pub enum Found {
    /// An intact piece; its payload, unpacked, if it was wanted.
    Piece { offset: u64, piece: Piece, payload: Option<Vec<u8>> },
    /// Bytes that are no intact piece.  The header, where that is intact, says what was lost.
    Damage { offset: u64, bytes: u64, header: Option<Piece> },
    /// The trailer of a finished file.
    Trailer,
    /// No more bytes; `rest` of them are the beginning of a piece that is not whole, of which `header` may be known.
    End { offset: u64, rest: u64 },
}

/// Walks pieces.
pub struct Pieces {
    input: Input,
    /// Bytes of the file from `offset` on, after the first `begin` ones.
    buffer: Vec<u8>,
    begin: usize,
    offset: u64,
    /// Where the bytes after the buffer are in a file.  Its own cursor is shared by every copy of the descriptor.
    read_at: u64,
}

impl Pieces {
    /// Begins at the input's first byte.
    pub fn new(input: Input) -> Pieces {
        Pieces { input, buffer: Vec::new(), begin: 0, offset: 0, read_at: 0 }
    }

    /// The file, where there is one: it can be read at any place.
    pub fn file(&self) -> Option<&File> {
        match &self.input {
            Input::File(file) => Some(file),
            Input::Stream(_) => None,
        }
    }

    /// The offset of what comes next.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Goes to a place of the file, and forgets what was read ahead.
    pub fn seek(&mut self, offset: u64) {
        if self.file().is_some() {
            self.buffer.clear();
            (self.begin, self.offset, self.read_at) = (0, offset, offset);
        }
    }

    /// Looks at up to `count` bytes that come next; fewer only at the end.
    pub fn peek(&mut self, count: usize) -> io::Result<&[u8]> {
        while self.buffer.len() - self.begin < count {
            self.buffer.drain(..self.begin);
            self.begin = 0;
            let missing = (count - self.buffer.len()).clamp(READ, 16 * READ) as u64;
            let read = match &mut self.input {
                Input::File(file) => read_at(file, self.read_at, missing as usize, &mut self.buffer)?,
                Input::Stream(stream) => stream.take(missing).read_to_end(&mut self.buffer)?,
            };
            self.read_at += read as u64;
            if read == 0 {
                break;
            }
        }
        let rest = &self.buffer[self.begin..];
        Ok(&rest[..rest.len().min(count)])
    }

    /// Steps over bytes; in a file they need not be read.
    pub fn skip(&mut self, count: u64) -> io::Result<()> {
        let buffered = (self.buffer.len() - self.begin) as u64;
        if count > buffered && matches!(self.input, Input::File(_)) {
            self.seek(self.offset + count);
            return Ok(());
        }
        let mut left = count;
        while left > 0 {
            let step = self.peek(left.min(READ as u64) as usize)?.len();
            if step == 0 {
                break;
            }
            self.begin += step;
            self.offset += step as u64;
            left -= step as u64;
        }
        Ok(())
    }

    /// Finds what comes next; `wants` says whether a piece's payload is to be read.
    pub fn next(&mut self, wants: impl Fn(&Piece) -> bool) -> io::Result<Found> {
        let offset = self.offset;
        let head = self.peek(PIECE_HEADER)?;
        let Some(piece) = Piece::decode(head) else {
            return self.no_header();
        };
        let whole = PIECE_HEADER + piece.stored as usize;
        if !wants(&piece) && self.holds(whole as u64)? {
            self.skip(whole as u64)?;
            return Ok(Found::Piece { offset, piece, payload: None });
        }
        let bytes = self.peek(whole)?;
        let payload = match bytes.len() < whole {
            true => None,
            false => unpack(&piece, &bytes[PIECE_HEADER..]),
        };
        if payload.is_some() {
            self.skip(whole as u64)?;
            return Ok(Found::Piece { offset, piece, payload });
        }
        // Bytes may be missing as well as changed: the next piece is looked for, not computed.
        let is_cut = bytes.len() < whole;
        self.damage(PIECE_HEADER, Some(piece), is_cut)
    }

    /// Returns whether that many bytes are still there, as far as that is known without reading them.
    fn holds(&self, bytes: u64) -> io::Result<bool> {
        match self.file() {
            Some(file) => Ok(file.metadata()?.len() >= self.offset + bytes),
            None => Ok(true),
        }
    }

    /// What stands here is no piece: the trailer, the end, or damage.
    fn no_header(&mut self) -> io::Result<Found> {
        let head = self.peek(PIECE_HEADER)?;
        if layout::index_offset(head).is_some() {
            self.skip(layout::TRAILER as u64)?;
            return Ok(Found::Trailer);
        }
        let rest = head.len() as u64;
        if rest < PIECE_HEADER as u64 {
            return Ok(Found::End { offset: self.offset, rest });
        }
        self.damage(1, None, false)
    }

    /// Steps to the next piece, which begins `from` bytes on at least.  Where there is none and this one `is_cut`, it
    /// is the end, and in a file, which may grow, nothing is stepped over.
    fn damage(&mut self, from: usize, header: Option<Piece>, is_cut: bool) -> io::Result<Found> {
        let offset = self.offset;
        self.skip(from as u64)?;
        let found = loop {
            let window = self.peek(READ)?;
            let at_end = window.len() < READ;
            let Some(place) = memchr::memmem::find(window, &PIECE_MAGIC) else {
                let known = if at_end { window.len() } else { READ - PIECE_MAGIC.len() + 1 };
                self.skip(known as u64)?;
                if at_end {
                    break false;
                }
                continue;
            };
            self.skip(place as u64)?;
            if Piece::decode(self.peek(PIECE_HEADER)?).is_some() {
                break true;
            }
            self.skip(1)?;
        };
        let bytes = self.offset - offset;
        if found || !is_cut {
            return Ok(Found::Damage { offset, bytes, header });
        }
        self.seek(offset);
        Ok(Found::End { offset, rest: bytes })
    }
}

/// Appends up to `most` bytes of a file; returns how many there were.
fn read_at(file: &File, offset: u64, most: usize, buffer: &mut Vec<u8>) -> io::Result<usize> {
    let begin = buffer.len();
    buffer.resize(begin + most, 0);
    let read = loop {
        match file.read_at(&mut buffer[begin..], offset) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => break read,
        }
    };
    buffer.truncate(begin + *read.as_ref().unwrap_or(&0));
    read
}

/// Checks and unpacks a payload.
fn unpack(piece: &Piece, stored: &[u8]) -> Option<Vec<u8>> {
    if layout::checksum(stored) != piece.checksum {
        return None;
    }
    let raw = piece.raw as usize;
    let payload = match piece.storage {
        STORED_RAW => stored.to_vec(),
        // The frame's own size is looked at first: one that says more is not unpacked.
        STORED_ZSTD if zstd::zstd_safe::get_frame_content_size(stored).ok()?.is_none_or(|size| size == raw as u64) => {
            zstd::bulk::decompress(stored, raw).ok()?
        }
        _ => return None,
    };
    (payload.len() == raw).then_some(payload)
}
