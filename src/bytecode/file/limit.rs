//! How much a file may unpack to, and unpacking within that.

use flate2::{Decompress, FlushDecompress, Status};

/// Bytes that a file may unpack to, all members together.
pub const MOST: u64 = 1 << 30;
/// Members that an archive may have.
pub const MOST_MEMBERS: usize = 200_000;
/// Bytes that the output of unpacking grows by at a time.
const STEP: usize = 64 << 10;

/// What is left of what a file may unpack to.
#[derive(Debug)]
pub struct Limit {
    bytes: u64,
    members: usize,
}

/// Why something was not unpacked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LimitError {
    TooLarge,
    TooMany,
    Damaged(String),
}

impl Default for Limit {
    fn default() -> Limit {
        Limit { bytes: MOST, members: MOST_MEMBERS }
    }
}

impl Limit {
    /// A smaller one, for what needs no more.
    #[cfg(test)]
    pub fn of(bytes: u64) -> Limit {
        Limit { bytes, members: MOST_MEMBERS }
    }

    /// Counts one more member.
    pub fn member(&mut self) -> Result<(), LimitError> {
        self.members = self.members.checked_sub(1).ok_or(LimitError::TooMany)?;
        Ok(())
    }

    /// Counts bytes that were made.
    pub fn take(&mut self, bytes: usize) -> Result<(), LimitError> {
        self.bytes = self.bytes.checked_sub(bytes as u64).ok_or(LimitError::TooLarge)?;
        Ok(())
    }

    /// Copies bytes that are stored as they are.
    pub fn copy(&mut self, bytes: &[u8]) -> Result<Vec<u8>, LimitError> {
        self.take(bytes.len())?;
        Ok(bytes.to_vec())
    }

    /// Unpacks a zlib stream, or a raw deflate stream, that begins these bytes; what follows it is ignored.  `size` is the length that
    /// it must unpack to, if that is known.
    pub fn inflate(&mut self, packed: &[u8], has_header: bool, size: Option<u64>) -> Result<Vec<u8>, LimitError> {
        if size.is_some_and(|size| size > self.bytes) {
            return Err(LimitError::TooLarge);
        }
        let mut out = Vec::new();
        let unpacked = inflate(&mut out, packed, has_header, size, size.unwrap_or(self.bytes));
        // What was unpacked in vain counts too, or a file could have it done over and over.
        self.bytes = self.bytes.saturating_sub(out.len() as u64);
        unpacked.map(|()| out)
    }
}

/// Unpacks into `out`, `most` bytes and one more at most.
fn inflate(out: &mut Vec<u8>, packed: &[u8], has_header: bool, size: Option<u64>, most: u64) -> Result<(), LimitError> {
    let damaged = |why: &str| LimitError::Damaged(why.to_owned());
    let mut stream = Decompress::new(has_header);
    loop {
        let (taken, made) = (stream.total_in() as usize, out.len());
        // Room for one byte more shows that there is one.
        let room = (most + 1).saturating_sub(made as u64).min(STEP as u64) as usize;
        out.resize(made + room, 0);
        let status = stream.decompress(&packed[taken..], &mut out[made..], FlushDecompress::None);
        out.truncate(stream.total_out() as usize);
        let ended = match status {
            Ok(status) => status == Status::StreamEnd,
            Err(_) => return Err(damaged("its compressed data is no zlib data")),
        };
        if out.len() as u64 > most {
            return Err(match size {
                Some(size) => damaged(&format!("it unpacks to more than the {size} bytes that the table says")),
                None => LimitError::TooLarge,
            });
        }
        if ended {
            break;
        }
        if stream.total_in() as usize == taken && out.len() == made {
            return Err(damaged("its compressed data ends too early"));
        }
    }
    match size.filter(|size| *size != out.len() as u64) {
        Some(size) => Err(damaged(&format!("it unpacks to {} bytes, but the table says {size}", out.len()))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::ZlibEncoder;

    use super::*;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).expect("in memory");
        encoder.finish().expect("in memory")
    }

    #[test]
    fn what_unpacks_to_its_size_is_returned() {
        let bytes = b"text ".repeat(50_000);
        let mut limit = Limit::default();
        assert_eq!(limit.inflate(&packed(&bytes), true, Some(bytes.len() as u64)), Ok(bytes.clone()));
        assert_eq!(limit.inflate(&[&packed(&bytes)[..], b"more"].concat(), true, None), Ok(bytes.clone()));
        assert_eq!(limit.bytes, MOST - 2 * bytes.len() as u64);
        assert_eq!(limit.inflate(&packed(b""), true, Some(0)), Ok(Vec::new()));
    }

    #[test]
    fn a_size_that_is_wrong_is_found() {
        let bytes = packed(&[0; 1000]);
        for (size, part) in [(999, "more than the 999 bytes"), (1001, "1000 bytes, but the table says 1001")] {
            match Limit::default().inflate(&bytes, true, Some(size)) {
                Err(LimitError::Damaged(why)) => assert!(why.contains(part), "{why}"),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(Limit::of(1000).inflate(&bytes, true, Some(5000)), Err(LimitError::TooLarge));
    }

    #[test]
    fn a_bomb_ends_at_the_limit() {
        let bomb = packed(&vec![0; 10 << 20]);
        assert_eq!(Limit::of(1 << 20).inflate(&bomb, true, None), Err(LimitError::TooLarge));
    }

    #[test]
    fn what_is_unpacked_in_vain_counts() {
        let mut bytes = packed(&vec![0; 1 << 20]);
        let end = bytes.len();
        bytes[end - 4..].fill(9);
        let mut limit = Limit::of(5 << 20);
        for _ in 0..4 {
            assert!(matches!(limit.inflate(&bytes, true, None), Err(LimitError::Damaged(_))));
        }
        assert!(limit.bytes < 2 << 20, "{} bytes are left", limit.bytes);
    }

    #[test]
    fn a_stream_that_is_cut_is_damaged() {
        let whole = packed(&(0..=255).collect::<Vec<u8>>());
        for length in 0..whole.len() - 4 {
            assert!(matches!(Limit::default().inflate(&whole[..length], true, None), Err(LimitError::Damaged(_))));
        }
    }
}
