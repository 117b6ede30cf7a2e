//! The listing of a code object: its instructions, and how often each was executed.

use std::collections::BTreeMap;

use super::data::LineData;
use super::entries::Entry;
use crate::bytecode::decode::units;
use crate::bytecode::escape::Printable;
use crate::bytecode::operand::Operand;
use crate::bytecode::{CodeObject, Instruction, opcode};

/// Bytes of one operand.
const OPERAND: usize = 300;
/// Bytes of the longest instruction.
const LONGEST: i32 = 3;

/// The listing of an entry: the instructions that a linear listing has, and those that were executed between them.
pub(super) fn listing(entry: &Entry) -> Vec<LineData> {
    let object = &*entry.object;
    let mut counts: BTreeMap<i32, (Instruction, u64)> = BTreeMap::new();
    let mut add = |instruction: Instruction, count: u64| {
        let line = counts.entry(instruction.offset).or_insert((instruction, 0));
        line.1 += count;
        // After a prefix, an instruction has a larger operand; what ran is what is shown.
        if count > 0 {
            line.0 = instruction;
        }
    };
    for unit in units(&object.bytes, 0) {
        unit.instructions(&object.bytes).for_each(|instruction| add(instruction, 0));
    }
    for (&(start, end), &count) in &entry.runs {
        for unit in units(&object.bytes, start).take_while(|unit| unit.end <= end) {
            unit.instructions(&object.bytes).for_each(|instruction| add(instruction, count));
        }
    }
    let overlaps = |one: &Instruction| {
        let near = counts.range(one.offset - LONGEST + 1..one.end());
        near.filter(|&(&at, _)| at != one.offset).any(|(_, (other, count))| *count > 0 && other.end() > one.offset)
    };
    let mut source = None;
    let line = |(instruction, count): &(Instruction, u64)| {
        let line = object.line(instruction.offset as u32);
        let begins = source.replace(line) != Some(line);
        line_data(entry, instruction, *count, begins.then_some(line), overlaps(instruction))
    };
    counts.values().map(line).collect()
}

fn line_data(entry: &Entry, instruction: &Instruction, count: u64, line: Option<i32>, overlaps: bool) -> LineData {
    let jumps = || entry.jumps.get(&(instruction.end() as u32)).copied().unwrap_or(0).min(count);
    let plain = plain_line(&entry.object, instruction, line);
    let is_conditional = plain.t.is_some() && opcode::is_conditional(instruction.opcode);
    LineData { c: count, j: is_conditional.then(jumps), x: overlaps, ..plain }
}

/// The listing of code of which nothing is known but what it is, with so many lines at most.
pub(super) fn plain(object: &CodeObject, most: usize) -> Vec<LineData> {
    let instructions = units(&object.bytes, 0).flat_map(|unit| unit.instructions(&object.bytes));
    let mut source = None;
    let line = |instruction: Instruction| {
        let line = object.line(instruction.offset as u32);
        let begins = source.replace(line) != Some(line);
        plain_line(object, &instruction, begins.then_some(line))
    };
    instructions.map(line).take(most).collect()
}

fn plain_line(object: &CodeObject, instruction: &Instruction, line: Option<i32>) -> LineData {
    let (text, target) = match Operand::resolve(object, instruction) {
        Operand::Nothing => (String::new(), None),
        Operand::Number(number) => (number.to_string(), None),
        Operand::Target(target) => (target.to_string(), Some(target)),
        Operand::Text(text) => (cut_text(text), None),
        Operand::OutOfRange(index) => (format!("<out of range {index}>"), None),
    };
    LineData {
        o: instruction.offset,
        n: opcode::name(instruction.opcode).map_or_else(|| format!("opcode {}", instruction.opcode), str::to_owned),
        a: text,
        l: line,
        c: 0,
        t: target,
        j: None,
        v: None,
        x: false,
    }
}

/// A text as one printable line, cut to what a listing shows.
pub(super) fn cut_text(bytes: &[u8]) -> String {
    match bytes.len() > OPERAND {
        true => format!("{}…({} bytes)", Printable::text(&bytes[..OPERAND]), bytes.len()),
        false => Printable::text(bytes).to_string(),
    }
}
