//! One comparison as text and as members of JSON, and the place that it has.

use super::{Comparison, Outcome};
use crate::bytecode::escape::Printable;
use crate::bytecode::opcode::{self, is_call};
use crate::format::json;
use crate::format::values::{push_operands, push_raised, push_value, sign};
use crate::trace::Code;
use crate::trace::value::Value;

/// A place in the code that is the same each time the code is made.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) name: Vec<u8>,
    pub(super) filename: Vec<u8>,
    first_line: i32,
    pub(super) offset: i32,
}

impl Place {
    pub(super) fn of(comparison: &Comparison) -> Place {
        let object = &comparison.code.object;
        Place {
            name: object.name.clone(),
            filename: object.filename.clone(),
            first_line: object.first_line,
            offset: comparison.instruction.offset,
        }
    }
}

pub(super) fn line_of(code: &Code, offset: i32) -> i32 {
    code.object.line(u32::try_from(offset).unwrap_or(0))
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
    push_place(out, &code.object.filename, line_of(code, instruction.offset), &code.object.name);
}

pub(super) fn text(comparison: &Comparison) -> Vec<u8> {
    let Comparison { code, instruction, operands, outcome, .. } = comparison;
    let mut out = Vec::new();
    push_place_of(&mut out, comparison);
    push_operands(&mut out, &code.object, instruction, operands);
    match outcome {
        Some(Outcome::Value(value)) => {
            out.extend_from_slice(b" -> ");
            push_value(&mut out, value);
        }
        Some(Outcome::Raised(raised)) => {
            out.extend_from_slice(b" -> ");
            push_raised(&mut out, raised);
        }
        Some(Outcome::Unknown) | None => {}
    }
    out
}

pub(super) fn push_json(out: &mut Vec<u8>, comparison: &Comparison, times: u64) {
    let Comparison { code, instruction, operands, outcome, .. } = comparison;
    out.extend_from_slice(b"{\"type\":\"compare\"");
    json::push_member(out, "number", comparison.number);
    json::push_member(out, "times", times);
    json::push_member(out, "thread", comparison.thread);
    json::push_member(out, "frame", comparison.frame);
    json::push_text_member(out, "name", &code.object.name);
    json::push_text_member(out, "filename", &code.object.filename);
    json::push_member(out, "line", line_of(code, instruction.offset));
    json::push_member(out, "offset", instruction.offset);
    json::push_text_member(out, "opname", opcode::name(instruction.opcode).unwrap_or_default().as_bytes());
    let mut phrase = Vec::new();
    push_operands(&mut phrase, &code.object, instruction, operands);
    json::push_text_member(out, "text", &phrase);
    match outcome {
        Some(Outcome::Value(value)) => {
            let mut text = Vec::new();
            push_value(&mut text, value);
            json::push_text_member(out, "result", &text);
        }
        Some(Outcome::Raised(raised)) => {
            json::push_text_member(out, "exception", &raised.type_name);
            json::push_text_member(out, "message", &raised.message);
        }
        Some(Outcome::Unknown) | None => {}
    }
}
