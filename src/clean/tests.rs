//! Small code objects, and any bytes at all.

use std::sync::Arc;

use proptest::prelude::*;

use super::evidence::Executed;
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

mod hidden;
mod loops;
mod opaque;
mod signs;
mod variables;

#[test]
fn an_undefined_opcode_in_a_try_is_a_jump_to_its_handler() {
    let junk = [6, 200, 201, 202, 203];
    let bytes = [&[op::SETUP_EXCEPT, 5, 0][..], &junk, &[op::POP_TOP; 3], &RETURN_FIRST].concat();
    assert_eq!(clean(bytes, vec![Object::None]), RETURN_FIRST);
}

/// Returns whether what a compiler made of statements comes back if a byte at its end says that the compiler did not make all.
fn comes_back(bytes: &[u8]) -> bool {
    let original = MarshalledCode { argcount: 2, ..code([bytes, &[200]].concat(), vec![Object::None]) };
    *rebuild(&original, &Evidence::default(), &Options::default()).code.bytes == *bytes
}

#[test]
fn what_follows_an_elif_that_raises_is_an_elif_too() {
    let print = |to| [op::LOAD_FAST, 0, 0, op::PRINT_ITEM, op::JUMP_FORWARD, to, 0];
    let test = |place, to| [op::LOAD_FAST, place, 0, op::POP_JUMP_IF_FALSE, to, 0];
    let raise = [op::LOAD_FAST, 1, 0, op::RAISE_VARARGS, 1, 0, op::JUMP_FORWARD, 13, 0];
    let bytes = [&test(0, 13)[..], &print(28), &test(1, 28), &raise, &test(0, 41), &print(0), &RETURN_FIRST].concat();
    assert!(comes_back(&bytes));
}

#[test]
fn a_break_in_a_handler_stays_there() {
    // while x: (try: print y, except y: break); if y: break
    let start = [op::SETUP_LOOP, 49, 0, op::LOAD_FAST, 0, 0, op::POP_JUMP_IF_FALSE, 51, 0];
    let body = [op::SETUP_EXCEPT, 8, 0, op::LOAD_FAST, 1, 0, op::PRINT_ITEM, op::POP_BLOCK, op::JUMP_FORWARD, 18, 0];
    let clause = [op::DUP_TOP, op::LOAD_FAST, 1, 0, op::COMPARE_OP, 10, 0, op::POP_JUMP_IF_FALSE, 37, 0];
    let end = [op::POP_TOP, op::POP_TOP, op::POP_TOP, op::BREAK_LOOP, op::JUMP_FORWARD, 1, 0, op::END_FINALLY];
    let after = [op::LOAD_FAST, 1, 0, op::POP_JUMP_IF_FALSE, 3, 0, op::BREAK_LOOP];
    let again = [op::JUMP_ABSOLUTE, 3, 0, op::JUMP_ABSOLUTE, 3, 0, op::POP_BLOCK];
    let bytes = [&start[..], &body, &clause, &end, &after, &again, &RETURN_FIRST].concat();
    assert!(comes_back(&bytes));
}

#[test]
fn a_handler_that_asks_for_the_exception_keeps_its_try() {
    let handler = [op::STORE_FAST, 0, 0, op::POP_TOP, op::POP_TOP];
    let bytes = [&[op::SETUP_EXCEPT, 1, 0, 6][..], &handler, &RETURN_FIRST].concat();
    let clean = clean(bytes, vec![Object::None]);
    assert!(clean.starts_with(&[op::SETUP_EXCEPT]), "{clean:?}");
}

#[test]
fn code_that_ends_with_a_jump_is_laid_out() {
    // if x: g() is tested through a jump behind the return.
    let bytes = [
        op::LOAD_FAST,
        0,
        0,
        op::POP_JUMP_IF_FALSE,
        14,
        0,
        op::LOAD_FAST,
        0,
        0,
        op::PRINT_ITEM,
        op::JUMP_ABSOLUTE,
        18,
        0,
        9,
    ];
    let bytes = [&bytes[..], &RETURN_FIRST, &[op::JUMP_ABSOLUTE, 14, 0]].concat();
    let clean = clean(bytes, vec![Object::None]);
    assert_eq!(clean.last(), Some(&op::RETURN_VALUE), "{clean:?}");
}

#[test]
fn a_try_whose_body_returns_gets_the_end_of_its_body_back() {
    let body = [op::SETUP_EXCEPT, 4, 0, op::LOAD_GLOBAL, 1, 0, op::RETURN_VALUE];
    let handler = [op::POP_TOP, op::POP_TOP, op::POP_TOP, op::LOAD_CONST, 0, 0, op::RETURN_VALUE];
    let made = clean([&body[..], &handler, &[op::END_FINALLY], &RETURN_FIRST].concat(), vec![Object::None]);
    assert_eq!(made[6..8], [op::RETURN_VALUE, op::POP_BLOCK], "{made:?}");
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
    let bytes = [&[op::NOP, op::SETUP_FINALLY, 8, 0][..], &body, &[op::END_FINALLY], &RETURN_FIRST].concat();
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
fn a_comparison_of_constants_within_a_chained_one_stays() {
    let first = [op::LOAD_CONST, 1, 0, op::LOAD_CONST, 2, 0, op::DUP_TOP, op::ROT_THREE, op::COMPARE_OP, 0, 0];
    let rest = |from: u8| {
        let jump = [op::JUMP_IF_FALSE_OR_POP, from + 21, 0, op::LOAD_GLOBAL, 1, 0, op::COMPARE_OP, 0, 0];
        [&jump[..], &[op::RETURN_VALUE, op::ROT_TWO, op::POP_TOP, op::RETURN_VALUE]].concat()
    };
    let constants = vec![Object::None, Object::Int(1), Object::Int(2)];
    let bytes = [&[op::NOP][..], &first, &rest(1)].concat();
    assert_eq!(clean(bytes, constants), [&first[..], &rest(0)].concat());
}

#[test]
fn a_return_of_chained_comparisons_is_laid_out_as_one_expression() {
    // return 0 <= x < y and 0 <= y < x, whose jumps within the expression go to an offset.
    let load = |one: u8, other: u8| {
        [
            op::LOAD_CONST,
            1,
            0,
            op::LOAD_FAST,
            one,
            0,
            op::DUP_TOP,
            op::ROT_THREE,
            op::COMPARE_OP,
            1,
            0,
            op::JUMP_IF_FALSE_OR_POP,
            other,
            0,
        ]
    };
    let made = |jump: [u8; 3]| {
        let less = |place: u8| [op::LOAD_FAST, place, 0, op::COMPARE_OP, 0, 0];
        let first = [&load(0, 23)[..], &less(1), &jump, &[op::ROT_TWO, op::POP_TOP]].concat();
        let second =
            [&load(1, 49)[..], &less(0), &[op::RETURN_VALUE, op::ROT_TWO, op::POP_TOP, op::RETURN_VALUE]].concat();
        [&first[..], &[op::JUMP_IF_FALSE_OR_POP, 51, 0], &second].concat()
    };
    let code = code(made([op::JUMP_ABSOLUTE, 25, 0]), vec![Object::None, Object::Int(0)]);
    let code = MarshalledCode { argcount: 2, ..code };
    let made_again = rebuild(&code, &Evidence::default(), &Options::default()).code.bytes;
    assert_eq!(*made_again, made([op::JUMP_FORWARD, 2, 0]));
}

#[test]
fn unreachable_instructions_that_the_compiler_leaves_come_back() {
    let body = [op::LOAD_GLOBAL, 1, 0, op::POP_TOP, op::POP_BLOCK];
    let handler = [op::POP_TOP, op::POP_TOP, op::POP_TOP, op::LOAD_CONST, 0, 0, op::RETURN_VALUE];
    let made = |end: &[u8]| {
        let away = [op::JUMP_FORWARD, 7 + end.len() as u8, 0];
        [&[op::SETUP_EXCEPT, 8, 0][..], &body, &away, &handler, end, &RETURN_FIRST].concat()
    };
    assert_eq!(clean(made(&[]), vec![Object::None]), made(&[op::END_FINALLY]));
}

#[test]
fn a_useless_prefix_is_no_reason_to_cut_a_side_where_others_ran() {
    let junk = [op::EXTENDED_ARG, 0, 0, op::LOAD_GLOBAL, 1, 0, op::RETURN_VALUE];
    let condition = [op::EXTENDED_ARG, 0, 0, op::LOAD_FAST, 0, 0, op::POP_JUMP_IF_FALSE, 16, 0];
    let bytes = [&condition[..], &junk, &RETURN_FIRST].concat();
    let mut evidence = Evidence::default();
    let executed = evidence.codes.entry(bytes.as_slice().into()).or_default();
    for offset in [0, 6, 16, 19] {
        executed.offsets.insert(offset, 1);
    }
    executed.edges.extend([((0, 6), 1), ((6, 16), 1), ((16, 19), 1)]);
    let code = MarshalledCode { argcount: 1, ..code(bytes, vec![Object::None]) };
    let made = rebuild(&code, &evidence, &Options::default()).code.bytes;
    let wanted = [op::LOAD_FAST, 0, 0, op::POP_JUMP_IF_FALSE, 10, 0, op::LOAD_GLOBAL, 1, 0, op::RETURN_VALUE];
    assert_eq!(*made, [&wanted[..], &RETURN_FIRST].concat());
}

#[test]
fn a_load_that_always_failed_is_the_last_statement_of_its_try() {
    // try: g, and bytes that no compiler makes; except: pass
    let handler = [op::POP_TOP, op::POP_TOP, op::POP_TOP];
    let bytes = [&[op::SETUP_EXCEPT, 4, 0, op::LOAD_GLOBAL, 1, 0, 6][..], &handler, &RETURN_FIRST].concat();
    let mut evidence = Evidence::default();
    let executed = evidence.codes.entry(bytes.as_slice().into()).or_default();
    for offset in [0, 3, 7, 8, 9, 10, 13] {
        executed.offsets.insert(offset, 1);
    }
    executed.edges.extend([((0, 3), 1), ((3, 7), 1)]);
    let made = rebuild(&code(bytes, vec![Object::None]), &evidence, &Options::default());
    assert!(matches!(made.report[0].result, Outcome::Rebuilt(_)), "{:?}", made.report[0].result);
    let try_part = [op::SETUP_EXCEPT, 8, 0, op::LOAD_GLOBAL, 1, 0, op::POP_TOP, op::POP_BLOCK];
    assert!(made.code.bytes.starts_with(&try_part), "{:?}", made.code.bytes);
}

/// A handler of signals raises wherever it is called, which a trace shows.
#[test]
fn a_handler_stays_if_an_instruction_of_its_block_raised_that_cannot_fail() {
    // try: x = 1; x; except: return 1
    let body =
        [op::LOAD_CONST, 1, 0, op::STORE_FAST, 0, 0, op::LOAD_FAST, 0, 0, op::POP_TOP, op::NOP, op::JUMP_FORWARD, 0, 0];
    let leave = [op::POP_BLOCK, op::JUMP_FORWARD, 8, 0];
    let handler = [op::POP_TOP, op::POP_TOP, op::POP_TOP, op::LOAD_CONST, 1, 0, op::RETURN_VALUE, op::END_FINALLY];
    let size = (body.len() + leave.len()) as u8;
    let bytes = [&[op::SETUP_EXCEPT, size, 0][..], &body, &leave, &handler, &RETURN_FIRST, &[200; 4]].concat();
    let constants = vec![Object::None, Object::Int(1)];
    let made = |raised: Option<u32>| {
        let offsets = [0, 3, 6, 9, 12, 13, 14, 17, 18, 29, 32].into_iter().map(|offset| (offset, 1)).collect();
        let raised = raised.into_iter().map(|offset| (offset, 1)).collect();
        let executed = Executed { offsets, raised, ..Executed::default() };
        let mut evidence = Evidence::default();
        evidence.codes.insert(bytes.as_slice().into(), executed);
        let made = rebuild(&code(bytes.clone(), constants.clone()), &evidence, &Options::default());
        // If the code is not rebuilt, it has what it had.
        made.code.bytes.contains(&op::SETUP_EXCEPT)
    };
    assert!(!made(None), "nothing in the block can fail");
    for offset in [3, 6, 9, 12, 13, 14] {
        assert!(made(Some(offset)), "{offset}");
    }
}

#[test]
fn a_store_in_a_try_is_dead_if_no_handler_reads_it() {
    // try: x = 1, and what x is loaded for is popped; g; except: pass
    let junk = [op::LOAD_CONST, 1, 0, op::STORE_FAST, 0, 0];
    let rest = [op::LOAD_GLOBAL, 1, 0, op::POP_TOP, op::POP_BLOCK, op::JUMP_FORWARD, 7, 0];
    let handler = [op::POP_TOP, op::POP_TOP, op::POP_TOP, op::JUMP_FORWARD, 1, 0, op::END_FINALLY];
    let made = |junk: &[u8]| {
        let size = (junk.len() + rest.len()) as u8;
        [&[op::SETUP_EXCEPT, size, 0][..], junk, &rest, &handler, &RETURN_FIRST].concat()
    };
    assert_eq!(clean([&[op::NOP][..], &made(&junk)].concat(), vec![Object::None, Object::Int(1)]), made(&[]));
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
