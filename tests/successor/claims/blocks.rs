//! Claims about blocks: exceptions, finally, with, and generators thrown into.

use super::*;

#[test]
fn an_exception_goes_to_the_innermost_handler_and_only_where_it_was_raised() {
    // 0 SETUP_EXCEPT 14, 3 SETUP_FINALLY 10, 6 LOAD_NAME, 9 POP_BLOCK, 10 END_FINALLY, 11 NOP*3, 14
    // POP_TOP*3, 17 LOAD_CONST, 20 RETURN_VALUE
    let code = code(&[
        (SETUP_EXCEPT, 11),
        (SETUP_FINALLY, 4),
        (LOAD_NAME, 0),
        (POP_BLOCK, 0),
        (END_FINALLY, 0),
        (NOP, 0),
        (NOP, 0),
        (NOP, 0),
        (POP_TOP, 0),
        (POP_TOP, 0),
        (POP_TOP, 0),
        (LOAD_CONST, 0),
        (RETURN_VALUE, 0),
    ]);
    let through_finally = frame(&code, &[0, 3, 6, 10, 14, 15, 16, 17, 20], Left::Return);
    assert!(is_legal(&raising_at(through_finally.clone(), 6)));
    assert!(!is_legal(&through_finally), "no exception was reported");
    assert!(!is_legal(&raising_at(through_finally, 10)), "END_FINALLY raises again, which is not reported");
    assert!(
        !is_legal(&raising_at(frame(&code, &[0, 3, 6, 14, 15, 16, 17, 20], Left::Return), 6)),
        "past the inner block"
    );
    assert!(!is_legal(&raising_at(frame(&code, &[0, 3, 6], Left::Exception), 6)), "past both");
}

#[test]
fn return_break_and_continue_run_the_finally_block_first() {
    // 0 SETUP_LOOP 20, 3 SETUP_FINALLY 14, 6 the way out, 14 END_FINALLY, 15 NOP*4, 19 POP_BLOCK,
    // 20 LOAD_CONST, 23 RETURN_VALUE
    let with = |way: &[(u8, u16)]| {
        let mut all = vec![(SETUP_LOOP, 17), (SETUP_FINALLY, 8)];
        all.extend(way);
        let used: usize = way.iter().map(|&(opcode, _)| if has_operand(opcode) { 3 } else { 1 }).sum();
        all.extend(std::iter::repeat_n((NOP, 0), 8 - used));
        all.extend([
            (END_FINALLY, 0),
            (NOP, 0),
            (NOP, 0),
            (NOP, 0),
            (NOP, 0),
            (POP_BLOCK, 0),
            (LOAD_CONST, 0),
            (RETURN_VALUE, 0),
        ]);
        code(&all)
    };
    let returns = with(&[(LOAD_CONST, 0), (RETURN_VALUE, 0)]);
    assert!(is_legal(&frame(&returns, &[0, 3, 6, 9, 14], Left::Return)));
    assert!(!is_legal(&frame(&returns, &[0, 3, 6, 9], Left::Return)));
    assert!(
        !is_legal(&frame(&returns, &[0, 3, 6, 9, 14, 15, 16, 17, 18, 19, 20, 23], Left::Return)),
        "the return is not forgotten"
    );
    let breaks = with(&[(BREAK_LOOP, 0)]);
    assert!(is_legal(&frame(&breaks, &[0, 3, 6, 14, 20, 23], Left::Return)));
    assert!(!is_legal(&frame(&breaks, &[0, 3, 6, 20, 23], Left::Return)));
    let continues = with(&[(CONTINUE_LOOP, 15)]);
    assert!(is_legal(&frame(&continues, &[0, 3, 6, 14, 15, 16, 17, 18, 19, 20, 23], Left::Return)));
    assert!(!is_legal(&frame(&continues, &[0, 3, 6, 14, 20, 23], Left::Return)));
}

#[test]
fn end_finally_obeys_integers_that_the_program_put_there() {
    // 0 SETUP_LOOP 8, 3 LOAD_CONST 16 (break), 6 END_FINALLY, 7 NOP, 8 LOAD_CONST, 11 RETURN_VALUE
    let code =
        code(&[(SETUP_LOOP, 5), (LOAD_CONST, 1), (END_FINALLY, 0), (NOP, 0), (LOAD_CONST, 0), (RETURN_VALUE, 0)]);
    assert!(is_legal(&frame(&code, &[0, 3, 6, 8, 11], Left::Return)));
    assert!(!is_legal(&frame(&code, &[0, 3, 6, 7, 8, 11], Left::Return)));
}

#[test]
fn with_swallows_an_exception_or_raises_it_again_and_passes_a_return_on() {
    // 0 LOAD_NAME, 3 SETUP_WITH 15, 6 POP_TOP, 7 LOAD_NAME, 10 RETURN_VALUE, 11 POP_BLOCK, 12
    // LOAD_CONST None, 15 WITH_CLEANUP, 16 END_FINALLY, 17.. return
    let code = code(&[
        (LOAD_NAME, 0),
        (SETUP_WITH, 9),
        (POP_TOP, 0),
        (LOAD_NAME, 0),
        (RETURN_VALUE, 0),
        (POP_BLOCK, 0),
        (LOAD_CONST, 0),
        (WITH_CLEANUP, 0),
        (END_FINALLY, 0),
        (LOAD_CONST, 0),
        (RETURN_VALUE, 0),
    ]);
    assert!(is_legal(&raising_at(frame(&code, &[0, 3, 6, 7, 15, 16, 17, 20], Left::Return), 7)), "swallowed");
    assert!(is_legal(&raising_at(frame(&code, &[0, 3, 6, 7, 15, 16], Left::Exception), 7)), "raised again");
    assert!(is_legal(&frame(&code, &[0, 3, 6, 7, 10, 15, 16], Left::Return)));
    assert!(!is_legal(&frame(&code, &[0, 3, 6, 7, 10, 15, 16, 17, 20], Left::Return)), "a return is never swallowed");
}

#[test]
fn a_generator_goes_on_after_its_yield_or_at_a_handler_when_thrown_into() {
    // 0 SETUP_EXCEPT 12, 3 LOAD_CONST, 6 YIELD_VALUE, 7 POP_TOP, 8 JUMP_FORWARD 15, 11 NOP, 12
    // POP_TOP*3, 15 LOAD_CONST, 18 RETURN_VALUE
    let code = code(&[
        (SETUP_EXCEPT, 9),
        (LOAD_CONST, 0),
        (YIELD_VALUE, 0),
        (POP_TOP, 0),
        (JUMP_FORWARD, 4),
        (NOP, 0),
        (POP_TOP, 0),
        (POP_TOP, 0),
        (POP_TOP, 0),
        (LOAD_CONST, 0),
        (RETURN_VALUE, 0),
    ]);
    let started = frame(&code, &[0, 3, 6], Left::Yield);
    let resumed = |events: Vec<Event>| [started.clone(), vec![Event::Resumed { thread: 0, frame: 1 }], events].concat();
    assert!(is_legal(&resumed(steps(1, &code, &[7, 8, 15]))));
    assert!(!is_legal(&resumed(steps(1, &code, &[8, 15]))));
    assert!(is_legal(&resumed([vec![raised(1)], steps(1, &code, &[12, 13])].concat())));
    assert!(!is_legal(&resumed(steps(1, &code, &[12, 13]))), "nothing was thrown");
    assert!(!is_legal(&resumed(vec![raised(1), left(1, Left::Exception)])), "the handler is passed over");
    assert!(is_legal(&[entered(1, &code), raised(1), left(1, Left::Exception)]), "thrown into before it started");
    assert!(!is_legal(&[started.clone(), steps(1, &code, &[7])].concat()), "not resumed");
}
