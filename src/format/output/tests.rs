//! Shows that looking at an output changes nothing, and that what cannot be written is refused by name.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::format::{Format, Options, sink};
use crate::trace::Decoder;
use crate::trace::invented::{trace, words};

fn folder() -> TempDir {
    TempDir::new().expect("a temporary folder")
}

#[test]
fn checking_makes_nothing_and_changes_nothing() {
    let folder = folder();
    let (new, old) = (folder.path().join("new"), folder.path().join("old"));
    fs::write(&old, "f> 0 NOP\n").expect("a file");
    let checked = [
        check_output(&new, None, Replace::Traces).expect("writable"),
        check_output(&old, None, Replace::Traces).expect("writable"),
    ];
    assert!(!new.exists());
    assert_eq!(fs::read(&old).expect("readable"), b"f> 0 NOP\n");
    assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 1);
    checked.into_iter().for_each(|checked| drop(checked.open(Compression::None).expect("open")));
    assert_eq!(fs::read(&new).expect("made"), b"");
    assert_eq!(fs::read(&old).expect("emptied"), b"");
}

#[test]
fn the_input_is_known_through_links() {
    let folder = folder();
    let path = |name| folder.path().join(name);
    fs::write(path("a.pyc"), "code").expect("a file");
    symlink(path("a.pyc"), path("soft")).expect("a link");
    fs::hard_link(path("a.pyc"), path("hard")).expect("a link");
    for name in ["a.pyc", "soft", "hard"] {
        let error = check_output(&path(name), Some(&path("a.pyc")), Replace::Traces).expect_err("refused");
        assert!(matches!(error, OutputError::IsInput(_)), "{error}");
    }
    assert_eq!(fs::read(path("a.pyc")).expect("kept"), b"code");
}

#[test]
fn folders_and_missing_folders_are_refused() {
    let folder = folder();
    let error = check_output(folder.path(), None, Replace::Traces).expect_err("refused").to_string();
    assert!(error.ends_with("it is a folder; name a file in it"), "{error}");
    let error =
        check_output(&folder.path().join("none/t.txt"), None, Replace::Traces).expect_err("refused").to_string();
    assert!(error.contains("there is no folder") && error.ends_with("make it first"), "{error}");
    fs::write(folder.path().join("file"), "").expect("a file");
    assert!(check_output(&folder.path().join("file/t.txt"), None, Replace::Traces).is_err());
}

#[test]
fn a_link_to_nothing_is_filled() {
    let folder = folder();
    symlink(folder.path().join("target"), folder.path().join("link")).expect("a link");
    drop(
        check_output(&folder.path().join("link"), None, Replace::Traces)
            .expect("writable")
            .open(Compression::None)
            .expect("open"),
    );
    assert!(folder.path().join("target").exists());
}

#[test]
fn a_full_device_is_an_error_of_every_format() {
    let numbers: Vec<u32> = (0..500u32).map(|number| number.wrapping_mul(0x9e37_79b1) >> 7).collect();
    let words = words(&trace(&numbers));
    for format in [Format::Text, Format::Jsonl, Format::Bct] {
        for compression in [Compression::None, Compression::Zstd, Compression::Gzip] {
            let full = Path::new("/dev/full");
            let output = check_output(full, None, Replace::Traces).expect("writable").open(compression).expect("open");
            let mut sink = sink(format, Options::default(), output);
            let decoded = Decoder::default().decode(&words, &mut *sink);
            assert!(decoded.is_err() || sink.finish().is_err(), "{format:?} {compression:?}");
        }
    }
}

#[test]
fn an_output_is_full_when_it_has_reached_its_limit_and_not_before() {
    let folder = folder();
    let checked = check_output(&folder.path().join("t"), None, Replace::Traces).expect("writable");
    let mut output = checked.open(Compression::None).expect("open");
    output.set_limit(Some(10), false);
    output.write(b"12345678\n", Keep::Lines).expect("written");
    assert!(!output.is_full() && output.is_full_with(1));
    output.write(b"\n", Keep::Lines).expect("written");
    assert!(output.is_full());
}
