//! What CPython's peephole optimizer does to jumps (PyCode_Optimize in Python/peephole.c of 2.7), in its order: one pass, each jump seen
//! once.

use super::assemble::{Code, Op};
use crate::bytecode::opcode::op;
use crate::clean::flow::Operand;

/// Longer code is left alone, as there.
const LONGEST: usize = 32_700;

/// Optimizes jumps; the last instruction must be a return.
pub fn optimize(code: &mut Code) {
    let size: usize =
        code.ops.iter().map(|one| if crate::bytecode::opcode::has_argument(one.opcode) { 3 } else { 1 }).sum();
    if size > LONGEST || code.ops.last().map(|one| one.opcode) != Some(op::RETURN_VALUE) {
        return;
    }
    let mut is_target = vec![false; code.ops.len()];
    for one in &code.ops {
        if let Some(to) = one.to {
            is_target[to] = true;
        }
    }
    for at in 0..code.ops.len() {
        if code.ops[at].is_gone {
            continue;
        }
        match code.ops[at].opcode {
            op::JUMP_IF_FALSE_OR_POP | op::JUMP_IF_TRUE_OR_POP => {
                thread_condition(code, at);
                if code.ops[at].opcode != op::JUMP_IF_FALSE_OR_POP && code.ops[at].opcode != op::JUMP_IF_TRUE_OR_POP {
                    thread(code, at);
                }
            }
            op::POP_JUMP_IF_FALSE
            | op::POP_JUMP_IF_TRUE
            | op::FOR_ITER
            | op::JUMP_FORWARD
            | op::JUMP_ABSOLUTE
            | op::CONTINUE_LOOP
            | op::SETUP_LOOP
            | op::SETUP_EXCEPT
            | op::SETUP_FINALLY
            | op::SETUP_WITH => thread(code, at),
            op::RETURN_VALUE => after_return(code, at, &is_target),
            _ => {}
        }
    }
    code.compact();
}

/// `a and (b or c)` and the like: a condition that leads to one of the same value goes where that goes, one of the other value past it.
fn thread_condition(code: &mut Code, at: usize) {
    for _ in 0..code.ops.len() {
        let one = code.ops[at].clone();
        let Some(to) = one.to else { return };
        let target = code.ops[to].clone();
        let is_condition = |opcode: u8| {
            matches!(
                opcode,
                op::JUMP_IF_FALSE_OR_POP | op::JUMP_IF_TRUE_OR_POP | op::POP_JUMP_IF_FALSE | op::POP_JUMP_IF_TRUE
            )
        };
        if !is_condition(target.opcode) {
            return;
        }
        let on_true = |opcode: u8| matches!(opcode, op::JUMP_IF_TRUE_OR_POP | op::POP_JUMP_IF_TRUE);
        if on_true(target.opcode) == on_true(one.opcode) {
            code.ops[at].to = target.to;
            code.ops[at].opcode = target.opcode;
        } else {
            code.ops[at].opcode = if on_true(one.opcode) { op::POP_JUMP_IF_TRUE } else { op::POP_JUMP_IF_FALSE };
            code.ops[at].to = Some(to + 1);
        }
        if matches!(code.ops[at].opcode, op::POP_JUMP_IF_FALSE | op::POP_JUMP_IF_TRUE) {
            return;
        }
    }
}

/// A jump to a jump goes where that goes; a jump to a return is one.
fn thread(code: &mut Code, at: usize) {
    let is_unconditional = |opcode: u8| matches!(opcode, op::JUMP_FORWARD | op::JUMP_ABSOLUTE);
    let Some(to) = code.ops[at].to else { return };
    let opcode = code.ops[at].opcode;
    if is_unconditional(opcode) && code.ops[to].opcode == op::RETURN_VALUE && !code.ops[to].is_gone {
        let one = &mut code.ops[at];
        (one.opcode, one.operand, one.to) = (op::RETURN_VALUE, Operand::None, None);
        return;
    }
    if !is_unconditional(code.ops[to].opcode) {
        return;
    }
    let Some(farther) = code.ops[to].to else { return };
    let is_absolute = |opcode: u8| {
        matches!(opcode, op::JUMP_ABSOLUTE | op::CONTINUE_LOOP | op::POP_JUMP_IF_FALSE | op::POP_JUMP_IF_TRUE)
    };
    let opcode = if opcode == op::JUMP_FORWARD { op::JUMP_ABSOLUTE } else { opcode };
    if !is_absolute(opcode) && farther <= at {
        return;
    }
    code.ops[at].opcode = opcode;
    code.ops[at].to = Some(farther);
}

/// What cannot be reached after a return goes: a jump, or a load and another return.
fn after_return(code: &mut Code, at: usize, is_target: &[bool]) {
    let next = |from: usize| code.ops.get(from).map(|one| (one.opcode, is_target[from]));
    let Some((first, false)) = next(at + 1) else { return };
    if crate::bytecode::opcode::has_argument(first)
        && let Some((op::RETURN_VALUE, false)) = next(at + 2)
        && at + 2 < code.ops.len()
    {
        code.ops[at + 1].is_gone = true;
        code.ops[at + 2].is_gone = true;
    } else if matches!(first, op::JUMP_FORWARD | op::JUMP_ABSOLUTE) && at + 2 < code.ops.len() {
        code.ops[at + 1].is_gone = true;
    }
}

impl Code {
    /// Removes the operations that are gone.
    fn compact(&mut self) {
        let mut place = Vec::with_capacity(self.ops.len() + 1);
        let mut count = 0;
        for one in &self.ops {
            place.push(count);
            count += usize::from(!one.is_gone);
        }
        let ops: Vec<Op> = self.ops.drain(..).filter(|one| !one.is_gone).collect();
        self.ops = ops;
        for one in &mut self.ops {
            one.to = one.to.map(|to| place[to]);
        }
        self.statements.iter_mut().for_each(|at| *at = place.get(*at).copied().unwrap_or(count));
        self.statements.dedup();
    }
}
