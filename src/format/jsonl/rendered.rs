//! The part of an instruction's JSON object that is the same each time it runs, made once per code object.

use std::sync::Arc;

use crate::bytecode::decode::{Instruction, units};
use crate::bytecode::operand::Operand;
use crate::bytecode::{CodeObject, opcode};
use crate::format::json;
use crate::format::kept::Made;

/// Code objects whose rendered instructions would take more bytes than this are rendered as they run.
const KEPT: usize = 16 << 20;

/// The instructions of one code object as ends of objects: from `,"code":` to the line break.
pub(super) struct Rendered {
    code: Arc<CodeObject>,
    /// `,"code":ID,"name":"…"`.
    head: Vec<u8>,
    text: Vec<u8>,
    /// For each instruction of the canonical chain, where its text begins; one more for the end.
    places: Vec<u32>,
}

impl Rendered {
    pub(super) fn new(id: u32, code: &Arc<CodeObject>) -> Rendered {
        let mut head = Vec::new();
        json::push_member(&mut head, "code", id);
        json::push_text_member(&mut head, "name", &code.name);
        let mut rendered = Rendered { code: Arc::clone(code), head, text: Vec::new(), places: vec![0] };
        let (mut text, mut places) = (Vec::new(), vec![0]);
        for instruction in units(&code.bytes, 0).flat_map(|unit| unit.instructions(&code.bytes)) {
            rendered.push(&mut text, &instruction);
            places.push(text.len() as u32);
            if text.len() > KEPT {
                return rendered;
            }
        }
        text.shrink_to_fit();
        (rendered.text, rendered.places) = (text, places);
        rendered
    }

    /// The end of the object of the canonical instruction of this index, where it is kept.
    #[inline]
    pub(super) fn kept(&self, index: usize) -> Option<&[u8]> {
        let (&begin, &end) = (self.places.get(index)?, self.places.get(index + 1)?);
        self.text.get(begin as usize..end as usize)
    }

    /// Appends the end of an instruction's object.
    pub(super) fn push(&self, out: &mut Vec<u8>, instruction: &Instruction) {
        out.extend_from_slice(&self.head);
        json::push_member(out, "offset", instruction.offset);
        json::push_member(out, "opcode", instruction.opcode);
        match opcode::name(instruction.opcode) {
            Some(name) => json::push_text_member(out, "opname", name.as_bytes()),
            None => json::push_member(out, "opname", "null"),
        }
        json::push_optional_member(out, "operand", instruction.operand);
        match Operand::resolve(&self.code, instruction) {
            Operand::Nothing | Operand::OutOfRange(_) => json::push_member(out, "resolved", "null"),
            Operand::Number(value) | Operand::Target(value) => json::push_member(out, "resolved", value),
            Operand::Text(text) => json::push_text_member(out, "resolved", text),
        }
        out.extend_from_slice(b"}\n");
    }
}

impl Made for Rendered {
    fn memory(&self) -> usize {
        let fixed = size_of::<Rendered>() + size_of::<CodeObject>();
        fixed + self.text.capacity() + 4 * self.places.capacity() + self.head.capacity()
    }
}
