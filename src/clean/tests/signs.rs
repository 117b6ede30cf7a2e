//! Signs that no compiler made code.

use super::*;
use crate::bytecode::opcode::op;

#[test]
fn a_line_that_begins_at_no_instruction_is_no_compilers() {
    let is_compilers = |lnotab: &[u8]| {
        let code = code([op::LOAD_CONST, 0, 0].repeat(100), vec![Object::None]);
        lines::begin_at_instructions(&MarshalledCode { lnotab: lnotab.into(), ..code })
    };
    for lnotab in [&[][..], &[0, 1], &[3, 1, 3, 255, 0, 2], &[255, 0, 3, 1], &[254, 0, 1, 1]] {
        assert!(is_compilers(lnotab), "{lnotab:?}");
    }
    for lnotab in [&[1, 1][..], &[3, 1, 2, 1], &[255, 0, 1, 1], &[255, 0, 45, 1]] {
        assert!(!is_compilers(lnotab), "{lnotab:?}");
    }
}

#[test]
fn a_function_with_a_loop_has_a_table_of_lines() {
    // while g: pass, as the compiler makes it.
    let test = [op::LOAD_GLOBAL, 1, 0, op::POP_JUMP_IF_FALSE, 12, 0, op::JUMP_ABSOLUTE, 3, 0];
    let bytes = [&[op::SETUP_LOOP, 10, 0][..], &test, &[op::POP_BLOCK], &RETURN_FIRST].concat();
    let sign = |flags, lnotab: &[u8]| {
        let code = code(bytes.clone(), vec![Object::None]);
        super::super::signs::of_bytes(&MarshalledCode { flags, lnotab: lnotab.into(), ..code })
    };
    assert_eq!(sign(0x43, &[0, 1]), None);
    assert_eq!(sign(0x40, &[]), None, "a module can be one line");
    assert_eq!(sign(0x43, &[]), Some("a table of lines that is missing"));
    assert_eq!(sign(0x43, &[1, 1]), Some("lines that begin at no instruction"));
}

#[test]
fn a_jump_to_the_next_instruction_that_nothing_else_leads_to_is_no_compilers() {
    let jump = [op::JUMP_FORWARD, 0, 0];
    assert_eq!(clean([&jump[..], &RETURN_FIRST].concat(), vec![Object::None]), RETURN_FIRST);
    let between = [&RETURN_FIRST[..3], &jump, &RETURN_FIRST[3..]].concat();
    assert_eq!(clean(between, vec![Object::None]), RETURN_FIRST);
    // if g: g
    let test = [op::LOAD_GLOBAL, 1, 0, op::POP_JUMP_IF_FALSE, 13, 0, op::LOAD_GLOBAL, 1, 0, op::POP_TOP];
    let of_if = code([&test[..], &jump, &RETURN_FIRST].concat(), vec![Object::None]);
    assert_eq!(super::super::signs::of_bytes(&of_if), None);
}
