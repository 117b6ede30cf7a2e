//! Owns which opcodes a number can stand for that a map does not have, at one place where it is executed.

use super::OpMap;
use super::read::{Numbered, Sizes, Tables, instruction, instructions, is_in_range};
use super::stack::change;
use crate::bytecode::opcode::{self, op};

/// A place in a code string.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    pub bytes: &'a [u8],
    pub tables: Tables,
    /// Of the instruction.
    pub offset: usize,
    /// Entries of the value stack.
    pub depth: usize,
}

/// Returns the opcodes that the number there can stand for: they are not in the map, and fit the operand, what it indexes or jumps to, the
/// value stack, and the end of the code.
pub fn of(map: &OpMap, at: &Place) -> Vec<u8> {
    let taken: Vec<u8> = map.pairs().map(|(_, opcode)| opcode).collect();
    let free = |opcode: &u8| opcode::name(*opcode).is_some() && *opcode != op::STOP_CODE && !taken.contains(opcode);
    (0..=255).filter(free).filter(|&opcode| fits(map, at, opcode)).collect()
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
        let found = of(&map, &Place { bytes: &bytes, tables, offset: 3, depth: 1 });
        for opcode in [op::LOAD_ATTR, op::STORE_NAME, op::BUILD_TUPLE, op::UNPACK_SEQUENCE] {
            assert!(found.contains(&opcode), "{opcode}");
        }
        for opcode in [op::LOAD_CONST, op::LOAD_FAST, op::STORE_ATTR, op::JUMP_ABSOLUTE, op::POP_TOP, op::CALL_FUNCTION]
        {
            assert!(!found.contains(&opcode), "{opcode}");
        }
    }
}
