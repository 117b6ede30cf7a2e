//! Owns what an operand refers to: the value that `-r` prints and that structured formats carry.

use super::code::CodeObject;
use super::decode::Instruction;
use super::opcode::{self, COMPARE_NAMES, OperandKind};

/// What the operand of one instruction refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand<'a> {
    /// The opcode takes no operand.
    Nothing,
    /// A number that stands for itself.
    Number(i32),
    /// The offset that a jump leads to, which may lie outside the code.
    Target(i32),
    /// A constant's text, a name, or a comparison operator; raw bytes, not escaped.
    Text(&'a [u8]),
    /// An index that its table does not have.
    OutOfRange(i32),
}

impl Operand<'_> {
    /// Resolves the operand of an instruction of `code`, without reading the code bytes.
    pub fn resolve<'a>(code: &'a CodeObject, instruction: &Instruction) -> Operand<'a> {
        let Some(value) = instruction.operand else {
            return Operand::Nothing;
        };
        match opcode::operand_kind(instruction.opcode) {
            OperandKind::Nothing | OperandKind::Number => Operand::Number(value),
            OperandKind::Constant => entry(&code.constants, value),
            OperandKind::Name => entry(&code.names, value),
            OperandKind::Local => entry(&code.varnames, value),
            OperandKind::Free => free_variable(code, value),
            OperandKind::Compare => entry(&COMPARE_NAMES, value),
            // ceval.c JUMPBY counts from the end of the instruction, in a C int.
            OperandKind::JumpRelative => Operand::Target(instruction.end().wrapping_add(value)),
            OperandKind::JumpAbsolute => Operand::Target(value),
        }
    }
}

fn entry<T: AsRef<[u8]>>(table: &[T], index: i32) -> Operand<'_> {
    match usize::try_from(index).ok().and_then(|place| table.get(place)) {
        Some(text) => Operand::Text(text.as_ref()),
        None => Operand::OutOfRange(index),
    }
}

/// The VM numbers cell variables first and free variables after them.
fn free_variable(code: &CodeObject, index: i32) -> Operand<'_> {
    let cells = code.cellvars.len();
    match usize::try_from(index) {
        Ok(place) if place >= cells => match code.freevars.get(place - cells) {
            Some(text) => Operand::Text(text),
            None => Operand::OutOfRange(index),
        },
        _ => entry(&code.cellvars, index),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code() -> CodeObject {
        CodeObject {
            constants: vec![b"None".to_vec()],
            cellvars: vec![b"cell".to_vec()],
            freevars: vec![b"free".to_vec()],
            ..CodeObject::default()
        }
    }

    fn resolve(code: &CodeObject, opcode: u8, operand: i32) -> Operand<'_> {
        Operand::resolve(code, &Instruction { offset: 10, opcode, operand: Some(operand), length: 3 })
    }

    #[test]
    fn indexes_are_checked_on_both_sides() {
        let code = code();
        assert_eq!(resolve(&code, 100, 0), Operand::Text(b"None"));
        assert_eq!(resolve(&code, 100, 300), Operand::OutOfRange(300));
        assert_eq!(resolve(&code, 100, -1), Operand::OutOfRange(-1));
        assert_eq!(resolve(&code, 107, 10), Operand::Text(b"exception match"));
        assert_eq!(resolve(&code, 107, 250), Operand::OutOfRange(250));
    }

    #[test]
    fn free_variables_stand_after_cell_variables() {
        let code = code();
        let texts = [0, 1, 2, -1].map(|index| resolve(&code, 136, index));
        assert_eq!(texts[0], Operand::Text(b"cell"));
        assert_eq!(texts[1], Operand::Text(b"free"));
        assert_eq!(texts[2..], [Operand::OutOfRange(2), Operand::OutOfRange(-1)]);
    }

    #[test]
    fn relative_targets_count_from_the_end_and_may_go_backwards() {
        let code = code();
        assert_eq!(resolve(&code, 110, 4), Operand::Target(17));
        assert_eq!(resolve(&code, 110, -25), Operand::Target(-12));
        assert_eq!(resolve(&code, 110, i32::MAX), Operand::Target(i32::MIN + 12));
        assert_eq!(resolve(&code, 113, -5), Operand::Target(-5));
        assert_eq!(resolve(&code, 200, 7), Operand::Number(7));
    }
}
