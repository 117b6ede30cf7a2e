//! Code that is verified, and code that must not be.

use super::*;

/// Two constants (None and a code object), two names, two local variables, two cells, four places on the stack.
fn facts() -> Facts {
    Facts {
        constants: vec![Constant::None, Constant::Code, Constant::Other],
        names: 2,
        locals: 2,
        variable_names: 2,
        cell_variables: 1,
        free_variables: 1,
        argcount: 0,
        flags: 0x43,
        stacksize: 4,
    }
}

/// An instruction with its operand, or without one.
type Step = (u8, Option<u16>);

fn assemble(steps: &[Step]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (opcode, operand) in steps {
        bytes.push(*opcode);
        bytes.extend(operand.iter().flat_map(|operand| operand.to_le_bytes()));
    }
    bytes
}

fn is_so(steps: &[Step]) -> bool {
    let bytes = assemble(steps);
    is_verified(&bytes, &Layout::new(&bytes), &facts())
}

const NONE: Step = (op::LOAD_CONST, Some(0));
const OTHER: Step = (op::LOAD_CONST, Some(2));
const POP: Step = (op::POP_TOP, None);
const RETURN: Step = (op::RETURN_VALUE, None);
const END_FINALLY: Step = (op::END_FINALLY, None);
const POP_BLOCK: Step = (op::POP_BLOCK, None);

#[test]
fn code_of_loops_and_blocks_is_verified() {
    // for x in a: try: continue  finally: pass
    let with_loop = [
        (op::SETUP_LOOP, Some(25)),
        (op::LOAD_FAST, Some(0)),
        (op::GET_ITER, None),
        (op::FOR_ITER, Some(17)),
        (op::STORE_FAST, Some(1)),
        (op::SETUP_FINALLY, Some(7)),
        (op::CONTINUE_LOOP, Some(7)),
        POP_BLOCK,
        NONE,
        END_FINALLY,
        (op::JUMP_ABSOLUTE, Some(7)),
        POP_BLOCK,
        NONE,
        RETURN,
    ];
    assert!(is_so(&with_loop));
    // try: a  except: pass
    let with_handler = [
        (op::SETUP_EXCEPT, Some(8)),
        (op::LOAD_FAST, Some(0)),
        POP,
        POP_BLOCK,
        (op::JUMP_FORWARD, Some(7)),
        POP,
        POP,
        POP,
        (op::JUMP_FORWARD, Some(1)),
        END_FINALLY,
        NONE,
        RETURN,
    ];
    assert!(is_so(&with_handler));
    // with a: pass
    let with_manager = [
        (op::LOAD_FAST, Some(0)),
        (op::SETUP_WITH, Some(5)),
        POP,
        POP_BLOCK,
        NONE,
        (op::WITH_CLEANUP, None),
        END_FINALLY,
        NONE,
        RETURN,
    ];
    assert!(is_so(&with_manager));
}

#[test]
fn a_finally_block_says_with_which_stack_continue_goes_on() {
    // while 1: with a: continue
    let with_manager = [
        (op::SETUP_LOOP, Some(20)),
        (op::LOAD_FAST, Some(0)),
        (op::SETUP_WITH, Some(8)),
        POP,
        (op::CONTINUE_LOOP, Some(3)),
        POP_BLOCK,
        NONE,
        (op::WITH_CLEANUP, None),
        END_FINALLY,
        (op::JUMP_ABSOLUTE, Some(3)),
        POP_BLOCK,
        NONE,
        RETURN,
    ];
    assert!(is_so(&with_manager));
    // The block takes an entry away that was there before it.
    let lower = [
        OTHER,
        (op::SETUP_LOOP, Some(17)),
        NONE,
        (op::SETUP_FINALLY, Some(3)),
        (op::CONTINUE_LOOP, Some(21)),
        (op::WITH_CLEANUP, None),
        END_FINALLY,
        NONE,
        RETURN,
        POP,
        POP_BLOCK,
        NONE,
        RETURN,
    ];
    assert!(!is_so(&lower));
}

#[test]
fn a_path_out_of_the_code_is_not_verified() {
    assert!(!is_so(&[NONE, POP]), "off the end");
    assert!(!is_so(&[(op::JUMP_FORWARD, Some(100)), NONE, RETURN]));
    assert!(!is_so(&[(op::JUMP_ABSOLUTE, Some(4)), NONE, RETURN]), "into an operand");
    assert!(!is_so(&[(op::SETUP_EXCEPT, Some(100)), NONE, RETURN]));
    assert!(!is_so(&[(op::EXTENDED_ARG, Some(0xffff)), (op::JUMP_FORWARD, Some(0xfff7)), NONE, RETURN]), "backwards");
    assert!(!is_so(&[]));
    assert!(!is_so(&[(6, None), NONE, RETURN]), "an undefined opcode");
    assert!(is_so(&[NONE, RETURN, (6, None)]), "which is never reached");
}

#[test]
fn operands_that_index_nothing_are_not_verified() {
    let loads = [op::LOAD_CONST, op::LOAD_FAST, op::LOAD_NAME, op::LOAD_GLOBAL, op::LOAD_CLOSURE, op::LOAD_DEREF];
    for load in loads {
        assert!(is_so(&[(load, Some(1)), RETURN]), "{load}");
        assert!(!is_so(&[(load, Some(3)), RETURN]), "{load}");
        assert!(!is_so(&[(op::EXTENDED_ARG, Some(0xffff)), (load, Some(0)), RETURN]), "{load}");
    }
    assert!(is_so(&[OTHER, OTHER, (op::COMPARE_OP, Some(10)), RETURN]));
    assert!(!is_so(&[OTHER, OTHER, (op::COMPARE_OP, Some(11)), RETURN]));
    assert!(!is_so(&[OTHER, OTHER, (op::DUP_TOPX, Some(4)), RETURN]));
}

#[test]
fn a_stack_that_leaves_its_memory_is_not_verified() {
    assert!(!is_so(&[POP, NONE, RETURN]));
    assert!(!is_so(&[OTHER, (op::ROT_TWO, None), RETURN]));
    assert!(!is_so(&[OTHER, (op::BUILD_TUPLE, Some(2)), RETURN]));
    assert!(!is_so(&[OTHER, (op::LIST_APPEND, Some(1)), NONE, RETURN]));
    assert!(is_so(&[OTHER, OTHER, OTHER, NONE, RETURN]));
    assert!(!is_so(&[OTHER, OTHER, OTHER, OTHER, NONE, RETURN]), "five entries");
    assert!(!is_so(&[OTHER, (op::UNPACK_SEQUENCE, Some(5)), RETURN]));
    assert!(!is_so(&[OTHER, (op::JUMP_ABSOLUTE, Some(0))]), "it grows with each round");
    // The handler would find two entries of the VM's and pop three.
    assert!(!is_so(&[OTHER, (op::SETUP_EXCEPT, Some(0)), POP, POP_BLOCK, NONE, RETURN]));
    // A block may not pop what was there before it.
    assert!(!is_so(&[OTHER, (op::SETUP_LOOP, Some(1)), POP, POP_BLOCK, NONE, RETURN]));
}

#[test]
fn what_the_vm_does_not_look_at_is_what_it_must_be() {
    assert!(is_so(&[(op::LOAD_CONST, Some(1)), (op::MAKE_FUNCTION, Some(0)), RETURN]));
    assert!(!is_so(&[OTHER, (op::MAKE_FUNCTION, Some(0)), RETURN]));
    assert!(is_so(&[NONE, END_FINALLY, NONE, RETURN]));
    assert!(!is_so(&[OTHER, END_FINALLY, NONE, RETURN]), "a number says how to go on, and where");
    assert!(!is_so(&[OTHER, OTHER, (op::WITH_CLEANUP, None), END_FINALLY, NONE, RETURN]));
    // What a finally block finds is one to three entries.
    let popped = [(op::SETUP_FINALLY, Some(4)), POP_BLOCK, NONE, POP, NONE, RETURN];
    assert!(!is_so(&popped));
}

#[test]
fn arguments_have_places() {
    let bytes = assemble(&[NONE, RETURN]);
    let with = |change: &dyn Fn(&mut Facts)| {
        let mut facts = facts();
        change(&mut facts);
        is_verified(&bytes, &Layout::new(&bytes), &facts)
    };
    assert!(with(&|facts| facts.argcount = 2));
    assert!(!with(&|facts| facts.argcount = 3));
    assert!(!with(&|facts| (facts.argcount, facts.flags) = (2, CO_VARARGS)));
    assert!(!with(&|facts| (facts.argcount, facts.flags) = (1, CO_VARARGS | CO_VARKEYWORDS)));
    assert!(!with(&|facts| facts.stacksize = u32::MAX));
    assert!(!with(&|facts| facts.stacksize = 0));
}

proptest::proptest! {
    /// Random bytes are walked in a time that their length bounds.
    #[test]
    fn no_code_takes_long(bytes in proptest::collection::vec(0u8..148, 0..300)) {
        is_verified(&bytes, &Layout::new(&bytes), &Facts { stacksize: 1 << 20, ..facts() });
    }
}
