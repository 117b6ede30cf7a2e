//! Owns writing marshal data as Python/marshal.c of 2.7.18 writes it (version 2), so that 2.7 loads it: piece by piece, as a
//! caller walks over the objects.  Knows no object itself; counts are filled in when a container ends.

/// Marshal data in the making.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
    /// Interned strings that were written: TYPE_STRINGREF refers to them by their place.
    interned: i32,
}

/// A container that was begun: where its count stands.
#[derive(Debug)]
pub struct Begun {
    count_at: usize,
}

/// The containers that have a count before their items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sequence {
    Tuple,
    List,
    Set,
    FrozenSet,
}

impl Writer {
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }

    pub fn none(&mut self) {
        self.bytes.push(b'N');
    }

    pub fn ellipsis(&mut self) {
        self.bytes.push(b'.');
    }

    pub fn stop_iteration(&mut self) {
        self.bytes.push(b'S');
    }

    pub fn bool(&mut self, value: bool) {
        self.bytes.push(if value { b'T' } else { b'F' });
    }

    pub fn int(&mut self, value: i64) {
        match i32::try_from(value) {
            Ok(value) => {
                self.bytes.push(b'i');
                self.number(value);
            }
            Err(_) => {
                self.bytes.push(b'I');
                self.bytes.extend_from_slice(&value.to_le_bytes());
            }
        }
    }

    /// Writes a long of digits in base 2^30, the least significant first (w_PyLong, which splits each in two).
    pub fn long(&mut self, negative: bool, digits: &[u32]) {
        let halves = |digit: &u32| [(digit & 0x7fff) as u16, (digit >> 15 & 0x7fff) as u16];
        let mut short: Vec<u16> = digits.iter().flat_map(halves).collect();
        while short.last() == Some(&0) {
            short.pop();
        }
        let count = short.len() as i32;
        self.bytes.push(b'l');
        self.number(if negative { -count } else { count });
        short.iter().for_each(|digit| self.bytes.extend_from_slice(&digit.to_le_bytes()));
    }

    pub fn float(&mut self, value: f64) {
        self.bytes.push(b'g');
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub fn complex(&mut self, real: f64, imaginary: f64) {
        self.bytes.push(b'y');
        self.bytes.extend_from_slice(&real.to_le_bytes());
        self.bytes.extend_from_slice(&imaginary.to_le_bytes());
    }

    pub fn str(&mut self, bytes: &[u8]) {
        self.bytes.push(b's');
        self.sized(bytes);
    }

    /// Writes an interned str; gives its place, for references to it.
    pub fn interned(&mut self, bytes: &[u8]) -> i32 {
        self.bytes.push(b't');
        self.sized(bytes);
        self.interned += 1;
        self.interned - 1
    }

    /// Writes the interned str once more that has this place.
    pub fn reference(&mut self, place: i32) {
        self.bytes.push(b'R');
        self.number(place);
    }

    /// Writes a unicode, each code point by itself: surrogates stay what they are, where marshal.c would join a pair.  False, and
    /// nothing written, where one is beyond Unicode.
    pub fn unicode(&mut self, points: &[u32]) -> bool {
        if points.iter().any(|&point| point > 0x10ffff) {
            return false;
        }
        self.bytes.push(b'u');
        self.sized(&utf8(points));
        true
    }

    /// Begins a container; its items come next, then `end`.
    pub fn begin(&mut self, sequence: Sequence) -> Begun {
        self.bytes.push(match sequence {
            Sequence::Tuple => b'(',
            Sequence::List => b'[',
            Sequence::Set => b'<',
            Sequence::FrozenSet => b'>',
        });
        let begun = Begun { count_at: self.bytes.len() };
        self.number(0);
        begun
    }

    pub fn end(&mut self, begun: Begun, count: u32) {
        self.bytes[begun.count_at..][..4].copy_from_slice(&count.to_le_bytes());
    }

    /// Begins a dict; its keys and values come next in turn, then `end_dict`.
    pub fn begin_dict(&mut self) {
        self.bytes.push(b'{');
    }

    pub fn end_dict(&mut self) {
        self.bytes.push(b'0');
    }

    /// Begins a code object: argcount, nlocals, stacksize and flags.  Its parts come next, in marshal.c's order, co_firstlineno as a
    /// `number` before the last.
    pub fn begin_code(&mut self, numbers: [i32; 4]) {
        self.bytes.push(b'c');
        numbers.into_iter().for_each(|number| self.number(number));
    }

    /// Writes a number that is no object.
    pub fn number(&mut self, value: i32) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    fn sized(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as i32);
        self.bytes.extend_from_slice(bytes);
    }
}

/// Encodes code points as UTF-8, each by itself; what is beyond Unicode becomes U+FFFD.
pub fn utf8(points: &[u32]) -> Vec<u8> {
    let mut text = Vec::with_capacity(points.len());
    points.iter().for_each(|&point| push_utf8(&mut text, if point > 0x10ffff { 0xfffd } else { point }));
    text
}

fn push_utf8(text: &mut Vec<u8>, point: u32) {
    let rest = |shift: u32| 0x80 | (point >> shift & 0x3f) as u8;
    match point {
        0..=0x7f => text.push(point as u8),
        0x80..=0x7ff => text.extend([0xc0 | (point >> 6) as u8, rest(0)]),
        0x800..=0xffff => text.extend([0xe0 | (point >> 12) as u8, rest(6), rest(0)]),
        _ => text.extend([0xf0 | (point >> 18) as u8, rest(12), rest(6), rest(0)]),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::object::Object;
    use super::super::read;
    use super::*;

    fn back(write: impl FnOnce(&mut Writer)) -> Object {
        let mut writer = Writer::default();
        write(&mut writer);
        let bytes = writer.finish();
        let (object, length) = read(&bytes).expect("marshal data");
        assert_eq!(length, bytes.len());
        object
    }

    proptest! {
        #[test]
        fn numbers_and_texts_come_back(int: i64, bits: u64, bytes: Vec<u8>, points in prop::collection::vec(0..0x110000u32, 0..40)) {
            prop_assert!(matches!(back(|out| out.int(int)), Object::Int(value) if value == int));
            let float = f64::from_bits(bits);
            prop_assert!(matches!(back(|out| out.float(float)), Object::Float(value) if value.to_bits() == bits));
            prop_assert!(matches!(back(|out| out.str(&bytes)), Object::Str(value) if *value == *bytes));
            let unicode = back(|out| assert!(out.unicode(&points)));
            prop_assert!(matches!(unicode, Object::Unicode(value) if *value == *points));
        }

        #[test]
        fn longs_come_back(negative: bool, mut digits in prop::collection::vec(0..1u32 << 30, 0..8)) {
            while digits.last() == Some(&0) {
                digits.pop();
            }
            let Object::Long(wanted) = Object::long(negative, digits.iter().copied(), 30) else { panic!("no long") };
            prop_assert!(matches!(back(|out| out.long(negative, &digits)), Object::Long(value) if value == wanted));
        }
    }

    #[test]
    fn a_string_that_was_interned_before_is_referred_to() {
        let object = back(|out| {
            let begun = out.begin(Sequence::Tuple);
            let places = ["first", "second"].map(|text| out.interned(text.as_bytes()));
            places.into_iter().for_each(|place| out.reference(place));
            out.end(begun, 4);
        });
        let texts: Vec<&[u8]> = object
            .items()
            .expect("a tuple")
            .iter()
            .map(|item| match item {
                Object::Str(text) => &**text,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(texts, [&b"first"[..], b"second", b"first", b"second"]);
    }

    #[test]
    fn a_code_point_beyond_unicode_is_refused() {
        let mut writer = Writer::default();
        assert!(!writer.unicode(&[65, 0x110000]));
        assert_eq!(writer.len(), 0);
    }
}
