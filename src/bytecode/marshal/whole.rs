//! Owns writing a whole object that was read or made as plain data: the walk over it, without recursion, and which strings are interned.

use std::collections::HashMap;
use std::sync::Arc;

use super::write::{Begun, Sequence, Writer};
use crate::bytecode::object::{MarshalledCode, Object};

/// What is still to be written, the next one last.
enum Todo<'a> {
    Object(&'a Object),
    Interned(&'a Arc<[u8]>),
    Str(&'a Arc<[u8]>),
    Names(&'a [Arc<[u8]>]),
    Number(i32),
    End(Begun, usize),
    EndDict,
}

/// Writes a code object as marshal.dumps(code, 2) does, names interned.  None if a constant is of a type that marshal does not have.
pub fn code(code: &MarshalledCode) -> Option<Vec<u8>> {
    let mut out = Writer::default();
    let mut interned: HashMap<&[u8], i32> = HashMap::new();
    let mut todo = Vec::new();
    begin_code(code, &mut out, &mut todo);
    while let Some(next) = todo.pop() {
        match next {
            Todo::Object(object) => begin(object, &mut out, &mut todo)?,
            Todo::Interned(name) => match interned.get(&**name) {
                Some(&place) => out.reference(place),
                None => drop(interned.insert(name, out.interned(name))),
            },
            Todo::Str(bytes) => out.str(bytes),
            Todo::Names(names) => {
                todo.push(Todo::End(out.begin(Sequence::Tuple), names.len()));
                todo.extend(names.iter().rev().map(Todo::Interned));
            }
            Todo::Number(number) => out.number(number),
            Todo::End(begun, count) => out.end(begun, u32::try_from(count).ok()?),
            Todo::EndDict => out.end_dict(),
        }
    }
    Some(out.finish())
}

fn begin_code<'a>(code: &'a MarshalledCode, out: &mut Writer, todo: &mut Vec<Todo<'a>>) {
    out.begin_code([code.argcount, code.nlocals, code.stacksize, code.flags]);
    todo.push(Todo::Str(&code.lnotab));
    todo.push(Todo::Number(code.first_line));
    todo.push(Todo::Interned(&code.name));
    todo.push(Todo::Interned(&code.filename));
    for names in [&code.cellvars, &code.freevars, &code.varnames, &code.names] {
        todo.push(Todo::Names(names));
    }
    out.str(&code.bytes);
    begin_items(Sequence::Tuple, &code.constants, out, todo);
}

fn begin_items<'a>(kind: Sequence, items: &'a [Object], out: &mut Writer, todo: &mut Vec<Todo<'a>>) {
    todo.push(Todo::End(out.begin(kind), items.len()));
    todo.extend(items.iter().rev().map(Todo::Object));
}

fn begin<'a>(object: &'a Object, out: &mut Writer, todo: &mut Vec<Todo<'a>>) -> Option<()> {
    match object {
        Object::None => out.none(),
        Object::Ellipsis => out.ellipsis(),
        Object::StopIteration => out.stop_iteration(),
        Object::Bool(value) => out.bool(*value),
        Object::Int(value) => out.int(*value),
        Object::Long(value) => {
            let digits: Vec<u32> = split_digits(value.magnitude());
            out.long(value.sign() == num_bigint::Sign::Minus, &digits);
        }
        Object::Float(value) => out.float(*value),
        Object::Complex(parts) => out.complex(parts.0, parts.1),
        Object::Str(bytes) => out.str(bytes),
        Object::Unicode(points) => out.unicode(points).then_some(())?,
        Object::Tuple(items) => begin_items(Sequence::Tuple, items, out, todo),
        Object::List(items) => begin_items(Sequence::List, items, out, todo),
        Object::Set(items) => begin_items(Sequence::Set, items, out, todo),
        Object::FrozenSet(items) => begin_items(Sequence::FrozenSet, items, out, todo),
        Object::Dict(items) => {
            out.begin_dict();
            todo.push(Todo::EndDict);
            todo.extend(items.iter().rev().map(Todo::Object));
        }
        Object::Code(code) => begin_code(code, out, todo),
        Object::Other(_) => return None,
    }
    Some(())
}

/// Splits a number into digits in base 2^30, the least significant first.
fn split_digits(value: &num_bigint::BigUint) -> Vec<u32> {
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
