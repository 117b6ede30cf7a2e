//! Keeps the promise that a trace made of lines ends at a whole one, even where this process is killed in the middle of a write.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;

/// Bytes that are looked at at a time.
const STEP: u64 = 1 << 20;

/// Cuts a file after its last line break.
pub fn cut(file: &File) -> io::Result<()> {
    // It is open for writing alone.
    let readable = File::open(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
    let mut end = file.metadata()?.len();
    while end > 0 {
        let begin = end.saturating_sub(STEP);
        let mut bytes = vec![0; (end - begin) as usize];
        readable.read_exact_at(&mut bytes, begin)?;
        if let Some(last) = bytes.iter().rposition(|&byte| byte == b'\n') {
            return file.set_len(begin + last as u64 + 1);
        }
        end = begin;
    }
    file.set_len(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_the_last_line_break_is_cut() {
        let long = "x".repeat(3 << 20);
        let begun = format!("one\n{long}");
        for (text, kept) in
            [("one\ntwo\nthr", "one\ntwo\n"), ("one\n", "one\n"), ("one", ""), ("", ""), (&begun, "one\n"), (&long, "")]
        {
            let file = tempfile::NamedTempFile::new().expect("a file");
            std::fs::write(file.path(), text).expect("written");
            let open = File::options().read(true).write(true).open(file.path()).expect("opened");
            cut(&open).expect("cut");
            assert_eq!(std::fs::read_to_string(file.path()).expect("read"), kept);
        }
    }
}
