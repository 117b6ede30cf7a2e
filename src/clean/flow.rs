//! The control flow that is left of a code object: basic blocks of instructions without jumps, made of the model's states.  States that
//! do the same at the same place become one again.

use std::collections::HashMap;

use rustc_hash::FxHashMap;

use super::machine::{Act, Exit, Graph, NodeId};
use super::value::Literal;
use crate::bytecode::opcode::op;

/// The operand of an instruction.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operand {
    None,
    Number(i32),
    /// A constant that may have to be added.
    Literal(Literal),
}

/// An instruction that is no jump.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Instruction {
    pub opcode: u8,
    pub operand: Operand,
    /// Its offset in the original code.
    pub at: u32,
}

pub type BlockId = usize;

/// How a basic block ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    Jump(BlockId),
    Branch {
        opcode: u8,
        taken: BlockId,
        next: BlockId,
    },
    Iterate {
        done: BlockId,
        next: BlockId,
    },
    Setup {
        opcode: u8,
        handler: Option<BlockId>,
        next: BlockId,
    },
    /// A block that catches something is left; its instructions are none.
    Leave(BlockId),
    /// The others are where a break or continue goes, by opcode.
    Finally {
        next: Option<BlockId>,
        others: Vec<(u8, BlockId)>,
    },
    /// A return, a raise, what always fails.
    Final(u8, Option<i32>),
    /// A break or continue through a finally block.
    Through(u8),
}

/// A basic block.
#[derive(Clone, Debug)]
pub struct Basic {
    pub instructions: Vec<Instruction>,
    pub end: End,
    /// The offset of what ends it.
    pub at: u32,
    /// Entries on the value stack before it.
    pub depth: usize,
    /// Blocks that catch something around it, outermost first, by the offsets of their SETUPs.
    pub around: Vec<u32>,
}

/// The flow of a code object.
#[derive(Clone, Debug)]
pub struct Flow {
    pub blocks: Vec<Basic>,
    pub entry: BlockId,
}

impl End {
    /// Returns all blocks that can come next.
    pub fn successors(&self) -> Vec<BlockId> {
        let mut copy = self.clone();
        let mut found = Vec::new();
        copy.each(&mut |next| found.push(*next));
        found
    }

    /// Calls `visit` with each block that can come next.
    pub fn each(&mut self, visit: &mut dyn FnMut(&mut BlockId)) {
        match self {
            End::Jump(next) | End::Leave(next) => visit(next),
            End::Branch { taken: one, next: other, .. } | End::Iterate { done: one, next: other } => {
                visit(other);
                visit(one);
            }
            End::Setup { handler, next, .. } => {
                visit(next);
                handler.iter_mut().for_each(visit);
            }
            End::Finally { next, others } => {
                next.iter_mut().chain(others.iter_mut().map(|(_, next)| next)).for_each(visit);
            }
            End::Final(..) | End::Through(_) => {}
        }
    }
}

impl Flow {
    /// Makes the flow of what the model found.
    pub fn of(graph: &Graph) -> Flow {
        let nodes = graph.reachable();
        let classes = classes(graph, &nodes);
        let mut flow = Flow { blocks: Vec::new(), entry: 0 };
        // One node stands for each class.
        let mut chosen: HashMap<usize, NodeId> = HashMap::new();
        for &node in &nodes {
            let one = chosen.entry(classes[node]).or_insert(node);
            *one = (*one).min(node);
        }
        let mut first: HashMap<usize, BlockId> = HashMap::new();
        let mut order: Vec<(usize, NodeId)> = chosen.into_iter().collect();
        order.sort_unstable_by_key(|(_, node)| *node);
        for (class, node) in &order {
            first.insert(*class, flow.blocks.len());
            flow.add(graph, *node);
        }
        let class_of = |node: &mut BlockId| *node = first[&classes[*node]];
        for block in &mut flow.blocks {
            if block.at & PENDING == 0 {
                block.end.each(&mut { class_of });
            }
            block.at &= !PENDING;
        }
        flow.entry = first[&classes[graph.entry]];
        flow
    }

    /// Gives module code one end, which is no statement: returns of None outside of try statements lead there.  None if it has no such
    /// return.  `is_none` says whether a constant of this index is None.
    pub fn share_end(&mut self, is_none: impl Fn(i32) -> bool) -> Option<BlockId> {
        let is_return = |end: &End| matches!(end, End::Final(op::RETURN_VALUE, _));
        let returns = |end: &End| match end {
            End::Jump(next) => self.blocks[*next].instructions.is_empty() && is_return(&self.blocks[*next].end),
            end => is_return(end),
        };
        let returns_none = |basic: &Basic| {
            let Some((last, others)) = basic.instructions.split_last() else { return false };
            let is_none = match &last.operand {
                Operand::Literal(Literal::None) => true,
                Operand::Number(index) => is_none(*index),
                _ => false,
            };
            returns(&basic.end)
                && (last.opcode == op::LOAD_CONST && is_none)
                && basic.around.is_empty()
                && basic.depth as i64 + others.iter().map(growth).sum::<i64>() == 0
        };
        let ends: Vec<BlockId> = (0..self.blocks.len()).filter(|&block| returns_none(&self.blocks[block])).collect();
        let mut last = self.blocks[*ends.first()?].clone();
        last.instructions.drain(..last.instructions.len() - 1);
        (last.depth, last.end) = (0, End::Final(op::RETURN_VALUE, None));
        let shared = self.blocks.len();
        self.blocks.push(last);
        for end in ends {
            self.blocks[end].instructions.pop();
            self.blocks[end].end = End::Jump(shared);
        }
        Some(shared)
    }

    /// Adds the blocks of one node; their ends refer to nodes, but for those in between.
    fn add(&mut self, graph: &Graph, node: NodeId) {
        let node = &graph.nodes[node];
        let at = node.key.offset as u32;
        let mut depth = node.key.stack.len();
        let around = node
            .key
            .blocks
            .iter()
            .filter(|block| graph.real.contains(&block.setup) || block.kind == super::machine::Kind::With);
        let mut around: Vec<u32> = around.map(|block| block.setup).collect();
        let mut instructions = Vec::new();
        for act in &node.acts {
            match act {
                Act::Run(opcode, operand) => {
                    let operand = operand.map_or(Operand::None, Operand::Number);
                    instructions.push(Instruction { opcode: *opcode, operand, at });
                }
                Act::Push(literal) => {
                    let operand = Operand::Literal(literal.clone());
                    instructions.push(Instruction { opcode: op::LOAD_CONST, operand, at });
                }
                Act::Drop => instructions.push(Instruction { opcode: DROP, operand: Operand::None, at }),
                Act::Leave => {
                    let place = self.blocks.len();
                    let after =
                        instructions.iter().fold(depth as i64, |depth, one| depth + growth(one)).max(0) as usize;
                    let before = Basic {
                        instructions: std::mem::take(&mut instructions),
                        end: End::Jump(place + 1),
                        at: at | PENDING,
                        depth,
                        around: around.clone(),
                    };
                    self.blocks.push(before);
                    self.blocks.push(Basic {
                        instructions: Vec::new(),
                        end: End::Leave(place + 2),
                        at: at | PENDING,
                        depth: after,
                        around: around.clone(),
                    });
                    around.pop();
                    depth = after;
                }
            }
        }
        let end = match &node.exit {
            Exit::Go(next) => End::Jump(*next),
            Exit::Branch { opcode, taken, next } => End::Branch { opcode: *opcode, taken: *taken, next: *next },
            Exit::Iterate { done, next } => End::Iterate { done: *done, next: *next },
            Exit::Setup { opcode, handler, next, .. } => End::Setup { opcode: *opcode, handler: *handler, next: *next },
            Exit::EndFinally { next, others } => End::Finally { next: *next, others: others.clone() },
            Exit::End(opcode, operand) => End::Final(*opcode, *operand),
            Exit::Through(opcode) => End::Through(*opcode),
            Exit::Lost(_) => End::Final(op::STOP_CODE, None),
        };
        self.blocks.push(Basic { instructions, end, at, depth, around });
    }

    /// Removes the blocks that nothing leads to; those left keep their order.
    pub fn compact(&mut self) {
        let mut is_left = vec![false; self.blocks.len()];
        self.reverse_postorder().into_iter().for_each(|block| is_left[block] = true);
        let place: Vec<BlockId> = is_left
            .iter()
            .scan(0, |count, &is_left| {
                *count += usize::from(is_left);
                Some(count.saturating_sub(1))
            })
            .collect();
        let mut is_left = is_left.into_iter();
        self.blocks.retain(|_| is_left.next() == Some(true));
        self.blocks.iter_mut().for_each(|block| block.end.each(&mut |next| *next = place[*next]));
        self.entry = place[self.entry];
    }

    /// How many ways lead to each block; the entry has one more.
    pub fn predecessors(&self) -> Vec<usize> {
        let mut counts = vec![0; self.blocks.len()];
        counts[self.entry] += 1;
        for block in self.reverse_postorder() {
            self.blocks[block].end.successors().into_iter().for_each(|next| counts[next] += 1);
        }
        counts
    }

    /// The blocks that can be reached, each before what follows it but for loops; what comes next without a jump comes first.
    pub fn reverse_postorder(&self) -> Vec<BlockId> {
        self.order_from(self.entry, &|_| false)
    }

    /// The same from a block on, not beyond those at which `stops` is true.
    pub fn order_from(&self, from: BlockId, stops: &dyn Fn(BlockId) -> bool) -> Vec<BlockId> {
        let mut seen = vec![false; self.blocks.len()];
        let mut order = Vec::new();
        seen[from] = true;
        // Successors are visited jumps first, so that what falls through comes out right behind.
        let mut stack = vec![(from, self.blocks[from].end.successors())];
        while let Some((block, todo)) = stack.last_mut() {
            match todo.pop() {
                Some(next) if !seen[next] && !stops(next) => {
                    seen[next] = true;
                    let after = self.blocks[next].end.successors();
                    stack.push((next, after));
                }
                Some(_) => {}
                None => {
                    order.push(*block);
                    stack.pop();
                }
            }
        }
        order.reverse();
        order
    }

    /// Instructions, ends included.
    pub fn len(&self) -> usize {
        self.reverse_postorder().into_iter().map(|block| self.blocks[block].instructions.len() + 1).sum()
    }
}

/// An instruction that no VM has: what a finally block was entered with goes.
pub const DROP: u8 = 255;

/// Marks a block whose end is a block already.
const PENDING: u32 = 1 << 31;

/// Entries that there are more on the stack after an instruction.
pub fn growth(instruction: &Instruction) -> i64 {
    use super::machine::effect;
    match (instruction.opcode, &instruction.operand) {
        (DROP, _) => -1,
        (op::ROT_TWO | op::ROT_THREE | op::ROT_FOUR, _) => 0,
        (op::DUP_TOP, _) => 1,
        (op::DUP_TOPX, Operand::Number(count)) => i64::from(*count),
        (op::WITH_CLEANUP, _) => -1,
        (opcode, operand) => {
            let operand = if let Operand::Number(number) = operand { *number } else { 0 };
            effect::of(opcode, operand).map_or(0, |(pops, pushes)| i64::from(pushes) - i64::from(pops))
        }
    }
}

/// Puts nodes into classes of those that do the same: at the same offset with the same stacks, and what follows is the same.
fn classes(graph: &Graph, nodes: &[NodeId]) -> Vec<usize> {
    let (mut classes, mut count) = alike(graph, nodes);
    let mut sizes = vec![0usize; count];
    let mut before = vec![Vec::new(); graph.nodes.len()];
    for &node in nodes {
        sizes[classes[node]] += 1;
        graph.nodes[node].exit.successors(&mut |next| before[next].push(node));
    }
    // Nodes of which something that follows got into another class.  All others of a class are followed by the same classes.
    let mut affected = nodes.to_vec();
    while !affected.is_empty() {
        let signature = |&node: &NodeId| {
            let mut signature = vec![classes[node]];
            graph.nodes[node].exit.successors(&mut |next| signature.push(classes[next]));
            (signature, node)
        };
        let mut signed: Vec<(Vec<usize>, NodeId)> = affected.iter().map(signature).collect();
        signed.sort_unstable();
        affected.clear();
        for class in signed.chunk_by(|(one, _), (other, _)| one[0] == other[0]) {
            let number = class[0].0[0];
            let mut parts: Vec<&[(Vec<usize>, NodeId)]> = class.chunk_by(|(one, _), (other, _)| one == other).collect();
            if class.len() == sizes[number] {
                // The largest part stays, so that few nodes change.
                let largest = (0..parts.len()).max_by_key(|&part| parts[part].len());
                largest.map(|part| parts.swap_remove(part));
            }
            for part in parts {
                sizes[number] -= part.len();
                sizes.push(part.len());
                for &(_, node) in part {
                    classes[node] = count;
                    affected.extend(&before[node]);
                }
                count += 1;
            }
        }
        affected.sort_unstable();
        affected.dedup();
    }
    classes
}

/// Puts nodes into classes by what they do alone; returns how many classes there are too.
fn alike(graph: &Graph, nodes: &[NodeId]) -> (Vec<usize>, usize) {
    let mut classes = vec![0usize; graph.nodes.len()];
    let mut index = FxHashMap::default();
    for &node in nodes {
        let one = &graph.nodes[node];
        let end = match &one.exit {
            Exit::Go(_) => (0, 0, None),
            Exit::Branch { opcode, .. } => (1, *opcode, None),
            Exit::Iterate { .. } => (2, 0, None),
            Exit::Setup { opcode, .. } => (3, *opcode, None),
            Exit::EndFinally { .. } => (4, 0, None),
            Exit::End(opcode, operand) => (5, *opcode, *operand),
            Exit::Through(opcode) => (6, *opcode, None),
            Exit::Lost(_) => (7, 0, None),
        };
        let count = index.len();
        let alone = (one.key.offset, one.key.stack.len(), &one.acts, &one.key.blocks, end);
        classes[node] = *index.entry(alone).or_insert(count);
    }
    (classes, index.len())
}
