//! Claims about texts.

mod python_texts;

use std::sync::Arc;

use num_bigint::BigInt;

use super::super::marshal;
use super::*;

fn shown(object: &Object) -> String {
    let text = constant(object, Order::Given, &mut Budget::default());
    String::from_utf8(text).expect("these texts are UTF-8")
}

#[test]
fn texts_are_those_of_plain_python() {
    for (data, expected) in python_texts::CASES {
        let (object, _) = marshal::read(data).expect("Python wrote it");
        let text = constant(&object, Order::Hashed, &mut Budget::default());
        assert_eq!(text.escape_ascii().to_string(), expected.escape_ascii().to_string());
    }
}

#[test]
fn a_long_text_is_cut_and_shows_its_length() {
    assert_eq!(shown(&Object::str(&[b'x'; 4096])), "x".repeat(4096));
    assert_eq!(shown(&Object::str(&[b'x'; 4097])), "x".repeat(4096) + "…(4097 bytes)");
    let many: Vec<Object> = vec![Object::Int(10); 2000];
    assert!(shown(&Object::List(many.into())).ends_with(" 10, 10,…(8000 bytes)"));
}

#[test]
fn the_cut_does_not_fall_into_a_character() {
    let text = |bytes: &[u8]| constant(&Object::str(bytes), Order::Given, &mut Budget::default());
    for before in 4093..=4096usize {
        let whole = "x".repeat(before) + "😀 and more";
        let kept = if before + 4 <= 4096 { before + 4 } else { before };
        let cut = text(whole.as_bytes());
        assert!(cut.starts_with(&whole.as_bytes()[..kept.min(4096)]));
        assert_eq!(&cut[kept.min(4096)..][..3], "…".as_bytes(), "{before}");
    }
    let invalid = [b'\xf0'; 5000];
    assert_eq!(&text(&invalid)[4096..], "…(5000 bytes)".as_bytes());
}

#[test]
fn code_objects_show_what_c_would_show() {
    let mut budget = Budget::default();
    let mut text = Text::new(&mut budget);
    text.code(b"a\0b", &[b'x'; 400], 0);
    let expected = format!("<code object a, file \"{}\", line -1>", "x".repeat(300));
    assert_eq!(text.finish(), expected.into_bytes());
}

#[test]
fn other_objects_show_their_type() {
    let other = Object::Other(b"array.array"[..].into());
    assert_eq!(shown(&Object::Tuple(vec![other].into())), "(<array.array object>,)");
}

#[test]
fn a_huge_long_shows_its_leading_digits() {
    let long = |value: BigInt| Object::Long(Box::new(value));
    let text = shown(&long(-BigInt::from(10).pow(100_000)));
    assert_eq!(text, format!("-1{}…(100002 bytes)", "0".repeat(4094)));
    let text = shown(&Object::Tuple(vec![long(BigInt::from(10).pow(100_000) - 1)].into()));
    assert_eq!(text, format!("({}…(100004 bytes)", "9".repeat(4095)));
}

#[test]
fn a_string_shared_a_million_times_costs_bounded_work() {
    let shared: Arc<[u8]> = vec![b'x'; 5 << 20].into();
    let tuple = Object::Tuple(vec![Object::Str(shared); 1_000_000].into());
    let text = shown(&tuple);
    assert!(text.starts_with("('xxx") && text.len() < 4200);
    assert!(text.contains("…(more than ") && text.ends_with(" bytes)"), "{}", &text[4090..]);
}

#[test]
fn deep_nesting_takes_no_stack() {
    let run = || {
        let tuple = |object, _| Object::Tuple(vec![object].into());
        let deep = (0..100_000).fold(Object::None, tuple);
        assert!(shown(&deep).ends_with("((…(300004 bytes)"));
    };
    let thread = std::thread::Builder::new().stack_size(128 << 10).spawn(run);
    thread.expect("a thread starts").join().expect("no overflow");
}

#[test]
fn a_code_object_with_too_much_text_gets_short_texts() {
    let mut budget = Budget { text: 5000, work: 1000 };
    let mut next = || constant(&Object::str(&[b'x'; 5000]), Order::Given, &mut budget).len();
    let mark = "…(5000 bytes)".len();
    assert_eq!([next(), next(), next()], [4096 + mark, 4096 + mark, 64 + mark]);
}

#[test]
fn sets_with_items_hashed_by_address_keep_the_order_of_the_file() {
    let set = Object::Set(vec![Object::Int(9), Object::None, Object::Int(1)].into());
    let text = constant(&set, Order::Hashed, &mut Budget::default());
    assert_eq!(text, b"set([9, None, 1])");
}

proptest::proptest! {
    #[test]
    fn any_marshal_data_has_a_text(bytes: Vec<u8>) {
        if let Ok((object, _)) = marshal::read(&bytes) {
            constant(&object, Order::Hashed, &mut Budget::default());
        }
    }
}
