//! Small code objects, and any bytes at all.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::bytecode::Pyc;
use crate::bytecode::opcode::op;

fn code(bytes: Vec<u8>, constants: Vec<Object>) -> MarshalledCode {
    let name: Arc<[u8]> = b"f".as_slice().into();
    MarshalledCode {
        argcount: 0,
        nlocals: 2,
        stacksize: 10,
        flags: 67,
        bytes: bytes.into(),
        constants: constants.into(),
        names: vec![b"AssertionError".as_slice().into(), b"g".as_slice().into()],
        varnames: vec![b"x".as_slice().into(), b"y".as_slice().into()],
        freevars: Vec::new(),
        cellvars: Vec::new(),
        filename: name.clone(),
        name,
        first_line: 1,
        lnotab: b"".as_slice().into(),
    }
}

fn clean(bytes: Vec<u8>, constants: Vec<Object>) -> Vec<u8> {
    rebuild(&code(bytes, constants), &Evidence::default(), &Options::default()).code.bytes.to_vec()
}

const RETURN_FIRST: [u8; 4] = [op::LOAD_CONST, 0, 0, op::RETURN_VALUE];

#[test]
fn an_undefined_opcode_in_a_try_is_a_jump_to_its_handler() {
    let junk = [6, 200, 201, 202, 203];
    let bytes = [&[op::SETUP_EXCEPT, 5, 0][..], &junk, &[op::POP_TOP; 3], &RETURN_FIRST].concat();
    assert_eq!(clean(bytes, vec![Object::None]), RETURN_FIRST);
}

#[test]
fn a_handler_that_asks_for_the_exception_keeps_its_try() {
    let handler = [op::STORE_FAST, 0, 0, op::POP_TOP, op::POP_TOP];
    let bytes = [&[op::SETUP_EXCEPT, 1, 0, 6][..], &handler, &RETURN_FIRST].concat();
    let clean = clean(bytes, vec![Object::None]);
    assert!(clean.starts_with(&[op::SETUP_EXCEPT]), "{clean:?}");
}

#[test]
fn a_comparison_of_constants_is_decided() {
    let condition = [op::LOAD_CONST, 0, 0, op::LOAD_CONST, 1, 0, op::COMPARE_OP, 2, 0, op::POP_JUMP_IF_TRUE, 1, 0];
    let bytes = [&condition[..], &RETURN_FIRST].concat();
    assert_eq!(clean(bytes, vec![Object::Int(1), Object::Int(2)]), RETURN_FIRST);
}

#[test]
fn a_finally_that_does_nothing_goes_away() {
    let body = [op::LOAD_GLOBAL, 1, 0, op::RETURN_VALUE, op::POP_BLOCK, op::LOAD_CONST, 0, 0];
    let bytes = [&[op::SETUP_FINALLY, 8, 0][..], &body, &[op::END_FINALLY], &RETURN_FIRST].concat();
    assert_eq!(clean(bytes, vec![Object::None])[..4], [op::LOAD_GLOBAL, 1, 0, op::RETURN_VALUE]);
}

#[test]
fn arithmetic_on_constants_decides_a_condition() {
    // 7 * 8 % 2 is 0.
    let product = [op::LOAD_CONST, 1, 0, op::LOAD_CONST, 2, 0, op::BINARY_MULTIPLY];
    let rest = [op::LOAD_CONST, 3, 0, op::BINARY_MODULO, op::POP_JUMP_IF_FALSE, 19, 0];
    let dead = [op::LOAD_GLOBAL, 1, 0, op::RETURN_VALUE];
    let bytes = [&product[..], &rest, &dead[..2], &[0, op::RETURN_VALUE, op::NOP], &RETURN_FIRST].concat();
    let constants = vec![Object::None, Object::Int(7), Object::Int(8), Object::Int(2)];
    assert_eq!(clean(bytes, constants), RETURN_FIRST);
}

#[test]
fn a_function_that_returns_a_constant_is_no_condition() {
    let inner = code(vec![op::LOAD_CONST, 0, 0, op::RETURN_VALUE], vec![Object::Int(5)]);
    let call = [op::LOAD_CONST, 1, 0, op::MAKE_FUNCTION, 0, 0, op::CALL_FUNCTION, 0, 0, op::POP_JUMP_IF_TRUE, 17, 0];
    let dead = [op::LOAD_GLOBAL, 1, 0, op::RETURN_VALUE];
    let bytes = [&[op::NOP][..], &call, &dead, &RETURN_FIRST].concat();
    let made = clean(bytes, vec![Object::None, Object::Code(Box::new(inner))]);
    assert_eq!(made, RETURN_FIRST);
}

#[test]
fn a_value_below_a_returned_one_is_not_pushed() {
    let bytes = [&[op::NOP, op::LOAD_CONST, 1, 0][..], &RETURN_FIRST].concat();
    assert_eq!(clean(bytes, vec![Object::None, Object::Int(1)]), RETURN_FIRST);
}

#[test]
fn bits_of_an_operand_that_a_call_does_not_look_at_mean_nothing() {
    let bytes =
        [&[op::NOP, op::LOAD_GLOBAL, 1, 0, 145, 9, 0x80, op::CALL_FUNCTION, 0, 0, op::POP_TOP][..], &RETURN_FIRST]
            .concat();
    let wanted = [&[op::LOAD_GLOBAL, 1, 0, op::CALL_FUNCTION, 0, 0, op::POP_TOP][..], &RETURN_FIRST].concat();
    assert_eq!(clean(bytes, vec![Object::None]), wanted);
}

#[test]
fn locals_without_meaning_get_names_and_other_names_only_on_request() {
    let bytes = [&[op::LOAD_GLOBAL, 1, 0, op::STORE_FAST, 0, 0][..], &RETURN_FIRST].concat();
    let mut code = code(bytes, vec![Object::None]);
    code.varnames[0] = b"OO0O0".as_slice().into();
    code.names[1] = b"\x07\x08".as_slice().into();
    let made = |rename| {
        let options = Options { rename, ..Options::default() };
        let made = rebuild(&code, &Evidence::default(), &options).code;
        (made.varnames[0].to_vec(), made.names[1].to_vec())
    };
    assert_eq!(made(false), (b"local_1".to_vec(), b"\x07\x08".to_vec()));
    assert_eq!(made(true), (b"name_1".to_vec(), b"name_2".to_vec()));
}

#[test]
fn a_number_on_the_stack_at_the_end_of_a_finally_block_breaks_a_loop() {
    // LOAD_CONST 16; END_FINALLY is a BREAK_LOOP.
    let bytes =
        [&[op::SETUP_LOOP, 7, 0, op::LOAD_CONST, 1, 0, op::END_FINALLY, 200, 201, 202][..], &RETURN_FIRST].concat();
    assert_eq!(clean(bytes, vec![Object::None, Object::Int(16)]), RETURN_FIRST);
}

#[test]
fn a_dispatcher_goes_away_with_its_variable() {
    // x = 1; while x != 0: if x == 1: g; x = 2 elif x == 2: x = 0
    let bytes = vec![
        op::LOAD_CONST,
        1,
        0,
        op::STORE_FAST,
        0,
        0, //
        op::LOAD_FAST,
        0,
        0,
        op::LOAD_CONST,
        1,
        0,
        op::COMPARE_OP,
        2,
        0,
        op::POP_JUMP_IF_FALSE,
        31,
        0, // 6
        op::LOAD_GLOBAL,
        1,
        0,
        op::POP_TOP,
        op::LOAD_CONST,
        2,
        0,
        op::STORE_FAST,
        0,
        0,
        op::JUMP_ABSOLUTE,
        6,
        0, // 18
        op::LOAD_FAST,
        0,
        0,
        op::LOAD_CONST,
        2,
        0,
        op::COMPARE_OP,
        2,
        0,
        op::POP_JUMP_IF_FALSE,
        6,
        0, // 31
        op::LOAD_CONST,
        0,
        0,
        op::RETURN_VALUE,
    ];
    let wanted = [&[op::LOAD_GLOBAL, 1, 0, op::POP_TOP][..], &RETURN_FIRST].concat();
    assert_eq!(clean(bytes, vec![Object::None, Object::Int(1), Object::Int(2)]), wanted);
}

#[test]
fn what_a_compiler_made_is_kept_byte_for_byte() {
    let file = include_bytes!("../../fixtures/factorial.pyc");
    let pyc = Pyc::read(file).expect("a fixture");
    let made = rebuild(&pyc.code, &Evidence::default(), &Options::default());
    assert!(made.report.iter().all(|one| one.result == Outcome::Unchanged));
    for ((before, _), (after, _)) in nested(&pyc.code).zip(nested(&made.code)) {
        assert_eq!(before.bytes, after.bytes);
    }
}

#[test]
fn what_the_model_cannot_follow_is_kept() {
    let bytes = [&[op::LOAD_FAST, 0, 0, op::END_FINALLY][..], &RETURN_FIRST].concat();
    let code = MarshalledCode { argcount: 1, ..code(bytes, vec![Object::None]) };
    let made = rebuild(&code, &Evidence::default(), &Options::default());
    assert_eq!(made.code.bytes, code.bytes);
    assert!(matches!(made.report[0].result, Outcome::Kept(_)));
}

/// Opcodes and small operands, so that much of it means something.
fn likely() -> impl Strategy<Value = Vec<u8>> {
    let one = prop_oneof![
        (0u8..150, 0u8..80).prop_map(|(opcode, operand)| match opcode {
            0..90 => vec![opcode],
            _ => vec![opcode, operand, 0],
        }),
        prop::collection::vec(any::<u8>(), 1..4),
    ];
    prop::collection::vec(one, 0..60).prop_map(|list| list.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_bytes_are_cleaned_without_a_panic(bytes in likely(), arguments in 0i32..3) {
        let constants = vec![Object::None, Object::Int(16), Object::Int(32), Object::Int(8)];
        let code = MarshalledCode { argcount: arguments, ..code(bytes, constants) };
        rebuild(&code, &Evidence::default(), &Options::default());
    }
}
