//! Instructions by call path: a tree of code objects, each under the one that called it.  A function that calls itself is one node, and
//! so is the standard library from the function on by which it was entered.

use rustc_hash::FxHashMap;

use super::entries::{Entries, EntryId};
use crate::trace::State;
use crate::trace::state::Frame;

/// Nodes at most; the instructions of further call paths count for the node that they would be under.
const MOST: usize = 1 << 16;
/// Nodes above one another at most.
const DEEPEST: u16 = 200;
/// Frames that are remembered; a forged trace can enter frames for ever.
const FRAMES: usize = 1 << 18;

pub(super) type NodeId = u32;

/// The node that everything is under.
pub(super) const ROOT: NodeId = 0;

#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) parent: NodeId,
    /// None for the root.
    pub(super) entry: Option<EntryId>,
    /// Instructions executed on this path, those of the nodes under it not counted.
    pub(super) own: u64,
    /// Frames that were entered or went on here.
    pub(super) entered: u64,
    depth: u16,
}

#[derive(Debug)]
pub(super) struct Flame {
    pub(super) nodes: Vec<Node>,
    children: FxHashMap<(NodeId, EntryId), NodeId>,
    /// By frame: the frame that it was entered from, and its node.
    frames: FxHashMap<u64, (u64, NodeId)>,
    last: (u64, u64, NodeId),
    /// Some paths have no node of their own.
    pub(super) is_cut: bool,
}

impl Default for Flame {
    fn default() -> Flame {
        let root = Node { parent: ROOT, entry: None, own: 0, entered: 0, depth: 0 };
        Flame {
            nodes: vec![root],
            children: FxHashMap::default(),
            frames: FxHashMap::default(),
            last: (0, 0, ROOT),
            is_cut: false,
        }
    }
}

impl Flame {
    /// Counts instructions that the frame that runs has executed so many times.
    #[inline]
    pub(super) fn add(&mut self, at: &State, frame: &Frame, count: u64, times: u64, entries: &mut Entries) {
        let (id, caller, node) = self.last;
        let node = match id == frame.id && caller == frame.caller {
            true => node,
            false => self.find(at, times, entries),
        };
        self.last = (frame.id, frame.caller, node);
        self.nodes[node as usize].own += count * times;
    }

    /// Returns whether no frame that runs will soon be forgotten.
    pub(super) fn has_room(&self) -> bool {
        self.frames.len() < FRAMES / 2
    }

    /// A frame was left for good.
    pub(super) fn left(&mut self, frame: u64) {
        self.frames.remove(&frame);
    }

    /// The node of the frame that runs: from the nearest frame below it that has one, upwards.
    #[cold]
    fn find(&mut self, at: &State, times: u64, entries: &mut Entries) -> NodeId {
        if self.frames.len() >= FRAMES {
            self.frames.clear();
        }
        let stack = at.stack();
        let known = |frame: &Frame| {
            self.frames.get(&frame.id).filter(|(caller, _)| *caller == frame.caller).map(|(_, node)| *node)
        };
        let below = stack.iter().enumerate().rev().find_map(|(place, frame)| Some((place + 1, known(frame)?)));
        let (first, mut node) = below.unwrap_or((0, ROOT));
        for frame in &stack[first..] {
            node = self.under(node, frame, times, entries);
            self.frames.insert(frame.id, (frame.caller, node));
        }
        node
    }

    fn under(&mut self, parent: NodeId, frame: &Frame, times: u64, entries: &mut Entries) -> NodeId {
        let above = &self.nodes[parent as usize];
        let Some(entry) = entries.of(&frame.code) else { return parent };
        let is_library = |entry: EntryId| entries.list[entry as usize].is_stdlib;
        let is_same = above.entry == Some(entry) || above.entry.is_some_and(is_library) && frame.code.is_stdlib;
        let depth = above.depth + 1;
        let node = match self.children.get(&(parent, entry)) {
            _ if is_same => parent,
            Some(&node) => node,
            None if self.nodes.len() >= MOST || depth > DEEPEST => {
                self.is_cut = true;
                return parent;
            }
            None => {
                let node = self.nodes.len() as NodeId;
                self.nodes.push(Node { parent, entry: Some(entry), own: 0, entered: 0, depth });
                self.children.insert((parent, entry), node);
                node
            }
        };
        self.nodes[node as usize].entered += times;
        node
    }

    /// The instructions of each node, with those under it.
    pub(super) fn totals(&self) -> Vec<u64> {
        let mut totals: Vec<u64> = self.nodes.iter().map(|node| node.own).collect();
        // A node comes after the one that it is under.
        for (place, node) in self.nodes.iter().enumerate().skip(1).rev() {
            totals[node.parent as usize] += totals[place];
        }
        totals
    }
}
