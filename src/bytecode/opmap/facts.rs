//! Owns what can be said of the instructions of a code object without knowing its opcodes: which numbers have operands, what an operand
//! could index, where it could jump to, where lines begin.

use super::read::{Numbered, Tables};
use crate::bytecode::object::{MarshalledCode, Object};
use crate::bytecode::opcode;

/// Which numbers are followed by an operand.
pub type WithOperand = [bool; 256];

/// As in plain 2.7.
pub fn plain_sizes() -> WithOperand {
    std::array::from_fn(|number| opcode::has_argument(number as u8))
}

/// Features of an instruction.
pub const FEATURES: usize = 64;
/// How the operands of one number come in one code object: seen before, the next new one, a later one, an earlier one.
pub const USES: usize = 4;

/// One instruction: its number, and its operand without prefixes.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub offset: u32,
    pub number: u8,
    pub operand: Option<u16>,
}

/// A code object as far as it can be read without a map.
#[derive(Debug)]
pub struct Facts {
    pub steps: Vec<Step>,
    pub length: usize,
    pub stacksize: i32,
    tables: Tables,
    /// Offsets at which a line begins, and at which an instruction does.
    lines: Vec<bool>,
    begins: Vec<bool>,
    constants: Vec<u8>,
    /// By constant and by name, a number for what it is.
    values: Vec<u32>,
    names: Vec<u32>,
    /// It has local variables by index, as a function's code.
    is_function: bool,
}

impl Facts {
    pub fn of(code: &MarshalledCode, with_operand: &WithOperand) -> Facts {
        let bytes = &code.bytes;
        let (mut steps, mut begins, mut at) = (Vec::new(), vec![false; bytes.len() + 1], 0);
        while let Some(&number) = bytes.get(at) {
            let operand = if with_operand[usize::from(number)] {
                let Some(low) = bytes.get(at + 1..at + 3) else { break };
                Some(u16::from_le_bytes([low[0], low[1]]))
            } else {
                None
            };
            begins[at] = true;
            steps.push(Step { offset: at as u32, number, operand });
            at += if operand.is_some() { 3 } else { 1 };
        }
        Facts {
            steps,
            length: bytes.len(),
            stacksize: code.stacksize,
            tables: Tables::of(code),
            lines: line_starts(code),
            begins,
            constants: code.constants.iter().map(kind).collect(),
            values: code.constants.iter().map(value).collect(),
            names: code.names.iter().map(|name| hash(name)).collect(),
            is_function: code.flags & 3 == 3,
        }
    }

    /// A number for the constant that an operand could index, equal for constants that are used alike; 0 if there is none.
    pub fn value(&self, operand: u16) -> u32 {
        self.values.get(usize::from(operand)).copied().unwrap_or(0)
    }

    /// A number for the name that an operand could index; 0 if there is none.
    pub fn name(&self, operand: u16) -> u32 {
        self.names.get(usize::from(operand)).copied().unwrap_or(0)
    }

    /// The instructions with the opcodes of a map; prefixes are not combined.
    pub fn numbered(&self, opcode: impl Fn(u8) -> Option<u8>) -> Vec<Numbered> {
        let one = |step: &Step| Numbered {
            offset: step.offset as usize,
            number: step.number,
            opcode: opcode(step.number),
            operand: step.operand.map(i32::from),
            length: if step.operand.is_some() { 3 } else { 1 },
        };
        self.steps.iter().map(one).collect()
    }

    /// Calls `feature` with each feature that the instruction at `index` has.
    pub fn features(&self, index: usize, mut feature: impl FnMut(usize)) {
        let step = self.steps[index];
        let offset = step.offset as usize;
        let end = offset + if step.operand.is_some() { 3 } else { 1 };
        let mut either = |yes: bool, first: usize| feature(first + usize::from(!yes));
        either(self.lines[offset], 0);
        either(index + 1 == self.steps.len(), 2);
        either(index == 0, 4);
        either(self.lines.get(end).is_none_or(|starts| *starts), 6);
        either(self.is_function, 8);
        let Some(operand) = step.operand else { return };
        let operand = usize::from(operand);
        either(operand < self.tables.constants, 10);
        either(operand < self.tables.names, 12);
        either(operand < self.tables.locals, 14);
        either(operand < self.tables.cells, 16);
        either(self.begins.get(operand) == Some(&true), 18);
        either(self.begins.get(end + operand) == Some(&true), 20);
        either(operand > offset, 22);
        either(operand < 12, 24);
        either(self.lines.get(operand) == Some(&true), 26);
        either(self.lines.get(end + operand).is_none_or(|starts| *starts), 28);
        feature(30 + operand.min(9));
        if let Some(kind) = self.constants.get(operand) {
            feature(40 + usize::from(*kind));
        }
        if operand + 1 == self.tables.constants {
            feature(50);
        }
    }

    /// Calls `use_of` with each number that has an operand, and how that comes after those before.
    pub fn uses(&self, mut use_of: impl FnMut(u8, usize)) {
        let mut seen: Vec<(Vec<bool>, i32)> = vec![(Vec::new(), -1); 256];
        for step in &self.steps {
            let Some(operand) = step.operand else { continue };
            let (before, most) = &mut seen[usize::from(step.number)];
            let (index, operand) = (usize::from(operand), i32::from(operand));
            let how = match before.get(index) {
                Some(true) => 0,
                _ if operand == *most + 1 => 1,
                _ if operand > *most => 2,
                _ => 3,
            };
            use_of(step.number, how);
            if before.len() <= index {
                before.resize(index + 1, false);
            }
            before[index] = true;
            *most = (*most).max(operand);
        }
    }

    /// Lines that begin where no instruction does, a cut instruction at the end, and operands with a high byte: few, if the right numbers
    /// have operands.
    pub fn disorder(&self) -> u32 {
        let lines = self.lines.iter().zip(&self.begins).take(self.length).filter(|(line, begins)| **line && !**begins);
        let end = self.steps.last().map_or(0, |step| step.offset as usize + if step.operand.is_some() { 3 } else { 1 });
        // Jumps lead into the code, and a call has few arguments by name, which the high byte counts.
        let most = (self.length >> 8).max(8) << 8 | 255;
        let high =
            self.steps.iter().filter(|step| step.operand.is_some_and(|operand| usize::from(operand) > most)).count();
        4 * lines.count() as u32 + 4 * u32::from(end != self.length) + high as u32
    }

    /// What speaks against these numbers having operands: [`Facts::disorder`], and a third byte that is zero where there is no operand or
    /// is not where there is one, for operands are small.
    pub fn misfit(&self, bytes: &[u8]) -> u32 {
        let one = |step: &Step| match (step.operand, bytes.get(step.offset as usize + 2)) {
            // A call counts its arguments by name there.
            (Some(operand), _) if operand >> 8 > 8 => 3,
            (Some(operand), _) if operand > 255 => 1,
            (None, Some(0)) => 1,
            _ => 0,
        };
        self.disorder() + self.steps.iter().map(one).sum::<u32>()
    }
}

fn line_starts(code: &MarshalledCode) -> Vec<bool> {
    let mut starts = vec![false; code.bytes.len() + 1];
    starts[0] = true;
    let mut at = 0usize;
    for pair in code.lnotab.chunks_exact(2) {
        at += usize::from(pair[0]);
        if let Some(start) = starts.get_mut(at).filter(|_| pair[1] > 0) {
            *start = true;
        }
    }
    starts
}

fn kind(constant: &Object) -> u8 {
    match constant {
        Object::Code(_) => 0,
        Object::None => 1,
        Object::Str(_) => 2,
        Object::Int(_) | Object::Long(_) => 3,
        Object::Tuple(_) => 4,
        Object::Unicode(_) => 5,
        Object::Float(_) => 6,
        _ => 7,
    }
}

fn value(constant: &Object) -> u32 {
    match constant {
        Object::Str(text) if text.is_empty() => 1,
        Object::Str(text) if text.contains(&b'%') => 2,
        Object::Str(text) if text.len() == 1 => 3,
        Object::Int(number @ -4..=16) => (20 + number) as u32,
        Object::Int(number) if number.count_ones() == 1 => 4,
        Object::Int(number) if (number + 1).count_ones() == 1 => 5,
        Object::Int(number) => 6 + u32::from(*number > 255),
        Object::Tuple(items) => 40 + items.len().min(4) as u32,
        other => 50 + u32::from(kind(other)),
    }
}

/// FNV-1a.
fn hash(text: &[u8]) -> u32 {
    text.iter().fold(0x811c_9dc5, |sum, byte| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193)) | 1
}
