//! Owns co_stacksize: the deepest that the value stack can get, as stackdepth in Python/compile.c computes it.

use super::super::decode::units;
use super::super::opcode::{self, OperandKind, op};

/// Blocks that are walked into at most, all walks together.  Code of compilers takes about as many as it has blocks; hostile code
/// could take forever.
const MOST_WALKS: usize = 1 << 20;

/// Why a code string has no depth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DepthError {
    #[error("the code jumps about so much that the depth of its stack would take too long to find")]
    TooComplex,
}

/// Returns how an instruction changes the depth of the value stack where it does not jump (opcode_stack_effect in Python/compile.c);
/// None for an opcode that the compiler never emits.  Operands can be hostile.
pub fn effect(opcode: u8, operand: i32) -> Option<i32> {
    let arguments = || (operand & 0xff).wrapping_add(2 * (operand >> 8 & 0xff));
    Some(match opcode {
        op::POP_TOP => -1,
        op::ROT_TWO | op::ROT_THREE | op::ROT_FOUR | op::NOP => 0,
        op::DUP_TOP => 1,
        op::UNARY_POSITIVE..=op::UNARY_CONVERT | op::UNARY_INVERT | op::GET_ITER => 0,
        op::SET_ADD | op::LIST_APPEND => -1,
        op::MAP_ADD | op::STORE_MAP => -2,
        op::BINARY_POWER..=op::INPLACE_TRUE_DIVIDE
        | op::INPLACE_ADD..=op::INPLACE_MODULO
        | op::BINARY_LSHIFT..=op::INPLACE_POWER
        | op::INPLACE_LSHIFT..=op::INPLACE_OR => -1,
        op::SLICE_0 => 0,
        op::SLICE_1 | op::SLICE_2 => -1,
        op::SLICE_3 => -2,
        op::STORE_SLICE_0 => -2,
        op::STORE_SLICE_1 | op::STORE_SLICE_2 => -3,
        op::STORE_SLICE_3 => -4,
        op::DELETE_SLICE_0 => -1,
        op::DELETE_SLICE_1 | op::DELETE_SLICE_2 => -2,
        op::DELETE_SLICE_3 => -3,
        op::STORE_SUBSCR => -3,
        op::DELETE_SUBSCR => -2,
        op::PRINT_EXPR | op::PRINT_ITEM | op::PRINT_NEWLINE_TO => -1,
        op::PRINT_NEWLINE => 0,
        op::PRINT_ITEM_TO => -2,
        op::BREAK_LOOP | op::POP_BLOCK => 0,
        op::SETUP_WITH => 4,
        op::WITH_CLEANUP => -1,
        op::LOAD_LOCALS => 1,
        op::RETURN_VALUE | op::IMPORT_STAR => -1,
        op::EXEC_STMT | op::END_FINALLY => -3,
        op::YIELD_VALUE => 0,
        op::BUILD_CLASS => -2,
        op::STORE_NAME | op::STORE_GLOBAL | op::STORE_FAST | op::STORE_DEREF => -1,
        op::DELETE_NAME | op::DELETE_GLOBAL | op::DELETE_FAST => 0,
        op::UNPACK_SEQUENCE => operand.wrapping_sub(1),
        op::FOR_ITER => 1,
        op::STORE_ATTR => -2,
        op::DELETE_ATTR => -1,
        op::DUP_TOPX => operand,
        op::LOAD_CONST | op::LOAD_NAME | op::LOAD_GLOBAL | op::LOAD_FAST | op::LOAD_CLOSURE | op::LOAD_DEREF => 1,
        op::BUILD_TUPLE..=op::BUILD_SET => 1i32.wrapping_sub(operand),
        op::BUILD_MAP | op::IMPORT_FROM => 1,
        op::LOAD_ATTR => 0,
        op::COMPARE_OP | op::IMPORT_NAME => -1,
        op::JUMP_FORWARD | op::JUMP_IF_TRUE_OR_POP | op::JUMP_IF_FALSE_OR_POP | op::JUMP_ABSOLUTE => 0,
        op::POP_JUMP_IF_FALSE | op::POP_JUMP_IF_TRUE => -1,
        op::CONTINUE_LOOP | op::SETUP_LOOP | op::SETUP_EXCEPT | op::SETUP_FINALLY => 0,
        op::RAISE_VARARGS => operand.wrapping_neg(),
        op::CALL_FUNCTION => -arguments(),
        op::CALL_FUNCTION_VAR | op::CALL_FUNCTION_KW => -arguments() - 1,
        op::CALL_FUNCTION_VAR_KW => -arguments() - 2,
        op::MAKE_FUNCTION => operand.wrapping_neg(),
        op::MAKE_CLOSURE => (-1i32).wrapping_sub(operand),
        op::BUILD_SLICE if operand == 3 => -2,
        op::BUILD_SLICE => -1,
        _ => return None,
    })
}

/// Returns the greatest depth of the value stack, walked over the code's blocks as stackdepth_walk does.  Code that the walk does not
/// reach does not count.  The compiler computes it before the peephole optimizer runs, so its number can be larger.
pub fn of(bytes: &[u8]) -> Result<u32, DepthError> {
    Blocks::of(bytes).walk()
}

/// A block: instructions of which only the first is jumped to.  As the depth that a block begins with grows, so does all in it, by the
/// same number: what it adds is summed up once.
#[derive(Clone, Default)]
struct Block {
    /// The greatest depth in it, relative to its beginning.
    most: i64,
    /// Where control goes on, in order, and the depth there, relative to this block's beginning.
    next: Vec<(usize, i64)>,
}

struct Blocks {
    blocks: Vec<Block>,
}

impl Blocks {
    fn of(bytes: &[u8]) -> Blocks {
        let target = |instruction: &super::super::Instruction| match opcode::operand_kind(instruction.opcode) {
            OperandKind::JumpAbsolute => instruction.operand,
            OperandKind::JumpRelative => instruction.operand.map(|operand| instruction.end().wrapping_add(operand)),
            _ => None,
        };
        // Code that is jumped into in the middle of an instruction is walked from there as well.
        let mut begins: Vec<u32> = vec![0];
        let mut known = vec![false; bytes.len() + 1];
        known[0] = true;
        let mut at = 0;
        while at < begins.len() {
            for unit in units(bytes, begins[at]) {
                if let Some(to) = target(&unit.last).and_then(|to| u32::try_from(to).ok())
                    && (to as usize) < bytes.len()
                    && !std::mem::replace(&mut known[to as usize], true)
                {
                    begins.push(to);
                }
                if at > 0 && known[unit.end as usize] {
                    break;
                }
            }
            at += 1;
        }
        begins.sort_unstable();
        let number = |offset: u32| begins.binary_search(&offset).ok();
        let block = |&begin: &u32| {
            let mut block = Block::default();
            let mut depth = 0i64;
            for unit in units(bytes, begin) {
                if unit.start != begin
                    && let Some(next) = number(unit.start)
                {
                    block.next.push((next, depth));
                    break;
                }
                let instruction = unit.last;
                // The VM raises an exception at an opcode that it does not know.
                let Some(effect) = effect(instruction.opcode, instruction.operand.unwrap_or(0)) else { break };
                depth += i64::from(effect);
                block.most = block.most.max(depth);
                if let Some(to) = target(&instruction) {
                    let there = match instruction.opcode {
                        op::FOR_ITER => depth - 2,
                        op::SETUP_FINALLY | op::SETUP_EXCEPT => depth + 3,
                        _ => depth,
                    };
                    block.most = block.most.max(there);
                    if let Some(to) = u32::try_from(to).ok().and_then(number) {
                        block.next.push((to, there));
                    }
                    match instruction.opcode {
                        op::JUMP_ABSOLUTE | op::JUMP_FORWARD => break,
                        op::JUMP_IF_TRUE_OR_POP | op::JUMP_IF_FALSE_OR_POP => depth -= 1,
                        _ => {}
                    }
                }
            }
            block
        };
        Blocks { blocks: begins.iter().map(block).collect() }
    }

    /// Walks from the first block, into each again only with a greater depth and never into one that is being walked.
    fn walk(&self) -> Result<u32, DepthError> {
        const UNSEEN: i64 = i64::MIN;
        let mut start = vec![UNSEEN; self.blocks.len()];
        let mut is_open = vec![false; self.blocks.len()];
        let mut most = 0;
        let mut open: Vec<(usize, i64, usize)> = Vec::new();
        let mut into = Some((0, 0i64));
        for _ in 0..MOST_WALKS {
            if let Some((block, depth)) = into.take()
                && !is_open[block]
                && start[block] < depth
            {
                (start[block], is_open[block]) = (depth, true);
                most = most.max(depth + self.blocks[block].most);
                open.push((block, depth, 0));
            }
            let Some((block, depth, next)) = open.last_mut() else {
                return Ok(u32::try_from(most.clamp(0, i64::from(i32::MAX))).unwrap_or_default());
            };
            match self.blocks[*block].next.get(*next) {
                Some(&(to, relative)) => {
                    into = Some((to, *depth + relative));
                    *next += 1;
                }
                None => {
                    is_open[*block] = false;
                    open.pop();
                }
            }
        }
        Err(DepthError::TooComplex)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_of_try_has_room_for_the_exception() {
        // SETUP_EXCEPT 4, LOAD_CONST, POP_TOP, POP_TOP x3, RETURN_VALUE
        assert_eq!(of(&[121, 4, 0, 100, 0, 0, 1, 1, 1, 1, 100, 0, 0, 83]), Ok(3));
        assert_eq!(of(&[100, 0, 0, 100, 0, 0, 23, 83]), Ok(2));
        assert_eq!(of(&[]), Ok(0));
    }

    #[test]
    fn a_loop_that_grows_the_stack_is_walked_once() {
        assert_eq!(of(&[100, 0, 0, 113, 0, 0]), Ok(1));
    }

    #[test]
    fn a_path_ends_at_an_unknown_opcode() {
        assert_eq!(of(&[100, 0, 0, 200, 0, 0, 100, 0, 0]), Ok(1));
        assert_eq!(of(&[110, 3, 0, 200, 0, 0, 100, 0, 0, 83]), Ok(1));
    }

    #[test]
    fn code_inside_other_instructions_is_walked() {
        // JUMP_ABSOLUTE 4; LOAD_CONST 0x0404, whose operand bytes are DUP_TOP twice; RETURN_VALUE
        assert_eq!(of(&[113, 4, 0, 100, 4, 4, 83]), Ok(2));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_have_an_answer(bytes: Vec<u8>) {
            let _ = of(&bytes);
        }
    }
}
