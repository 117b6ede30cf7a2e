//! Conditions and failures that need builtins, lists, dicts or a trace to see through.

use std::collections::BTreeMap;

use super::*;
use crate::bytecode::opcode::op;
use crate::clean::evidence::Executed;

/// Wraps a condition in a function that returns its first constant if it is true, and its second one if not.
fn decided(condition: &[u8], constants: &[Object]) -> Vec<u8> {
    let start = condition.len() as u8 + 3;
    let ways = [op::LOAD_CONST, 0, 0, op::RETURN_VALUE, op::LOAD_CONST, 1, 0, op::RETURN_VALUE, op::NOP];
    let bytes = [condition, &[op::POP_JUMP_IF_FALSE, start + 4, 0], &ways].concat();
    let mut all = vec![Object::None, Object::Bool(false)];
    all.extend_from_slice(constants);
    let mut object = code(bytes, all);
    object.names = [&b"len"[..], b"upper", b"id"].into_iter().map(Into::into).collect();
    rebuild(&object, &Evidence::default(), &Options::default()).code.bytes.to_vec()
}

fn text(bytes: &[u8]) -> Object {
    Object::Str(bytes.into())
}

const RETURN_SECOND: [u8; 4] = [op::LOAD_CONST, 1, 0, op::RETURN_VALUE];
const LOAD_THIRD: [u8; 3] = [op::LOAD_CONST, 2, 0];
const LOAD_FOURTH: [u8; 3] = [op::LOAD_CONST, 3, 0];
const IS_EQUAL: [u8; 3] = [op::COMPARE_OP, 2, 0];

#[test]
fn a_call_of_a_builtin_with_constants_is_decided_and_goes() {
    let call = [&[op::LOAD_GLOBAL, 0, 0][..], &LOAD_THIRD, &[op::CALL_FUNCTION, 1, 0]].concat();
    let condition = [&call[..], &LOAD_FOURTH, &IS_EQUAL].concat();
    assert_eq!(decided(&condition, &[text(b"ab"), Object::Int(2)]), RETURN_FIRST);
    assert_eq!(decided(&condition, &[text(b"ab"), Object::Int(3)]), RETURN_SECOND);
}

#[test]
fn a_method_of_a_constant_is_called() {
    let call = [&LOAD_THIRD[..], &[op::LOAD_ATTR, 1, 0, op::CALL_FUNCTION, 0, 0]].concat();
    let condition = [&call[..], &LOAD_FOURTH, &IS_EQUAL].concat();
    assert_eq!(decided(&condition, &[text(b"ab"), text(b"AB")]), RETURN_FIRST);
}

#[test]
fn an_item_of_a_dict_that_was_just_made_is_known() {
    // {'k': 7}['k'] == 7
    let dict = [&[op::BUILD_MAP, 0, 0][..], &LOAD_THIRD, &LOAD_FOURTH, &[op::STORE_MAP]].concat();
    let condition = [&dict[..], &LOAD_FOURTH, &[op::BINARY_SUBSCR], &LOAD_THIRD, &IS_EQUAL].concat();
    assert_eq!(decided(&condition, &[Object::Int(7), text(b"k")]), RETURN_FIRST);
}

#[test]
fn an_entry_of_a_tuple_is_known_beside_one_that_is_not() {
    let pair =
        [&[op::LOAD_GLOBAL, 0, 0][..], &LOAD_THIRD, &[op::BUILD_TUPLE, 2, 0, op::UNPACK_SEQUENCE, 2, 0]].concat();
    let made = decided(&[&pair[..], &[op::STORE_GLOBAL, 1, 0]].concat(), &[Object::Int(1)]);
    assert!(!made.contains(&op::POP_JUMP_IF_FALSE), "{made:?}");
}

#[test]
fn a_list_that_something_else_refers_to_is_not_known() {
    // x = y = []; the copy on the stack may have changed.
    let list = [op::BUILD_LIST, 0, 0, op::DUP_TOP, op::STORE_GLOBAL, 0, 0];
    let made = decided(&list, &[]);
    assert!(made.contains(&op::POP_JUMP_IF_FALSE), "{made:?}");
}

#[test]
fn a_tuple_with_too_many_items_fails_to_be_taken_apart_and_that_is_a_jump() {
    let body = [&LOAD_FIRST[..], &[op::UNPACK_SEQUENCE, 2, 0, 6]].concat();
    let setup = [op::SETUP_EXCEPT, body.len() as u8, 0];
    let bytes = [&setup[..], &body, &[op::POP_TOP; 3], &RETURN_SECOND].concat();
    let three = Object::Tuple(vec![Object::Int(1); 3].into());
    assert_eq!(clean(bytes, vec![three, Object::None]), RETURN_SECOND);
}

#[test]
fn what_print_copies_is_popped_by_the_compiler_too() {
    // print >> x, 1,
    let copy = [op::LOAD_GLOBAL, 1, 0, op::DUP_TOP, op::LOAD_CONST, 0, 0, op::ROT_TWO, op::PRINT_ITEM_TO, op::POP_TOP];
    let bytes = [&copy[..], &RETURN_SECOND].concat();
    let obfuscated = [&[op::NOP][..], &bytes].concat();
    assert_eq!(clean(obfuscated, vec![Object::Int(1), Object::None]), bytes);
}

const LOAD_FIRST: [u8; 3] = [op::LOAD_CONST, 0, 0];

#[test]
fn a_loop_over_nothing_ends_at_once() {
    let bytes = [&LOAD_FIRST[..], &[op::GET_ITER, op::FOR_ITER, 1, 0, 6], &RETURN_SECOND].concat();
    assert_eq!(clean(bytes, vec![Object::Tuple(Vec::new().into()), Object::None]), RETURN_SECOND);
}

#[test]
fn copies_and_rotations_of_what_is_popped_go() {
    let noise = [&LOAD_FIRST[..], &[op::LOAD_CONST, 1, 0, op::DUP_TOPX, 2, 0, op::ROT_THREE, op::POP_TOP, op::ROT_TWO]];
    let bytes = [&noise.concat()[..], &[op::POP_TOP; 3], &RETURN_SECOND].concat();
    assert_eq!(clean(bytes, vec![Object::Int(1), Object::None]), RETURN_SECOND);
    let hidden = [&LOAD_FIRST[..], &[op::LOAD_CONST, 1, 0, op::BUILD_TUPLE, 2, 0, op::UNPACK_SEQUENCE, 2, 0]].concat();
    let bytes = [&hidden[..], &[op::ROT_TWO, op::POP_TOP, op::RETURN_VALUE]].concat();
    assert_eq!(clean(bytes, vec![Object::None, Object::Int(1)]), RETURN_FIRST);
}

#[test]
fn a_side_that_never_ran_is_left_out_where_with_it_the_code_is_no_compilers() {
    // if g: the second way, which ran; else into the loop of another way with a block on the block stack.
    let bytes = vec![
        op::LOAD_GLOBAL,
        1,
        0,
        op::POP_JUMP_IF_TRUE,
        12,
        0,
        op::SETUP_LOOP,
        0,
        0,
        op::JUMP_ABSOLUTE,
        0,
        0, // 0
        op::LOAD_CONST,
        0,
        0,
        op::RETURN_VALUE, // 12
    ];
    let object = code(bytes, vec![Object::None]);
    let offsets: BTreeMap<u32, u64> = [0, 3, 12, 15].into_iter().map(|at| (at, 1)).collect();
    let edges = [(0, 3), (3, 12), (12, 15)].into_iter().map(|edge| (edge, 1)).collect();
    let executed = Executed { edges, offsets, raised: BTreeMap::new() };
    let mut evidence = Evidence::default();
    evidence.codes.insert(object.bytes.clone(), executed);
    let made = rebuild(&object, &evidence, &Options::default());
    let expected = [&[op::LOAD_GLOBAL, 1, 0, op::POP_TOP][..], &RETURN_FIRST].concat();
    assert_eq!(made.code.bytes.to_vec(), expected);
    assert!(made.report[0].changes.iter().any(|change| change.why.contains("none that a compiler makes")));
    let keep = Options { untaken: Untaken::Keep, ..Options::default() };
    assert_ne!(rebuild(&object, &evidence, &keep).code.bytes.to_vec(), expected);
}

#[test]
fn a_number_times_the_next_one_is_even_though_it_is_not_known() {
    // id(None) * (id(None) + 1) % 2
    let id = [op::LOAD_GLOBAL, 2, 0, op::LOAD_CONST, 0, 0, op::CALL_FUNCTION, 1, 0];
    let product = [&[op::DUP_TOP][..], &LOAD_THIRD, &[op::BINARY_ADD, op::BINARY_MULTIPLY]].concat();
    let condition = [&id[..], &product, &LOAD_FOURTH, &[op::BINARY_MODULO]].concat();
    assert_eq!(decided(&condition, &[Object::Int(1), Object::Int(2)]), RETURN_SECOND);
}

#[test]
fn a_raise_in_a_try_is_a_jump_to_its_handler() {
    // try: raise AssertionError(1); except AssertionError: pass, with bytes that no compiler makes after it.
    let load = [op::LOAD_GLOBAL, 0, 0];
    let raise = [&load[..], &[op::LOAD_CONST, 1, 0, op::CALL_FUNCTION, 1, 0, op::RAISE_VARARGS, 1, 0, 6]].concat();
    let test = [&[op::DUP_TOP][..], &load, &[op::COMPARE_OP, 10, 0, op::POP_JUMP_IF_FALSE, 33, 0]].concat();
    let handler = [&test[..], &[op::POP_TOP; 3], &RETURN_FIRST, &[op::END_FINALLY]].concat();
    let bytes = [&[op::SETUP_EXCEPT, 13, 0][..], &raise, &handler].concat();
    assert_eq!(clean(bytes, vec![Object::None, Object::Int(1)]), RETURN_FIRST);
}

#[test]
fn a_loop_over_constants_that_does_nothing_goes() {
    let start = [op::LOAD_CONST, 1, 0, op::GET_ITER, op::FOR_ITER, 4, 0, op::POP_TOP, op::JUMP_ABSOLUTE, 4, 0];
    let pair = Object::Tuple(vec![Object::Int(1), Object::Int(2)].into());
    let bytes = [&start[..], &[op::LOAD_CONST, 0, 0, op::JUMP_ABSOLUTE, 18, 0, op::NOP, op::RETURN_VALUE]].concat();
    assert_eq!(clean(bytes, vec![Object::None, pair]), RETURN_FIRST);
}

#[test]
fn the_only_item_of_a_list_is_that_item() {
    let item = [op::LOAD_GLOBAL, 1, 0, op::BUILD_LIST, 1, 0, op::LOAD_CONST, 1, 0, op::BINARY_SUBSCR];
    let pair = [op::BUILD_TUPLE, 1, 0, op::UNPACK_SEQUENCE, 1, 0, op::ROT_TWO, op::ROT_TWO, op::RETURN_VALUE];
    let made = clean([&[op::LOAD_CONST, 0, 0][..], &item, &pair].concat(), vec![Object::None, Object::Int(0)]);
    assert_eq!(made, [op::LOAD_GLOBAL, 1, 0, op::RETURN_VALUE]);
}
