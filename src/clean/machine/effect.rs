//! What each instruction does to the value stack, and which cannot fail: as ceval.c pops and pushes.

use crate::bytecode::opcode::{self, op};

/// Returns how many entries an instruction pops and pushes; None for those that the model handles one by one, and undefined ones.
pub fn of(opcode: u8, operand: i32) -> Option<(u32, u32)> {
    let count = u32::try_from(operand).ok().filter(|&count| count <= 1 << 16);
    Some(match opcode {
        op::UNARY_POSITIVE..=op::UNARY_CONVERT | op::UNARY_INVERT | op::GET_ITER | op::LOAD_ATTR | op::YIELD_VALUE => {
            (1, 1)
        }
        op::BINARY_POWER..=op::INPLACE_TRUE_DIVIDE
        | op::INPLACE_ADD..=op::INPLACE_MODULO
        | op::BINARY_LSHIFT..=op::INPLACE_POWER
        | op::INPLACE_LSHIFT..=op::INPLACE_OR
        | op::COMPARE_OP
        | op::IMPORT_NAME => (2, 1),
        op::SLICE_0 => (1, 1),
        op::SLICE_1 | op::SLICE_2 => (2, 1),
        op::SLICE_3 | op::BUILD_CLASS => (3, 1),
        op::STORE_SLICE_0 | op::PRINT_ITEM_TO | op::DELETE_SUBSCR | op::STORE_ATTR => (2, 0),
        op::STORE_SLICE_1 | op::STORE_SLICE_2 | op::STORE_SUBSCR | op::EXEC_STMT | op::DELETE_SLICE_3 => (3, 0),
        op::STORE_SLICE_3 => (4, 0),
        op::DELETE_SLICE_0 | op::PRINT_EXPR | op::PRINT_ITEM | op::PRINT_NEWLINE_TO | op::IMPORT_STAR => (1, 0),
        op::DELETE_SLICE_1 | op::DELETE_SLICE_2 => (2, 0),
        op::STORE_NAME | op::STORE_GLOBAL | op::STORE_FAST | op::STORE_DEREF | op::DELETE_ATTR | op::POP_TOP => (1, 0),
        op::PRINT_NEWLINE | op::DELETE_NAME | op::DELETE_GLOBAL | op::DELETE_FAST => (0, 0),
        op::LOAD_LOCALS | op::LOAD_NAME | op::LOAD_GLOBAL | op::LOAD_CLOSURE | op::LOAD_DEREF | op::BUILD_MAP => (0, 1),
        op::LOAD_CONST | op::LOAD_FAST => (0, 1),
        op::IMPORT_FROM => (1, 2),
        op::STORE_MAP => (3, 1),
        op::LIST_APPEND | op::SET_ADD => (1, 0),
        op::MAP_ADD => (2, 0),
        op::BUILD_TUPLE | op::BUILD_LIST | op::BUILD_SET => (count?, 1),
        op::UNPACK_SEQUENCE => (1, count?),
        op::BUILD_SLICE if operand == 3 => (3, 1),
        op::BUILD_SLICE => (2, 1),
        op::MAKE_FUNCTION => (count? + 1, 1),
        op::MAKE_CLOSURE => (count? + 2, 1),
        op::CALL_FUNCTION => (arguments(operand) + 1, 1),
        op::CALL_FUNCTION_VAR | op::CALL_FUNCTION_KW => (arguments(operand) + 2, 1),
        op::CALL_FUNCTION_VAR_KW => (arguments(operand) + 3, 1),
        _ => return None,
    })
}

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

fn arguments(operand: i32) -> u32 {
    ((operand & 0xff) + 2 * (operand >> 8 & 0xff)) as u32
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
