//! Files with holes: a program makes one of any size at no cost.  Holes are kept in copies, and there is an end to what is copied and
//! to what is read.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use rustix::fs::SeekFrom as Find;
use sha2::{Digest, Sha256};

use crate::sandbox;

/// Bytes of holes that are read at most, for the digests of all files.
const MOST_HOLES: u64 = 1 << 30;

/// What all files may take together.
#[derive(Debug)]
pub struct Budget {
    /// Bytes that are copied.
    data: u64,
    /// Bytes of holes in what is read.
    holes: u64,
}

impl Default for Budget {
    fn default() -> Budget {
        Budget { data: sandbox::Budget::default().scratch, holes: MOST_HOLES }
    }
}

impl Budget {
    /// Counts what a copy takes; an error if less is left.
    pub fn take(&mut self, extents: &Extents) -> io::Result<()> {
        let why = || io::Error::other("all files together are larger than the scratch folder may be");
        self.data = self.data.checked_sub(extents.data()).ok_or_else(why)?;
        Ok(())
    }

    /// Whether a file with its holes may be read too, which is counted.
    pub fn may_digest(&mut self, extents: &Extents) -> bool {
        let left = self.holes.checked_sub(extents.size.saturating_sub(extents.data()));
        self.holes = left.unwrap_or(self.holes);
        left.is_some()
    }
}

/// Where a file has data.
#[derive(Debug, PartialEq, Eq)]
pub struct Extents {
    /// From where to where.
    parts: Vec<(u64, u64)>,
    /// Bytes of the file, holes included.
    pub size: u64,
}

impl Extents {
    /// Asks the file system, which may know of no holes.
    pub fn of(file: &File) -> io::Result<Extents> {
        let size = file.metadata()?.len();
        let (mut parts, mut at) = (Vec::new(), 0);
        while at < size {
            at = match rustix::fs::seek(file, Find::Data(at)) {
                Ok(at) => at,
                // There is nothing but a hole.
                Err(rustix::io::Errno::NXIO) => break,
                Err(error) => return Err(error.into()),
            };
            let end = rustix::fs::seek(file, Find::Hole(at))?.min(size);
            if end <= at {
                break;
            }
            parts.push((at, end));
            at = end;
        }
        Ok(Extents { parts, size })
    }

    /// Bytes of data.
    fn data(&self) -> u64 {
        self.parts.iter().map(|(from, to)| to - from).sum()
    }

    /// The SHA-256 of the file, with zeros for its holes.
    pub fn digest(&self, file: &File) -> io::Result<[u8; 32]> {
        let (mut digest, mut at) = (DigestWriter(Sha256::new()), 0);
        for &(from, to) in &self.parts {
            io::copy(&mut io::repeat(0).take(from - at), &mut digest)?;
            at = from + part(file, from, to, &mut digest)?;
        }
        io::copy(&mut io::repeat(0).take(self.size - at), &mut digest)?;
        Ok(digest.0.finalize().into())
    }

    /// Copies the data to the same places of a new file.
    pub fn copy(&self, file: &File, to: &mut File) -> io::Result<()> {
        for &(from, end) in &self.parts {
            to.seek(SeekFrom::Start(from))?;
            part(file, from, end, to)?;
        }
        to.set_len(self.size)
    }
}

fn part(mut file: &File, from: u64, to: u64, out: &mut impl Write) -> io::Result<u64> {
    file.seek(SeekFrom::Start(from))?;
    io::copy(&mut file.take(to - from), out)
}

struct DigestWriter(Sha256);

impl Write for DigestWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn a_copy_is_equal_and_keeps_the_holes() {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(b"begin").expect("written");
        file.seek(SeekFrom::Start(3 << 20)).expect("a place");
        file.write_all(b"middle").expect("written");
        file.set_len(8 << 20).expect("longer");
        let extents = Extents::of(&file).expect("looked at");
        let mut copy = tempfile::tempfile().expect("a file");
        extents.copy(&file, &mut copy).expect("copied");
        let (mut whole, mut copied) = (Vec::new(), Vec::new());
        file.rewind().and_then(|()| file.read_to_end(&mut whole)).expect("read");
        copy.rewind().and_then(|()| copy.read_to_end(&mut copied)).expect("read");
        assert!(whole == copied && whole.len() == 8 << 20);
        assert_eq!(extents.digest(&file).expect("read"), <[u8; 32]>::from(Sha256::digest(&whole)));
        let blocks = |file: &File| file.metadata().expect("metadata").blocks();
        assert!(blocks(&copy) <= blocks(&file).max(16), "{} of {}", blocks(&copy), blocks(&file));
    }

    #[test]
    fn there_is_an_end_to_what_is_copied_and_to_what_is_read() {
        let mut budget = Budget { data: 100, holes: 100 };
        let file = |data, size| Extents { parts: vec![(0, data)], size };
        assert!(budget.take(&file(60, 60)).is_ok() && budget.may_digest(&file(60, 60)));
        assert!(budget.take(&file(60, 60)).is_err());
        assert!(budget.take(&file(40, 200)).is_ok() && !budget.may_digest(&file(40, 200)));
        assert!(budget.may_digest(&file(0, 100)) && !budget.may_digest(&file(0, 1)));
    }
}
