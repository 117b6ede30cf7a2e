//! All states that were found: which can be reached, and what becomes of sides that lead to where the model is lost.

use super::{Act, Exit, Graph, Input, Node, NodeId, Unmodelled};
use crate::bytecode::opcode::op;
use crate::clean::Change;
use crate::clean::value::Value;

impl Graph {
    /// Removes the sides of conditions that lead to where the model is lost, as far as they never ran.
    pub(super) fn cut_lost(&mut self, input: &Input<'_>) -> Result<(), Unmodelled> {
        let mut lost: Vec<Option<&'static str>> = self
            .nodes
            .iter()
            .map(|node| match node.exit {
                Exit::Lost(why) => Some(why),
                _ => None,
            })
            .collect();
        if lost.iter().all(Option::is_none) {
            return Ok(());
        }
        loop {
            let mut changed = false;
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
            if !changed {
                break;
            }
        }
        for node in self.reachable() {
            let Node { key, end, exit, .. } = self.nodes[node].clone();
            let fail = |why| Err(Unmodelled { offset: key.offset, why });
            let offset = key.offset as u32;
            match exit {
                Exit::Lost(why) if node == self.entry => return fail(why),
                Exit::Branch { opcode, taken, next } => {
                    let (kept, gone, why) = match (lost[taken], lost[next]) {
                        (None, None) => continue,
                        (Some(why), None) => (next, taken, why),
                        (None, Some(why)) => (taken, next, why),
                        (Some(why), Some(_)) if node == self.entry => return fail(why),
                        _ => continue,
                    };
                    let target = self.nodes[gone].key.offset;
                    let ran =
                        input.executed.is_some_and(|executed| executed.edges.contains_key(&(offset, target as u32)));
                    // Where the model only does not know, the VM may know.
                    let is_unknown = ["finally block", "with block", "deeper"].iter().any(|what| why.contains(what));
                    if ran || is_unknown || input.untaken == crate::clean::Untaken::Keep {
                        return fail(why);
                    }
                    let pops = matches!(opcode, op::POP_JUMP_IF_FALSE | op::POP_JUMP_IF_TRUE) || kept == next;
                    let node = &mut self.nodes[node];
                    node.acts.extend(pops.then_some(Act::Run(op::POP_TOP, None)));
                    node.exit = Exit::Go(kept);
                    let why = format!("the side to {target} was removed: it leads to where {why}");
                    self.decided.insert(offset, Change { offsets: offset..end, why });
                }
                Exit::Iterate { done, next } if lost[done].is_some() != lost[next].is_some() => {
                    let why = "one side of a loop is unknown";
                    let ran = |to: NodeId| {
                        let target = self.nodes[to].key.offset as u32;
                        input.executed.is_some_and(|executed| executed.edges.contains_key(&(offset, target)))
                    };
                    let is_first = input.untaken != crate::clean::Untaken::Keep && !ran(done) && lost[next].is_none();
                    let Some(Value::Iterator(first)) = key.stack.last().filter(|_| is_first) else { return fail(why) };
                    if self.reachable_from(next).contains(&node) {
                        return fail(why);
                    }
                    self.nodes[node].acts.push(Act::Push(first.clone()));
                    self.nodes[node].exit = Exit::Go(next);
                    let why =
                        "its condition is always true: it goes over constants, and nothing comes back to it".into();
                    self.decided.insert(offset, Change { offsets: offset..end, why });
                }
                _ => {}
            }
        }
        match self.reachable().into_iter().find_map(|node| lost[node].map(|why| (node, why))) {
            Some((node, why)) => Err(Unmodelled { offset: self.nodes[node].key.offset, why }),
            None => Ok(()),
        }
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
