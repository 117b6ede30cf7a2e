//! Where variables that states are told apart by do not matter: each is stored to before it is read again.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::{Act, Exit, Graph, Node, NodeId, Variable};
use crate::bytecode::opcode::op;

/// Variables that do not matter, by offsets.
pub type Dead = BTreeSet<(i32, Variable)>;

/// Finds them for variables by which the states of a graph were told apart; none if no two states are the same but for those.
/// `locals` is how many local variables there are, before the names.
pub fn dead(graph: &Graph, tracked: &[Variable], locals: usize) -> Dead {
    let reachable = graph.reachable();
    let live = live(graph, &reachable, tracked, locals);
    let mut dead = Dead::new();
    for (bit, &variable) in tracked.iter().enumerate() {
        let matters: HashSet<i32> = reachable
            .iter()
            .filter(|node| live[**node] >> bit & 1 != 0)
            .map(|node| graph.nodes[*node].key.offset)
            .collect();
        let offsets = reachable.iter().map(|node| graph.nodes[*node].key.offset);
        dead.extend(offsets.filter(|offset| !matters.contains(offset)).map(|offset| (offset, variable)));
    }
    let mut keys = HashSet::new();
    let is_alone = |node: &NodeId| {
        let mut key = graph.nodes[*node].key.clone();
        for (value, &variable) in key.tracked.iter_mut().zip(tracked) {
            if dead.contains(&(key.offset, variable)) {
                *value = None;
            }
        }
        keys.insert(key)
    };
    if reachable.iter().all(is_alone) { Dead::new() } else { dead }
}

/// For each state the variables that are read from there on before they are stored to, as bits in the order of `tracked`.
fn live(graph: &Graph, reachable: &[NodeId], tracked: &[Variable], locals: usize) -> Vec<u64> {
    let mut handlers: BTreeMap<u32, Vec<NodeId>> = BTreeMap::new();
    for &node in reachable {
        if let Exit::Setup { setup, handler: Some(handler), .. } = graph.nodes[node].exit {
            handlers.entry(setup).or_default().push(handler);
        }
    }
    let mut before: Vec<Vec<NodeId>> = vec![Vec::new(); graph.nodes.len()];
    for &node in reachable {
        let Node { key, exit, .. } = &graph.nodes[node];
        exit.successors(&mut |next| before[next].push(node));
        // An exception can come from everywhere in a block.
        let handlers = key.blocks.iter().filter_map(|block| handlers.get(&block.setup)).flatten();
        handlers.for_each(|&handler| before[handler].push(node));
    }
    // What is read after each state, by all ways, and what is read from its beginning.
    let (mut after, mut live) = (vec![0; graph.nodes.len()], vec![0; graph.nodes.len()]);
    let mut todo: Vec<NodeId> = reachable.to_vec();
    while let Some(node) = todo.pop() {
        let now = through(&graph.nodes[node], after[node], tracked, locals);
        live[node] = now;
        for &from in &before[node] {
            if after[from] | now != after[from] {
                after[from] |= now;
                todo.push(from);
            }
        }
    }
    live
}

/// What matters before a state of which `after` matters after it.
fn through(node: &Node, after: u64, tracked: &[Variable], locals: usize) -> u64 {
    node.acts.iter().rev().fold(after, |live, act| {
        let Act::Run(opcode, Some(place)) = *act else { return live };
        let base = match opcode {
            op::LOAD_FAST | op::STORE_FAST | op::DELETE_FAST => 0,
            op::LOAD_NAME
            | op::STORE_NAME
            | op::DELETE_NAME
            | op::LOAD_GLOBAL
            | op::STORE_GLOBAL
            | op::DELETE_GLOBAL => locals,
            _ => return live,
        };
        let variable = usize::try_from(place).ok().map(|place| base + place);
        let Some(bit) = tracked.iter().position(|&tracked| Some(tracked) == variable) else { return live };
        match opcode {
            op::LOAD_FAST | op::LOAD_NAME | op::LOAD_GLOBAL => live | 1 << bit,
            _ => live & !(1 << bit),
        }
    })
}
