//! The counts as text or JSON lines.

use std::collections::BTreeMap;

use indicatif::HumanCount;

use super::Counted;
use crate::bytecode::Instruction;
use crate::bytecode::escape::Printable;
use crate::bytecode::opcode;
use crate::format::json;
use crate::format::lines::Lines;
use crate::trace::SinkError;
use crate::views::left_out::LeftOut;
use crate::views::query::Query;

/// One line of source, or one offset.
struct Spot<'a> {
    counted: &'a Counted,
    line: i32,
    /// None for a whole line.
    offset: Option<i32>,
    times: u64,
}

/// Writes `most` code objects, lines and offsets, those with the most instructions first.
pub(super) fn write(
    (counted, all): &(Vec<Counted>, u64),
    query: &Query,
    most: usize,
    left_out: &LeftOut,
    lines: &mut Lines,
) -> Result<(), SinkError> {
    let (by_line, by_offset) = spots(counted, most);
    if query.json {
        query.write_head(lines, "hot", left_out)?;
        for counted in counted {
            push_object(lines.open(), counted);
            lines.ended()?;
        }
        for spot in by_line.iter().chain(&by_offset) {
            push_spot_object(lines.open(), spot);
            lines.ended()?;
        }
        return lines.finish().map(|_| ());
    }
    lines.push(b"  own instructions   with calls     frames  code object\n")?;
    for one in counted.iter().take(most) {
        let [own, total, frames] = [one.own, one.total, one.frames].map(|count| HumanCount(count).to_string());
        let (share, place) = (share(one.own, *all), place(one, one.code.object.first_line));
        push(lines, &format!("{own:>13} {share:>3}% {total:>12} {frames:>10}  {place}\n"))?;
    }
    if counted.len() > most {
        let more = HumanCount((counted.len() - most) as u64);
        push(lines, &format!("... {more} more code objects; --count prints more\n"))?;
    }
    lines.push(b"\n      instructions  line\n")?;
    for spot in &by_line {
        let (times, share) = (HumanCount(spot.times).to_string(), share(spot.times, *all));
        push(lines, &format!("{times:>13} {share:>3}%  {}\n", place(spot.counted, spot.line)))?;
    }
    lines.push(b"\n        executions  offset\n")?;
    for spot in &by_offset {
        let times = HumanCount(spot.times).to_string();
        let offset = spot.offset.unwrap_or(0);
        let (place, name) = (place(spot.counted, spot.line), opname(spot.counted, offset).unwrap_or("?"));
        push(lines, &format!("{times:>18}  {place} at {offset} {name}\n"))?;
    }
    query.write_left_out(lines, left_out)?;
    lines.finish().map(|_| ())
}

/// The lines and the offsets with the most instructions.
fn spots(counted: &[Counted], most: usize) -> (Vec<Spot<'_>>, Vec<Spot<'_>>) {
    let (mut by_line, mut by_offset) = (Vec::new(), Vec::new());
    for counted in counted {
        let mut lines: BTreeMap<i32, u64> = BTreeMap::new();
        for &(offset, times) in &counted.offsets {
            let line = counted.code.object.line(offset.max(0).cast_unsigned());
            *lines.entry(line).or_default() += times;
            by_offset.push(Spot { counted, line, offset: Some(offset), times });
        }
        by_line.extend(lines.into_iter().map(|(line, times)| Spot { counted, line, offset: None, times }));
        keep(&mut by_offset, most);
        keep(&mut by_line, most);
    }
    (by_line, by_offset)
}

/// Keeps those with the most instructions, in their order where they have as many.
fn keep(spots: &mut Vec<Spot<'_>>, most: usize) {
    spots.sort_by_key(|spot| std::cmp::Reverse(spot.times));
    spots.truncate(most);
}

/// Per cent, rounded.
fn share(part: u64, all: u64) -> u128 {
    let all = u128::from(all);
    (u128::from(part) * 100 + all / 2).checked_div(all).unwrap_or(0)
}

fn place(counted: &Counted, line: i32) -> String {
    let object = &counted.code.object;
    format!("{}:{line}: {}", Printable::text(&object.filename), Printable::name(&object.name))
}

/// The name of the opcode at an offset; None if 2.7 has none.
fn opname(counted: &Counted, offset: i32) -> Option<&'static str> {
    let inside = || {
        let at = usize::try_from(offset).ok()?;
        Some(Instruction::decode(&counted.code.object.bytes, at, offset, None)?.opcode)
    };
    let opcode = counted.outside.get(&offset).copied().or_else(inside);
    opcode.and_then(opcode::name)
}

fn push(lines: &mut Lines, line: &str) -> Result<(), SinkError> {
    lines.push(line.as_bytes())
}

fn push_place(out: &mut Vec<u8>, counted: &Counted) {
    let object = &counted.code.object;
    json::push_text_member(out, "name", &object.name);
    json::push_text_member(out, "filename", &object.filename);
    json::push_member(out, "first_line", object.first_line);
}

fn push_object(out: &mut Vec<u8>, counted: &Counted) {
    out.extend_from_slice(b"{\"type\":\"code\"");
    push_place(out, counted);
    json::push_member(out, "own", counted.own);
    json::push_member(out, "total", counted.total);
    json::push_member(out, "frames", counted.frames);
    out.extend_from_slice(b"}\n");
}

fn push_spot_object(out: &mut Vec<u8>, spot: &Spot) {
    let kind = if spot.offset.is_some() { "offset" } else { "line" };
    out.extend_from_slice(format!("{{\"type\":\"{kind}\"").as_bytes());
    push_place(out, spot.counted);
    json::push_member(out, "line", spot.line);
    if let Some(offset) = spot.offset {
        json::push_member(out, "offset", offset);
        match opname(spot.counted, offset) {
            Some(name) => json::push_text_member(out, "opname", name.as_bytes()),
            None => json::push_member(out, "opname", "null"),
        }
    }
    json::push_member(out, "times", spot.times);
    out.extend_from_slice(b"}\n");
}
