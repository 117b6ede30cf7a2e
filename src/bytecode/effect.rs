//! Owns which entries of the value stack an instruction shows: what it consumes and produces that its code does not say.  As
//! ceval.c's PyEval_EvalFrameEx pops and pushes.

use super::opcode;

/// Results of one instruction that are shown at most; only UNPACK_SEQUENCE has more than one.
const MOST_RESULTS: u32 = 64;
/// Operands that are shown at most: what CALL_FUNCTION_VAR_KW can have.
const MOST_OPERANDS: u32 = 3 + 3 * 255;

/// What an instruction does to the value stack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effect {
    /// The topmost entries before it that it consumes and shows.
    pub operands: u32,
    /// The topmost entries behind it that it has produced and shows, where it went well.
    pub results: u32,
    /// Entries that there are more behind it, where `results` is not 0.
    pub growth: i32,
}

const fn effect(operands: u32, results: u32, growth: i32) -> Effect {
    Effect { operands, results, growth }
}

/// Tells what an instruction shows.
#[inline]
pub fn of(opcode: u8, operand: i32) -> Effect {
    match FIXED[opcode as usize] {
        VARIES => varying(opcode, operand),
        effect => effect,
    }
}

/// The effect of LOAD_CONST and LOAD_FAST where the code does not have what they load, so that it does not say what that is.
pub const LOADS_UNDEFINED: Effect = effect(0, 1, 1);

/// Stands in the table for an effect that hangs on the operand.
const VARIES: Effect = effect(u32::MAX, 0, 0);

fn varying(opcode: u8, operand: i32) -> Effect {
    let count = operand.clamp(0, 1 << 24);
    match opcode {
        131 | 140..=142 => call(opcode, operand),
        92 if count as u32 <= MOST_RESULTS => effect(1, count as u32, count - 1),
        92 => effect(1, 0, 0),
        // BUILD_TUPLE, BUILD_LIST, BUILD_SET: what they gather is in what they make.
        102..=104 => effect(0, 1, 1 - count),
        // MAKE_FUNCTION pops the code and defaults, MAKE_CLOSURE the cells as well.
        132 => effect(0, 1, -count),
        134 => effect(0, 1, -1 - count),
        // BUILD_SLICE.
        133 if operand == 3 => effect(3, 1, -2),
        133 => effect(2, 1, -1),
        // RAISE_VARARGS.
        130 => effect(count.min(3) as u32, 0, 0),
        _ => effect(0, 0, 0),
    }
}

fn call(opcode: u8, operand: i32) -> Effect {
    let (positional, named) = (operand & 0xff, operand >> 8 & 0xff);
    let more = match opcode {
        131 => 0,
        142 => 2,
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
        10..=13 | 15 | 68 => effect(1, 1, 0),
        // Binary and in-place operators, BINARY_SUBSCR, COMPARE_OP.
        19..=29 | 55..=59 | 62..=67 | 75..=79 | 107 => effect(2, 1, -1),
        // SLICE.
        30 => effect(1, 1, 0),
        31 | 32 => effect(2, 1, -1),
        33 => effect(3, 1, -2),
        // STORE_SLICE, DELETE_SLICE.
        40 => effect(2, 0, 0),
        41 | 42 => effect(3, 0, 0),
        43 => effect(4, 0, 0),
        50 => effect(1, 0, 0),
        51 | 52 => effect(2, 0, 0),
        53 => effect(3, 0, 0),
        // STORE_MAP, STORE_SUBSCR, DELETE_SUBSCR.
        54 => effect(2, 0, 0),
        60 => effect(3, 0, 0),
        61 => effect(2, 0, 0),
        // PRINT_EXPR, PRINT_ITEM, PRINT_ITEM_TO, PRINT_NEWLINE_TO.
        70 | 71 | 74 => effect(1, 0, 0),
        73 => effect(2, 0, 0),
        // LOAD_LOCALS, LOAD_NAME, BUILD_MAP, LOAD_GLOBAL, LOAD_CLOSURE, LOAD_DEREF, IMPORT_FROM, FOR_ITER.
        82 | 101 | 105 | 116 | 135 | 136 | 109 | 93 => effect(0, 1, 1),
        // RETURN_VALUE, IMPORT_STAR; YIELD_VALUE, which gets what is sent.
        83 | 84 => effect(1, 0, 0),
        86 => effect(1, 1, 0),
        // EXEC_STMT, BUILD_CLASS.
        85 => effect(3, 0, 0),
        89 => effect(3, 1, -2),
        // STORE_NAME, STORE_GLOBAL, STORE_FAST, STORE_DEREF, LIST_APPEND, SET_ADD.
        90 | 97 | 125 | 137 | 94 | 146 => effect(1, 0, 0),
        // STORE_ATTR, DELETE_ATTR, LOAD_ATTR.
        95 => effect(2, 0, 0),
        96 => effect(1, 0, 0),
        106 => effect(1, 1, 0),
        // IMPORT_NAME pops the level and the list of names.
        108 => effect(0, 1, -1),
        // JUMP_IF_FALSE_OR_POP, JUMP_IF_TRUE_OR_POP, POP_JUMP_IF_FALSE, POP_JUMP_IF_TRUE.
        111 | 112 | 114 | 115 => effect(1, 0, 0),
        // SETUP_WITH leaves __exit__ below what __enter__ gave.
        143 => effect(1, 1, 1),
        // MAP_ADD.
        147 => effect(2, 0, 0),
        92 | 102..=104 | 130..=134 | 140..=142 => VARIES,
        // An undefined opcode to which a library gives a meaning: what it pushes, if it pushes one entry.
        _ if opcode::name(opcode).is_none() => effect(0, 1, 1),
        _ => effect(0, 0, 0),
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
