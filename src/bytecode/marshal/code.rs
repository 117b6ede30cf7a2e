//! Owns writing a code object that was read as marshal data again, with all that it holds.  Strings that are shared stay so, as hostile
//! files hold one long string many times.  Never recurses.

use std::sync::Arc;

use num_bigint::Sign;
use rustc_hash::FxHashMap;

use super::whole::split_digits;
use super::write::{Begun, Sequence, Writer};
use crate::bytecode::object::{MarshalledCode, Object};

/// Writes a code object so that it can be read alone.
pub fn of_code(code: &MarshalledCode) -> Vec<u8> {
    let mut out = Pieces { writer: Writer::default(), places: FxHashMap::default() };
    let mut open = vec![out.code(code)];
    while let Some(pending) = open.last_mut() {
        let Some(object) = pending.items.next() else {
            let Some(pending) = open.pop() else { break };
            out.end(pending);
            continue;
        };
        open.extend(out.object(object));
    }
    out.writer.finish()
}

/// A container that was begun, and what comes after its items.
struct Pending<'a> {
    items: std::slice::Iter<'a, Object>,
    end: End<'a>,
}

enum End<'a> {
    Sequence(Begun, u32),
    Dict,
    /// The tuple of constants ends, and the other parts of the code object follow.
    Code(Begun, &'a MarshalledCode),
}

struct Pieces {
    writer: Writer,
    /// Places of the strings that were written, by their addresses: they live as long as the code object.
    places: FxHashMap<*const u8, i32>,
}

impl Pieces {
    fn code<'a>(&mut self, code: &'a MarshalledCode) -> Pending<'a> {
        self.writer.begin_code([code.argcount, code.nlocals, code.stacksize, code.flags]);
        self.writer.str(&code.bytes);
        let begun = self.writer.begin(Sequence::Tuple);
        Pending { items: code.constants.iter(), end: End::Code(begun, code) }
    }

    /// Writes an object, or begins it if it holds others.
    fn object<'a>(&mut self, object: &'a Object) -> Option<Pending<'a>> {
        let sequence = match object {
            Object::Tuple(_) => Sequence::Tuple,
            Object::List(_) => Sequence::List,
            Object::Set(_) => Sequence::Set,
            Object::FrozenSet(_) => Sequence::FrozenSet,
            Object::Dict(items) => {
                self.writer.begin_dict();
                return Some(Pending { items: items.iter(), end: End::Dict });
            }
            Object::Code(code) => return Some(self.code(code)),
            leaf => {
                self.leaf(leaf);
                return None;
            }
        };
        let items = object.items().unwrap_or_default();
        let begun = self.writer.begin(sequence);
        Some(Pending { items: items.iter(), end: End::Sequence(begun, items.len() as u32) })
    }

    fn leaf(&mut self, leaf: &Object) {
        match leaf {
            Object::Ellipsis => self.writer.ellipsis(),
            Object::StopIteration => self.writer.stop_iteration(),
            Object::Bool(value) => self.writer.bool(*value),
            Object::Int(value) => self.writer.int(*value),
            Object::Long(value) => {
                self.writer.long(value.sign() == Sign::Minus, &split_digits(value.magnitude()));
            }
            Object::Float(value) => self.writer.float(*value),
            Object::Complex(value) => self.writer.complex(value.0, value.1),
            Object::Str(bytes) => self.string(bytes),
            // Marshal data has none beyond Unicode.
            Object::Unicode(points) => {
                if !self.writer.unicode(points) {
                    self.writer.none();
                }
            }
            _ => self.writer.none(),
        }
    }

    /// Writes a str.  One that is shared was interned, and is again.
    fn string(&mut self, bytes: &Arc<[u8]>) {
        if Arc::strong_count(bytes) == 1 {
            return self.writer.str(bytes);
        }
        match self.places.get(&bytes.as_ptr()) {
            Some(place) => self.writer.reference(*place),
            None => {
                let place = self.writer.interned(bytes);
                self.places.insert(bytes.as_ptr(), place);
            }
        }
    }

    fn names(&mut self, names: &[Arc<[u8]>]) {
        let begun = self.writer.begin(Sequence::Tuple);
        names.iter().for_each(|name| self.string(name));
        self.writer.end(begun, names.len() as u32);
    }

    fn end(&mut self, pending: Pending<'_>) {
        match pending.end {
            End::Sequence(begun, count) => self.writer.end(begun, count),
            End::Dict => self.writer.end_dict(),
            End::Code(begun, code) => {
                self.writer.end(begun, code.constants.len() as u32);
                for names in [&code.names, &code.varnames, &code.freevars, &code.cellvars] {
                    self.names(names);
                }
                self.string(&code.filename);
                self.string(&code.name);
                self.writer.number(code.first_line);
                self.writer.str(&code.lnotab);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::hello;
    use super::super::{DEPTH_LIMIT, read};
    use super::*;

    fn back(code: &MarshalledCode) -> MarshalledCode {
        let bytes = of_code(code);
        match read(&bytes) {
            Ok((Object::Code(code), length)) if length == bytes.len() => *code,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_code_object_comes_back_with_all_that_it_holds() {
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
    fn deep_nesting_needs_no_stack() {
        let nest = || {
            let deep = (0..DEPTH_LIMIT - 10).fold(Object::None, |object, _| Object::Tuple(vec![object].into()));
            let code = MarshalledCode { constants: vec![deep].into(), ..hello() };
            back(&code);
        };
        let thread = std::thread::Builder::new().stack_size(256 << 10).spawn(nest);
        thread.expect("a thread starts").join().expect("no overflow");
    }
}
