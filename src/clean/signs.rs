//! Whether code shows any sign of having been made by something else than a compiler.  Code without one is kept byte for byte.

use std::collections::{BTreeMap, BTreeSet};

use super::lines;
use super::machine::Graph;
use super::rebuild::{NEWLOCALS, OPTIMIZED};
use crate::bytecode::Unit;
use crate::bytecode::decode::units;
use crate::bytecode::disassemble::target;
use crate::bytecode::object::MarshalledCode;
use crate::bytecode::opcode::{self, op};

/// Returns the first sign that the bytes alone have.
pub fn of_bytes(code: &MarshalledCode) -> Option<&'static str> {
    let mut walk = units(&code.bytes, 0);
    let chain: Vec<Unit> = walk.by_ref().collect();
    if walk.offset() as usize != code.bytes.len() {
        return Some("bytes after the last instruction");
    }
    of_chain(&chain).or_else(|| of_lines(code, &chain)).or_else(|| of_tries(&chain)).or_else(|| of_dead_code(&chain))
}

/// Whether some of the instructions at these offsets, which did nothing, copy values or turn them round.  The compiler's own do something,
/// but for what is stored to several variables of which some are not read.
pub fn of_junk<'a>(code: &MarshalledCode, mut offsets: impl Iterator<Item = &'a u32>) -> bool {
    let moves = |opcode| matches!(opcode, op::ROT_TWO | op::ROT_THREE | op::ROT_FOUR | op::DUP_TOP | op::DUP_TOPX);
    let stores = |opcode| matches!(opcode, op::STORE_FAST | op::STORE_NAME | op::STORE_GLOBAL | op::STORE_DEREF);
    offsets.any(|&at| {
        let list = || units(&code.bytes, at).map(|unit| unit.last.opcode);
        list().next().is_some_and(moves) && !list().find(|&opcode| !moves(opcode)).is_some_and(stores)
    })
}

/// Returns the first sign that is found.
pub fn of(code: &MarshalledCode, graph: &Graph) -> Option<&'static str> {
    let mut walk = units(&code.bytes, 0);
    let chain: Vec<Unit> = walk.by_ref().collect();
    if walk.offset() as usize != code.bytes.len() {
        return Some("bytes after the last instruction");
    }
    // Statements after a return can be the last, but no loop is.
    if chain.last().is_some_and(|unit| matches!(unit.last.opcode, op::JUMP_FORWARD | op::JUMP_ABSOLUTE)) {
        return Some("a jump at the end");
    }
    let starts: BTreeSet<u32> = chain.iter().map(|unit| unit.start).collect();
    let reached = graph.reachable();
    if reached.iter().any(|&node| !starts.contains(&(graph.nodes[node].key.offset as u32))) {
        return Some("jumps into instructions");
    }
    if graph.decided.values().any(|change| !change.why.starts_with("its condition")) {
        return Some("conditions with sides that no compiler makes");
    }
    let is_undefined = |at: &u32| {
        code.bytes.get(*at as usize).is_some_and(|&byte| opcode::name(byte).is_none() || byte == op::STOP_CODE)
    };
    if graph.thrown.iter().any(is_undefined) {
        return Some("failures used as jumps");
    }
    // `finally: pass` is a handler that ends at once.
    let is_pass = |setup: &u32| {
        let at = chain.binary_search_by_key(setup, |unit| unit.start).ok()?;
        let handler = i64::from(chain[at].end) + i64::from(chain[at].last.operand?);
        let place = chain.binary_search_by_key(&handler, |unit| i64::from(unit.start)).ok()?;
        Some((chain[at].last.opcode, chain[place].last.opcode) == (op::SETUP_FINALLY, op::END_FINALLY))
    };
    if graph.transparent.iter().any(|setup| is_pass(setup) != Some(true)) {
        return Some("handlers that do nothing");
    }
    of_chain(&chain)
        .or_else(|| of_lines(code, &chain))
        .or_else(|| of_tries(&chain))
        .or_else(|| of_dead_code(&chain))
        .or_else(|| of_missing_jumps(code, &chain))
}

/// Signs in the sequence of instructions.
fn of_chain(chain: &[Unit]) -> Option<&'static str> {
    let opcode = |at: usize| chain.get(at).map(|unit| unit.last.opcode);
    let jumps = Jumps::of(chain);
    let targets = targets(chain);
    for (at, unit) in chain.iter().enumerate() {
        let (code, operand) = (unit.last.opcode, unit.last.operand.unwrap_or(0));
        if opcode::name(code).is_none() || code == op::STOP_CODE {
            return Some("an undefined opcode");
        }
        if unit.instructions > 2 || unit.instructions == 2 && (0..=0xffff).contains(&operand) {
            return Some("an EXTENDED_ARG that nothing needs");
        }
        let next = opcode(at + 1);
        match code {
            op::NOP => return Some("a NOP"),
            op::LOAD_CONST if next == Some(op::POP_TOP) => return Some("a constant that is popped"),
            op::LOAD_CONST if next == Some(op::LOAD_CONST) => {
                let is_branch = matches!(opcode(at + 3), Some(op::POP_JUMP_IF_FALSE | op::POP_JUMP_IF_TRUE));
                if opcode(at + 2) == Some(op::COMPARE_OP) && is_branch {
                    return Some("a comparison of constants");
                }
            }
            op::ROT_TWO if next == Some(op::ROT_TWO) => return Some("rotations that cancel out"),
            op::JUMP_FORWARD | op::JUMP_ABSOLUTE if at == 0 => return Some("a jump at the beginning"),
            op::JUMP_ABSOLUTE if operand == unit.end as i32 => return Some("a jump to the next instruction"),
            // The end of an `if` without `else` is one: the condition goes there too.
            op::JUMP_FORWARD if operand == 0 && targets[&unit.end.cast_signed()] == 1 => {
                return Some("a jump to the next instruction");
            }
            op::JUMP_ABSOLUTE if operand > unit.end as i32 && !jumps.has_through(chain, operand as u32, unit) => {
                return Some("a jump forward to an offset");
            }
            op::JUMP_ABSOLUTE if operand < unit.end as i32 => {
                let place = chain.binary_search_by_key(&(operand as u32), |unit| unit.start);
                let is_top = place.is_ok_and(|place| {
                    chain[place].last.opcode == op::FOR_ITER
                        || place > 0 && chain[place - 1].last.opcode == op::SETUP_LOOP
                });
                if !is_top {
                    return Some("jumps backwards that belong to no loop");
                }
            }
            _ => {}
        }
    }
    None
}

/// Whether a function has statements that cannot stand on the line of its `def` and no table of lines, or one that is no compiler's.
fn of_lines(code: &MarshalledCode, chain: &[Unit]) -> Option<&'static str> {
    if !lines::begin_at_instructions(code) {
        return Some("lines that begin at no instruction");
    }
    let is_compound = |unit: &Unit| matches!(unit.last.opcode, op::SETUP_LOOP..=op::SETUP_FINALLY | op::SETUP_WITH);
    let is_function = code.flags & (OPTIMIZED | NEWLOCALS) == OPTIMIZED | NEWLOCALS;
    (is_function && code.lnotab.is_empty() && chain.iter().any(is_compound))
        .then_some("a table of lines that is missing")
}

/// The offsets that instructions name, and how many name each.
fn targets(chain: &[Unit]) -> BTreeMap<i32, u32> {
    let mut targets = BTreeMap::new();
    chain.iter().filter_map(|unit| target(&unit.last)).for_each(|target| *targets.entry(target).or_insert(0) += 1);
    targets
}

fn is_jump(unit: &Unit) -> bool {
    matches!(unit.last.opcode, op::JUMP_FORWARD | op::JUMP_ABSOLUTE)
}

/// The jumps that depend on nothing, by where they go and where they are, and the offsets of returns.
struct Jumps {
    to: BTreeSet<(i64, u32)>,
    returns: BTreeSet<u32>,
}

impl Jumps {
    fn of(chain: &[Unit]) -> Jumps {
        let target = |unit: &Unit| {
            let from = if unit.last.opcode == op::JUMP_FORWARD { i64::from(unit.end) } else { 0 };
            (from + i64::from(unit.last.operand.unwrap_or(0)), unit.start)
        };
        let returns = chain.iter().filter(|unit| unit.last.opcode == op::RETURN_VALUE);
        Jumps {
            to: chain.iter().filter(|unit| is_jump(unit)).map(target).collect(),
            returns: returns.map(|unit| unit.start).collect(),
        }
    }

    /// Whether one from after an instruction to before an offset goes to that offset.
    fn has_one_to(&self, target: u32, after: &Unit) -> bool {
        let to = i64::from(target);
        after.end < target && self.to.range((to, after.end)..(to, target)).next().is_some()
    }

    /// Whether a jump forward can be one that CPython's optimizer made of a jump to another one, which went to the same place.  It sees
    /// each jump once, and makes a jump to a return one.
    fn has_through(&self, chain: &[Unit], target: u32, jump: &Unit) -> bool {
        let place = chain.binary_search_by_key(&target, |unit| unit.start);
        let is_return = self.returns.contains(&target);
        place.is_ok_and(|place| is_jump(&chain[place]))
            || self.has_one_to(target, jump)
            || is_return && self.returns.range(jump.end..target).next().is_some()
    }
}

/// The compiler ends the body of each `try` and `with` with a POP_BLOCK right before the handler, even after a return.
fn of_tries(chain: &[Unit]) -> Option<&'static str> {
    chain.iter().find_map(|unit| {
        let is_except = unit.last.opcode == op::SETUP_EXCEPT;
        if !is_except && !matches!(unit.last.opcode, op::SETUP_FINALLY | op::SETUP_WITH) {
            return None;
        }
        let handler = i64::from(unit.end) + i64::from(unit.last.operand.unwrap_or(0));
        let place = chain.binary_search_by_key(&handler, |unit| i64::from(unit.start)).ok()?;
        let [end, after] = chain.get(place.checked_sub(2)?..place)? else { return None };
        let is_end = end.last.opcode == op::POP_BLOCK
            && match after.last.opcode {
                op::JUMP_FORWARD | op::JUMP_ABSOLUTE | op::RETURN_VALUE => is_except,
                opcode => opcode == op::LOAD_CONST && !is_except,
            };
        (!is_end).then_some("a try whose body has no end")
    })
}

/// The compiler ends the body of each `if` with a jump, even after a break or a raise; only after a return there is none.
fn of_missing_jumps(code: &MarshalledCode, chain: &[Unit]) -> Option<&'static str> {
    let is_branch = |opcode: u8| matches!(opcode, op::POP_JUMP_IF_FALSE | op::POP_JUMP_IF_TRUE);
    // Where a body ends that a condition goes around.  One that went to a jump goes where that goes, beyond other code.
    let jumps = Jumps::of(chain);
    let target = |unit: &Unit| u32::try_from(unit.last.operand?).ok();
    let branches = chain.iter().filter(|unit| is_branch(unit.last.opcode));
    let ends = branches.filter_map(|unit| target(unit).filter(|&target| !jumps.has_one_to(target, unit)));
    let targets: BTreeSet<u32> = ends.collect();
    let has_assertions = code.names.iter().any(|name| &**name == b"AssertionError");
    chain.windows(2).find_map(|two| {
        let [end, after] = two else { return None };
        if is_jump(after) || !targets.contains(&after.start) || after.start != end.end {
            return None;
        }
        match end.last.opcode {
            op::BREAK_LOOP if after.last.opcode != op::POP_BLOCK => Some("a break without the jump after it"),
            op::RAISE_VARARGS if !has_assertions => Some("a raise without the jump after it"),
            _ => None,
        }
    })
}

/// Code that no instruction leads to, after a jump forward.
fn of_dead_code(chain: &[Unit]) -> Option<&'static str> {
    let targets = targets(chain);
    let conditional: BTreeSet<i32> =
        chain.iter().filter(|unit| !is_jump(unit)).filter_map(|unit| target(&unit.last)).collect();
    for pair in chain.windows(2) {
        let (jump, after) = (&pair[0], &pair[1]);
        let Some(target) = target(&jump.last).filter(|_| is_jump(jump)) else { continue };
        let next = after.start.cast_signed();
        // What follows a `continue` can be come to from elsewhere alone.
        if target > next && targets.contains_key(&next) && !conditional.contains(&next) && !is_jump(after) {
            return Some("blocks that are out of order");
        }
        let is_dead = !targets.contains_key(&next);
        let is_usual = matches!(
            after.last.opcode,
            op::JUMP_FORWARD | op::JUMP_ABSOLUTE | op::POP_BLOCK | op::END_FINALLY | op::LOAD_CONST | op::RETURN_VALUE
        );
        if target > next && is_dead && !is_usual {
            return Some("code that nothing leads to");
        }
    }
    None
}
