//! A folder that files are written into, opened once: whatever the program does to its name or puts into it, files are made
//! in this folder, and no link is followed.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags};

use super::OutputError;
use super::open::folder_of;
use super::store::present_path;
use crate::bytecode::escape::Printable;

/// Permissions of what is made, before the process's mask.
const NEW_FILE: Mode = Mode::from_raw_mode(0o666);
const NEW_FOLDER: Mode = Mode::from_raw_mode(0o777);

/// An open folder.
#[derive(Debug)]
pub struct OutputFolder {
    /// Its name as it was given, and as it can be looked for.
    name: PathBuf,
    path: PathBuf,
    folder: OwnedFd,
    /// It did not exist.
    is_new: bool,
}

impl OutputFolder {
    /// Opens the folder in which `file` is, or will be.
    pub fn of(file: &Path) -> io::Result<OutputFolder> {
        let file = std::path::absolute(file)?;
        let path = file.parent().unwrap_or(Path::new("/")).to_owned();
        Ok(OutputFolder { folder: open(&path)?, name: path.clone(), path, is_new: false })
    }

    /// Opens an empty folder, or makes it.
    pub fn new(path: &Path) -> Result<OutputFolder, OutputError> {
        let failed = |error: io::Error| OutputError::Io(path.to_owned(), error);
        let is_new = match rustix::fs::mkdirat(CWD, path, NEW_FOLDER) {
            Err(rustix::io::Errno::EXIST) => false,
            Err(rustix::io::Errno::NOENT) if !folder_of(path).is_dir() => {
                return Err(OutputError::NoFolder(path.to_owned(), folder_of(path).to_owned()));
            }
            result => result.map(|()| true).map_err(|error| failed(error.into()))?,
        };
        let folder = open(path).map_err(failed)?;
        if !is_empty(&folder).map_err(failed)? {
            return Err(OutputError::FullFolder(path.to_owned()));
        }
        Ok(OutputFolder { name: path.to_owned(), path: std::path::absolute(path).map_err(failed)?, folder, is_new })
    }

    /// The path that a file of this name was made with.
    pub fn path_of(&self, name: impl AsRef<Path>) -> PathBuf {
        self.name.join(name)
    }

    /// Makes a new file, open for reading and writing.
    pub fn create(&self, name: &OsStr) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(File::from(rustix::fs::openat(&self.folder, name, flags, NEW_FILE)?))
    }

    /// Makes a new file at a relative path of plain names, with the folders on the way that are missing.
    pub fn create_below(&self, path: &Path) -> io::Result<File> {
        let mut folder = None;
        for part in path.parent().into_iter().flat_map(Path::iter) {
            let below = folder.as_ref().unwrap_or(&self.folder);
            match rustix::fs::mkdirat(below, part, NEW_FOLDER) {
                Err(rustix::io::Errno::EXIST) => {}
                result => result?,
            }
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            folder = Some(rustix::fs::openat(below, part, flags, Mode::empty())?);
        }
        let name = path.file_name().ok_or(ErrorKind::InvalidInput)?;
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(File::from(rustix::fs::openat(folder.as_ref().unwrap_or(&self.folder), name, flags, NEW_FILE)?))
    }

    /// Makes a new file in the place of what has its name, which goes.
    pub fn create_anyway(&self, name: &OsStr) -> io::Result<File> {
        let _ = rustix::fs::unlinkat(&self.folder, name, AtFlags::empty());
        self.create(name)
    }

    /// Removes a file.
    pub fn remove(&self, name: &OsStr) {
        let _ = rustix::fs::unlinkat(&self.folder, name, AtFlags::empty());
    }

    /// Removes the folder if it was made here and nothing is in it.
    pub fn remove_if_new(&self) {
        if self.is_new {
            let _ = rustix::fs::unlinkat(CWD, &self.path, AtFlags::REMOVEDIR);
        }
    }

    /// Says what has become of the folder's name.
    pub fn harm(&self) -> Option<String> {
        let name = Printable::path(&self.name);
        let there = rustix::fs::fstat(&self.folder).ok()?;
        match fs::metadata(&self.path) {
            Ok(named) if (named.dev(), named.ino()) == (there.st_dev, there.st_ino) => None,
            _ if there.st_nlink == 0 => Some(format!("{name} was removed while it was written into")),
            _ => {
                let now = present_path(&self.folder);
                Some(format!("{name} was moved or replaced while it was written into; the folder is now {now}"))
            }
        }
    }
}

fn open(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(CWD, path, flags, Mode::empty())?)
}

fn is_empty(folder: &OwnedFd) -> io::Result<bool> {
    for entry in Dir::read_from(folder)? {
        if !matches!(entry?.file_name().to_bytes(), b"." | b"..") {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a file could not be made because there is one of its name.
pub fn is_taken(error: &io::Error) -> bool {
    error.kind() == ErrorKind::AlreadyExists
}
