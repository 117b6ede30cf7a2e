//! Cleans any bytes that are a .pyc.
#![no_main]

use bctrace::parts::{Pyc, clean};
use libfuzzer_sys::fuzz_target;

/// The header of a 2.7 .pyc: magic and time.
const HEADER: [u8; 8] = [0x03, 0xf3, b'\r', b'\n', 0, 0, 0, 0];

fuzz_target!(|data: &[u8]| {
    if let Ok(pyc) = Pyc::read(&[&HEADER[..], data].concat()) {
        clean::rebuild(&pyc.code, &clean::Evidence::default(), &clean::Options::default());
    }
});
