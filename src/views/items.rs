//! What the views share that list items, each at an instruction: the list as text or JSON lines, the place, and what came of the
//! instruction.

use crate::bytecode::{CodeObject, Instruction, opcode};
use crate::format::json;
use crate::format::lines::Lines;
use crate::format::values::{push_raised, push_value};
use crate::trace::value::Value;
use crate::trace::{Raised, SinkError};

use super::left_out::LeftOut;
use super::query::Query;

/// Writes all items of a view: JSON lines after the view's first object, or text before the line that says what was left out.
pub(super) fn write<Item>(
    items: &[Item],
    view: &str,
    query: &Query,
    left_out: &LeftOut,
    lines: &mut Lines,
    push_object: impl Fn(&mut Vec<u8>, &Item),
    mut push_line: impl FnMut(&mut Vec<u8>, &Item),
) -> Result<(), SinkError> {
    if query.json {
        query.write_head(lines, view, left_out)?;
    }
    for item in items {
        match query.json {
            true => push_object(lines.open(), item),
            false => push_line(lines.open(), item),
        }
        lines.ended()?;
    }
    if !query.json {
        query.write_left_out(lines, left_out)?;
    }
    lines.finish().map(|_| ())
}

/// The line of an offset; one before the code has that of its beginning.
pub(super) fn line_of(object: &CodeObject, offset: i32) -> i32 {
    object.line(offset.max(0).cast_unsigned())
}

/// Adds the members that say where an instruction stands, and what it is.
pub(super) fn push_place_members(out: &mut Vec<u8>, object: &CodeObject, instruction: &Instruction) {
    json::push_text_member(out, "name", &object.name);
    json::push_text_member(out, "filename", &object.filename);
    json::push_member(out, "line", line_of(object, instruction.offset));
    json::push_member(out, "offset", instruction.offset);
    json::push_text_member(out, "opname", opcode::name(instruction.opcode).unwrap_or_default().as_bytes());
}

/// What came of an instruction.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Outcome {
    Value(Value),
    Raised(Raised),
    /// The trace does not say, or it ends there.
    Unknown,
}

impl Outcome {
    /// Adds it as text, if it is known.
    pub(super) fn push_text(&self, out: &mut Vec<u8>) {
        match self {
            Outcome::Value(value) => {
                out.extend_from_slice(b" -> ");
                push_value(out, value);
            }
            Outcome::Raised(raised) => {
                out.extend_from_slice(b" -> ");
                push_raised(out, raised);
            }
            Outcome::Unknown => {}
        }
    }

    /// Adds its members, if it is known.
    pub(super) fn push_members(&self, out: &mut Vec<u8>) {
        match self {
            Outcome::Value(value) => {
                let mut text = Vec::new();
                push_value(&mut text, value);
                json::push_text_member(out, "result", &text);
            }
            Outcome::Raised(raised) => {
                json::push_text_member(out, "exception", &raised.type_name);
                json::push_text_member(out, "message", &raised.message);
            }
            Outcome::Unknown => {}
        }
    }
}
