//! The 2.7 opcodes as the eval loop treats them: which have operands, what they take from and put
//! on the value stack, which cannot be interrupted.

pub const ROT_TWO: u8 = 2;
pub const ROT_THREE: u8 = 3;
pub const DUP_TOP: u8 = 4;
pub const ROT_FOUR: u8 = 5;
pub const BREAK_LOOP: u8 = 80;
pub const WITH_CLEANUP: u8 = 81;
pub const RETURN_VALUE: u8 = 83;
pub const YIELD_VALUE: u8 = 86;
pub const POP_BLOCK: u8 = 87;
pub const END_FINALLY: u8 = 88;
pub const FOR_ITER: u8 = 93;
pub const DUP_TOPX: u8 = 99;
pub const LOAD_CONST: u8 = 100;
pub const JUMP_FORWARD: u8 = 110;
pub const JUMP_IF_FALSE_OR_POP: u8 = 111;
pub const JUMP_IF_TRUE_OR_POP: u8 = 112;
pub const JUMP_ABSOLUTE: u8 = 113;
pub const POP_JUMP_IF_TRUE: u8 = 115;
pub const CONTINUE_LOOP: u8 = 119;
pub const SETUP_LOOP: u8 = 120;
pub const SETUP_EXCEPT: u8 = 121;
pub const SETUP_FINALLY: u8 = 122;
pub const RAISE_VARARGS: u8 = 130;
pub const SETUP_WITH: u8 = 143;
pub const EXTENDED_ARG: u8 = 145;

/// HAVE_ARGUMENT in opcode.h; holds for undefined opcodes too.
pub fn has_operand(opcode: u8) -> bool {
    opcode >= 90
}

/// Those that end with FAST_DISPATCH and touch no reference count that could reach zero: after them
/// no other code runs, no signal is handled, no other thread goes on. LOAD_FAST is one where it
/// succeeds; where it fails it calls nothing either.
pub fn is_quiet(opcode: u8) -> bool {
    matches!(opcode, 9 | ROT_TWO | ROT_THREE | DUP_TOP | ROT_FOUR | DUP_TOPX | LOAD_CONST | JUMP_FORWARD | 124)
}

/// Those that dispatch without a tick where they succeed, so that no signal handler's exception
/// comes after them.
pub fn is_fast(opcode: u8) -> bool {
    is_quiet(opcode) || matches!(opcode, 1 | 125)
}

/// Those that cannot fail themselves.
pub fn is_safe(opcode: u8) -> bool {
    (is_fast(opcode) && opcode != 124)
        || matches!(
            opcode,
            BREAK_LOOP
                | RETURN_VALUE
                | YIELD_VALUE
                | POP_BLOCK
                | JUMP_ABSOLUTE
                | CONTINUE_LOOP
                | SETUP_LOOP
                | SETUP_EXCEPT
                | SETUP_FINALLY
        )
}

/// How many values an opcode takes and puts on, for those whose effect depends on nothing else;
/// None for the undefined.
pub fn effect(opcode: u8, operand: i32) -> Option<(usize, usize)> {
    let count = usize::try_from(operand).unwrap_or(0);
    let arguments = count % 256 + 2 * (count / 256 % 256);
    Some(match opcode {
        1 | 70 | 71 | 74 | 84 => (1, 0), // POP_TOP, PRINT_EXPR, PRINT_ITEM, PRINT_NEWLINE_TO, IMPORT_STAR
        9 | 72 | 91 | 98 | 126 => (0, 0), // NOP, PRINT_NEWLINE, DELETE_NAME, DELETE_GLOBAL, DELETE_FAST
        10..=13 | 15 | 68 | 106 => (1, 1), // UNARY_*, GET_ITER, LOAD_ATTR
        19..=29 | 55..=59 | 62..=67 | 75..=79 | 107 | 108 => (2, 1), // BINARY_*, INPLACE_*, COMPARE_OP, IMPORT_NAME
        30 => (1, 1),                    // SLICE
        31 | 32 => (2, 1),
        33 => (3, 1),
        40 => (2, 0), // STORE_SLICE
        41 | 42 => (3, 0),
        43 => (4, 0),
        50 => (1, 0), // DELETE_SLICE
        51 | 52 => (2, 0),
        53 => (3, 0),
        54 | 147 => (2, 0),                                     // STORE_MAP, MAP_ADD
        60 | 85 => (3, 0),                                      // STORE_SUBSCR, EXEC_STMT
        61 | 73 | 95 => (2, 0),                                 // DELETE_SUBSCR, PRINT_ITEM_TO, STORE_ATTR
        82 | 101 | 105 | 109 | 116 | 124 | 135 | 136 => (0, 1), // LOAD_*, BUILD_MAP, IMPORT_FROM
        89 => (3, 1),                                           // BUILD_CLASS
        90 | 94 | 96 | 97 | 125 | 137 | 146 => (1, 0),          // STORE_*, LIST_APPEND, DELETE_ATTR, SET_ADD
        92 => (1, count),                                       // UNPACK_SEQUENCE
        102..=104 => (count, 1),                                // BUILD_TUPLE, BUILD_LIST, BUILD_SET
        131 => (arguments + 1, 1),                              // CALL_FUNCTION
        140 | 141 => (arguments + 2, 1),                        // CALL_FUNCTION_VAR, CALL_FUNCTION_KW
        142 => (arguments + 3, 1),                              // CALL_FUNCTION_VAR_KW
        132 => (count + 1, 1),                                  // MAKE_FUNCTION
        134 => (count + 2, 1),                                  // MAKE_CLOSURE
        133 => (if count == 3 { 3 } else { 2 }, 1),             // BUILD_SLICE
        _ => return None,
    })
}
