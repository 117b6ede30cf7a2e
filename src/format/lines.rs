//! The buffer between formats that are made of lines and their output: holds whole lines only, hands them on in large
//! writes, and stops at the last line within --max-size.

use super::output::{Keep, Output};
use crate::trace::SinkError;

/// Bytes that are written at once.  More than a pipe holds, less than the cache of a core.
const BUFFER: usize = 1 << 20;

/// Whole lines on their way to an output.
pub struct Lines {
    output: Output,
    buffer: Vec<u8>,
    /// Bytes in the buffer at which it is written: `BUFFER`, or less close to the limit.
    full: usize,
    /// Bytes that may still be written.
    room: u64,
}

impl Lines {
    pub fn new(output: Output, max_size: Option<u64>) -> Lines {
        let room = max_size.unwrap_or(u64::MAX);
        let mut lines = Lines { output, buffer: Vec::with_capacity(BUFFER), full: 0, room };
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

    /// Says that what was put into the buffer ends a line.
    #[inline]
    pub fn ended(&mut self) -> Result<(), SinkError> {
        if self.buffer.len() > self.full { self.flush() } else { Ok(()) }
    }

    /// Takes a line that says how the trace begins or ends: --max-size does not keep it out.
    pub fn push_past_limit(&mut self, line: &[u8]) -> Result<(), SinkError> {
        if let Err(error @ SinkError::Io(_)) = self.flush() {
            return Err(error);
        }
        self.room = self.room.saturating_sub(line.len() as u64);
        self.set_full();
        Ok(self.output.write(line, Keep::Lines)?)
    }

    /// Writes what is held back.
    pub fn flush(&mut self) -> Result<(), SinkError> {
        if !self.buffer.is_empty() {
            let buffer = std::mem::take(&mut self.buffer);
            let result = self.write(&buffer);
            self.buffer = buffer;
            self.buffer.clear();
            // A single long line may have made it grow.
            self.buffer.shrink_to(2 * BUFFER);
            self.set_full();
            result?;
        }
        Ok(())
    }

    pub fn finish(&mut self) -> Result<u64, SinkError> {
        // The limit is no news any more.
        match self.flush() {
            Err(error @ SinkError::Io(_)) => Err(error),
            _ => Ok(self.output.finish()?),
        }
    }

    /// The bytes taken so far.
    pub fn written(&self) -> u64 {
        self.output.taken() + self.buffer.len() as u64
    }

    #[cold]
    fn push_to_full(&mut self, lines: &[u8]) -> Result<(), SinkError> {
        self.flush()?;
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
            return Ok(self.output.write(lines, Keep::Lines)?);
        }
        let whole = lines[..fits].iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
        self.room = 0;
        self.output.write(&lines[..whole], Keep::Lines)?;
        Err(SinkError::Full)
    }

    fn set_full(&mut self) {
        self.full = usize::try_from(self.room).unwrap_or(usize::MAX).min(BUFFER);
    }
}
