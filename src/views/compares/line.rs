//! One comparison as text and as members of JSON, and the place that it has.

use super::Comparison;
use crate::bytecode::escape::Printable;
use crate::bytecode::opcode::{self, is_call};
use crate::format::json;
use crate::format::values::{push_operands, sign};
use crate::trace::value::Value;
use crate::views::items::{line_of, push_place_members};
use crate::views::same::hash_of_shape;

/// The name of code that is no function's and no class's.
const MODULE: &[u8] = b"<module>";

/// A place in the code that is the same each time the code is made.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Place {
    /// Of code without a name of its own, what it does: different texts that are evaluated are called the same.
    shape: u64,
    pub(super) name: Vec<u8>,
    pub(super) filename: Vec<u8>,
    first_line: i32,
    pub(super) offset: i32,
}

impl Place {
    pub(super) fn of(comparison: &Comparison) -> Place {
        let object = &comparison.code.object;
        Place {
            shape: if object.name == MODULE { hash_of_shape(object) } else { 0 },
            name: object.name.clone(),
            filename: object.filename.clone(),
            first_line: object.first_line,
            offset: comparison.instruction.offset,
        }
    }
}

/// What compares: an operator as source code writes it, or the name of what is called.
pub(super) fn sign_of(comparison: &Comparison) -> String {
    let Comparison { code, instruction, operands, .. } = comparison;
    let name = match (sign(&code.object, instruction), operands.first()) {
        (Some(sign), _) => sign,
        (None, Some(Value::Object { name, .. })) if is_call(instruction.opcode) => {
            name.strip_prefix(b"__builtin__.").unwrap_or(name)
        }
        _ => opcode::name(instruction.opcode).unwrap_or_default().as_bytes(),
    };
    Printable::text(name).to_string()
}

pub(super) fn push_place(out: &mut Vec<u8>, filename: &[u8], line: i32, name: &[u8]) {
    out.extend_from_slice(format!("{}:{line}: {}: ", Printable::text(filename), Printable::name(name)).as_bytes());
}

pub(super) fn push_place_of(out: &mut Vec<u8>, comparison: &Comparison) {
    let Comparison { code, instruction, .. } = comparison;
    push_place(out, &code.object.filename, line_of(&code.object, instruction.offset), &code.object.name);
}

pub(super) fn text(comparison: &Comparison) -> Vec<u8> {
    let Comparison { code, instruction, operands, outcome, .. } = comparison;
    let mut out = Vec::new();
    push_place_of(&mut out, comparison);
    push_operands(&mut out, &code.object, instruction, operands);
    outcome.iter().for_each(|outcome| outcome.push_text(&mut out));
    out
}

pub(super) fn push_json(out: &mut Vec<u8>, comparison: &Comparison, times: u64) {
    let Comparison { code, instruction, operands, outcome, .. } = comparison;
    out.extend_from_slice(b"{\"type\":\"compare\"");
    json::push_member(out, "number", comparison.number);
    json::push_member(out, "times", times);
    json::push_member(out, "thread", comparison.thread);
    json::push_member(out, "frame", comparison.frame);
    push_place_members(out, &code.object, instruction);
    let mut phrase = Vec::new();
    push_operands(&mut phrase, &code.object, instruction, operands);
    json::push_text_member(out, "text", &phrase);
    outcome.iter().for_each(|outcome| outcome.push_members(out));
}
