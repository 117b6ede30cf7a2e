//! One frame of the 2.7 VM as far as control needs it: the next offset, the block stack, and of the
//! value stack what END_FINALLY and WITH_CLEANUP look at. Each function follows the place in
//! ceval.c (PyEval_EvalFrameEx) that it names; values are known only where control depends on them.

use super::opcode::*;
use super::unwind::{Outcomes, Why};

/// A code object: its bytes, and its constants as far as END_FINALLY can distinguish them.
#[derive(Debug, Default)]
pub struct Code {
    pub bytes: Vec<u8>,
    pub constants: Vec<Value>,
}

/// A value on the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    Unknown,
    None,
    /// An int: from a constant, or the reason for an unwinding (enum why_code).
    Int(i32),
    /// The type of a caught exception, which lies on its value and traceback.
    Exception,
}

/// How a frame is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    Return,
    Yield,
    Exception,
    /// The trace does not say.
    Somehow,
}

/// An instruction with its prefixes, as fetched: the operand combined, `next` the offset after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit {
    pub opcode: u8,
    pub operand: i32,
    pub next: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    pub kind: u8,
    pub handler: i64,
    pub level: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// The offset of the next instruction; None where anything may follow.
    pub next: Option<i64>,
    pub blocks: Vec<Block>,
    pub stack: Vec<Value>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    At(State),
    /// The state matters after a yield only.
    Left(Left, State),
}

/// Where an instruction can lead, and how many exceptions were newly set on the way.
pub struct Outcome {
    pub end: End,
    pub raised: u8,
}

impl Unit {
    /// Where a relative jump or block goes: counted from the end of the whole unit, and signed.
    fn target(&self) -> i64 {
        self.next + i64::from(self.operand)
    }
}

impl Code {
    /// Fetches as NEXTOP and NEXTARG do. The string ends in a NUL; what lies farther out is taken
    /// as reported.
    pub fn fetch(&self, offset: i64, prefixed: bool, high: i32, reported: u8, operand: Option<i32>) -> Unit {
        let byte = |at: i64| match usize::try_from(at) {
            Ok(at) if at < self.bytes.len() => Some(self.bytes[at]),
            Ok(at) if at == self.bytes.len() => Some(0),
            _ => None,
        };
        let opcode = byte(offset).unwrap_or(reported);
        // EXTENDED_ARG fetches two bytes for its successor whatever that is.
        if !has_operand(opcode) && !prefixed {
            return Unit { opcode, operand: 0, next: offset + 1 };
        }
        let operand = match (byte(offset + 1), byte(offset + 2)) {
            (Some(low), Some(middle)) => (high as u32) << 16 | u32::from(middle) << 8 | u32::from(low),
            _ => operand.unwrap_or(0) as u32,
        };
        Unit { opcode, operand: operand as i32, next: offset + 3 }
    }

    fn constant(&self, index: i32) -> Value {
        usize::try_from(index).ok().and_then(|index| self.constants.get(index)).copied().unwrap_or(Value::Unknown)
    }
}

impl State {
    pub fn fresh() -> State {
        State { next: Some(0), blocks: Vec::new(), stack: Vec::new() }
    }

    /// What can happen before a frame's first instruction or a generator's next: it goes on, or
    /// throw() or a signal handler raises.
    pub fn begin(&self) -> Vec<Outcome> {
        let mut outcomes = Outcomes::default();
        outcomes.go(self.clone(), 0, true);
        outcomes.0
    }

    /// Where the instruction can lead. With `trace_functions`, an exception can come after those
    /// too that dispatch without a tick.
    pub fn execute(&self, unit: &Unit, code: &Code, trace_functions: bool) -> Vec<Outcome> {
        let mut outcomes = Outcomes::default();
        let after = State { next: Some(unit.next), ..self.clone() };
        if !is_safe(unit.opcode) {
            outcomes.unwind(after.clone(), Why::Exception, 1);
        }
        let absolute = Some(i64::from(unit.operand));
        match unit.opcode {
            RETURN_VALUE => outcomes.unwind(after.popped(1), Why::Return, 0),
            BREAK_LOOP => outcomes.unwind(after, Why::Break, 0),
            CONTINUE_LOOP => outcomes.unwind(after, Why::Continue(absolute), 0),
            // do_raise: WHY_RERAISE, which is not reported, where the traceback is given.
            RAISE_VARARGS => outcomes.unwind(after, Why::Exception, 0),
            END_FINALLY => outcomes.end_finally(after),
            WITH_CLEANUP => outcomes.with_cleanup(after),
            YIELD_VALUE => {
                // gen_send_ex pushes what is sent.
                let suspended = after.popped(1).pushed(Value::Unknown);
                outcomes.0.push(Outcome { end: End::Left(Left::Yield, suspended), raised: 0 });
            }
            FOR_ITER | JUMP_FORWARD..=POP_JUMP_IF_TRUE => {
                for state in after.jump(unit) {
                    outcomes.go(state, 0, trace_functions || unit.opcode != JUMP_FORWARD);
                }
            }
            other => {
                if let Some(state) = after.compute(unit, code) {
                    outcomes.go(state, 0, trace_functions || !is_fast(other));
                }
            }
        }
        outcomes.0
    }

    /// The jumps: the one or two places to go to.
    fn jump(self, unit: &Unit) -> Vec<State> {
        let absolute = State { next: Some(i64::from(unit.operand)), ..self.clone() };
        let relative = State { next: Some(unit.target()), ..self.clone() };
        match unit.opcode {
            FOR_ITER => vec![relative.popped(1), self.pushed(Value::Unknown)],
            JUMP_FORWARD => vec![relative],
            JUMP_ABSOLUTE => vec![absolute],
            JUMP_IF_FALSE_OR_POP | JUMP_IF_TRUE_OR_POP => vec![absolute, self.popped(1)],
            _ => vec![absolute.popped(1), self.popped(1)],
        }
    }

    /// What only moves values and blocks; None where the VM knows no such opcode, or ends the
    /// process.
    fn compute(mut self, unit: &Unit, code: &Code) -> Option<State> {
        match unit.opcode {
            SETUP_LOOP | SETUP_EXCEPT | SETUP_FINALLY => self.set_up(unit),
            SETUP_WITH => {
                // The context is replaced by its __exit__; what __enter__ returned comes on top.
                self = self.popped(1).pushed(Value::Unknown);
                self.set_up(unit);
                self = self.pushed(Value::Unknown);
            }
            POP_BLOCK => {
                let block = self.blocks.pop()?;
                self.stack.truncate(block.level);
            }
            LOAD_CONST => self.stack.push(code.constant(unit.operand)),
            ROT_TWO => self.rotate(2),
            ROT_THREE => self.rotate(3),
            ROT_FOUR => self.rotate(4),
            DUP_TOP => self.duplicate(1),
            DUP_TOPX => self.duplicate(unit.operand.clamp(0, 3) as usize),
            other => {
                let (taken, put) = effect(other, unit.operand)?;
                self = self.popped(taken);
                self.stack.extend(std::iter::repeat_n(Value::Unknown, put));
            }
        }
        Some(self)
    }

    fn rotate(&mut self, count: usize) {
        let top = self.top(1);
        self.stack.pop();
        let below = self.stack.len().saturating_sub(count - 1);
        self.stack.insert(below, top);
    }

    fn duplicate(&mut self, count: usize) {
        let copied: Vec<Value> = (1..=count).rev().map(|depth| self.top(depth)).collect();
        self.stack.extend(copied);
    }

    fn pushed(mut self, value: Value) -> State {
        self.stack.push(value);
        self
    }

    pub fn popped(mut self, count: usize) -> State {
        self.stack.truncate(self.stack.len().saturating_sub(count));
        self
    }

    /// The value `depth` from the top, from 1; unknown below the frame's stack, where only broken
    /// code reaches.
    pub fn top(&self, depth: usize) -> Value {
        self.stack.len().checked_sub(depth).map_or(Value::Unknown, |index| self.stack[index])
    }

    /// PyFrame_BlockSetup.
    fn set_up(&mut self, unit: &Unit) {
        self.blocks.push(Block { kind: unit.opcode, handler: unit.target(), level: self.stack.len() });
    }
}
