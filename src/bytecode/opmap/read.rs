//! Owns decoding a code string by a map, and judging whether it reads as code at all.

use super::OpMap;
use crate::bytecode::object::MarshalledCode;
use crate::bytecode::opcode::{self, EXTENDED_ARG, OperandKind, op};

/// What decides whether an opcode has an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sizes {
    /// What it does: the interpreter knows by the opcode.
    ByOperation,
    /// Its number: from 90 on, as in plain 2.7.
    ByNumber,
}

/// How many entries the tables have that operands index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tables {
    pub constants: usize,
    pub names: usize,
    pub locals: usize,
    /// Cell and free variables.
    pub cells: usize,
}

impl Tables {
    pub fn of(code: &MarshalledCode) -> Tables {
        Tables {
            constants: code.constants.len(),
            names: code.names.len(),
            locals: code.nlocals.max(0) as usize,
            cells: code.cellvars.len() + code.freevars.len(),
        }
    }
}

/// An instruction as its number and a map say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbered {
    pub offset: usize,
    /// The number in the code string.
    pub number: u8,
    /// The opcode of 2.7 that it stands for, if the map has one.
    pub opcode: Option<u8>,
    /// The operand with the prefixes' halves shifted in, as ceval.c combines them; None if it has none.
    pub operand: Option<i32>,
    /// Bytes that it takes: 1 or 3.
    pub length: usize,
}

impl Numbered {
    pub fn end(&self) -> usize {
        self.offset + self.length
    }

    /// Where it jumps, if it is a jump; outside the code it may be anything.
    pub fn target(&self) -> Option<i64> {
        let operand = i64::from(self.operand?);
        match opcode::operand_kind(self.opcode?) {
            OperandKind::JumpAbsolute => Some(operand),
            OperandKind::JumpRelative => Some(self.end() as i64 + operand),
            _ => None,
        }
    }

    /// Whether control never goes on after it: ceval.c jumps, returns, raises or refuses.
    pub fn ends_flow(&self) -> bool {
        match self.opcode {
            Some(opcode) => matches!(
                opcode,
                op::RETURN_VALUE
                    | op::JUMP_FORWARD
                    | op::JUMP_ABSOLUTE
                    | op::CONTINUE_LOOP
                    | op::BREAK_LOOP
                    | op::RAISE_VARARGS
                    | op::STOP_CODE
            ),
            None => false,
        }
    }
}

/// Reads one instruction at `offset`; `prefix` is the operand of the EXTENDED_ARG right before it.  None if it would be cut.
pub fn instruction(map: &OpMap, sizes: Sizes, bytes: &[u8], offset: usize, prefix: Option<i32>) -> Option<Numbered> {
    let number = *bytes.get(offset)?;
    let opcode = map.get(number);
    let has_operand = match (sizes, opcode) {
        (Sizes::ByOperation, Some(opcode)) => opcode::has_argument(opcode),
        _ => opcode::has_argument(number),
    };
    let length = if has_operand || prefix.is_some() { 3 } else { 1 };
    let whole = bytes.get(offset..offset + length)?;
    let operand = has_operand.then(|| {
        let low = i32::from(u16::from_le_bytes([whole[1], whole[2]]));
        prefix.unwrap_or(0).wrapping_shl(16) | low
    });
    Some(Numbered { offset, number, opcode, operand, length })
}

/// Iterates over the instructions from the beginning, one after the other, until the bytes end or one would be cut.
pub fn instructions<'a>(map: &'a OpMap, sizes: Sizes, bytes: &'a [u8]) -> impl Iterator<Item = Numbered> + 'a {
    let (mut at, mut prefix) = (0, None);
    std::iter::from_fn(move || {
        let one = instruction(map, sizes, bytes, at, prefix)?;
        at = one.end();
        prefix = one.operand.filter(|_| one.opcode == Some(EXTENDED_ARG));
        Some(one)
    })
}

/// What a code string looks like, read by a map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    pub instructions: usize,
    /// Opcodes that the map has no meaning for.
    pub unmapped: usize,
    /// Operands out of range, jumps to where no instruction begins, and bytes at the end that are no whole instruction.
    pub faults: usize,
    /// The last instruction returns, as that of every code object that a compiler makes.
    pub returns: bool,
}

impl Reading {
    /// Reads a code string.
    pub fn of(map: &OpMap, sizes: Sizes, bytes: &[u8], tables: &Tables) -> Reading {
        let all: Vec<Numbered> = instructions(map, sizes, bytes).collect();
        let mut begins = vec![false; bytes.len()];
        all.iter().for_each(|one| begins[one.offset] = true);
        let is_fault = |one: &&Numbered| match one.target() {
            Some(target) => !usize::try_from(target).is_ok_and(|target| begins.get(target) == Some(&true)),
            None => !is_in_range(one, tables),
        };
        let end = all.last().map_or(0, Numbered::end);
        Reading {
            instructions: all.len(),
            unmapped: all.iter().filter(|one| one.opcode.is_none()).count(),
            faults: all.iter().filter(is_fault).count() + usize::from(end < bytes.len()),
            returns: all.last().is_some_and(|one| matches!(one.opcode, Some(op::RETURN_VALUE) | None)),
        }
    }

    /// Whether nothing in it contradicts the map.
    pub fn is_possible(&self) -> bool {
        self.faults == 0 && self.returns
    }

    /// Whether the map explains all of it.
    pub fn is_sound(&self) -> bool {
        self.is_possible() && self.unmapped == 0
    }
}

/// Whether an operand is an index that its table has.
pub fn is_in_range(one: &Numbered, tables: &Tables) -> bool {
    let (Some(opcode), Some(operand)) = (one.opcode, one.operand) else { return true };
    let size = match opcode::operand_kind(opcode) {
        OperandKind::Constant => tables.constants,
        OperandKind::Name => tables.names,
        OperandKind::Local => tables.locals,
        OperandKind::Free => tables.cells,
        OperandKind::Compare => opcode::COMPARE_NAMES.len() - 1,
        _ => return true,
    };
    usize::try_from(operand).is_ok_and(|index| index < size)
}
