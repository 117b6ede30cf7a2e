//! `if`, `assert`, and the conditions of loops: compiler_if and its kind in Python/compile.c.

use super::expression::inverted;
use super::statements::ends_statement;
use super::{Label, Laid, Layer, Unstructured};
use crate::bytecode::opcode::op;
use crate::clean::flow::{BlockId, End, Instruction, Operand};

/// A condition: blocks that are laid out one after the other, and what each of its parts ends with.
#[derive(Clone, Debug)]
struct Part {
    first: BlockId,
    /// The block whose branch decides.
    last: BlockId,
}

/// Parts of a condition at most.
const PARTS: usize = 200;

impl Layer<'_> {
    /// Finds the parts of a condition that begins with a block, `most` of them at most, and its two ways out: where it falls through, and
    /// the other.
    fn parts(
        &self,
        block: BlockId,
        base: usize,
        inside: &dyn Fn(BlockId) -> bool,
        most: usize,
    ) -> Option<(Vec<Part>, BlockId, BlockId)> {
        let first = Part { first: block, last: self.decider(block, base, true)? };
        let mut parts = vec![first];
        let mut best = None;
        loop {
            let lasts: Vec<(BlockId, BlockId)> = parts.iter().filter_map(|part| self.ways(part.last)).collect();
            // A single one that leads to itself is the condition of a loop without a body.
            let is_part = |block: BlockId| parts.len() > 1 && parts.iter().any(|part| part.first == block);
            let mut exits: Vec<BlockId> =
                lasts.iter().flat_map(|&(next, taken)| [next, taken]).filter(|&block| !is_part(block)).collect();
            exits.sort_unstable();
            exits.dedup();
            if exits.len() == 2 && self.falls_through(&parts) {
                let last = parts.last()?;
                let (next, taken) = self.ways(last.last)?;
                if exits.contains(&next) && exits.contains(&taken) {
                    best = Some((parts.clone(), next, taken));
                }
            }
            // `if x: pass`, or a `continue` at the end of a loop.
            if let ([exit], [part]) = (&exits[..], &parts[..])
                && self.ways(part.last) == Some((*exit, *exit))
            {
                return Some((parts.clone(), *exit, *exit));
            }
            if exits.len() > 4 || parts.len() >= most {
                return best;
            }
            // The next part: what all ways to come from parts.
            let fits = |&block: &BlockId| {
                inside(block)
                    && self.depth(block) == base
                    && self.order.loops[block].is_none()
                    && self.order.place[block] > self.order.place[parts[parts.len() - 1].last]
                    && self.is_only_from(block, &parts)
            };
            exits.retain(|block| fits(block));
            exits.sort_unstable_by_key(|&block| self.order.place[block]);
            let found = exits
                .into_iter()
                .find_map(|block| Some(Part { first: block, last: self.decider(block, base, false)? }));
            match found {
                Some(part) => parts.push(part),
                None => return best,
            }
        }
    }

    /// Where a branch goes: falling through, and taken.
    fn ways(&self, block: BlockId) -> Option<(BlockId, BlockId)> {
        match self.flow.blocks[block].end {
            End::Branch { taken, next, .. } => Some((next, taken)),
            _ => None,
        }
    }

    /// Whether each part but the last has a way to the one after it.
    fn falls_through(&self, parts: &[Part]) -> bool {
        parts.windows(2).all(|pair| {
            self.ways(pair[0].last).is_some_and(|(next, taken)| next == pair[1].first || taken == pair[1].first)
        })
    }

    /// Whether a block is only come to from parts of a condition.
    fn is_only_from(&self, block: BlockId, parts: &[Part]) -> bool {
        self.order.blocks.iter().all(|&from| {
            parts.iter().any(|part| part.last == from) || !self.flow.blocks[from].end.successors().contains(&block)
        })
    }

    /// The block that decides a condition that begins with `block`: expressions lie between.  What is not the first part of a condition
    /// must be an expression and nothing else.
    fn decider(&self, block: BlockId, base: usize, is_first: bool) -> Option<BlockId> {
        let mut at = block;
        for step in 0..self.flow.blocks.len() {
            let basic = &self.flow.blocks[at];
            let is_statement = |one: &Instruction| ends_statement(one);
            if !(is_first && step == 0) && basic.instructions.iter().any(is_statement) {
                return None;
            }
            if is_first && step == 0 && !matches!(basic.end, End::Branch { .. }) {
                return None;
            }
            match basic.end {
                End::Branch { .. } => match self.expression_end(at, base) {
                    None => return Some(at),
                    Some(after) => at = after?,
                },
                End::Iterate { done, .. } if self.depth(at) > base + 1 => at = done,
                End::Jump(next) if self.depth(next) > base => at = next,
                _ => return None,
            }
        }
        None
    }

    /// Lays out an `if` whose condition begins with a block that is laid out up to its branch.
    pub(super) fn condition(&mut self, block: BlockId, stop: Option<BlockId>, base: usize) -> Laid<Option<BlockId>> {
        let Some((parts, next, other)) = self.parts(block, base, &|block| !self.is_boundary(block, stop), PARTS) else {
            return Err(Unstructured("a condition has more than two ways out"));
        };
        let is_elif = self.otherwise.take() == Some(block);
        let reach = |from| self.reach(from, stop);
        let (from_next, from_other) = (reach(next), reach(other));
        let join = self.first(stop, |block| from_next[block] && from_other[block]);
        let is_way_out = |block: BlockId| self.leaving(block, base).is_some();
        let (body, orelse, join) = match join {
            _ if is_way_out(next) && next != other => (next, None, Some(other)),
            Some(join) if join == other => (next, None, Some(join)),
            Some(join) if join == next => (other, None, Some(join)),
            Some(join) => (next, Some(other), Some(join)),
            // What follows an `elif` that leaves is an `elif` or `else` of it: uncompyle6 takes it out of the `else` if it is not.
            None if is_elif && stop.is_some_and(|stop| other != stop) => (next, Some(other), stop),
            None if !stop.is_some_and(|stop| from_next[stop]) => (next, None, Some(other)),
            None => (next, Some(other), stop),
        };
        let (inner, end) = (self.label(), self.label());
        let otherwise = if orelse.is_some() { self.label() } else { end };
        let away = if body == next { other } else { next };
        self.lay_parts(&parts, body, away, inner, otherwise, base)?;
        self.put(inner);
        let join = join.or(stop);
        let is_assertion = orelse.is_none() && self.is_assertion(&parts, body);
        self.statements(body, join, base, None)?;
        if !is_assertion {
            self.end_statements();
            self.jump(op::JUMP_FORWARD, end, 0);
        }
        if let Some(orelse) = orelse {
            self.put(otherwise);
            self.otherwise = Some(orelse);
            self.statements(orelse, join, base, None)?;
        }
        self.put(end);
        Ok(join)
    }

    /// Whether this is `assert`, which has no jump after its body.
    fn is_assertion(&self, parts: &[Part], body: BlockId) -> bool {
        let (basic, last) = (&self.flow.blocks[body], parts.last().map(|part| &self.flow.blocks[part.last].end));
        let on_true = matches!(last, Some(End::Branch { opcode: op::POP_JUMP_IF_TRUE, .. }));
        let raises = matches!(basic.end, End::Final(op::RAISE_VARARGS, Some(1)));
        let class = basic.instructions.first().map(|one| (one.opcode, &one.operand));
        on_true
            && raises
            && matches!(class, Some((op::LOAD_GLOBAL, Operand::Number(name))) if self.order.assertion == Some(*name))
    }

    /// Lays out the parts of a condition: it falls through to `body`, and jumps away to `otherwise`.
    fn lay_parts(
        &mut self,
        parts: &[Part],
        body: BlockId,
        away: BlockId,
        inner: Label,
        otherwise: Label,
        base: usize,
    ) -> Laid<()> {
        let labels: Vec<Label> = parts.iter().map(|_| self.label()).collect();
        let target = |block: BlockId| {
            // A way to the first part is one to the loop that begins with it.
            let part = (1..parts.len()).find(|&part| parts[part].first == block);
            match part {
                Some(part) => Some(labels[part]),
                None if block == body && body != away => Some(inner),
                None if block == away => Some(otherwise),
                None => None,
            }
        };
        for (number, part) in parts.iter().enumerate() {
            if number > 0 {
                if std::mem::replace(&mut self.placed[part.first], true) {
                    return Err(Unstructured("conditions share code"));
                }
                self.put(labels[number]);
                self.instructions(part.first);
            }
            self.lay_to_decider(part, base)?;
            let following = parts.get(number + 1).map_or(body, |part| part.first);
            let basic = &self.flow.blocks[part.last];
            let End::Branch { opcode, taken, next } = basic.end else {
                return Err(Unstructured("a condition has no branch"));
            };
            let strange = Unstructured("a condition leads to a third place");
            if next == following {
                self.jump(opcode, target(taken).ok_or(strange)?, basic.at);
            } else if taken == following
                && let Some(inverted) = inverted(opcode)
            {
                self.jump(inverted, target(next).ok_or(strange)?, basic.at);
            } else {
                return Err(strange);
            }
        }
        Ok(())
    }

    /// Lays out the expressions between the beginning of a part and its branch.
    fn lay_to_decider(&mut self, part: &Part, base: usize) -> Laid<()> {
        let mut at = part.first;
        while at != part.last {
            let after = match self.flow.blocks[at].end {
                End::Branch { .. } => self.expression_end(at, base).flatten(),
                End::Iterate { done, .. } => Some(done),
                End::Jump(next) => {
                    at = next;
                    self.place(at)?;
                    self.instructions(at);
                    continue;
                }
                _ => None,
            };
            let after = after.ok_or(Unstructured("a condition has no end"))?;
            self.expression(at, Some(after))?;
            self.place(after)?;
            self.instructions(after);
            at = after;
        }
        Ok(())
    }

    fn place(&mut self, block: BlockId) -> Laid<()> {
        match std::mem::replace(&mut self.placed[block], true) {
            true => Err(Unstructured("expressions share code")),
            false => Ok(()),
        }
    }

    /// Whether a part of a condition goes away to a block if it is true.
    fn leaves_if_true(&self, part: &Part, away: BlockId) -> bool {
        match self.flow.blocks[part.last].end {
            End::Branch { opcode: op::POP_JUMP_IF_TRUE, taken, .. } => taken == away,
            End::Branch { opcode: op::POP_JUMP_IF_FALSE, next, .. } => next == away,
            _ => false,
        }
    }

    /// Finds and lays out the condition of a `while` loop whose header is `block`: its parts, with jumps to `otherwise` if it is false.
    /// Returns the body's first block and the block after the loop; None, and nothing laid out, if the header is no condition.
    pub fn loop_condition(
        &mut self,
        block: BlockId,
        inside: &[bool],
        base: usize,
        otherwise: Label,
    ) -> Laid<Option<(BlockId, BlockId)>> {
        let basic = &self.flow.blocks[block];
        if basic.instructions.iter().any(ends_statement) || !matches!(basic.end, End::Branch { .. }) {
            return Ok(None);
        }
        let mut most = PARTS;
        let (parts, body, done) = loop {
            let Some((parts, next, other)) = self.parts(block, base, &|block| inside[block], most) else {
                return Ok(None);
            };
            let (body, done) = match (inside[next], inside[other]) {
                (true, false) => (next, other),
                (false, true) => (other, next),
                _ => return Ok(None),
            };
            // `while a and not b` has a UNARY_NOT, so this is `while a: if b: break`.
            match (1..parts.len()).find(|&part| self.leaves_if_true(&parts[part], done)) {
                Some(part) => most = part,
                None => break (parts, body, done),
            }
        };
        self.place(block)?;
        self.instructions(block);
        let inner = self.label();
        self.lay_parts(&parts, body, done, inner, otherwise, base)?;
        self.put(inner);
        Ok(Some((body, done)))
    }
}
