//! All states that were found: which can be reached, and what becomes of sides that lead to where the model is lost.

use std::collections::{BTreeMap, BTreeSet};

use super::{Act, Exit, Graph, Input, Node, NodeId, Unmodelled};
use crate::bytecode::opcode::op;
use crate::clean::value::Value;
use crate::clean::{Change, Untaken};

/// Why a loop is not modelled.
const ONE_SIDE: &str = "one side of a loop is unknown";

impl Graph {
    /// Removes the sides of conditions that lead to where the model is lost, as far as they never ran.
    /// Iterators of the FOR_ITERs in `goes_on` are used by something else too.
    pub(super) fn cut_lost(&mut self, input: &Input<'_>, goes_on: &BTreeSet<u32>) -> Result<(), Unmodelled> {
        let lost = self.lost();
        if lost.iter().all(Option::is_none) {
            return Ok(());
        }
        for node in self.reachable() {
            match self.nodes[node].exit {
                Exit::Lost(why) if node == self.entry => return Err(self.unmodelled(node, why)),
                Exit::Branch { opcode, taken, next } => {
                    let (kept, gone, why) = match (lost[taken], lost[next]) {
                        (Some(why), None) => (next, taken, why),
                        (None, Some(why)) => (taken, next, why),
                        (Some(why), Some(_)) if node == self.entry => return Err(self.unmodelled(node, why)),
                        _ => continue,
                    };
                    let pops = matches!(opcode, op::POP_JUMP_IF_FALSE | op::POP_JUMP_IF_TRUE) || kept == next;
                    self.cut_side(node, (kept, gone), pops, why, input)?;
                }
                Exit::Iterate { done, next } if lost[done].is_some() != lost[next].is_some() => {
                    let is_alone = !goes_on.contains(&self.nodes[node].key.offset.cast_unsigned());
                    self.cut_loop(node, (done, next), lost[done].filter(|_| is_alone), input)?;
                }
                _ => {}
            }
        }
        match self.reachable().into_iter().find_map(|node| lost[node].map(|why| (node, why))) {
            Some((node, why)) => Err(self.unmodelled(node, why)),
            None => Ok(()),
        }
    }

    fn unmodelled(&self, node: NodeId, why: &'static str) -> Unmodelled {
        Unmodelled { offset: self.nodes[node].key.offset, why }
    }

    /// For each node why the model is lost, if it is wherever the node leads.
    fn lost(&self) -> Vec<Option<&'static str>> {
        let lost_at = |node: &Node| if let Exit::Lost(why) = node.exit { Some(why) } else { None };
        let mut lost: Vec<Option<&'static str>> = self.nodes.iter().map(lost_at).collect();
        let mut changed = lost.iter().any(Option::is_some);
        while changed {
            changed = false;
            for node in 0..self.nodes.len() {
                let of = |next: NodeId| lost[next];
                let why = match self.nodes[node].exit {
                    Exit::Go(next) | Exit::Setup { next, .. } => of(next),
                    Exit::Branch { taken, next, .. } => of(taken).and(of(next)),
                    // A loop that does nothing comes to its end.
                    Exit::Iterate { done, next } if self.comes_back(next, node) => of(done),
                    Exit::Iterate { done, next } => of(done).and(of(next)),
                    _ => None,
                };
                if why.is_some() && lost[node].is_none() {
                    lost[node] = why;
                    changed = true;
                }
            }
        }
        lost
    }

    /// Whether one node was seen to lead to another one.
    fn ran(&self, from: NodeId, to: NodeId, input: &Input<'_>) -> bool {
        let edge = (self.nodes[from].key.offset as u32, self.nodes[to].key.offset as u32);
        input.executed.is_some_and(|executed| executed.edges.contains_key(&edge))
    }

    /// Removes a side of a condition; `pops` says whether what is tested is popped on the side that is kept.
    fn cut_side(
        &mut self,
        node: NodeId,
        (kept, gone): (NodeId, NodeId),
        pops: bool,
        why: &'static str,
        input: &Input<'_>,
    ) -> Result<(), Unmodelled> {
        // Where the model only does not know, the VM may know.
        let is_unknown = ["finally block", "with block", "deeper"].iter().any(|what| why.contains(what));
        if self.ran(node, gone, input) || is_unknown || input.untaken == Untaken::Keep {
            return Err(self.unmodelled(node, why));
        }
        let target = self.nodes[gone].key.offset;
        let cut = &mut self.nodes[node];
        cut.acts.extend(pops.then_some(Act::Run(op::POP_TOP, None)));
        cut.exit = Exit::Go(kept);
        self.decide(node, format!("the side to {target} was removed: it leads to where {why}"));
        Ok(())
    }

    /// Takes a loop over constants, of which one side is lost, for its first round.
    fn cut_loop(
        &mut self,
        node: NodeId,
        (done, next): (NodeId, NodeId),
        why: Option<&'static str>,
        input: &Input<'_>,
    ) -> Result<(), Unmodelled> {
        let may_cut = input.untaken != Untaken::Keep && !self.ran(node, done, input);
        let (first, why) = match (self.nodes[node].key.stack.last(), why) {
            (Some(Value::Begun { first, .. }), Some(why)) if may_cut => (first.clone(), why),
            _ => return Err(self.unmodelled(node, ONE_SIDE)),
        };
        let offset = self.nodes[node].key.offset;
        if self.reachable_from(next).into_iter().any(|other| self.nodes[other].key.offset == offset) {
            return Err(self.unmodelled(node, ONE_SIDE));
        }
        let target = self.nodes[done].key.offset;
        self.nodes[node].acts.push(Act::Push(first));
        self.nodes[node].exit = Exit::Go(next);
        self.decide(node, format!("the side to {target} was removed: it leads to where {why}"));
        Ok(())
    }

    /// Forgets the decisions that hold in some states alone: in others both sides are there, or only the other one.
    pub(super) fn forget_undecided(&mut self) {
        let mut sides: BTreeMap<u32, BTreeSet<i32>> = BTreeMap::new();
        for node in self.reachable() {
            let Node { key, exit, .. } = &self.nodes[node];
            if matches!(exit, Exit::Go(next) if self.nodes[*next].key.offset == key.offset) {
                continue;
            }
            let sides = sides.entry(key.offset as u32).or_default();
            exit.successors(&mut |next| sides.extend([self.nodes[next].key.offset]));
            if let Exit::End(..) = exit {
                sides.insert(i32::MIN);
            }
        }
        self.decided.retain(|at, _| sides.get(at).is_some_and(|sides| sides.len() == 1));
    }

    fn decide(&mut self, node: NodeId, why: String) {
        let Node { key, end, .. } = &self.nodes[node];
        let offset = key.offset as u32;
        let change = Change { offsets: offset..*end, why, is_guess: false };
        self.decided.insert(offset, change);
    }

    /// Whether nothing but jumps and instructions without a choice leads from a node to another one.
    fn comes_back(&self, from: NodeId, to: NodeId) -> bool {
        let mut node = from;
        for _ in 0..self.nodes.len() {
            match self.nodes[node].exit {
                _ if node == to => return true,
                Exit::Go(next) => node = next,
                _ => return false,
            }
        }
        false
    }

    /// The nodes that can be reached, in no particular order.
    pub fn reachable(&self) -> Vec<NodeId> {
        self.reachable_from(self.entry)
    }

    fn reachable_from(&self, from: NodeId) -> Vec<NodeId> {
        let (mut seen, mut todo) = (vec![false; self.nodes.len()], vec![from]);
        let mut found = Vec::new();
        while let Some(node) = todo.pop() {
            if std::mem::replace(&mut seen[node], true) {
                continue;
            }
            found.push(node);
            self.nodes[node].exit.successors(&mut |next| todo.push(next));
        }
        found
    }
}

impl Exit {
    /// Calls `visit` with each node that can come next.
    pub fn successors(&self, visit: &mut dyn FnMut(NodeId)) {
        match self {
            Exit::Go(next) => visit(*next),
            Exit::Branch { taken, next, .. } => {
                visit(*taken);
                visit(*next);
            }
            Exit::Iterate { done, next } => {
                visit(*done);
                visit(*next);
            }
            Exit::Setup { handler, next, .. } => {
                visit(*next);
                handler.iter().for_each(|handler| visit(*handler));
            }
            Exit::EndFinally { next, others } => {
                next.iter().chain(others.iter().map(|(_, next)| next)).for_each(|next| visit(*next));
            }
            Exit::End(..) | Exit::Through(_) | Exit::Lost(_) => {}
        }
    }
}
