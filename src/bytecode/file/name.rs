//! Paths that archives give their members, made safe: no part of them leads anywhere, every file system takes them, and they can be
//! printed as they are.

use std::path::PathBuf;

use crate::bytecode::escape;

/// Bytes of one part, and parts, at most.
const LONGEST: usize = 200;
const DEEPEST: usize = 32;

/// Returns a relative path of plain names for a path of either system's form; what would lead out of a folder is replaced.
pub fn safe_path(path: &[u8]) -> PathBuf {
    let parts = path.split(|byte| matches!(byte, b'/' | b'\\')).filter(|part| !matches!(*part, b"" | b"."));
    let mut safe: Vec<String> = parts.map(safe_part).collect();
    if safe.len() > DEEPEST {
        // The last part is the file's own name.
        safe.drain(DEEPEST - 1..safe.len() - 1);
    }
    if safe.is_empty() {
        safe.push("_".to_owned());
    }
    safe.into_iter().collect()
}

fn safe_part(part: &[u8]) -> String {
    if part.iter().all(|byte| *byte == b'.') {
        return "_".repeat(part.len().min(LONGEST));
    }
    let mut safe = String::with_capacity(part.len());
    for chunk in part.utf8_chunks() {
        safe.extend(chunk.valid().chars().map(|one| if one == ':' || escape::is_unsafe(one) { '_' } else { one }));
        safe.extend(chunk.invalid().iter().map(|_| '_'));
    }
    if safe.len() > LONGEST {
        // A suffix says what a file is, so it is the middle that goes.
        let is_start = |at: &usize| safe.is_char_boundary(*at);
        let from = (0..=LONGEST - 20).rev().find(is_start).unwrap_or(0);
        let to = (safe.len() - 20..safe.len()).find(is_start).unwrap_or(safe.len());
        safe.replace_range(from..to, "");
    }
    safe
}

#[cfg(test)]
mod tests {
    use std::path::{Component, Path};

    use proptest::prelude::*;

    use super::*;
    use crate::bytecode::escape::Printable;

    #[test]
    fn no_part_leads_anywhere() {
        let cases: [(&[u8], &str); 11] = [
            (b"a/b.txt", "a/b.txt"),
            (b"../../etc/passwd", "__/__/etc/passwd"),
            (b"/etc/passwd", "etc/passwd"),
            (b"C:\\Windows\\x.dll", "C_/Windows/x.dll"),
            (b"..\\..\\x", "__/__/x"),
            (b"a/./b//c", "a/b/c"),
            (b"", "_"),
            (b"/", "_"),
            (b"a\0b\n", "a_b_"),
            ("fdp.\u{202e}\u{2028}exe\u{85}".as_bytes(), "fdp.__exe_"),
            (b"\xff\x9b2J", "__2J"),
        ];
        for (path, safe) in cases {
            assert_eq!(safe_path(path), Path::new(safe), "{path:?}");
        }
    }

    proptest! {
        #[test]
        fn every_path_is_made_of_short_plain_names(path: Vec<u8>) {
            let safe = safe_path(&path);
            let parts: Vec<Component> = safe.components().collect();
            prop_assert!((1..=DEEPEST).contains(&parts.len()));
            for part in parts {
                prop_assert!(matches!(part, Component::Normal(name) if name.len() <= LONGEST));
            }
            let printed = Printable::path(&safe).to_string();
            prop_assert_eq!(Path::new(&printed), safe);
        }
    }
}
