//! What compilers make, hidden among instructions that do nothing, or beside sides of conditions that never ran.

use super::*;
use crate::bytecode::decode::units;
use crate::bytecode::opcode::op;

const LOAD_G: [u8; 3] = [op::LOAD_GLOBAL, 1, 0];

/// Cleans code that ran from one offset to the next, as far as `way` says.
fn after_run(bytes: Vec<u8>, way: &[u32], raised: &[u32]) -> Rebuilt {
    let mut evidence = Evidence::default();
    let executed = evidence.codes.entry(bytes.as_slice().into()).or_default();
    executed.offsets.extend(way.iter().map(|&offset| (offset, 1)));
    executed.edges.extend(way.windows(2).map(|pair| ((pair[0], pair[1]), 1)));
    executed.raised.extend(raised.iter().map(|&offset| (offset, 1)));
    let code = MarshalledCode { argcount: 1, ..code(bytes, vec![Object::None, Object::Int(1), Object::Int(2)]) };
    rebuild(&code, &evidence, &Options::default())
}

#[test]
fn a_dispatcher_whose_comparisons_are_split_up_goes_away() {
    // y = 1; while y != 2: g; y = 2, with a prefix and a jump within the comparison.
    let test = [
        &[op::LOAD_FAST, 1, 0, op::EXTENDED_ARG, 0, 0, op::LOAD_CONST, 2, 0, op::JUMP_FORWARD, 1, 0, 6][..],
        &[op::COMPARE_OP, 2, 0, op::POP_JUMP_IF_TRUE, 38, 0],
    ];
    let body =
        [op::LOAD_GLOBAL, 1, 0, op::POP_TOP, op::LOAD_CONST, 2, 0, op::STORE_FAST, 1, 0, op::JUMP_ABSOLUTE, 6, 0];
    let start = [op::LOAD_CONST, 1, 0, op::STORE_FAST, 1, 0];
    let bytes = [&start[..], &test.concat(), &body, &RETURN_FIRST].concat();
    let constants = vec![Object::None, Object::Int(1), Object::Int(2)];
    assert_eq!(clean(bytes, constants), [&LOAD_G[..], &[op::POP_TOP], &RETURN_FIRST].concat());
}

#[test]
fn a_finally_block_is_entered_with_a_none_that_is_hidden() {
    // try: g; finally: g
    let hidden = [op::LOAD_CONST, 0, 0, op::LOAD_CONST, 1, 0, op::BUILD_TUPLE, 2, 0, op::UNPACK_SEQUENCE, 2, 0];
    let junk = [op::SETUP_LOOP, 1, 0, op::POP_BLOCK, op::BUILD_MAP, 0, 0, op::POP_TOP];
    let g = [op::LOAD_GLOBAL, 1, 0, op::POP_TOP];
    let last = [&g[..], &[op::END_FINALLY], &RETURN_FIRST].concat();
    let turned = [op::ROT_TWO, op::POP_TOP];
    let bytes = [&[op::SETUP_FINALLY, 19, 0][..], &g, &[op::POP_BLOCK], &hidden, &turned, &junk, &last].concat();
    let wanted = [&[op::SETUP_FINALLY, 8, 0][..], &g, &[op::POP_BLOCK, op::LOAD_CONST, 0, 0], &last].concat();
    assert_eq!(clean(bytes, vec![Object::None, Object::Int(1)]), wanted);
}

#[test]
fn an_except_keeps_the_side_for_other_exceptions() {
    // The first condition leads into a loop with another depth of the stack, and never did; the exception was always the one that is asked for.
    let class = [op::DUP_TOP, op::LOAD_GLOBAL, 0, 0, op::COMPARE_OP, 10, 0, op::POP_JUMP_IF_FALSE, 35, 0];
    let handler = [&class[..], &[op::POP_TOP; 3], &[op::JUMP_FORWARD, 1, 0, op::END_FINALLY]].concat();
    let body = [op::SETUP_EXCEPT, 8, 0, op::LOAD_GLOBAL, 1, 0, op::POP_TOP, op::POP_BLOCK, op::JUMP_FORWARD, 17, 0];
    let turn = [op::LOAD_GLOBAL, 1, 0, op::POP_JUMP_IF_FALSE, 49, 0, op::LOAD_GLOBAL, 1, 0, op::POP_TOP];
    let start = [op::LOAD_FAST, 0, 0, op::DUP_TOP, op::POP_JUMP_IF_TRUE, 42, 0, op::POP_TOP];
    let bytes = [&start[..], &body, &handler, &turn, &[op::JUMP_ABSOLUTE, 36, 0], &RETURN_FIRST].concat();
    let way = [0, 3, 4, 7, 8, 11, 19, 20, 23, 26, 29, 30, 31, 32, 36, 39, 42, 45, 46, 36, 39, 49, 52];
    let made = after_run(bytes, &way, &[11]);
    assert!(matches!(made.report[0].result, Outcome::Rebuilt(_)), "{:?}", made.report[0].result);
    assert!(made.code.bytes.contains(&op::END_FINALLY), "{:?}", made.code.bytes);
}

#[test]
fn a_side_with_a_failure_that_is_caught_is_kept() {
    // if not x: try: an undefined opcode; except: return g
    let side = [&[op::SETUP_EXCEPT, 1, 0, 6][..], &[op::POP_TOP; 3], &LOAD_G, &[op::RETURN_VALUE]].concat();
    let bytes = [&[op::LOAD_FAST, 0, 0, op::POP_JUMP_IF_FALSE, 10, 0][..], &RETURN_FIRST, &side].concat();
    let made = after_run(bytes, &[0, 3, 6, 9], &[]).code.bytes;
    let start = [op::LOAD_FAST, 0, 0, op::POP_JUMP_IF_FALSE, 10, 0];
    assert!(made.starts_with(&[&start[..], &RETURN_FIRST, &LOAD_G, &[op::RETURN_VALUE]].concat()), "{made:?}");
}

#[test]
fn a_condition_whose_sides_go_to_the_same_place_is_laid_out() {
    // while g: if x: continue, in blocks out of order.
    let top = [op::LOAD_GLOBAL, 1, 0, op::POP_JUMP_IF_FALSE, 19, 0];
    let inside = [op::LOAD_FAST, 0, 0, op::POP_JUMP_IF_FALSE, 4, 0];
    let start = [op::JUMP_FORWARD, 1, 0, 6];
    let bytes = [&start[..], &top, &inside, &[op::JUMP_ABSOLUTE, 4, 0], &RETURN_FIRST].concat();
    let made = after_run(bytes, &[0, 4, 7, 19, 22], &[]);
    assert!(matches!(made.report[0].result, Outcome::Rebuilt(_)), "{:?}", made.report[0].result);
    let tests = made.code.bytes.iter().filter(|&&byte| byte == op::POP_JUMP_IF_FALSE).count();
    assert_eq!(tests, 2, "{:?}", made.code.bytes);
}

#[test]
fn constants_are_those_that_are_loaded_in_that_order() {
    let load = |index: u8| [op::LOAD_CONST, index, 0, op::STORE_GLOBAL, 1, 0];
    let bytes = [&load(3)[..], &[op::NOP, op::ROT_TWO, op::ROT_TWO][..1], &load(1), &RETURN_FIRST].concat();
    let constants = [Object::None, Object::Int(5), Object::Int(6), Object::Int(7)];
    let made = rebuild(&code(bytes, constants.to_vec()), &Evidence::default(), &Options::default()).code;
    assert_eq!(*made.bytes, [&load(1)[..], &load(2), &RETURN_FIRST].concat());
    assert!(matches!(made.constants[..], [Object::None, Object::Int(7), Object::Int(5)]), "{:?}", made.constants);
}

#[test]
fn what_is_taken_out_of_a_container_is_called() {
    // A list and a dict of what is not known, with a jump around a byte that no compiler makes.
    let jump = [op::JUMP_FORWARD, 1, 0, 6];
    let list = [&LOAD_G[..], &LOAD_G, &[op::BUILD_LIST, 2, 0]].concat();
    let dict = [&[op::BUILD_MAP, 1, 0][..], &LOAD_G, &[op::LOAD_CONST, 1, 0, op::STORE_MAP]].concat();
    let call = [op::LOAD_CONST, 1, 0, op::BINARY_SUBSCR, op::CALL_FUNCTION, 0, 0, op::POP_TOP];
    for make in [&list[..], &dict] {
        let bytes = [&jump[..], make, &call, &RETURN_FIRST].concat();
        let starts = units(&bytes, 4).map(|unit| unit.start);
        let way: Vec<u32> = [0].into_iter().chain(starts).collect();
        let made = after_run(bytes, &way, &[]).code.bytes;
        assert!(made.contains(&op::CALL_FUNCTION), "{make:?}: {made:?}");
    }
}

#[test]
fn where_flattened_code_goes_on_says_nothing_in_a_round_of_a_loop_that_begins() {
    // best = None; for shape in cls.made: if best is None or shape.area() > best.area(): best = shape.  The number in `state` is another
    // one where the loop begins than where it goes on, and `best` is None there.
    let hex = "6e8a006400007d01007854007c00006e45006a0100446e50005d36007d02007c01006400006b08007172007384007c02006a02008300007c01006a02\
        006e3b008300006b04007219007c02007d0100711900577c0100536401007d03007193006402007d03006e2a006403007d03007193006404007d0300\
        6e18006405007d03007193006406007d03006e06006407007d03007c0300640800417d030071eb007c03006409006b00007319007112007c0300640a\
        006b000073400071a0007c0300640b006b0000735300712b007c0300640c006b00007303007149007c0300640d006b000073be0071cd007c0300640e\
        006b000073af0071dc00";
    let bytes = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex")).collect();
    let numbers =
        [164839, 404271, 158800, 645229, 32348, 775866, 692905, 104, 164751, 158776, 645125, 775890, 692929, 404295];
    let constants = [Object::None].into_iter().chain(numbers.map(Object::Int)).collect();
    let texts = |texts: &[&str]| texts.iter().map(|text| text.as_bytes().into()).collect();
    let code = MarshalledCode {
        argcount: 1,
        nlocals: 4,
        names: texts(&["None", "made", "area"]),
        varnames: texts(&["cls", "best", "shape", "state"]),
        ..code(bytes, constants)
    };
    let made = rebuild(&code, &Evidence::default(), &Options::default()).code;
    let opcodes: Vec<u8> = units(&made.bytes, 0).map(|unit| unit.last.opcode).collect();
    let round = [op::FOR_ITER, op::STORE_FAST, op::LOAD_FAST, op::LOAD_CONST, op::COMPARE_OP, op::POP_JUMP_IF_TRUE];
    assert_eq!(opcodes.iter().filter(|&&opcode| opcode == op::FOR_ITER).count(), 1, "{opcodes:?}");
    assert!(opcodes.windows(round.len()).any(|window| window == round), "{opcodes:?}");
}

#[test]
fn bytes_that_nothing_leads_to_replace_no_builtin() {
    // if len('ab'): return, behind what would be a store to `len`, to an attribute of that name, or neither.
    for junk in [op::STORE_GLOBAL, op::STORE_NAME, op::DELETE_GLOBAL, op::STORE_ATTR, op::LOAD_ATTR] {
        let jump = [op::JUMP_FORWARD, 3, 0, junk, 0, 0];
        let test = [op::LOAD_GLOBAL, 0, 0, op::LOAD_CONST, 1, 0, op::CALL_FUNCTION, 1, 0, op::POP_JUMP_IF_FALSE, 22, 0];
        let bytes = [&jump[..], &test, &RETURN_FIRST, &[op::LOAD_CONST, 1, 0, op::RETURN_VALUE]].concat();
        let original = code(bytes, vec![Object::None, Object::Str(b"ab".as_slice().into())]);
        let original = MarshalledCode { names: vec![b"len".as_slice().into()], ..original };
        let made = rebuild(&original, &Evidence::default(), &Options::default()).code;
        assert_eq!(*made.bytes, RETURN_FIRST, "{junk}");
    }
}
