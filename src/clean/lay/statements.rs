//! Statements one after the other: compiler_visit_stmt and its kind in Python/compile.c.

use super::{Body, Item, Laid, Layer, Unstructured};
use crate::bytecode::opcode::op;
use crate::clean::flow::{BlockId, DROP, End, Instruction, Operand, growth};
use crate::clean::same::goes_on;

/// Statements that are nested at most.
const NESTING: usize = 200;

/// How a way out of the innermost loop is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaving {
    Break,
    Continue,
}

impl Layer<'_> {
    /// Lays out statements from a block until control is at `stop` or does not go on.  `base` is the depth of the stack between
    /// statements; `entered` is the loop that begins with the first block and is laid out already.
    pub fn statements(
        &mut self,
        from: BlockId,
        stop: Option<BlockId>,
        base: usize,
        entered: Option<BlockId>,
    ) -> Laid<()> {
        self.nesting += 1;
        if self.nesting > NESTING {
            return Err(Unstructured("statements are nested too deep"));
        }
        let mut next = Some(from);
        let mut entered = entered;
        while let Some(block) = next {
            if entered.take() != Some(block) {
                if Some(block) == stop {
                    break;
                }
                if let Some(way) = self.leaving(block, base) {
                    self.leave(way);
                    break;
                }
                let basic = &self.flow.blocks[block];
                // A loop that never comes to a second turn has no way back.
                let is_for = matches!(basic.end, End::Iterate { .. }) && basic.instructions.is_empty();
                let is_loop = self.order.loops[block].is_some() || is_for && basic.depth == base + 1;
                if is_loop && !matches!(basic.end, End::Leave(_)) {
                    next = self.looped(block, stop, base)?;
                    continue;
                }
                if let Some(exit) = self.left_at_once(block) {
                    next = self.once(block, exit, base)?;
                    continue;
                }
                if let Some(made) = self.once_with_condition(block, base)? {
                    next = Some(made);
                    continue;
                }
            }
            next = self.block(block, stop, base)?;
        }
        self.nesting -= 1;
        Ok(())
    }

    /// Whether a block does nothing but leave the innermost loop or go on with it: it pops, leaves blocks, and is there.
    pub(super) fn leaving(&self, from: BlockId, base: usize) -> Option<Leaving> {
        let (header, exit, ..) = self.innermost()?;
        let mut block = from;
        for _ in 0..self.flow.blocks.len() {
            if Some(block) == exit {
                return Some(Leaving::Break);
            }
            if block == header {
                return Some(Leaving::Continue);
            }
            let basic = &self.flow.blocks[block];
            let pops = basic.instructions.iter().all(is_pop);
            if !pops || (!basic.instructions.is_empty() && self.depth(from) != base) {
                return None;
            }
            match basic.end {
                End::Jump(next) | End::Leave(next) => block = next,
                _ => return None,
            }
        }
        None
    }

    fn leave(&mut self, way: Leaving) {
        self.begin_statement();
        let Some((_, _, top, _)) = self.innermost() else { return };
        match way {
            Leaving::Break => self.run(op::BREAK_LOOP, Operand::None, 0),
            Leaving::Continue if self.is_in_try() => self.jump(op::CONTINUE_LOOP, top, 0),
            Leaving::Continue => self.jump(op::JUMP_ABSOLUTE, top, 0),
        }
    }

    /// Lays out one block and what it begins; returns where it goes on.
    fn block(&mut self, block: BlockId, stop: Option<BlockId>, base: usize) -> Laid<Option<BlockId>> {
        if std::mem::replace(&mut self.placed[block], true) && !self.can_repeat(block) {
            return Err(Unstructured("statements share code in a way that no statement has"));
        }
        if self.depth(block) == base {
            self.begin_statement();
        }
        self.lines(block, base);
        let basic = &self.flow.blocks[block];
        let at = basic.at;
        match basic.end {
            End::Jump(next) => Ok(Some(next)),
            End::Final(opcode, operand) => {
                self.run(opcode, operand.map_or(Operand::None, Operand::Number), at);
                if goes_on(opcode) {
                    self.end_failed(block, opcode, operand, base);
                }
                Ok(None)
            }
            End::Through(opcode) => {
                let Some((_, _, top, _)) = self.innermost() else {
                    return Err(Unstructured("a loop is left where there is none"));
                };
                match opcode {
                    op::CONTINUE_LOOP => self.jump(op::CONTINUE_LOOP, top, at),
                    _ => self.run(opcode, Operand::None, at),
                }
                Ok(None)
            }
            End::Branch { .. } => match self.expression_end(block, base) {
                Some(after) => {
                    self.expression(block, after)?;
                    Ok(after)
                }
                None => self.condition(block, stop, base),
            },
            // A list comprehension, which has no loop block.
            End::Iterate { done, .. } => {
                self.expression(block, Some(done))?;
                Ok(Some(done))
            }
            End::Setup { .. } => self.tried(block, stop, base),
            End::Leave(_) => Err(Unstructured("a try is left in the middle")),
            End::Finally { .. } => Err(Unstructured("a finally block ends where none is")),
        }
    }

    /// Ends a statement that always fails, as if it did not: its values are popped, and that of a lambda is returned.
    fn end_failed(&mut self, block: BlockId, opcode: u8, operand: Option<i32>, base: usize) {
        let basic = &self.flow.blocks[block];
        let last = Instruction { opcode, operand: operand.map_or(Operand::None, Operand::Number), at: basic.at };
        let all = basic.instructions.iter().chain([&last]);
        let depth = all.fold(basic.depth as i64, |depth, one| depth + growth(one));
        let at = basic.at;
        if self.body == Body::Lambda && depth == 1 {
            self.run(op::RETURN_VALUE, Operand::None, at);
            return;
        }
        for _ in (base as i64)..depth {
            self.run(op::POP_TOP, Operand::None, at);
        }
        self.begin_statement();
    }

    /// Whether a copy of a block may stand in a second place.
    fn can_repeat(&self, block: BlockId) -> bool {
        let basic = &self.flow.blocks[block];
        matches!(basic.end, End::Final(op::RETURN_VALUE, _)) && basic.instructions.len() <= 3
    }

    /// Whether a block's last instruction begins a statement.
    pub(super) fn ends_before_last(&self, block: BlockId, base: usize) -> bool {
        let [before @ .., _] = &self.flow.blocks[block].instructions[..] else { return false };
        let depth = before.iter().fold(self.depth(block) as i64, |depth, one| depth + growth(one));
        depth == base as i64 && before.last().is_none_or(ends_statement)
    }

    /// Lays out the instructions of a block but the last, and notes where statements begin.
    pub(super) fn lines_but_last(&mut self, block: BlockId, base: usize) {
        let count = self.flow.blocks[block].instructions.len();
        self.first_lines(block, base, count.saturating_sub(1));
    }

    /// Lays out the instructions of a block, and notes where statements begin.
    fn lines(&mut self, block: BlockId, base: usize) {
        self.first_lines(block, base, usize::MAX);
    }

    fn first_lines(&mut self, block: BlockId, base: usize, count: usize) {
        let mut depth = self.depth(block) as i64;
        let basic = &self.flow.blocks[block];
        let leaves = matches!(basic.end, End::Jump(next) if self.leaving(next, self.depth(next)).is_some());
        for (place, one) in basic.instructions.iter().enumerate().take(count) {
            // What lies below the statement is the loop's, and a break pops it.
            if leaves && depth == base as i64 && basic.instructions[place..].iter().all(is_pop) {
                break;
            }
            self.out.items.push(Item::Run { opcode: one.opcode, operand: one.operand.clone(), at: one.at });
            depth += growth(one);
            if depth == base as i64 && ends_statement(one) {
                self.begin_statement();
            }
        }
    }
}

fn is_pop(one: &Instruction) -> bool {
    matches!(one.opcode, op::POP_TOP | DROP)
}

/// Whether an instruction is the last of a statement if the stack is then as before the statement.
pub fn ends_statement(one: &Instruction) -> bool {
    matches!(
        one.opcode,
        op::POP_TOP
            | op::STORE_NAME
            | op::STORE_GLOBAL
            | op::STORE_FAST
            | op::STORE_DEREF
            | op::STORE_ATTR
            | op::STORE_SUBSCR
            | op::STORE_SLICE_0..=op::STORE_SLICE_3
            | op::DELETE_SLICE_0..=op::DELETE_SLICE_3
            | op::DELETE_NAME
            | op::DELETE_GLOBAL
            | op::DELETE_FAST
            | op::DELETE_ATTR
            | op::DELETE_SUBSCR
            | op::PRINT_EXPR
            | op::PRINT_ITEM
            | op::PRINT_NEWLINE
            | op::PRINT_ITEM_TO
            | op::PRINT_NEWLINE_TO
            | op::IMPORT_STAR
            | op::EXEC_STMT
    )
}
