//! The instruction sequences that runs have executed: each distinct start in a code object has a number, and its instructions are
//! described once, as far as a run of it has come.

use rustc_hash::FxHashMap;

use super::batch::Batch;
use crate::bytecode::Instruction;
use crate::bytecode::decode::units;
use crate::bytecode::opcode;
use crate::export::lines::Lines;
use crate::trace::{Code, Outside, Run};

/// The sequences of the code objects that are alive.
#[derive(Default)]
pub struct Sequences {
    codes: FxHashMap<u32, Known>,
    /// The code object of the last run, kept out of the map.
    current: (u32, Known),
    next: u64,
}

#[derive(Default)]
struct Known {
    /// By the offset of the first instruction.
    by_start: FxHashMap<u32, Sequence>,
    /// Instructions outside the code string, by their bytes.
    outside: FxHashMap<(i32, Vec<u8>), u64>,
    lines: Option<Lines>,
}

#[derive(Clone, Copy)]
struct Sequence {
    number: u64,
    /// Where the description ends, and how many instructions it has.
    end: u32,
    steps: u64,
}

impl Sequences {
    /// The number of the sequence that a run executes; describes what is new of it.
    #[inline]
    pub fn of_run(&mut self, run: &Run, code: &Code, rows: Option<&mut Batch>) -> u64 {
        self.select(code.id);
        if let Some(sequence) = self.current.1.by_start.get(&run.start)
            && sequence.end >= run.end()
        {
            return sequence.number;
        }
        self.describe(run, code, rows)
    }

    #[cold]
    fn describe(&mut self, run: &Run, code: &Code, rows: Option<&mut Batch>) -> u64 {
        let next = &mut self.next;
        let sequence = self.current.1.by_start.entry(run.start).or_insert_with(|| {
            *next += 1;
            Sequence { number: *next - 1, end: run.start, steps: 0 }
        });
        let lines = self.current.1.lines.get_or_insert_with(|| Lines::of(&code.object));
        let mut rows = rows;
        let bytes = &code.object.bytes;
        for unit in units(bytes, sequence.end).take_while(|unit| unit.end <= run.end()) {
            for instruction in unit.instructions(bytes) {
                if let Some(rows) = &mut rows {
                    push(rows, code, (sequence.number, sequence.steps), lines, &instruction);
                }
                sequence.steps += 1;
            }
        }
        sequence.end = run.end();
        sequence.number
    }

    /// The number of a unit outside the code string; describes it if it is new.
    pub fn of_outside(&mut self, outside: &Outside, code: &Code, rows: Option<&mut Batch>) -> u64 {
        self.select(code.id);
        let key = (outside.offset, outside.bytes.clone());
        if let Some(number) = self.current.1.outside.get(&key) {
            return *number;
        }
        let number = self.next;
        self.next += 1;
        self.current.1.outside.insert(key, number);
        let lines = self.current.1.lines.get_or_insert_with(|| Lines::of(&code.object));
        if let Some(rows) = rows {
            for (step, instruction) in instructions(outside).into_iter().enumerate() {
                push(rows, code, (number, step as u64), lines, &instruction);
            }
        }
        number
    }

    /// Forgets a code object that is no more.
    pub fn forget(&mut self, code: u32) {
        if self.current.0 == code {
            self.current.1 = Known::default();
        }
        self.codes.remove(&code);
    }

    #[inline]
    fn select(&mut self, code: u32) {
        if self.current.0 != code {
            let known = self.codes.remove(&code).unwrap_or_default();
            let (other, old) = std::mem::replace(&mut self.current, (code, known));
            if !old.by_start.is_empty() || !old.outside.is_empty() {
                self.codes.insert(other, old);
            }
        }
    }
}

/// The instructions of a unit outside the code string, as the VM fetched them.
fn instructions(outside: &Outside) -> Vec<Instruction> {
    let mut prefix = None;
    let mut found = Vec::new();
    for (step, chunk) in outside.bytes.chunks(3).enumerate() {
        let offset = outside.offset.wrapping_add(3 * step as i32);
        let decoded = Instruction::decode(chunk, 0, offset, prefix);
        let bare = Instruction { offset, opcode: chunk[0], operand: None, length: 1 };
        let instruction = decoded.unwrap_or(bare);
        prefix = instruction.operand.filter(|_| instruction.opcode == opcode::EXTENDED_ARG);
        found.push(instruction);
    }
    found
}

fn push(rows: &mut Batch, code: &Code, (sequence, step): (u64, u64), lines: &Lines, instruction: &Instruction) {
    let row = rows.row().number(sequence).number(step).number(code.id.into());
    let row = row.integer(instruction.offset.into()).integer(instruction.opcode.into());
    let row = match opcode::name(instruction.opcode) {
        Some(name) => row.plain(name.as_bytes()),
        None => row.plain(format!("<{}>", instruction.opcode).as_bytes()),
    };
    let row = row.optional(instruction.operand, |row, operand| row.integer(operand.into()));
    row.integer(lines.at(instruction.offset).into());
}
