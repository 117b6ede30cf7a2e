//! What the pointers among a call's arguments lead to: texts, lists of texts, times.  Any bytes can be there, or none, and they can
//! change between two looks; what is read has an upper limit.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// The longest path that the kernel takes, PATH_MAX.
const LONGEST_PATH: usize = 4096;
/// Memory is read page by page, since the next one may not be there.
const PAGE: usize = 4096;
/// Bytes of a pointer.
const POINTER: u64 = 8;

/// The memory of a process.
pub trait Memory {
    /// Reads `length` bytes, or as many as are there.
    fn read(&self, address: u64, length: usize) -> Vec<u8>;
}

/// Reads a string of C; None if it has no end in `most` bytes or in the memory that is there.
pub fn string(memory: &impl Memory, address: u64, most: usize) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    while text.len() < most {
        let at = address.wrapping_add(text.len() as u64);
        let length = (PAGE - at as usize % PAGE).min(most - text.len());
        let piece = memory.read(at, length);
        if let Some(end) = piece.iter().position(|&byte| byte == 0) {
            text.extend_from_slice(&piece[..end]);
            return Some(text);
        }
        if piece.len() < length {
            return None;
        }
        text.extend(piece);
    }
    None
}

/// Reads a path; None if it has no end where the kernel looks for one.
pub fn path(memory: &impl Memory, address: u64) -> Option<PathBuf> {
    Some(OsString::from_vec(string(memory, address, LONGEST_PATH)?).into())
}

/// Reads the words of a list of strings, up to `most`, each cut at `longest` bytes.
pub fn words(memory: &impl Memory, list: u64, most: usize, longest: usize) -> Vec<Vec<u8>> {
    let pointer = |place: u64| {
        let bytes = memory.read(list.wrapping_add(POINTER * place), POINTER as usize);
        bytes.first_chunk().map(|pointer| u64::from_ne_bytes(*pointer)).filter(|&pointer| pointer != 0)
    };
    let word = |at: u64| string(memory, at, longest).unwrap_or_else(|| memory.read(at, longest));
    (0..most as u64).map_while(pointer).map(word).collect()
}

/// How a call lays out times of access and change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimesForm {
    /// struct utimbuf: seconds.
    Seconds,
    /// struct timeval.
    Microseconds,
    /// struct timespec.
    Nanoseconds,
}

/// Reads times of access and change, in seconds and nanoseconds; None if they are not there, or no number of nanoseconds.
pub fn times(memory: &impl Memory, address: u64, form: TimesForm) -> Option<[(i64, i64); 2]> {
    let words = if form == TimesForm::Seconds { 2 } else { 4 };
    let bytes = memory.read(address, 8 * words);
    let word = |place: usize| Some(i64::from_ne_bytes(*bytes.get(8 * place..)?.first_chunk()?));
    Some(match form {
        TimesForm::Seconds => [(word(0)?, 0), (word(1)?, 0)],
        TimesForm::Microseconds => {
            let nanoseconds = |word: i64| word.checked_mul(1000);
            [(word(0)?, nanoseconds(word(1)?)?), (word(2)?, nanoseconds(word(3)?)?)]
        }
        TimesForm::Nanoseconds => [(word(0)?, word(1)?), (word(2)?, word(3)?)],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes from an address on, and nothing around them.
    struct Bytes(u64, Vec<u8>);

    impl Memory for Bytes {
        fn read(&self, address: u64, length: usize) -> Vec<u8> {
            let Some(from) = address.checked_sub(self.0).and_then(|from| usize::try_from(from).ok()) else {
                return Vec::new();
            };
            self.1.iter().skip(from).take(length).copied().collect()
        }
    }

    #[test]
    fn a_string_ends_in_the_memory_that_is_there() {
        let near_the_end_of_a_page = Bytes(2 * PAGE as u64 - 2, b"abcd\0rest".to_vec());
        let at = near_the_end_of_a_page.0;
        assert_eq!(string(&near_the_end_of_a_page, at, 99), Some(b"abcd".to_vec()));
        assert_eq!(string(&near_the_end_of_a_page, at, 4), None);
        assert_eq!(string(&near_the_end_of_a_page, at, 5), Some(b"abcd".to_vec()));
        assert_eq!(string(&near_the_end_of_a_page, at + 5, 99), None);
        assert_eq!(string(&near_the_end_of_a_page, u64::MAX, 99), None);
        let long = Bytes(0, vec![b'x'; 3 * PAGE]);
        assert_eq!(path(&long, 0), None);
    }

    #[test]
    fn words_are_counted_and_cut() {
        let mut bytes: Vec<u8> = [32u64, 36, 7777, 0].iter().flat_map(|word| word.to_ne_bytes()).collect();
        bytes.extend(b"one\0three\0");
        let memory = Bytes(0, bytes);
        assert_eq!(words(&memory, 0, 8, 3), [b"one".to_vec(), b"thr".to_vec(), Vec::new()]);
        assert_eq!(words(&memory, 0, 1, 512), [b"one".to_vec()]);
        assert_eq!(words(&memory, 9999, 8, 512), [[0u8; 0]; 0]);
        assert_eq!(words(&memory, u64::MAX - 3, 8, 512), [[0u8; 0]; 0]);
    }

    #[test]
    fn times_are_read_in_each_form() {
        let bytes = [1i64, 2, 3, 4].iter().flat_map(|word| word.to_ne_bytes()).collect();
        let memory = Bytes(0, bytes);
        assert_eq!(times(&memory, 0, TimesForm::Seconds), Some([(1, 0), (2, 0)]));
        assert_eq!(times(&memory, 0, TimesForm::Microseconds), Some([(1, 2000), (3, 4000)]));
        assert_eq!(times(&memory, 0, TimesForm::Nanoseconds), Some([(1, 2), (3, 4)]));
        assert_eq!(times(&memory, 8, TimesForm::Nanoseconds), None);
        let large = Bytes(0, [i64::MAX; 4].iter().flat_map(|word| word.to_ne_bytes()).collect());
        assert_eq!(times(&large, 0, TimesForm::Microseconds), None);
    }
}
