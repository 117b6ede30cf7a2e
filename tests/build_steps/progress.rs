//! What a long build says beside cargo's own lines.

use std::fs::{self, File};

use super::build::progress::{Progress, wants_lines};

#[test]
fn a_line_stands_in_cargos_columns() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("errors");
    Progress::to(File::create(&path).unwrap()).say("building CPython");
    assert_eq!(fs::read_to_string(path).unwrap(), "     bctrace building CPython\n");
}

#[test]
fn what_is_done_in_a_moment_is_not_counted_aloud() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("errors");
    let counter = Progress::to(File::create(&path).unwrap()).counter("files compiled", 200);
    (0..200).for_each(|_| counter.count());
    assert_eq!(fs::read_to_string(path).unwrap(), "");
}

#[test]
fn a_quiet_cargo_and_one_that_shows_everything_get_no_lines() {
    assert!(wants_lines(b"cargo\0build\0--release\0"));
    assert!(wants_lines(b"cargo\0run\0--\0-q\0"));
    for option in ["-q", "--quiet", "-vv"] {
        assert!(!wants_lines(format!("cargo\0build\0{option}\0").as_bytes()), "{option}");
    }
}
