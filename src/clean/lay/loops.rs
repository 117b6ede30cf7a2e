//! `for` and `while`: compiler_for and compiler_while in Python/compile.c.

use super::{Around, Item, Laid, Layer, Unstructured};
use crate::bytecode::opcode::op;
use crate::clean::flow::{BlockId, End, Operand};

impl Layer<'_> {
    /// Lays out the loop with this header; returns where it goes on.
    pub fn looped(&mut self, header: BlockId, stop: Option<BlockId>, base: usize) -> Laid<Option<BlockId>> {
        let alone = || (0..self.flow.blocks.len()).map(|block| block == header).collect();
        let inside: Vec<bool> = self.order.loops[header].clone().unwrap_or_else(alone);
        match self.flow.blocks[header].end {
            End::Iterate { done, next } if self.flow.blocks[header].instructions.is_empty() => {
                if self.depth(header) == base + 1 {
                    self.for_loop(header, done, next, &inside, stop, base)
                } else {
                    // A list comprehension.
                    self.place_header(header)?;
                    self.expression(header, Some(done))?;
                    Ok(Some(done))
                }
            }
            _ if self.depth(header) != base => Err(Unstructured("a loop begins within an expression")),
            _ => self.while_loop(header, &inside, stop, base),
        }
    }

    /// Where a break goes through the finally or with block that begins at the end of this one, if that is no loop around here.
    pub fn left_at_once(&self, block: BlockId) -> Option<BlockId> {
        let End::Setup { handler: Some(handler), opcode, .. } = self.flow.blocks[block].end else { return None };
        if opcode == op::SETUP_EXCEPT || self.innermost().is_some() {
            return None;
        }
        let (end, _) = self.end_of_finally(block, handler).ok()??;
        let End::Finally { others, .. } = &self.flow.blocks[end].end else { return None };
        others.iter().find(|other| other.0 == op::BREAK_LOOP).map(|other| other.1)
    }

    /// Lays out a `while` loop that is left in its first turn if its condition, a mere name, is true: the name begins a statement, and the
    /// body is a finally or with block that is left at once to where the other side goes.  None, and nothing laid out, if there is none.
    pub fn once_with_condition(&mut self, block: BlockId, base: usize) -> Laid<Option<BlockId>> {
        let basic = &self.flow.blocks[block];
        let End::Branch { opcode: op::POP_JUMP_IF_FALSE, taken, next } = basic.end else { return Ok(None) };
        let [.., name] = &basic.instructions[..] else { return Ok(None) };
        let begins = basic.instructions.len() == 1 || self.ends_before_last(block, base);
        let is_name = matches!(name.opcode, op::LOAD_NAME | op::LOAD_GLOBAL) && begins;
        if !is_name || self.left_at_once(next) != Some(taken) || self.depth(next) != base {
            return Ok(None);
        }
        let (name, at) = (name.clone(), basic.at);
        self.place_header(block)?;
        self.lines_but_last(block, base);
        let (top, anchor, end) = (self.label(), self.label(), self.label());
        self.begin_statement();
        self.jump(op::SETUP_LOOP, end, at);
        self.put(top);
        self.run(name.opcode, name.operand, name.at);
        self.jump(op::POP_JUMP_IF_FALSE, anchor, at);
        self.around.push(Around::Loop { header: block, exit: Some(taken), top, depth: base });
        self.statements(next, Some(block), base, None)?;
        self.end_statements();
        self.jump(op::JUMP_ABSOLUTE, top, 0);
        self.around.pop();
        self.put(anchor);
        self.run(op::POP_BLOCK, Operand::None, 0);
        self.put(end);
        self.begin_statement();
        Ok(Some(taken))
    }

    /// Lays out a loop that is left in its first turn.
    pub fn once(&mut self, block: BlockId, exit: BlockId, base: usize) -> Laid<Option<BlockId>> {
        let (top, end) = (self.label(), self.label());
        self.begin_statement();
        self.jump(op::SETUP_LOOP, end, self.flow.blocks[block].at);
        self.put(top);
        self.around.push(Around::Loop { header: block, exit: Some(exit), top, depth: base });
        self.statements(block, Some(exit), base, Some(block))?;
        self.end_statements();
        self.jump(op::JUMP_ABSOLUTE, top, 0);
        self.around.pop();
        self.run(op::POP_BLOCK, Operand::None, 0);
        self.put(end);
        self.begin_statement();
        Ok(Some(exit))
    }

    fn place_header(&mut self, header: BlockId) -> Laid<()> {
        match std::mem::replace(&mut self.placed[header], true) {
            true => Err(Unstructured("loops share code")),
            false => Ok(()),
        }
    }

    fn for_loop(
        &mut self,
        header: BlockId,
        done: BlockId,
        next: BlockId,
        inside: &[bool],
        stop: Option<BlockId>,
        base: usize,
    ) -> Laid<Option<BlockId>> {
        self.place_header(header)?;
        let after = self.after_loop(header, Some(done), inside, stop);
        let (top, cleanup, end) = (self.label(), self.label(), self.label());
        // SETUP_LOOP comes before the expression that is iterated over.
        let begin = self.statement;
        self.out.items.insert(begin, Item::Jump { opcode: op::SETUP_LOOP, to: end, at: self.flow.blocks[header].at });
        self.put(top);
        self.jump(op::FOR_ITER, cleanup, self.flow.blocks[header].at);
        self.around.push(Around::Loop { header, exit: after, top, depth: base + 1 });
        self.statements(next, Some(header), base + 1, None)?;
        self.end_statements();
        self.jump(op::JUMP_ABSOLUTE, top, 0);
        self.around.pop();
        self.put(cleanup);
        self.run(op::POP_BLOCK, Operand::None, 0);
        if Some(done) != after {
            self.begin_statement();
            self.statements(done, after, base, None)?;
        }
        self.put(end);
        self.begin_statement();
        Ok(after)
    }

    fn while_loop(
        &mut self,
        header: BlockId,
        inside: &[bool],
        stop: Option<BlockId>,
        base: usize,
    ) -> Laid<Option<BlockId>> {
        let (top, anchor, end) = (self.label(), self.label(), self.label());
        self.begin_statement();
        self.jump(op::SETUP_LOOP, end, self.flow.blocks[header].at);
        self.put(top);
        match self.loop_condition(header, inside, base, anchor)? {
            Some((body, done)) => {
                let after = self.after_loop(header, Some(done), inside, stop);
                self.around.push(Around::Loop { header, exit: after, top, depth: base });
                self.statements(body, Some(header), base, None)?;
                self.end_statements();
                self.jump(op::JUMP_ABSOLUTE, top, 0);
                self.around.pop();
                self.put(anchor);
                self.run(op::POP_BLOCK, Operand::None, 0);
                if Some(done) != after {
                    self.begin_statement();
                    self.statements(done, after, base, None)?;
                }
                self.put(end);
                self.begin_statement();
                Ok(after)
            }
            None => {
                let after = self.after_loop(header, None, inside, stop);
                self.around.push(Around::Loop { header, exit: after, top, depth: base });
                self.statements(header, Some(header), base, Some(header))?;
                self.end_statements();
                self.jump(op::JUMP_ABSOLUTE, top, 0);
                self.around.pop();
                self.run(op::POP_BLOCK, Operand::None, 0);
                self.put(end);
                self.begin_statement();
                Ok(after)
            }
        }
    }

    /// Whether a break of the loop goes to a block after a finally or with block.
    fn is_break_through(&self, inside: &[bool], to: BlockId) -> bool {
        let goes_there = |block: &BlockId| match &self.flow.blocks[*block].end {
            End::Finally { others, .. } => others.contains(&(op::BREAK_LOOP, to)),
            _ => false,
        };
        self.order.blocks.iter().any(|block| inside[*block] && goes_there(block))
    }

    /// The block at which a loop's `break` goes on.  `done` is where it goes when its condition is false.
    fn after_loop(
        &self,
        header: BlockId,
        done: Option<BlockId>,
        inside: &[bool],
        stop: Option<BlockId>,
    ) -> Option<BlockId> {
        let mut exits: Vec<BlockId> = Vec::new();
        for &block in &self.order.blocks {
            if inside[block] {
                exits.extend(self.flow.blocks[block].end.successors().into_iter().filter(|&next| !inside[next]));
            }
        }
        exits.sort_unstable_by_key(|&block| self.order.place[block]);
        exits.dedup();
        exits.retain(|&block| Some(block) != done);
        let level =
            self.flow.blocks[header].depth - usize::from(matches!(self.flow.blocks[header].end, End::Iterate { .. }));
        let around = &self.flow.blocks[header].around;
        // Only what lies on the loop's own level can follow it.
        let can_follow =
            |block: BlockId| self.flow.blocks[block].depth == level && self.flow.blocks[block].around == *around;
        let reach: Vec<Vec<bool>> = exits.iter().map(|&exit| self.reach(exit, stop)).collect();
        if let Some(done) = done {
            let from_done = self.reach(done, stop);
            let meets =
                |block: BlockId| from_done[block] && can_follow(block) && reach.iter().any(|reach| reach[block]);
            // A loop's else that never gets to where a break goes: the iterator is popped there already, or a finally block leads there.
            let is_for = matches!(self.flow.blocks[header].end, End::Iterate { .. });
            let is_break = |block: BlockId| can_follow(block) && (is_for || self.is_break_through(inside, block));
            let broken = || exits.iter().copied().find(|&exit| is_break(exit));
            // An else that leaves the loop around this one, or goes on with it: a break goes where that can be left from too.
            let outer = self.innermost().filter(|&(header, exit, ..)| done == header || Some(done) == exit);
            let stays = |reach: &[bool]| {
                outer.is_some_and(|(header, exit, ..)| reach[header] || exit.is_some_and(|exit| reach[exit]))
            };
            let inner = || exits.iter().zip(&reach).find(|(exit, reach)| can_follow(**exit) && stays(reach));
            return self.first(stop, meets).or_else(broken).or_else(|| inner().map(|(exit, _)| *exit)).or(Some(done));
        }
        let count = |block: BlockId| reach.iter().filter(|reach| reach[block]).count();
        let candidates =
            self.order.blocks.iter().copied().filter(|&block| can_follow(block) && count(block) > 0 && !inside[block]);
        let most = candidates.clone().map(count).max()?;
        match most {
            1 => exits.iter().rev().copied().find(|&exit| can_follow(exit)).or_else(|| {
                candidates.clone().next_back().filter(|_| exits.len() == 1).and_then(|_| candidates.clone().next())
            }),
            _ => candidates.clone().find(|&block| count(block) == most),
        }
    }
}
