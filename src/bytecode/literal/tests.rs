//! Claims about constants as text.

use super::*;
use crate::bytecode::object::Object;

fn text(object: &Object) -> String {
    let mut out = Vec::new();
    push_object(&mut out, object, &Interned::default(), &mut |_| "code 7".into());
    String::from_utf8(out).expect("ASCII")
}

fn read(text: &str) -> Result<Object, LiteralError> {
    let mut reader = Reader::new(text.as_bytes());
    let object = reader.object(&mut |_| None)?;
    assert_eq!(reader.rest(), b"", "{text}");
    Ok(object)
}

#[track_caller]
fn comes_back(object: Object, wanted: &str) {
    assert_eq!(text(&object), wanted);
    assert_eq!(format!("{:?}", read(wanted).expect(wanted)), format!("{object:?}"), "{wanted}");
}

#[test]
fn types_that_look_alike_are_told_apart() {
    comes_back(Object::Int(1), "1");
    comes_back(Object::long(false, [1], 30), "1L");
    comes_back(Object::long(true, [0, 0, 0, 5], 30), "-6189700196426901374495621120L");
    comes_back(Object::Float(1.0), "1.0");
    comes_back(Object::Bool(true), "True");
    comes_back(Object::Float(-0.0), "-0.0");
    comes_back(Object::Float(f64::NEG_INFINITY), "-inf");
    comes_back(Object::Int(i64::MIN), "-9223372036854775808");
    comes_back(Object::str(b"a'\n\xff"), "\"a'\\n\\xff\"");
    comes_back(Object::Unicode([0x61, 0xd800, 0x1f600, 0xe9].as_slice().into()), "u'a\\ud800\\U0001f600\\xe9'");
}

#[test]
fn every_nan_and_complex_keeps_its_bits() {
    for bits in [0x7ff8 << 48, 0xfff8 << 48, 0x7ff8_0000_0000_0001_u64, 1, u64::MAX] {
        let object = Object::Float(f64::from_bits(bits));
        assert!(matches!(read(&text(&object)), Ok(Object::Float(back)) if back.to_bits() == bits), "{bits:x}");
    }
    for (real, imaginary) in
        [(1.5, -2.0), (0.0, 1.0), (-0.0, -0.0), (0.0, -0.0), (1e300, f64::INFINITY), (f64::NAN, 1.0)]
    {
        let object = Object::Complex(Box::new((real, imaginary)));
        let Ok(Object::Complex(back)) = read(&text(&object)) else { panic!("{}", text(&object)) };
        let bits = |parts: (f64, f64)| (parts.0.to_bits(), parts.1.to_bits());
        assert_eq!(bits(*back), bits((real, imaginary)), "{}", text(&object));
    }
}

#[test]
fn containers_nest() {
    let tuple = |items: Vec<Object>| Object::Tuple(items.into());
    comes_back(tuple(vec![]), "()");
    comes_back(tuple(vec![tuple(vec![Object::Int(1)]), Object::None]), "((1,), None)");
    comes_back(Object::FrozenSet(vec![Object::Int(2), Object::Int(1)].into()), "frozenset([2, 1])");
    comes_back(Object::Set(vec![].into()), "set([])");
    comes_back(
        Object::Dict(vec![Object::Int(1), Object::List(vec![].into()), Object::None, Object::Ellipsis].into()),
        "{1: [], None: Ellipsis}",
    );
    comes_back(tuple(vec![Object::Complex(Box::new((1.0, 2.0)))]), "((1+2j),)");
}

#[test]
fn deep_nesting_takes_no_stack() {
    let run = || {
        let nested = (0..1999).fold(Object::None, |object, _| Object::Tuple(vec![object].into()));
        let text = text(&nested);
        assert!(read(&text).is_ok());
        assert_eq!(read(&"(".repeat(100_000)).unwrap_err(), LiteralError::TooDeep);
    };
    let thread = std::thread::Builder::new().stack_size(128 << 10).spawn(run);
    thread.expect("a thread starts").join().expect("no overflow");
}

#[test]
fn what_is_no_constant_is_refused() {
    for bad in
        ["", "'a", "'\\q'", "(1", "{1}", "{[]: 1}", "set([[]])", "1 2", "nan(1)", "infinity", "0x10", "u'\\U00110000'"]
    {
        let mut reader = Reader::new(bad.as_bytes());
        assert!(reader.object(&mut |_| None).is_err() || !reader.rest().is_empty(), "{bad}");
    }
}

#[test]
fn interned_strings_are_marked_where_that_is_not_usual() {
    let strings: Vec<Arc<[u8]>> = [&b"name"[..], b"name", b"a b", b"a b"].into_iter().map(Arc::from).collect();
    let mut interned = Interned::default();
    [0, 2].into_iter().for_each(|place| interned.add(&strings[place]));
    let object = Object::Tuple(strings.into_iter().map(Object::Str).collect::<Vec<_>>().into());
    let mut out = Vec::new();
    push_object(&mut out, &object, &interned, &mut |_| String::new());
    assert_eq!(out, b"('name', s'name', t'a b', 'a b')");
    let mut reader = Reader::new(&out);
    let back = reader.object(&mut |_| None).expect("a tuple");
    let found: Vec<bool> = back
        .items()
        .expect("a tuple")
        .iter()
        .map(|item| matches!(item, Object::Str(text) if reader.interned.has(text)))
        .collect();
    assert_eq!(found, [true, false, true, false]);
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_refused(text: Vec<u8>) {
        let _ = Reader::new(&text).object(&mut |_| None);
    }

    #[test]
    fn any_string_comes_back(bytes: Vec<u8>, bits: u64) {
        let object = Object::Tuple(vec![Object::str(&bytes), Object::Float(f64::from_bits(bits))].into());
        let back = read(&text(&object)).expect("a tuple");
        proptest::prop_assert_eq!(text(&back), text(&object));
        proptest::prop_assert_eq!(format!("{:?}", &back.items().unwrap()[0]), format!("{:?}", Object::str(&bytes)));
    }
}
