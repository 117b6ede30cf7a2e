//! Owns which entries of the value stack an instruction shows: what it consumes and produces that its code does not say.  As
//! ceval.c's PyEval_EvalFrameEx pops and pushes.

use super::opcode::{self, op};

/// Results of one instruction that are shown at most; only UNPACK_SEQUENCE has more than one.
const MOST_RESULTS: u32 = 64;
/// Operands that are shown at most: what CALL_FUNCTION_VAR_KW can have.
const MOST_OPERANDS: u32 = 3 + 3 * 255;

/// What an instruction does to the value stack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effect {
    /// The topmost entries before it that it consumes and shows.
    pub operands: u32,
    /// The topmost entries after it that it has produced and shows, where it went well.
    pub results: u32,
    /// Entries that there are more after it, where `results` is not 0.
    pub growth: i32,
}

const fn effect(operands: u32, results: u32, growth: i32) -> Effect {
    Effect { operands, results, growth }
}

/// Returns what an instruction shows.
#[inline]
pub fn of(opcode: u8, operand: i32) -> Effect {
    let effect = FIXED[opcode as usize];
    if effect.operands == VARIES.operands { varying(opcode, operand) } else { effect }
}

/// Returns what an opcode shows, if that does not hang on its operand.
pub const fn whatever_the_operand(opcode: u8) -> Option<Effect> {
    let effect = fixed(opcode);
    if effect.operands == VARIES.operands { None } else { Some(effect) }
}

/// The effect of what shows nothing.
pub const NOTHING: Effect = effect(0, 0, 0);

/// The effect of LOAD_CONST and LOAD_FAST where the code does not have what they load, so that it does not say what that is.
pub const LOADS_UNDEFINED: Effect = effect(0, 1, 1);

/// Stands in the table for an effect that hangs on the operand.
const VARIES: Effect = effect(u32::MAX, 0, 0);

fn varying(opcode: u8, operand: i32) -> Effect {
    let count = operand.clamp(0, 1 << 24);
    match opcode {
        op::CALL_FUNCTION | op::CALL_FUNCTION_VAR..=op::CALL_FUNCTION_VAR_KW => call(opcode, operand),
        op::UNPACK_SEQUENCE if count as u32 <= MOST_RESULTS => effect(1, count as u32, count - 1),
        op::UNPACK_SEQUENCE => effect(1, 0, 0),
        // What they gather is in what they make.
        op::BUILD_TUPLE..=op::BUILD_SET => effect(0, 1, 1 - count),
        // MAKE_FUNCTION pops the code and defaults, MAKE_CLOSURE the cells as well.
        op::MAKE_FUNCTION => effect(0, 1, -count),
        op::MAKE_CLOSURE => effect(0, 1, -1 - count),
        op::BUILD_SLICE if operand == 3 => effect(3, 1, -2),
        op::BUILD_SLICE => effect(2, 1, -1),
        op::RAISE_VARARGS => effect(count.min(3) as u32, 0, 0),
        _ => NOTHING,
    }
}

fn call(opcode: u8, operand: i32) -> Effect {
    let (positional, named) = (operand & 0xff, operand >> 8 & 0xff);
    let more = match opcode {
        op::CALL_FUNCTION => 0,
        op::CALL_FUNCTION_VAR_KW => 2,
        _ => 1,
    };
    let arguments = positional + 2 * named + more;
    effect((arguments as u32 + 1).min(MOST_OPERANDS), 1, -arguments)
}

/// The effects, by opcode.
static FIXED: [Effect; 256] = {
    let mut table = [effect(0, 0, 0); 256];
    let mut opcode = 0;
    while opcode < 256 {
        table[opcode] = fixed(opcode as u8);
        opcode += 1;
    }
    table
};

const fn fixed(opcode: u8) -> Effect {
    match opcode {
        // Unary operators, GET_ITER.
        op::UNARY_POSITIVE..=op::UNARY_CONVERT | op::UNARY_INVERT | op::GET_ITER => effect(1, 1, 0),
        // Binary and in-place operators, BINARY_SUBSCR, COMPARE_OP.
        op::BINARY_POWER..=op::INPLACE_TRUE_DIVIDE
        | op::INPLACE_ADD..=op::INPLACE_MODULO
        | op::BINARY_LSHIFT..=op::INPLACE_POWER
        | op::INPLACE_LSHIFT..=op::INPLACE_OR
        | op::COMPARE_OP => effect(2, 1, -1),
        op::SLICE_0 => effect(1, 1, 0),
        op::SLICE_1 | op::SLICE_2 => effect(2, 1, -1),
        op::SLICE_3 => effect(3, 1, -2),
        op::STORE_SLICE_0 => effect(2, 0, 0),
        op::STORE_SLICE_1 | op::STORE_SLICE_2 => effect(3, 0, 0),
        op::STORE_SLICE_3 => effect(4, 0, 0),
        op::DELETE_SLICE_0 => effect(1, 0, 0),
        op::DELETE_SLICE_1 | op::DELETE_SLICE_2 => effect(2, 0, 0),
        op::DELETE_SLICE_3 => effect(3, 0, 0),
        op::STORE_MAP => effect(2, 0, 0),
        op::STORE_SUBSCR => effect(3, 0, 0),
        op::DELETE_SUBSCR => effect(2, 0, 0),
        op::PRINT_EXPR | op::PRINT_ITEM | op::PRINT_NEWLINE_TO => effect(1, 0, 0),
        op::PRINT_ITEM_TO => effect(2, 0, 0),
        op::LOAD_LOCALS
        | op::LOAD_NAME
        | op::BUILD_MAP
        | op::LOAD_GLOBAL
        | op::LOAD_CLOSURE
        | op::LOAD_DEREF
        | op::IMPORT_FROM
        | op::FOR_ITER => effect(0, 1, 1),
        // RETURN_VALUE, IMPORT_STAR; YIELD_VALUE, which gets what is sent.
        op::RETURN_VALUE | op::IMPORT_STAR => effect(1, 0, 0),
        op::YIELD_VALUE => effect(1, 1, 0),
        op::EXEC_STMT => effect(3, 0, 0),
        op::BUILD_CLASS => effect(3, 1, -2),
        op::STORE_NAME | op::STORE_GLOBAL | op::STORE_FAST | op::STORE_DEREF | op::LIST_APPEND | op::SET_ADD => {
            effect(1, 0, 0)
        }
        op::STORE_ATTR => effect(2, 0, 0),
        op::DELETE_ATTR => effect(1, 0, 0),
        op::LOAD_ATTR => effect(1, 1, 0),
        // IMPORT_NAME pops the level and the list of names.
        op::IMPORT_NAME => effect(0, 1, -1),
        op::JUMP_IF_FALSE_OR_POP | op::JUMP_IF_TRUE_OR_POP | op::POP_JUMP_IF_FALSE | op::POP_JUMP_IF_TRUE => {
            effect(1, 0, 0)
        }
        // SETUP_WITH leaves __exit__ below what __enter__ gave.
        op::SETUP_WITH => effect(1, 1, 1),
        op::MAP_ADD => effect(2, 0, 0),
        op::UNPACK_SEQUENCE
        | op::BUILD_TUPLE..=op::BUILD_SET
        | op::RAISE_VARARGS..=op::MAKE_CLOSURE
        | op::CALL_FUNCTION_VAR..=op::CALL_FUNCTION_VAR_KW => VARIES,
        // An undefined opcode to which a library gives a meaning: what it pushes, if it pushes one entry.
        _ if opcode::name(opcode).is_none() => effect(0, 1, 1),
        _ => NOTHING,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_shows_its_callable_and_all_arguments() {
        assert_eq!(of(131, 0), effect(1, 1, 0));
        assert_eq!(of(131, 0x0203), effect(8, 1, -7));
        assert_eq!(of(142, 0x0101), effect(6, 1, -5));
    }

    #[test]
    fn no_operand_makes_an_effect_beyond_bounds() {
        for opcode in 0..=255 {
            for operand in [i32::MIN, -1, 0, 1, 0xffff, i32::MAX] {
                let effect = of(opcode, operand);
                assert!(effect.operands <= MOST_OPERANDS && effect.results <= MOST_RESULTS, "{opcode} {operand}");
            }
        }
    }
}
