//! Conditions that are the name of a truth value and nothing else.  At the head of a loop that is `while True`, which stays.

use std::collections::BTreeMap;

use super::flow::{BlockId, End, Flow, Operand};
use super::order::Order;
use super::simplify::Removed;
use crate::bytecode::opcode::op;

/// Why a condition goes.
const ALWAYS: &str = "it is a truth value by its name, which a condition tests";

/// Decides the conditions at which no loop begins, and those of which several states made copies: they are a dispatcher's.  `truth` says what
/// the name at a place stands for.  Returns whether there were any.
pub fn decide(flow: &mut Flow, truth: impl Fn(i32) -> Option<bool>, removed: &mut Removed) -> bool {
    let order = Order::of(flow);
    let mut copies: BTreeMap<u32, usize> = BTreeMap::new();
    order.blocks.iter().for_each(|&block| *copies.entry(flow.blocks[block].at).or_default() += 1);
    let mut changed = false;
    let is_head = |flow: &Flow, block: BlockId| order.loops[block].is_some() && copies[&flow.blocks[block].at] == 1;
    for &block in &order.blocks {
        if is_head(flow, block) {
            continue;
        }
        let basic = &mut flow.blocks[block];
        let End::Branch { opcode: opcode @ (op::POP_JUMP_IF_FALSE | op::POP_JUMP_IF_TRUE), taken, next } = basic.end
        else {
            continue;
        };
        let Some(last) = basic.instructions.last() else { continue };
        let truth = match (last.opcode, &last.operand) {
            (op::LOAD_NAME | op::LOAD_GLOBAL, Operand::Number(place)) => truth(*place),
            _ => None,
        };
        let Some(truth) = truth else { continue };
        removed.entry(last.at).or_insert(ALWAYS);
        basic.instructions.pop();
        basic.end = End::Jump(if truth == (opcode == op::POP_JUMP_IF_TRUE) { taken } else { next });
        changed = true;
    }
    changed
}
