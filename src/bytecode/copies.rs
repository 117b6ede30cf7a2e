//! Owns which code is a copy of the embedded library's.  A program that a freezer has packed brings its own modules `os` and `re`, with file
//! names of the machine that packed it; they are known by what they do, and by nothing that a program could choose instead.

use std::collections::HashSet;

use sha2::{Digest, Sha256};

use super::CodeObject;
use super::code::nested;
use super::object::MarshalledCode;

/// What a code object is, apart from its file's name and the lines where it stands.
type Key = [u8; 32];

/// What the text of a constant that is a code object begins with, and what comes before its file.
const CODE: &[u8] = b"<code object ";
const FILE: &[u8] = b", file \"";

/// Code objects of the library, of the modules that a program may have copies of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Copies {
    keys: HashSet<Key>,
}

impl Copies {
    /// Makes them of modules of the library.
    pub fn of<'a>(modules: impl IntoIterator<Item = &'a MarshalledCode>) -> Copies {
        let codes = modules.into_iter().flat_map(|module| nested(module));
        Copies { keys: codes.map(|(code, _)| key(&CodeObject::from_marshal(code))).collect() }
    }

    /// Returns whether the library has the same code.
    pub fn has(&self, code: &CodeObject) -> bool {
        self.keys.contains(&key(code))
    }

    /// The copies as bytes, for another process of this program.
    pub fn encode(&self) -> Vec<u8> {
        let mut keys: Vec<Key> = self.keys.iter().copied().collect();
        keys.sort_unstable();
        keys.concat()
    }

    /// Reads what [`Copies::encode`] has written; None if it is damaged.
    pub fn decode(bytes: &[u8]) -> Option<Copies> {
        let keys = bytes.chunks(size_of::<Key>()).map(|key| key.try_into().ok());
        Some(Copies { keys: keys.collect::<Option<_>>()? })
    }
}

fn key(code: &CodeObject) -> Key {
    let CodeObject { name, flags, argcount, nlocals, stacksize, bytes, constants, .. } = code;
    let CodeObject { names, varnames, cellvars, freevars, lnotab, .. } = code;
    let mut hash = Sha256::new();
    for number in [flags, argcount, nlocals, stacksize] {
        hash.update(number.to_le_bytes());
    }
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    [name, bytes, lnotab].into_iter().for_each(|bytes| part(bytes));
    for list in [names, varnames, cellvars, freevars] {
        part(&(list.len() as u64).to_le_bytes());
        list.iter().for_each(|text| part(text));
    }
    constants.iter().for_each(|text| part(without_file(text)));
    hash.finalize().into()
}

/// The text of a constant; of a code object without the file and the line, and without what it does: it has a key of its own.
fn without_file(text: &[u8]) -> &[u8] {
    let file = || memchr::memmem::find(text, FILE);
    text.starts_with(CODE).then(file).flatten().map_or(text, |end| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytecode::marshal::tests::hello;
    use crate::bytecode::object::Object;

    #[test]
    fn a_copy_may_have_another_file_and_line_and_nothing_else() {
        let inner = |filename: &[u8]| MarshalledCode { name: b"f"[..].into(), filename: filename.into(), ..hello() };
        let outer = |filename: &[u8]| MarshalledCode {
            constants: vec![Object::Code(Box::new(inner(filename))), Object::Int(1)].into(),
            ..inner(filename)
        };
        let copies = Copies::of([&outer(b"/lib/os.py")]);
        let has = |code: MarshalledCode| copies.has(&CodeObject::from_marshal(&code));
        assert!(has(MarshalledCode { first_line: 99, ..outer(b"C:\\Python27\\lib\\os.pyc") }));
        assert!(has(inner(b"os.py")));
        assert!(!has(MarshalledCode { bytes: b"d\0\0S"[..].into(), ..outer(b"/lib/os.py") }));
        assert!(!has(MarshalledCode { name: b"g"[..].into(), ..outer(b"/lib/os.py") }));
        assert!(!has(MarshalledCode { constants: vec![Object::Int(1)].into(), ..outer(b"/lib/os.py") }));
        assert_eq!(Copies::decode(&copies.encode()), Some(copies));
        assert_eq!(Copies::decode(&[1]), None);
    }
}
