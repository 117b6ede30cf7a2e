//! How two traces differ, as text or JSON lines.

use std::collections::{BTreeMap, BTreeSet};

use indicatif::HumanCount;

use super::align::Parting;
use super::feed::{Cover, Token};
use super::{Compared, Covers, DiffPlan};
use crate::bytecode::decode::Unit;
use crate::bytecode::escape::Printable;
use crate::bytecode::{CodeObject, opcode};
use crate::format::lines::Lines;
use crate::format::values::push_values;
use crate::format::{Named, json};
use crate::trace::SinkError;
use crate::views::left_out::LeftOut;

/// Partings of a thread that are printed in full.
const SHOWN: usize = 1;

/// Writes how they differ.
pub(super) fn write(
    plan: &DiffPlan,
    compared: &Compared,
    covers: &Covers,
    is_same_program: Option<bool>,
    left_out: &LeftOut,
    lines: &mut Lines,
) -> Result<(), SinkError> {
    let is_json = plan.query.json;
    if is_json {
        plan.query.push_head(lines.open(), "diff", left_out);
        json::push_text_member(lines.open(), "other", plan.other.as_os_str().as_encoded_bytes());
        json::push_optional_member(lines.open(), "same_program", is_same_program);
        lines.open().extend_from_slice(b"}\n");
        lines.ended()?;
    } else {
        let names = [&plan.query.trace, &plan.other].map(|path| Named::input(path).to_string());
        lines.push(format!("A is {}\nB is {}\n", names[0], names[1]).as_bytes())?;
        if is_same_program == Some(false) {
            lines.push(b"they are traces of different programs\n")?;
        }
    }
    for (thread, aligned) in &compared.aligned {
        if is_json {
            if let Some((a, b)) = &aligned.value {
                push_object(lines, "value", *thread, Some(a), Some(b), &[])?;
            }
            for parting in &aligned.partings {
                let (a, b) = &parting.next;
                let alone = parting.alone.map(|(a, b)| [("alone_a", a), ("alone_b", b)]);
                push_object(
                    lines,
                    "divergence",
                    *thread,
                    a.as_ref(),
                    b.as_ref(),
                    alone.as_ref().map_or(&[], |all| all),
                )?;
            }
            continue;
        }
        write_thread(*thread, aligned, lines)?;
    }
    write_others(&compared.others, is_json, lines)?;
    for (place, name) in ["A", "B"].into_iter().enumerate() {
        write_only(&covers[place], &covers[1 - place], name, is_json, lines)?;
    }
    if !is_json {
        if !compared.is_different() {
            let is_nothing = covers.iter().all(BTreeMap::is_empty);
            let same = if is_nothing { "neither executed any of it\n" } else { "both executed the same\n" };
            lines.push(same.as_bytes())?;
        }
        plan.query.write_left_out(lines, left_out)?;
    }
    lines.finish().map(|_| ())
}

/// Writes which threads differ, without the places.
fn write_others(threads: &[u32], is_json: bool, lines: &mut Lines) -> Result<(), SinkError> {
    if is_json {
        return threads.iter().try_for_each(|thread| {
            let out = lines.open();
            out.extend_from_slice(b"{\"type\":\"different\"");
            json::push_member(out, "thread", thread);
            out.extend_from_slice(b"}\n");
            lines.ended()
        });
    }
    if threads.is_empty() {
        return Ok(());
    }
    lines.push(format!("\nthreads that differ too, without their places: {}\n", listed(threads)).as_bytes())
}

fn write_thread(thread: u32, aligned: &super::align::Aligned, lines: &mut Lines) -> Result<(), SinkError> {
    let in_thread = if thread == 0 { String::new() } else { format!(" in thread {thread}") };
    if let Some((a, b)) = &aligned.value {
        let count = match aligned.values {
            1 => String::new(),
            count => format!(" ({} places differ in values)", HumanCount(count)),
        };
        lines.push(format!("\nfirst different value{in_thread}: {}{count}\n", place(a)).as_bytes())?;
        push_token(lines, "A", a)?;
        push_token(lines, "B", b)?;
    }
    for parting in aligned.partings.iter().take(SHOWN) {
        lines.push(format!("\nfirst divergence{in_thread}:\n").as_bytes())?;
        write_parting(parting, lines)?;
    }
    if aligned.parted > SHOWN as u64 {
        lines.push(format!("\n{} divergences in all:\n", HumanCount(aligned.parted)).as_bytes())?;
        for parting in aligned.partings.iter().skip(SHOWN) {
            let (a, b) = (&parting.next.0, &parting.next.1);
            lines.push(format!("  A {} | B {}\n", whereabouts(a.as_ref()), whereabouts(b.as_ref())).as_bytes())?;
            if parting.alone.is_none() {
                write_lost(parting, lines)?;
            }
        }
        let more = aligned.parted - aligned.partings.len() as u64;
        if more > 0 {
            lines.push(format!("  ... {} more\n", HumanCount(more)).as_bytes())?;
        }
    }
    Ok(())
}

fn write_parting(parting: &Parting, lines: &mut Lines) -> Result<(), SinkError> {
    if let Some((a, _)) = parting.before.last() {
        lines.push(format!("  both executed last: {}\n", place(a)).as_bytes())?;
    }
    for (a, b) in &parting.before {
        push_token(lines, "A", a)?;
        push_token(lines, "B", b)?;
    }
    for (name, next) in [("A", &parting.next.0), ("B", &parting.next.1)] {
        lines.push(format!("  {name} goes on at {}\n", whereabouts(next.as_ref())).as_bytes())?;
    }
    match parting.alone {
        Some(_) if parting.is_last => lines.push(b"  they do not go on alike before their ends\n"),
        Some((a, b)) => {
            let counts = [a, b].map(|count| HumanCount(count as u64));
            let text = format!("  they go on alike after {} stretches of A and {} of B\n", counts[0], counts[1]);
            lines.push(text.as_bytes())
        }
        None => write_lost(parting, lines),
    }
}

fn write_lost(parting: &Parting, lines: &mut Lines) -> Result<(), SinkError> {
    let numbers = [&parting.next.0, &parting.next.1]
        .map(|next| next.as_ref().map_or("the end".to_owned(), |token| format!("instruction {}", token.number)));
    let text = format!("  not aligned again from {} of A and {} of B: --window allows more\n", numbers[0], numbers[1]);
    lines.push(text.as_bytes())
}

fn line_of(token: &Token) -> i32 {
    token.code.object.line(token.start)
}

fn place(token: &Token) -> String {
    let object = &token.code.object;
    format!("{}:{}: {}", Printable::text(&object.filename), line_of(token), Printable::name(&object.name))
}

fn whereabouts(token: Option<&Token>) -> String {
    let Some(token) = token else { return "its end".to_owned() };
    let name = opname(&token.code.object, token.start);
    format!("{} {} at {} {name}", token.number, place(token), token.start)
}

fn opname(object: &CodeObject, start: u32) -> &'static str {
    Unit::decode(&object.bytes, start).and_then(|unit| opcode::name(unit.last.opcode)).unwrap_or("?")
}

/// What a unit consumed and produced; nothing of a trace without values.
fn values_of(token: &Token) -> Option<Vec<u8>> {
    let (unit, values) = &**token.shown.as_ref()?;
    let mut out = opname(&token.code.object, token.start).as_bytes().to_vec();
    push_values(&mut out, &token.code.object, &unit.last, values);
    Some(out)
}

fn push_token(lines: &mut Lines, name: &str, token: &Token) -> Result<(), SinkError> {
    let Some(text) = values_of(token) else { return Ok(()) };
    let out = lines.open();
    out.extend_from_slice(format!("  {name} {} at {} ", token.number, token.start).as_bytes());
    out.extend_from_slice(&text);
    out.push(b'\n');
    lines.ended()
}

/// What of a code object only one of both has executed.
struct Only<'a> {
    cover: &'a Cover,
    /// None if the other one has executed nothing of it.
    part: Option<Part>,
}

/// A part of a code object.
#[derive(Default)]
struct Part {
    /// Lines of which the other one has executed nothing.
    lines: BTreeSet<i32>,
    /// Offsets of other instructions, by their lines, of which both have executed some.
    shared: BTreeMap<i32, Vec<u32>>,
}

impl<'a> Only<'a> {
    /// Compares what both have executed of a code object; None if there is nothing that the other one has not.
    fn of(cover: &'a Cover, other: Option<&Cover>) -> Option<Only<'a>> {
        let Some(other) = other else { return Some(Only { cover, part: None }) };
        let object = &cover.code.object;
        let of_other: BTreeSet<i32> = other.offsets.iter().map(|offset| object.line(*offset)).collect();
        let mut part = Part::default();
        for &offset in cover.offsets.difference(&other.offsets) {
            let line = object.line(offset);
            if of_other.contains(&line) {
                part.shared.entry(line).or_default().push(offset);
            } else {
                part.lines.insert(line);
            }
        }
        let is_any = !part.lines.is_empty() || !part.shared.is_empty();
        is_any.then_some(Only { cover, part: Some(part) })
    }

    fn push_text(&self, lines: &mut Lines) -> Result<(), SinkError> {
        let object = &self.cover.code.object;
        let (file, code) = (Printable::text(&object.filename), Printable::name(&object.name));
        let Some(part) = &self.part else {
            return lines.push(format!("  {file}:{}: {code}, all of it\n", object.first_line).as_bytes());
        };
        if !part.lines.is_empty() {
            lines.push(format!("  {file}: {code}, line {}\n", listed(&part.lines)).as_bytes())?;
        }
        for (line, offsets) in &part.shared {
            lines.push(format!("  {file}: {code}, of line {line} at {}\n", listed(offsets)).as_bytes())?;
        }
        Ok(())
    }

    fn push_object(&self, name: &str, lines: &mut Lines) -> Result<(), SinkError> {
        let object = &self.cover.code.object;
        let out = lines.open();
        out.extend_from_slice(b"{\"type\":\"only\"");
        json::push_text_member(out, "in", name.to_lowercase().as_bytes());
        json::push_text_member(out, "name", &object.name);
        json::push_text_member(out, "filename", &object.filename);
        json::push_member(out, "first_line", object.first_line);
        if let Some(part) = &self.part {
            json::push_member(out, "lines", format!("[{}]", listed(&part.lines)));
            json::push_member(out, "offsets", format!("[{}]", listed(part.shared.values().flatten())));
        }
        out.extend_from_slice(b"}\n");
        lines.ended()
    }
}

/// Numbers with commas between them.
fn listed(numbers: impl IntoIterator<Item: ToString>) -> String {
    numbers.into_iter().map(|number| number.to_string()).collect::<Vec<_>>().join(", ")
}

/// Writes what only one of both has executed.
fn write_only(
    own: &BTreeMap<u64, Cover>,
    other: &BTreeMap<u64, Cover>,
    name: &str,
    is_json: bool,
    lines: &mut Lines,
) -> Result<(), SinkError> {
    let mut only: Vec<Only> = own.iter().filter_map(|(hash, cover)| Only::of(cover, other.get(hash))).collect();
    only.sort_by_key(|only| only.cover.code.id);
    if !only.is_empty() && !is_json {
        lines.push(format!("\nonly {name} executed:\n").as_bytes())?;
    }
    only.iter().try_for_each(|only| if is_json { only.push_object(name, lines) } else { only.push_text(lines) })
}

fn push_object(
    lines: &mut Lines,
    kind: &str,
    thread: u32,
    a: Option<&Token>,
    b: Option<&Token>,
    more: &[(&str, usize)],
) -> Result<(), SinkError> {
    let out = lines.open();
    out.extend_from_slice(b"{\"type\":");
    json::push_string(out, kind.as_bytes());
    json::push_member(out, "thread", thread);
    for (name, token) in [("a", a), ("b", b)] {
        let Some(token) = token else { continue };
        let object = &token.code.object;
        json::push_member(out, &format!("{name}_number"), token.number);
        json::push_text_member(out, &format!("{name}_name"), &object.name);
        json::push_text_member(out, &format!("{name}_filename"), &object.filename);
        json::push_member(out, &format!("{name}_line"), line_of(token));
        json::push_member(out, &format!("{name}_offset"), token.start);
        if let Some(text) = values_of(token) {
            json::push_text_member(out, &format!("{name}_text"), &text);
        }
    }
    for (name, count) in more {
        json::push_member(out, name, count);
    }
    out.extend_from_slice(b"}\n");
    lines.ended()
}
