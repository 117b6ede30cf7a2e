//! Places where a value occurred as text or JSON lines, in the order in which they had it first.

use indicatif::HumanCount;

use super::{Found, Occurrence, Role};
use crate::bytecode::escape::Printable;
use crate::bytecode::opcode;
use crate::format::json;
use crate::format::lines::Lines;
use crate::format::values::{push_operands, push_value};
use crate::trace::SinkError;
use crate::views::items::{self, line_of, push_place_members};
use crate::views::left_out::LeftOut;
use crate::views::query::Query;

pub(super) fn write(found: Vec<Found>, query: &Query, left_out: &LeftOut, lines: &mut Lines) -> Result<(), SinkError> {
    items::write(&found, "find", query, left_out, lines, push_object, push_line)
}

fn push_line(out: &mut Vec<u8>, found: &Found) {
    let object = &found.code.object;
    let place = format!(
        "{} {}:{}: {} at {}: ",
        found.first.number,
        Printable::text(&object.filename),
        line_of(object, found.instruction.offset),
        Printable::name(&object.name),
        found.instruction.offset
    );
    out.extend_from_slice(place.as_bytes());
    push_occurrence(out, found, &found.first);
    if let Some(last) = &found.last {
        out.extend_from_slice(format!("  ({} times, last {})", HumanCount(found.times), last.number).as_bytes());
    }
    out.push(b'\n');
}

fn push_occurrence(out: &mut Vec<u8>, found: &Found, occurrence: &Occurrence) {
    let name = opcode::name(found.instruction.opcode).unwrap_or("?");
    out.extend_from_slice(name.as_bytes());
    out.push(b' ');
    match occurrence.role {
        Role::Operand => push_operands(out, &found.code.object, &found.instruction, &occurrence.operands),
        Role::Result => {
            out.extend_from_slice(b"-> ");
            push_value(out, &occurrence.value);
        }
        Role::Argument => {
            out.extend_from_slice(b"argument ");
            push_value(out, &occurrence.value);
        }
    }
}

fn push_object(out: &mut Vec<u8>, found: &Found) {
    let object = &found.code.object;
    out.extend_from_slice(b"{\"type\":\"found\"");
    json::push_member(out, "number", found.first.number);
    json::push_member(out, "last", found.last.as_ref().unwrap_or(&found.first).number);
    json::push_member(out, "times", found.times);
    json::push_member(out, "thread", found.first.thread);
    push_place_members(out, object, &found.instruction);
    let role = match found.first.role {
        Role::Operand => "operand",
        Role::Result => "result",
        Role::Argument => "argument",
    };
    json::push_text_member(out, "role", role.as_bytes());
    let mut text = Vec::new();
    push_value(&mut text, &found.first.value);
    json::push_text_member(out, "value", &text);
    out.extend_from_slice(b"}\n");
}
