//! Tricks as text or JSON lines, by what they do and in the order in which they were first tried.

use indicatif::HumanCount;

use super::{Found, Outcome};
use crate::bytecode::escape::Printable;
use crate::bytecode::opcode;
use crate::format::json;
use crate::format::lines::Lines;
use crate::format::values::{push_raised, push_value};
use crate::trace::SinkError;
use crate::views::query::{LeftOut, Query};

pub(super) fn write(
    mut found: Vec<Found>,
    query: &Query,
    left_out: &LeftOut,
    lines: &mut Lines,
) -> Result<(), SinkError> {
    found.sort_by_key(|found| (found.way, found.number));
    if query.json {
        query.write_head(lines, "tricks", left_out)?;
    }
    let mut last = None;
    for found in &found {
        if query.json {
            push_object(lines.open(), found);
        } else {
            if last.replace(found.way) != Some(found.way) {
                lines.open().extend_from_slice(format!("{}:\n", found.way.words().1).as_bytes());
                lines.ended()?;
            }
            push_line(lines.open(), found);
        }
        lines.ended()?;
    }
    if !query.json {
        query.write_left_out(lines, left_out)?;
    }
    lines.finish().map(|_| ())
}

fn line_of(found: &Found) -> i32 {
    found.code.object.line(found.instruction.offset.max(0).cast_unsigned())
}

fn push_line(out: &mut Vec<u8>, found: &Found) {
    let object = &found.code.object;
    let (filename, name) = (Printable::text(&object.filename), Printable::name(&object.name));
    out.extend_from_slice(format!("  {} {filename}:{}: {name}: ", found.number, line_of(found)).as_bytes());
    out.extend_from_slice(&found.what);
    match &found.outcome {
        Outcome::Returned(value) => {
            out.extend_from_slice(b" -> ");
            push_value(out, value);
        }
        Outcome::Raised(raised) => {
            out.extend_from_slice(b" -> ");
            push_raised(out, raised);
        }
        Outcome::Unknown => {}
    }
    if found.times > 1 {
        out.extend_from_slice(format!("  ({} times)", HumanCount(found.times)).as_bytes());
    }
    out.push(b'\n');
}

fn push_object(out: &mut Vec<u8>, found: &Found) {
    let object = &found.code.object;
    out.extend_from_slice(b"{\"type\":\"trick\"");
    json::push_text_member(out, "kind", found.way.words().0.as_bytes());
    json::push_member(out, "number", found.number);
    json::push_member(out, "times", found.times);
    json::push_member(out, "thread", found.thread);
    json::push_text_member(out, "name", &object.name);
    json::push_text_member(out, "filename", &object.filename);
    json::push_member(out, "line", line_of(found));
    json::push_member(out, "offset", found.instruction.offset);
    json::push_text_member(out, "opname", opcode::name(found.instruction.opcode).unwrap_or_default().as_bytes());
    json::push_text_member(out, "what", &found.what);
    match &found.outcome {
        Outcome::Returned(value) => {
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
    out.extend_from_slice(b"}\n");
}
