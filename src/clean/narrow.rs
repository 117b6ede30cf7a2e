//! Which sides of conditions that never ran are left out so that the rest is what a compiler makes.  An obfuscator lets conditions that
//! are always true lead into copies of real code: with these sides the flow is none of statements, or code that ran gets other blocks around it.

use std::collections::BTreeSet;

use super::evidence::Executed;
use super::rebuild::{Program, Result};
use super::report::Outcome;
use super::{Untaken, signs};
use crate::bytecode::Unit;
use crate::bytecode::object::MarshalledCode;
use crate::bytecode::opcode::{self, op};

/// Attempts for one code object.
const ATTEMPTS: usize = 64;
/// Bytes of code in all attempts together.
const BYTES: usize = 1 << 16;

/// Rebuilds a code object by `attempt`, which is given the offsets of conditions whose sides that never ran are left out.  As few as
/// possible are.  Of a module the last attempt is the one that is returned: it makes known what the globals are.
pub fn rebuilt(
    code: &MarshalledCode,
    executed: Option<&Executed>,
    program: &Program<'_>,
    is_module: bool,
    attempt: &mut dyn FnMut(&BTreeSet<u32>) -> Result,
) -> Result {
    let whole = attempt(&BTreeSet::new());
    let is_sure = match whole.outcome {
        Outcome::Unchanged => true,
        // All that the code can do is known, and none of it is what no code can do.
        Outcome::Rebuilt(_) | Outcome::Plain(..) => !whole.is_ambiguous,
        Outcome::Kept(_) => !program.is_suspicious && signs::of_bytes(code).is_none(),
    };
    let Some(executed) = executed.filter(|_| !is_sure && program.options.untaken == Untaken::Plausible) else {
        return whole;
    };
    let mut cut = one_sided(code, executed);
    if cut.is_empty() {
        return whole;
    }
    let is_better = |made: &Result| match (&whole.outcome, &made.outcome) {
        (Outcome::Rebuilt(_), Outcome::Rebuilt(_)) => !made.is_ambiguous,
        (_, Outcome::Rebuilt(_)) => true,
        _ => false,
    };
    // A side of `and` and `or` is seldom one that an obfuscator made, and no expression is left without it.
    let of_statements: BTreeSet<u32> = cut.iter().copied().filter(|&at| !keeps_value(code, at)).collect();
    let mut best = attempt(&of_statements);
    if is_better(&best) {
        cut = of_statements;
    } else if of_statements.len() < cut.len() {
        best = attempt(&cut);
    }
    if !is_better(&best) {
        if let (Outcome::Kept(_), Outcome::Plain(..)) = (&whole.outcome, &best.outcome) {
            return best;
        }
        return if is_module { attempt(&BTreeSet::new()) } else { whole };
    }
    let is_ambiguous = best.is_ambiguous;
    let mut attempts = ATTEMPTS.min(BYTES / code.bytes.len().max(1));
    let mut size = cut.len();
    let mut is_last = true;
    while size > 1 {
        size = size.div_ceil(2);
        let all: Vec<u32> = cut.iter().copied().collect();
        for part in all.chunks(size) {
            if attempts == 0 {
                break;
            }
            attempts -= 1;
            let fewer: BTreeSet<u32> = cut.iter().copied().filter(|at| !part.contains(at)).collect();
            let made = attempt(&fewer);
            is_last = matches!(made.outcome, Outcome::Rebuilt(_)) && (is_ambiguous || !made.is_ambiguous);
            if is_last {
                (best, cut) = (made, fewer);
            }
        }
    }
    if is_last || !is_module { best } else { attempt(&cut) }
}

/// Whether the condition at an offset keeps its value on one side.
fn keeps_value(code: &MarshalledCode, at: u32) -> bool {
    let unit = Unit::decode(&code.bytes, at);
    unit.is_some_and(|unit| matches!(unit.last.opcode, op::JUMP_IF_FALSE_OR_POP | op::JUMP_IF_TRUE_OR_POP))
}

/// Offsets of conditions of which one side ran, and of instructions that failed whenever they ran.
fn one_sided(code: &MarshalledCode, executed: &Executed) -> BTreeSet<u32> {
    let ran = |from: u32, to: i64| u32::try_from(to).is_ok_and(|to| executed.edges.contains_key(&(from, to)));
    let is_one_sided = |at: &u32| {
        let Some(unit) = Unit::decode(&code.bytes, *at) else { return false };
        let target = i64::from(unit.last.operand.unwrap_or(0));
        let next = i64::from(unit.end);
        match unit.last.opcode {
            op::POP_JUMP_IF_FALSE | op::POP_JUMP_IF_TRUE | op::JUMP_IF_FALSE_OR_POP | op::JUMP_IF_TRUE_OR_POP => {
                target != next && ran(*at, target) != ran(*at, next)
            }
            opcode => {
                let goes_on = opcode::operand_kind(opcode) != opcode::OperandKind::JumpRelative
                    && !matches!(opcode, op::RETURN_VALUE | op::RAISE_VARARGS | op::END_FINALLY | op::YIELD_VALUE);
                goes_on && executed.raised.contains_key(at) && !ran(*at, next)
            }
        }
    };
    executed.offsets.keys().copied().filter(is_one_sided).collect()
}
