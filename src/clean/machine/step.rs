//! One instruction in one state: what it does to the stacks, and where control can go.

use std::rc::Rc;

use super::explore::Explorer;
use super::{Act, Block, Exit, Kind, NodeId, Unmodelled, Variants, effect, known, opaque};
use crate::bytecode::Unit;
use crate::bytecode::opcode::{self, op};

use crate::clean::Change;
use crate::clean::value::{Literal, Value};

/// What an instruction works on.
pub(super) struct Step {
    pub node: NodeId,
    pub at: u32,
    pub opcode: u8,
    pub operand: Option<i32>,
    pub end: i32,
    pub blocks: Vec<Block>,
    pub stack: Vec<Value>,
    pub variables: Rc<Vec<Variants>>,
    pub acts: Vec<Act>,
}

/// The operand of COMPARE_OP that asks whether an exception is of a class (`PyCmp_EXC_MATCH`).
const EXCEPTION_MATCH: i32 = 10;

/// How an instruction can fail.
pub(super) enum Fails {
    Never,
    Maybe,
    Always(Option<&'static str>),
}

/// What a step comes to: an exit, or that the model is lost.
pub(super) type Stepped = Result<Result<Exit, &'static str>, Unmodelled>;

impl Explorer<'_> {
    /// Works out what a node does.
    pub fn step(&mut self, node: NodeId) -> Result<(), Unmodelled> {
        let key = self.nodes[node].key.clone();
        let bytes = &self.input.code.bytes;
        let unit = u32::try_from(key.offset).ok().and_then(|at| Unit::decode(bytes, at));
        let Some(unit) = unit else {
            self.nodes[node].exit = Exit::Lost("control leaves the code");
            return Ok(());
        };
        let mut step = Step {
            node,
            at: unit.start,
            opcode: unit.last.opcode,
            operand: effect::meant(unit.last.opcode, unit.last.operand),
            end: unit.end as i32,
            blocks: key.blocks.to_vec(),
            stack: key.stack.to_vec(),
            variables: self.variables[node].clone(),
            acts: Vec::new(),
        };
        let exit = match self.run(&mut step)? {
            Ok(exit) => exit,
            Err(why) => Exit::Lost(why),
        };
        let node = &mut self.nodes[node];
        (node.end, node.acts, node.exit) = (unit.end, step.acts, exit);
        Ok(())
    }

    /// Goes on at an offset with the stacks as they are.
    pub fn go(&mut self, step: &Step, offset: i32) -> Result<NodeId, Unmodelled> {
        self.reach(offset, &step.blocks, step.stack.clone(), &step.variables)
    }

    fn run(&mut self, step: &mut Step) -> Stepped {
        let operand = step.operand.unwrap_or(0);
        // A handler of signals, for example, raises wherever it is called.
        let goes_on = matches!(step.opcode, op::NOP | op::CONTINUE_LOOP | op::JUMP_FORWARD..=op::POP_JUMP_IF_TRUE);
        if goes_on && self.has_raised(step) {
            self.may_raise(step)?;
        }
        self.use_iterators(step, operand);
        match step.opcode {
            op::NOP => Ok(Ok(Exit::Go(self.go(step, step.end)?))),
            op::JUMP_FORWARD => Ok(Ok(Exit::Go(self.go(step, step.end.wrapping_add(operand))?))),
            op::JUMP_ABSOLUTE => Ok(Ok(Exit::Go(self.go(step, operand)?))),
            op::POP_JUMP_IF_FALSE | op::POP_JUMP_IF_TRUE | op::JUMP_IF_FALSE_OR_POP | op::JUMP_IF_TRUE_OR_POP => {
                self.branch(step, operand)
            }
            op::FOR_ITER => self.iterate(step, operand),
            op::SETUP_LOOP | op::SETUP_EXCEPT | op::SETUP_FINALLY | op::SETUP_WITH => self.set_up(step, operand),
            op::POP_BLOCK => self.pop_block(step),
            op::BREAK_LOOP => self.break_loop(step),
            op::CONTINUE_LOOP => self.continue_loop(step, operand),
            op::RETURN_VALUE => self.return_value(step),
            op::END_FINALLY => self.end_finally(step),
            op::WITH_CLEANUP => self.with_cleanup(step),
            _ => self.plain(step, operand),
        }
    }

    /// Notes iterators that an instruction uses in another way than to go over them or to drop them.
    fn use_iterators(&mut self, step: &Step, operand: i32) {
        let pops = match step.opcode {
            op::NOP | op::POP_TOP | op::ROT_TWO | op::ROT_THREE | op::ROT_FOUR | op::DUP_TOP | op::DUP_TOPX => 0,
            op::FOR_ITER | op::POP_BLOCK | op::BREAK_LOOP | op::CONTINUE_LOOP | op::END_FINALLY => 0,
            op::JUMP_FORWARD..=op::POP_JUMP_IF_TRUE | op::SETUP_LOOP | op::SETUP_EXCEPT | op::SETUP_FINALLY => 0,
            op::RETURN_VALUE | op::SETUP_WITH => 1,
            op::RAISE_VARARGS => operand.clamp(0, 3) as usize,
            opcode if effect::is_undefined(opcode) => 0,
            opcode => effect::of(opcode, operand).map_or(usize::MAX, |(pops, _)| pops as usize),
        };
        let from = step.stack.len().saturating_sub(pops);
        step.stack[from..].iter().for_each(|value| self.use_iterator(value));
    }

    /// An instruction after which the next one comes.
    fn plain(&mut self, step: &mut Step, operand: i32) -> Stepped {
        let before = step.stack.clone();
        let fails = match self.apply(step, operand) {
            Ok(fails) => fails,
            Err(why) => return Ok(Err(why)),
        };
        let mut after = std::mem::replace(&mut step.stack, before);
        forget_containers(&mut after, step.opcode, step.operand);
        match fails {
            Fails::Always(class) if self.is_jump(step) => return self.always_raise(step, class),
            Fails::Always(_) => self.may_raise(step)?,
            Fails::Maybe => {
                self.may_raise(step)?;
                if self.falls_into_junk(step, after.len()) {
                    let why = "it always failed, and no compiler makes what comes after it".into();
                    let is_guess = self.input.cut.contains(&step.at);
                    self.decided.insert(step.at, Change { offsets: step.at..step.end as u32, why, is_guess });
                    step.acts.clear();
                    return Ok(Ok(Exit::End(step.opcode, step.operand)));
                }
            }
            Fails::Never if self.has_raised(step) => self.may_raise(step)?,
            Fails::Never => {}
        }
        let is_name = matches!(step.opcode, op::LOAD_NAME | op::LOAD_GLOBAL) && self.is_none(operand);
        let is_none = is_name && after.last() == Some(&Value::Constant(Literal::None));
        step.stack = after;
        step.acts.push(if is_none { Act::Push(Literal::None) } else { Act::Run(step.opcode, step.operand) });
        Ok(Ok(Exit::Go(self.go(step, step.end)?)))
    }

    /// Whether the name at a place is that of None.
    fn is_none(&self, place: i32) -> bool {
        let name = usize::try_from(place).ok().and_then(|place| self.input.code.names.get(place));
        name.is_some_and(|name| **name == *b"None")
    }

    /// Changes stack and variables as the instruction does.
    fn apply(&mut self, step: &mut Step, operand: i32) -> Result<Fails, &'static str> {
        const UNDERFLOW: &str = "more is popped than there is";
        let place = usize::try_from(operand).unwrap_or(usize::MAX);
        let code = self.input.code;
        let stack = &mut step.stack;
        let depth = stack.len();
        let rotate = |stack: &mut Vec<Value>, count: usize| {
            let from = stack.len().checked_sub(count).ok_or(UNDERFLOW)?;
            stack[from..].rotate_right(1);
            Ok(Fails::Never)
        };
        match step.opcode {
            op::POP_TOP => {
                return match stack.pop() {
                    None => Err(UNDERFLOW),
                    Some(Value::Reason(_)) => Err("what a finally block was entered with is popped"),
                    Some(_) => Ok(Fails::Never),
                };
            }
            op::ROT_TWO => return rotate(stack, 2),
            op::ROT_THREE => return rotate(stack, 3),
            op::ROT_FOUR => return rotate(stack, 4),
            op::DUP_TOP | op::DUP_TOPX => {
                let count = if step.opcode == op::DUP_TOP { 1 } else { place };
                if step.opcode == op::DUP_TOPX && !(2..=3).contains(&count) {
                    return Err("DUP_TOPX has another operand than 2 or 3");
                }
                let from = depth.checked_sub(count).ok_or(UNDERFLOW)?;
                stack.extend_from_within(from..);
                return Ok(Fails::Never);
            }
            op::LOAD_CONST => {
                let constant = code.constants.get(place).ok_or("an index is out of range")?;
                stack.push(Value::Constant(Literal::of(constant, place as u32)));
                return Ok(Fails::Never);
            }
            op::LOAD_FAST | op::STORE_FAST | op::DELETE_FAST => return self.local(step, place),
            op::LOAD_NAME
            | op::LOAD_GLOBAL
            | op::STORE_NAME
            | op::STORE_GLOBAL
            | op::DELETE_NAME
            | op::DELETE_GLOBAL => {
                return self.name(step, place);
            }
            op::RAISE_VARARGS => {
                self.raises_again |= operand == 0;
                let from = depth.checked_sub(place.min(1 << 16)).ok_or(UNDERFLOW)?;
                let operands: Vec<Value> = stack.drain(from..).collect();
                self.use_exceptions(op::RAISE_VARARGS, &operands, &None);
                return Ok(match operands.first() {
                    Some(Value::Class(class)) if operands.len() > 1 && opaque::wants_arguments(class) => {
                        Fails::Always(None)
                    }
                    Some(Value::Class(class)) if matches!(operands[1..], [] | [Value::Constant(_)]) => {
                        Fails::Always(Some(class))
                    }
                    Some(Value::Instance(class)) if place == 1 => Fails::Always(Some(class)),
                    Some(Value::Constant(_)) if place == 1 => Fails::Always(Some("TypeError")),
                    _ => Fails::Always(None),
                });
            }
            _ if effect::is_undefined(step.opcode) => return Ok(Fails::Always(Some("SystemError"))),
            _ => {}
        }
        let kind = opcode::operand_kind(step.opcode);
        let known = match kind {
            opcode::OperandKind::Name => code.names.len(),
            opcode::OperandKind::Free => code.cellvars.len() + code.freevars.len(),
            opcode::OperandKind::Compare => 11,
            _ => usize::MAX,
        };
        if place >= known {
            return Err("an index is out of range");
        }
        if matches!(step.opcode, op::LIST_APPEND | op::SET_ADD | op::MAP_ADD) && place >= depth {
            return Err(UNDERFLOW);
        }
        let (pops, pushes) =
            effect::of(step.opcode, operand).ok_or("an instruction has an operand beyond all bounds")?;
        let from = depth.checked_sub(pops as usize).ok_or(UNDERFLOW)?;
        if from + pushes as usize > 1 << 16 {
            return Err("the stack is deeper than any that a compiler makes");
        }
        let operands: Vec<Value> = stack.drain(from..).collect();
        if let (op::UNPACK_SEQUENCE, [of]) = (step.opcode, &operands[..])
            && let Some(unpacked) = known::unpacked(of, place)
        {
            return Ok(match unpacked {
                Ok(values) => {
                    step.stack.extend(values);
                    Fails::Never
                }
                Err(()) => Fails::Always(Some("ValueError")),
            });
        }
        let (result, fails) = self.result(step.at, step.opcode, operand, &operands);
        if opcode::is_call(step.opcode) {
            // A number that the same instruction made before is another one.
            Self::forget_made_at(step);
        }
        if !matches!(fails, Fails::Never) {
            self.forget_own(step);
        }
        self.use_exceptions(step.opcode, &operands, &result);
        let is_match = matches!(operands[..], [Value::Exception { .. }, _]) && operand == EXCEPTION_MATCH;
        let result = result.or((step.opcode == op::COMPARE_OP && is_match).then_some(Value::Match));
        if operands.iter().any(|value| matches!(value, Value::Reason(_))) {
            return Err("what a finally block was entered with is used");
        }
        if matches!(step.opcode, op::EXEC_STMT | op::IMPORT_STAR) {
            step.variables = Rc::new(vec![Variants::Any; step.variables.len()]);
        }
        step.stack.extend((0..pushes).map(|_| Value::Unknown));
        if let (1, Some(result)) = (pushes, result) {
            step.stack.pop();
            step.stack.push(result);
        }
        Ok(fails)
    }

    /// A block whose exception is looked at catches something.
    pub(super) fn use_exceptions(&mut self, opcode: u8, operands: &[Value], result: &Option<Value>) {
        if opcode == op::COMPARE_OP && result.is_some() {
            return;
        }
        for value in operands {
            if let Value::Exception { setup, .. } = value {
                self.make_real(*setup);
            }
        }
    }

    fn set_up(&mut self, step: &mut Step, operand: i32) -> Stepped {
        const MOST: usize = 20;
        let handler = step.end.wrapping_add(operand);
        let kind = match step.opcode {
            op::SETUP_LOOP => Kind::Loop,
            op::SETUP_EXCEPT => Kind::Except,
            op::SETUP_FINALLY => Kind::Finally,
            _ => Kind::With,
        };
        if step.blocks.len() >= MOST {
            return Ok(Err("there are more than 20 blocks"));
        }
        if step.blocks.iter().any(|block| block.setup == step.at) {
            return Ok(Err("a block begins within itself"));
        }
        if kind == Kind::With {
            self.forget_own(step);
            self.may_raise(step)?;
            if step.stack.pop().is_none() {
                return Ok(Err("more is popped than there is"));
            }
            step.stack.push(Value::Unknown);
        }
        let block = Block { kind, handler, level: step.stack.len() as u32, setup: step.at };
        let below = step.blocks.clone();
        step.blocks.push(block);
        if kind == Kind::With {
            step.stack.push(Value::Unknown);
        }
        let is_real = kind != Kind::Loop && self.is_real(&block);
        let mut found = None;
        if is_real {
            let number = self.instance(block, &below);
            let instance = &mut self.instances[number as usize];
            instance.dependents.insert(step.node);
            found = instance.handler;
        }
        let next = self.go(step, step.end)?;
        if !is_real {
            return Ok(Ok(Exit::Go(next)));
        }
        let number = self.instance(block, &below);
        let handler = self.instances[number as usize].handler.or(found);
        Ok(Ok(Exit::Setup { opcode: step.opcode, setup: step.at, handler, next }))
    }

    /// Lets an instruction fail that need not: the handler is entered, or nothing catches it.
    pub fn may_raise(&mut self, step: &Step) -> Result<(), Unmodelled> {
        let Some(place) = step.blocks.iter().rposition(|block| self.catches(block)) else { return Ok(()) };
        let block = step.blocks[place];
        if !self.is_real(&block) {
            self.make_real(block.setup);
            return Ok(());
        }
        let number = self.instance(block, &step.blocks[..place]);
        self.enter(number, &step.stack, &step.variables, |reasons| reasons.raised = true)?;
        Ok(())
    }

    /// Lets an instruction fail that always does: a jump to the handler, if nothing else in the block can fail.
    fn always_raise(&mut self, step: &mut Step, class: Option<&'static str>) -> Stepped {
        let place = step.blocks.iter().rposition(|block| self.catches(block));
        // To make an exception of a program's own class can have an effect.
        if (step.opcode == op::RAISE_VARARGS && class.is_none() || self.keeps_exceptions)
            && let Some(place) = place
        {
            self.make_real(step.blocks[place].setup);
        }
        let Some(place) = place.filter(|&place| !self.is_real(&step.blocks[place])) else {
            self.may_raise(step)?;
            return Ok(Ok(Exit::End(step.opcode, step.operand)));
        };
        let block = step.blocks[place];
        step.blocks.truncate(place);
        self.thrown.insert(step.at);
        step.pop_to(block.level);
        for part in [2, 1, 0] {
            step.acts.push(Act::Push(Literal::None));
            step.stack.push(Value::Exception { part, setup: block.setup, class });
        }
        Ok(Ok(Exit::Go(self.go(step, block.handler)?)))
    }
}

impl Step {
    /// Pops what is above a block's level.
    pub fn pop_to(&mut self, level: u32) {
        while self.stack.len() > level as usize {
            let is_reason = matches!(self.stack.pop(), Some(Value::Reason(_)));
            self.acts.push(if is_reason { Act::Drop } else { Act::Run(op::POP_TOP, None) });
        }
    }
}

/// Forgets what is known of lists and dicts that something else may refer to, or that an instruction adds to.
fn forget_containers(after: &mut [Value], opcode: u8, operand: Option<i32>) {
    let forget = |value: &mut Value| {
        // The copies of an iterator are one.
        if matches!(value, Value::Container(_) | Value::List(_) | Value::Dict(_) | Value::Iterator(_)) {
            *value = Value::Unknown;
        }
    };
    match opcode {
        op::DUP_TOP | op::DUP_TOPX => after.iter_mut().rev().take(6).for_each(forget),
        // A loop over it may add to what lies below.
        op::GET_ITER => after.iter_mut().rev().skip(1).for_each(forget),
        op::LIST_APPEND | op::SET_ADD | op::MAP_ADD => {
            let place = operand.and_then(|place| after.len().checked_sub(usize::try_from(place).ok()?));
            place.and_then(|place| after.get_mut(place)).into_iter().for_each(forget);
        }
        _ => {}
    }
}
