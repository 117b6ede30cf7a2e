//! Paths that archives give their members, made safe: no part of them leads anywhere, and every file system takes them.

use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use crate::bytecode::escape;

/// Bytes of one part, and parts, at most.
const LONGEST: usize = 200;
const DEEPEST: usize = 32;

/// Returns a relative path of plain names for a path of either system's form; what would lead out of a folder is replaced.
pub fn safe_path(path: &[u8]) -> PathBuf {
    let parts = path.split(|byte| matches!(byte, b'/' | b'\\')).filter(|part| !matches!(*part, b"" | b"."));
    let mut safe: Vec<Vec<u8>> = parts.map(safe_part).collect();
    if safe.len() > DEEPEST {
        // The last part is the file's own name.
        safe.drain(DEEPEST - 1..safe.len() - 1);
    }
    if safe.is_empty() {
        safe.push(b"_".to_vec());
    }
    safe.iter().map(|part| OsStr::from_bytes(part)).collect()
}

/// The same for a file that people see in a listing: what bctrace does not print raw is replaced too.
pub fn printable_path(path: &[u8]) -> PathBuf {
    let safe = safe_path(path).into_os_string().into_vec();
    let mut shown = String::with_capacity(safe.len());
    for chunk in safe.utf8_chunks() {
        shown.extend(chunk.valid().chars().map(|one| if escape::is_unsafe(one) { '_' } else { one }));
        shown.extend(chunk.invalid().iter().map(|_| '_'));
    }
    shown.into()
}

fn safe_part(part: &[u8]) -> Vec<u8> {
    if part.iter().all(|byte| *byte == b'.') {
        return vec![b'_'; part.len().min(LONGEST)];
    }
    let safe = |byte: &u8| match byte {
        0..0x20 | 0x7f | b':' => b'_',
        byte => *byte,
    };
    // A suffix says what a file is, so it is the middle that goes.
    let bytes: Vec<u8> = part.iter().map(safe).collect();
    match bytes.len() {
        0..=LONGEST => bytes,
        length => [&bytes[..LONGEST - 20], &bytes[length - 20..]].concat(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Component, Path};

    use proptest::prelude::*;

    use super::*;
    use crate::bytecode::escape::Printable;

    #[test]
    fn a_name_keeps_its_bytes_unless_people_see_it() {
        let cases: [(&[u8], &str); 3] = [
            (b"data/\xe4.dat", "data/_.dat"),
            ("fdp.\u{202e}\u{2028}exe\u{85}".as_bytes(), "fdp.__exe_"),
            (b"\xff\x9b2J", "__2J"),
        ];
        for (path, shown) in cases {
            assert_eq!(safe_path(path).as_os_str().as_bytes(), path);
            assert_eq!(printable_path(path), Path::new(shown));
        }
    }

    #[test]
    fn no_part_leads_anywhere() {
        let cases: [(&[u8], &str); 9] = [
            (b"a/b.txt", "a/b.txt"),
            (b"../../etc/passwd", "__/__/etc/passwd"),
            (b"/etc/passwd", "etc/passwd"),
            (b"C:\\Windows\\x.dll", "C_/Windows/x.dll"),
            (b"..\\..\\x", "__/__/x"),
            (b"a/./b//c", "a/b/c"),
            (b"", "_"),
            (b"/", "_"),
            (b"a\0b\n", "a_b_"),
        ];
        for (path, safe) in cases {
            assert_eq!(safe_path(path), Path::new(safe), "{path:?}");
        }
    }

    proptest! {
        #[test]
        fn every_path_is_made_of_short_plain_names(path: Vec<u8>) {
            for safe in [safe_path(&path), printable_path(&path)] {
                let parts: Vec<Component> = safe.components().collect();
                prop_assert!((1..=DEEPEST).contains(&parts.len()));
                for part in parts {
                    prop_assert!(matches!(part, Component::Normal(name) if name.len() <= LONGEST));
                }
            }
            let shown = printable_path(&path);
            prop_assert_eq!(Printable::path(&shown).to_string().into_bytes(), shown.into_os_string().into_vec());
        }
    }
}
