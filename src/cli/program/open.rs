//! Opening the file that was named, or the archive in it: `a.zip/b.pyc` names a member of a.zip.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::anyhow;

use crate::format;

/// A whole file.
pub struct Opened {
    pub file: PathBuf,
    /// What of it was named.
    pub member: Option<Vec<u8>>,
    pub bytes: Vec<u8>,
}

/// Reads a file; `-` is standard input.
pub fn open(path: &Path) -> anyhow::Result<Opened> {
    if path == Path::new("-") {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes)?;
        return Ok(Opened { file: path.to_owned(), member: None, bytes });
    }
    match whole(path) {
        Ok(bytes) => Ok(Opened { file: path.to_owned(), member: None, bytes }),
        Err(error) if is_below_file(&error) => match archive(path) {
            Some((file, member)) => Ok(Opened { bytes: whole(&file)?, file, member: Some(member) }),
            None => Err(error),
        },
        Err(error) => Err(error),
    }
}

fn is_below_file(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::NotADirectory)
}

/// Parts a path into the file on it and what comes after that.
fn archive(path: &Path) -> Option<(PathBuf, Vec<u8>)> {
    let file = path.ancestors().skip(1).find(|ancestor| ancestor.is_file())?;
    let member = path.strip_prefix(file).ok()?;
    Some((file.to_owned(), member.as_os_str().as_bytes().to_vec()))
}

/// Reads all of a file.
pub fn whole(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut file = File::open(path).map_err(|error| match error.kind() {
        // Whether it is there, or a part of an archive, is asked by who reads this error.
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => anyhow::Error::new(error),
        _ => anyhow!(format::why(path, &error)),
    })?;
    if file.metadata()?.is_dir() {
        return Err(anyhow!("it is a folder; name a .pyc or .py file in it"));
    }
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}
