//! A call, and what came of it.

use std::rc::Rc;

use crate::bytecode::Instruction;
use crate::bytecode::opcode::op;
use crate::read::steps::Entry;
use crate::trace::event::{StandIn, StandInUse};
use crate::trace::value::Value;
use crate::trace::{Code, Raised, SinkError};

/// A call that was begun.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// Numbered from 1 in the order in which calls begin.
    pub(super) id: u64,
    /// The call that it was made in; None for one that none of those shown made.
    pub(super) parent: Option<u64>,
    /// Calls around it.
    pub(super) indent: u32,
    pub(super) thread: u32,
    /// The instruction that made it, or the frame's first one.
    pub(super) number: u64,
    pub(super) kind: Kind,
    /// It is counted and not printed, like all that it calls.
    pub(super) is_folded: bool,
}

/// What begins a call.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// An instruction of this code object: a call, an import or an exec.
    Instruction { code: Rc<Code>, instruction: Instruction, operands: Vec<Value> },
    /// A frame that C code entered: a callback, an operator's method, a generator; or one that a call of Python code that is not shown
    /// entered.  `by` is the offset of the instruction that its caller was at, if that is known.
    Frame { code: Rc<Code>, arguments: Vec<Value>, entry: Entry, by: Option<i32> },
    /// A use of a stand-in for something that is missing.
    StandIn(StandIn),
}

impl Kind {
    /// Whether an instruction shows this use already: it imports, or calls what has this name.
    pub(super) fn shows(&self, used: &StandIn) -> bool {
        let Kind::Instruction { operands, instruction, .. } = self else { return false };
        match (used.kind, operands.first()) {
            (StandInUse::Import, _) => instruction.opcode == op::IMPORT_NAME,
            (StandInUse::Call, Some(Value::Object { name, .. })) => **name == *used.name(),
            _ => false,
        }
    }
}

/// What came of a call.
#[derive(Clone, Debug, Default)]
pub(super) enum Outcome {
    Returned(Value),
    Yielded(Value),
    Raised(Raised),
    /// The trace does not say.
    #[default]
    Unknown,
}

/// Prints calls as they begin and end.
pub(super) trait Renderer {
    fn begin(&mut self, call: &Call) -> Result<(), SinkError>;

    /// Ends a call; `number` is the last instruction executed.
    fn end(&mut self, call: &Call, outcome: &Outcome, number: u64) -> Result<(), SinkError>;

    /// Says how many calls of one kind were made in a call, or in none, besides those that were printed.
    fn folded(&mut self, like: &Call, times: u64) -> Result<(), SinkError>;
}
