//! Whether the code at an offset is something that no compiler produces.

use super::effect;
use crate::bytecode::Unit;
use crate::bytecode::decode::units;
use crate::bytecode::object::MarshalledCode;
use crate::bytecode::opcode::{self, OperandKind, op};
use crate::clean::evidence::Executed;

/// Instructions that are looked at.
const FAR: usize = 40;

/// The code that is looked at, and whether useless EXTENDED_ARGs are all over it.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    pub code: &'a MarshalledCode,
    pub has_prefixes: bool,
}

/// Returns whether a useless EXTENDED_ARG of a code string ran.
pub fn runs_prefixes(bytes: &[u8], executed: &Executed) -> bool {
    executed.offsets.keys().filter_map(|&offset| Unit::decode(bytes, offset)).any(|unit| is_useless_prefix(&unit))
}

/// Returns whether useless EXTENDED_ARGs are all over the code, so that they say nothing about what they stand in.
pub fn has_prefixes(code: &MarshalledCode) -> bool {
    let (mut all, mut useless) = (0usize, 0usize);
    for unit in units(&code.bytes, 0) {
        all += 1;
        useless += usize::from(is_useless_prefix(&unit));
    }
    useless >= 3 && useless * 16 > all
}

fn is_useless_prefix(unit: &Unit) -> bool {
    let operand = unit.last.operand.unwrap_or(0);
    unit.instructions > 1 && ((0..=0xffff).contains(&operand) || !opcode::has_argument(unit.last.opcode))
}

/// Says what is wrong with the code at `offset`, with `depth` entries on the stack; None if some way looks like a compiler's as far as it
/// is followed.  `stops` returns whether the code there is known to run.
pub fn why(place: Place<'_>, offset: i32, depth: usize, stops: &dyn Fn(u32) -> bool) -> Option<&'static str> {
    let mut steps = FAR;
    let mut ways = vec![(offset, depth as i64)];
    let mut found = None;
    while let Some((offset, depth)) = ways.pop() {
        match walk(place, offset, depth, stops, &mut steps, &mut ways) {
            Some(why) => found = found.or(Some(why)),
            None => return None,
        }
    }
    found
}

/// Follows one way until something is wrong with it; the other sides of conditions go to `ways`.
fn walk(
    Place { code, has_prefixes }: Place<'_>,
    mut offset: i32,
    mut depth: i64,
    stops: &dyn Fn(u32) -> bool,
    steps: &mut usize,
    ways: &mut Vec<(i32, i64)>,
) -> Option<&'static str> {
    while *steps > 0 {
        *steps -= 1;
        let Some(at) = u32::try_from(offset).ok().filter(|&at| (at as usize) < code.bytes.len()) else {
            return Some("it leads outside the code");
        };
        if stops(at) {
            return None;
        }
        let Some(unit) = Unit::decode(&code.bytes, at) else { return Some("it runs over the end of the code") };
        let (opcode, operand) = (unit.last.opcode, unit.last.operand.unwrap_or(0));
        if effect::is_undefined(opcode) {
            return Some("it leads to an undefined opcode");
        }
        // Instructions that share bytes with others that ran need a prefix.
        let is_shared = || (at + 1..unit.end).any(stops);
        if !has_prefixes && is_useless_prefix(&unit) && !is_shared() {
            return Some("it leads to a useless EXTENDED_ARG");
        }
        // A distance backwards needs a prefix that is as strange as a useless one.
        let is_backwards = operand < 0 && opcode::operand_kind(opcode) == OperandKind::JumpRelative;
        let is_usual = is_backwards && has_prefixes && unit.last.end().checked_add(operand) >= Some(0);
        if !is_usual && is_out_of_range(code, opcode, operand) {
            return Some("it leads to an index out of range");
        }
        offset = unit.end as i32;
        match opcode {
            op::JUMP_FORWARD => offset = unit.last.end().wrapping_add(operand),
            op::JUMP_ABSOLUTE | op::CONTINUE_LOOP => offset = operand,
            op::RETURN_VALUE | op::RAISE_VARARGS | op::BREAK_LOOP => {
                return (depth < 1 && opcode == op::RETURN_VALUE).then_some("it pops more than there is");
            }
            // What fails on purpose is not known here: its handler is another way.
            op::SETUP_EXCEPT | op::SETUP_FINALLY => ways.push((unit.last.end().wrapping_add(operand), depth + 3)),
            op::DUP_TOP => depth += 1,
            op::DUP_TOPX => depth += i64::from(operand),
            // What they leave depends on more than the depth.
            op::END_FINALLY | op::WITH_CLEANUP | op::FOR_ITER | op::SETUP_WITH => return None,
            op::POP_JUMP_IF_FALSE | op::POP_JUMP_IF_TRUE | op::JUMP_IF_FALSE_OR_POP | op::JUMP_IF_TRUE_OR_POP => {
                let keeps = matches!(opcode, op::JUMP_IF_FALSE_OR_POP | op::JUMP_IF_TRUE_OR_POP);
                depth -= 1;
                ways.push((operand, depth + i64::from(keeps)));
            }
            _ => {
                if let Some((pops, pushes)) = effect::of(opcode, operand) {
                    depth -= i64::from(pops);
                    if depth < 0 {
                        return Some("it pops more than there is");
                    }
                    depth += i64::from(pushes);
                }
            }
        }
        if depth < 0 {
            return Some("it pops more than there is");
        }
    }
    None
}

fn is_out_of_range(code: &MarshalledCode, opcode: u8, operand: i32) -> bool {
    let end = code.bytes.len() as i64;
    let beyond = |count: usize| usize::try_from(operand).map_or(true, |index| index >= count);
    match opcode::operand_kind(opcode) {
        OperandKind::Constant => beyond(code.constants.len()),
        OperandKind::Name => beyond(code.names.len()),
        OperandKind::Local => beyond(code.varnames.len()),
        OperandKind::Free => beyond(code.cellvars.len() + code.freevars.len()),
        OperandKind::Compare => beyond(11),
        OperandKind::JumpAbsolute => !(0..end).contains(&i64::from(operand)),
        OperandKind::JumpRelative => !(0..end).contains(&i64::from(operand)),
        _ => false,
    }
}
