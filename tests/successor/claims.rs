//! What the model allows and what it refuses, on short sequences written by hand.

mod blocks;

use super::opcode::*;
use super::*;

const NOP: u8 = 9;
const POP_TOP: u8 = 1;
const GET_ITER: u8 = 68;
const LOAD_NAME: u8 = 101;
const CALL_FUNCTION: u8 = 131;
const LOAD_FAST: u8 = 124;

/// Assembles instructions; the operand of one that has none is not written.
fn code(instructions: &[(u8, u16)]) -> Rc<Code> {
    let mut bytes = Vec::new();
    for &(opcode, operand) in instructions {
        bytes.push(opcode);
        if has_operand(opcode) {
            bytes.extend(operand.to_le_bytes());
        }
    }
    Rc::new(Code { bytes, constants: vec![Value::None, Value::Int(16), Value::Int(32), Value::Int(8)] })
}

fn entered(frame: u64, code: &Rc<Code>) -> Event {
    Event::Entered { thread: 0, frame, code: code.clone() }
}

fn left(frame: u64, how: Left) -> Event {
    Event::Left { thread: 0, frame, how }
}

fn raised(frame: u64) -> Event {
    Event::Raised { thread: 0, frame, offset: None }
}

fn executed(frame: u64, code: &Code, offset: i64) -> Event {
    let opcode = code.bytes.get(offset as usize).copied().unwrap_or(0);
    Event::Executed { thread: 0, frame, offset, opcode, operand: None }
}

fn steps(frame: u64, code: &Code, offsets: &[i64]) -> Vec<Event> {
    offsets.iter().map(|&offset| executed(frame, code, offset)).collect()
}

/// A whole frame: entered, these offsets, left.
fn frame(code: &Rc<Code>, offsets: &[i64], how: Left) -> Vec<Event> {
    [vec![entered(1, code)], steps(1, code, offsets), vec![left(1, how)]].concat()
}

fn is_legal(events: &[Event]) -> bool {
    check(events, Allowance::default()).is_empty()
}

/// Puts an exception after the frame's instruction at `offset`.
fn raising_at(mut events: Vec<Event>, at: i64) -> Vec<Event> {
    let index = events
        .iter()
        .rposition(|event| matches!(event, Event::Executed { offset, .. } if *offset == at))
        .expect("the offset is executed");
    events.insert(index + 1, raised(1));
    events
}

fn loop_over_three() -> Rc<Code> {
    // 0 SETUP_LOOP 17, 3 LOAD_NAME, 6 GET_ITER, 7 FOR_ITER 16, 10 POP_TOP, 11 NOP, 12 NOP, 13
    // JUMP_ABSOLUTE 7, 16 POP_BLOCK, 17 LOAD_CONST, 20 RETURN_VALUE
    code(&[
        (SETUP_LOOP, 14),
        (LOAD_NAME, 0),
        (GET_ITER, 0),
        (FOR_ITER, 6),
        (POP_TOP, 0),
        (NOP, 0),
        (NOP, 0),
        (JUMP_ABSOLUTE, 7),
        (POP_BLOCK, 0),
        (LOAD_CONST, 0),
        (RETURN_VALUE, 0),
    ])
}

const TWICE_ROUND: [i64; 16] = [0, 3, 6, 7, 10, 11, 12, 13, 7, 10, 11, 12, 13, 7, 16, 17];

#[test]
fn a_loop_is_legal_and_any_dropped_instruction_is_found() {
    let code = loop_over_three();
    let events = frame(&code, &[&TWICE_ROUND[..], &[20]].concat(), Left::Return);
    assert_eq!(check(&events, Allowance::default()), []);
    for dropped in 1..events.len() - 1 {
        let mut fewer = events.clone();
        fewer.remove(dropped);
        assert!(!is_legal(&fewer), "without {:?}", events[dropped]);
    }
}

#[test]
fn any_inserted_instruction_is_found() {
    let code = loop_over_three();
    let events = frame(&code, &[&TWICE_ROUND[..], &[20]].concat(), Left::Return);
    for place in 1..events.len() {
        for offset in [0, 3, 6, 7, 10, 11, 12, 13, 16, 17, 20] {
            let mut more = events.clone();
            more.insert(place, executed(1, &code, offset));
            assert!(!is_legal(&more), "with {offset} before {:?}", events[place]);
        }
    }
}

#[test]
fn an_opcode_or_operand_that_the_code_does_not_have_is_found() {
    let code = code(&[(LOAD_CONST, 0), (RETURN_VALUE, 0)]);
    let with = |opcode, operand| {
        is_legal(&[
            entered(1, &code),
            Event::Executed { thread: 0, frame: 1, offset: 0, opcode, operand },
            executed(1, &code, 3),
            left(1, Left::Return),
        ])
    };
    assert!(with(LOAD_CONST, Some(0)));
    assert!(!with(LOAD_CONST, Some(1)));
    assert!(!with(LOAD_NAME, Some(0)));
}

#[test]
fn prefixes_wrap_at_32_bits_and_jumps_count_from_the_end_of_the_unit() {
    // 0 EXTENDED_ARG, 3 EXTENDED_ARG 0xffff, 6 JUMP_FORWARD -9: to 0 again
    let back = code(&[(EXTENDED_ARG, 7), (EXTENDED_ARG, 0xffff), (JUMP_FORWARD, 0xfff7)]);
    assert!(is_legal(&[vec![entered(1, &back)], steps(1, &back, &[0, 3, 6, 0, 3, 6])].concat()));
    assert!(!is_legal(&[vec![entered(1, &back)], steps(1, &back, &[0, 3, 6, 3, 6])].concat()));
}

#[test]
fn a_prefix_before_an_opcode_without_operand_swallows_two_bytes() {
    let code = Rc::new(Code {
        bytes: vec![EXTENDED_ARG, 0, 0, NOP, NOP, NOP, LOAD_CONST, 0, 0, RETURN_VALUE],
        constants: vec![],
    });
    assert!(is_legal(&frame(&code, &[0, 3, 6, 9], Left::Return)));
    assert!(!is_legal(&frame(&code, &[0, 3, 4, 5, 6, 9], Left::Return)));
}

#[test]
fn nothing_comes_between_a_prefix_and_its_successor() {
    let wide = code(&[(EXTENDED_ARG, 0), (CALL_FUNCTION, 0), (RETURN_VALUE, 0)]);
    let inner = code(&[(LOAD_CONST, 0), (RETURN_VALUE, 0)]);
    let call = frame(&inner, &[0, 3], Left::Return).into_iter().map(|event| renamed(event, 2)).collect::<Vec<_>>();
    let outer = frame(&wide, &[0, 3, 6], Left::Return);
    assert!(is_legal(&[&outer[..3], &call, &outer[3..]].concat()));
    assert!(!is_legal(&[&outer[..2], &call, &outer[2..]].concat()));
    assert!(!is_legal(&outer[..2]), "the trace ends after a prefix");
}

fn renamed(event: Event, frame: u64) -> Event {
    match event {
        Event::Entered { thread, code, .. } => Event::Entered { thread, frame, code },
        Event::Left { thread, how, .. } => Event::Left { thread, frame, how },
        Event::Executed { thread, offset, opcode, operand, .. } => {
            Event::Executed { thread, frame, offset, opcode, operand }
        }
        other => other,
    }
}

#[test]
fn a_caller_waits_for_its_callee_and_only_calls_can_enter_a_frame() {
    let outer = code(&[(LOAD_NAME, 0), (CALL_FUNCTION, 0), (RETURN_VALUE, 0)]);
    let inner = code(&[(LOAD_FAST, 0), (RETURN_VALUE, 0)]);
    let events = |enter_after: usize| {
        let mut events = frame(&outer, &[0, 3, 6], Left::Return);
        let call = [vec![entered(2, &inner)], steps(2, &inner, &[0, 3]), vec![left(2, Left::Return)]].concat();
        events.splice(enter_after..enter_after, call);
        events
    };
    assert!(is_legal(&events(3)));
    let mut unfinished = events(3);
    unfinished.remove(6);
    assert!(!is_legal(&unfinished));
    let quiet = code(&[(LOAD_CONST, 0), (RETURN_VALUE, 0)]);
    let called_by_nothing = [vec![entered(1, &quiet)], steps(1, &quiet, &[0]), vec![entered(2, &inner)]].concat();
    assert!(!is_legal(&called_by_nothing));
    assert!(check(&called_by_nothing, Allowance { trace_functions: true, ..Allowance::default() }).is_empty());
}

#[test]
fn threads_switch_only_where_the_lock_can_be_given_up() {
    let code = code(&[(LOAD_CONST, 0), (JUMP_ABSOLUTE, 0)]);
    let other =
        |offset| Event::Executed { thread: 9, frame: 2, offset, opcode: code.bytes[offset as usize], operand: None };
    let both = [
        Event::Entered { thread: 9, frame: 2, code: code.clone() },
        other(0),
        other(3),
        entered(1, &code),
        executed(1, &code, 0),
    ];
    assert!(!is_legal(&[&both[..], &[other(0)]].concat()));
    assert!(is_legal(&[&both[..], &[executed(1, &code, 3), other(0)]].concat()));
}

#[test]
fn running_off_the_end_reads_the_terminator_as_an_instruction_that_raises() {
    let code = code(&[(NOP, 0)]);
    assert!(is_legal(&raising_at(frame(&code, &[0, 1], Left::Exception), 1)));
    assert!(!is_legal(&raising_at(frame(&code, &[0], Left::Exception), 0)));
}

#[test]
fn changed_bytes_are_what_runs_next() {
    let (before, after) = (code(&[(LOAD_NAME, 0), (RETURN_VALUE, 0)]), code(&[(LOAD_CONST, 0), (RETURN_VALUE, 0)]));
    let events =
        [vec![entered(1, &before), Event::Changed { frame: 1, code: after.clone() }], steps(1, &after, &[0, 3])]
            .concat();
    assert!(is_legal(&events));
    assert!(!is_legal(&[vec![entered(1, &before)], steps(1, &after, &[0, 3])].concat()));
}

#[test]
fn without_reported_exceptions_any_instruction_that_can_raise_may_have_raised() {
    let code =
        code(&[(SETUP_EXCEPT, 4), (LOAD_NAME, 0), (POP_BLOCK, 0), (POP_TOP, 0), (LOAD_CONST, 0), (RETURN_VALUE, 0)]);
    let unreported = Allowance { unreported_exceptions: true, ..Allowance::default() };
    assert_eq!(check(&frame(&code, &[0, 3, 7, 8, 11], Left::Return), unreported), []);
    assert_ne!(check(&frame(&code, &[0, 3, 8, 11], Left::Return), unreported), []);
}

#[test]
fn an_exception_is_raised_by_the_instruction_executed_last() {
    let code = code(&[(NOP, 0), (LOAD_NAME, 0)]);
    let at = |offset| {
        let event = Event::Raised { thread: 0, frame: 1, offset: Some(offset) };
        let executed = steps(1, &code, &[0, 1]);
        is_legal(&[vec![entered(1, &code)], executed, vec![event, left(1, Left::Somehow)]].concat())
    };
    assert!(at(1));
    assert!(!at(0));
}
