//! Claims about reading .pyc files.

use super::*;

/// The marshal data of an empty code object.
fn code() -> Vec<u8> {
    let strings = [b"s\0\0\0\0".as_slice(); 2].concat();
    [&b"c"[..], &[0; 16], b"s\0\0\0\0", &b"(\0\0\0\0".repeat(5), &strings, &[0; 4], b"s\0\0\0\0"].concat()
}

fn with_header(header: &[u8]) -> Vec<u8> {
    [header, &code()].concat()
}

fn error(file: &[u8]) -> String {
    Pyc::read(file).expect_err("the file is bad").to_string()
}

#[test]
fn the_header_is_eight_bytes_and_the_time_is_not_read() {
    for time in [b"\0\0\0\0", b"pyi0", b"\xff\xff\xff\xff"] {
        let file = with_header(&[&MAGIC_BYTES[..], time].concat());
        assert_eq!(Pyc::read(&file).expect("it reads").marshal, 8..file.len());
    }
}

#[test]
fn what_follows_the_code_object_is_ignored() {
    let file = [with_header(b"\x03\xf3\r\n\0\0\0\0"), b"garbage".to_vec()].concat();
    assert_eq!(Pyc::read(&file).expect("it reads").marshal, 8..file.len() - 7);
}

#[test]
fn other_pythons_are_named() {
    let magic = |number: u16| with_header(&[&number.to_le_bytes()[..], b"\r\n\0\0\0\0"].concat());
    assert_eq!(error(&magic(62161)), "magic 62161 is Python 2.6; bctrace runs 2.7 (62211)");
    assert_eq!(error(&magic(3413)), "magic 3413 is Python 3.8; bctrace runs 2.7 (62211)");
    assert_eq!(error(&magic(7)), "magic 7 is of no known Python; bctrace runs 2.7 (62211)");
}

#[test]
fn short_files_say_how_short_they_are() {
    assert_eq!(error(b""), "it is empty");
    for length in [4, 8] {
        let file = &with_header(b"\x03\xf3\r\n\0\0\0\0")[..length];
        assert!(error(file).starts_with(&format!("it ends after {length} bytes;")));
    }
}

#[test]
fn text_transfers_are_recognised() {
    assert!(error(&with_header(b"\x03\xf3\r\r\n\0\0\0\0")).starts_with("every LF was made CR LF"));
    assert!(error(&with_header(b"\x03\xf3\n\0\0\0\0")).starts_with("every CR LF was made LF"));
    assert!(error(b"\x03\xc3\xb3\r\n\0\0\0\0c").starts_with("its bytes were encoded as UTF-8"));
    assert!(error(b"A/MNCgAAAABj").starts_with("it is a .pyc in base64"));
}

#[test]
fn a_missing_header_is_recognised() {
    assert!(error(&code()).starts_with("the 8-byte header is missing"));
}

#[test]
fn a_longer_header_is_reported_if_it_is_one() {
    let twelve = error(&with_header(b"\x03\xf3\r\n\0\0\0\0\xd2\x04\0\0"));
    assert!(twelve.starts_with(
        "bad marshal data at byte 8: byte 0xd2 is no type code of Python 2.7; but a code object begins at byte 12"
    ));
    let as_none = error(&with_header(b"\x03\xf3\r\n\0\0\0\0N\x04\0\0"));
    assert!(
        as_none.starts_with("the top-level object is None, not a code object; but a code object begins at byte 12")
    );
    assert!(!error(b"\x03\xf3\r\n\0\0\0\0NN").contains("but"));
}

#[test]
fn other_objects_are_named_with_their_article() {
    let object = |data: &[u8]| error(&[b"\x03\xf3\r\n\0\0\0\0", data].concat());
    assert_eq!(object(b"(\0\0\0\0"), "the top-level object is a tuple, not a code object");
    assert_eq!(object(b"i\0\0\0\0"), "the top-level object is an int, not a code object");
    assert_eq!(object(b"u\0\0\0\0"), "the top-level object is a unicode, not a code object");
}

#[test]
fn errors_in_marshal_data_count_from_the_beginning_of_the_file() {
    assert!(error(b"\x03\xf3\r\n\0\0\0\0(\x01\0\0\0?").starts_with("bad marshal data at byte 13: '?' is no type code"));
}

#[test]
fn other_files_are_named() {
    assert!(error(b"\x7fELF\x02\x01").starts_with("it is an ELF file"));
    assert!(error(b"PK\x03\x04....").starts_with("it is a zip archive"));
    assert!(error(b"print 'hello'\n").starts_with("it is text, not a .pyc"));
    assert_eq!(
        error(b"\x00\x01\x02\xfe\xff"),
        "it does not begin with the magic of a .pyc of Python 2.7 (03 f3 0d 0a) but with 00 01 02 fe"
    );
}

proptest::proptest! {
    #[test]
    fn random_files_never_panic(bytes: Vec<u8>, with_magic: bool) {
        let file = if with_magic { [&MAGIC_BYTES[..], &bytes].concat() } else { bytes };
        let _ = Pyc::read(&file).map_err(|error| error.to_string());
    }
}
