//! Comparisons as lines of text or JSON: equal neighbours are one line with a count, and a place that compares for ever is cut short.

use std::collections::HashMap;

use indicatif::HumanCount;

use super::{Comparison, Outcome};
use crate::bytecode::escape::Printable;
use crate::bytecode::opcode::{self, is_call};
use crate::format::lines::Lines;
use crate::format::values::{push_operands, push_raised, push_value, sign};
use crate::format::{Output, json};
use crate::trace::value::Value;
use crate::trace::{Code, SinkError};
use crate::views::query::Query;

/// Lines that a place has at most, unless all are wanted.
const LINES: u64 = 1000;
/// Places whose lines are counted; a program can make code for ever.
const PLACES: usize = 1 << 16;

pub(super) struct Writer {
    lines: Lines,
    is_json: bool,
    all: bool,
    /// The line that is not written yet, since the next one may be the same.
    last: Option<Line>,
    /// No comparison has come.
    is_empty: bool,
    places: HashMap<Place, Count>,
    /// Places so far, to print them in order.
    next_place: usize,
}

struct Line {
    comparison: Comparison,
    /// Its text, by which it is compared with the next one.
    text: Vec<u8>,
    times: u64,
}

/// A place in the code that is the same each time the code is made.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Place {
    name: Vec<u8>,
    filename: Vec<u8>,
    first_line: i32,
    offset: i32,
}

struct Count {
    order: usize,
    line: i32,
    /// What compares there.
    sign: String,
    lines: u64,
    left_out: u64,
}

impl Writer {
    pub(super) fn new(query: &Query, all: bool, output: Output) -> Result<Writer, SinkError> {
        let mut lines = Lines::new(output, None);
        if query.json {
            query.push_head(lines.open(), "compares");
            lines.open().extend_from_slice(b"}\n");
            lines.ended()?;
        }
        Ok(Writer {
            lines,
            is_json: query.json,
            all,
            last: None,
            is_empty: true,
            places: HashMap::new(),
            next_place: 0,
        })
    }

    /// Writes a comparison, or counts it to the one before if both read the same.
    pub(super) fn write(&mut self, comparison: &Comparison) -> Result<(), SinkError> {
        self.is_empty = false;
        let text = text(comparison);
        if let Some(last) = self.last.as_mut().filter(|last| last.text == text) {
            last.times += 1;
            return Ok(());
        }
        self.write_last()?;
        self.last = Some(Line { comparison: comparison.clone(), text, times: 1 });
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.is_empty
    }

    fn write_last(&mut self) -> Result<(), SinkError> {
        let Some(Line { comparison, text, times }) = self.last.take() else { return Ok(()) };
        if !self.all && !self.has_room(&comparison, times) {
            return Ok(());
        }
        let out = self.lines.open();
        if self.is_json {
            push_json(out, &comparison, times);
        } else {
            out.extend_from_slice(&text);
            if times > 1 {
                out.extend_from_slice(format!("  ({times} times)").as_bytes());
            }
        }
        out.push(b'\n');
        self.lines.ended()
    }

    /// Counts a line; false if its place has enough of them.
    fn has_room(&mut self, comparison: &Comparison, times: u64) -> bool {
        let place = Place::of(comparison);
        if self.places.len() >= PLACES && !self.places.contains_key(&place) {
            return true;
        }
        let line = line_of(&comparison.code, comparison.instruction.offset);
        let count = self.places.entry(place).or_insert_with(|| {
            self.next_place += 1;
            Count { order: self.next_place, line, sign: sign_of(comparison), lines: 0, left_out: 0 }
        });
        if count.lines < LINES {
            count.lines += 1;
            return true;
        }
        count.left_out += times;
        false
    }

    /// Writes the last line, and what was left out.
    pub(super) fn finish(&mut self) -> Result<(), SinkError> {
        self.write_last()?;
        let mut places: Vec<_> = self.places.drain().filter(|(_, count)| count.left_out > 0).collect();
        places.sort_by_key(|(_, count)| count.order);
        for (place, count) in places {
            let out = self.lines.open();
            if self.is_json {
                out.extend_from_slice(b"{\"type\":\"left_out\"");
                json::push_text_member(out, "name", &place.name);
                json::push_text_member(out, "filename", &place.filename);
                json::push_member(out, "line", count.line);
                json::push_member(out, "offset", place.offset);
                json::push_member(out, "times", count.left_out);
                out.extend_from_slice(b"}\n");
            } else {
                push_place(out, &place.filename, count.line, &place.name);
                let (left_out, sign) = (HumanCount(count.left_out), count.sign);
                out.extend_from_slice(format!("{left_out} more of {sign}; --all prints them\n").as_bytes());
            }
            self.lines.ended()?;
        }
        self.lines.finish().map(|_| ())
    }
}

impl Place {
    fn of(comparison: &Comparison) -> Place {
        let object = &comparison.code.object;
        Place {
            name: object.name.clone(),
            filename: object.filename.clone(),
            first_line: object.first_line,
            offset: comparison.instruction.offset,
        }
    }
}

fn line_of(code: &Code, offset: i32) -> i32 {
    code.object.line(u32::try_from(offset).unwrap_or(0))
}

/// What compares: an operator as source code writes it, or the name of what is called.
fn sign_of(comparison: &Comparison) -> String {
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

fn push_place(out: &mut Vec<u8>, filename: &[u8], line: i32, name: &[u8]) {
    out.extend_from_slice(format!("{}:{line}: {}: ", Printable::text(filename), Printable::name(name)).as_bytes());
}

fn text(comparison: &Comparison) -> Vec<u8> {
    let Comparison { code, instruction, operands, outcome, .. } = comparison;
    let mut out = Vec::new();
    push_place(&mut out, &code.object.filename, line_of(code, instruction.offset), &code.object.name);
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

fn push_json(out: &mut Vec<u8>, comparison: &Comparison, times: u64) {
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
    out.push(b'}');
}
