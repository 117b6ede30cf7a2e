//! Opening an output.  It has two steps, so that every check of the input can come between looking at a file and touching
//! it.  Each file is opened once; all that follows goes through its descriptor.

use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, IsTerminal};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::replace::{self, Content};
use super::{Output, Store};
use crate::bytecode::escape::Printable;
use crate::format::{Compression, Named, why};

/// Why an output cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    #[error("cannot write {}: it is a folder; name a file in it", Printable::path(.0))]
    Folder(PathBuf),
    #[error("cannot write {}: there is no folder {}; make it first", Printable::path(.0), Printable::path(.1))]
    NoFolder(PathBuf, PathBuf),
    #[error("cannot write {}: it is the input file itself; name another file", Printable::path(.0))]
    IsInput(PathBuf),
    #[error("cannot write {}: it exists and {}; name another file, or replace it with --force",
        Printable::path(.0), .1)]
    NoTrace(PathBuf, Content),
    #[error("cannot write into the folder {}: it is not empty; name a new folder", Printable::path(.0))]
    FullFolder(PathBuf),
    #[error("cannot write {}: {}", Named::output(.0), why(.0, .1))]
    Io(PathBuf, io::Error),
}

/// Whether an existing file that is no trace is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replace {
    /// It is refused.
    Traces,
    /// It is replaced (--force).
    Anything,
}

/// An output that can be opened, as far as can be seen without touching it.
#[derive(Debug)]
pub struct Checked {
    path: PathBuf,
    replace: Replace,
    kind: CheckedKind,
}

#[derive(Debug)]
enum CheckedKind {
    /// Standard output, or another descriptor that was inherited.
    Inherited(File),
    /// Opened for writing, its content untouched.
    Existing(Opened),
    /// To be opened later: it does not exist, or it is a pipe, whose opening waits for the reader.
    ByName,
}

/// A file open for writing, and for reading if that is allowed.
#[derive(Debug)]
struct Opened {
    file: File,
    is_readable: bool,
}

impl Opened {
    /// Opens a file; a regular one for reading too, which comparing it needs.
    fn open(path: &Path, create: bool, is_regular: bool) -> io::Result<Opened> {
        let open = |read| OpenOptions::new().read(read).write(true).create(create).truncate(false).open(path);
        if is_regular {
            match open(true) {
                Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
                result => return result.map(|file| Opened { file, is_readable: true }),
            }
        }
        open(false).map(|file| Opened { file, is_readable: false })
    }

    /// Refuses what must not be replaced.
    fn check(&self, path: &Path, replace: Replace) -> Result<(), OutputError> {
        let failed = |error| OutputError::Io(path.to_owned(), error);
        let there = self.file.metadata().map_err(failed)?;
        if !there.is_file() || there.len() == 0 || replace == Replace::Anything {
            return Ok(());
        }
        let content =
            if self.is_readable { replace::content(&self.file).map_err(failed)? } else { Content::Unreadable };
        if content == Content::Trace { Ok(()) } else { Err(OutputError::NoTrace(path.to_owned(), content)) }
    }
}

/// Looks whether `path` (`-` is standard output) can be written, is not the file `input`, and may be replaced, without
/// touching it.
pub fn check_output(path: &Path, input: Option<&Path>, replace: Replace) -> Result<Checked, OutputError> {
    let failed = |error| OutputError::Io(path.to_owned(), error);
    let input = input.and_then(|input| fs::metadata(input).ok());
    let is_input = |there: &Metadata| {
        input.as_ref().is_some_and(|input| (input.dev(), input.ino()) == (there.dev(), there.ino()) && there.is_file())
    };
    let kind = if let Some(file) = inherited(path).transpose().map_err(failed)? {
        if file.metadata().is_ok_and(|there| is_input(&there)) {
            return Err(OutputError::IsInput("standard output".into()));
        }
        CheckedKind::Inherited(file)
    } else {
        match fs::metadata(path) {
            Ok(there) if there.is_dir() => return Err(OutputError::Folder(path.to_owned())),
            Ok(there) if is_input(&there) => return Err(OutputError::IsInput(path.to_owned())),
            Ok(there) if there.file_type().is_fifo() => CheckedKind::ByName,
            Ok(there) => {
                let opened = Opened::open(path, false, there.is_file()).map_err(failed)?;
                opened.check(path, replace)?;
                CheckedKind::Existing(opened)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                check_folder(path)?;
                CheckedKind::ByName
            }
            Err(error) => return Err(failed(error)),
        }
    };
    Ok(Checked { path: path.to_owned(), replace, kind })
}

/// The folder that a path is in.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Looks whether a file can be made beside `path`.
fn check_folder(path: &Path) -> Result<(), OutputError> {
    let folder = folder_of(path);
    if !folder.is_dir() {
        return Err(OutputError::NoFolder(path.to_owned(), folder.to_owned()));
    }
    // A file without a name proves that the folder is writable and leaves nothing there; some file systems have none.
    match OpenOptions::new().write(true).custom_flags(libc::O_TMPFILE).open(folder) {
        Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) => {
            Err(OutputError::Io(path.to_owned(), error))
        }
        _ => Ok(()),
    }
}

/// The open descriptor that a name means, if it means one.  The file it refers to is written where its owner has come to, not
/// from the beginning.
fn inherited(path: &Path) -> Option<io::Result<File>> {
    if names_stdout(path) {
        return Some(copy(io::stdout().as_fd()));
    }
    match path.to_str()? {
        "/dev/stderr" | "/dev/fd/2" | "/proc/self/fd/2" => Some(copy(io::stderr().as_fd())),
        _ => None,
    }
}

/// Whether an output of this name is standard output.
pub fn names_stdout(path: &Path) -> bool {
    matches!(path.to_str(), Some("-" | "/dev/stdout" | "/dev/fd/1" | "/proc/self/fd/1"))
}

fn copy(descriptor: BorrowedFd<'_>) -> io::Result<File> {
    Ok(File::from(descriptor.try_clone_to_owned()?))
}

impl Checked {
    /// Returns whether people would see what is written.
    pub fn is_terminal(&self) -> bool {
        match &self.kind {
            CheckedKind::Inherited(file) => file.is_terminal(),
            CheckedKind::Existing(opened) => opened.file.is_terminal(),
            CheckedKind::ByName => false,
        }
    }

    /// Opens the output: an existing file is emptied, a missing one made.  A file stays locked (flock) while it is
    /// open: so a reader of a growing trace knows whether anybody still writes it.
    pub fn open(self, compression: Compression) -> Result<Output, OutputError> {
        let failed = |error| OutputError::Io(self.path.clone(), error);
        let opened = match self.kind {
            CheckedKind::Inherited(file) => return Output::new(Store::shared(file), compression).map_err(failed),
            CheckedKind::Existing(opened) => opened,
            CheckedKind::ByName => {
                let is_pipe = fs::metadata(&self.path).is_ok_and(|there| !there.is_file());
                let opened = Opened::open(&self.path, true, !is_pipe).map_err(failed)?;
                // It may have been made since it was looked for.
                opened.check(&self.path, self.replace)?;
                opened
            }
        };
        let open = |Opened { file, is_readable }| -> io::Result<Output> {
            if !file.metadata()?.is_file() {
                return Output::new(Store::shared(file), compression);
            }
            lock(&file)?;
            // ext4 waits at closing for all data of a file that was ever cut to nothing, even if it was empty before.
            if file.metadata()?.len() > 0 {
                file.set_len(0)?;
            }
            Output::new(Store::own(file, &self.path, is_readable), compression)
        };
        open(opened).map_err(failed)
    }
}

impl Output {
    /// An output into a new, empty file, which is open for reading and writing and has this path.
    pub fn into_new(file: File, path: &Path, compression: Compression) -> io::Result<Output> {
        lock(&file)?;
        Output::new(Store::own(file, path, true), compression)
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
