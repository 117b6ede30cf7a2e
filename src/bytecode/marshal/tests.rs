//! Claims about reading marshal data. Whole files made to break readers are in tests/; these are the
//! rules one by one.

use std::time::Instant;

use super::super::object::{Items, MarshalledCode};
use super::*;

/// A code object with nothing in it.
pub(in super::super) fn hello() -> MarshalledCode {
    let empty: Arc<[u8]> = [].into();
    MarshalledCode {
        argcount: 0,
        nlocals: 0,
        stacksize: 1,
        flags: 64,
        bytes: empty.clone(),
        constants: Items::default(),
        names: vec![],
        varnames: vec![],
        freevars: vec![],
        cellvars: vec![],
        filename: empty.clone(),
        name: empty.clone(),
        first_line: 1,
        lnotab: empty,
    }
}

/// Returns marshal data of a code object, with one of its nine object fields replaced.
fn code_with(field: usize, data: &[u8]) -> Vec<u8> {
    let (string, tuple) = (b"s\0\0\0\0", b"(\0\0\0\0");
    let mut bytes = vec![b'c'];
    bytes.extend([0u8; 16]);
    for place in 0..9 {
        if place == 8 {
            bytes.extend([1, 0, 0, 0]);
        }
        let usual = if (1..6).contains(&place) { tuple } else { string };
        bytes.extend_from_slice(if place == field { data } else { usual });
    }
    bytes
}

fn error(data: &[u8]) -> String {
    read(data).expect_err("the data is bad").to_string()
}

fn shown(data: &[u8]) -> String {
    let (object, length) = read(data).expect("the data is good");
    assert_eq!(length, data.len());
    format!("{object:?}")
}

#[test]
fn leaves_are_read() {
    assert_eq!(shown(b"N"), "None");
    assert_eq!(shown(b"i\xff\xff\xff\xff"), "Int(-1)");
    assert_eq!(shown(b"I\0\0\0\0\x01\0\0\0"), "Int(4294967296)");
    assert_eq!(shown(b"l\xfe\xff\xff\xff\x01\0\x02\0"), "Long(-65537)");
    assert_eq!(shown(b"f\x031.5"), "Float(1.5)");
    assert_eq!(shown(b"f\x051.5\0x"), "Float(1.5)", "C reads up to the NUL");
    assert_eq!(shown(b"x\x011\x03inf"), "Complex((1.0, inf))");
    assert_eq!(shown(b"u\x04\0\0\0a\xed\xa0\x80"), "Unicode([97, 55296])", "a lone surrogate");
}

#[test]
fn references_lead_to_interned_strings_only() {
    assert_eq!(
        shown(b"(\x03\0\0\0s\x01\0\0\0xt\x01\0\0\0aR\0\0\0\0"),
        "Tuple(Items([Str([120]), Str([97]), Str([97])]))"
    );
    assert_eq!(
        error(b"(\x02\0\0\0t\x01\0\0\0aR\x01\0\0\0"),
        "bad marshal data at byte 11: string reference 1 leads nowhere: 1 strings were interned so far"
    );
    assert!(error(b"R\xff\xff\xff\xff").contains("string reference -1"));
}

#[test]
fn null_ends_a_dict_and_drops_a_key_and_is_wrong_elsewhere() {
    assert_eq!(shown(b"{NFT00"), "Dict(Items([None, Bool(false)]))", "T has NULL as its value");
    assert!(error(b"0").contains("NULL stands in the top level"));
    assert!(error(b"(\x01\0\0\x000").contains("NULL stands in tuple"));
    assert!(error(&code_with(1, b"0")).contains("NULL stands in a code object"));
}

#[test]
fn unhashable_objects_are_no_keys_and_no_items() {
    assert!(error(b"{[\0\0\0\0N0").ends_with("a dict cannot hold this list, which is unhashable"));
    assert!(error(b"<\x01\0\0\0(\x01\0\0\0{0").ends_with("a set cannot hold this tuple, which is unhashable"));
    assert!(error(b">\x01\0\0\0<\0\0\0\0").ends_with("a frozenset cannot hold this set, which is unhashable"));
    assert_eq!(shown(b"<\x01\0\0\0>\0\0\0\0"), "Set(Items([FrozenSet(Items([]))]))");
    let list_inside = [b"{".as_slice(), &code_with(1, b"(\x01\0\0\0[\0\0\0\0"), b"N0"].concat();
    assert!(error(&list_inside).ends_with("a dict cannot hold this code, which is unhashable"));
    assert_eq!(shown(b"{[\0\0\0\x0000"), "Dict(Items([]))", "a key without a value is never hashed");
}

#[test]
fn sizes_are_not_trusted() {
    assert!(error(b"(\xff\xff\xff\x7fN").ends_with("a tuple of 2147483647 items has only 1 bytes left for them"));
    assert!(error(b"s\xff\xff\xff\x7fN").ends_with("the data ends where the rest of a string should be"));
    assert!(error(b"s\xff\xff\xff\xff").ends_with("a str has the impossible size -1"));
    assert!(error(b"l\0\0\0\x80").ends_with("a long has the impossible size -2147483648"));
    assert!(error(b"l\x01\0\0\0\0\x80").ends_with("a long has the digit 32768; digits are below 32768"));
    assert!(error(b"l\x02\0\0\0\x01\0\0\0").ends_with("a long has a leading zero digit"));
}

#[test]
fn nesting_is_limited_as_in_plain_python_and_takes_no_stack() {
    let nested = |depth: usize| [b"(\x01\0\0\0".repeat(depth), b"N".to_vec()].concat();
    let run = move || {
        assert!(read(&nested(1999)).is_ok());
        assert!(error(&nested(2000)).starts_with("bad marshal data at byte 10000: objects are nested"));
        assert!(error(&nested(1_000_000)).contains("nested more than 2000 deep"));
    };
    let thread = std::thread::Builder::new().stack_size(128 << 10).spawn(run);
    thread.expect("a thread starts").join().expect("no overflow");
}

#[test]
fn invalid_utf8_is_refused_as_python_refuses_it() {
    for bad in [
        &b"\xff"[..],
        b"\xc0\x80",
        b"\xc1\xbf",
        b"\xe0\x9f\xbf",
        b"\xf0\x8f\xbf\xbf",
        b"\xf4\x90\x80\x80",
        b"\xc3",
        b"\xe2\x82",
    ] {
        assert_eq!(decode_utf8(bad), Err(0), "{bad:?}");
    }
    assert_eq!(decode_utf8(b"a\xc3\xbc\xf0\x9f\x98\x80"), Ok(vec![97, 0xfc, 0x1f600]));
}

#[test]
fn code_objects_are_checked_like_pycode_new_checks_them() {
    assert!(read(&code_with(99, b"")).is_ok());
    assert!(error(&code_with(0, b"u\0\0\0\0")).contains("co_code of a code object is a unicode"));
    assert!(error(&code_with(1, b"[\0\0\0\0")).ends_with("co_consts of a code object is of type list, not tuple"));
    assert!(error(&code_with(6, b"N")).ends_with("co_filename of a code object is of type NoneType, not str"));
    assert!(
        error(&code_with(2, b"(\x01\0\0\0i\0\0\0\0"))
            .ends_with("item 0 of co_names is of type int, not str; plain Python aborts on this")
    );
    let mut negative = code_with(99, b"");
    negative[8] = 0xff;
    assert!(error(&negative).contains("co_nlocals of a code object is -16777216"));
}

#[test]
fn every_truncation_of_a_code_object_is_an_error() {
    let whole = code_with(1, b"(\x02\0\0\0N{Ni\x01\0\0\x000");
    assert!(read(&whole).is_ok());
    for length in 0..whole.len() {
        assert!(read(&whole[..length]).is_err(), "{length}");
    }
}

#[test]
fn colliding_hashes_cost_no_time() {
    // Longs that are equal modulo 2^64 - 1 hash alike; plain Python takes quadratic time here.
    let mut data = b"<\x50\xc3\0\0".to_vec();
    for multiple in 1..=50_000u128 {
        let value = multiple * u128::from(u64::MAX);
        let digits: Vec<u16> = (0..9).map(|place| (value >> (15 * place)) as u16 & 0x7fff).collect();
        let count = digits.iter().rposition(|&digit| digit != 0).map_or(0, |place| place + 1);
        data.push(b'l');
        data.extend((count as u32).to_le_bytes());
        data.extend(digits[..count].iter().flat_map(|digit| digit.to_le_bytes()));
    }
    let begin = Instant::now();
    assert!(read(&data).is_ok());
    assert!(begin.elapsed().as_secs() < 5);
}

proptest::proptest! {
    #[test]
    fn random_bytes_never_panic(bytes: Vec<u8>) {
        let _ = read(&bytes);
    }

    #[test]
    fn mutated_code_objects_never_panic(place in 0usize..80, byte: u8, more in proptest::collection::vec((0usize..80, 0u8..=255), 0..4)) {
        let mut data = code_with(1, b"(\x05\0\0\0N{Ni\x01\0\0\x000<\x01\0\0\0Nu\x01\0\0\0al\x01\0\0\0\x01\0");
        for (place, byte) in more.into_iter().chain([(place, byte)]) {
            let length = data.len();
            data[place % length] = byte;
        }
        let _ = read(&data);
    }
}
