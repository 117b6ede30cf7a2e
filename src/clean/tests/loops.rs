//! Loops over constants, and sides of conditions that never ran in code that is fully known.

use std::collections::BTreeMap;

use super::*;
use crate::bytecode::opcode::op;
use crate::clean::evidence::Executed;

/// Evidence of a run that went through an object's instructions at these offsets, in this order.
fn ran(object: &MarshalledCode, offsets: &[u32]) -> Evidence {
    let counts: BTreeMap<u32, u64> = offsets.iter().map(|&at| (at, 1)).collect();
    let edges = offsets.windows(2).map(|pair| ((pair[0], pair[1]), 1)).collect();
    let executed = Executed { edges, offsets: counts, raised: BTreeMap::new() };
    let mut evidence = Evidence::default();
    evidence.codes.insert(object.bytes.clone(), executed);
    evidence
}

fn pair() -> Object {
    Object::Tuple(vec![Object::Int(1), Object::Int(2)].into())
}

#[test]
fn an_iterator_that_a_second_loop_goes_over_is_at_its_first_item_in_the_first_one_alone() {
    // The loop's head stands twice: each item is printed, the first one after the first FOR_ITER.
    let start = [op::LOAD_CONST, 1, 0, op::GET_ITER, op::FOR_ITER, 11, 0, op::PRINT_ITEM];
    let again = [op::FOR_ITER, 7, 0, op::PRINT_ITEM, op::JUMP_ABSOLUTE, 8, 0, op::NOP, op::NOP, op::NOP];
    let bytes = [&start[..], &again, &RETURN_FIRST].concat();
    let object = code(bytes, vec![Object::None, pair()]);
    let evidence = ran(&object, &[0, 3, 4, 7, 8, 11, 12, 8, 18, 21]);
    let made = rebuild(&object, &evidence, &Options::default()).code;
    let loops = made.bytes.iter().filter(|&&byte| byte == op::FOR_ITER).count();
    let prints_first = made.bytes.windows(4).any(|four| four[0] == op::LOAD_CONST && four[3] == op::PRINT_ITEM);
    assert!(loops > 0 && !prints_first, "{:?}", made.bytes);
}

#[test]
fn a_copy_of_an_iterator_is_not_at_its_first_item_once_the_other_one_went_on() {
    // it = iter((1, 2)); the copy is asked for an item, and the other one for the item that is returned.
    let start = [op::LOAD_CONST, 1, 0, op::GET_ITER, op::DUP_TOP, op::FOR_ITER, 9, 0, op::POP_TOP, op::POP_TOP];
    let bytes = [&start[..], &[op::FOR_ITER, 5, 0, op::RETURN_VALUE, op::NOP, op::NOP, op::NOP], &RETURN_FIRST];
    let object = code(bytes.concat(), vec![Object::None, pair()]);
    let evidence = ran(&object, &[0, 3, 4, 5, 8, 9, 10, 13]);
    let made = rebuild(&object, &evidence, &Options::default()).code;
    assert!(made.bytes.contains(&op::FOR_ITER), "{:?}", made.bytes);
}

#[test]
fn sides_that_never_ran_stay_in_code_that_is_known_but_none_of_statements() {
    // Two conditions lead to the same two returns from two sides of a third one; only one way ran.
    let test = |to| [op::LOAD_FAST, 0, 0, op::POP_JUMP_IF_FALSE, to, 0];
    let print = [op::LOAD_FAST, 1, 0, op::PRINT_ITEM];
    let long =
        |item| [op::LOAD_CONST, item, 0, op::PRINT_ITEM, op::PRINT_NEWLINE, op::LOAD_CONST, 0, 0, op::RETURN_VALUE];
    let one = [&test(16)[..], &print, &test(35)].concat();
    let other = [&print[..], &test(35)].concat();
    let bytes = [&one[..], &other, &long(1), &long(2), &[op::NOP]].concat();
    let object = MarshalledCode { argcount: 2, ..code(bytes, vec![Object::None, Object::Int(1), Object::Int(2)]) };
    let one = ran(&object, &[0, 3, 6, 9, 10, 13, 35, 38, 39, 40, 43]);
    let made = rebuild(&object, &one, &Options::default());
    let conditions = made.code.bytes.iter().filter(|&&byte| byte == op::POP_JUMP_IF_FALSE).count();
    assert_eq!(conditions, 3, "{:?} {:?}", made.code.bytes, made.report[0].changes);
}

/// The offsets at which lines of a line table begin.
fn lines(table: &[u8]) -> Vec<u32> {
    table
        .chunks(2)
        .scan(0, |at, pair| {
            *at += u32::from(pair[0]);
            Some(*at)
        })
        .collect()
}

#[test]
fn a_print_is_one_line_and_the_jump_back_at_its_end_has_none() {
    // while x: (if y: print x, y, else: break); without a line table.
    let head = [op::SETUP_LOOP, 31, 0, op::LOAD_FAST, 0, 0, op::POP_JUMP_IF_FALSE, 33, 0];
    let test = [op::LOAD_FAST, 1, 0, op::POP_JUMP_IF_FALSE, 28, 0];
    let item = |place| [op::LOAD_FAST, place, 0, op::PRINT_ITEM];
    let print = [&item(0)[..], &item(1), &[op::PRINT_NEWLINE, op::JUMP_ABSOLUTE, 3, 0]].concat();
    let end = [op::NOP, op::BREAK_LOOP, op::JUMP_ABSOLUTE, 3, 0, op::POP_BLOCK];
    let bytes = [&head[..], &test, &print, &end, &RETURN_FIRST].concat();
    let object = MarshalledCode { argcount: 2, ..code(bytes, vec![Object::None]) };
    let made = rebuild(&object, &Evidence::default(), &Options::default()).code;
    let starts = lines(&made.lnotab);
    let opcodes: Vec<u8> = starts.iter().map(|&at| made.bytes[at as usize]).collect();
    assert!(!opcodes.contains(&op::JUMP_ABSOLUTE) && !opcodes.contains(&op::PRINT_NEWLINE), "{opcodes:?}");
    assert_eq!(starts.iter().filter(|&&at| (15..24).contains(&at)).count(), 1, "{starts:?} {:?}", made.bytes);
}

#[test]
fn a_break_after_the_condition_of_a_loop_is_no_part_of_it() {
    // while x: (if y: break); print x
    let head = [op::SETUP_LOOP, 25, 0, op::LOAD_FAST, 0, 0, op::POP_JUMP_IF_FALSE, 27, 0];
    let test = [op::LOAD_FAST, 1, 0, op::POP_JUMP_IF_FALSE, 19, 0, op::BREAK_LOOP, op::JUMP_FORWARD, 0, 0];
    let print = [op::LOAD_FAST, 0, 0, op::PRINT_ITEM, op::PRINT_NEWLINE, op::JUMP_ABSOLUTE, 3, 0, op::POP_BLOCK];
    assert!(comes_back(&[&head[..], &test, &print, &RETURN_FIRST].concat()));
}

#[test]
fn a_loop_that_ends_with_a_break_comes_back() {
    // while 1: print x; (if y: break)
    let head = [op::SETUP_LOOP, 19, 0, op::LOAD_FAST, 0, 0, op::PRINT_ITEM, op::PRINT_NEWLINE];
    let test = [op::LOAD_FAST, 1, 0, op::POP_JUMP_IF_FALSE, 3, 0, op::BREAK_LOOP];
    let end = [op::JUMP_ABSOLUTE, 3, 0, op::JUMP_ABSOLUTE, 3, 0, op::POP_BLOCK];
    assert!(comes_back(&[&head[..], &test, &end, &RETURN_FIRST].concat()));
}

#[test]
fn a_print_at_the_end_of_a_loop_is_one_line() {
    // for y in x: print x, y
    let head = [op::SETUP_LOOP, 23, 0, op::LOAD_FAST, 0, 0, op::GET_ITER, op::FOR_ITER, 15, 0, op::STORE_FAST, 1, 0];
    let items = [op::LOAD_FAST, 0, 0, op::PRINT_ITEM, op::LOAD_FAST, 1, 0, op::PRINT_ITEM, op::PRINT_NEWLINE];
    let end = [op::JUMP_ABSOLUTE, 7, 0, op::POP_BLOCK];
    let bytes = [&head[..], &items, &end, &RETURN_FIRST, &[op::NOP]].concat();
    let object = MarshalledCode { argcount: 2, ..code(bytes, vec![Object::None]) };
    let made = rebuild(&object, &Evidence::default(), &Options::default()).code;
    assert_eq!(made.bytes[20..22], [op::PRINT_ITEM, op::PRINT_NEWLINE], "{:?}", made.bytes);
    let starts: Vec<u32> = lines(&made.lnotab).into_iter().filter(|at| (13..25).contains(at)).collect();
    assert_eq!(starts, [13], "{:?}", made.bytes);
}

#[test]
fn none_by_its_name_is_a_constant_where_nothing_is_stored_there() {
    let bytes = vec![op::LOAD_GLOBAL, 1, 0, op::RETURN_VALUE, op::NOP];
    let mut object = code(bytes, vec![Object::None]);
    object.names[1] = b"None".as_slice().into();
    assert_eq!(*rebuild(&object, &Evidence::default(), &Options::default()).code.bytes, RETURN_FIRST);
    object.bytes =
        vec![op::LOAD_FAST, 0, 0, op::STORE_GLOBAL, 1, 0, op::LOAD_GLOBAL, 1, 0, op::RETURN_VALUE, op::NOP].into();
    object.argcount = 1;
    let stored = rebuild(&object, &Evidence::default(), &Options::default()).code;
    assert!(stored.bytes.contains(&op::LOAD_GLOBAL), "{:?}", stored.bytes);
}

#[test]
fn a_condition_on_true_goes_unless_a_loop_begins_there_or_something_is_stored_there() {
    let test = [op::LOAD_GLOBAL, 1, 0, op::POP_JUMP_IF_TRUE, 10, 0];
    let mut object = code(
        [&test[..], &RETURN_FIRST, &[op::LOAD_CONST, 1, 0, op::RETURN_VALUE, op::NOP]].concat(),
        vec![Object::None, Object::Int(1)],
    );
    object.names[1] = b"True".as_slice().into();
    let made = rebuild(&object, &Evidence::default(), &Options::default()).code;
    assert_eq!(*made.bytes, [op::LOAD_CONST, 1, 0, op::RETURN_VALUE]);
    let head = [op::SETUP_LOOP, 14, 0, op::LOAD_GLOBAL, 1, 0, op::POP_JUMP_IF_FALSE, 16, 0];
    let body = [op::LOAD_FAST, 0, 0, op::PRINT_ITEM, op::JUMP_ABSOLUTE, 3, 0, op::POP_BLOCK];
    object.bytes = [&head[..], &body, &RETURN_FIRST, &[op::NOP]].concat().into();
    object.argcount = 1;
    let made = rebuild(&object, &Evidence::default(), &Options::default()).code;
    assert!(made.bytes.contains(&op::POP_JUMP_IF_FALSE), "{:?}", made.bytes);
}

#[test]
fn a_tuple_with_something_in_it_is_true_whatever_that_is() {
    let test = [op::LOAD_FAST, 0, 0, op::DUP_TOP, op::BUILD_TUPLE, 2, 0, op::POP_JUMP_IF_TRUE, 14, 0];
    let bytes = [&test[..], &RETURN_FIRST, &[op::LOAD_CONST, 1, 0, op::RETURN_VALUE, op::NOP]].concat();
    let object = MarshalledCode { argcount: 1, ..code(bytes, vec![Object::None, Object::Int(1)]) };
    let made = rebuild(&object, &Evidence::default(), &Options::default()).code;
    assert_eq!(*made.bytes, [op::LOAD_CONST, 1, 0, op::RETURN_VALUE]);
}

#[test]
fn one_item_of_a_pair_is_that_item() {
    let pair = [op::LOAD_FAST, 0, 0, op::DUP_TOP, op::BUILD_TUPLE, 2, 0, op::LOAD_CONST, 0, 0, op::BINARY_SUBSCR];
    let object = code([&pair[..], &[op::RETURN_VALUE, op::NOP]].concat(), vec![Object::Int(-1)]);
    let made = rebuild(&MarshalledCode { argcount: 1, ..object }, &Evidence::default(), &Options::default()).code;
    assert_eq!(*made.bytes, [op::LOAD_FAST, 0, 0, op::RETURN_VALUE]);
}

#[test]
fn a_dispatcher_that_goes_over_something_stays_a_loop() {
    // y = 1; for _ in x: (if y == 1: print x; y = 2, else: break)
    let start = [op::LOAD_CONST, 1, 0, op::STORE_FAST, 1, 0, op::SETUP_LOOP, 39, 0, op::LOAD_FAST, 0, 0, op::GET_ITER];
    let test = [op::LOAD_FAST, 1, 0, op::LOAD_CONST, 1, 0, op::COMPARE_OP, 2, 0, op::POP_JUMP_IF_FALSE, 43, 0];
    let head = [&[op::FOR_ITER, 31, 0, op::POP_TOP][..], &test].concat();
    let print = [op::LOAD_FAST, 0, 0, op::PRINT_ITEM];
    let again = [op::LOAD_CONST, 2, 0, op::STORE_FAST, 1, 0, op::JUMP_ABSOLUTE, 13, 0, op::NOP];
    let end = [op::BREAK_LOOP, op::JUMP_ABSOLUTE, 13, 0, op::POP_BLOCK];
    let bytes = [&start[..], &head, &print, &again, &end, &RETURN_FIRST].concat();
    let object = code(bytes, vec![Object::None, Object::Int(1), Object::Int(2)]);
    let object = MarshalledCode { argcount: 1, ..object };
    let made = rebuild(&object, &Evidence::default(), &Options::default()).code;
    let iterations = made.bytes.iter().filter(|&&byte| byte == op::FOR_ITER).count();
    assert_eq!(iterations, 1, "{:?}", made.bytes);
}

#[test]
fn a_text_of_constants_is_made_if_all_of_them_are() {
    let format = [op::LOAD_CONST, 1, 0, op::LOAD_CONST, 2, 0, op::BINARY_MODULO, op::RETURN_VALUE, op::NOP];
    let text = |bytes: &[u8]| Object::Str(bytes.into());
    let items = Object::Tuple(vec![text(b"x"), text(b"y")].into());
    let object = code(format.to_vec(), vec![Object::None, text(b"%s%s"), items]);
    let options = Options { fold_constants: true, ..Options::default() };
    let made = rebuild(&object, &Evidence::default(), &options).code;
    assert!(!made.bytes.contains(&op::BINARY_MODULO), "{:?}", made.bytes);
}
