//! Text that a program or a file chose as one word of a POSIX shell, for commands and options that are offered to be pasted.  Neither
//! runs anything there, and nothing of it is shown that [`Printable`] would not show.

use std::fmt::{self, Display, Formatter, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::escape::Printable;

/// A word: as it is if no shell takes any of it for more than itself, else in quotes.
#[derive(Clone, Copy, Debug)]
pub struct Word<'a>(pub &'a [u8]);

impl<'a> Word<'a> {
    /// The path of a file.
    pub fn path(path: &'a Path) -> Word<'a> {
        Word(path.as_os_str().as_bytes())
    }
}

impl Display for Word<'_> {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        let shown = Printable::text(self.0).to_string();
        if shown.as_bytes() != self.0 {
            return self.escaped(f);
        }
        let is_plain = |one: char| one.is_alphanumeric() || "-_./:@%+=,".contains(one);
        if !shown.is_empty() && shown.chars().all(is_plain) {
            return f.write_str(&shown);
        }
        write!(f, "'{}'", shown.replace('\'', r"'\''"))
    }
}

impl Word<'_> {
    /// Writes `$'...'` of POSIX.1-2024.  A shell that does not know it takes all between the quotes for text, so that no quote may be
    /// in it, not even after a backslash.
    fn escaped(&self, f: &mut Formatter) -> fmt::Result {
        f.write_str("$'")?;
        for chunk in self.0.utf8_chunks() {
            for one in chunk.valid().chars() {
                let mut buffer = [0; 4];
                let encoded = one.encode_utf8(&mut buffer);
                let is_shown = Printable::text(encoded.as_bytes()).to_string() == *encoded;
                match one {
                    '\\' => f.write_str(r"\\")?,
                    '\'' => f.write_str(r"\047")?,
                    _ if is_shown => f.write_char(one)?,
                    _ => octal(encoded.as_bytes(), f)?,
                }
            }
            octal(chunk.invalid(), f)?;
        }
        f.write_str("'")
    }
}

fn octal(bytes: &[u8], f: &mut Formatter) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, r"\{byte:03o}"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn word(bytes: &[u8]) -> String {
        Word(bytes).to_string()
    }

    #[test]
    fn a_word_is_quoted_where_a_shell_would_take_it_for_more() {
        assert_eq!(word(b"--allow-read=/etc/shadow"), "--allow-read=/etc/shadow");
        assert_eq!(word(b""), "''");
        assert_eq!(word(b"/x';touch y;#"), r"'/x'\'';touch y;#'");
        assert_eq!(word(br"a\b"), r"'a\b'");
        for text in ["~", "*", "[a]", "$x", "`x`", "a b", "#", "!x", "{a,b}"] {
            assert_eq!(word(text.as_bytes()), format!("'{text}'"));
        }
    }

    #[test]
    fn what_cannot_be_shown_is_escaped() {
        assert_eq!(word(b"a\x1b[2J\n\\'"), r"$'a\033[2J\012\\\047'");
        assert_eq!(word("ü\u{202e}".as_bytes()), r"$'ü\342\200\256'");
        assert_eq!(word(b"\xff"), r"$'\377'");
    }

    /// What a shell passes on if the word is pasted into it.
    fn passed(shell: &str, word: &Word) -> Vec<u8> {
        let run = Command::new(shell).arg("-c").arg(format!("printf %s {word}")).output().expect("a shell");
        assert!(run.status.success() && run.stderr.is_empty(), "{word}: {run:?}");
        run.stdout
    }

    #[test]
    fn shells_take_it_for_one_word_and_run_none_of_it() {
        let texts: [&[u8]; 4] =
            [b"/etc/x';echo pasted;#", b"$(echo pasted) `echo pasted` ~ * \\", b"\\'\\\\'", b"it's \"it\""];
        for text in texts {
            assert_eq!(passed("/bin/sh", &Word(text)), text);
        }
        // Not every shell takes the escapes for what they mean, but all of them take it for one word.
        let text = b"\x1b';echo pasted;#\\'$(echo pasted)\n\xff";
        assert!(!passed("/bin/sh", &Word(text)).starts_with(b"pasted"));
        if Path::new("/bin/bash").is_file() {
            assert_eq!(passed("/bin/bash", &Word(text)), text);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_word_is_printable(bytes: Vec<u8>) {
            let word = word(&bytes);
            proptest::prop_assert_eq!(Printable::text(word.as_bytes()).to_string(), word);
        }
    }
}
