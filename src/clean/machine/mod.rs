//! The exact model of what a code object can do: every state of (offset, block stack, value stack) that can be reached, and what the
//! instruction in it comes down to once loops, jumps and blocks that catch nothing are taken away.  Follows PyEval_EvalFrameEx
//! (Python/ceval.c) of 2.7.18.

mod conditions;
mod dead;
pub mod effect;
mod explore;
mod fold;
mod graph;
mod handlers;
mod implausible;
mod known;
mod opaque;
mod step;
mod untaken;
mod unwind;
mod variables;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use super::evidence::Executed;
use super::value::{Literal, Value};
use super::{Change, Untaken};
use crate::bytecode::object::MarshalledCode;
pub use dead::{Dead, dead};
pub use explore::explore;
pub use implausible::runs_prefixes;
pub use variables::is_unchanging;

/// What a block on the block stack is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    Loop,
    Except,
    Finally,
    With,
}

/// An entry of the block stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Block {
    pub kind: Kind,
    pub handler: i32,
    /// Entries of the value stack below it.
    pub level: u32,
    /// The offset of the SETUP instruction.
    pub setup: u32,
}

/// A variable that a state can depend on: a place among the locals, or among the names after them.
pub type Variable = usize;

/// What makes two states the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    pub offset: i32,
    pub blocks: Rc<[Block]>,
    pub stack: Rc<[Value]>,
    /// The values of the variables that states are told apart by.
    pub tracked: Vec<Option<Literal>>,
}

/// What is known of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Variants {
    Unbound,
    Bound,
    Constant(Literal),
    /// Something else that never changes, such as an int of which only something is known.
    Known(Value),
    /// It may be unbound.
    Any,
}

pub type NodeId = usize;

/// One thing that is done in a state.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Act {
    /// The instruction with its operand.
    Run(u8, Option<i32>),
    /// A constant is pushed that need not be among those of the code object.
    Push(Literal),
    /// A block that catches something is left.
    Leave,
    /// What a finally block was entered with goes, one to three entries, as a loop around it is left.
    Drop,
}

/// Where control goes after that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    Go(NodeId),
    Branch {
        opcode: u8,
        taken: NodeId,
        next: NodeId,
    },
    /// FOR_ITER.
    Iterate {
        done: NodeId,
        next: NodeId,
    },
    /// A block that catches something begins; the handler is None if nothing is known to reach it.
    Setup {
        opcode: u8,
        setup: u32,
        handler: Option<NodeId>,
        next: NodeId,
    },
    /// END_FINALLY of what can be entered in several ways: where it goes on if nothing is to be done, and where a break or continue goes, by opcode.
    EndFinally {
        next: Option<NodeId>,
        others: Vec<(u8, NodeId)>,
    },
    /// A return, a raise, an instruction that always fails; with the operand.
    End(u8, Option<i32>),
    /// BREAK_LOOP or CONTINUE_LOOP through a finally or with block; where it gets to in the end is known at END_FINALLY.
    Through(u8),
    /// The model does not know what happens, or the VM's memory would be read.
    Lost(&'static str),
}

/// A state, and what is done in it.
#[derive(Clone, Debug)]
pub struct Node {
    pub key: Key,
    /// The bytes that the instruction takes, prefixes included.
    pub end: u32,
    pub acts: Vec<Act>,
    pub exit: Exit,
}

/// Why the model gives up on a code object; it is then kept as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why} at offset {offset}")]
pub struct Unmodelled {
    pub offset: i32,
    pub why: &'static str,
}

/// The ways into a finally or with block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reasons {
    pub normal: bool,
    pub raised: bool,
    pub returned: bool,
    pub broken: bool,
    /// The targets of CONTINUE_LOOP.
    pub continued: BTreeSet<i32>,
}

/// What is given to the model.
pub struct Input<'a> {
    pub code: &'a MarshalledCode,
    pub executed: Option<&'a Executed>,
    pub untaken: Untaken,
    /// Offsets of conditions, and of instructions that always failed, without the side that never ran.
    pub cut: &'a BTreeSet<u32>,
    /// Names that no code of the program stores to, so that they are the builtins.
    pub is_builtin: &'a dyn Fn(&[u8]) -> bool,
    /// Useless EXTENDED_ARGs of the program ran: those that did not run say nothing about what they stand in.
    pub runs_prefixes: bool,
    /// Some code may look up globals by their names.
    pub is_looked_up: bool,
    /// Names that nothing else uses, by their places: what is known of them stays known.
    pub own: &'a BTreeSet<usize>,
    /// Variables that states are told apart by.
    pub tracked: Vec<Variable>,
    /// Where they are not.
    pub dead: &'a Dead,
    /// Constants on the stack say where to go on: states are told apart by all of them.
    pub splits_stack: bool,
    /// States at most.
    pub most: usize,
    /// The program may give functions other code.
    pub replaces_code: bool,
    /// A failure is never a jump: the program asks for the exception that was handled last.
    pub keeps_exceptions: bool,
}

/// All that a code object can do.
#[derive(Debug, Default)]
pub struct Graph {
    pub nodes: Vec<Node>,
    pub entry: NodeId,
    /// Conditions that were decided, by offset: why.
    pub decided: BTreeMap<u32, Change>,
    /// SETUP instructions of blocks that catch something.
    pub real: BTreeSet<u32>,
    /// Offsets of instructions whose failure was a jump.
    pub thrown: BTreeSet<u32>,
    /// SETUP instructions of blocks whose handlers only end: an exception or return goes on as if there were none.
    pub transparent: BTreeSet<u32>,
    /// What is known of each variable before each state.
    pub variables: HashMap<NodeId, Rc<Vec<Variants>>>,
}
