//! Checksums of what was written: of all of the first 16 MiB, and of 64 KiB now and then after them.  They show at the end
//! whether another process has written over the file.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Bytes from the beginning that are all sampled, and the bytes of one of these samples.
const WHOLE: u64 = 16 << 20;
const LONG: u64 = 1 << 20;
/// Bytes of a sample after them.  Samples are at least `LONG` apart, and a 64th of the file so far, so there are a few
/// hundred of any file.
const SHORT: u64 = 64 << 10;
const APART: u64 = 64;

/// Samples of a file that is written from its beginning to its end.
#[derive(Default)]
pub(super) struct Samples {
    done: Vec<Sample>,
    /// The sample that is not complete yet.
    open: Option<Open>,
    /// Where the next one begins.
    next: u64,
}

struct Sample {
    offset: u64,
    length: u64,
    checksum: u32,
}

struct Open {
    offset: u64,
    length: u64,
    checksum: crc32fast::Hasher,
}

impl Open {
    fn sample(&self) -> Sample {
        Sample { offset: self.offset, length: self.length, checksum: self.checksum.clone().finalize() }
    }
}

impl Samples {
    /// Takes bytes that were written at `offset`, the end of what was taken before.
    pub(super) fn add(&mut self, mut offset: u64, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.open.is_none() {
                let skipped = self.next.saturating_sub(offset).min(bytes.len() as u64);
                offset += skipped;
                bytes = &bytes[skipped as usize..];
                if bytes.is_empty() {
                    return;
                }
            }
            let open = self.open.get_or_insert_with(|| Open { offset, length: 0, checksum: crc32fast::Hasher::new() });
            let full = if open.offset < WHOLE { LONG } else { SHORT };
            let (taken, rest) = bytes.split_at(bytes.len().min((full - open.length) as usize));
            open.checksum.update(taken);
            open.length += taken.len() as u64;
            offset += taken.len() as u64;
            bytes = rest;
            if open.length == full {
                self.done.push(open.sample());
                self.open = None;
                self.next = if offset < WHOLE { offset } else { offset + LONG.max(offset / APART) };
            }
        }
    }

    /// Forgets what was written from `offset` on.
    pub(super) fn cut(&mut self, offset: u64) {
        self.done.retain(|sample| sample.offset + sample.length <= offset);
        self.open = None;
        self.next = offset;
    }

    /// Returns the offset of the first sample that the file does not hold any more.
    pub(super) fn first_changed(&self, file: &File) -> io::Result<Option<u64>> {
        let mut bytes = Vec::new();
        for sample in self.done.iter().chain(self.open.as_ref().map(Open::sample).as_ref()) {
            bytes.resize(sample.length as usize, 0);
            file.read_exact_at(&mut bytes, sample.offset)?;
            if crc32fast::hash(&bytes) != sample.checksum {
                return Ok(Some(sample.offset));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes pieces of these lengths to a file; returns it and its samples.
    fn written(lengths: impl IntoIterator<Item = usize>) -> (File, Samples, u64) {
        let file = tempfile::tempfile().expect("a file");
        let (mut samples, mut end) = (Samples::default(), 0);
        for length in lengths {
            let bytes: Vec<u8> = (0..length).map(|at| (at as u64 * 31 + end) as u8).collect();
            file.write_all_at(&bytes, end).expect("written");
            samples.add(end, &bytes);
            end += length as u64;
        }
        (file, samples, end)
    }

    #[test]
    fn any_changed_byte_of_a_small_file_is_noticed() {
        let (file, samples, end) = written((0..90).map(|length| length * 7));
        assert_eq!(samples.first_changed(&file).expect("readable"), None);
        for at in 0..end {
            let mut byte = [0];
            file.read_exact_at(&mut byte, at).expect("readable");
            file.write_all_at(&[byte[0] ^ 1], at).expect("written");
            assert_eq!(samples.first_changed(&file).expect("readable"), Some(0), "byte {at}");
            file.write_all_at(&byte, at).expect("written");
        }
    }

    #[test]
    fn a_large_file_has_all_of_its_beginning_sampled_and_some_of_the_rest() {
        let (file, samples, end) = written((0..60).map(|length| (1 << 20) + length));
        assert_eq!(samples.first_changed(&file).expect("readable"), None);
        let all: Vec<&Sample> = samples.done.iter().collect();
        assert_eq!(all.iter().take(16).map(|sample| sample.length).sum::<u64>(), WHOLE);
        assert!(all.len() > 30 && all.len() < 80, "{} samples", all.len());
        file.write_all_at(b"changed", 5 << 20).expect("written");
        assert_eq!(samples.first_changed(&file).expect("readable"), Some(5 << 20));
        // Whatever is as long as the distance of two samples hits one.
        let (file, samples, _) = written((0..60).map(|length| (1 << 20) + length));
        file.write_all_at(&vec![7; 2 << 20], end - (3 << 20)).expect("written");
        assert!(samples.first_changed(&file).expect("readable").is_some());
    }

    #[test]
    fn what_was_cut_off_is_not_compared() {
        let (file, mut samples, _) = written([1000, 1 << 20, 70_000]);
        samples.cut(500);
        file.set_len(500).expect("cut");
        file.write_all_at(b"other", 500).expect("written");
        samples.add(500, b"other");
        assert_eq!(samples.first_changed(&file).expect("readable"), None);
        file.write_all_at(b"x", 502).expect("written");
        assert_eq!(samples.first_changed(&file).expect("readable"), Some(500));
    }
}
