//! Bringing a flow into the form that statements are found in.

use std::collections::HashMap;

use super::flow::{Basic, BlockId, DROP, End, Flow, growth};
use crate::bytecode::opcode::op;

impl Flow {
    /// Brings the flow into the form that statements are found in: blocks are left in one place for each place they lead to, and what
    /// pops the entries of a loop is a block by itself.
    pub fn prepare(&mut self) {
        let mut same: HashMap<(Vec<u32>, BlockId), BlockId> = HashMap::new();
        let mut other: HashMap<BlockId, BlockId> = HashMap::new();
        for block in self.reverse_postorder() {
            if let End::Leave(next) = self.blocks[block].end
                && self.blocks[block].instructions.is_empty()
            {
                let around = self.blocks[block].around.clone();
                let one = *same.entry((around, next)).or_insert(block);
                other.insert(block, one);
            }
        }
        for block in &mut self.blocks {
            block.end.each(&mut |next| *next = other.get(next).copied().unwrap_or(*next));
        }
        for block in &mut self.blocks {
            if let End::Finally { others, .. } = &mut block.end {
                others.dedup();
            }
        }
        self.join_returns();
        for block in 0..self.blocks.len() {
            self.split_pops(block);
        }
    }

    /// Brings the returns of one expression together: the compiler's optimizer made jumps to a return returns.
    fn join_returns(&mut self) {
        let order = super::order::Order::of(self);
        let mut shared: HashMap<(BlockId, usize), BlockId> = HashMap::new();
        for &block in &order.blocks {
            let basic = &self.blocks[block];
            let End::Final(op::RETURN_VALUE, _) = basic.end else { continue };
            let depth = basic.instructions.iter().fold(basic.depth as i64, |depth, one| depth + growth(one));
            let Some(depth) = usize::try_from(depth).ok().filter(|&depth| basic.depth >= depth) else { continue };
            // The block in which the statement begins; an expression goes on where a value is popped that decides nothing else.
            let above = std::iter::successors(order.above(block), |&above| order.above(above));
            let mut above = above.take(self.blocks.len());
            let is_start = |above: BlockId| self.blocks[above].depth < depth && !self.goes_on_with_value(&order, above);
            let Some(root) = above.find(|&above| is_start(above)) else { continue };
            if self.blocks[root].around != basic.around {
                continue;
            }
            let end = End::Final(op::RETURN_VALUE, None);
            let (at, around) = (basic.at, basic.around.clone());
            let place = *shared.entry((root, depth)).or_insert_with(|| {
                self.blocks.push(Basic { instructions: Vec::new(), end, at, depth, around });
                self.blocks.len() - 1
            });
            self.blocks[block].end = End::Jump(place);
        }
        super::simplify::forward(self);
    }

    /// Whether a block comes after `and`, `or` or a part of a chained comparison, whose value was popped.
    fn goes_on_with_value(&self, order: &super::order::Order, block: BlockId) -> bool {
        order.above(block).is_some_and(|above| match self.blocks[above].end {
            End::Branch { opcode: op::JUMP_IF_FALSE_OR_POP | op::JUMP_IF_TRUE_OR_POP, next, .. } => next == block,
            _ => false,
        })
    }

    /// Splits a block where it begins to pop what it has not pushed, up to its end.
    fn split_pops(&mut self, block: BlockId) {
        let basic = &self.blocks[block];
        if !matches!(basic.end, End::Jump(_)) {
            return;
        }
        let mut depths = vec![basic.depth as i64];
        depths.extend(basic.instructions.iter().scan(basic.depth as i64, |depth, one| {
            *depth += growth(one);
            Some(*depth)
        }));
        let mut at = basic.instructions.len();
        while at > 0 && matches!(basic.instructions[at - 1].opcode, op::POP_TOP | DROP) {
            // Popping below all that came before.
            if depths[..at].iter().any(|&depth| depth < depths[at - 1]) || depths[at] >= depths[0] {
                break;
            }
            at -= 1;
        }
        if at == 0 || at == basic.instructions.len() {
            return;
        }
        let depth = depths[at].max(0) as usize;
        let basic = &mut self.blocks[block];
        let rest = basic.instructions.split_off(at);
        let (end, from, around) = (basic.end.clone(), basic.at, basic.around.clone());
        let place = self.blocks.len();
        self.blocks[block].end = End::Jump(place);
        self.blocks.push(Basic { instructions: rest, end, at: from, depth, around });
    }
}
