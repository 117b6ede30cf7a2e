//! Loads and stores of variables: what is known of them, and whether they fail.

use std::rc::Rc;

use super::Variants;
use super::explore::Explorer;
use super::step::{Fails, Step};
use crate::bytecode::opcode::op;
use crate::clean::classes;
use crate::clean::integer::Integer;
use crate::clean::pure::{self, Thing};
use crate::clean::value::{Literal, Value};

impl Explorer<'_> {
    pub(super) fn local(&mut self, step: &mut Step, place: usize) -> Result<Fails, &'static str> {
        if place >= self.input.code.varnames.len() {
            return Err("an index is out of range");
        }
        let known = step.variables[place].clone();
        let set = |step: &mut Step, variable| {
            let mut variables = (*step.variables).clone();
            variables[place] = variable;
            step.variables = Rc::new(variables);
        };
        Ok(match step.opcode {
            op::LOAD_FAST => {
                step.stack.push(match &known {
                    Variants::Constant(literal) => Value::Constant(literal.clone()),
                    Variants::Known(value) => value.clone(),
                    _ => Value::Unknown,
                });
                match known {
                    Variants::Unbound => Fails::Always(Some("UnboundLocalError")),
                    Variants::Any => Fails::Maybe,
                    _ => Fails::Never,
                }
            }
            op::STORE_FAST => {
                let value = step.stack.pop().ok_or("more is popped than there is")?;
                self.use_exceptions(op::STORE_FAST, std::slice::from_ref(&value), &None);
                let variable = match value {
                    Value::Reason(_) => return Err("what a finally block was entered with is used"),
                    value => of_value(value).unwrap_or(Variants::Bound),
                };
                set(step, variable);
                Fails::Never
            }
            _ => {
                set(step, Variants::Unbound);
                match known {
                    Variants::Unbound => Fails::Always(Some("UnboundLocalError")),
                    Variants::Any => Fails::Maybe,
                    _ => Fails::Never,
                }
            }
        })
    }

    pub(super) fn name(&mut self, step: &mut Step, place: usize) -> Result<Fails, &'static str> {
        let code = self.input.code;
        let name = code.names.get(place).ok_or("an index is out of range")?;
        let variable = code.varnames.len() + place;
        let is_tracked = self.input.tracked.contains(&variable) || self.input.own.contains(&place);
        let set = |step: &mut Step, known| {
            // Of most names nothing is ever known: their states share what is known of all.
            if matches!((&step.variables[variable], &known), (Variants::Any, Variants::Any)) {
                return;
            }
            let mut variables = (*step.variables).clone();
            variables[variable] = known;
            step.variables = Rc::new(variables);
        };
        Ok(match step.opcode {
            op::LOAD_NAME | op::LOAD_GLOBAL => {
                let value = match &step.variables[variable] {
                    Variants::Constant(literal) if is_tracked => Some(Value::Constant(literal.clone())),
                    Variants::Known(value) if is_tracked => Some(value.clone()),
                    _ => None,
                };
                if let Some(value) = value {
                    step.stack.push(value);
                    return Ok(Fails::Never);
                }
                if !(self.input.is_builtin)(name) {
                    step.stack.push(Value::Unknown);
                    return Ok(Fails::Maybe);
                }
                // CPython's optimizer makes it a constant, unless it leaves code alone for its line numbers.
                if **name == *b"None" {
                    step.stack.push(Value::Constant(Literal::None));
                    return Ok(Fails::Never);
                }
                let class = std::str::from_utf8(name).ok().and_then(classes::class_of).map(|class| class.0);
                match (class, pure::builtin(name)) {
                    (Some(class), _) => step.stack.push(Value::Class(class)),
                    (None, Some(Thing::Builtin(builtin))) => step.stack.push(Value::Builtin(builtin)),
                    (None, Some(Thing::Plain(Literal::Bool(truth)))) => step.stack.push(Value::Truth(truth)),
                    _ => {
                        step.stack.push(Value::Unknown);
                        return Ok(if self.never_found(step) {
                            Fails::Always(Some("NameError"))
                        } else {
                            Fails::Maybe
                        });
                    }
                }
                Fails::Never
            }
            op::STORE_NAME | op::STORE_GLOBAL => {
                let value = step.stack.pop().ok_or("more is popped than there is")?;
                self.use_exceptions(step.opcode, std::slice::from_ref(&value), &None);
                let known = match value {
                    Value::Reason(_) => return Err("what a finally block was entered with is used"),
                    value => of_value(value).filter(|_| is_tracked).unwrap_or(Variants::Any),
                };
                set(step, known);
                // A module's globals are a dict.
                if is_tracked && step.opcode == op::STORE_GLOBAL { Fails::Never } else { Fails::Maybe }
            }
            _ => {
                set(step, Variants::Any);
                Fails::Maybe
            }
        })
    }
}

/// What is known of a variable that a value is stored in; None if the value can change, or nothing is known of it.
fn of_value(value: Value) -> Option<Variants> {
    match value {
        Value::Constant(literal) => Some(Variants::Constant(literal)),
        value if is_unchanging(&value) => Some(Variants::Known(value)),
        _ => None,
    }
}

/// Whether a value stays what it is, and nothing notices when it goes.
pub fn is_unchanging(value: &Value) -> bool {
    matches!(
        value,
        Value::Constant(_)
            | Value::Integer(_)
            | Value::Fixed(_)
            | Value::Builtin(_)
            | Value::Method(..)
            | Value::Class(_)
            | Value::Function(_)
            | Value::Truth(_)
    )
}

impl Explorer<'_> {
    /// Forgets ints that an instruction made before, which makes another one now.
    pub(super) fn forget_made_at(step: &mut Step) {
        let (at, any) = (step.at, || Value::Integer(Integer::Any));
        let is_before = |value: &Value| matches!(value, Value::Integer(integer) if integer.is_of(at));
        step.stack.iter_mut().filter(|value| is_before(value)).for_each(|value| *value = any());
        let is_known = |variable: &Variants| matches!(variable, Variants::Known(value) if is_before(value));
        if step.variables.iter().any(is_known) {
            let mut variables = (*step.variables).clone();
            variables.iter_mut().filter(|one| is_known(one)).for_each(|one| *one = Variants::Known(any()));
            step.variables = Rc::new(variables);
        }
    }

    /// Forgets what is known of a function's own globals if other code can run, which may call the function again.
    pub(super) fn forget_own(&self, step: &mut Step) {
        const OPTIMIZED: i32 = 1;
        let code = self.input.code;
        if self.input.own.is_empty() || code.flags & OPTIMIZED == 0 {
            return;
        }
        let mut variables = (*step.variables).clone();
        self.input.own.iter().for_each(|place| variables[code.varnames.len() + place] = Variants::Any);
        step.variables = Rc::new(variables);
    }
}
