//! What an instruction makes of operands that are known, and whether it fails with them.

use super::effect;
use super::explore::Explorer;
use super::known;
use super::opaque;
use super::step::Fails;
use crate::bytecode::Unit;
use crate::bytecode::object::MarshalledCode;
use crate::bytecode::opcode::op;
use crate::clean::classes;
use crate::clean::value::{self, Literal, Outcome, Value};

impl Explorer<'_> {
    /// What an instruction at an offset makes of its operands, as far as they are known.
    pub(super) fn result(&self, at: u32, opcode: u8, operand: i32, operands: &[Value]) -> (Option<Value>, Fails) {
        if let Some(found) = known::of_containers(opcode, operand, operands) {
            return found;
        }
        if let (op::MAKE_FUNCTION, [Value::Constant(Literal::Other(index))]) = (opcode, operands)
            && !self.input.replaces_code
        {
            return (Some(Value::Function(*index)), Fails::Never);
        }
        if let Some(value) = known::made(self.input, opcode, operand, operands) {
            return (Some(value), Fails::Never);
        }
        if known::always_fails(self.input.code, opcode, operand, operands) {
            let class = if matches!(opcode, op::LOAD_ATTR | op::STORE_ATTR) { "AttributeError" } else { "TypeError" };
            return (None, Fails::Always(Some(class)));
        }
        match outcome(opcode, operand, operands) {
            Outcome::Is(literal) => (Some(Value::Constant(literal)), Fails::Never),
            Outcome::Raises(class) => (None, Fails::Always(Some(class))),
            Outcome::Unknown => {
                let is_fixed = is_pure(opcode) && !operands.is_empty() && operands.iter().all(opaque::is_fixed)
                    || opaque::is_pure_call(opcode, operand, operands);
                if let Some(value) = opaque::exception(opcode, operand, operands) {
                    return (Some(value), Fails::Never);
                }
                if let Some(found) = opaque::integer(at, opcode, operand, operands) {
                    return found;
                }
                // Identity asks no object.
                let is_identity = opcode == op::COMPARE_OP && matches!(operand, 8 | 9);
                let fails = if effect::is_safe(opcode) || is_identity { Fails::Never } else { Fails::Maybe };
                (is_fixed.then(|| opaque::made(opcode, operand, operands)), fails)
            }
        }
    }
}

/// What an operator makes of constants.
fn outcome(opcode: u8, operand: i32, operands: &[Value]) -> Outcome {
    match (opcode, operands) {
        (op::COMPARE_OP, [Value::Exception { class: Some(class), .. }, Value::Class(by)]) if operand == 10 => {
            let caught = classes::is_caught(class, by);
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
