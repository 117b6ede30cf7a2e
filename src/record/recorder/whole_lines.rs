//! Keeps the promise that a trace made of lines ends at a whole one, even where this process is killed in the middle of a write.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;

/// A line is found within this many bytes of the end: names and constants are cut far below.
const REACH: u64 = 1 << 20;

/// Cuts a file after its last line break.
pub fn cut(file: &File) -> io::Result<()> {
    let end = file.metadata()?.len();
    let begin = end.saturating_sub(REACH);
    let mut tail = vec![0; (end - begin) as usize];
    // It is open for writing alone.
    let readable = File::open(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
    readable.read_exact_at(&mut tail, begin)?;
    match tail.iter().rposition(|&byte| byte == b'\n') {
        Some(last) => file.set_len(begin + last as u64 + 1),
        None if begin == 0 => file.set_len(0),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_the_last_line_break_is_cut() {
        for (text, kept) in [("one\ntwo\nthr", "one\ntwo\n"), ("one\n", "one\n"), ("one", ""), ("", "")] {
            let file = tempfile::NamedTempFile::new().expect("a file");
            std::fs::write(file.path(), text).expect("written");
            let open = File::options().read(true).write(true).open(file.path()).expect("opened");
            cut(&open).expect("cut");
            assert_eq!(std::fs::read_to_string(file.path()).expect("read"), kept);
        }
    }
}
