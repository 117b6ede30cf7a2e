//! Where the eval loop goes when something ends a block: ceval.c from `fast_block_end` on, and the
//! two opcodes that undo it, END_FINALLY and WITH_CLEANUP.

use super::machine::{End, Left, Outcome, State, Value};
use super::opcode::*;

/// Why the block stack is unwound: enum why_code, with what RETURN and CONTINUE carry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Why {
    Exception,
    Return,
    Break,
    Continue(Option<i64>),
    Other(i32),
}

/// What an instruction can lead to, being collected.
#[derive(Default)]
pub struct Outcomes(pub Vec<Outcome>);

impl Outcomes {
    /// Goes on at `state`; with a tick, a signal handler or another thread may have set an
    /// exception first.
    pub fn go(&mut self, state: State, raised: u8, tick: bool) {
        if tick && raised < 2 {
            self.unwind(state.clone(), Why::Exception, raised + 1);
        }
        self.0.push(Outcome { end: End::At(state), raised });
    }

    /// fast_block_end: unwinds the block stack until a block takes the reason, or the frame ends.
    pub fn unwind(&mut self, mut state: State, why: Why, raised: u8) {
        while let Some(&block) = state.blocks.last() {
            if let (SETUP_LOOP, Why::Continue(target)) = (block.kind, why) {
                state.next = target;
                return self.go(state, raised, true);
            }
            state.blocks.pop();
            state.stack.truncate(block.level);
            state.next = Some(block.handler);
            match (block.kind, why) {
                (SETUP_LOOP, Why::Break) => return self.go(state, raised, true),
                (SETUP_LOOP, _) => {}
                (_, Why::Exception) => {
                    state.stack.extend([Value::Unknown, Value::Unknown, Value::Exception]);
                    return self.go(state, raised, true);
                }
                (SETUP_EXCEPT, _) => {}
                _ => {
                    match why {
                        Why::Return => state.stack.push(Value::Unknown),
                        Why::Continue(target) => {
                            state.stack.push(target.map_or(Value::Unknown, |target| Value::Int(target as i32)))
                        }
                        _ => {}
                    }
                    state.stack.push(Value::Int(why.number()));
                    return self.go(state, raised, true);
                }
            }
        }
        let left = if why == Why::Return { Left::Return } else { Left::Exception };
        self.0.push(Outcome { end: End::Left(left, State::fresh()), raised });
    }

    pub fn end_finally(&mut self, state: State) {
        let popped = state.clone().popped(1);
        match state.top(1) {
            Value::None => self.go(popped, 0, true),
            Value::Exception => self.unwind(popped.popped(2), Why::Exception, 0),
            Value::Int(number) => self.end_by_number(popped, number),
            Value::Unknown => {
                self.go(popped.clone(), 0, true);
                self.unwind(popped.clone().popped(2), Why::Exception, 0);
                for number in [8, 16, 32] {
                    self.end_by_number(popped.clone(), number);
                }
            }
        }
    }

    /// END_FINALLY with an int: it is taken as an enum why_code, whatever put it there.
    fn end_by_number(&mut self, state: State, number: i32) {
        let below = state.top(1);
        match number {
            1 => self.go(state, 0, true),
            2 | 4 => self.unwind(state, Why::Exception, 1), // without an exception set: SystemError
            8 => self.unwind(state.popped(1), Why::Return, 0),
            16 => self.unwind(state, Why::Break, 0),
            32 => {
                let target = if let Value::Int(target) = below { Some(i64::from(target)) } else { None };
                self.unwind(state.popped(1), Why::Continue(target), 0);
            }
            other => self.unwind(state, Why::Other(other), 0),
        }
    }

    /// Takes __exit__ from below what END_FINALLY will look at; a true result for an exception puts
    /// None in its place.
    pub fn with_cleanup(&mut self, mut state: State) {
        let reason = state.top(1);
        let kept = match reason {
            Value::Exception => 3,
            Value::Int(8 | 32) => 2,
            _ => 1,
        };
        let below = state.stack.len().saturating_sub(kept + 1);
        if reason == Value::Unknown {
            // Only broken code: what lies there is not known, so neither is how much.
            state.stack.truncate(below);
            state.stack.push(Value::Unknown);
            return self.go(state, 0, true);
        }
        if below < state.stack.len() {
            state.stack.remove(below);
        }
        if reason == Value::Exception {
            let mut swallowed = state.clone().popped(3);
            swallowed.stack.push(Value::None);
            self.go(swallowed, 0, true);
        }
        self.go(state, 0, true);
    }
}

impl Why {
    /// enum why_code.
    fn number(self) -> i32 {
        match self {
            Why::Exception => 2,
            Why::Return => 8,
            Why::Break => 16,
            Why::Continue(_) => 32,
            Why::Other(number) => number,
        }
    }
}
