//! Leaving blocks: POP_BLOCK, break, continue, return and the end of a finally block, as `fast_block_end` in ceval.c unwinds.

use super::explore::Explorer;
use super::step::{Step, Stepped};
use super::{Act, Exit, Kind, NodeId, Unmodelled};
use crate::bytecode::opcode::op;
use crate::clean::value::{Literal, Value};

/// The numbers that a finally block finds on the stack (`enum why_code`).
const WHY_NOT: i64 = 1;
const WHY_RETURN: i64 = 8;
const WHY_BREAK: i64 = 16;
const WHY_CONTINUE: i64 = 32;

/// What unwinds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Why {
    Break,
    Continue(i32),
    Return,
}

const NO_BLOCK: &str = "a block is left where there is none";

impl Explorer<'_> {
    pub fn pop_block(&mut self, step: &mut Step) -> Stepped {
        let Some(block) = step.blocks.pop() else { return Ok(Err(NO_BLOCK)) };
        if block.level as usize > step.stack.len() {
            return Ok(Err("a block is left with less on the stack than it began with"));
        }
        step.pop_to(block.level);
        if block.kind != Kind::Loop && self.is_real(&block) {
            step.acts.push(Act::Leave);
        }
        Ok(Ok(Exit::Go(self.go(step, step.end)?)))
    }

    pub fn break_loop(&mut self, step: &mut Step) -> Stepped {
        self.unwind(step, Why::Break)
    }

    pub fn continue_loop(&mut self, step: &mut Step, target: i32) -> Stepped {
        self.unwind(step, Why::Continue(target))
    }

    pub fn return_value(&mut self, step: &mut Step) -> Stepped {
        match step.stack.last() {
            None => return Ok(Err("more is popped than there is")),
            Some(Value::Reason(_)) => return Ok(Err("what a finally block was entered with is used")),
            Some(Value::Exception { setup, .. }) => self.make_real(*setup),
            Some(_) => {}
        }
        self.unwind(step, Why::Return)
    }

    fn unwind(&mut self, step: &mut Step, why: Why) -> Stepped {
        let before = (step.blocks.clone(), step.stack.clone(), step.acts.clone());
        while let Some(&block) = step.blocks.last() {
            let is_real = block.kind != Kind::Loop && self.is_real(&block);
            match (block.kind, why) {
                (Kind::Loop, Why::Continue(target)) => return Ok(Ok(Exit::Go(self.go(step, target)?))),
                (Kind::Loop, Why::Break) => {
                    step.blocks.pop();
                    step.pop_to(block.level);
                    return Ok(Ok(Exit::Go(self.go(step, block.handler)?)));
                }
                (Kind::Loop | Kind::Except, Why::Return) => drop(step.blocks.pop()),
                (Kind::Except, _) => {
                    step.blocks.pop();
                    step.pop_to(block.level);
                    if is_real {
                        step.acts.push(Act::Leave);
                    }
                }
                (Kind::Finally, _) if !self.catches(&block) => {
                    step.blocks.pop();
                    if why != Why::Return {
                        step.pop_to(block.level);
                    }
                }
                (Kind::Finally | Kind::With, _) if is_real => {
                    step.blocks.pop();
                    let number = self.instance(block, &step.blocks);
                    self.enter(number, &step.stack, &step.variables, |reasons| match why {
                        Why::Break => reasons.broken = true,
                        Why::Continue(target) => drop(reasons.continued.insert(target)),
                        Why::Return => reasons.returned = true,
                    })?;
                    // What came before is part of what the instruction itself does.
                    step.acts = before.2;
                    return Ok(Ok(match why {
                        Why::Break => Exit::Through(op::BREAK_LOOP),
                        Why::Continue(_) => Exit::Through(op::CONTINUE_LOOP),
                        Why::Return => Exit::End(op::RETURN_VALUE, None),
                    }));
                }
                (Kind::Finally | Kind::With, _) => return self.enter_fake(step, why),
            }
        }
        match why {
            Why::Return => {
                (step.blocks, step.stack, step.acts) = before;
                Ok(Ok(Exit::End(op::RETURN_VALUE, None)))
            }
            _ => Ok(Err("a loop is left where there is none")),
        }
    }

    /// Goes through a finally block that nothing can get into but this: the number of the way is on the stack as a constant.
    fn enter_fake(&mut self, step: &mut Step, why: Why) -> Stepped {
        let Some(block) = step.blocks.pop() else { return Ok(Err(NO_BLOCK)) };
        match why {
            Why::Return => {
                let Some(result) = step.stack.pop() else { return Ok(Err("more is popped than there is")) };
                // Blocks above this one do not touch the result, which lies on top.
                while step.stack.len() > block.level as usize {
                    step.stack.pop();
                    step.acts.extend([Act::Run(op::ROT_TWO, None), Act::Run(op::POP_TOP, None)]);
                }
                step.stack.push(result);
                step.push(Literal::Int(WHY_RETURN));
            }
            Why::Break => {
                step.pop_to(block.level);
                step.push(Literal::Int(WHY_BREAK));
            }
            Why::Continue(target) => {
                step.pop_to(block.level);
                step.push(Literal::Int(target.into()));
                step.push(Literal::Int(WHY_CONTINUE));
            }
        }
        Ok(Ok(Exit::Go(self.go(step, block.handler)?)))
    }

    pub fn end_finally(&mut self, step: &mut Step) -> Stepped {
        let Some(top) = step.stack.pop() else { return Ok(Err("more is popped than there is")) };
        match top {
            Value::Reason(number) => self.end_of_real(step, number),
            Value::Exception { part: 0, setup, .. } => {
                let is_whole =
                    matches!(step.stack[..], [.., Value::Exception { part: 2, .. }, Value::Exception { part: 1, .. }]);
                if !is_whole {
                    return Ok(Err("a finally block ends with what is no exception"));
                }
                self.make_real(setup);
                // Raises again: an outer handler is entered.
                step.stack.push(top);
                self.may_raise(step)?;
                Ok(Ok(Exit::End(op::END_FINALLY, None)))
            }
            Value::Constant(Literal::None) => {
                step.acts.push(Act::Run(op::POP_TOP, None));
                Ok(Ok(Exit::Go(self.go(step, step.end)?)))
            }
            Value::Constant(Literal::Int(why)) => {
                step.acts.push(Act::Run(op::POP_TOP, None));
                match why {
                    WHY_NOT => Ok(Ok(Exit::Go(self.go(step, step.end)?))),
                    WHY_BREAK => self.unwind(step, Why::Break),
                    WHY_RETURN => self.return_value(step),
                    WHY_CONTINUE => match step.stack.pop() {
                        Some(Value::Constant(Literal::Int(target))) if i32::try_from(target).is_ok() => {
                            step.acts.push(Act::Run(op::POP_TOP, None));
                            self.unwind(step, Why::Continue(target as i32))
                        }
                        _ => Ok(Err("a finally block continues a loop at an unknown offset")),
                    },
                    _ => Ok(Err("a finally block ends with an unknown number")),
                }
            }
            _ => Ok(Err("a finally block ends with an unknown value")),
        }
    }

    /// The end of a block that can be entered in several ways: each goes on in its own.
    fn end_of_real(&mut self, step: &mut Step, number: u32) -> Stepped {
        let instance = &mut self.instances[number as usize];
        instance.dependents.insert(step.node);
        let reasons = instance.reasons.clone();
        let mut others = Vec::new();
        if reasons.raised {
            self.may_raise(step)?;
        }
        let mut whys: Vec<Why> = reasons.continued.iter().map(|&target| Why::Continue(target)).collect();
        whys.extend(reasons.broken.then_some(Why::Break));
        for why in whys {
            let opcode = if why == Why::Break { op::BREAK_LOOP } else { op::CONTINUE_LOOP };
            match self.follow(step, why)? {
                Ok(next) => others.extend(next.map(|next| (opcode, next))),
                Err(why) => return Ok(Err(why)),
            }
        }
        if reasons.returned {
            let mut outer = step.copy();
            outer.stack.push(Value::Unknown);
            if let Err(why) = self.unwind(&mut outer, Why::Return)? {
                return Ok(Err(why));
            }
        }
        let next = if reasons.normal { Some(self.go(step, step.end)?) } else { None };
        others.dedup();
        Ok(Ok(Exit::EndFinally { next, others }))
    }

    /// Where a break or continue goes after a finally block; None if an outer one comes first.
    fn follow(&mut self, step: &Step, why: Why) -> Result<Result<Option<NodeId>, &'static str>, Unmodelled> {
        let mut outer = step.copy();
        Ok(match self.unwind(&mut outer, why)? {
            Ok(Exit::Go(next)) => Ok(Some(next)),
            Ok(_) => Ok(None),
            Err(why) => Err(why),
        })
    }

    pub fn with_cleanup(&mut self, step: &mut Step) -> Stepped {
        let (Some(Value::Reason(number)), Some(_)) = (step.stack.pop(), step.stack.pop()) else {
            return Ok(Err("a with block is cleaned up that was entered in an unknown way"));
        };
        step.stack.extend([Value::Unknown, Value::Reason(number)]);
        self.forget_own(step);
        self.may_raise(step)?;
        // An exception can be swallowed: then it goes on as if there were none.
        let instance = &mut self.instances[number as usize];
        if instance.reasons.raised && !instance.reasons.normal {
            instance.reasons.normal = true;
            let dependents: Vec<NodeId> = instance.dependents.iter().copied().collect();
            dependents.into_iter().for_each(|node| self.enqueue(node));
        }
        step.stack.truncate(step.stack.len() - 2);
        step.stack.push(Value::Reason(number));
        step.acts.push(Act::Run(op::WITH_CLEANUP, None));
        Ok(Ok(Exit::Go(self.go(step, step.end)?)))
    }
}

impl Step {
    fn copy(&self) -> Step {
        Step {
            blocks: self.blocks.clone(),
            stack: self.stack.clone(),
            variables: self.variables.clone(),
            acts: Vec::new(),
            ..*self
        }
    }

    fn push(&mut self, literal: Literal) {
        self.acts.push(Act::Push(literal.clone()));
        self.stack.push(Value::Constant(literal));
    }
}
