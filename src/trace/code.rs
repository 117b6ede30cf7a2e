//! A code object as the stream describes it, and its record.

use std::sync::Arc;

use super::payload::{PayloadReader, PayloadWriter};
use crate::bytecode::code::is_library_name;
use crate::bytecode::{CodeObject, Layout};

/// A code object as described once in the stream.  Its id is never used again; other bytes of the same object get another id.
#[derive(Debug)]
pub struct Code {
    pub id: u32,
    /// The id that the same code object had first; equal to `id` for the first bytes of an object.
    pub first_id: u32,
    /// The code object among whose constants it is, where that one was described.
    pub parent: Option<u32>,
    pub object: Arc<CodeObject>,
    pub layout: Layout,
    /// It is of the embedded standard library.
    pub is_stdlib: bool,
}

impl Code {
    pub fn new(id: u32, first_id: u32, parent: Option<u32>, object: CodeObject) -> Code {
        let layout = Layout::new(&object.bytes);
        let is_stdlib = object.is_of_library;
        Code { id, first_id, parent, object: Arc::new(object), layout, is_stdlib }
    }

    /// About the bytes that it takes in memory: 400, 9 for each byte of its code string, and for each text its length and 24.
    pub fn weight(&self) -> u64 {
        let object = &self.object;
        let lists = [&object.constants, &object.names, &object.varnames, &object.cellvars, &object.freevars];
        let texts: usize = lists.iter().flat_map(|list| list.iter()).map(|text| text.len() + 24).sum();
        let rest = object.original.len() + object.name.len() + object.filename.len() + object.lnotab.len();
        (400 + 9 * object.bytes.len() + texts + rest) as u64
    }

    /// Writes the payload of a CODE record.
    pub fn encode(&self) -> Vec<u8> {
        encode_code(self.id, self.first_id, self.parent, &self.object)
    }

    pub(super) fn decode(reader: &mut PayloadReader) -> Option<Code> {
        let id = reader.u32()?;
        let first_id = reader.u32()?;
        let parent = reader.u32()?.checked_sub(1);
        let mut object = CodeObject {
            name: reader.name()?,
            filename: reader.name()?,
            first_line: reader.i32()?,
            flags: reader.u32()?,
            argcount: reader.u32()?,
            nlocals: reader.u32()?,
            stacksize: reader.u32()?,
            bytes: reader.bytes()?,
            original: Vec::new(),
            constants: reader.list()?,
            names: reader.list()?,
            varnames: reader.list()?,
            cellvars: reader.list()?,
            freevars: reader.list()?,
            lnotab: reader.bytes()?,
            is_of_library: false,
        };
        // Traces of earlier versions end here.
        let whose = if reader.is_empty() { BY_NAME } else { reader.u8()? };
        object.is_of_library = match whose {
            BY_NAME => is_library_name(&object.filename),
            OF_LIBRARY => true,
            OF_PROGRAM => false,
            _ => return None,
        };
        if !reader.is_empty() {
            // Offsets are the same in both.
            object.original = reader.bytes().filter(|original| original.len() == object.bytes.len())?;
        }
        Some(Code::new(id, first_id, parent, object))
    }
}

/// Whose a code object is, in its record: as its file name says, which earlier versions went by; the library's; the program's, although the
/// file name is the library's.
const BY_NAME: u8 = 0;
const OF_LIBRARY: u8 = 1;
const OF_PROGRAM: u8 = 2;

fn whose(object: &CodeObject) -> u8 {
    match object.is_of_library {
        true => OF_LIBRARY,
        false if is_library_name(&object.filename) => OF_PROGRAM,
        false => BY_NAME,
    }
}

/// Writes the payload of a CODE record without a `Code`, as the hook does.
pub fn encode_code(id: u32, first_id: u32, parent: Option<u32>, object: &CodeObject) -> Vec<u8> {
    let mut out = PayloadWriter::default();
    out.u32(id).u32(first_id).u32(parent.map_or(0, |parent| parent + 1));
    out.bytes(&object.name).bytes(&object.filename);
    out.i32(object.first_line).u32(object.flags).u32(object.argcount).u32(object.nlocals).u32(object.stacksize);
    out.bytes(&object.bytes).list(&object.constants).list(&object.names).list(&object.varnames);
    out.list(&object.cellvars).list(&object.freevars).bytes(&object.lnotab).u8(whose(object));
    if !object.original.is_empty() {
        out.bytes(&object.original);
    }
    out.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_an_earlier_version_ends_before_the_newer_fields() {
        let object = CodeObject {
            name: b"f".to_vec(),
            bytes: b"d\0\0S".to_vec(),
            lnotab: vec![6, 1],
            is_of_library: true,
            original: b"g\0\0T".to_vec(),
            ..CodeObject::default()
        };
        let decode = |bytes: &[u8]| Code::decode(&mut PayloadReader::new(bytes)).map(|code| (*code.object).clone());
        let whole = encode_code(3, 3, None, &object);
        assert_eq!(decode(&whole), Some(object.clone()));
        // Each earlier version had one field less: the translated bytes' original, then whose code it is.
        let without_original = CodeObject { original: Vec::new(), ..object };
        let shorter = encode_code(3, 3, None, &without_original);
        assert_eq!(&whole[..shorter.len()], shorter);
        assert_eq!(decode(&shorter), Some(without_original.clone()));
        let shortest = CodeObject { is_of_library: false, ..without_original };
        assert_eq!(decode(&shorter[..shorter.len() - 1]), Some(shortest));
        // Cut anywhere else, it is damaged.
        for length in (0..shorter.len() - 1).chain(shorter.len() + 1..whole.len()) {
            assert_eq!(decode(&whole[..length]), None, "{length} bytes");
        }
    }
}
