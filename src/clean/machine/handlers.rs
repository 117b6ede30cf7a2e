//! What handlers come to before they do anything: those that only end, and those that a dispatcher leads to.

use std::collections::{BTreeMap, BTreeSet};

use super::explore::Explorer;
use super::{Act, Block, Exit, Kind, Node, NodeId, effect};
use crate::bytecode::opcode::op;
use crate::clean::value::{self, Value};

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

    /// Where the handlers of finally and with blocks begin: what comes before makes values and drops them, or works on tracked variables.
    /// What was known before stays known.
    pub fn begins_of_handlers(&self) -> BTreeMap<u32, i32> {
        let mut begins = self.begins.clone();
        for instance in &self.instances {
            let Block { kind, setup, .. } = instance.block;
            if let (Kind::Finally | Kind::With, Some(handler)) = (kind, instance.handler) {
                let first = self.first_offset(handler);
                if first != instance.settled {
                    begins.entry(setup).or_insert(first);
                }
            }
        }
        begins
    }

    /// The offset of the first instruction from a node on that does more than make values and drop them.
    fn first_offset(&self, from: NodeId) -> i32 {
        let locals = self.input.code.varnames.len();
        let is_tracked = |place: &Option<i32>, base: usize| {
            let place = place.and_then(|place| usize::try_from(place).ok());
            place.is_some_and(|place| self.input.tracked.contains(&(base + place)))
        };
        let is_state = |act: &Act| match act {
            Act::Run(op::LOAD_FAST | op::STORE_FAST, place) => is_tracked(place, 0),
            Act::Run(op::LOAD_NAME | op::LOAD_GLOBAL | op::STORE_NAME | op::STORE_GLOBAL, place) => {
                is_tracked(place, locals)
            }
            _ => false,
        };
        let begin = &self.nodes[from].key;
        let (mut node, mut first) = (from, begin.offset);
        for _ in 0..self.nodes.len() {
            let Node { key, acts, exit, .. } = &self.nodes[node];
            if (&key.stack, &key.blocks) == (&begin.stack, &begin.blocks) {
                first = key.offset;
            }
            let Exit::Go(next) = *exit else { break };
            let after = &self.nodes[next].key;
            let own = key.stack.len().saturating_sub(begin.stack.len());
            let does_nothing =
                |act: &Act| is_state(act) || makes_only(act, own, [key.stack.last(), after.stack.last()]);
            if after.stack.len() < begin.stack.len() || !acts.iter().all(does_nothing) {
                break;
            }
            node = next;
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

/// Whether something only makes, moves or drops values of the `own` topmost entries, and cannot fail; `tops` is what is on top of the stack
/// before and after.
fn makes_only(act: &Act, own: usize, tops: [Option<&Value>; 2]) -> bool {
    let Act::Run(opcode, operand) = *act else { return matches!(act, Act::Push(_)) };
    let operand = operand.unwrap_or(0);
    let takes = match opcode {
        op::ROT_TWO => 2,
        op::ROT_THREE => 3,
        op::ROT_FOUR => 4,
        op::DUP_TOP => 1,
        op::DUP_TOPX | op::LIST_APPEND => usize::try_from(operand).unwrap_or(usize::MAX).saturating_add(1),
        op::STORE_MAP => 3,
        _ => match effect::of(opcode, operand) {
            Some((pops, _)) => pops as usize,
            None => return false,
        },
    };
    // What is known was worked out without an effect.
    let is_known =
        tops[1].is_some_and(|top| !matches!(top, Value::Unknown | Value::Fixed(_) | Value::Fresh(_) | Value::Match));
    let makes_one = value::is_operator(opcode)
        || matches!(opcode, op::UNARY_POSITIVE..=op::UNARY_INVERT | op::SLICE_0..=op::SLICE_3)
        || matches!(opcode, op::COMPARE_OP | op::LOAD_ATTR | op::CALL_FUNCTION | op::UNPACK_SEQUENCE | op::STORE_MAP)
        || matches!(opcode, op::LOAD_NAME | op::LOAD_GLOBAL);
    let iterates = opcode == op::GET_ITER && matches!(tops[0], Some(Value::Constant(of)) if of.can_iterate());
    let is_safe = effect::is_safe(opcode) && !matches!(opcode, op::STORE_FAST | op::STORE_DEREF);
    takes <= own && (is_safe || iterates || is_known && makes_one)
}
