//! Flow within an expression: `and`, `or`, conditional expressions, chained comparisons, list comprehensions.  Blocks follow each other
//! in reverse postorder, as the compiler emits them.

use std::collections::HashMap;

use super::{Item, Label, Laid, Layer, Unstructured};
use crate::bytecode::opcode::op;
use crate::clean::flow::{BlockId, End, Operand};

impl Layer<'_> {
    /// Lays out the blocks from one up to another, which is not laid out; without one, all.
    pub fn expression(&mut self, from: BlockId, to: Option<BlockId>) -> Laid<()> {
        let order = self.flow.order_from(from, &|block| Some(block) == to);
        let labels: HashMap<BlockId, Label> = order.iter().chain(&to).map(|&block| (block, block)).collect();
        let labels: HashMap<BlockId, Label> = labels.into_keys().map(|block| (block, self.label())).collect();
        let place: HashMap<BlockId, usize> = order.iter().enumerate().map(|(at, &block)| (block, at)).collect();
        // Jumps that go to other ones, and where those are.
        let through = self.through(&order, &place);
        let jumps: HashMap<usize, Label> = through.values().map(|&at| (at, self.label())).collect();
        // Where loops end that go on with an outer one: a jump comes after the loop's last block.
        let mut ends: Vec<(usize, Label, (u8, Label))> = Vec::new();
        for (at, &block) in order.iter().enumerate() {
            self.end_loops(&mut ends, at)?;
            let following = order.get(at + 1).copied().or(to);
            // What was laid out before the expression is the first block's beginning.
            if block != from || to.is_none() {
                if std::mem::replace(&mut self.placed[block], true) {
                    return Err(Unstructured("an expression shares code with something else"));
                }
                self.put(labels[&block]);
                self.instructions(block);
            } else {
                self.put(labels[&block]);
            }
            let basic = &self.flow.blocks[block];
            let (end, from_at) = (&basic.end, basic.at);
            let label =
                |block: &BlockId| labels.get(block).copied().ok_or(Unstructured("an expression is left in the middle"));
            let backwards = |target: &BlockId| place.get(target).is_some_and(|&place| place <= at);
            match end {
                End::Jump(next) if Some(*next) == following => {}
                End::Jump(next) => {
                    let opcode = if backwards(next) { op::JUMP_ABSOLUTE } else { op::JUMP_FORWARD };
                    let target = through.get(&at).map_or_else(|| label(next), |other| Ok(jumps[other]))?;
                    jumps.get(&at).into_iter().for_each(|&jump| self.put(jump));
                    self.jump(opcode, target, from_at);
                }
                End::Branch { opcode, taken, next } => {
                    if Some(*next) == following {
                        self.jump(*opcode, label(taken)?, from_at);
                    } else if Some(*taken) == following && inverted(*opcode).is_some() {
                        self.jump(inverted(*opcode).unwrap_or(*opcode), label(next)?, from_at);
                    } else {
                        self.jump(*opcode, label(taken)?, from_at);
                        self.jump(op::JUMP_ABSOLUTE, label(next)?, from_at);
                    }
                }
                End::Iterate { done, next } => {
                    let mut target = label(done)?;
                    let inside = self.order.loops[block].as_ref();
                    let last = inside.and_then(|inside| order.iter().rposition(|&block| inside[block]));
                    let after = last.and_then(|last| order.get(last + 1).copied().or(to));
                    // The end of a loop comes right after it, be it a jump alone.
                    if backwards(done) || after.is_some_and(|after| after != *done) {
                        let last = last.ok_or(Unstructured("a loop in an expression is none"))?;
                        let forward = self.label();
                        let opcode = if backwards(done) { op::JUMP_ABSOLUTE } else { op::JUMP_FORWARD };
                        ends.push((last + 1, forward, (opcode, target)));
                        target = forward;
                    }
                    self.jump(op::FOR_ITER, target, from_at);
                    if Some(*next) != following {
                        self.jump(op::JUMP_ABSOLUTE, label(next)?, from_at);
                    }
                }
                End::Final(opcode, operand) => {
                    self.run(*opcode, operand.map_or(Operand::None, Operand::Number), from_at);
                }
                _ => return Err(Unstructured("there is a block within an expression")),
            }
        }
        self.end_loops(&mut ends, order.len())?;
        if let Some(to) = to {
            self.put(labels[&to]);
        }
        Ok(())
    }

    /// The blocks, by their places, that end with a jump to the end of a conditional expression which is the first side of another one, and
    /// the block that ends with the jump from there to the end of the other one.
    fn through(&self, order: &[BlockId], place: &HashMap<BlockId, usize>) -> HashMap<usize, usize> {
        let mut branches: HashMap<BlockId, usize> = HashMap::new();
        let mut jumps: Vec<(usize, BlockId, usize)> = Vec::new();
        for (at, &block) in order.iter().enumerate() {
            match self.flow.blocks[block].end {
                End::Branch { taken, next, .. } => {
                    for way in [taken, next] {
                        branches.entry(way).or_insert(at);
                    }
                }
                // The other side follows, and the condition leads there.
                End::Jump(next)
                    if order.get(at + 1).is_some_and(|&following| following != next)
                        && place.get(&next).is_none_or(|&place| place > at) =>
                {
                    if let Some(&condition) = branches.get(&order[at + 1]) {
                        jumps.push((at, next, condition));
                    }
                }
                _ => {}
            }
        }
        let outer = |(number, &(at, end, condition)): (usize, &(usize, BlockId, usize))| {
            let mut after = jumps[number + 1..].iter();
            let (place, ..) = after.find(|&&(_, other, outer)| other == end && outer < condition)?;
            Some((at, *place))
        };
        jumps.iter().enumerate().filter_map(outer).collect()
    }

    /// Lays out the jumps of loops that end before the block at this place.
    fn end_loops(&mut self, ends: &mut Vec<(usize, Label, (u8, Label))>, at: usize) -> Laid<()> {
        while let Some(place) = ends.iter().rposition(|&(place, ..)| place <= at) {
            let (_, forward, (opcode, target)) = ends.remove(place);
            if !matches!(self.out.items.last(), Some(Item::Jump { opcode: op::JUMP_ABSOLUTE | op::JUMP_FORWARD, .. })) {
                return Err(Unstructured("a loop in an expression goes on after it"));
            }
            self.put(forward);
            self.jump(opcode, target, 0);
        }
        Ok(())
    }

    /// Lays out the instructions of a block.
    pub fn instructions(&mut self, block: BlockId) {
        for one in &self.flow.blocks[block].instructions {
            self.out.items.push(Item::Run { opcode: one.opcode, operand: one.operand.clone(), at: one.at });
        }
    }

    /// The block at which an expression that a branch belongs to ends; None if the branch is a statement's.
    pub fn expression_end(&self, block: BlockId, base: usize) -> Option<Option<BlockId>> {
        let End::Branch { opcode, next, .. } = self.flow.blocks[block].end else { return None };
        let after = self.order.after(block);
        let keeps = matches!(opcode, op::JUMP_IF_FALSE_OR_POP | op::JUMP_IF_TRUE_OR_POP);
        let is_inside = self.depth(next) > base;
        let is_value = after.is_some_and(|after| self.depth(after) > base);
        (keeps || is_inside || is_value).then_some(after)
    }
}

/// The branch on the opposite condition.
pub fn inverted(opcode: u8) -> Option<u8> {
    match opcode {
        op::POP_JUMP_IF_FALSE => Some(op::POP_JUMP_IF_TRUE),
        op::POP_JUMP_IF_TRUE => Some(op::POP_JUMP_IF_FALSE),
        _ => None,
    }
}
