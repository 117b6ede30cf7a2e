//! Conditions and loops: which of their two ways control can go.

use super::explore::Explorer;
use super::step::{Step, Stepped};
use super::{Act, Exit};
use crate::bytecode::opcode::op;
use crate::clean::Change;
use crate::clean::value::{Literal, Value};

/// How a condition was decided.
pub(super) struct Decision {
    pub is_taken: bool,
    pub why: String,
    /// The other side may have a meaning.
    pub is_guess: bool,
}

impl Explorer<'_> {
    pub(super) fn branch(&mut self, step: &mut Step, target: i32) -> Stepped {
        let Some(condition) = step.stack.last().cloned() else { return Ok(Err("more is popped than there is")) };
        if matches!(condition, Value::Reason(_)) {
            return Ok(Err("what a finally block was entered with is used"));
        }
        let on_true = matches!(step.opcode, op::POP_JUMP_IF_TRUE | op::JUMP_IF_TRUE_OR_POP);
        let keeps = matches!(step.opcode, op::JUMP_IF_FALSE_OR_POP | op::JUMP_IF_TRUE_OR_POP);
        let truth = condition.truth();
        let decided = match truth {
            // A comparison of constants within a chained one.
            Some(_) if keeps && (is_kept(&step.stack) || self.drops_operand(target)) => None,
            Some(truth) => {
                let why = format!("its condition is always {truth}");
                Some(Decision { is_taken: truth == on_true, why, is_guess: false })
            }
            None => self.untaken(step, target).or_else(|| self.fixed(step, target, &condition)),
        };
        if let Some(Decision { is_taken, why, is_guess }) = decided {
            if !(keeps && is_taken) {
                step.stack.pop();
                step.acts.push(Act::Run(op::POP_TOP, None));
            }
            if is_taken || target != step.end {
                self.decided.insert(step.at, Change { offsets: step.at..step.end as u32, why, is_guess });
            }
            return Ok(Ok(Exit::Go(self.go(step, if is_taken { target } else { step.end })?)));
        }
        if let Value::Exception { setup, .. } = condition {
            self.make_real(setup);
        }
        if !matches!(condition, Value::Constant(_)) {
            self.forget_own(step);
            self.may_raise(step)?;
        }
        let mut popped = step.stack.clone();
        popped.pop();
        let whole = std::mem::replace(&mut step.stack, popped);
        let next = self.go(step, step.end)?;
        if keeps {
            step.stack = whole;
        }
        let taken = self.go(step, target)?;
        Ok(Ok(Exit::Branch { opcode: step.opcode, taken, next }))
    }

    pub(super) fn iterate(&mut self, step: &mut Step, operand: i32) -> Stepped {
        match step.stack.last() {
            None => return Ok(Err("more is popped than there is")),
            Some(Value::Reason(_)) => return Ok(Err("what a finally block was entered with is used")),
            Some(Value::NoItems) => {
                step.stack.pop();
                step.acts.push(Act::Run(op::POP_TOP, None));
                let why = "its condition is always false: there is nothing to go over".into();
                self.decided.insert(step.at, Change { offsets: step.at..step.end as u32, why, is_guess: false });
                return Ok(Ok(Exit::Go(self.go(step, step.end.wrapping_add(operand))?)));
            }
            Some(Value::Iterator(first)) => {
                let (by, first) = (step.at, first.clone());
                step.stack.pop();
                step.stack.push(Value::Begun { by, first: first.clone() });
                if !self.runs_once(step, operand) {
                    // The loop is what the FOR_ITER does with the iterator that it has begun to go over.
                    return Ok(Ok(Exit::Go(self.go(step, by.cast_signed())?)));
                }
                step.acts.push(Act::Push(first.clone()));
                step.stack.push(Value::Constant(first));
                self.once.insert(step.at);
                let why = "its condition is always true: it goes over constants, and nothing comes back to it".into();
                self.decided.insert(step.at, Change { offsets: step.at..step.end as u32, why, is_guess: false });
                return Ok(Ok(Exit::Go(self.go(step, step.end)?)));
            }
            Some(Value::Begun { by, .. }) if *by == step.at => {}
            Some(value) => {
                let value = value.clone();
                self.use_iterator(&value);
            }
        }
        self.iterates.insert(step.at);
        self.forget_own(step);
        self.may_raise(step)?;
        let mut fewer = step.stack.clone();
        fewer.pop();
        step.stack.push(Value::Unknown);
        let next = self.go(step, step.end)?;
        step.stack = fewer;
        let done = self.go(step, step.end.wrapping_add(operand))?;
        Ok(Ok(Exit::Iterate { done, next }))
    }

    /// Notes that an iterator which a FOR_ITER has begun to go over is used by something else: the loop goes on there.
    pub(super) fn use_iterator(&mut self, value: &Value) {
        if let Value::Begun { by, .. } = value {
            self.iterates.insert(*by);
            self.goes_on.insert(*by);
        }
    }
}

/// Whether a constant is below the result of a comparison of constants: a chained one keeps its second operand there.
fn is_kept(stack: &[Value]) -> bool {
    matches!(stack, [.., Value::Constant(_), Value::Constant(Literal::Bool(_))])
}
