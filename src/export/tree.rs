//! The call paths of a trace with the instructions of each, summed up: what fits into viewers that take no more than some size.

use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::names::Names;
use super::stacks::{Calls, Ran};
use super::target::Target;
use crate::trace::{Code, SinkError};

/// Distinct call paths that are kept, and calls in one.  What is beyond is counted to its caller.
const MOST_NODES: usize = 1 << 17;
const MOST_DEPTH: usize = 1 << 10;

/// A call path: a code object under the path of its caller.
#[derive(Clone, Copy, Debug)]
pub struct Node {
    /// The path of the caller; a thread's own is its root.
    pub parent: Option<u32>,
    /// The number of its name; of no meaning in a root.
    pub name: u32,
    pub thread: u32,
    pub depth: u32,
    /// Instructions of its own.
    pub instructions: u64,
}

/// All call paths.
#[derive(Default)]
pub struct Tree {
    pub names: Names,
    /// Each after its parent.
    pub nodes: Vec<Node>,
    children: FxHashMap<(u32, u32), u32>,
    threads: FxHashMap<u32, Vec<(u32, bool)>>,
    /// Instructions that were counted to a caller.
    folded: u64,
}

/// Writes a tree in some format.
pub type Write = fn(&Tree, &mut Target) -> Result<(), SinkError>;

/// An export of the tree.
pub struct Summed {
    tree: Tree,
    target: Target,
    write: Write,
}

impl Summed {
    pub fn new(target: Target, write: Write) -> Summed {
        Summed { tree: Tree::default(), target, write }
    }
}

impl Tree {
    /// The open paths of a thread, the innermost last, each with whether it is exact.
    fn open(&mut self, thread: u32) -> &mut Vec<(u32, bool)> {
        let nodes = &mut self.nodes;
        self.threads.entry(thread).or_insert_with(|| {
            if nodes.is_empty() || nodes.len() < MOST_NODES {
                nodes.push(Node { parent: None, name: 0, thread, depth: 0, instructions: 0 });
                return vec![(nodes.len() as u32 - 1, true)];
            }
            vec![(0, false)]
        })
    }

    fn enter(&mut self, thread: u32, code: &Code) {
        let name = self.names.number(code);
        let (parent, is_exact) = *self.open(thread).last().unwrap_or(&(0, false));
        let depth = self.nodes[parent as usize].depth + 1;
        let known = self.children.get(&(parent, name)).copied().filter(|_| is_exact);
        let node = match known {
            Some(node) => (node, true),
            None if !is_exact || self.nodes.len() >= MOST_NODES || depth as usize > MOST_DEPTH => (parent, false),
            None => {
                let thread = self.nodes[parent as usize].thread;
                self.nodes.push(Node { parent: Some(parent), name, thread, depth, instructions: 0 });
                let node = self.nodes.len() as u32 - 1;
                self.children.insert((parent, name), node);
                (node, true)
            }
        };
        self.open(thread).push(node);
    }

    /// The names of a path, the outermost first.
    pub fn path(&self, node: u32) -> Vec<u32> {
        let mut path = Vec::new();
        let mut at = &self.nodes[node as usize];
        while let Some(parent) = at.parent {
            path.push(at.name);
            at = &self.nodes[parent as usize];
        }
        path.reverse();
        path
    }
}

impl Calls for Summed {
    fn open(&mut self, thread: u32, code: &Rc<Code>, _number: u64) -> Result<(), SinkError> {
        self.tree.enter(thread, code);
        Ok(())
    }

    fn close(&mut self, thread: u32, _number: u64) -> Result<(), SinkError> {
        let open = self.tree.open(thread);
        if open.len() > 1 {
            open.pop();
        }
        Ok(())
    }

    #[inline]
    fn ran(&mut self, _code: &Rc<Code>, ran: Ran) -> Result<(), SinkError> {
        let (node, is_exact) = *self.tree.open(ran.thread).last().unwrap_or(&(0, false));
        self.tree.nodes[node as usize].instructions += ran.instructions;
        if !is_exact {
            self.tree.folded += ran.instructions;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<(Target, Option<String>), SinkError> {
        (self.write)(&self.tree, &mut self.target)?;
        let folded = self.tree.folded;
        let left_out = (folded > 0).then(|| {
            format!("{folded} instructions are counted to a caller: there are more call paths, or deeper ones, than are kept")
        });
        Ok((self.target, left_out))
    }
}
