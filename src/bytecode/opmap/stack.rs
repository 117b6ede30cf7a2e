//! Owns how deep the value stack is at each instruction, as the compiler counts it (compile.c's stackdepth), and where that contradicts
//! a map.

use super::read::Numbered;
use crate::bytecode::opcode::op;

/// What an instruction does to the value stack where control goes on after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Entries that must be there.
    pub needs: i32,
    /// Entries that there are more afterwards.
    pub growth: i32,
}

/// Returns what an opcode with an operand does.  END_FINALLY is a matter of [`disorder`].
pub fn change(opcode: u8, operand: i32) -> Change {
    let of = |needs, growth| Change { needs, growth };
    let count = operand.clamp(0, 1 << 16);
    match opcode {
        op::POP_TOP | op::PRINT_EXPR | op::PRINT_ITEM | op::PRINT_NEWLINE_TO | op::IMPORT_STAR => of(1, -1),
        op::ROT_TWO => of(2, 0),
        op::ROT_THREE => of(3, 0),
        op::ROT_FOUR => of(4, 0),
        op::DUP_TOP => of(1, 1),
        op::UNARY_POSITIVE..=op::UNARY_CONVERT | op::UNARY_INVERT | op::GET_ITER | op::SLICE_0 | op::LOAD_ATTR => {
            of(1, 0)
        }
        op::BINARY_POWER..=op::INPLACE_TRUE_DIVIDE
        | op::INPLACE_ADD..=op::INPLACE_MODULO
        | op::BINARY_LSHIFT..=op::INPLACE_POWER
        | op::INPLACE_LSHIFT..=op::INPLACE_OR
        | op::SLICE_1
        | op::SLICE_2
        | op::COMPARE_OP
        | op::IMPORT_NAME => of(2, -1),
        op::SLICE_3 => of(3, -2),
        op::STORE_SLICE_0 => of(2, -2),
        op::STORE_SLICE_1 | op::STORE_SLICE_2 => of(3, -3),
        op::STORE_SLICE_3 => of(4, -4),
        op::DELETE_SLICE_0 | op::DELETE_ATTR => of(1, -1),
        op::DELETE_SLICE_1 | op::DELETE_SLICE_2 | op::DELETE_SUBSCR | op::PRINT_ITEM_TO => of(2, -2),
        op::DELETE_SLICE_3 | op::STORE_SUBSCR | op::EXEC_STMT => of(3, -3),
        op::STORE_MAP => of(3, -2),
        op::BUILD_CLASS => of(3, -2),
        op::STORE_ATTR => of(2, -2),
        op::LOAD_LOCALS
        | op::LOAD_CONST
        | op::LOAD_NAME
        | op::LOAD_GLOBAL
        | op::LOAD_FAST
        | op::LOAD_CLOSURE
        | op::LOAD_DEREF
        | op::BUILD_MAP => of(0, 1),
        op::IMPORT_FROM | op::FOR_ITER | op::SETUP_WITH => of(1, 1),
        op::RETURN_VALUE => of(1, -1),
        op::YIELD_VALUE => of(1, 0),
        op::STORE_NAME | op::STORE_GLOBAL | op::STORE_FAST | op::STORE_DEREF => of(1, -1),
        op::LIST_APPEND | op::SET_ADD => of(count + 1, -1),
        op::MAP_ADD => of(count + 2, -2),
        op::WITH_CLEANUP => of(2, -1),
        op::END_FINALLY => of(1, -1),
        op::JUMP_IF_FALSE_OR_POP | op::JUMP_IF_TRUE_OR_POP | op::POP_JUMP_IF_FALSE | op::POP_JUMP_IF_TRUE => of(1, -1),
        op::UNPACK_SEQUENCE => of(1, count - 1),
        op::DUP_TOPX => of(count, count),
        op::BUILD_TUPLE | op::BUILD_LIST | op::BUILD_SET => of(count, 1 - count),
        op::RAISE_VARARGS => of(count, -count),
        op::BUILD_SLICE => of(count, 1 - count),
        op::MAKE_FUNCTION => of(count + 1, -count),
        op::MAKE_CLOSURE => of(count + 2, -1 - count),
        op::CALL_FUNCTION => call(operand, 0),
        op::CALL_FUNCTION_VAR | op::CALL_FUNCTION_KW => call(operand, 1),
        op::CALL_FUNCTION_VAR_KW => call(operand, 2),
        _ => of(0, 0),
    }
}

fn call(operand: i32, more: i32) -> Change {
    let arguments = (operand & 0xff) + 2 * (operand >> 8 & 0xff) + more;
    Change { needs: arguments + 1, growth: -arguments }
}

/// How deep the stack is where an instruction jumps to, if it is `depth` before it; None for what does not jump there itself.
fn depth_at_target(opcode: u8, depth: i32) -> Option<i32> {
    match opcode {
        op::FOR_ITER | op::POP_JUMP_IF_FALSE | op::POP_JUMP_IF_TRUE => Some(depth - 1),
        op::JUMP_IF_FALSE_OR_POP | op::JUMP_IF_TRUE_OR_POP | op::JUMP_FORWARD | op::JUMP_ABSOLUTE | op::SETUP_LOOP => {
            Some(depth)
        }
        op::SETUP_EXCEPT => Some(depth + 3),
        // Control falls into the handler with a None.
        op::SETUP_FINALLY | op::SETUP_WITH => Some(depth + 1),
        _ => None,
    }
}

/// Depths of one code object while it is read from the beginning to the end.
struct Walk {
    /// The depth before the next instruction; None after one that control does not go on from.
    depth: Option<i32>,
    /// At each offset that something before jumps to.
    expected: Vec<Option<i32>>,
    /// For each handler that was entered and not left by END_FINALLY: the depth around it.
    handlers: Vec<i32>,
    /// At each offset where a handler begins: the depth around it.
    begins: Vec<Option<i32>>,
    wrong: u32,
    deepest: i32,
    /// Bytes of the code.
    length: usize,
}

/// Counts where the depths of a code object contradict one another, or the depth that it says it needs.  The instructions stand in order
/// and have opcodes.
pub fn disorder(all: &[Numbered], length: usize, stacksize: i32) -> u32 {
    let mut walk = Walk {
        depth: Some(0),
        expected: vec![None; length + 1],
        handlers: Vec::new(),
        begins: vec![None; length + 1],
        wrong: 0,
        deepest: 0,
        length,
    };
    all.iter().for_each(|one| walk.step(one));
    // The compiler's count is never too small; junk can make it larger than what is needed.
    walk.wrong + 2 * u32::from(walk.deepest > stacksize) + u32::from(walk.deepest < stacksize)
}

impl Walk {
    fn step(&mut self, one: &Numbered) {
        match (self.depth, self.expected[one.offset]) {
            (Some(depth), Some(expected)) if depth != expected => {
                self.wrong += 1;
                self.depth = Some(expected);
            }
            (None, expected) => self.depth = expected,
            _ => {}
        }
        if let Some(around) = self.begins[one.offset] {
            self.handlers.push(around);
        }
        let Some(opcode) = one.opcode else {
            self.depth = None;
            return;
        };
        let operand = one.operand.unwrap_or(0);
        let Some(depth) = self.depth else {
            if opcode == op::END_FINALLY {
                self.depth = self.handlers.pop();
            }
            return;
        };
        let change = change(opcode, operand);
        // The last one stands outside of all blocks.
        let is_last = one.end() == self.length;
        let is_bad_return = opcode == op::RETURN_VALUE && (depth < 1 || is_last && depth > 1);
        self.wrong += u32::from(depth < change.needs) + u32::from(is_bad_return);
        if let Some(target) = one.target().and_then(|target| usize::try_from(target).ok())
            && let Some(at) = depth_at_target(opcode, depth)
            && let Some(expected) = self.expected.get_mut(target)
        {
            match *expected {
                Some(expected) if expected != at => self.wrong += 1,
                _ => *expected = Some(at.max(0)),
            }
            if matches!(opcode, op::SETUP_EXCEPT | op::SETUP_FINALLY | op::SETUP_WITH) {
                self.begins[target] = Some(depth - i32::from(opcode == op::SETUP_WITH));
            }
        }
        let next = (depth + change.growth).max(0);
        self.deepest = self.deepest.max(next);
        self.depth = match opcode {
            op::END_FINALLY => match self.handlers.pop() {
                Some(around) => Some(around),
                None => {
                    self.wrong += 1;
                    None
                }
            },
            _ if one.ends_flow() => None,
            _ => Some(next),
        };
    }
}
