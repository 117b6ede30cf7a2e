//! Owns the opcode table of CPython 2.7: names, what an operand means, and after which instruction a
//! segment of straight-line code ends. Data only; decoding is in `decode`.

/// Opcodes from this number on carry two operand bytes.
pub const HAVE_ARGUMENT: u8 = 90;

/// Names of the comparison operators, indexed by the operand of COMPARE_OP.
pub const COMPARE_NAMES: [&str; 12] =
    ["<", "<=", "==", "!=", ">", ">=", "in", "not in", "is", "is not", "exception match", "BAD"];

/// What the operand of an opcode stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperandKind {
    /// The opcode takes no operand.
    Nothing,
    /// A plain number: a count, flags, or the upper half of another operand.
    Number,
    /// An index into the constants.
    Constant,
    /// An index into the names.
    Name,
    /// An index into the local variables' names.
    Local,
    /// An index into the cell variables followed by the free variables.
    Free,
    /// An index into [`COMPARE_NAMES`].
    Compare,
    /// A distance from the end of the instruction.
    JumpRelative,
    /// An offset from the beginning of the code.
    JumpAbsolute,
}

/// The prefix that gives its successor the upper 16 bits of the operand.
pub use op::EXTENDED_ARG;

/// Returns whether an opcode calls what lies on the value stack.
#[inline]
pub fn is_call(opcode: u8) -> bool {
    use op::{CALL_FUNCTION, CALL_FUNCTION_KW, CALL_FUNCTION_VAR, CALL_FUNCTION_VAR_KW};
    matches!(opcode, CALL_FUNCTION | CALL_FUNCTION_VAR | CALL_FUNCTION_KW | CALL_FUNCTION_VAR_KW)
}

/// Returns whether an opcode jumps or goes on with the next instruction, by what lies on the value stack.
#[inline]
pub fn is_conditional(opcode: u8) -> bool {
    use op::{FOR_ITER, JUMP_IF_FALSE_OR_POP, JUMP_IF_TRUE_OR_POP, POP_JUMP_IF_FALSE, POP_JUMP_IF_TRUE};
    matches!(opcode, FOR_ITER | JUMP_IF_FALSE_OR_POP | JUMP_IF_TRUE_OR_POP | POP_JUMP_IF_FALSE | POP_JUMP_IF_TRUE)
}

/// Returns the name of an opcode, or None where 2.7 defines none.
#[inline]
pub const fn name(opcode: u8) -> Option<&'static str> {
    NAMES[opcode as usize]
}

/// Returns the opcode of a name.
pub fn of_name(wanted: &str) -> Option<u8> {
    (0..=255).find(|&opcode| name(opcode) == Some(wanted))
}

/// Returns what the operand of an opcode means; undefined opcodes have plain numbers from 90 on.
#[inline]
pub fn operand_kind(opcode: u8) -> OperandKind {
    KINDS[opcode as usize]
}

/// Returns whether two operand bytes follow the opcode (`HAS_ARG` of Include/opcode.h).
#[inline]
pub fn has_argument(opcode: u8) -> bool {
    opcode >= HAVE_ARGUMENT
}

/// Returns whether a segment of straight-line code ends with this opcode: either control never simply
/// falls through (a jump, a return, a raise, an undefined opcode), or the instruction runs other code
/// by design (a call, an import, exec, a class body, a with block), which may change these very bytes.
/// Operators and attribute access can run other code too, but only through a Python frame or a native
/// function that came in by one of the opcodes named here.
#[inline]
pub fn ends_segment(opcode: u8) -> bool {
    ENDS_SEGMENT[opcode as usize]
}

use OperandKind::{Compare, Constant, Free, JumpAbsolute, JumpRelative, Local, Name, Nothing, Number};

/// Defines the opcodes: a constant for each, and the table.
macro_rules! opcodes {
    (@name $constant:ident) => { stringify!($constant) };
    (@name $constant:ident $name:literal) => { $name };
    ($($number:literal $constant:ident $($name:literal)? $kind:ident;)*) => {
        /// The opcodes by name, as Include/opcode.h of 2.7 has them; a `+N` in a name is `_N`.
        #[allow(dead_code)]
        pub mod op {
            $(pub const $constant: u8 = $number;)*
        }

        /// Every opcode that 2.7 defines.
        const DEFINED: &[(u8, &str, OperandKind)] = &[$(($number, opcodes!(@name $constant $($name)?), $kind)),*];
    };
}

// Number 0 is STOP_CODE: it has a name, yet ceval.c treats it as unknown.
opcodes! {
    0 STOP_CODE Nothing;
    1 POP_TOP Nothing;
    2 ROT_TWO Nothing;
    3 ROT_THREE Nothing;
    4 DUP_TOP Nothing;
    5 ROT_FOUR Nothing;
    9 NOP Nothing;
    10 UNARY_POSITIVE Nothing;
    11 UNARY_NEGATIVE Nothing;
    12 UNARY_NOT Nothing;
    13 UNARY_CONVERT Nothing;
    15 UNARY_INVERT Nothing;
    19 BINARY_POWER Nothing;
    20 BINARY_MULTIPLY Nothing;
    21 BINARY_DIVIDE Nothing;
    22 BINARY_MODULO Nothing;
    23 BINARY_ADD Nothing;
    24 BINARY_SUBTRACT Nothing;
    25 BINARY_SUBSCR Nothing;
    26 BINARY_FLOOR_DIVIDE Nothing;
    27 BINARY_TRUE_DIVIDE Nothing;
    28 INPLACE_FLOOR_DIVIDE Nothing;
    29 INPLACE_TRUE_DIVIDE Nothing;
    30 SLICE_0 "SLICE+0" Nothing;
    31 SLICE_1 "SLICE+1" Nothing;
    32 SLICE_2 "SLICE+2" Nothing;
    33 SLICE_3 "SLICE+3" Nothing;
    40 STORE_SLICE_0 "STORE_SLICE+0" Nothing;
    41 STORE_SLICE_1 "STORE_SLICE+1" Nothing;
    42 STORE_SLICE_2 "STORE_SLICE+2" Nothing;
    43 STORE_SLICE_3 "STORE_SLICE+3" Nothing;
    50 DELETE_SLICE_0 "DELETE_SLICE+0" Nothing;
    51 DELETE_SLICE_1 "DELETE_SLICE+1" Nothing;
    52 DELETE_SLICE_2 "DELETE_SLICE+2" Nothing;
    53 DELETE_SLICE_3 "DELETE_SLICE+3" Nothing;
    54 STORE_MAP Nothing;
    55 INPLACE_ADD Nothing;
    56 INPLACE_SUBTRACT Nothing;
    57 INPLACE_MULTIPLY Nothing;
    58 INPLACE_DIVIDE Nothing;
    59 INPLACE_MODULO Nothing;
    60 STORE_SUBSCR Nothing;
    61 DELETE_SUBSCR Nothing;
    62 BINARY_LSHIFT Nothing;
    63 BINARY_RSHIFT Nothing;
    64 BINARY_AND Nothing;
    65 BINARY_XOR Nothing;
    66 BINARY_OR Nothing;
    67 INPLACE_POWER Nothing;
    68 GET_ITER Nothing;
    70 PRINT_EXPR Nothing;
    71 PRINT_ITEM Nothing;
    72 PRINT_NEWLINE Nothing;
    73 PRINT_ITEM_TO Nothing;
    74 PRINT_NEWLINE_TO Nothing;
    75 INPLACE_LSHIFT Nothing;
    76 INPLACE_RSHIFT Nothing;
    77 INPLACE_AND Nothing;
    78 INPLACE_XOR Nothing;
    79 INPLACE_OR Nothing;
    80 BREAK_LOOP Nothing;
    81 WITH_CLEANUP Nothing;
    82 LOAD_LOCALS Nothing;
    83 RETURN_VALUE Nothing;
    84 IMPORT_STAR Nothing;
    85 EXEC_STMT Nothing;
    86 YIELD_VALUE Nothing;
    87 POP_BLOCK Nothing;
    88 END_FINALLY Nothing;
    89 BUILD_CLASS Nothing;
    90 STORE_NAME Name;
    91 DELETE_NAME Name;
    92 UNPACK_SEQUENCE Number;
    93 FOR_ITER JumpRelative;
    94 LIST_APPEND Number;
    95 STORE_ATTR Name;
    96 DELETE_ATTR Name;
    97 STORE_GLOBAL Name;
    98 DELETE_GLOBAL Name;
    99 DUP_TOPX Number;
    100 LOAD_CONST Constant;
    101 LOAD_NAME Name;
    102 BUILD_TUPLE Number;
    103 BUILD_LIST Number;
    104 BUILD_SET Number;
    105 BUILD_MAP Number;
    106 LOAD_ATTR Name;
    107 COMPARE_OP Compare;
    108 IMPORT_NAME Name;
    109 IMPORT_FROM Name;
    110 JUMP_FORWARD JumpRelative;
    111 JUMP_IF_FALSE_OR_POP JumpAbsolute;
    112 JUMP_IF_TRUE_OR_POP JumpAbsolute;
    113 JUMP_ABSOLUTE JumpAbsolute;
    114 POP_JUMP_IF_FALSE JumpAbsolute;
    115 POP_JUMP_IF_TRUE JumpAbsolute;
    116 LOAD_GLOBAL Name;
    119 CONTINUE_LOOP JumpAbsolute;
    120 SETUP_LOOP JumpRelative;
    121 SETUP_EXCEPT JumpRelative;
    122 SETUP_FINALLY JumpRelative;
    124 LOAD_FAST Local;
    125 STORE_FAST Local;
    126 DELETE_FAST Local;
    130 RAISE_VARARGS Number;
    131 CALL_FUNCTION Number;
    132 MAKE_FUNCTION Number;
    133 BUILD_SLICE Number;
    134 MAKE_CLOSURE Number;
    135 LOAD_CLOSURE Free;
    136 LOAD_DEREF Free;
    137 STORE_DEREF Free;
    140 CALL_FUNCTION_VAR Number;
    141 CALL_FUNCTION_KW Number;
    142 CALL_FUNCTION_VAR_KW Number;
    143 SETUP_WITH JumpRelative;
    145 EXTENDED_ARG Number;
    146 SET_ADD Number;
    147 MAP_ADD Number;
}

/// Defined opcodes that end a segment; see [`ends_segment`].
const SEGMENT_ENDS: &[u8] = &[
    op::STOP_CODE, // always "unknown opcode"
    op::BREAK_LOOP,
    op::WITH_CLEANUP, // calls __exit__
    op::RETURN_VALUE,
    op::IMPORT_STAR,
    op::EXEC_STMT,
    op::YIELD_VALUE,
    op::BUILD_CLASS, // calls the metaclass
    op::IMPORT_NAME,
    op::JUMP_FORWARD,
    op::JUMP_ABSOLUTE,
    op::CONTINUE_LOOP,
    op::RAISE_VARARGS,
    op::CALL_FUNCTION,
    op::CALL_FUNCTION_VAR,
    op::CALL_FUNCTION_KW,
    op::CALL_FUNCTION_VAR_KW,
    op::SETUP_WITH, // calls __enter__
];

static NAMES: [Option<&str>; 256] = {
    let mut names = [None; 256];
    let mut row = 0;
    while row < DEFINED.len() {
        names[DEFINED[row].0 as usize] = Some(DEFINED[row].1);
        row += 1;
    }
    names
};

static KINDS: [OperandKind; 256] = {
    let mut kinds = [Nothing; 256];
    let mut opcode = HAVE_ARGUMENT as usize;
    while opcode < 256 {
        kinds[opcode] = Number;
        opcode += 1;
    }
    let mut row = 0;
    while row < DEFINED.len() {
        kinds[DEFINED[row].0 as usize] = DEFINED[row].2;
        row += 1;
    }
    kinds
};

static ENDS_SEGMENT: [bool; 256] = {
    let mut ends = [true; 256];
    let mut row = 0;
    while row < DEFINED.len() {
        ends[DEFINED[row].0 as usize] = false;
        row += 1;
    }
    row = 0;
    while row < SEGMENT_ENDS.len() {
        ends[SEGMENT_ENDS[row] as usize] = true;
        row += 1;
    }
    ends
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opcodes_without_operand_stand_below_have_argument() {
        for &(opcode, name, kind) in DEFINED {
            assert_eq!(kind == Nothing, opcode < HAVE_ARGUMENT, "{name}");
        }
    }

    #[test]
    fn there_are_119_defined_opcodes_in_ascending_order() {
        assert_eq!(DEFINED.len(), 119);
        assert!(DEFINED.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn undefined_opcodes_have_no_name_and_end_a_segment() {
        for opcode in [6, 7, 8, 14, 16, 17, 18, 69, 117, 118, 123, 127, 138, 139, 144, 148, 255] {
            assert_eq!(name(opcode), None, "{opcode}");
            assert!(ends_segment(opcode));
        }
        assert_eq!(name(0), Some("STOP_CODE"));
        assert_eq!(operand_kind(200), Number);
        assert_eq!(operand_kind(6), Nothing);
    }

    #[test]
    fn calls_and_jumps_end_a_segment_and_conditions_do_not() {
        for opcode in [op::CALL_FUNCTION, op::CALL_FUNCTION_VAR, op::RETURN_VALUE, op::YIELD_VALUE, op::JUMP_FORWARD] {
            assert!(ends_segment(opcode), "{opcode}");
        }
        for opcode in [
            op::NOP,
            op::FOR_ITER,
            op::LOAD_CONST,
            op::POP_JUMP_IF_FALSE,
            op::SETUP_LOOP,
            op::EXTENDED_ARG,
            op::END_FINALLY,
        ] {
            assert!(!ends_segment(opcode), "{opcode}");
        }
    }
}
