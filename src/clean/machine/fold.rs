//! What an instruction makes of operands that are known, and whether it fails with them.

use super::effect;
use super::explore::Explorer;
use super::step::Fails;
use crate::bytecode::Unit;
use crate::bytecode::object::{MarshalledCode, Object};
use crate::bytecode::opcode::op;
use crate::clean::value::{self, Literal, Outcome, Value};

/// Instructions of a called function that are followed.
const STEPS: usize = 500;

/// CO_VARARGS, CO_VARKEYWORDS and CO_GENERATOR (Include/code.h).
const SPECIAL: i32 = 0x4 | 0x8 | 0x20;

impl Explorer<'_> {
    /// What an instruction makes of its operands, as far as they are known.
    pub(super) fn result(&self, opcode: u8, operand: i32, operands: &[Value]) -> (Option<Value>, Fails) {
        match (opcode, operands) {
            (op::BUILD_LIST | op::BUILD_SET | op::BUILD_MAP, _) => {
                let is_empty = operands.is_empty();
                let fails = if opcode == op::BUILD_SET && !is_empty { Fails::Maybe } else { Fails::Never };
                return (Some(Value::Container(!is_empty)), fails);
            }
            (op::UNARY_NOT, [Value::Container(full)]) => {
                return (Some(Value::Constant(Literal::Bool(!full))), Fails::Never);
            }
            (op::BINARY_SUBSCR, [Value::Container(false), Value::Constant(_)]) => return (None, Fails::Always(None)),
            (op::MAKE_FUNCTION, [Value::Constant(Literal::Other(index))]) => {
                return (Some(Value::Function(*index)), Fails::Never);
            }
            (op::CALL_FUNCTION, [Value::Function(index), arguments @ ..]) if operand <= 0xff => {
                if let Some(result) = self.called(*index, arguments) {
                    return (Some(Value::Constant(result)), Fails::Never);
                }
            }
            _ => {}
        }
        match outcome(opcode, operand, operands) {
            Outcome::Is(literal) => (Some(Value::Constant(literal)), Fails::Never),
            Outcome::Raises(class) => (None, Fails::Always(Some(class))),
            Outcome::Unknown => {
                let is_fixed = |value: &Value| matches!(value, Value::Constant(_) | Value::Fixed | Value::Container(_));
                let is_fixed = is_pure(opcode) && !operands.is_empty() && operands.iter().all(is_fixed);
                // Identity asks no object.
                let is_identity = opcode == op::COMPARE_OP && matches!(operand, 8 | 9);
                let fails = if effect::is_safe(opcode) || is_identity { Fails::Never } else { Fails::Maybe };
                (is_fixed.then_some(Value::Fixed), fails)
            }
        }
    }

    /// What a function that was made of a constant returns.
    fn called(&self, index: u32, arguments: &[Value]) -> Option<Literal> {
        let Object::Code(code) = self.input.code.constants.get(index as usize)? else { return None };
        let arguments: Option<Vec<Literal>> = arguments
            .iter()
            .map(|value| match value {
                Value::Constant(Literal::Other(_)) => None,
                Value::Constant(literal) => Some(literal.clone()),
                _ => None,
            })
            .collect();
        returned(code, &arguments?)
    }
}

/// What an operator makes of constants.
fn outcome(opcode: u8, operand: i32, operands: &[Value]) -> Outcome {
    match (opcode, operands) {
        (op::COMPARE_OP, [Value::Exception { class: Some(class), .. }, Value::Class(by)]) if operand == 10 => {
            let caught = value::is_caught(class, by);
            caught.map_or(Outcome::Unknown, |caught| Outcome::Is(Literal::Bool(caught)))
        }
        (op::COMPARE_OP, [Value::Constant(left), Value::Constant(right)]) => value::compare(operand, left, right),
        (op::GET_ITER | op::UNPACK_SEQUENCE, [Value::Constant(only)]) if !only.can_iterate() => {
            Outcome::Raises("TypeError")
        }
        (op::CALL_FUNCTION, [Value::Constant(called), ..]) if !matches!(called, Literal::Other(_)) => {
            Outcome::Raises("TypeError")
        }
        (_, [Value::Constant(only)]) if (op::UNARY_POSITIVE..=op::UNARY_INVERT).contains(&opcode) => {
            value::unary(opcode, only)
        }
        (op::COMPARE_OP, _) => Outcome::Unknown,
        (_, [Value::Constant(left), Value::Constant(right)]) if value::is_operator(opcode) => {
            value::binary(opcode, left, right)
        }
        _ => Outcome::Unknown,
    }
}

/// Follows a function that works on constants alone; None if it does anything else, or fails.
fn returned(code: &MarshalledCode, arguments: &[Literal]) -> Option<Literal> {
    if code.flags & SPECIAL != 0 || usize::try_from(code.argcount) != Ok(arguments.len()) {
        return None;
    }
    if !code.cellvars.is_empty() || !code.freevars.is_empty() {
        return None;
    }
    let mut locals: Vec<Option<Literal>> = arguments.iter().cloned().map(Some).collect();
    locals.resize(code.varnames.len().max(arguments.len()), None);
    let mut stack: Vec<Literal> = Vec::new();
    let mut offset = 0;
    for _ in 0..STEPS {
        let unit = Unit::decode(&code.bytes, offset)?;
        let (opcode, operand) = (unit.last.opcode, unit.last.operand.unwrap_or(0));
        let place = usize::try_from(operand).ok()?;
        offset = unit.end;
        match opcode {
            op::NOP => {}
            op::LOAD_CONST => match Literal::of(code.constants.get(place)?, 0) {
                Literal::Other(_) => return None,
                literal => stack.push(literal),
            },
            op::LOAD_FAST => stack.push(locals.get(place)?.clone()?),
            op::STORE_FAST => *locals.get_mut(place)? = Some(stack.pop()?),
            op::POP_TOP => drop(stack.pop()?),
            op::DUP_TOP => stack.push(stack.last()?.clone()),
            op::ROT_TWO => {
                let from = stack.len().checked_sub(2)?;
                stack[from..].rotate_right(1);
            }
            op::JUMP_FORWARD => offset = offset.checked_add(u32::try_from(operand).ok()?)?,
            op::JUMP_ABSOLUTE => offset = u32::try_from(operand).ok()?,
            op::POP_JUMP_IF_FALSE | op::POP_JUMP_IF_TRUE => {
                if stack.pop()?.truth()? == (opcode == op::POP_JUMP_IF_TRUE) {
                    offset = u32::try_from(operand).ok()?;
                }
            }
            op::RETURN_VALUE => return stack.pop(),
            _ => {
                let (pops, 1) = effect::of(opcode, operand).filter(|_| is_pure(opcode))? else { return None };
                let from = stack.len().checked_sub(pops as usize)?;
                let operands: Vec<Value> = stack.drain(from..).map(Value::Constant).collect();
                let Outcome::Is(literal) = outcome(opcode, operand, &operands) else { return None };
                stack.push(literal);
            }
        }
    }
    None
}

/// Follows jumps, and junk that leaves nothing on the stack, from an offset on; returns the offset of the first other instruction.
pub(super) fn settled(code: &MarshalledCode, from: i32) -> i32 {
    const JUNK: usize = 64;
    let (mut settled, mut offset) = (from, from);
    let mut stack: Vec<Value> = Vec::new();
    for _ in 0..JUNK {
        let Some(next) = past_junk(code, offset, &mut stack) else { break };
        offset = next;
        if stack.is_empty() {
            settled = offset;
        }
    }
    settled
}

/// The offset after one instruction of junk, whose values are on the stack; None if it is none.
fn past_junk(code: &MarshalledCode, offset: i32, stack: &mut Vec<Value>) -> Option<i32> {
    let unit = Unit::decode(&code.bytes, u32::try_from(offset).ok()?)?;
    let (opcode, operand) = (unit.last.opcode, unit.last.operand.unwrap_or(0));
    let next = i32::try_from(unit.end).ok()?;
    match opcode {
        op::NOP => {}
        op::JUMP_FORWARD => return next.checked_add(operand),
        op::JUMP_ABSOLUTE => return Some(operand),
        op::LOAD_CONST => {
            let constant = code.constants.get(usize::try_from(operand).ok()?)?;
            stack.push(Value::Constant(Literal::of(constant, operand as u32)));
        }
        op::POP_TOP => drop(stack.pop()?),
        op::POP_JUMP_IF_FALSE | op::POP_JUMP_IF_TRUE => {
            if stack.pop()?.truth()? == (opcode == op::POP_JUMP_IF_TRUE) {
                return Some(operand);
            }
        }
        _ => {
            let (pops, 1) = effect::of(opcode, operand).filter(|_| is_pure(opcode))? else { return None };
            let from = stack.len().checked_sub(pops as usize)?;
            let operands: Vec<Value> = stack.drain(from..).collect();
            let Outcome::Is(literal) = outcome(opcode, operand, &operands) else { return None };
            stack.push(Value::Constant(literal));
        }
    }
    Some(next)
}

/// Whether an instruction's result depends on its operands alone if they are constants.
fn is_pure(opcode: u8) -> bool {
    value::is_operator(opcode)
        || (op::UNARY_POSITIVE..=op::UNARY_INVERT).contains(&opcode)
        || matches!(opcode, op::COMPARE_OP | op::BUILD_TUPLE | op::SLICE_0 | op::SLICE_1 | op::SLICE_2 | op::SLICE_3)
}
