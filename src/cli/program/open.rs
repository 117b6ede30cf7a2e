//! Opening the file that was named, or the archive in it: `a.zip/b.pyc` names a member of a.zip.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use indicatif::HumanBytes;

use crate::format;

/// Bytes of a file at most: it is held in memory, and a device has no end.
const MOST: u64 = 1 << 30;

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
        let bytes = read(&mut io::stdin().lock(), MOST, A_PROGRAM)?;
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
    let mut file = File::open(path).map_err(|error| match error.kind() {
        // Whether it is there, or a part of an archive, is asked by who reads this error.
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => anyhow::Error::new(error),
        _ => anyhow!(format::why(path, &error)),
    })?;
    if file.metadata()?.is_dir() {
        return Err(anyhow!("it is a folder; name a .pyc or .py file in it"));
    }
    read(&mut file, MOST, A_PROGRAM)
}

/// Reads all of a file that is `what` and no program: of at most `most` bytes, and no device but a terminal.
pub fn plain(path: &Path, most: u64, what: &str) -> anyhow::Result<Vec<u8>> {
    let mut file = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => anyhow::Error::new(error),
        _ => anyhow!(format::why(path, &error)),
    })?;
    let found = file.metadata()?;
    let kind = found.file_type();
    if found.is_dir() {
        return Err(anyhow!("it is a folder"));
    }
    if kind.is_block_device() || kind.is_char_device() && !file.is_terminal() {
        return Err(anyhow!("it is a device; {what} is a file"));
    }
    if found.len() > most {
        return Err(too_long(most, what));
    }
    read(&mut file, most, what)
}

/// How an error names what is read.
const A_PROGRAM: &str = "a program";

/// Reads all of `what` if it has no more than `most` bytes, which is an error of a device without an end.
pub fn read(file: &mut impl Read, most: u64, what: &str) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(too_long(most, what));
    }
    Ok(bytes)
}

fn too_long(most: u64, what: &str) -> anyhow::Error {
    anyhow!("it is longer than {}, the most that is read of {what}", HumanBytes(most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_without_an_end_is_no_program() {
        assert_eq!(read(&mut &[7; 1000][..], 1000, "a list").expect("a file"), [7; 1000]);
        let refused = read(&mut io::repeat(0), 1000, "a list").expect_err("no end").to_string();
        assert_eq!(refused, "it is longer than 1000 B, the most that is read of a list");
    }
}
