//! Tricks as text or JSON lines, by what they do and in the order in which they were first tried.

use indicatif::HumanCount;

use super::Found;
use crate::bytecode::escape::Printable;
use crate::format::json;
use crate::format::lines::Lines;
use crate::trace::SinkError;
use crate::views::items::{self, line_of, push_place_members};
use crate::views::left_out::LeftOut;
use crate::views::query::Query;

pub(super) fn write(
    mut found: Vec<Found>,
    query: &Query,
    left_out: &LeftOut,
    lines: &mut Lines,
) -> Result<(), SinkError> {
    found.sort_by_key(|found| (found.way, found.number));
    let mut last = None;
    items::write(&found, "tricks", query, left_out, lines, push_object, |out, found| {
        if last.replace(found.way) != Some(found.way) {
            out.extend_from_slice(format!("{}:\n", found.way.words().1).as_bytes());
        }
        push_line(out, found);
    })
}

fn push_line(out: &mut Vec<u8>, found: &Found) {
    let object = &found.code.object;
    let (filename, name) = (Printable::text(&object.filename), Printable::name(&object.name));
    out.extend_from_slice(
        format!("  {} {filename}:{}: {name}: ", found.number, line_of(object, found.instruction.offset)).as_bytes(),
    );
    out.extend_from_slice(&found.what);
    found.outcome.push_text(out);
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
    push_place_members(out, object, &found.instruction);
    json::push_text_member(out, "what", &found.what);
    found.outcome.push_members(out);
    out.extend_from_slice(b"}\n");
}
