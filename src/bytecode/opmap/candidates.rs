//! Owns which opcodes a number can stand for that a map does not have, at one place where it is executed.

use super::OpMap;
use super::read::{Numbered, Sizes, Tables, instruction, instructions, is_in_range};
use super::stack::{self, change};
use crate::bytecode::opcode::{self, op};

/// All opcodes that 2.7 executes, by how often they occur in its library, the frequent ones first.
#[rustfmt::skip]
const COMMON: [u8; 118] = [
    op::LOAD_CONST, op::LOAD_FAST, op::LOAD_ATTR, op::CALL_FUNCTION, op::LOAD_GLOBAL, op::STORE_FAST, op::STORE_NAME, op::POP_TOP,
    op::POP_JUMP_IF_FALSE, op::RETURN_VALUE, op::MAKE_FUNCTION, op::COMPARE_OP, op::STORE_MAP, op::JUMP_FORWARD, op::LOAD_NAME,
    op::JUMP_ABSOLUTE, op::STORE_ATTR, op::BUILD_TUPLE, op::POP_BLOCK, op::BINARY_SUBSCR, op::BINARY_ADD, op::RAISE_VARARGS,
    op::SETUP_LOOP, op::IMPORT_NAME, op::DUP_TOP, op::POP_JUMP_IF_TRUE, op::BUILD_LIST, op::GET_ITER, op::FOR_ITER,
    op::BINARY_MODULO, op::END_FINALLY, op::LOAD_LOCALS, op::BUILD_CLASS, op::UNPACK_SEQUENCE, op::SETUP_EXCEPT, op::STORE_SUBSCR,
    op::IMPORT_FROM, op::PRINT_ITEM, op::BINARY_SUBTRACT, op::BUILD_MAP, op::ROT_TWO, op::LOAD_DEREF, op::SLICE_1, op::SLICE_2,
    op::PRINT_NEWLINE, op::UNARY_NOT, op::BINARY_MULTIPLY, op::BREAK_LOOP, op::INPLACE_ADD, op::JUMP_IF_TRUE_OR_POP, op::SLICE_3,
    op::YIELD_VALUE, op::LOAD_CLOSURE, op::SETUP_FINALLY, op::PRINT_ITEM_TO, op::JUMP_IF_FALSE_OR_POP, op::DELETE_SUBSCR,
    op::BINARY_AND, op::PRINT_NEWLINE_TO, op::STORE_GLOBAL, op::LIST_APPEND, op::CALL_FUNCTION_VAR_KW, op::BINARY_OR,
    op::CALL_FUNCTION_VAR, op::ROT_THREE, op::MAKE_CLOSURE, op::UNARY_NEGATIVE, op::STORE_DEREF, op::WITH_CLEANUP, op::SETUP_WITH,
    op::DELETE_NAME, op::BINARY_FLOOR_DIVIDE, op::BINARY_POWER, op::INPLACE_SUBTRACT, op::BINARY_RSHIFT, op::BINARY_LSHIFT,
    op::SLICE_0, op::CALL_FUNCTION_KW, op::DELETE_ATTR, op::IMPORT_STAR, op::BINARY_DIVIDE, op::INPLACE_OR, op::EXEC_STMT,
    op::BINARY_TRUE_DIVIDE, op::BINARY_XOR, op::INPLACE_MULTIPLY, op::DELETE_FAST, op::STORE_SLICE_3, op::STORE_SLICE_2,
    op::DUP_TOPX, op::STORE_SLICE_0, op::STORE_SLICE_1, op::DELETE_SLICE_3, op::BUILD_SLICE, op::UNARY_INVERT,
    op::INPLACE_FLOOR_DIVIDE, op::DELETE_SLICE_0, op::DELETE_SLICE_1, op::INPLACE_AND, op::CONTINUE_LOOP, op::BUILD_SET,
    op::MAP_ADD, op::UNARY_POSITIVE, op::INPLACE_XOR, op::DELETE_SLICE_2, op::INPLACE_LSHIFT, op::INPLACE_RSHIFT, op::ROT_FOUR,
    op::NOP, op::UNARY_CONVERT, op::INPLACE_TRUE_DIVIDE, op::INPLACE_DIVIDE, op::INPLACE_MODULO, op::INPLACE_POWER, op::PRINT_EXPR,
    op::DELETE_GLOBAL, op::EXTENDED_ARG, op::SET_ADD,
];

/// A place in a code string.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    pub bytes: &'a [u8],
    pub tables: Tables,
    /// Of the instruction.
    pub offset: usize,
    /// Entries of the value stack.
    pub depth: usize,
    /// As many as the code says that it needs.
    pub stacksize: i32,
}

/// Returns the opcodes that the number there can stand for: they are not in the map, and fit the operand, what it indexes or jumps to, the
/// value stack, and the end of the code.  Those come first with which the depths of the value stack agree best, among them those that are
/// frequent in Python's library.
pub fn of(map: &OpMap, at: &Place) -> Vec<u8> {
    let taken: Vec<u8> = map.pairs().map(|(_, opcode)| opcode).collect();
    let free = |opcode: &u8| opcode::name(*opcode).is_some() && *opcode != op::STOP_CODE && !taken.contains(opcode);
    let mut found: Vec<u8> = COMMON.into_iter().filter(free).filter(|&opcode| fits(map, at, opcode)).collect();
    found.sort_by_cached_key(|&opcode| contradictions(map, at, opcode));
    found
}

fn fits(map: &OpMap, at: &Place, opcode: u8) -> bool {
    let Some(&number) = at.bytes.get(at.offset) else { return false };
    if opcode::has_argument(number) != opcode::has_argument(opcode) {
        return false;
    }
    let map = OpMap::of(map.pairs().chain([(number, opcode)]));
    let Some(one) = instruction(&map, Sizes::ByOperation, at.bytes, at.offset, None) else { return false };
    let needs = change(opcode, one.operand.unwrap_or(0)).needs;
    let goes_on = one.end() < at.bytes.len() || opcode == op::RETURN_VALUE;
    goes_on
        && usize::try_from(needs).is_ok_and(|needs| needs <= at.depth)
        && is_in_range(&one, &at.tables)
        && lands(&map, at, &one)
}

/// Counts where the depths of the value stack contradict one another if the number stands for an opcode.
fn contradictions(map: &OpMap, at: &Place, opcode: u8) -> u32 {
    let map = OpMap::of(map.pairs().chain(at.bytes.get(at.offset).map(|&number| (number, opcode))));
    let all: Vec<Numbered> = instructions(&map, Sizes::ByOperation, at.bytes).collect();
    stack::disorder(&all, at.bytes.len(), at.stacksize)
}

/// Whether it leads to where an instruction begins, if it jumps.
fn lands(map: &OpMap, at: &Place, one: &Numbered) -> bool {
    one.target().is_none_or(|target| {
        usize::try_from(target)
            .is_ok_and(|target| instructions(map, Sizes::ByOperation, at.bytes).any(|other| other.offset == target))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_fit_the_operand_the_stack_and_the_end() {
        // LOAD_CONST 0, (200) 1, RETURN_VALUE
        let bytes = [100, 0, 0, 200, 1, 0, 83];
        let map = OpMap::of([(100, op::LOAD_CONST), (83, op::RETURN_VALUE)]);
        let tables = Tables { constants: 1, names: 2, ..Tables::default() };
        let found = of(&map, &Place { bytes: &bytes, tables, offset: 3, depth: 1, stacksize: 1 });
        for opcode in [op::LOAD_ATTR, op::STORE_NAME, op::BUILD_TUPLE, op::UNPACK_SEQUENCE] {
            assert!(found.contains(&opcode), "{opcode}");
        }
        for opcode in [op::LOAD_CONST, op::LOAD_FAST, op::STORE_ATTR, op::JUMP_ABSOLUTE, op::POP_TOP, op::CALL_FUNCTION]
        {
            assert!(!found.contains(&opcode), "{opcode}");
        }
        // It keeps the stack's depth, and is the most frequent one that does.
        assert_eq!(found[0], op::LOAD_ATTR);
    }

    #[test]
    fn candidates_with_which_the_stack_comes_out_right_come_first() {
        // LOAD_CONST 0, LOAD_CONST 0, (200) 2, RETURN_VALUE
        let bytes = [100, 0, 0, 100, 0, 0, 200, 2, 0, 83];
        let map = OpMap::of([(100, op::LOAD_CONST), (83, op::RETURN_VALUE)]);
        let tables = Tables { constants: 1, names: 3, ..Tables::default() };
        let found = of(&map, &Place { bytes: &bytes, tables, offset: 6, depth: 2, stacksize: 2 });
        let place = |opcode| found.iter().position(|&found| found == opcode).expect("a candidate");
        // LOAD_ATTR, though it is frequent, leaves an entry at the end.
        assert!(place(op::COMPARE_OP) < place(op::BUILD_TUPLE) && place(op::BUILD_TUPLE) < place(op::LOAD_ATTR));
    }

    #[test]
    fn every_opcode_but_stop_code_has_a_frequency() {
        let mut common = COMMON;
        common.sort_unstable();
        let all = (0..=255).filter(|&opcode| opcode != op::STOP_CODE && opcode::name(opcode).is_some());
        assert!(all.eq(common));
    }
}
