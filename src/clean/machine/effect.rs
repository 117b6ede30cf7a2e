//! What instructions do to the value stack, and which cannot fail.

pub use crate::bytecode::stack::of;

use crate::bytecode::opcode::{self, op};

/// Returns what the VM takes for the operand: prefixes can set bits that an instruction does not look at (ceval.c).
pub fn meant(opcode: u8, operand: Option<i32>) -> Option<i32> {
    let operand = operand?;
    match opcode {
        _ if !opcode::has_argument(opcode) => None,
        op::CALL_FUNCTION | op::CALL_FUNCTION_VAR | op::CALL_FUNCTION_KW | op::CALL_FUNCTION_VAR_KW => {
            Some(operand & 0xffff)
        }
        op::BUILD_MAP => Some(operand.clamp(0, 0xffff)),
        op::BUILD_SLICE if operand != 3 => Some(2),
        _ => Some(operand),
    }
}

/// Returns whether an instruction never fails, whatever it works on, apart from a lack of memory.
pub fn is_safe(opcode: u8) -> bool {
    matches!(
        opcode,
        op::POP_TOP
            | op::ROT_TWO
            | op::ROT_THREE
            | op::ROT_FOUR
            | op::DUP_TOP
            | op::DUP_TOPX
            | op::NOP
            | op::LOAD_CONST
            | op::STORE_FAST
            | op::LOAD_CLOSURE
            | op::STORE_DEREF
            | op::BUILD_TUPLE
            | op::BUILD_LIST
            | op::BUILD_MAP
            | op::BUILD_SLICE
            | op::MAKE_FUNCTION
            | op::MAKE_CLOSURE
            | op::LIST_APPEND
            | op::LOAD_LOCALS
    )
}

/// Returns whether the VM knows no such instruction and raises SystemError.
pub fn is_undefined(opcode: u8) -> bool {
    opcode::name(opcode).is_none() || opcode == op::STOP_CODE
}
