//! What is known of variables that nothing else uses, and what is laid out of code that always fails or is left at once.

use super::*;
use crate::bytecode::opcode::op;

const LOAD_ID: [u8; 3] = [op::LOAD_GLOBAL, 1, 0];

/// Cleans a function whose second name is `id`, and whose third one is `v`; `h` is unknown.
fn cleaned(bytes: Vec<u8>, constants: &[Object]) -> Rebuilt {
    let mut object = code(bytes, constants.to_vec());
    object.names = [&b"AssertionError"[..], b"id", b"v", b"h"].into_iter().map(Into::into).collect();
    rebuild(&object, &Evidence::default(), &Options::default())
}

/// Stores `id(None)`, compares it with itself, and returns the second constant if that is true, else the first one.
fn compares_with_itself(store: [u8; 3], load: [u8; 3], by: u8) -> Vec<u8> {
    let made = [&LOAD_ID[..], &[op::LOAD_CONST, 0, 0, op::CALL_FUNCTION, 1, 0], &store].concat();
    let test = [&load[..], &load, &[op::COMPARE_OP, by, 0, op::POP_JUMP_IF_TRUE, 29, 0, op::NOP]].concat();
    [&made[..], &test, &RETURN_FIRST, &RETURN_SECOND].concat()
}

const RETURN_SECOND: [u8; 4] = [op::LOAD_CONST, 1, 0, op::RETURN_VALUE];

#[test]
fn a_number_in_a_local_is_compared_with_itself_and_goes() {
    for by in [2, 5, 8] {
        let bytes = compares_with_itself([op::STORE_FAST, 0, 0], [op::LOAD_FAST, 0, 0], by);
        assert_eq!(*cleaned(bytes, &[Object::None, Object::Int(1)]).code.bytes, RETURN_SECOND, "{by}");
    }
}

#[test]
fn a_global_that_nothing_else_uses_goes_once_nothing_reads_it() {
    let bytes = compares_with_itself([op::STORE_GLOBAL, 2, 0], [op::LOAD_GLOBAL, 2, 0], 2);
    let made = cleaned(bytes, &[Object::None, Object::Int(1)]);
    assert_eq!(*made.code.bytes, RETURN_SECOND);
    assert_eq!(made.report[0].assumed, ["nothing but this code uses the variable v"]);
}

#[test]
fn a_global_that_is_only_stored_stays() {
    let store = [op::LOAD_CONST, 1, 0, op::STORE_GLOBAL, 2, 0];
    let bytes = [&[op::NOP][..], &store, &RETURN_FIRST].concat();
    assert_eq!(*cleaned(bytes, &[Object::None, Object::Int(1)]).code.bytes, [&store[..], &RETURN_FIRST].concat());
}

#[test]
fn what_is_known_of_a_functions_global_is_forgotten_where_other_code_runs() {
    // v = 1; h(); if v == 2
    let store = [op::LOAD_CONST, 1, 0, op::STORE_GLOBAL, 2, 0];
    let call = [op::LOAD_GLOBAL, 3, 0, op::CALL_FUNCTION, 0, 0, op::POP_TOP];
    let test = [&[op::LOAD_GLOBAL, 2, 0][..], &[op::LOAD_CONST, 2, 0, op::COMPARE_OP, 2, 0]].concat();
    let ways = [&[op::POP_JUMP_IF_TRUE, 30, 0][..], &RETURN_FIRST, &RETURN_SECOND].concat();
    let bytes = [&[op::NOP][..], &store, &call, &test, &ways].concat();
    let made = cleaned(bytes, &[Object::None, Object::Int(1), Object::Int(2)]).code.bytes;
    assert!(made.contains(&op::COMPARE_OP), "{made:?}");
}

#[test]
fn a_set_of_constants_that_is_popped_goes() {
    let set = [op::LOAD_CONST, 1, 0, op::LOAD_CONST, 1, 0, op::BUILD_SET, 2, 0, op::POP_TOP];
    let bytes = [&[op::NOP][..], &set, &RETURN_FIRST].concat();
    assert_eq!(clean(bytes, vec![Object::None, Object::Int(1)]), RETURN_FIRST);
}

#[test]
fn a_lambda_that_always_fails_returns_what_it_never_makes() {
    // lambda: {}[1], with a jump within the expression and bytes that no compiler makes after it
    let start = [op::BUILD_MAP, 0, 0, op::LOAD_CONST, 1, 0, op::JUMP_FORWARD, 1, 0, 6];
    let bytes = [&start[..], &[op::BINARY_SUBSCR, 6]].concat();
    let expected = [op::BUILD_MAP, 0, 0, op::LOAD_CONST, 1, 0, op::BINARY_SUBSCR, op::RETURN_VALUE];
    let object = code(bytes, vec![Object::None, Object::Int(1)]);
    let lambda = MarshalledCode { name: b"<lambda>".as_slice().into(), ..object };
    assert_eq!(*rebuild(&lambda, &Evidence::default(), &Options::default()).code.bytes, expected);
}

#[test]
fn a_loop_over_constants_that_nothing_comes_back_to_is_none() {
    // for x in (1, 2): two values are popped, and the function returns; its end is an index out of range.
    let start = [op::LOAD_CONST, 1, 0, op::GET_ITER, op::FOR_ITER, 6, 0, op::POP_TOP, op::POP_TOP];
    let bytes = [&start[..], &RETURN_FIRST, &[op::LOAD_GLOBAL, 99, 0, op::RETURN_VALUE]].concat();
    let pair = Object::Tuple(vec![Object::Int(1), Object::Int(2)].into());
    assert_eq!(clean(bytes, vec![Object::None, pair]), RETURN_FIRST);
}

#[test]
fn a_while_whose_body_is_a_with_that_breaks_is_a_loop() {
    // while g: with g: break
    let loops = |shift: u8| {
        let header = [op::SETUP_LOOP, 24, 0, op::LOAD_GLOBAL, 1, 0, op::POP_JUMP_IF_FALSE, 26 + shift, 0];
        let body = [op::LOAD_GLOBAL, 1, 0, op::SETUP_WITH, 6, 0, op::POP_TOP, op::BREAK_LOOP, op::POP_BLOCK];
        let end = [op::LOAD_CONST, 0, 0, op::WITH_CLEANUP, op::END_FINALLY];
        [&header[..], &body, &end, &[op::JUMP_ABSOLUTE, 3 + shift, 0, op::POP_BLOCK], &RETURN_FIRST].concat()
    };
    let made = clean([&[op::NOP][..], &loops(1)].concat(), vec![Object::None]);
    assert_eq!(made, loops(0));
}

#[test]
fn a_loop_that_does_nothing_is_left() {
    // if g: for x in (1, 2): pass; then an index out of range.  Else the first constant is returned.
    let start = [op::LOAD_GLOBAL, 3, 0, op::POP_JUMP_IF_FALSE, 17, 0, op::LOAD_CONST, 1, 0, op::GET_ITER];
    let nothing = [op::FOR_ITER, 8, 0, op::POP_TOP, op::JUMP_ABSOLUTE, 10, 0];
    let bytes = [&start[..], &nothing, &RETURN_FIRST, &[op::LOAD_GLOBAL, 99, 0, op::RETURN_VALUE]].concat();
    let pair = Object::Tuple(vec![Object::Int(1), Object::Int(2)].into());
    let made = cleaned(bytes, &[Object::None, pair]);
    assert_eq!(*made.code.bytes, [&[op::LOAD_GLOBAL, 3, 0, op::POP_TOP][..], &RETURN_FIRST].concat());
}

/// A dispatcher that goes to the end once a variable is 2: `compare` leaves the outcome on the stack.
fn dispatched(store: [u8; 3], compare: &[u8]) -> Vec<u8> {
    let start = [op::LOAD_CONST, 1, 0, store[0], store[1], store[2]];
    let end = start.len() as u8 + compare.len() as u8 + 3 + 13;
    let body = [op::LOAD_GLOBAL, 3, 0, op::POP_TOP, op::LOAD_CONST, 2, 0, store[0], store[1], store[2]];
    let jump = [op::POP_JUMP_IF_TRUE, end, 0];
    [&start[..], compare, &jump, &body, &[op::JUMP_ABSOLUTE, 6, 0], &RETURN_FIRST, &[op::NOP]].concat()
}

const ONE_TURN: [u8; 8] = [op::LOAD_GLOBAL, 3, 0, op::POP_TOP, op::LOAD_CONST, 0, 0, op::RETURN_VALUE];

#[test]
fn a_functions_own_global_says_where_to_go_on() {
    let compare = [op::LOAD_GLOBAL, 2, 0, op::LOAD_CONST, 2, 0, op::COMPARE_OP, 2, 0];
    let bytes = dispatched([op::STORE_GLOBAL, 2, 0], &compare);
    assert_eq!(*cleaned(bytes, &[Object::None, Object::Int(1), Object::Int(2)]).code.bytes, ONE_TURN);
}

#[test]
fn a_function_that_was_just_made_compares_what_says_where_to_go_on() {
    let inner = [op::LOAD_FAST, 0, 0, op::LOAD_CONST, 0, 0, op::COMPARE_OP, 2, 0, op::RETURN_VALUE].to_vec();
    let inner = MarshalledCode { argcount: 1, ..code(inner, vec![Object::Int(2)]) };
    let compare = [op::LOAD_CONST, 3, 0, op::MAKE_FUNCTION, 0, 0, op::LOAD_FAST, 0, 0, op::CALL_FUNCTION, 1, 0];
    let bytes = dispatched([op::STORE_FAST, 0, 0], &compare);
    let constants = [Object::None, Object::Int(1), Object::Int(2), Object::Code(Box::new(inner))];
    assert_eq!(*cleaned(bytes, &constants).code.bytes, ONE_TURN);
}
