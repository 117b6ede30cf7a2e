//! Strings as text or JSON lines: those with a mark first, then the others, each in the order in which they came.

use indicatif::HumanCount;

use super::{Found, kinds};
use crate::bytecode::escape::Printable;
use crate::format::json;
use crate::format::lines::Lines;
use crate::format::values::push_value;
use crate::trace::SinkError;
use crate::trace::value::Value;
use crate::views::items::{self, line_of, push_place_members};
use crate::views::left_out::LeftOut;
use crate::views::query::Query;

pub(super) fn write(found: Vec<Found>, query: &Query, left_out: &LeftOut, lines: &mut Lines) -> Result<(), SinkError> {
    let mut marked: Vec<(Option<&str>, Found)> =
        found.into_iter().map(|found| (kinds::of(&found.text.bytes), found)).collect();
    marked.sort_by_key(|(kind, _)| kind.is_none());
    items::write(
        &marked,
        "strings",
        query,
        left_out,
        lines,
        |out, (kind, found)| push_object(out, *kind, found),
        |out, (kind, found)| push_line(out, *kind, found),
    )
}

fn value(found: &Found) -> Value {
    match found.is_unicode {
        true => Value::Unicode(found.text.clone()),
        false => Value::Str(found.text.clone()),
    }
}

fn push_line(out: &mut Vec<u8>, kind: Option<&str>, found: &Found) {
    let object = &found.code.object;
    let place = format!(
        "{} {}:{}: {}: ",
        found.number,
        Printable::text(&object.filename),
        line_of(object, found.instruction.offset),
        Printable::name(&object.name)
    );
    out.extend_from_slice(place.as_bytes());
    push_value(out, &value(found));
    if let Some(kind) = kind {
        out.extend_from_slice(format!("  [{kind}]").as_bytes());
    }
    if found.times > 1 {
        out.extend_from_slice(format!("  ({} times)", HumanCount(found.times)).as_bytes());
    }
    out.push(b'\n');
}

fn push_object(out: &mut Vec<u8>, kind: Option<&str>, found: &Found) {
    let object = &found.code.object;
    out.extend_from_slice(b"{\"type\":\"string\"");
    json::push_member(out, "number", found.number);
    json::push_member(out, "times", found.times);
    json::push_member(out, "thread", found.thread);
    push_place_members(out, object, &found.instruction);
    if let Some(kind) = kind {
        json::push_text_member(out, "kind", kind.as_bytes());
    }
    json::push_member(out, "unicode", found.is_unicode);
    json::push_text_member(out, "string", &found.text.bytes);
    json::push_optional_member(out, "length", found.text.cut.map(|(length, _)| length));
    out.extend_from_slice(b"}\n");
}
