//! Reads any bytes as each kind of file that holds a program: as they are, and as the first byte says, with the beginning or end that has
//! a reader look at them.
#![no_main]

use bctrace::parts::file::{self, Asked};
use libfuzzer_sys::fuzz_target;

/// What PyInstaller's cookie begins with.
const COOKIE: &[u8] = b"MEI\x0c\x0b\x0a\x0b\x0e";
/// A zip's last record, of one member whose directory is 60 bytes before it.
const END: &[u8] = b"PK\x05\x06\0\0\0\0\x01\0\x01\0\x3c\0\0\0\0\0\0\0\0\0";

fuzz_target!(|data: &[u8]| {
    let Some((kind, rest)) = data.split_first() else { return };
    let bytes = match kind % 6 {
        0 => rest.to_vec(),
        1 => [&b"PYZ\0\x03\xf3\r\n"[..], rest].concat(),
        2 => [&b"\x12\x34\x56\x78"[..], rest].concat(),
        3 => [&b"MZ"[..], rest].concat(),
        4 => [rest, END].concat(),
        _ => {
            // The rest of a cookie of 24 bytes comes from the data too.
            let (body, cookie) = rest.split_at(rest.len().saturating_sub(16));
            [body, COOKIE, cookie].concat()
        }
    };
    let asked = Asked { stem: b"app".to_vec(), ..Asked::default() };
    if let Ok(contents) = file::read(bytes, &asked) {
        for (_, code) in contents.codes() {
            assert!(code.read().is_some());
        }
        for file in &contents.files {
            assert!(file::safe_path(&file.name).is_relative());
        }
    }
});
