//! What `--version` says.

/// The first digits of a commit.
pub type Commit = [u8; 12];

/// Returns the commit that the last line of a log of git's has as its second word. A constant function, so that the log itself
/// does not get into the binary.
pub const fn commit_in(log: &[u8]) -> Option<Commit> {
    let mut at = match log {
        [.., b'\n'] => log.len() - 1,
        _ => log.len(),
    };
    while at > 0 && log[at - 1] != b'\n' {
        at -= 1;
    }
    while at < log.len() && log[at] != b' ' {
        at += 1;
    }
    let mut commit = [0; 12];
    let mut digit = 0;
    while digit < commit.len() {
        at += 1;
        if at >= log.len() || !log[at].is_ascii_hexdigit() {
            return None;
        }
        commit[digit] = log[at];
        digit += 1;
    }
    Some(commit)
}

/// Returns the version and all that tells one build from another, for bug reports.
pub fn text(commit: Option<Commit>) -> String {
    let commit = commit.map_or("unknown".into(), |digits| String::from_utf8_lossy(&digits).into_owned());
    format!(
        "{}\ncommit {commit}\ntarget {}\nCPython {}, patched\nbuilt in: {}; crypt by the system's libcrypt\ntrace format {}",
        env!("CARGO_PKG_VERSION"),
        env!("BCTRACE_TARGET"),
        crate::vm::VERSION,
        env!("BCTRACE_LINKED_MODULES"),
        crate::format::bct::layout::VERSION,
    )
}

#[cfg(test)]
mod tests {
    use super::commit_in;

    const FIRST: &str =
        "0000000000000000000000000000000000000000 2c87ebe1d0ab4f5e6d7c8b9a0123456789abcdef A <a@b> 1 +0000\tclone\n";

    #[test]
    fn the_commit_is_the_second_word_of_the_last_line() {
        let log = format!(
            "{FIRST}2c87ebe1d0ab4f5e6d7c8b9a0123456789abcdef 09b2a00000001111222233334444555566667777 A <a@b> 2 +0000\n"
        );
        assert_eq!(commit_in(FIRST.as_bytes()), Some(*b"2c87ebe1d0ab"));
        assert_eq!(commit_in(log.as_bytes()), Some(*b"09b2a0000000"));
        assert_eq!(commit_in(log.trim_end().as_bytes()), Some(*b"09b2a0000000"));
        assert_eq!(commit_in(b"HEAD 09b2a0000000111122223333444455556666777\n"), Some(*b"09b2a0000000"));
    }

    #[test]
    fn a_log_without_a_commit_has_none() {
        for log in ["", "\n", "HEAD", "HEAD ", "HEAD 09b2a000000\n", "HEAD HEAD HEAD HEAD\n"] {
            assert_eq!(commit_in(log.as_bytes()), None, "{log:?}");
        }
    }
}
