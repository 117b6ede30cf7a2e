//! Loads and stores of variables: what is known of them, and whether they fail.

use std::rc::Rc;

use super::Variants;
use super::explore::Explorer;
use super::step::{Fails, Step};
use crate::bytecode::opcode::op;
use crate::clean::classes;
use crate::clean::pure::{self, Thing};
use crate::clean::value::Value;

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
                    Value::Constant(literal) => Variants::Constant(literal),
                    Value::Reason(_) => return Err("what a finally block was entered with is used"),
                    _ => Variants::Bound,
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
        let is_tracked = self.input.tracked.contains(&variable);
        let set = |step: &mut Step, known| {
            let mut variables = (*step.variables).clone();
            variables[variable] = known;
            step.variables = Rc::new(variables);
        };
        Ok(match step.opcode {
            op::LOAD_NAME | op::LOAD_GLOBAL => {
                if is_tracked && let Variants::Constant(literal) = &step.variables[variable] {
                    step.stack.push(Value::Constant(literal.clone()));
                    return Ok(Fails::Never);
                }
                if !(self.input.is_builtin)(name) {
                    step.stack.push(Value::Unknown);
                    return Ok(Fails::Maybe);
                }
                let class = std::str::from_utf8(name).ok().and_then(classes::class_of).map(|class| class.0);
                match (class, pure::builtin(name)) {
                    (Some(class), _) => step.stack.push(Value::Class(class)),
                    (None, Some(Thing::Builtin(builtin))) => step.stack.push(Value::Builtin(builtin)),
                    (None, Some(Thing::Plain(_))) => step.stack.push(Value::Truth),
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
                    Value::Constant(literal) if is_tracked => Variants::Constant(literal),
                    Value::Reason(_) => return Err("what a finally block was entered with is used"),
                    _ => Variants::Any,
                };
                set(step, known);
                Fails::Maybe
            }
            _ => {
                set(step, Variants::Any);
                Fails::Maybe
            }
        })
    }
}
