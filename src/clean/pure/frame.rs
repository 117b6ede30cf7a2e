//! A function's frame: its instructions one after the other.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::{Cell, Function, Runner, Thing, constant, literal};
use crate::bytecode::Unit;
use crate::bytecode::object::MarshalledCode;
use crate::bytecode::opcode::op;
use crate::clean::machine::effect;
use crate::clean::value::Literal;

/// CO_VARARGS, CO_VARKEYWORDS and CO_GENERATOR (Include/code.h).
const STARRED: i32 = 0x4;
const KEYWORDS: i32 = 0x8;
const GENERATOR: i32 = 0x20;

/// Entries of the value stack.
const MOST_STACK: usize = 1000;

/// A frame, or the part of one that an expression needs.
pub struct Frame<'a> {
    pub code: &'a MarshalledCode,
    pub stack: Vec<Thing<'a>>,
    pub locals: HashMap<i32, Thing<'a>>,
    /// Globals or names that it stored to.
    pub names: HashMap<i32, Thing<'a>>,
    cells: Vec<Cell<'a>>,
    /// Where the loops around it end, and how many entries the stack has there.
    loops: Vec<(u32, usize)>,
    yielded: Vec<Literal>,
}

/// Where a frame goes on.
enum Next<'a> {
    After,
    At(u32),
    Returned(Thing<'a>),
}

impl<'a> Frame<'a> {
    pub fn new(code: &'a MarshalledCode) -> Frame<'a> {
        Frame {
            code,
            stack: Vec::new(),
            locals: HashMap::new(),
            names: HashMap::new(),
            cells: Vec::new(),
            loops: Vec::new(),
            yielded: Vec::new(),
        }
    }

    fn pop(&mut self) -> Option<Thing<'a>> {
        self.stack.pop()
    }

    fn truth(&mut self) -> Option<bool> {
        match self.stack.last()? {
            Thing::Plain(literal) => literal.truth(),
            Thing::List(items) => Some(!items.borrow().is_empty()),
            _ => None,
        }
    }
}

impl<'a> Runner<'a, '_> {
    /// Calls a function; of a generator the body does not begin yet.
    pub(super) fn run(&mut self, function: &Rc<Function<'a>>, arguments: &[Thing<'a>]) -> Option<Thing<'a>> {
        let code = function.code;
        let wanted = usize::try_from(code.argcount).ok()?;
        if code.flags & KEYWORDS != 0 {
            return None;
        }
        let is_starred = code.flags & STARRED != 0;
        let (arguments, more) = arguments.split_at(arguments.len().min(if is_starred { wanted } else { usize::MAX }));
        let missing = wanted.checked_sub(arguments.len())?;
        let from = function.defaults.len().checked_sub(missing)?;
        let mut arguments: Vec<Thing> = arguments.iter().chain(&function.defaults[from..]).cloned().collect();
        if is_starred {
            let more: Option<Vec<Literal>> = more.iter().map(literal).collect();
            let more = more.filter(|more| more.len() <= super::MOST_IN_TUPLE && !more.iter().any(super::is_tuple))?;
            arguments.push(Thing::Plain(Literal::Tuple(more)));
        }
        if code.flags & GENERATOR != 0 {
            return arguments
                .iter()
                .all(super::is_shallow)
                .then(|| Thing::Generator(function.clone(), arguments.clone()));
        }
        let mut frame = self.frame(function, arguments)?;
        self.finish(&mut frame)
    }

    /// All that a generator yields.
    pub(super) fn yielded(&mut self, function: &Rc<Function<'a>>, arguments: Vec<Thing<'a>>) -> Option<Vec<Literal>> {
        let mut frame = self.frame(function, arguments)?;
        self.finish(&mut frame)?;
        Some(frame.yielded)
    }

    fn frame(&mut self, function: &Rc<Function<'a>>, arguments: Vec<Thing<'a>>) -> Option<Frame<'a>> {
        let code = function.code;
        let mut frame = Frame::new(code);
        if !code.cellvars.is_empty() && !arguments.iter().all(super::is_shallow) {
            return None;
        }
        for name in &code.cellvars {
            let place = code.varnames.iter().take(arguments.len()).position(|other| other == name);
            frame.cells.push(Rc::new(RefCell::new(place.map(|place| arguments[place].clone()))));
        }
        if function.cells.len() != code.freevars.len() {
            return None;
        }
        frame.cells.extend(function.cells.iter().cloned());
        frame.locals = (0..).zip(arguments).collect();
        Some(frame)
    }

    /// Runs a frame to its end.
    fn finish(&mut self, frame: &mut Frame<'a>) -> Option<Thing<'a>> {
        if self.depth >= super::DEPTH {
            return None;
        }
        self.depth += 1;
        let result = self.steps(frame);
        self.depth -= 1;
        result
    }

    fn steps(&mut self, frame: &mut Frame<'a>) -> Option<Thing<'a>> {
        let mut offset = 0;
        loop {
            self.spend(1)?;
            let unit = Unit::decode(&frame.code.bytes, offset)?;
            match self.step(frame, unit.last.opcode, unit.last.operand.unwrap_or(0), unit.end)? {
                Next::After => offset = unit.end,
                Next::At(other) => offset = other,
                Next::Returned(value) => return Some(value),
            }
        }
    }

    fn step(&mut self, frame: &mut Frame<'a>, opcode: u8, operand: i32, end: u32) -> Option<Next<'a>> {
        let target = || u32::try_from(operand).ok();
        match opcode {
            op::JUMP_FORWARD => return Some(Next::At(end.checked_add(target()?)?)),
            op::JUMP_ABSOLUTE => return Some(Next::At(target()?)),
            op::POP_JUMP_IF_FALSE | op::POP_JUMP_IF_TRUE => {
                let truth = frame.truth()?;
                frame.pop();
                return Some(if truth == (opcode == op::POP_JUMP_IF_TRUE) { Next::At(target()?) } else { Next::After });
            }
            op::JUMP_IF_FALSE_OR_POP | op::JUMP_IF_TRUE_OR_POP => {
                if frame.truth()? == (opcode == op::JUMP_IF_TRUE_OR_POP) {
                    return Some(Next::At(target()?));
                }
                frame.pop();
            }
            op::FOR_ITER => {
                let Thing::Iterator(source) = frame.stack.last()?.clone() else { return None };
                let item = source.borrow_mut().next();
                match item {
                    Some(item) => frame.stack.push(Thing::Plain(item)),
                    None => {
                        frame.pop();
                        return Some(Next::At(end.checked_add(target()?)?));
                    }
                }
            }
            op::SETUP_LOOP => frame.loops.push((end.checked_add(target()?)?, frame.stack.len())),
            op::POP_BLOCK | op::BREAK_LOOP => {
                let (after, depth) = frame.loops.pop()?;
                frame.stack.truncate(depth);
                return Some(if opcode == op::BREAK_LOOP { Next::At(after) } else { Next::After });
            }
            op::YIELD_VALUE => {
                let value = literal(&frame.pop()?)?;
                super::sized(frame.yielded.len())?;
                frame.yielded.push(value);
                frame.stack.push(Thing::Plain(Literal::None));
            }
            op::RETURN_VALUE => return frame.pop().map(Next::Returned),
            _ => self.simple(frame, opcode, operand)?,
        }
        Some(Next::After)
    }

    /// Runs an instruction that is no jump.
    pub fn simple(&mut self, frame: &mut Frame<'a>, opcode: u8, operand: i32) -> Option<()> {
        let place = usize::try_from(operand).ok()?;
        let depth = frame.stack.len();
        match opcode {
            op::NOP => {}
            op::POP_TOP => drop(frame.pop()?),
            op::DUP_TOP => frame.stack.push(frame.stack.last()?.clone()),
            op::ROT_TWO | op::ROT_THREE => {
                let from = depth.checked_sub(if opcode == op::ROT_TWO { 2 } else { 3 })?;
                frame.stack[from..].rotate_right(1);
            }
            op::LOAD_CONST => frame.stack.push(constant(frame.code.constants.get(place)?)?),
            op::LOAD_FAST => frame.stack.push(frame.locals.get(&operand)?.clone()),
            op::STORE_FAST => {
                let value = frame.pop()?;
                frame.locals.insert(operand, value);
            }
            op::LOAD_GLOBAL | op::LOAD_NAME => {
                let value = match frame.names.get(&operand) {
                    Some(value) => value.clone(),
                    None => (self.names)(frame.code.names.get(place)?)?,
                };
                frame.stack.push(value);
            }
            op::LOAD_CLOSURE => frame.stack.push(Thing::Cell(frame.cells.get(place)?.clone())),
            op::LOAD_DEREF => {
                let value = frame.cells.get(place)?.borrow().clone();
                frame.stack.push(value?);
            }
            op::STORE_DEREF => {
                // A cell that changes could be read too late, since generators run in one go.
                let value = frame.pop()?;
                let cell = frame.cells.get(place)?;
                if cell.borrow().is_some() || !matches!(value, Thing::Plain(_) | Thing::List(_)) {
                    return None;
                }
                *cell.borrow_mut() = Some(value);
            }
            op::LOAD_ATTR => {
                let of = frame.pop()?;
                let name = frame.code.names.get(place)?;
                frame.stack.push(self.attribute(&of, name)?);
            }
            op::LIST_APPEND => {
                let value = literal(&frame.pop()?)?;
                let Thing::List(items) = frame.stack.get(frame.stack.len().checked_sub(place)?)? else { return None };
                super::sized(items.borrow().len())?;
                items.borrow_mut().push(value);
            }
            op::UNPACK_SEQUENCE => {
                let Thing::Plain(Literal::Tuple(items)) = frame.pop()? else { return None };
                if items.len() != place {
                    return None;
                }
                frame.stack.extend(items.into_iter().rev().map(Thing::Plain));
            }
            _ => {
                let (pops, 1) = effect::of(opcode, operand)? else { return None };
                let operands = frame.stack.split_off(depth.checked_sub(pops as usize)?);
                let value = self.apply(opcode, operand, &operands)?;
                frame.stack.push(value);
            }
        }
        (frame.stack.len() <= MOST_STACK).then_some(())
    }
}
