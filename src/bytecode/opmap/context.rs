//! Owns what stands around an instruction, once most opcodes are known: the instructions before and after it, with the constants and names
//! that they use.

use super::facts::Facts;
use super::model::EDGE;
use crate::bytecode::opcode::{self, OperandKind};

/// Kinds of marks: what each is made of says [`marks`].
pub const KINDS: usize = 7;
/// Marks of one kind; those that are more share numbers.
pub const MARKS: usize = 4096;

/// Calls `mark` with the kind and the number of each mark of an instruction.  `opcode` says what the instruction at an index does.
pub fn marks(facts: &Facts, index: usize, opcode: impl Fn(usize) -> u8, mut mark: impl FnMut(usize, usize)) {
    let at = |distance: isize| index.checked_add_signed(distance).filter(|&index| index < facts.steps.len());
    let op = |distance: isize| at(distance).map_or(EDGE as u32, |index| opcode(index).into());
    let used = |distance: isize| at(distance).map_or(0, |index| used(facts, index, opcode(index)));
    let operand = |distance: isize| at(distance).and_then(|index| facts.steps[index].operand);
    let mut note = |kind: usize, parts: [u32; 3]| mark(kind, mixed(parts) as usize % MARKS);
    note(0, [op(-1), used(-1), 0]);
    note(1, [op(1), used(1), 0]);
    note(2, [op(-1), op(-2), 1]);
    note(3, [op(1), op(2), 2]);
    note(4, [op(-1), op(1), 3]);
    let is_same = operand(1).is_some() && operand(1) == operand(-2);
    note(5, [op(-2), op(1), u32::from(is_same)]);
    if let Some(operand) = operand(0) {
        note(6, [facts.name(operand), facts.value(operand), 4]);
    }
}

/// What an instruction refers to.
fn used(facts: &Facts, index: usize, opcode: u8) -> u32 {
    let Some(operand) = facts.steps[index].operand else { return 0 };
    match opcode::operand_kind(opcode) {
        OperandKind::Constant => facts.value(operand),
        OperandKind::Name => facts.name(operand),
        OperandKind::Local | OperandKind::Free => 0,
        OperandKind::JumpAbsolute => u32::from(u32::from(operand) > facts.steps[index].offset),
        OperandKind::JumpRelative => 0,
        _ => operand.min(9).into(),
    }
}

fn mixed(parts: [u32; 3]) -> u32 {
    parts.iter().fold(0x811c_9dc5u32, |sum, part| (sum ^ part).wrapping_mul(0x9e37_79b1).rotate_left(15)) >> 7
}
