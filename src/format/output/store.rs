//! The file behind an output: a pipe or device, which takes bytes one after the other; or a regular file of this process's
//! own, where room is kept for the end, a failed write leaves whole pieces, and what others do to the file is noticed.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, StatxFlags};

use super::samples::Samples;
use crate::bytecode::escape::Printable;

/// Bytes that are written at a time where there is only room to be made.
const FILL: usize = 64 << 10;
/// Bytes that are looked through at a time for the end of a line.
const REACH: u64 = 1 << 20;

/// What is worth keeping of a write that failed half way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::format) enum Keep {
    Lines,
    Nothing,
}

/// What stands between the bytes that count and the end of the file, so that readers of an unfinished file step over it.
#[derive(Clone, Copy)]
pub(in crate::format) struct Filler {
    /// What the room is filled with, again and again from the beginning of the file.
    pub(in crate::format) pattern: &'static [u8],
    /// What is put at the beginning of the room, given its offset and its bytes.
    pub(in crate::format) head: fn(offset: u64, bytes: u64) -> Vec<u8>,
}

/// The file of an output.
pub(super) struct Store {
    file: File,
    /// None if others may write to it as well, or it has no places to go to.
    own: Option<Own>,
    /// Bytes that count: whole pieces.
    stored: u64,
}

/// What is known of a regular file that no other process should write.
struct Own {
    /// Its name as it was given, and as it can be looked for.
    name: PathBuf,
    path: PathBuf,
    /// Bytes up to its end: those that count, and room for more.
    size: u64,
    samples: Samples,
    is_readable: bool,
    /// A size that the file had between two writes and that these do not account for.
    foreign_size: Option<u64>,
}

impl Store {
    /// A pipe, a device, or a file that others write as well.
    pub(super) fn shared(file: File) -> Store {
        Store { file, own: None, stored: 0 }
    }

    /// An empty regular file, opened by this path.
    pub(super) fn own(file: File, path: &Path, is_readable: bool) -> Store {
        let (name, path) = (path.to_owned(), std::path::absolute(path).unwrap_or_else(|_| path.to_owned()));
        Store {
            file,
            own: Some(Own { name, path, size: 0, samples: Samples::default(), is_readable, foreign_size: None }),
            stored: 0,
        }
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    pub(super) fn is_own(&self) -> bool {
        self.own.is_some()
    }

    /// Bytes that count.
    pub(super) fn stored(&self) -> u64 {
        self.stored
    }

    /// Looks whether the file has the size that it was given.
    fn check_size(&mut self) {
        if let Some(own) = &mut self.own
            && own.foreign_size.is_none()
        {
            own.foreign_size = size(&self.file).filter(|&size| size != own.size);
        }
    }

    /// Makes room: the file reaches to `end` at least.
    pub(super) fn make_room(&mut self, end: u64, filler: Filler) -> io::Result<()> {
        self.check_size();
        let Some(own) = &mut self.own else { return Ok(()) };
        let period = filler.pattern.len() as u64;
        let most = end.saturating_sub(own.size).min(FILL as u64) as usize;
        let fill = filler.pattern.repeat(most / filler.pattern.len() + 2);
        while own.size < end {
            let phase = (own.size % period) as usize;
            let bytes = (end - own.size).min(most as u64) as usize;
            write_at(&self.file, &fill[phase..phase + bytes], &mut own.size)?;
        }
        Ok(())
    }

    /// Writes bytes after those that count, which then count too.  After an error those do of which `keep` says so.
    pub(super) fn append(&mut self, bytes: &[u8], keep: Keep) -> io::Result<()> {
        self.check_size();
        let mut end = self.stored;
        let result = match &self.own {
            Some(_) => write_at(&self.file, bytes, &mut end),
            None => write_all(&mut self.file, bytes, &mut end),
        };
        let written = &bytes[..(end - self.stored) as usize];
        let kept = match (&result, keep) {
            (Ok(()), _) => written,
            (Err(_), Keep::Lines) => {
                &written[..written.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1)]
            }
            (Err(_), Keep::Nothing) => &[],
        };
        if let Some(own) = &mut self.own {
            own.size = own.size.max(end);
            own.samples.add(self.stored, kept);
        }
        self.stored += kept.len() as u64;
        result
    }

    /// Writes bytes after those that count, in room that was made; the next write takes their place.
    pub(super) fn write_ahead(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(own) = &mut self.own else { return Ok(()) };
        let mut end = self.stored;
        let result = write_at(&self.file, bytes, &mut end);
        own.size = own.size.max(end);
        result
    }

    /// Bytes from those that count to the end of the file.
    pub(super) fn room(&self) -> u64 {
        self.own.as_ref().map_or(0, |own| own.size - self.stored)
    }

    /// Writes a last line where the file cannot grow: over the last lines that count, if need be.  False if that is not
    /// possible.
    pub(super) fn end_with_line(&mut self, line: &[u8]) -> bool {
        let Some(own) = &self.own else { return false };
        let latest = own.size.checked_sub(line.len() as u64).map(|latest| latest.min(self.stored));
        let Some(begin) = latest.and_then(|latest| self.line_end(latest)) else { return false };
        if let Some(own) = &mut self.own {
            own.samples.cut(begin);
        }
        self.stored = begin;
        self.append(line, Keep::Nothing).is_ok()
    }

    /// The end of the last line that ends at `latest` or before.
    fn line_end(&self, latest: u64) -> Option<u64> {
        if latest == self.stored {
            return Some(latest);
        }
        let mut end = latest;
        while end > 0 {
            let begin = end.saturating_sub(REACH);
            let mut bytes = vec![0; (end - begin) as usize];
            self.file.read_exact_at(&mut bytes, begin).ok()?;
            if let Some(last) = bytes.iter().rposition(|&byte| byte == b'\n') {
                return Some(begin + last as u64 + 1);
            }
            end = begin;
        }
        Some(0)
    }

    /// Goes on in a copy of the process that has written the file since.  What that has written after the bytes that count here
    /// is left as room.
    pub(super) fn resume(&mut self) -> io::Result<()> {
        let Some(own) = &mut self.own else {
            return Err(io::Error::other(
                "its recorder was killed, and only a file can be written on by another process",
            ));
        };
        own.size = self.file.metadata()?.len();
        Ok(())
    }

    /// Ends the file after the bytes that count.
    pub(super) fn cut(&mut self) -> io::Result<()> {
        self.check_size();
        match &mut self.own {
            Some(own) if own.size != self.stored => {
                self.file.set_len(self.stored)?;
                own.size = self.stored;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Says what others have done to the file, which has been cut.  A change is noticed in the first 16 MiB, and after them
    /// if it hits one of the samples.
    pub(super) fn harm(&self) -> Option<String> {
        let own = self.own.as_ref()?;
        let name = Printable::path(&own.name);
        // What cannot be looked at is not known to have come to harm.
        let there = self.file.metadata().ok()?;
        if there.nlink() == 0 {
            return Some(format!("{name} was removed while it was written; the trace is lost"));
        }
        match fs::metadata(&own.path) {
            Ok(named) if (named.dev(), named.ino()) == (there.dev(), there.ino()) => {}
            _ => {
                let now = present_path(&self.file);
                return Some(format!("{name} was moved or replaced while it was written; the trace is now {now}"));
            }
        }
        if own.foreign_size.is_some() || there.len() != own.size {
            return Some(format!("{name} was changed while it was written: its size was not what had been written"));
        }
        let changed = if own.is_readable { own.samples.first_changed(&self.file).ok()? } else { None };
        changed.map(|offset| format!("{name} was changed while it was written, at byte {offset} or after it"))
    }
}

/// The size of a file.  Nothing else is asked for: times would make some network file systems write first.
fn size(file: &File) -> Option<u64> {
    rustix::fs::statx(file, "", AtFlags::EMPTY_PATH, StatxFlags::SIZE).ok().map(|there| there.stx_size)
}

/// Where an open file or folder is now, as far as /proc knows.
pub(super) fn present_path(file: &impl AsRawFd) -> String {
    match fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())) {
        Ok(path) => Printable::path(&path).to_string(),
        Err(_) => "elsewhere".into(),
    }
}

/// Writes all bytes at `end`, which moves on as far as they were written.
fn write_at(file: &File, bytes: &[u8], end: &mut u64) -> io::Result<()> {
    write_each(bytes, end, |rest, at| file.write_at(rest, at))
}

/// Writes all bytes where the file's cursor is; `end` moves on as far as they were written.
fn write_all(file: &mut File, bytes: &[u8], end: &mut u64) -> io::Result<()> {
    write_each(bytes, end, |rest, _| file.write(rest))
}

fn write_each(bytes: &[u8], end: &mut u64, mut write: impl FnMut(&[u8], u64) -> io::Result<usize>) -> io::Result<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        match write(rest, *end) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => {
                *end += count as u64;
                rest = &rest[count..];
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
