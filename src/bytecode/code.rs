//! Owns the description of a code object that everything else works with, whether it was read from a
//! file or is alive in the VM. All texts are raw: line escaping happens where lines are made.

use std::sync::Arc;

use super::object::{MarshalledCode, Object};
use super::opmap::{self, Choice, OpMap, Tables};
use super::order::Order;
use super::text::{self, Budget};

/// What the file names of the embedded standard library begin with: BCTRACE_LIBRARY in cpython-2.7-patch/library.h.
pub const STDLIB_PREFIX: &[u8] = b"/opt/python2.7/lib/python2.7/";

/// What is known of one code object. Texts of constants are in `str()` form; they and the names are cut
/// by [`super::text`] where they are very long, so that a description stays small.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct CodeObject {
    pub name: Vec<u8>,
    pub filename: Vec<u8>,
    pub first_line: i32,
    pub flags: u32,
    pub argcount: u32,
    pub nlocals: u32,
    pub stacksize: u32,
    /// The code string, as the VM executes it.
    pub bytes: Vec<u8>,
    /// The code string as the program has it, if `bytes` is its translation by a map of opcodes; else empty.
    pub original: Vec<u8>,
    /// Each constant's text.
    pub constants: Vec<Vec<u8>>,
    pub names: Vec<Vec<u8>>,
    pub varnames: Vec<Vec<u8>>,
    pub cellvars: Vec<Vec<u8>>,
    pub freevars: Vec<Vec<u8>>,
    /// The line table, as in `co_lnotab`.
    pub lnotab: Vec<u8>,
    /// It is of the embedded standard library, or that has made it of a text of its own, as namedtuple does.  In a recording that is as the
    /// VM has seen it; of a file it is as the file name says.
    pub is_of_library: bool,
}

/// Returns whether a file name is one that the embedded library's code objects have.  Any code object can have it.
pub fn is_library_name(filename: &[u8]) -> bool {
    filename.starts_with(STDLIB_PREFIX)
}

impl CodeObject {
    /// Describes a code object that was read from a file.
    pub fn from_marshal(code: &MarshalledCode) -> CodeObject {
        let mut budget = Budget::default();
        // In the order in which a live one is described: each text leaves less for those after it.
        let [name, filename] = [&code.name, &code.filename].map(|text| text::name(text, &mut budget));
        let mut names =
            |list: &[Arc<[u8]>]| -> Vec<Vec<u8>> { list.iter().map(|name| text::name(name, &mut budget)).collect() };
        let [names, varnames, cellvars, freevars] =
            [&code.names, &code.varnames, &code.cellvars, &code.freevars].map(|list| names(list));
        let constant = |object| text::constant(object, Order::Hashed, &mut budget);
        let constants = code.constants.iter().map(constant).collect();
        CodeObject {
            name,
            filename,
            first_line: code.first_line,
            flags: code.flags as u32,
            argcount: code.argcount as u32,
            nlocals: code.nlocals as u32,
            stacksize: code.stacksize as u32,
            bytes: code.bytes.to_vec(),
            original: Vec::new(),
            constants,
            names,
            varnames,
            cellvars,
            freevars,
            lnotab: code.lnotab.to_vec(),
            is_of_library: is_library_name(&code.filename),
        }
    }

    /// Returns the number that an opcode has in the code string that the program has.
    pub fn number(&self, offset: i32, opcode: u8) -> u8 {
        let number = usize::try_from(offset).ok().and_then(|offset| self.original.get(offset));
        number.copied().unwrap_or(opcode)
    }

    /// Translates the code string by a map of opcodes, as the VM does when it loads it.
    pub fn translate(&mut self, map: &OpMap, tables: &Tables) {
        if let Choice::Translate(sizes) = opmap::choose(map, &self.bytes, tables)
            && !is_library_name(&self.filename)
        {
            self.original = std::mem::take(&mut self.bytes);
            self.bytes = opmap::translated(map, sizes, &self.original);
        }
    }

    /// Returns the source line of an offset, as PyCode_Addr2Line (Objects/codeobject.c) computes it.
    pub fn line(&self, offset: u32) -> i32 {
        let mut line = self.first_line;
        let mut address = 0u32;
        for pair in self.lnotab.chunks_exact(2) {
            address = address.saturating_add(u32::from(pair[0]));
            if address > offset {
                break;
            }
            line = line.wrapping_add(i32::from(pair[1]));
        }
        line
    }
}

/// Iterates over `code` and every code object among its constants, inside containers too, each before
/// those that it holds. Nothing is described in advance: hostile files hold many large ones.
pub fn nested(code: &MarshalledCode) -> Nested<'_> {
    Nested { next: Some((code, 0)), open: Vec::new() }
}

/// Code objects with their depth of nesting; see [`nested`].
#[derive(Clone, Debug)]
pub struct Nested<'a> {
    next: Option<(&'a MarshalledCode, usize)>,
    /// Items still to be searched, innermost last, with the depth of code objects found among them.
    open: Vec<(std::slice::Iter<'a, Object>, usize)>,
}

impl<'a> Iterator for Nested<'a> {
    type Item = (&'a MarshalledCode, usize);

    fn next(&mut self) -> Option<(&'a MarshalledCode, usize)> {
        while self.next.is_none() {
            let (items, depth) = self.open.last_mut()?;
            let depth = *depth;
            match items.next() {
                None => drop(self.open.pop()),
                Some(Object::Code(code)) => self.next = Some((code, depth)),
                Some(object) => self.open.extend(object.items().map(|items| (items.iter(), depth))),
            }
        }
        let (code, depth) = self.next.take()?;
        self.open.push((code.constants.iter(), depth + 1));
        Some((code, depth))
    }
}

#[cfg(test)]
mod tests {
    use super::super::marshal::tests::hello;
    use super::*;

    #[test]
    fn code_objects_are_found_in_order_and_inside_containers() {
        let named = |name: &str, constants: Vec<Object>| {
            Object::Code(Box::new(MarshalledCode {
                name: name.as_bytes().into(),
                constants: constants.into(),
                ..hello()
            }))
        };
        let inner = Object::Tuple(vec![Object::None, named("c", vec![]), named("d", vec![])].into());
        let Object::Code(code) = named("a", vec![named("b", vec![inner]), named("e", vec![])]) else { panic!() };
        let found: Vec<(&[u8], usize)> = nested(&code).map(|(code, depth)| (&*code.name, depth)).collect();
        assert_eq!(found, [(&b"a"[..], 0), (b"b", 1), (b"c", 2), (b"d", 2), (b"e", 1)]);
    }

    #[test]
    fn shared_strings_do_not_multiply() {
        let shared: Arc<[u8]> = vec![b'x'; 1 << 20].into();
        let tuple = |_| Object::Tuple(vec![Object::Str(shared.clone())].into());
        let constants: Vec<Object> = (0..100_000).map(tuple).collect();
        let code = CodeObject::from_marshal(&MarshalledCode { constants: constants.into(), ..hello() });
        let bytes: usize = code.constants.iter().map(Vec::len).sum();
        assert!(bytes < 80 << 20, "{bytes}");
        assert!(code.constants[0].ends_with("…(1048581 bytes)".as_bytes()));
    }

    #[test]
    fn lines_follow_the_table_and_ignore_an_odd_last_byte() {
        let code = CodeObject { first_line: 10, lnotab: vec![6, 1, 0, 255, 4, 2, 9], ..CodeObject::default() };
        assert_eq!([0, 5, 6, 9, 10, 99].map(|offset| code.line(offset)), [10, 10, 266, 266, 268, 268]);
    }
}
