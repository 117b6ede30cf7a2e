//! Reads any bytes as a .pyc, and lays out and lists every code object in it.
#![no_main]

use bctrace::parts::Pyc;
use libfuzzer_sys::fuzz_target;

/// The header of a 2.7 .pyc: magic and time.
const HEADER: [u8; 8] = [0x03, 0xf3, b'\r', b'\n', 0, 0, 0, 0];

fuzz_target!(|data: &[u8]| {
    let _ = Pyc::read(data);
    let _ = Pyc::read(&[&HEADER[..], data].concat());
});
