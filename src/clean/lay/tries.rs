//! `try` with `except` or `finally`, and `with`: compiler_try_except, compiler_try_finally and compiler_with in Python/compile.c.

use super::statements::Leaving;
use super::{Around, Laid, Layer, Unstructured};
use crate::bytecode::opcode::op;
use crate::clean::flow::{BlockId, End, Operand};
use crate::clean::value::Literal;

impl Layer<'_> {
    /// Lays out what a SETUP at the end of a block begins; returns where it goes on.
    pub fn tried(&mut self, block: BlockId, stop: Option<BlockId>, base: usize) -> Laid<Option<BlockId>> {
        let End::Setup { opcode, handler, next } = self.flow.blocks[block].end else {
            return Err(Unstructured("a try does not begin"));
        };
        let handler = handler.ok_or(Unstructured("no handler is known"))?;
        match opcode {
            op::SETUP_EXCEPT => self.try_except(block, handler, next, stop, base),
            _ => self.try_finally(block, opcode, handler, next, base),
        }
    }

    /// The blocks in which a try's body ends, by where they go on; not those that only leave the innermost loop or go on with it.
    fn ends_of_body(&self, block: BlockId, next: BlockId) -> Vec<(BlockId, BlockId)> {
        let around = self.flow.blocks[block].around.len();
        let mut seen = vec![false; self.flow.blocks.len()];
        let (mut todo, mut found) = (vec![next], Vec::new());
        while let Some(block) = todo.pop() {
            if self.flow.blocks[block].around.len() <= around || std::mem::replace(&mut seen[block], true) {
                continue;
            }
            match self.flow.blocks[block].end {
                End::Leave(after) if self.flow.blocks[block].around.len() == around + 1 => found.push((block, after)),
                _ => todo.extend(self.flow.blocks[block].end.successors()),
            }
        }
        found.sort_unstable_by_key(|&(block, _)| self.order.place[block]);
        let Some((header, exit, ..)) = self.innermost() else { return found };
        let is_away = |after: BlockId| {
            self.goes_only_to(after, header) || exit.is_some_and(|exit| self.goes_only_to(after, exit))
        };
        let plain: Vec<(BlockId, BlockId)> = found.iter().copied().filter(|&(_, after)| !is_away(after)).collect();
        if !plain.is_empty() {
            return plain;
        }
        let to_header =
            found.iter().copied().filter(|&(_, after)| self.goes_only_to(after, header)).collect::<Vec<_>>();
        if to_header.is_empty() { found } else { to_header }
    }

    /// Whether a block does nothing but pop until another one comes.
    fn goes_only_to(&self, from: BlockId, to: BlockId) -> bool {
        let mut block = from;
        for _ in 0..self.flow.blocks.len() {
            if block == to {
                return true;
            }
            let basic = &self.flow.blocks[block];
            match basic.end {
                End::Jump(next) if basic.instructions.iter().all(|one| one.opcode == op::POP_TOP) => block = next,
                _ => return false,
            }
        }
        false
    }

    fn try_except(
        &mut self,
        block: BlockId,
        handler: BlockId,
        next: BlockId,
        stop: Option<BlockId>,
        base: usize,
    ) -> Laid<Option<BlockId>> {
        let ends = self.ends_of_body(block, next);
        let after_body = match ends[..] {
            [] => None,
            [(_, after), ..] if ends.iter().all(|&(_, other)| other == after) => Some(after),
            _ => return Err(Unstructured("the body of a try ends in several ways")),
        };
        if ends.len() > 1 {
            return Err(Unstructured("the body of a try ends in several places"));
        }
        let clauses = self.clauses(handler)?;
        let join = self.join_of_clauses(after_body, &clauses, stop);
        let (except, orelse, end) = (self.label(), self.label(), self.label());
        self.jump(op::SETUP_EXCEPT, except, self.flow.blocks[block].at);
        self.around.push(Around::Try);
        self.begin_statement();
        self.statements(next, ends.first().map(|&(end, _)| end), base, None)?;
        self.around.pop();
        self.end_statements();
        self.run(op::POP_BLOCK, Operand::None, 0);
        self.jump(op::JUMP_FORWARD, orelse, 0);
        self.put(except);
        // Code after the statement is no part of its clauses.
        let inner = join.or(after_body).or(stop);
        for clause in &clauses {
            self.clause(clause, inner, end, base)?;
        }
        self.end_statements();
        self.run(op::END_FINALLY, Operand::None, 0);
        self.put(orelse);
        if let (Some(after), Some(join)) = (after_body, join)
            && after != join
        {
            self.begin_statement();
            self.statements(after, Some(join), base, None)?;
        }
        self.put(end);
        self.begin_statement();
        Ok(join.or(after_body))
    }

    fn clause(&mut self, clause: &Clause, join: Option<BlockId>, end: usize, base: usize) -> Laid<()> {
        match *clause {
            Clause::Typed { block, body, .. } => {
                let next = self.label();
                self.place_clause(block)?;
                self.begin_statement();
                self.instructions(block);
                self.jump(op::POP_JUMP_IF_FALSE, next, self.flow.blocks[block].at);
                self.statements(body, join, base, None)?;
                self.end_statements();
                self.jump(op::JUMP_FORWARD, end, 0);
                self.put(next);
            }
            Clause::Bare(body) => {
                self.begin_statement();
                self.statements(body, join, base, None)?;
                self.end_statements();
                self.jump(op::JUMP_FORWARD, end, 0);
            }
            Clause::Reraise(block) => self.place_clause(block)?,
        }
        Ok(())
    }

    fn place_clause(&mut self, block: BlockId) -> Laid<()> {
        match std::mem::replace(&mut self.placed[block], true) {
            true => Err(Unstructured("handlers share code")),
            false => Ok(()),
        }
    }

    /// The clauses of a handler, in order.
    fn clauses(&self, handler: BlockId) -> Laid<Vec<Clause>> {
        let mut clauses = Vec::new();
        let mut block = handler;
        for _ in 0..self.flow.blocks.len() {
            let basic = &self.flow.blocks[block];
            let matches_class = basic
                .instructions
                .last()
                .is_some_and(|one| (one.opcode, &one.operand) == (op::COMPARE_OP, &Operand::Number(10)));
            match basic.end {
                End::Branch { opcode: op::POP_JUMP_IF_FALSE, taken, next } if matches_class => {
                    clauses.push(Clause::Typed { block, body: next });
                    block = taken;
                }
                End::Branch { opcode: op::POP_JUMP_IF_TRUE, taken, next } if matches_class => {
                    clauses.push(Clause::Typed { block, body: taken });
                    block = next;
                }
                End::Final(op::END_FINALLY, _) if basic.instructions.is_empty() => {
                    clauses.push(Clause::Reraise(block));
                    return Ok(clauses);
                }
                _ => {
                    let pops = basic.instructions.iter().take(3).filter(|one| one.opcode == op::POP_TOP).count();
                    if pops < 3 {
                        return Err(Unstructured("a handler is none that a compiler makes"));
                    }
                    clauses.push(Clause::Bare(block));
                    return Ok(clauses);
                }
            }
        }
        Err(Unstructured("a handler has no end"))
    }

    /// Where a try statement ends: where its clauses and what follows its body meet.
    fn join_of_clauses(
        &self,
        after_body: Option<BlockId>,
        clauses: &[Clause],
        stop: Option<BlockId>,
    ) -> Option<BlockId> {
        let bodies = clauses.iter().filter_map(|clause| match *clause {
            Clause::Typed { body, .. } | Clause::Bare(body) => Some(body),
            Clause::Reraise(_) => None,
        });
        // A `break` says nothing of where the statement ends, if what comes after the body is more than one.
        let way = |block: BlockId| self.leaving(block, self.depth(block));
        let goes_on = after_body.is_some_and(|after| way(after).is_none());
        let bodies = bodies.filter(|&body| !goes_on || way(body) != Some(Leaving::Break));
        let reaches: Vec<Vec<bool>> = bodies.map(|body| self.reach(body, stop)).collect();
        match after_body {
            // An `if` at the end of a handler after which a loop goes on: uncompyle6 reads a `continue` there, and no `else` of the try.
            // The compiler makes the same of both but for a jump.
            Some(_)
                if goes_on
                    && self.order.has_sign
                    && reaches.iter().any(|reach| self.ends_turn_with_condition(reach)) =>
            {
                None
            }
            Some(after) => {
                let from_body = self.reach(after, stop);
                self.first(stop, |block| from_body[block] && reaches.iter().any(|reach| reach[block]))
            }
            None => {
                let count = |block: BlockId| reaches.iter().filter(|reach| reach[block]).count();
                self.first(stop, |block| count(block) > 1)
            }
        }
    }

    /// Whether one of these blocks is a condition with a side that does nothing but to go on with the innermost loop.
    fn ends_turn_with_condition(&self, blocks: &[bool]) -> bool {
        let Some((header, ..)) = self.innermost() else { return false };
        self.order.blocks.iter().any(|&block| match self.flow.blocks[block].end {
            End::Branch { opcode: op::POP_JUMP_IF_FALSE | op::POP_JUMP_IF_TRUE, taken, next } => {
                blocks[block] && block != header && [taken, next].iter().any(|&way| self.goes_only_to(way, header))
            }
            _ => false,
        })
    }

    fn try_finally(
        &mut self,
        block: BlockId,
        opcode: u8,
        handler: BlockId,
        next: BlockId,
        base: usize,
    ) -> Laid<Option<BlockId>> {
        let ends = self.ends_of_body_to(block, next, handler);
        if ends.len() > 1 {
            return Err(Unstructured("the body of a finally ends in several places"));
        }
        let finally = self.label();
        self.jump(opcode, finally, self.flow.blocks[block].at);
        self.around.push(Around::Try);
        if opcode == op::SETUP_FINALLY {
            self.begin_statement();
        }
        let inner = if opcode == op::SETUP_WITH { self.depth(next) - 1 } else { base };
        self.statements(next, ends.first().map(|&(end, _)| end), inner, None)?;
        self.end_statements();
        self.run(op::POP_BLOCK, Operand::None, 0);
        self.around.pop();
        if let Some(&(_, none)) = ends.first() {
            self.place_clause(none)?;
        }
        self.run(op::LOAD_CONST, Operand::Literal(Literal::None), 0);
        self.put(finally);
        let after = self.end_of_finally(block, handler)?;
        self.around.push(Around::Try);
        match after {
            Some((end, _)) if opcode == op::SETUP_WITH => {
                self.place_clause(handler)?;
                self.instructions(handler);
                if !matches!(self.flow.blocks[handler].end, End::Jump(next) if next == end) {
                    return Err(Unstructured("a with block ends like none that a compiler makes"));
                }
            }
            _ => {
                self.begin_statement();
                let depth = self.depth(handler);
                self.statements(handler, after.map(|(end, _)| end), depth, None)?;
            }
        }
        self.around.pop();
        self.end_statements();
        self.run(op::END_FINALLY, Operand::None, 0);
        self.begin_statement();
        Ok(after.and_then(|(_, next)| next))
    }

    /// The one block in which the body of a finally ends, and the one after it that pushes None.
    fn ends_of_body_to(&self, block: BlockId, next: BlockId, handler: BlockId) -> Vec<(BlockId, BlockId)> {
        let around = self.flow.blocks[block].around.len();
        let mut seen = vec![false; self.flow.blocks.len()];
        let (mut todo, mut found) = (vec![next], Vec::new());
        while let Some(block) = todo.pop() {
            if self.flow.blocks[block].around.len() <= around || std::mem::replace(&mut seen[block], true) {
                continue;
            }
            match self.flow.blocks[block].end {
                End::Leave(after) if self.flow.blocks[block].around.len() == around + 1 => {
                    if matches!(self.flow.blocks[after].end, End::Jump(next) if next == handler) {
                        found.push((block, after));
                    }
                }
                _ => todo.extend(self.flow.blocks[block].end.successors()),
            }
        }
        found
    }

    /// The block that ends a finally block, and where it goes on; None if it never ends.
    pub fn end_of_finally(&self, block: BlockId, handler: BlockId) -> Laid<Option<(BlockId, Option<BlockId>)>> {
        let depth = self.depth(handler);
        let around = &self.flow.blocks[block].around;
        let mut seen = vec![false; self.flow.blocks.len()];
        let (mut todo, mut found) = (vec![handler], Vec::new());
        while let Some(block) = todo.pop() {
            if std::mem::replace(&mut seen[block], true) {
                continue;
            }
            let basic = &self.flow.blocks[block];
            match &basic.end {
                End::Finally { next, .. } if basic.depth == depth || basic.depth + 1 == depth => {
                    if basic.around == *around {
                        found.push((block, *next));
                        continue;
                    }
                    todo.extend(basic.end.successors());
                }
                _ => todo.extend(basic.end.successors()),
            }
        }
        match found[..] {
            [] => Ok(None),
            [one] => Ok(Some(one)),
            _ => Err(Unstructured("a finally block ends in several places")),
        }
    }
}

/// A clause of a handler.
#[derive(Clone, Copy, Debug)]
enum Clause {
    /// `except CLASS:`; the block compares.
    Typed {
        block: BlockId,
        body: BlockId,
    },
    Bare(BlockId),
    /// What no clause catches goes on.
    Reraise(BlockId),
}
