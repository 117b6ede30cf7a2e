//! The buffer between formats that are made of lines and their output: holds whole lines only, hands them on in large
//! writes, and stops at --max-size: a plain file at the last line that fits, a compressed one at a sync point.

use super::output::{Keep, Output};
use crate::trace::SinkError;

/// Bytes that are written at once.  More than a pipe holds, less than the cache of a core; few in tests.
const BUFFER: usize = if cfg!(test) { 1 << 10 } else { 1 << 20 };
/// The same where they are compressed: the finer the pieces, the finer the places where a file can end.
const COMPRESSED: usize = if cfg!(test) { 1 << 10 } else { 64 << 10 };

/// Whole lines on their way to an output.
pub struct Lines {
    output: Output,
    buffer: Vec<u8>,
    /// Bytes that the buffer is written with, at most.
    largest: usize,
    /// Bytes in the buffer at which it is written: `largest`, or less close to the limit.
    full: usize,
    /// Bytes of lines that may still be written.
    room: u64,
    /// How often the buffer was emptied.
    emptied: u64,
}

impl Lines {
    pub fn new(mut output: Output, max_size: Option<u64>) -> Lines {
        output.set_limit(max_size, false);
        let is_compressed = output.is_compressed();
        let room = if is_compressed { u64::MAX } else { max_size.unwrap_or(u64::MAX) };
        let largest = if is_compressed { COMPRESSED } else { BUFFER };
        let mut lines = Lines { output, buffer: Vec::with_capacity(largest), largest, full: 0, room, emptied: 0 };
        lines.set_full();
        lines
    }

    /// Takes whole lines.
    #[inline]
    pub fn push(&mut self, lines: &[u8]) -> Result<(), SinkError> {
        if self.buffer.len() + lines.len() > self.full {
            return self.push_to_full(lines);
        }
        self.buffer.extend_from_slice(lines);
        Ok(())
    }

    /// Gives room for a line to be made in place; `ended` must follow.
    #[inline]
    pub fn open(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// How often what `open` gives was emptied.
    #[inline]
    pub fn emptied(&self) -> u64 {
        self.emptied
    }

    /// Says that what was put into the buffer ends a line.
    #[inline]
    pub fn ended(&mut self) -> Result<(), SinkError> {
        if self.buffer.len() > self.full { self.write_buffer() } else { Ok(()) }
    }

    /// Takes a line that says how the trace begins or ends: --max-size does not keep it out.
    pub fn push_past_limit(&mut self, line: &[u8]) -> Result<(), SinkError> {
        if let Err(error @ (SinkError::Io(_) | SinkError::Lost(_))) = self.write_buffer() {
            return Err(error);
        }
        self.room = self.room.saturating_sub(line.len() as u64);
        self.set_full();
        Ok(self.output.write(line, Keep::Lines)?)
    }

    /// Returns whether a write has failed: then no line fits any more, but a last one.
    pub fn has_failed(&self) -> bool {
        self.output.has_failed()
    }

    /// Takes the last line of an output that has failed, over others if need be.
    pub fn push_last(&mut self, line: &[u8]) {
        self.output.end_with_line(line);
    }

    /// Writes what is held back, for readers of a growing file.  Those of a compressed one would not see it.
    pub fn flush(&mut self) -> Result<(), SinkError> {
        if self.output.is_compressed() { Ok(()) } else { self.write_buffer() }
    }

    /// See [`crate::trace::Sink::resume`].
    pub fn resume(&mut self) -> Result<(), SinkError> {
        Ok(self.output.resume()?)
    }

    pub fn finish(&mut self) -> Result<u64, SinkError> {
        // The limit is no news any more.
        match self.write_buffer() {
            Ok(()) | Err(SinkError::Full) => self.output.finish(),
            Err(error) => Err(error),
        }
    }

    /// The bytes of the file so far, and those that are about to be.
    pub fn written(&self) -> u64 {
        let waiting = if self.output.is_compressed() { 0 } else { self.buffer.len() as u64 };
        self.output.stored() + waiting
    }

    fn write_buffer(&mut self) -> Result<(), SinkError> {
        if !self.buffer.is_empty() {
            let buffer = std::mem::take(&mut self.buffer);
            let result = self.write(&buffer);
            self.buffer = buffer;
            self.buffer.clear();
            self.emptied += 1;
            // A single long line may have made it grow.
            self.buffer.shrink_to(2 * BUFFER);
            self.set_full();
            result?;
        }
        Ok(())
    }

    #[cold]
    fn push_to_full(&mut self, lines: &[u8]) -> Result<(), SinkError> {
        self.write_buffer()?;
        if lines.len() > self.full {
            let result = self.write(lines);
            self.set_full();
            return result;
        }
        self.buffer.extend_from_slice(lines);
        Ok(())
    }

    fn write(&mut self, lines: &[u8]) -> Result<(), SinkError> {
        let fits = usize::try_from(self.room).unwrap_or(usize::MAX);
        if lines.len() <= fits {
            self.room -= lines.len() as u64;
            self.output.write(lines, Keep::Lines)?;
            let is_full = self.output.is_compressed() && self.output.is_full();
            return if is_full { Err(SinkError::Full) } else { Ok(()) };
        }
        let whole = lines[..fits].iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
        self.room = 0;
        self.output.write(&lines[..whole], Keep::Lines)?;
        Err(SinkError::Full)
    }

    fn set_full(&mut self) {
        self.full = usize::try_from(self.room).unwrap_or(usize::MAX).min(self.largest);
    }
}
