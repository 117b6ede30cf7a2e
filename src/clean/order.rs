//! Orders of a flow's blocks: reverse postorder, dominators, postdominators and natural loops.

use super::flow::{BlockId, Flow};

/// What is known of the order of blocks.
#[derive(Clone, Debug)]
pub struct Order {
    /// Reverse postorder.
    pub blocks: Vec<BlockId>,
    /// The place of each block in it; `usize::MAX` if it cannot be reached.
    pub place: Vec<usize>,
    dominator: Vec<Option<BlockId>>,
    /// The block that every way from a block to an end goes through first.
    postdominator: Vec<Option<BlockId>>,
    /// For each block that is a loop's header, the blocks of the loop.
    pub loops: Vec<Option<Vec<bool>>>,
    /// Some loop has two ways in.
    pub is_irreducible: bool,
    /// The index of `AssertionError` among the names.
    pub assertion: Option<i32>,
    /// The code shows itself that no compiler made it alone.
    pub has_sign: bool,
}

impl Order {
    pub fn of(flow: &Flow) -> Order {
        let count = flow.blocks.len();
        let blocks = flow.reverse_postorder();
        let mut place = vec![usize::MAX; count];
        blocks.iter().enumerate().for_each(|(at, &block)| place[block] = at);
        let mut predecessors = vec![Vec::new(); count];
        for &block in &blocks {
            flow.blocks[block].end.successors().into_iter().for_each(|next| predecessors[next].push(block));
        }
        let dominator = dominators(&blocks, &place, &predecessors);
        let postdominator = postdominators(flow, &blocks);
        let mut order = Order {
            blocks,
            place,
            dominator,
            postdominator,
            loops: vec![None; count],
            is_irreducible: false,
            assertion: None,
            has_sign: false,
        };
        order.find_loops(flow, &predecessors);
        order
    }

    /// Whether every way to `below` goes through `above`.
    pub fn dominates(&self, above: BlockId, below: BlockId) -> bool {
        let mut at = below;
        loop {
            if at == above {
                return true;
            }
            match self.dominator[at] {
                Some(next) if next != at => at = next,
                _ => return false,
            }
        }
    }

    /// The block that every way to a block goes through last; None for the first.
    pub fn above(&self, block: BlockId) -> Option<BlockId> {
        self.dominator[block].filter(|&above| above != block)
    }

    /// The first block that every way from a block to an end goes through; None if there is none.
    pub fn after(&self, block: BlockId) -> Option<BlockId> {
        self.postdominator[block]
    }

    fn find_loops(&mut self, flow: &Flow, predecessors: &[Vec<BlockId>]) {
        for &block in &self.blocks.clone() {
            for header in flow.blocks[block].end.successors() {
                if self.place[header] > self.place[block] {
                    continue;
                }
                if !self.dominates(header, block) {
                    self.is_irreducible = true;
                    continue;
                }
                let inside = self.loops[header].get_or_insert_with(|| vec![false; flow.blocks.len()]);
                inside[header] = true;
                let mut todo = vec![block];
                while let Some(block) = todo.pop() {
                    if !std::mem::replace(&mut inside[block], true) {
                        todo.extend(predecessors[block].iter().filter(|&&block| self.place[block] != usize::MAX));
                    }
                }
            }
        }
    }
}

/// Cooper, Harvey and Kennedy's iteration over reverse postorder.
fn dominators(blocks: &[BlockId], place: &[usize], predecessors: &[Vec<BlockId>]) -> Vec<Option<BlockId>> {
    let mut dominator: Vec<Option<BlockId>> = vec![None; place.len()];
    let Some(&entry) = blocks.first() else { return dominator };
    dominator[entry] = Some(entry);
    loop {
        let mut changed = false;
        for &block in &blocks[1..] {
            let mut found: Option<BlockId> = None;
            for &before in &predecessors[block] {
                if place[before] == usize::MAX || dominator[before].is_none() {
                    continue;
                }
                found = Some(found.map_or(before, |found| meet(&dominator, place, found, before)));
            }
            if found.is_some() && dominator[block] != found {
                dominator[block] = found;
                changed = true;
            }
        }
        if !changed {
            return dominator;
        }
    }
}

fn meet(dominator: &[Option<BlockId>], place: &[usize], mut one: BlockId, mut other: BlockId) -> BlockId {
    while one != other {
        let deeper = if place[one] > place[other] { &mut one } else { &mut other };
        match dominator[*deeper] {
            Some(next) => *deeper = next,
            None => return one,
        }
    }
    one
}

/// Dominators of the reversed flow, whose entry is a block after all ends.
fn postdominators(flow: &Flow, blocks: &[BlockId]) -> Vec<Option<BlockId>> {
    let count = flow.blocks.len();
    let exit = count;
    let mut back: Vec<Vec<BlockId>> = vec![Vec::new(); count + 1];
    let mut forward: Vec<Vec<BlockId>> = vec![Vec::new(); count + 1];
    for &block in blocks {
        // A handler is no way that a block goes: what follows an exception is looked at by itself.
        let mut next = flow.blocks[block].end.successors();
        if let super::flow::End::Setup { next: after, .. } = flow.blocks[block].end {
            next = vec![after];
        }
        if next.is_empty() {
            next.push(exit);
        }
        next.iter().for_each(|&next| back[next].push(block));
        forward[block] = next;
    }
    // Reverse postorder of the reversed flow.
    let mut seen = vec![false; count + 1];
    let mut order = Vec::new();
    let mut stack = vec![(exit, 0)];
    seen[exit] = true;
    while let Some((block, at)) = stack.last_mut() {
        match back[*block].get(*at) {
            Some(&next) => {
                *at += 1;
                if !std::mem::replace(&mut seen[next], true) {
                    stack.push((next, 0));
                }
            }
            None => {
                order.push(*block);
                stack.pop();
            }
        }
    }
    order.reverse();
    let mut place = vec![usize::MAX; count + 1];
    order.iter().enumerate().for_each(|(at, &block)| place[block] = at);
    let mut found = dominators(&order, &place, &forward);
    found.truncate(count);
    found.iter_mut().for_each(|after| *after = after.filter(|&after| after != exit));
    found
}
