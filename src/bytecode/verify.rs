//! Verifies code objects: whether ceval.c's PyEval_EvalFrameEx, however it executes one, stays within the code string, the tables that
//! operands index, and the memory of its frame.  Verified code changes memory only as the VM's objects allow it.
//!
//! It follows every path through the code with what is known of each entry of the value stack.  Where it is not sure it answers no.  All
//! that compile.c makes of the standard library is verified (tests/verified.rs).

mod state;

use super::decode::Unit;
use super::layout::Layout;
use super::object::{MarshalledCode, Object};
use super::opcode::{self, OperandKind, op};
use super::stack;
use state::{Block, EXCEPTION, Entry, Kind, Proof, State, Unproven};

/// What it goes by, beside the code string and its layout.
#[derive(Clone, Debug)]
pub struct Facts {
    pub constants: Vec<Constant>,
    pub names: usize,
    pub locals: u32,
    /// The names of local variables.
    pub variable_names: usize,
    pub cell_variables: usize,
    pub free_variables: usize,
    pub argcount: u32,
    pub flags: u32,
    pub stacksize: u32,
}

impl Facts {
    /// Those of a code object that was read from a file.
    pub fn of(code: &MarshalledCode) -> Facts {
        let constant = |object: &Object| match object {
            Object::None => Constant::None,
            Object::Code(_) => Constant::Code,
            _ => Constant::Other,
        };
        Facts {
            constants: code.constants.iter().map(constant).collect(),
            names: code.names.len(),
            locals: code.nlocals as u32,
            variable_names: code.varnames.len(),
            cell_variables: code.cellvars.len(),
            free_variables: code.freevars.len(),
            argcount: code.argcount as u32,
            flags: code.flags as u32,
            stacksize: code.stacksize as u32,
        }
    }
}

/// What a constant is, as far as an instruction relies on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Constant {
    None,
    Code,
    Other,
}

/// Bits of co_flags: further arguments have places among the local variables (Include/code.h).
const CO_VARARGS: u32 = 0x4;
const CO_VARKEYWORDS: u32 = 0x8;
/// Blocks of a frame at most: CO_MAXBLOCKS.
const MOST_BLOCKS: usize = 20;
/// A function without its closure reads this many pointers after address 0, where no memory is.
const MOST_FREE: usize = 256;
/// Places of a frame for its stack, or for its local variables.
const MOST_PLACES: u32 = 1 << 30;
/// Operands of COMPARE_OP that PyObject_RichCompare and cmp_outcome know.
const COMPARISONS: usize = 11;

/// Returns whether a code object is verified; `layout` is that of `bytes`.
pub fn is_verified(bytes: &[u8], layout: &Layout, facts: &Facts) -> bool {
    let arguments = u64::from(facts.argcount)
        + u64::from(facts.flags & CO_VARARGS != 0)
        + u64::from(facts.flags & CO_VARKEYWORDS != 0);
    // PyEval_EvalCodeEx stores arguments by these numbers, and PyFrame_New adds the last two up in an int.
    arguments <= u64::from(facts.locals).min(facts.variable_names as u64)
        && facts.free_variables <= MOST_FREE
        && facts.stacksize < MOST_PLACES
        && facts.locals < MOST_PLACES
        && Walk::new(bytes, layout, facts).run().is_ok()
}

/// A walk over all paths through the code.
struct Walk<'a> {
    bytes: &'a [u8],
    layout: &'a Layout,
    facts: &'a Facts,
    /// For each offset the place of its state, or one of the two numbers below.
    places: Vec<u32>,
    states: Vec<State>,
    /// Offsets whose state has changed.
    open: Vec<u32>,
    /// Handlers by which CONTINUE_LOOP leaves a finally block, and where it goes from there.
    continued: Vec<(u32, usize)>,
    /// Entries that may still be copied: hostile code could have very many states of very many entries.
    left: usize,
}

/// No path leads here but from the instruction before.
const PLAIN: u32 = u32::MAX;
/// A jump or a handler leads here.
const TARGET: u32 = u32::MAX - 1;

impl<'a> Walk<'a> {
    fn new(bytes: &'a [u8], layout: &'a Layout, facts: &'a Facts) -> Walk<'a> {
        let left = 4096 + 64 * bytes.len();
        Walk {
            bytes,
            layout,
            facts,
            places: Vec::new(),
            states: Vec::new(),
            open: Vec::new(),
            continued: Vec::new(),
            left,
        }
    }

    /// Walks until no walk has found another way out of a finally block.
    fn run(&mut self) -> Proof {
        loop {
            let known = self.continued.len();
            self.walk()?;
            if self.continued.len() == known {
                return Ok(());
            }
        }
    }

    fn walk(&mut self) -> Proof {
        self.states.clear();
        self.mark_targets()?;
        self.reach(0, &State::default())?;
        while let Some(offset) = self.open.pop() {
            let state = self.states[self.places[offset as usize] as usize].clone();
            self.follow(offset, state)?;
        }
        Ok(())
    }

    fn mark_targets(&mut self) -> Proof {
        self.places = vec![PLAIN; self.bytes.len()];
        let mut at = 0;
        while let Some(unit) = Unit::decode(self.bytes, at) {
            if let Some(target) = target(&unit) {
                // Code that is never reached may have any operand.
                if let Some(place) = self.places.get_mut(target) {
                    *place = TARGET;
                }
            }
            at = unit.end;
        }
        *self.places.first_mut().ok_or(Unproven)? = TARGET;
        Ok(())
    }

    /// Notes that a path leads to an offset with these stacks.
    fn reach(&mut self, offset: usize, state: &State) -> Proof {
        let is_unit = u32::try_from(offset).is_ok_and(|offset| self.layout.index(offset).is_some());
        let place = *self.places.get(offset).filter(|_| is_unit).ok_or(Unproven)?;
        self.left = self.left.checked_sub(1 + state.entries.len()).ok_or(Unproven)?;
        let has_changed = match self.states.get_mut(place as usize) {
            Some(known) => known.join(state)?,
            None => {
                self.places[offset] = self.states.len() as u32;
                self.states.push(state.clone());
                true
            }
        };
        if has_changed {
            self.open.push(offset as u32);
        }
        Ok(())
    }

    /// Follows a path from an offset to its end, or to where others join it.
    fn follow(&mut self, offset: u32, mut state: State) -> Proof {
        let mut at = offset;
        loop {
            let unit = Unit::decode(self.bytes, at).ok_or(Unproven)?;
            if !self.step(&unit, &mut state)? {
                return Ok(());
            }
            if state.height() > self.facts.stacksize as usize {
                return Err(Unproven);
            }
            at = unit.end;
            if *self.places.get(at as usize).ok_or(Unproven)? != PLAIN {
                return self.reach(at as usize, &state);
            }
        }
    }

    /// Executes a unit; returns whether the next one follows it.
    fn step(&mut self, unit: &Unit, state: &mut State) -> Proof<bool> {
        let (opcode, operand) = (unit.last.opcode, unit.last.operand.unwrap_or(0));
        let number = usize::try_from(operand).map_err(|_| Unproven)?;
        self.check_operand(opcode, number)?;
        match opcode {
            op::NOP => {}
            op::LOAD_CONST => state.push(match self.facts.constants[number] {
                Constant::None => Entry::None,
                Constant::Code => Entry::Code,
                Constant::Other => Entry::Any,
            }),
            op::ROT_TWO => state.rotate(2)?,
            op::ROT_THREE => state.rotate(3)?,
            op::ROT_FOUR => state.rotate(4)?,
            op::DUP_TOP => state.repeat(1)?,
            op::DUP_TOPX => state.repeat(number)?,
            op::MAKE_FUNCTION | op::MAKE_CLOSURE => {
                if state.pop()? != Entry::Code {
                    return Err(Unproven);
                }
                state.pop_all(number + usize::from(opcode == op::MAKE_CLOSURE))?;
                state.push(Entry::Any);
            }
            op::LIST_APPEND | op::SET_ADD => state.add(1, number)?,
            op::MAP_ADD => state.add(2, number)?,
            op::POP_BLOCK => {
                let block = state.blocks.pop().ok_or(Unproven)?;
                state.entries.truncate(block.level);
            }
            op::WITH_CLEANUP => state.leave_with()?,
            op::END_FINALLY => return self.end_finally(state),
            op::RETURN_VALUE => {
                state.pop_all(1)?;
                return Ok(false);
            }
            op::RAISE_VARARGS => {
                state.pop_all(number)?;
                return Ok(false);
            }
            op::BREAK_LOOP => {
                let has_loop = state.blocks.iter().any(|block| block.kind == Kind::Loop);
                return if has_loop { Ok(false) } else { Err(Unproven) };
            }
            _ if opcode::operand_kind(opcode) == OperandKind::JumpRelative
                || opcode::operand_kind(opcode) == OperandKind::JumpAbsolute =>
            {
                return self.jump(unit, state);
            }
            _ => {
                let (pops, pushes) = stack::of(opcode, operand).ok_or(Unproven)?;
                state.pop_all(pops as usize)?;
                if state.entries.len() + pushes as usize > self.facts.stacksize as usize {
                    return Err(Unproven);
                }
                (0..pushes).for_each(|_| state.push(Entry::Any));
            }
        }
        Ok(true)
    }

    /// Executes an instruction that jumps or sets up a block.
    fn jump(&mut self, unit: &Unit, state: &mut State) -> Proof<bool> {
        let target = target(unit).ok_or(Unproven)?;
        match unit.last.opcode {
            op::JUMP_FORWARD | op::JUMP_ABSOLUTE => {
                self.reach(target, state)?;
                return Ok(false);
            }
            op::POP_JUMP_IF_FALSE | op::POP_JUMP_IF_TRUE => {
                state.pop_all(1)?;
                self.reach(target, state)?;
            }
            op::JUMP_IF_FALSE_OR_POP | op::JUMP_IF_TRUE_OR_POP => {
                state.check(1)?;
                self.reach(target, state)?;
                state.pop_all(1)?;
            }
            op::FOR_ITER => {
                state.check(1)?;
                let mut over = state.clone();
                over.pop_all(1)?;
                self.reach(target, &over)?;
                state.push(Entry::Any);
            }
            op::CONTINUE_LOOP => {
                self.go_on_with_loop(target, state.clone())?;
                return Ok(false);
            }
            op::SETUP_LOOP => self.set_up(target, state, &[], Kind::Loop)?,
            op::SETUP_EXCEPT => self.set_up(target, state, &EXCEPTION, Kind::Except)?,
            op::SETUP_FINALLY => self.set_up_finally(target, state)?,
            op::SETUP_WITH => {
                // __exit__ takes the manager's place; what __enter__ returns comes on top.
                state.pop_all(1)?;
                state.push(Entry::Any);
                self.set_up_finally(target, state)?;
                state.push(Entry::Any);
            }
            _ => return Err(Unproven),
        }
        Ok(true)
    }

    /// Sets up a block, whose handler finds `pushed`.
    fn set_up(&mut self, handler: usize, state: &mut State, pushed: &[Entry], kind: Kind) -> Proof {
        let mut caught = state.clone();
        caught.entries.extend_from_slice(pushed);
        if caught.height() > self.facts.stacksize as usize || state.blocks.len() == MOST_BLOCKS {
            return Err(Unproven);
        }
        self.reach(handler, &caught)?;
        state.blocks.push(Block { kind, level: state.entries.len() });
        Ok(())
    }

    fn set_up_finally(&mut self, handler: usize, state: &mut State) -> Proof {
        let offset = u32::try_from(handler).map_err(|_| Unproven)?;
        self.set_up(handler, state, &[Entry::Reason(offset)], Kind::Finally(offset))
    }

    /// Goes where CONTINUE_LOOP leads: to the loop, or first to the handler of a finally block in it.
    fn go_on_with_loop(&mut self, target: usize, mut state: State) -> Proof {
        loop {
            let Block { kind, level } = *state.blocks.last().ok_or(Unproven)?;
            match kind {
                Kind::Loop => return self.reach(target, &state),
                Kind::Finally(handler) => {
                    if !self.continued.contains(&(handler, target)) {
                        self.left = self.left.checked_sub(1 + self.continued.len()).ok_or(Unproven)?;
                        self.continued.push((handler, target));
                    }
                    return Ok(());
                }
                Kind::Except => {}
            }
            state.blocks.pop();
            state.entries.truncate(level);
        }
    }

    /// END_FINALLY; returns whether the next instruction can follow.
    fn end_finally(&mut self, state: &mut State) -> Proof<bool> {
        if state.entries.ends_with(&EXCEPTION) {
            state.check(3)?;
            return Ok(false);
        }
        let reason = state.entries.pop().ok_or(Unproven)?;
        state.check(0)?;
        match reason {
            Entry::None => Ok(true),
            Entry::Reason(handler) => {
                for (_, target) in self.continued.clone().into_iter().filter(|(left, _)| *left == handler) {
                    self.go_on_with_loop(target, state.clone())?;
                }
                Ok(true)
            }
            _ => Err(Unproven),
        }
    }

    /// Checks that an operand is in range.
    fn check_operand(&self, opcode: u8, operand: usize) -> Proof {
        let facts = self.facts;
        let is_in_range = match opcode::operand_kind(opcode) {
            OperandKind::Constant => operand < facts.constants.len(),
            OperandKind::Name => operand < facts.names,
            OperandKind::Local => operand < facts.locals as usize,
            OperandKind::Free => operand < facts.cell_variables + facts.free_variables,
            OperandKind::Compare => operand < COMPARISONS,
            _ => match opcode {
                op::DUP_TOPX | op::BUILD_SLICE => operand == 2 || operand == 3,
                op::RAISE_VARARGS => operand <= 3,
                _ => true,
            },
        };
        if is_in_range { Ok(()) } else { Err(Unproven) }
    }
}

/// Where a unit's instruction leads besides the next one, or where its block's handler is.
fn target(unit: &Unit) -> Option<usize> {
    let operand = unit.last.operand?;
    match opcode::operand_kind(unit.last.opcode) {
        OperandKind::JumpRelative => usize::try_from(i64::from(unit.end) + i64::from(operand)).ok(),
        OperandKind::JumpAbsolute => usize::try_from(operand).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
