//! What the states of a code object do with its variables, and which of its instructions do nothing but make a value.

use std::collections::BTreeSet;

use super::evidence::Executed;
use super::machine::{Act, Exit, Graph, Key, Node, Variants, is_unchanging};
use super::pure::Builtin;
use super::value::{Literal, Value};
use crate::bytecode::opcode::op;

/// What all states that can be reached have in common.  Instructions are named by their offsets, locals by their places, and globals by
/// their names' places.
#[derive(Default)]
pub struct Uses {
    /// LOAD_FAST of what may not be bound.
    pub unbound: BTreeSet<u32>,
    /// Instructions that cannot go even if nothing uses what they make.
    pub unknown: BTreeSet<u32>,
    /// Variables that get something else than constants; globals down from -1.
    pub variable: BTreeSet<i32>,
    /// Globals that are loaded.
    pub loaded: BTreeSet<i32>,
}

impl Uses {
    pub fn of(graph: &Graph, executed: Option<&Executed>) -> Uses {
        let mut uses = Uses::default();
        for node in graph.reachable() {
            let Some(known) = graph.variables.get(&node) else { continue };
            let one = &graph.nodes[node];
            let at = one.key.offset as u32;
            one.acts.iter().for_each(|act| uses.act(act, &one.key, known));
            if !makes_known(graph, one, executed) {
                uses.unknown.insert(at);
            }
        }
        uses
    }

    fn act(&mut self, act: &Act, key: &Key, known: &[Variants]) {
        let is_plain = key.stack.last().is_some_and(|value| {
            is_unchanging(value) || matches!(value, Value::List(_) | Value::Dict(_) | Value::NoItems)
        });
        match *act {
            Act::Run(op::LOAD_FAST, Some(place)) => {
                let place = usize::try_from(place).ok().and_then(|place| known.get(place));
                if !matches!(place, Some(Variants::Bound | Variants::Constant(_) | Variants::Known(_))) {
                    self.unbound.insert(key.offset as u32);
                }
            }
            Act::Run(op::STORE_FAST, Some(place)) if !is_plain => {
                self.variable.insert(place);
            }
            Act::Run(op::LOAD_GLOBAL | op::LOAD_NAME, Some(place)) => {
                self.loaded.insert(place);
            }
            Act::Run(op::STORE_GLOBAL | op::STORE_NAME, Some(place)) if !is_plain => {
                self.variable.insert(-1 - place);
            }
            _ => {}
        }
    }
}

/// Whether a state does nothing but make a value that is known.
fn makes_known(graph: &Graph, node: &Node, executed: Option<&Executed>) -> bool {
    let runs = |opcode: u8| node.acts.iter().any(|act| matches!(act, Act::Run(run, _) if *run == opcode));
    // The `id` or `hash` of a constant.
    let makes_id = || match &node.key.stack[..] {
        [.., Value::Builtin(Builtin::Id), Value::Constant(_)] => true,
        [.., Value::Builtin(Builtin::Hash), Value::Constant(of)] => matches!(of, Literal::None | Literal::Str(_)),
        _ => false,
    };
    let Exit::Go(next) = node.exit else { return false };
    graph.nodes[next].key.stack.last().is_some_and(|value| match value {
        Value::Integer(_) => !runs(op::CALL_FUNCTION) || makes_id(),
        // Only a set of constants is one of which something is known.
        Value::Fresh(_) if runs(op::BUILD_SET) => true,
        value => is_known(value, node.key.offset as u32, executed),
    })
}

/// Whether the instruction at an offset, which made a value, can go if nothing uses the value.
fn is_known(value: &Value, at: u32, executed: Option<&Executed>) -> bool {
    match value {
        Value::Constant(_) | Value::Class(_) | Value::Builtin(_) | Value::Method(..) | Value::Function(_) => true,
        Value::List(_) | Value::Dict(_) | Value::NoItems | Value::Truth(_) | Value::Tuple(_) | Value::Instance(_) => {
            true
        }
        // What is made of constants alone fails always or never.
        Value::Fixed(_) | Value::Fresh(_) => {
            executed.is_some_and(|executed| executed.offsets.contains_key(&at) && !executed.raised.contains_key(&at))
        }
        _ => false,
    }
}
