//! Removing what does nothing: empty blocks, values that are pushed and popped, rotations that cancel out, stores that no path reads.

use std::collections::{BTreeMap, BTreeSet};

use super::flow::{Basic, BlockId, End, Flow, Instruction, Operand};
use super::junk;
use super::machine::effect;
use super::value::Literal;
use crate::bytecode::opcode::op;

/// Why a store was removed.
pub const NOT_READ: &str = "no path reads what it stores";

/// What was removed, by offset: why.
pub type Removed = BTreeMap<u32, &'static str>;

/// What may be removed besides what is always superfluous.
pub struct Allowed<'a> {
    /// Locals that cannot be unbound when they are loaded there, by offset of the load.
    pub is_bound: &'a dyn Fn(u32) -> bool,
    /// Locals of which every value is a plain constant and which nothing can look up by name.
    pub plain_locals: &'a BTreeSet<i32>,
    /// Names of which the same is true.
    pub plain_names: &'a BTreeSet<i32>,
    /// Names of which the same is true if nothing in the flow reads them.
    pub own_names: &'a BTreeSet<i32>,
    /// Instructions there that gave a constant, or what can be made and dropped without anything noticing.
    pub is_constant: &'a dyn Fn(u32) -> bool,
    /// The constant with an index, as far as it is a plain one.
    pub constant: &'a dyn Fn(i32) -> Option<Literal>,
    /// The items of the constant with an index, if it is a tuple or text.
    pub items: &'a dyn Fn(i32) -> Option<Vec<Literal>>,
}

/// Simplifies until nothing changes.
pub fn simplify(flow: &mut Flow, allowed: &Allowed<'_>, removed: &mut Removed) {
    loop {
        let mut changed = join_chains(flow);
        flow.compact();
        for block in 0..flow.blocks.len() {
            changed |= junk::remove(&mut flow.blocks[block].instructions, allowed, removed);
            if matches!(flow.blocks[block].end, End::Final(op::RETURN_VALUE, _)) {
                changed |= remove_below_return(&mut flow.blocks[block].instructions, allowed, removed);
            }
        }
        changed |= remove_dead_stores(flow, allowed, removed) | remove_empty_loops(flow, allowed, removed);
        if !changed {
            return;
        }
    }
}

/// Forwards jumps to empty blocks.
pub fn forward(flow: &mut Flow) -> bool {
    let mut changed = false;
    let target = |flow: &Flow, block: BlockId| {
        let mut at = block;
        for _ in 0..flow.blocks.len() {
            match &flow.blocks[at] {
                empty if empty.instructions.is_empty() => match empty.end {
                    End::Jump(next) if next != at => at = next,
                    _ => return at,
                },
                _ => return at,
            }
        }
        block
    };
    for block in 0..flow.blocks.len() {
        let mut end = flow.blocks[block].end.clone();
        end.each(&mut |next| *next = target(flow, *next));
        if end != flow.blocks[block].end {
            flow.blocks[block].end = end;
            changed = true;
        }
    }
    flow.entry = target(flow, flow.entry);
    changed
}

/// Forwards jumps to empty blocks and joins blocks that only follow each other.
pub fn join_chains(flow: &mut Flow) -> bool {
    let mut changed = forward(flow);
    let counts = flow.predecessors();
    for block in flow.reverse_postorder() {
        while let End::Jump(next) = flow.blocks[block].end
            && counts[next] == 1
            && next != block
            && next != flow.entry
            && !matches!(flow.blocks[next].end, End::Leave(_) | End::Finally { .. } | End::Iterate { .. })
            && flow.blocks[next].around == flow.blocks[block].around
        {
            let after = std::mem::take(&mut flow.blocks[next].instructions);
            flow.blocks[block].instructions.extend(after);
            let end = std::mem::replace(&mut flow.blocks[next].end, End::Final(op::STOP_CODE, None));
            flow.blocks[block].end = end;
            flow.blocks[block].at = flow.blocks[next].at;
            changed = true;
        }
    }
    changed
}

/// Removes loops over constants that only pop each item: what they go over is popped instead.
fn remove_empty_loops(flow: &mut Flow, allowed: &Allowed<'_>, removed: &mut Removed) -> bool {
    let order = flow.reverse_postorder();
    let mut changed = false;
    for &header in &order {
        let End::Iterate { done, next } = flow.blocks[header].end else { continue };
        let body = &flow.blocks[next];
        let pops = matches!(body.instructions[..], [Instruction { opcode: op::POP_TOP, .. }]);
        if !pops || body.end != End::Jump(header) || !flow.blocks[header].instructions.is_empty() {
            continue;
        }
        let goes_over_constants = |&block: &BlockId| {
            let Basic { instructions: list, end, .. } = &flow.blocks[block];
            let is_iterator = |last: &Instruction| last.opcode == op::GET_ITER;
            block == next
                || !end.successors().contains(&header)
                || list.last().is_some_and(is_iterator) && junk::iterates_constant(list, list.len() - 1, allowed)
        };
        if order.iter().all(goes_over_constants) {
            let header = &mut flow.blocks[header];
            removed.entry(header.at).or_insert("a loop over constants that does nothing");
            header.instructions.push(Instruction { opcode: op::POP_TOP, operand: Operand::None, at: header.at });
            header.end = End::Jump(done);
            changed = true;
        }
    }
    changed
}

/// Removes what pushes a value that lies below the returned one: a return drops it.
fn remove_below_return(list: &mut Vec<Instruction>, allowed: &Allowed<'_>, removed: &mut Removed) -> bool {
    // Entries that the instructions from a place on need: the returned value at the end.
    let mut needs = 1i64;
    for place in (0..list.len()).rev() {
        let one = &list[place];
        if needs == 0 {
            if one.opcode == op::DUP_TOP || !only_pushes(one, allowed) {
                return false;
            }
            let gone = list.remove(place);
            removed.entry(gone.at).or_insert("it was pushed, and a return dropped it");
            return true;
        }
        let number = if let Operand::Number(number) = one.operand { number } else { 0 };
        let Some((pops, pushes)) = effect::of(one.opcode, number) else { return false };
        if i64::from(pushes) > needs {
            return false;
        }
        needs += i64::from(pops) - i64::from(pushes);
    }
    false
}

/// Whether an instruction only pushes one value, and cannot fail.
pub fn only_pushes(one: &Instruction, allowed: &Allowed<'_>) -> bool {
    match one.opcode {
        op::LOAD_CONST | op::LOAD_CLOSURE | op::DUP_TOP => true,
        op::LOAD_FAST => (allowed.is_bound)(one.at),
        op::LOAD_NAME | op::LOAD_GLOBAL => (allowed.is_constant)(one.at),
        op::BUILD_LIST | op::BUILD_MAP | op::BUILD_TUPLE => one.operand == Operand::Number(0),
        _ => false,
    }
}

/// Replaces stores to locals that no path reads by pops.
fn remove_dead_stores(flow: &mut Flow, allowed: &Allowed<'_>, removed: &mut Removed) -> bool {
    if allowed.plain_locals.is_empty() && allowed.plain_names.is_empty() && allowed.own_names.is_empty() {
        return false;
    }
    // Reads of all blocks together: a local that is plain and read nowhere is dead everywhere; else, liveness decides.
    let order = flow.reverse_postorder();
    let mut live: Vec<BTreeSet<i32>> = vec![BTreeSet::new(); flow.blocks.len()];
    let through = |list: &[Instruction], live: &mut BTreeSet<i32>| {
        for one in list.iter().rev() {
            match (one.opcode, &one.operand) {
                (op::LOAD_FAST | op::DELETE_FAST, Operand::Number(place)) => {
                    live.insert(*place);
                }
                (op::STORE_FAST, Operand::Number(place)) => {
                    live.remove(place);
                }
                // Names are numbered down from -1.
                (op::LOAD_NAME | op::LOAD_GLOBAL | op::DELETE_NAME | op::DELETE_GLOBAL, Operand::Number(place)) => {
                    live.insert(-1 - place);
                }
                (op::STORE_NAME | op::STORE_GLOBAL, Operand::Number(place)) => {
                    live.remove(&(-1 - place));
                }
                _ => {}
            }
        }
    };
    loop {
        let mut changed = false;
        for &block in order.iter().rev() {
            let mut after = live_after(flow, block, &live);
            through(&flow.blocks[block].instructions, &mut after);
            if !flow.blocks[block].around.is_empty() {
                // An exception can leave the block anywhere, for any handler.
                after.extend(read_by_handlers(flow, &order, &live));
            }
            if after != live[block] {
                live[block] = after;
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    let in_handlers = read_by_handlers(flow, &order, &live);
    let mut changed = false;
    let instructions = order.iter().flat_map(|&block| &flow.blocks[block].instructions);
    let read: BTreeSet<Operand> = instructions
        .filter(|one| matches!(one.opcode, op::LOAD_NAME | op::LOAD_GLOBAL | op::DELETE_NAME | op::DELETE_GLOBAL))
        .map(|one| one.operand.clone())
        .collect();
    for &block in &order {
        let mut after = live_after(flow, block, &live);
        // An exception can leave the block anywhere, for any handler.
        let caught = if flow.blocks[block].around.is_empty() { BTreeSet::new() } else { in_handlers.clone() };
        for one in flow.blocks[block].instructions.iter_mut().rev() {
            let is_dead = match (one.opcode, &one.operand) {
                (op::STORE_FAST, Operand::Number(place)) => {
                    allowed.plain_locals.contains(place) && !after.contains(place)
                }
                (op::STORE_NAME | op::STORE_GLOBAL, Operand::Number(place)) => {
                    allowed.plain_names.contains(place) && !after.contains(&(-1 - place))
                        || allowed.own_names.contains(place) && !read.contains(&one.operand)
                }
                _ => false,
            };
            let key = match one.operand {
                Operand::Number(place) if one.opcode != op::STORE_FAST => -1 - place,
                Operand::Number(place) => place,
                _ => 0,
            };
            if is_dead && !caught.contains(&key) {
                removed.entry(one.at).or_insert(NOT_READ);
                (one.opcode, one.operand) = (op::POP_TOP, Operand::None);
                changed = true;
            }
            through(std::slice::from_ref(one), &mut after);
        }
    }
    changed
}

/// The variables that are live where some handler begins.
fn read_by_handlers(flow: &Flow, order: &[BlockId], live: &[BTreeSet<i32>]) -> BTreeSet<i32> {
    let mut read = BTreeSet::new();
    for &block in order {
        if let End::Setup { handler: Some(handler), .. } = flow.blocks[block].end {
            read.extend(&live[handler]);
        }
    }
    read
}

fn live_after(flow: &Flow, block: BlockId, live: &[BTreeSet<i32>]) -> BTreeSet<i32> {
    let mut after = BTreeSet::new();
    flow.blocks[block].end.successors().into_iter().for_each(|next| after.extend(&live[next]));
    after
}
