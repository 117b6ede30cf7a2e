//! Owns writing a whole object that was read or made as plain data: the walk over it, without recursion, and its interned strings.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::write::{Begun, Sequence, Writer};
use crate::bytecode::literal::Interned;
use crate::bytecode::object::{MarshalledCode, Object};

/// What is still to be written, the next one last.
enum Todo<'a> {
    Object(&'a Object),
    Name(&'a Arc<[u8]>),
    Str(&'a Arc<[u8]>),
    Names(&'a [Arc<[u8]>]),
    Number(i32),
    End(Begun, usize),
    EndDict,
}

/// Which strings are written as interned ones.
pub enum Interning<'a> {
    /// All names, and no constant: what the VM does when it makes the code object, but for constants that look like names.
    Names,
    /// These.
    Only(&'a Interned),
    /// Those that stand in several places of what was read, as interned ones do: a file can have one long string many times.
    Shared,
}

impl Interning<'_> {
    fn has(&self, string: &Arc<[u8]>, is_name: bool) -> bool {
        match self {
            Interning::Names => is_name,
            Interning::Only(strings) => strings.has(string),
            Interning::Shared => Arc::strong_count(string) > 1,
        }
    }
}

/// Writes a code object as marshal.dumps(code, 2) does, names interned.  None if a constant is of a type that marshal does not have.
pub fn code(code: &MarshalledCode) -> Option<Vec<u8>> {
    code_with(code, &Interning::Names)
}

/// Writes a code object that was read, so that it can be read alone.  What was read has nothing that marshal does not have.
pub fn of_code(code: &MarshalledCode) -> Vec<u8> {
    code_with(code, &Interning::Shared).unwrap_or_default()
}

/// Writes a code object as [`code`] does, with a choice of the strings that are interned.
pub fn code_with(code: &MarshalledCode, interning: &Interning<'_>) -> Option<Vec<u8>> {
    let (interned, places) = Default::default();
    let mut writer = Whole { out: Writer::default(), interned, places, interning, todo: Vec::new() };
    writer.begin_code(code);
    while let Some(next) = writer.todo.pop() {
        match next {
            Todo::Object(object) => writer.begin(object)?,
            Todo::Name(name) => writer.string(name, true),
            Todo::Str(bytes) => writer.string(bytes, false),
            Todo::Names(names) => {
                writer.todo.push(Todo::End(writer.out.begin(Sequence::Tuple), names.len()));
                writer.todo.extend(names.iter().rev().map(Todo::Name));
            }
            Todo::Number(number) => writer.out.number(number),
            Todo::End(begun, count) => writer.out.end(begun, u32::try_from(count).ok()?),
            Todo::EndDict => writer.out.end_dict(),
        }
    }
    Some(writer.out.finish())
}

/// The walk.
struct Whole<'a, 'i> {
    out: Writer,
    /// The places of the interned strings that were written.
    interned: FxHashMap<&'a [u8], i32>,
    /// The same by their addresses, so that a long one is hashed once.
    places: FxHashMap<*const u8, i32>,
    interning: &'i Interning<'i>,
    todo: Vec<Todo<'a>>,
}

impl<'a> Whole<'a, '_> {
    fn string(&mut self, string: &'a Arc<[u8]>, is_name: bool) {
        if !self.interning.has(string, is_name) {
            return self.out.str(string);
        }
        let at = string.as_ptr();
        if let Some(&place) = self.places.get(&at) {
            return self.out.reference(place);
        }
        let place = match self.interned.get(&**string) {
            Some(&place) => {
                self.out.reference(place);
                place
            }
            None => {
                let place = self.out.interned(string);
                self.interned.insert(string, place);
                place
            }
        };
        self.places.insert(at, place);
    }

    fn begin_code(&mut self, code: &'a MarshalledCode) {
        self.out.begin_code([code.argcount, code.nlocals, code.stacksize, code.flags]);
        self.todo.push(Todo::Str(&code.lnotab));
        self.todo.push(Todo::Number(code.first_line));
        self.todo.push(Todo::Name(&code.name));
        self.todo.push(Todo::Name(&code.filename));
        for names in [&code.cellvars, &code.freevars, &code.varnames, &code.names] {
            self.todo.push(Todo::Names(names));
        }
        self.string(&code.bytes, false);
        self.begin_items(Sequence::Tuple, &code.constants);
    }

    fn begin_items(&mut self, kind: Sequence, items: &'a [Object]) {
        self.todo.push(Todo::End(self.out.begin(kind), items.len()));
        self.todo.extend(items.iter().rev().map(Todo::Object));
    }

    fn begin(&mut self, object: &'a Object) -> Option<()> {
        match object {
            Object::None => self.out.none(),
            Object::Ellipsis => self.out.ellipsis(),
            Object::StopIteration => self.out.stop_iteration(),
            Object::Bool(value) => self.out.bool(*value),
            Object::Int(value) => self.out.int(*value),
            Object::Long(value) => {
                let digits: Vec<u32> = split_digits(value.magnitude());
                self.out.long(value.sign() == num_bigint::Sign::Minus, &digits);
            }
            Object::Float(value) => self.out.float(*value),
            Object::Complex(parts) => self.out.complex(parts.0, parts.1),
            Object::Str(bytes) => self.string(bytes, false),
            Object::Unicode(points) => self.out.unicode(points).then_some(())?,
            Object::Tuple(items) => self.begin_items(Sequence::Tuple, items),
            Object::List(items) => self.begin_items(Sequence::List, items),
            Object::Set(items) => self.begin_items(Sequence::Set, items),
            Object::FrozenSet(items) => self.begin_items(Sequence::FrozenSet, items),
            Object::Dict(items) => {
                self.out.begin_dict();
                self.todo.push(Todo::EndDict);
                self.todo.extend(items.iter().rev().map(Todo::Object));
            }
            Object::Code(code) => self.begin_code(code),
            Object::Other(_) => return None,
        }
        Some(())
    }
}

/// Splits a number into digits in base 2^30, the least significant first.
pub(super) fn split_digits(value: &num_bigint::BigUint) -> Vec<u32> {
    let (mut digits, mut pending, mut bits) = (Vec::new(), 0u64, 0);
    for word in value.iter_u32_digits() {
        pending |= u64::from(word) << bits;
        bits += 32;
        while bits >= 30 {
            digits.push((pending & 0x3fff_ffff) as u32);
            pending >>= 30;
            bits -= 30;
        }
    }
    digits.push(pending as u32);
    while digits.last() == Some(&0) {
        digits.pop();
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytecode::marshal::{read, tests::hello};

    #[test]
    fn a_code_object_comes_back_with_all_its_constants() {
        let long = Object::long(true, [0x3fff_ffff, 5, 77], 30);
        let dict = Object::Dict(vec![Object::str(b"k"), Object::Float(1.5)].into());
        let items = vec![Object::None, Object::Int(1 << 40), long, dict, Object::Unicode([0x263a].as_slice().into())];
        let inner = MarshalledCode { constants: vec![Object::Tuple(items.into())].into(), ..hello() };
        let outer = MarshalledCode { constants: vec![Object::Code(Box::new(inner))].into(), ..hello() };
        let written = code(&outer).expect("marshal has all of these types");
        let (back, length) = read(&written).expect("marshal data");
        assert_eq!(length, written.len());
        assert_eq!(format!("{back:?}"), format!("{:?}", Object::Code(Box::new(outer))));
    }

    fn back(code: &MarshalledCode) -> MarshalledCode {
        let bytes = of_code(code);
        match read(&bytes) {
            Ok((Object::Code(code), length)) if length == bytes.len() => *code,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_code_object_that_was_read_comes_back_with_all_that_it_holds() {
        let inner = MarshalledCode { name: b"inner".as_slice().into(), first_line: -7, ..hello() };
        let shared: Arc<[u8]> = b"shared".as_slice().into();
        let constants = vec![
            Object::None,
            Object::Tuple(vec![Object::Str(shared.clone()), Object::Code(Box::new(inner))].into()),
            Object::Dict(vec![Object::Str(shared), Object::List(vec![Object::Bool(true)].into())].into()),
            Object::FrozenSet(vec![Object::Int(1 << 40)].into()),
            Object::long(true, [0, 0x3fff_ffff, 5], 30),
            Object::Unicode(vec![0xd800, 0x1_0000, 65].into()),
            Object::Complex(Box::new((0.5, -0.0))),
            Object::Ellipsis,
            Object::StopIteration,
        ];
        let code = MarshalledCode { constants: constants.into(), ..hello() };
        let again = back(&code);
        assert_eq!(format!("{again:?}"), format!("{code:?}"));
    }

    #[test]
    fn a_string_that_is_shared_is_written_once() {
        let shared: Arc<[u8]> = vec![b'x'; 1 << 20].into();
        let constants: Vec<Object> = (0..50).map(|_| Object::Str(shared.clone())).collect();
        let code = MarshalledCode { constants: constants.into(), ..hello() };
        drop(shared);
        assert!(of_code(&code).len() < 2 << 20);
        assert_eq!(back(&code).constants.len(), 50);
    }

    #[test]
    fn deep_nesting_is_written_on_a_small_stack() {
        let write = || {
            let nested = (0..1900).fold(Object::None, |object, _| Object::Tuple(vec![object].into()));
            assert!(code(&MarshalledCode { constants: vec![nested].into(), ..hello() }).is_some());
        };
        let thread = std::thread::Builder::new().stack_size(64 << 10).spawn(write);
        thread.expect("a thread starts").join().expect("no overflow");
    }
}
