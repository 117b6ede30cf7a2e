//! What handlers come to before they do anything: those that only end, and those that a dispatcher leads to.

use std::collections::{BTreeMap, BTreeSet};

use super::explore::Explorer;
use super::{Act, Block, Exit, Kind, Node, NodeId, effect};
use crate::bytecode::opcode::op;
use crate::clean::value::Value;

impl Explorer<'_> {
    /// The SETUP instructions of blocks whose handlers do nothing but end.
    pub fn passed_through(&self) -> BTreeSet<u32> {
        let mut does_more = BTreeSet::new();
        let mut found = BTreeSet::new();
        for instance in &self.instances {
            let is_empty = instance.handler.is_some_and(|handler| self.only_ends(handler));
            let setups = if is_empty && instance.block.kind != Kind::With { &mut found } else { &mut does_more };
            setups.insert(instance.block.setup);
        }
        &found - &does_more
    }

    /// Where the handlers of finally and with blocks begin that a dispatcher leads to: what comes before only works on tracked variables.
    /// What was known before stays known.
    pub fn begins_of_handlers(&self) -> BTreeMap<u32, i32> {
        let mut begins = self.begins.clone();
        if self.input.tracked.is_empty() {
            return begins;
        }
        for instance in &self.instances {
            let Block { kind, setup, .. } = instance.block;
            if let (Kind::Finally | Kind::With, Some(handler)) = (kind, instance.handler) {
                begins.entry(setup).or_insert_with(|| self.first_offset(handler));
            }
        }
        begins
    }

    /// The offset of the first instruction from a node on that does more than work on tracked variables.
    fn first_offset(&self, from: NodeId) -> i32 {
        let locals = self.input.code.varnames.len();
        let is_tracked = |place: &Option<i32>, base: usize| {
            let place = place.and_then(|place| usize::try_from(place).ok());
            place.is_some_and(|place| self.input.tracked.contains(&(base + place)))
        };
        let does_nothing = |act: &Act| match act {
            Act::Push(_) | Act::Run(op::LOAD_CONST | op::COMPARE_OP | op::BINARY_XOR | op::POP_TOP, _) => true,
            Act::Run(op::LOAD_FAST | op::STORE_FAST, place) => is_tracked(place, 0),
            Act::Run(op::LOAD_NAME | op::LOAD_GLOBAL | op::STORE_NAME | op::STORE_GLOBAL, place) => {
                is_tracked(place, locals)
            }
            _ => false,
        };
        let (mut node, mut first) = (from, self.nodes[from].key.offset);
        for _ in 0..self.nodes.len() {
            let Node { key, acts, exit, .. } = &self.nodes[node];
            if key.stack == self.nodes[from].key.stack {
                first = key.offset;
            }
            match exit {
                Exit::Go(next)
                    if acts.iter().all(does_nothing)
                        && self.nodes[*next].key.stack.len()
                            >= key.stack.len().min(self.nodes[from].key.stack.len()) =>
                {
                    node = *next
                }
                _ => break,
            }
        }
        first
    }

    /// Whether a handler comes to its end without doing anything.
    fn only_ends(&self, handler: NodeId) -> bool {
        let mut node = handler;
        for _ in 0..self.nodes.len() {
            let Node { key, acts, exit, .. } = &self.nodes[node];
            let next = match exit {
                Exit::Go(next) => *next,
                Exit::EndFinally { .. } | Exit::End(op::END_FINALLY, _) => {
                    return acts.is_empty() && key.stack == self.nodes[handler].key.stack;
                }
                _ => return false,
            };
            let is_known = matches!(self.nodes[next].key.stack.last(), Some(Value::Constant(_)));
            let does_nothing = |act: &Act| match act {
                Act::Push(_) => true,
                Act::Run(op::STORE_FAST | op::STORE_DEREF | op::LIST_APPEND, _) => false,
                Act::Run(opcode, _) => effect::is_safe(*opcode) || is_known && *opcode == op::COMPARE_OP,
                _ => false,
            };
            if !acts.iter().all(does_nothing) {
                return false;
            }
            node = next;
        }
        false
    }
}
