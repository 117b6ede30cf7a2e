//! The state of the program at any instruction, made of the values that a trace holds: the value stack, the block stack and the
//! local variables of each frame, as ceval.c's PyEval_EvalFrameEx keeps them.  What stands for a value is up to the caller: the value
//! itself, or what a view wants to know of it.

use rustc_hash::FxHashMap;

use crate::bytecode::Instruction;
use crate::bytecode::opcode::{self, EXTENDED_ARG, op};
use crate::trace::value::{UnitValues, Value};

/// An entry of a value stack, or a local variable.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry<V = Value> {
    /// What it is was recorded.
    Known(V),
    /// The constant of this index: the code says what it is.
    Constant(i32),
    /// Something that was not recorded: a traceback, a local variable from before the trace.
    Unknown,
    /// What unwinding put there for END_FINALLY.
    Why(Why),
}

/// Why a block is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    Exception,
    Return,
    Break,
    Continue(i32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockKind {
    Loop,
    Except,
    /// SETUP_FINALLY and SETUP_WITH.
    Finally,
}

/// An entry of a block stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    pub kind: BlockKind,
    /// Entries of the value stack that stay when it is left.
    pub level: usize,
}

/// One frame.
#[derive(Clone, Debug, PartialEq)]
pub struct FrameState<V = Value> {
    pub stack: Vec<Entry<V>>,
    pub blocks: Vec<Block>,
    /// Local variables by index, those that the trace has.
    pub locals: FxHashMap<i32, Entry<V>>,
    /// The instruction whose results are not there yet.
    due: Option<Instruction>,
}

impl<V> Default for FrameState<V> {
    fn default() -> FrameState<V> {
        FrameState { stack: Vec::new(), blocks: Vec::new(), locals: FxHashMap::default(), due: None }
    }
}

impl FrameState {
    /// Takes the values before an instruction: arguments, and what the instruction before has produced after all.
    pub fn arrive(&mut self, values: &UnitValues) {
        self.arrive_with(&values.arguments, &values.late);
    }
}

impl<V: Clone> FrameState<V> {
    /// As [`FrameState::arrive`], of what stands for the values.
    pub fn arrive_with(&mut self, arguments: &[V], late: &[V]) {
        for (place, argument) in arguments.iter().enumerate() {
            self.locals.insert(place as i32, Entry::Known(argument.clone()));
        }
        match (self.due.take(), late.last()) {
            (Some(instruction), _) => self.finish(&instruction, late),
            // A constant or local variable that the code does not have, if threads have switched after it.
            (None, Some(value)) => {
                self.pop(1);
                self.stack.push(Entry::Known(value.clone()));
            }
            (None, None) => {}
        }
    }

    /// Executes an instruction, the last of its unit, as far as it goes without its results; `results` are those that were recorded.
    pub fn execute(&mut self, instruction: &Instruction, results: &[V], jumped: bool) {
        debug_assert_ne!(instruction.opcode, EXTENDED_ARG, "a unit ends with another opcode");
        let operand = instruction.operand.unwrap_or(0);
        if matches!(instruction.opcode, op::IMPORT_STAR | op::EXEC_STMT) {
            // IMPORT_STAR and EXEC_STMT may have changed any local variable.
            self.locals.clear();
        }
        match instruction.opcode {
            op::POP_TOP
            | op::IMPORT_STAR
            | op::POP_BLOCK..=op::END_FINALLY
            | op::BREAK_LOOP
            | op::WITH_CLEANUP
            | op::RETURN_VALUE
            | op::CONTINUE_LOOP => self.leave(instruction.opcode, operand),
            op::ROT_TWO => self.rotate(2),
            op::ROT_THREE => self.rotate(3),
            op::ROT_FOUR => self.rotate(4),
            op::DUP_TOP => self.copy(1),
            op::DUP_TOPX => self.copy(operand.clamp(0, 5) as usize),
            // What the code does not have was recorded.
            op::LOAD_CONST | op::LOAD_FAST if !results.is_empty() => self.finish(instruction, results),
            op::LOAD_CONST => self.stack.push(Entry::Constant(operand)),
            op::LOAD_FAST => self.stack.push(self.locals.get(&operand).cloned().unwrap_or(Entry::Unknown)),
            op::STORE_FAST => {
                let value = self.stack.pop().unwrap_or(Entry::Unknown);
                self.locals.insert(operand, value);
            }
            op::DELETE_FAST => {
                self.locals.remove(&operand);
            }
            op::SETUP_LOOP => self.block(BlockKind::Loop),
            op::SETUP_EXCEPT => self.block(BlockKind::Except),
            op::SETUP_FINALLY => self.block(BlockKind::Finally),
            op::JUMP_IF_FALSE_OR_POP | op::JUMP_IF_TRUE_OR_POP if jumped => {}
            // FOR_ITER at the end of the iteration.
            op::FOR_ITER if jumped => self.pop(1),
            _ if results.is_empty() && produces(instruction) => self.due = Some(*instruction),
            _ => self.finish(instruction, results),
        }
    }

    /// Pops what an instruction consumes and pushes what it has produced.
    fn finish(&mut self, instruction: &Instruction, results: &[V]) {
        let pops = pops(instruction);
        self.pop(pops);
        match instruction.opcode {
            op::SETUP_WITH => {
                // The object's __exit__, a block that leaves it there, and what __enter__ gave.
                self.stack.push(Entry::Unknown);
                self.block(BlockKind::Finally);
            }
            op::UNPACK_SEQUENCE => {
                self.stack.extend(results.iter().rev().cloned().map(Entry::Known));
                let recorded = results.len();
                let count = instruction.operand.unwrap_or(0).max(0) as usize;
                self.stack.extend((recorded..count).map(|_| Entry::Unknown));
                return;
            }
            _ => {}
        }
        match results.last() {
            Some(result) => self.stack.push(Entry::Known(result.clone())),
            // An opcode that 2.7 does not define pushes what is shown, if a library has given it a meaning.
            None if produces(instruction) && opcode::name(instruction.opcode).is_some() => {
                self.stack.push(Entry::Unknown)
            }
            None => {}
        }
    }

    fn leave(&mut self, opcode: u8, operand: i32) {
        match opcode {
            // POP_TOP, IMPORT_STAR.
            op::POP_TOP | op::IMPORT_STAR => self.pop(1),
            // POP_BLOCK.
            op::POP_BLOCK => {
                if let Some(block) = self.blocks.pop() {
                    self.stack.truncate(block.level);
                }
            }
            // BREAK_LOOP, CONTINUE_LOOP, RETURN_VALUE.
            op::BREAK_LOOP => self.unwind(Why::Break),
            op::CONTINUE_LOOP => self.unwind(Why::Continue(operand)),
            op::RETURN_VALUE => {
                self.pop(1);
                self.unwind(Why::Return);
            }
            // END_FINALLY.
            op::END_FINALLY => match self.stack.last() {
                Some(Entry::Why(why @ (Why::Return | Why::Continue(_)))) => {
                    let why = *why;
                    self.pop(2);
                    self.unwind(why);
                }
                Some(Entry::Why(Why::Break)) => {
                    self.pop(1);
                    self.unwind(Why::Break);
                }
                Some(Entry::Why(Why::Exception)) => {
                    self.pop(3);
                    self.unwind(Why::Exception);
                }
                _ => self.pop(1),
            },
            // WITH_CLEANUP takes __exit__ from under what END_FINALLY will look at.
            _ => {
                let below = match self.stack.last() {
                    Some(Entry::Why(Why::Exception)) => 4,
                    Some(Entry::Why(Why::Return | Why::Continue(_))) => 3,
                    _ => 2,
                };
                if let Some(place) = self.stack.len().checked_sub(below) {
                    self.stack.remove(place);
                }
            }
        }
    }

    /// An exception was raised, or came out of what was called.
    pub fn raise(&mut self) {
        self.due = None;
        self.unwind(Why::Exception);
    }

    /// Says what WITH_CLEANUP's exception became: `__exit__` has swallowed it.
    pub fn swallow(&mut self) {
        self.pop(3);
        self.stack.push(Entry::Constant(-1));
    }

    /// As the loop at fast_block_end.
    fn unwind(&mut self, why: Why) {
        while let Some(block) = self.blocks.pop() {
            if block.kind == BlockKind::Loop && matches!(why, Why::Continue(_)) {
                self.blocks.push(block);
                return;
            }
            self.stack.truncate(block.level);
            match (block.kind, why) {
                (BlockKind::Loop, Why::Break) => return,
                (BlockKind::Except | BlockKind::Finally, Why::Exception) => {
                    self.stack.extend([Entry::Unknown, Entry::Unknown, Entry::Why(why)]);
                    return;
                }
                (BlockKind::Finally, _) => {
                    if matches!(why, Why::Return | Why::Continue(_)) {
                        self.stack.push(Entry::Unknown);
                    }
                    self.stack.push(Entry::Why(why));
                    return;
                }
                _ => {}
            }
        }
    }

    fn block(&mut self, kind: BlockKind) {
        self.blocks.push(Block { kind, level: self.stack.len() });
    }

    fn pop(&mut self, count: usize) {
        self.stack.truncate(self.stack.len().saturating_sub(count));
    }

    fn rotate(&mut self, count: usize) {
        if let Some(place) = self.stack.len().checked_sub(count) {
            self.stack[place..].rotate_right(1);
        }
    }

    fn copy(&mut self, count: usize) {
        let place = self.stack.len().saturating_sub(count);
        let copies = self.stack[place..].to_vec();
        self.stack.extend(copies);
    }
}

/// Whether an instruction leaves a result.
fn produces(instruction: &Instruction) -> bool {
    let effect = crate::bytecode::effect::of(instruction.opcode, instruction.operand.unwrap_or(0));
    effect.results > 0 || (instruction.opcode == op::UNPACK_SEQUENCE && instruction.operand.unwrap_or(0) > 0)
}

/// Entries that an instruction pops which has no way of its own.
pub fn pops(instruction: &Instruction) -> usize {
    let operand = instruction.operand.unwrap_or(0).max(0) as usize;
    match instruction.opcode {
        op::BUILD_TUPLE..=op::BUILD_SET => operand,
        op::MAKE_FUNCTION => operand + 1,
        op::MAKE_CLOSURE => operand + 2,
        op::IMPORT_NAME => 2,
        // FOR_ITER and IMPORT_FROM leave what they look at; STORE_MAP and MAP_ADD the dict.
        op::FOR_ITER | op::IMPORT_FROM => 0,
        opcode => crate::bytecode::effect::of(opcode, instruction.operand.unwrap_or(0)).operands as usize,
    }
}
