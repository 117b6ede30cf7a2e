//! Removing what does nothing: empty blocks, values that are pushed and popped, rotations that cancel out, stores that no path reads.

use std::collections::{BTreeMap, BTreeSet};

use super::flow::{BlockId, End, Flow, Instruction, Operand};
use super::machine::effect;
use crate::bytecode::opcode::op;

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
    /// Loads there that gave a constant.
    pub is_constant: &'a dyn Fn(u32) -> bool,
}

/// Simplifies until nothing changes.
pub fn simplify(flow: &mut Flow, allowed: &Allowed<'_>, removed: &mut Removed) {
    loop {
        let mut changed = join_chains(flow);
        for block in 0..flow.blocks.len() {
            changed |= remove_junk(&mut flow.blocks[block].instructions, allowed, removed);
            if matches!(flow.blocks[block].end, End::Final(op::RETURN_VALUE, _)) {
                changed |= remove_below_return(&mut flow.blocks[block].instructions, allowed, removed);
            }
        }
        changed |= remove_dead_stores(flow, allowed, removed);
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

/// Removes instructions of one block whose results are popped, until nothing changes.
fn remove_junk(list: &mut Vec<Instruction>, allowed: &Allowed<'_>, removed: &mut Removed) -> bool {
    let mut changed = false;
    let mut at = 0;
    while at < list.len() {
        let gone = match list[at].opcode {
            op::POP_TOP => popped(list, at, allowed),
            op::ROT_TWO | op::ROT_THREE | op::ROT_FOUR => rotated(list, at),
            _ => None,
        };
        match gone {
            Some((places, why)) => {
                for &place in places.iter().rev() {
                    let gone = list.remove(place);
                    removed.entry(gone.at).or_insert(why);
                }
                changed = true;
                at = places.first().copied().unwrap_or(0).saturating_sub(4);
            }
            None if swap_loads(list, at, allowed) || split_operator(list, at, allowed, removed) => {
                changed = true;
                at = at.saturating_sub(3);
            }
            None => at += 1,
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
fn only_pushes(one: &Instruction, allowed: &Allowed<'_>) -> bool {
    match one.opcode {
        op::LOAD_CONST | op::LOAD_CLOSURE | op::DUP_TOP => true,
        op::LOAD_FAST => (allowed.is_bound)(one.at),
        op::LOAD_NAME | op::LOAD_GLOBAL => (allowed.is_constant)(one.at),
        op::BUILD_LIST | op::BUILD_MAP | op::BUILD_TUPLE => one.operand == Operand::Number(0),
        _ => false,
    }
}

/// What a POP_TOP makes superfluous: the instruction that pushed the value, if nothing in between touches it.
fn popped(list: &[Instruction], at: usize, allowed: &Allowed<'_>) -> Option<(Vec<usize>, &'static str)> {
    // Entries above the one that is popped, going back.
    let mut above = 0i64;
    for place in (0..at).rev() {
        let one = &list[place];
        let (pops, pushes) = match one.opcode {
            // A copy of the value was used up in between: without the copy, the value itself is.
            op::DUP_TOP
                if above == 1
                    && place + 2 == at
                    && matches!(
                        list[place + 1].opcode,
                        op::STORE_FAST | op::STORE_NAME | op::STORE_GLOBAL | op::STORE_DEREF
                    ) =>
            {
                return Some((vec![place, at], "a copy was made and popped"));
            }
            op::DUP_TOP if above != 1 => (1, 2),
            op::ROT_TWO if above >= 2 => (2, 2),
            op::ROT_THREE if above >= 3 => (3, 3),
            op::ROT_FOUR if above >= 4 => (4, 4),
            op::ROT_TWO
            | op::ROT_THREE
            | op::ROT_FOUR
            | op::DUP_TOP
            | op::DUP_TOPX
            | op::LIST_APPEND
            | op::SET_ADD
            | op::MAP_ADD => return None,
            _ => {
                let number = if let Operand::Number(number) = one.operand { number } else { 0 };
                let (pops, pushes) = effect::of(one.opcode, number)?;
                (i64::from(pops), i64::from(pushes))
            }
        };
        if pushes > above {
            let alone = above == 0 && (pushes == 1 || one.opcode == op::DUP_TOP);
            return (alone && only_pushes(one, allowed)).then(|| (vec![place, at], "it was pushed and popped"));
        }
        above = above - pushes + pops;
    }
    None
}

/// Rotations that come back to where they began.
fn rotated(list: &[Instruction], at: usize) -> Option<(Vec<usize>, &'static str)> {
    let opcode = list[at].opcode;
    let count = match opcode {
        op::ROT_TWO => 2,
        op::ROT_THREE => 3,
        _ => 4,
    };
    let run = list.get(at..at + count)?;
    run.iter().all(|one| one.opcode == opcode).then(|| ((at..at + count).collect(), "rotations that cancel out"))
}

/// Two loads and a rotation are the loads the other way round.
fn swap_loads(list: &mut Vec<Instruction>, at: usize, allowed: &Allowed<'_>) -> bool {
    // The compiler itself loads and rotates, for an assignment of two values; it pops nothing then.
    if at < 2 || list[at].opcode != op::ROT_TWO || list.get(at + 1).map(|one| one.opcode) != Some(op::POP_TOP) {
        return false;
    }
    let is_load = |one: &Instruction| one.opcode != op::DUP_TOP && only_pushes(one, allowed);
    if !is_load(&list[at - 1]) || !is_load(&list[at - 2]) {
        return false;
    }
    list.swap(at - 1, at - 2);
    list.remove(at);
    true
}

/// An operator whose constant result is popped pops its operands instead.
fn split_operator(list: &mut Vec<Instruction>, at: usize, allowed: &Allowed<'_>, removed: &mut Removed) -> bool {
    if list[at].opcode != op::POP_TOP || at == 0 {
        return false;
    }
    let before = &list[at - 1];
    let number = if let Operand::Number(number) = before.operand { number } else { 0 };
    let is_pure = match before.opcode {
        op::UNARY_POSITIVE..=op::UNARY_INVERT
        | op::BINARY_POWER..=op::INPLACE_TRUE_DIVIDE
        | op::INPLACE_ADD..=op::INPLACE_MODULO
        | op::BINARY_LSHIFT..=op::INPLACE_POWER
        | op::INPLACE_LSHIFT..=op::INPLACE_OR
        | op::COMPARE_OP => {
            (allowed.is_constant)(before.at) || before.opcode == op::COMPARE_OP && matches!(number, 8 | 9)
        }
        op::BUILD_TUPLE | op::BUILD_LIST => (0..=16).contains(&number),
        op::CALL_FUNCTION => (allowed.is_constant)(before.at),
        op::MAKE_FUNCTION => true,
        _ => false,
    };
    let Some((pops, 1)) = effect::of(before.opcode, number).filter(|_| is_pure) else { return false };
    let at_pop = list[at].at;
    removed.entry(before.at).or_insert("its result was popped");
    list.splice(
        at - 1..=at,
        (0..pops).map(|_| Instruction { opcode: op::POP_TOP, operand: Operand::None, at: at_pop }),
    );
    true
}

/// Replaces stores to locals that no path reads by pops.
fn remove_dead_stores(flow: &mut Flow, allowed: &Allowed<'_>, removed: &mut Removed) -> bool {
    if allowed.plain_locals.is_empty() && allowed.plain_names.is_empty() {
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
                // An exception can leave the block anywhere.
                for one in &flow.blocks[block].instructions {
                    match (one.opcode, &one.operand) {
                        (op::LOAD_FAST | op::STORE_FAST, Operand::Number(place)) => {
                            after.insert(*place);
                        }
                        (
                            op::LOAD_NAME | op::LOAD_GLOBAL | op::STORE_NAME | op::STORE_GLOBAL,
                            Operand::Number(place),
                        ) => {
                            after.insert(-1 - place);
                        }
                        _ => {}
                    }
                }
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
    let mut in_handlers: BTreeSet<i32> = BTreeSet::new();
    for &block in &order {
        if let End::Setup { handler: Some(handler), .. } = flow.blocks[block].end {
            in_handlers.extend(&live[handler]);
        }
    }
    let mut changed = false;
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
                }
                _ => false,
            };
            let key = match one.operand {
                Operand::Number(place) if one.opcode != op::STORE_FAST => -1 - place,
                Operand::Number(place) => place,
                _ => 0,
            };
            if is_dead && !caught.contains(&key) {
                removed.entry(one.at).or_insert("no path reads what it stores");
                (one.opcode, one.operand) = (op::POP_TOP, Operand::None);
                changed = true;
            }
            through(std::slice::from_ref(one), &mut after);
        }
    }
    changed
}

fn live_after(flow: &Flow, block: BlockId, live: &[BTreeSet<i32>]) -> BTreeSet<i32> {
    let mut after = BTreeSet::new();
    flow.blocks[block].end.successors().into_iter().for_each(|next| after.extend(&live[next]));
    after
}
