//! Whether code is 2.7's, by the code itself: Python 2.5, 2.6 and PyPy have the same marshal format and other opcodes.  Follows every way
//! through each code object with the depth of its value stack, as compile.c's stackdepth_walk does, and finds what no compiler of 2.7
//! makes.

use crate::bytecode::code;
use crate::bytecode::decode::Unit;
use crate::bytecode::escape::Printable;
use crate::bytecode::object::{MarshalledCode, Object};
use crate::bytecode::opcode::{self, OperandKind, op};

/// Bytes of code that are looked at, so that hostile files take no longer than others.
const MOST: usize = 64 << 20;

/// Says what in the code, or in what it holds, is not of 2.7; None if all of it can be.
pub fn doubt(code: &MarshalledCode) -> Option<String> {
    let mut left = MOST;
    for (code, _) in code::nested(code) {
        left = left.checked_sub(code.bytes.len())?;
        if let Err((offset, why)) = Judge::new(code).judge() {
            return Some(format!("{} in {} at offset {offset}", why, Printable::name(&code.name)));
        }
    }
    None
}

/// Entries of the value stack: at least and at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Depth {
    least: i32,
    most: i32,
}

struct Judge<'a> {
    code: &'a MarshalledCode,
    /// The depth with which each offset was first reached.
    seen: Vec<Option<Depth>>,
    open: Vec<(u32, Depth)>,
    has_with: bool,
}

type Found<T> = Result<T, (u32, &'static str)>;

impl<'a> Judge<'a> {
    fn new(code: &'a MarshalledCode) -> Judge<'a> {
        let seen = vec![None; code.bytes.len()];
        Judge { code, seen, open: vec![(0, Depth { least: 0, most: 0 })], has_with: false }
    }

    fn judge(mut self) -> Found<()> {
        while let Some((mut at, mut depth)) = self.open.pop() {
            loop {
                let Some(seen) = self.seen.get_mut(at as usize) else {
                    return Err((at, "the code runs past its end"));
                };
                if let Some(before) = seen {
                    if before.least > depth.most || depth.least > before.most {
                        return Err((at, "two ways come with different stacks"));
                    }
                    break;
                }
                *seen = Some(depth);
                let Some(unit) = Unit::decode(&self.code.bytes, at) else {
                    return Err((at, "an instruction is cut off"));
                };
                match self.step(at, &unit, depth)? {
                    Some(next) => (at, depth) = (unit.end, next),
                    None => break,
                }
            }
        }
        Ok(())
    }

    /// Judges one instruction; returns the depth after it, unless it never goes on to the next.
    fn step(&mut self, at: u32, unit: &Unit, depth: Depth) -> Found<Option<Depth>> {
        let (opcode, operand) = (unit.last.opcode, unit.last.operand.unwrap_or(0));
        if opcode == op::STOP_CODE || opcode::name(opcode).is_none() {
            return Err((at, "2.7 does not define an opcode"));
        }
        if !self.is_in_range(opcode, operand) {
            return Err((at, "an operand is out of range"));
        }
        if depth.most < needed(opcode, operand) {
            return Err((at, "the stack has too few entries"));
        }
        if let Some(why) = self.oddity(at, unit, depth) {
            return Err((at, why));
        }
        let target = match opcode::operand_kind(opcode) {
            OperandKind::JumpAbsolute => operand as u32,
            OperandKind::JumpRelative => unit.end.wrapping_add(operand as u32),
            _ => 0,
        };
        let after = depth.by(growth(opcode, operand));
        if after.least > self.code.stacksize {
            return Err((at, "the stack has more entries than the code asks for"));
        }
        Ok(match opcode {
            op::RETURN_VALUE | op::RAISE_VARARGS | op::BREAK_LOOP => None,
            op::JUMP_FORWARD | op::JUMP_ABSOLUTE | op::CONTINUE_LOOP => self.jump(target, depth),
            op::POP_JUMP_IF_FALSE | op::POP_JUMP_IF_TRUE => self.jump_or(target, after, after),
            op::JUMP_IF_FALSE_OR_POP | op::JUMP_IF_TRUE_OR_POP => self.jump_or(target, depth, after),
            op::FOR_ITER => self.jump_or(target, depth.by(-1), after),
            op::SETUP_LOOP => self.jump_or(target, depth, after),
            op::SETUP_EXCEPT => self.jump_or(target, depth.by(3), after),
            // A handler of `finally` gets one to three entries; that of `with` the same above what leaves the block.
            op::SETUP_FINALLY => self.jump_or(target, depth.between(1, 3), after),
            op::SETUP_WITH => {
                self.has_with = true;
                self.jump_or(target, depth.between(1, 3), after)
            }
            op::END_FINALLY => Some(Depth { least: (depth.least - 3).max(0), most: depth.most - 1 }),
            // Before 2.7 a `with` statement had no opcode of its own, and what ends it found another stack.
            op::WITH_CLEANUP if !self.has_with => return Err((at, "WITH_CLEANUP ends no SETUP_WITH")),
            _ => Some(after),
        })
    }

    /// Says what compile.c of 2.7 never makes, although the value stack allows it: what 2.5 and 2.6 mean by numbers that stand for other
    /// opcodes in 2.7.
    fn oddity(&self, at: u32, unit: &Unit, depth: Depth) -> Option<&'static str> {
        let is_last = unit.end as usize == self.code.bytes.len();
        match (unit.last.opcode, unit.last.operand) {
            // The last RETURN_VALUE stands outside of all blocks.  LOAD_ATTR of 2.6 is BUILD_MAP, and leaves an entry.
            (op::RETURN_VALUE, _) if is_last && depth.least > 1 => Some("the stack has entries left at the end"),
            // `{}` of 2.6; 2.7 has no expression for an empty set.
            (op::BUILD_SET, Some(0)) => Some("BUILD_SET makes an empty set"),
            // IMPORT_NAME of 2.6 takes the level and the names of an import.
            (op::COMPARE_OP, _) if self.follows_import(at as usize) => {
                Some("a comparison has the constants of an import")
            }
            _ => None,
        }
    }

    /// Whether the instructions before an offset load a number, and then None or a tuple.
    fn follows_import(&self, at: usize) -> bool {
        let Some(&[op::LOAD_CONST, a, b, op::LOAD_CONST, c, d]) =
            at.checked_sub(6).and_then(|from| self.code.bytes.get(from..at))
        else {
            return false;
        };
        let constant = |low, high| self.code.constants.get(usize::from(u16::from_le_bytes([low, high])));
        matches!(constant(a, b), Some(Object::Int(_)))
            && matches!(constant(c, d), Some(Object::None | Object::Tuple(_)))
    }

    fn jump(&mut self, target: u32, depth: Depth) -> Option<Depth> {
        self.open.push((target, depth));
        None
    }

    fn jump_or(&mut self, target: u32, there: Depth, here: Depth) -> Option<Depth> {
        self.open.push((target, there));
        Some(here)
    }

    fn is_in_range(&self, opcode: u8, operand: i32) -> bool {
        let code = self.code;
        let most = match opcode::operand_kind(opcode) {
            OperandKind::Constant => code.constants.len(),
            OperandKind::Name => code.names.len(),
            OperandKind::Local => code.varnames.len(),
            OperandKind::Free => code.cellvars.len() + code.freevars.len(),
            OperandKind::Compare => opcode::COMPARE_NAMES.len() - 1,
            OperandKind::JumpRelative | OperandKind::JumpAbsolute => code.bytes.len(),
            OperandKind::Nothing | OperandKind::Number => return operand >= 0,
        };
        usize::try_from(operand).is_ok_and(|operand| operand < most)
    }
}

impl Depth {
    fn by(self, growth: i32) -> Depth {
        Depth { least: (self.least + growth).max(0), most: self.most + growth }
    }

    fn between(self, least: i32, most: i32) -> Depth {
        Depth { least: self.least + least, most: self.most + most }
    }
}

/// Arguments of a call, below which its callable lies.
fn arguments(opcode: u8, operand: i32) -> i32 {
    let more = match opcode {
        op::CALL_FUNCTION => 0,
        op::CALL_FUNCTION_VAR_KW => 2,
        _ => 1,
    };
    (operand & 0xff) + 2 * (operand >> 8 & 0xff) + more
}

/// How the value stack grows, where the next instruction follows (opcode_stack_effect in Python/compile.c).
fn growth(opcode: u8, operand: i32) -> i32 {
    let count = operand.clamp(0, 1 << 24);
    match opcode {
        op::DUP_TOP | op::LOAD_LOCALS | op::IMPORT_FROM | op::BUILD_MAP | op::FOR_ITER | op::SETUP_WITH => 1,
        op::LOAD_CONST | op::LOAD_NAME | op::LOAD_GLOBAL | op::LOAD_FAST | op::LOAD_CLOSURE | op::LOAD_DEREF => 1,
        op::DUP_TOPX => count,
        op::POP_TOP | op::PRINT_EXPR | op::PRINT_ITEM | op::PRINT_NEWLINE_TO | op::IMPORT_STAR => -1,
        op::BINARY_POWER..=op::INPLACE_TRUE_DIVIDE
        | op::INPLACE_ADD..=op::INPLACE_MODULO
        | op::BINARY_LSHIFT..=op::INPLACE_POWER
        | op::INPLACE_LSHIFT..=op::INPLACE_OR
        | op::COMPARE_OP => -1,
        op::SLICE_1 | op::SLICE_2 | op::DELETE_SLICE_0 | op::IMPORT_NAME | op::WITH_CLEANUP => -1,
        op::SLICE_3 | op::STORE_SLICE_0 | op::DELETE_SLICE_1 | op::DELETE_SLICE_2 | op::BUILD_CLASS => -2,
        op::STORE_SLICE_1 | op::STORE_SLICE_2 | op::DELETE_SLICE_3 | op::STORE_SUBSCR | op::EXEC_STMT => -3,
        op::STORE_SLICE_3 => -4,
        op::STORE_MAP | op::DELETE_SUBSCR | op::PRINT_ITEM_TO | op::STORE_ATTR | op::MAP_ADD => -2,
        op::STORE_NAME | op::STORE_GLOBAL | op::STORE_FAST | op::STORE_DEREF | op::DELETE_ATTR => -1,
        op::LIST_APPEND | op::SET_ADD | op::RETURN_VALUE => -1,
        op::POP_JUMP_IF_FALSE | op::POP_JUMP_IF_TRUE | op::JUMP_IF_FALSE_OR_POP | op::JUMP_IF_TRUE_OR_POP => -1,
        op::UNPACK_SEQUENCE => count - 1,
        op::BUILD_TUPLE..=op::BUILD_SET => 1 - count,
        op::RAISE_VARARGS | op::MAKE_FUNCTION => -count,
        op::MAKE_CLOSURE => -1 - count,
        op::BUILD_SLICE => {
            if operand == 3 {
                -2
            } else {
                -1
            }
        }
        op::CALL_FUNCTION | op::CALL_FUNCTION_VAR..=op::CALL_FUNCTION_VAR_KW => -arguments(opcode, operand),
        _ => 0,
    }
}

/// How many entries of the value stack an instruction uses.
fn needed(opcode: u8, operand: i32) -> i32 {
    let count = operand.clamp(0, 1 << 24);
    match opcode {
        op::DUP_TOP | op::GET_ITER | op::LOAD_ATTR | op::SLICE_0 | op::YIELD_VALUE | op::FOR_ITER => 1,
        op::UNARY_POSITIVE..=op::UNARY_CONVERT | op::UNARY_INVERT | op::IMPORT_FROM | op::SETUP_WITH => 1,
        op::UNPACK_SEQUENCE | op::END_FINALLY => 1,
        op::ROT_TWO | op::SLICE_1 | op::SLICE_2 | op::WITH_CLEANUP | op::IMPORT_NAME | op::COMPARE_OP => 2,
        op::ROT_THREE | op::SLICE_3 | op::STORE_MAP | op::BUILD_CLASS => 3,
        op::ROT_FOUR => 4,
        op::DUP_TOPX | op::BUILD_TUPLE..=op::BUILD_SET | op::BUILD_SLICE => count,
        op::LIST_APPEND | op::SET_ADD => 1 + count,
        op::MAP_ADD => 2 + count,
        op::MAKE_FUNCTION => 1 + count,
        op::MAKE_CLOSURE => 2 + count,
        op::CALL_FUNCTION | op::CALL_FUNCTION_VAR..=op::CALL_FUNCTION_VAR_KW => 1 + arguments(opcode, operand),
        op::BINARY_POWER..=op::INPLACE_TRUE_DIVIDE
        | op::INPLACE_ADD..=op::INPLACE_MODULO
        | op::BINARY_LSHIFT..=op::INPLACE_POWER
        | op::INPLACE_LSHIFT..=op::INPLACE_OR => 2,
        _ => -growth(opcode, operand),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytecode::marshal::tests::hello;

    fn judged(bytes: &[u8], stacksize: i32) -> Option<String> {
        let name = || vec![b"a".as_slice().into()];
        let constants = vec![Object::None, Object::Int(1)].into();
        let code =
            MarshalledCode { bytes: bytes.into(), stacksize, constants, names: name(), varnames: name(), ..hello() };
        doubt(&code)
    }

    #[track_caller]
    fn assert_doubt(bytes: &[u8], part: &str) {
        let doubt = judged(bytes, 4).expect("a doubt");
        assert!(doubt.contains(part), "{doubt}");
    }

    #[test]
    fn code_of_2_7_is_not_doubted() {
        assert_eq!(judged(&[100, 0, 0, 83], 1), None);
        // for a in a: pass
        let looped = [120, 14, 0, 101, 0, 0, 68, 93, 6, 0, 90, 0, 0, 113, 7, 0, 87, 100, 0, 0, 83];
        assert_eq!(judged(&looped, 2), None);
        // try: a finally: a
        let finally = [122, 8, 0, 101, 0, 0, 1, 87, 100, 0, 0, 101, 0, 0, 1, 88, 100, 0, 0, 83];
        assert_eq!(judged(&finally, 4), None);
    }

    #[test]
    fn what_2_7_does_not_define_or_have_is_found() {
        assert_doubt(&[100, 0, 0, 18, 83], "does not define");
        assert_doubt(&[100, 9, 0, 83], "operand is out of range");
        assert_doubt(&[1, 100, 0, 0, 83], "too few entries");
        assert_doubt(&[100, 0, 0], "past its end");
        assert_doubt(&[100, 0], "cut off");
        assert_doubt(&[100, 0, 0, 4, 4, 4, 4, 83], "more entries");
    }

    #[test]
    fn the_jumps_of_2_6_are_found() {
        // if a: pass, where the jump leaves its condition: JUMP_IF_FALSE +4, POP_TOP, JUMP_FORWARD +1, POP_TOP
        assert_doubt(&[101, 0, 0, 111, 4, 0, 1, 110, 1, 0, 1, 100, 0, 0, 83], "too few entries");
        // The same in a loop, whose iterator lies below.
        let looped =
            [101, 0, 0, 68, 93, 17, 0, 90, 0, 0, 101, 0, 0, 111, 4, 0, 1, 113, 4, 0, 1, 113, 4, 0, 100, 0, 0, 83];
        assert!(judged(&looped, 4).is_some());
    }

    #[test]
    fn what_2_6_means_by_numbers_of_2_7_is_found() {
        // a.a; a = {}; import a
        assert_doubt(&[101, 0, 0, 105, 0, 0, 1, 100, 0, 0, 83], "entries left at the end");
        assert_doubt(&[101, 0, 0, 105, 0, 0, 83], "entries left at the end");
        assert_doubt(&[104, 0, 0, 90, 0, 0, 100, 0, 0, 83], "an empty set");
        assert_doubt(&[100, 1, 0, 100, 0, 0, 107, 0, 0, 90, 0, 0, 100, 0, 0, 83], "constants of an import");
        // In 2.7: a == None; return in a loop.
        assert_eq!(judged(&[101, 0, 0, 100, 0, 0, 107, 2, 0, 1, 100, 0, 0, 83], 2), None);
        let returns = [120, 15, 0, 101, 0, 0, 68, 93, 7, 0, 90, 0, 0, 100, 0, 0, 83, 87, 100, 0, 0, 83];
        assert_eq!(judged(&returns, 2), None);
    }
}
