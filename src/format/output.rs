//! Where a format's bytes go: a file written in place, or standard output.  Opening has two steps, so that every check
//! of the input can come between looking at a file and touching it.  After a failed write the file ends at its last
//! whole piece.

use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::bytecode::escape::Printable;

use super::compression::{Compression, Compressor, ZSTD_END};

/// Uncompressed bytes between two sync points of a compressed file.  By size alone, so that equal runs give equal
/// bytes.
const SYNC: u64 = 4 << 20;

/// Why an output cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    #[error("cannot write {}: it is a folder; name a file in it", Printable::path(.0))]
    Folder(PathBuf),
    #[error("cannot write {}: there is no folder {}; make it first", Printable::path(.0), Printable::path(.1))]
    NoFolder(PathBuf, PathBuf),
    #[error("cannot write {}: it is the input file itself; name another file", Printable::path(.0))]
    IsInput(PathBuf),
    #[error("cannot write {}: {}", Printable::path(.0), .1)]
    Io(PathBuf, io::Error),
}

/// An output that can be opened, as far as can be told without touching it.
#[derive(Debug)]
pub struct Checked {
    path: PathBuf,
    kind: CheckedKind,
}

#[derive(Debug)]
enum CheckedKind {
    Stdout,
    /// Opened for writing, its content untouched.
    Existing(File),
    /// To be opened later: it does not exist, or it is a pipe, whose opening waits for the reader.
    ByName,
}

/// Looks whether `path` (`-` is standard output) can be written and is not the file `input`, without touching it.
pub fn check_output(path: &Path, input: Option<&Path>) -> Result<Checked, OutputError> {
    let failed = |error| OutputError::Io(path.to_owned(), error);
    let input = input.and_then(|input| fs::metadata(input).ok());
    let is_input = |there: &Metadata| {
        input.as_ref().is_some_and(|input| (input.dev(), input.ino()) == (there.dev(), there.ino()) && there.is_file())
    };
    let kind = if path == Path::new("-") {
        if stdout().and_then(|file| file.metadata()).is_ok_and(|there| is_input(&there)) {
            return Err(OutputError::IsInput("standard output".into()));
        }
        CheckedKind::Stdout
    } else {
        match fs::metadata(path) {
            Ok(there) if there.is_dir() => return Err(OutputError::Folder(path.to_owned())),
            Ok(there) if is_input(&there) => return Err(OutputError::IsInput(path.to_owned())),
            Ok(there) if there.file_type().is_fifo() => CheckedKind::ByName,
            Ok(_) => CheckedKind::Existing(OpenOptions::new().write(true).open(path).map_err(failed)?),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                check_folder(path)?;
                CheckedKind::ByName
            }
            Err(error) => return Err(failed(error)),
        }
    };
    Ok(Checked { path: path.to_owned(), kind })
}

/// Looks whether a file can be made beside `path`.
fn check_folder(path: &Path) -> Result<(), OutputError> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        return Err(OutputError::NoFolder(path.to_owned(), folder.to_owned()));
    }
    // A file without a name proves that the folder is writable and leaves nothing behind; some file systems have none.
    match OpenOptions::new().write(true).custom_flags(libc::O_TMPFILE).open(folder) {
        Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) => {
            Err(OutputError::Io(path.to_owned(), error))
        }
        _ => Ok(()),
    }
}

fn stdout() -> io::Result<File> {
    Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?))
}

impl Checked {
    /// Opens the output: an existing file is emptied, a missing one made.  A file stays locked (flock) while it is
    /// open: so a reader of a growing trace knows whether anybody still writes it.
    pub fn open(self, compression: Compression) -> Result<Output, OutputError> {
        let path = self.path;
        let open = || -> io::Result<Output> {
            let (file, own) = match self.kind {
                CheckedKind::Stdout => (stdout()?, false),
                CheckedKind::Existing(file) => (file, true),
                CheckedKind::ByName => (OpenOptions::new().write(true).create(true).truncate(false).open(&path)?, true),
            };
            let own = own && file.metadata()?.is_file();
            if own {
                lock(&file)?;
                // ext4 waits at closing for all data of a file that was ever cut to nothing, even if it was empty before.
                if file.metadata()?.len() > 0 {
                    file.set_len(0)?;
                }
            }
            Output::new(file, own, compression)
        };
        open().map_err(|error| OutputError::Io(path.clone(), error))
    }
}

/// Locks a file that is written; readers look at the lock for a moment only.
fn lock(file: &File) -> io::Result<()> {
    for _ in 0..50 {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(2)),
            // Not every file system has locks.
            _ => return Ok(()),
        }
    }
    Err(io::Error::new(ErrorKind::ResourceBusy, "another bctrace is writing it; name another file"))
}

/// What is worth keeping of a write that failed half way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    Lines,
    Nothing,
}

/// An open output.
pub struct Output {
    file: File,
    /// It is a regular file that nobody else writes: it can be cut back after an error.
    own: bool,
    compressor: Compressor,
    /// Compressed bytes that wait for the next sync point.
    pending: Vec<u8>,
    /// Uncompressed bytes taken, and those since the last sync point.
    taken: u64,
    unsynced: u64,
    /// Bytes in the file up to its last whole piece, and what would end it there.
    stored: u64,
    end: Vec<u8>,
    /// Something provisional stands behind them.
    ahead: bool,
}

impl Output {
    pub(super) fn new(file: File, own: bool, compression: Compression) -> io::Result<Output> {
        let compressor = Compressor::new(compression)?;
        Ok(Output {
            file,
            own,
            compressor,
            pending: Vec::new(),
            taken: 0,
            unsynced: 0,
            stored: 0,
            end: Vec::new(),
            ahead: false,
        })
    }

    /// Another handle of the file, where its bytes are the format's own: not compressed, and nobody else's.
    pub fn own_file(&self) -> Option<File> {
        let is_plain = self.own && matches!(self.compressor, Compressor::None);
        is_plain.then(|| self.file.try_clone().ok()).flatten()
    }

    /// Takes a piece of output that ends at a whole line or block.
    pub(super) fn write(&mut self, bytes: &[u8], keep: Keep) -> io::Result<()> {
        if self.compressor.is_none() {
            self.store(bytes, keep)?;
        } else {
            self.unsynced += bytes.len() as u64;
            let sync = self.unsynced >= SYNC;
            self.compressor.compress(bytes, sync, &mut self.pending)?;
            if sync {
                self.store_pending()?;
            }
        }
        self.taken += bytes.len() as u64;
        Ok(())
    }

    /// Ends the output; returns the bytes of the file.
    pub(super) fn finish(&mut self) -> io::Result<u64> {
        if !self.compressor.is_none() {
            self.compressor.compress(&[], true, &mut self.pending)?;
            self.pending.extend_from_slice(&self.compressor.end_of_stream());
            let last = std::mem::take(&mut self.pending);
            self.store(&last, Keep::Nothing)?;
        }
        Ok(self.stored)
    }

    /// Tells whether the bytes of lines are to become a zstd frame.
    pub(super) fn is_zstd(&self) -> bool {
        matches!(self.compressor, Compressor::Zstd(_))
    }

    /// Takes blocks of a zstd frame that its maker has compressed.
    pub(super) fn write_packed(&mut self, blocks: &[u8]) -> io::Result<()> {
        self.store(blocks, Keep::Nothing)?;
        self.end = ZSTD_END.to_vec();
        Ok(())
    }

    /// Ends a frame of packed blocks; returns the bytes of the file.
    pub(super) fn finish_packed(&mut self) -> io::Result<u64> {
        self.store(&ZSTD_END, Keep::Nothing)?;
        Ok(self.stored)
    }

    /// The bytes taken, before compression.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    /// Writes something provisional that the next write replaces, for readers of a growing file; false where that is
    /// impossible.
    pub(super) fn write_ahead(&mut self, bytes: &[u8]) -> bool {
        if !self.own || !self.compressor.is_none() {
            return false;
        }
        self.remove_ahead();
        self.ahead = true;
        // Provisional bytes that do not fit are no failure yet.
        self.file.write_all_at(bytes, self.stored).is_ok()
    }

    fn remove_ahead(&mut self) {
        if std::mem::take(&mut self.ahead) {
            let _ = self.file.set_len(self.stored);
        }
    }

    fn store_pending(&mut self) -> io::Result<()> {
        self.unsynced = 0;
        let mut pending = std::mem::take(&mut self.pending);
        self.store(&pending, Keep::Nothing)?;
        self.end = self.compressor.end_of_stream();
        pending.clear();
        self.pending = pending;
        Ok(())
    }

    /// Writes to the file; after an error the file ends at the last whole piece.
    fn store(&mut self, bytes: &[u8], keep: Keep) -> io::Result<()> {
        self.remove_ahead();
        let mut done = 0;
        while done < bytes.len() {
            match self.file.write(&bytes[done..]) {
                Ok(0) => return Err(self.cut_back(&bytes[..done], keep, ErrorKind::WriteZero.into())),
                Ok(count) => done += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.cut_back(&bytes[..done], keep, error)),
            }
        }
        self.stored += done as u64;
        Ok(())
    }

    #[cold]
    fn cut_back(&mut self, written: &[u8], keep: Keep, error: io::Error) -> io::Error {
        if keep == Keep::Lines {
            self.stored += written.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last as u64 + 1);
        }
        if self.own {
            // The first error is the one to report; where the cut fails too, the file is as the disk left it.
            let _ = self.file.set_len(self.stored);
            let _ = io::Seek::seek(&mut self.file, io::SeekFrom::Start(self.stored));
            let _ = self.file.write_all(&self.end);
        }
        error
    }
}

/// Takes compression off an input, as its first bytes tell it.
pub fn decompressed<'a>(mut input: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let mut first = Vec::new();
    input.by_ref().take(4).read_to_end(&mut first)?;
    let is_zstd = first == [0x28, 0xb5, 0x2f, 0xfd];
    let is_gzip = first.starts_with(&[0x1f, 0x8b]);
    let whole = io::Cursor::new(first).chain(input);
    Ok(match (is_zstd, is_gzip) {
        (true, _) => Box::new(zstd::stream::read::Decoder::new(whole)?),
        (_, true) => Box::new(flate2::read::MultiGzDecoder::new(whole)),
        _ => Box::new(whole),
    })
}

#[cfg(test)]
mod tests;
