//! Removing what makes values that are popped: each POP_TOP is followed back, through rotations and copies, to what pushed its entry.

use super::flow::{Instruction, Operand};
use super::machine::effect;
use super::simplify::{Allowed, Removed, only_pushes};
use super::value::{self, Literal};
use crate::bytecode::opcode::op;

/// Entries that an instruction which is split up takes at most.
const MOST: i32 = 64;

/// What becomes of instructions: for each place, what stands there instead.
struct Edit {
    places: Vec<(usize, Vec<Instruction>)>,
    why: &'static str,
}

/// Removes instructions of one block whose results are popped, until nothing changes.
pub fn remove(list: &mut Vec<Instruction>, allowed: &Allowed<'_>, removed: &mut Removed) -> bool {
    let mut changed = false;
    let mut at = 0;
    while at < list.len() {
        let edit = match list[at].opcode {
            op::POP_TOP => popped(list, at, allowed),
            op::ROT_TWO | op::ROT_THREE | op::ROT_FOUR => rotated(list, at),
            op::UNPACK_SEQUENCE => taken_apart(list, at),
            op::BINARY_SUBSCR => only_item(list, at, allowed),
            _ => None,
        };
        let Some(Edit { mut places, why }) = edit else {
            at += 1;
            continue;
        };
        places.sort_unstable_by_key(|(place, _)| *place);
        at = places.first().map_or(at, |(place, _)| *place).saturating_sub(4);
        for (place, instead) in places.into_iter().rev() {
            if instead.is_empty() {
                removed.entry(list[place].at).or_insert(why);
            }
            list.splice(place..=place, instead);
        }
        changed = true;
    }
    changed
}

/// A tuple or list that is taken apart again at once.  The compiler's optimizer does the same.
fn taken_apart(list: &[Instruction], at: usize) -> Option<Edit> {
    let made = &list[at.checked_sub(1)?];
    let is_made = matches!(made.opcode, op::BUILD_TUPLE | op::BUILD_LIST) && made.operand == list[at].operand;
    let Operand::Number(count) = made.operand else { return None };
    let instead = rotations(count, list[at].at).filter(|_| is_made)?;
    Some(Edit { places: vec![(at - 1, Vec::new()), (at, instead)], why: "it was put together and taken apart" })
}

/// One item of a tuple or list of up to three.
fn only_item(list: &[Instruction], at: usize, allowed: &Allowed<'_>) -> Option<Edit> {
    let [made, index, _] = list.get(at.checked_sub(2)?..=at)? else { return None };
    let Operand::Number(count) = made.operand else { return None };
    let is_made = matches!(made.opcode, op::BUILD_TUPLE | op::BUILD_LIST) && index.opcode == op::LOAD_CONST;
    let index = match &index.operand {
        Operand::Number(place) => (allowed.constant)(*place)?,
        Operand::Literal(literal) => literal.clone(),
        Operand::None => return None,
    };
    let Literal::Int(index) = index else { return None };
    let index = if index < 0 { index + i64::from(count) } else { index };
    // What turns the items round so that those above it and then those below it are popped.
    let opcodes: &[u8] = match (count, index) {
        (1, 0) => &[],
        (2, 0) => &[op::POP_TOP],
        (2, 1) => &[op::ROT_TWO, op::POP_TOP],
        (3, 0) => &[op::POP_TOP, op::POP_TOP],
        (3, 1) => &[op::POP_TOP, op::ROT_TWO, op::POP_TOP],
        (3, 2) => &[op::ROT_THREE, op::POP_TOP, op::POP_TOP],
        _ => return None,
    };
    let run = |&opcode: &u8| Instruction { opcode, operand: Operand::None, at: list[at].at };
    let places = vec![(at - 2, Vec::new()), (at - 1, Vec::new()), (at, opcodes.iter().map(run).collect())];
    is_made.then_some(Edit { places, why: "it was put together and taken apart" })
}

/// What turns the topmost entries into those that a tuple of them is taken apart into.
fn rotations(count: i32, at: u32) -> Option<Vec<Instruction>> {
    let opcodes: &[u8] = match count {
        1 => &[],
        2 => &[op::ROT_TWO],
        3 => &[op::ROT_THREE, op::ROT_TWO],
        _ => return None,
    };
    Some(opcodes.iter().map(|&opcode| Instruction { opcode, operand: Operand::None, at }).collect())
}

/// Rotations that come back to where they began.
fn rotated(list: &[Instruction], at: usize) -> Option<Edit> {
    let opcode = list[at].opcode;
    let count = entries(opcode)?;
    let run = list.get(at..at + count)?;
    let why = "rotations that cancel out";
    let is_run = run.iter().all(|one| one.opcode == opcode);
    is_run.then(|| Edit { places: (at..at + count).map(|place| (place, Vec::new())).collect(), why })
}

/// The entries that a rotation moves.
fn entries(rotation: u8) -> Option<usize> {
    match rotation {
        op::ROT_TWO => Some(2),
        op::ROT_THREE => Some(3),
        op::ROT_FOUR => Some(4),
        _ => None,
    }
}

/// Follows the entry that a POP_TOP pops back to what pushed it; None if something in between uses it, or it comes from another block.
fn popped(list: &[Instruction], at: usize, allowed: &Allowed<'_>) -> Option<Edit> {
    // The entry's place below the top, before the instruction that was looked at last.
    let mut below = 0i64;
    let mut places = vec![(at, Vec::new())];
    for place in (0..at).rev() {
        let one = &list[place];
        let number = if let Operand::Number(number) = one.operand { number } else { 0 };
        if let Some(count) = entries(one.opcode) {
            let last = count as i64 - 1;
            if below > last {
                continue;
            }
            // The top goes below the others.  Without this entry, they do the same; if it is the top, they stay.
            let fewer = if below == last { None } else { [None, Some(op::ROT_TWO), Some(op::ROT_THREE)][count - 2] };
            let fewer = fewer.map(|opcode| Instruction { opcode, ..one.clone() });
            places.push((place, fewer.into_iter().collect()));
            below = if below == last { 0 } else { below + 1 };
            continue;
        }
        match one.opcode {
            op::DUP_TOP if below <= 1 => {
                places.push((place, Vec::new()));
                return Some(Edit { places, why: "a copy was made and popped" });
            }
            op::DUP_TOP => below -= 1,
            op::DUP_TOPX if below >= 2 * i64::from(number) => below -= i64::from(number),
            op::DUP_TOPX => return copied(list, place, number, allowed),
            op::UNPACK_SEQUENCE if below < i64::from(number) => return unpacked(list, place, number, allowed),
            op::LIST_APPEND if below + 1 == i64::from(number) => {
                places.push((place, vec![pop(one)]));
                below += 1;
            }
            op::LIST_APPEND => below += 1,
            // The compiler copies what `print >> file, x,` prints to, and pops it at the end.
            op::SET_ADD | op::MAP_ADD | op::PRINT_ITEM_TO => return None,
            opcode => {
                let (pops, pushes) = effect::of(opcode, number)?;
                if below >= i64::from(pushes) {
                    below += i64::from(pops) - i64::from(pushes);
                    continue;
                }
                if one.opcode == op::GET_ITER && iterates_constant(list, place, allowed) {
                    places.push((place, vec![pop(one)]));
                    return Some(Edit { places, why: "its result was popped" });
                }
                return pushed(one, (place, number), pops, places, allowed);
            }
        }
    }
    None
}

fn pop(instead_of: &Instruction) -> Instruction {
    Instruction { opcode: op::POP_TOP, operand: Operand::None, at: instead_of.at }
}

/// Removes the instruction that pushed the entry, or has it pop what it works on.
fn pushed(
    one: &Instruction,
    (place, number): (usize, i32),
    pops: u32,
    mut places: Vec<(usize, Vec<Instruction>)>,
    allowed: &Allowed<'_>,
) -> Option<Edit> {
    if only_pushes(one, allowed) {
        places.push((place, Vec::new()));
        return Some(Edit { places, why: "it was pushed and popped" });
    }
    // STORE_MAP leaves the dict that it works on, which is popped in its turn.
    if one.opcode == op::STORE_MAP && (allowed.is_constant)(one.at) {
        return Some(Edit { places: vec![(place, vec![pop(one), pop(one)])], why: "its result was popped" });
    }
    if !is_pure(one, number, allowed) {
        return None;
    }
    places.push((place, (0..pops).map(|_| pop(one)).collect()));
    Some(Edit { places, why: "its result was popped" })
}

/// Whether GET_ITER works on a tuple or text that was just loaded, or on a list of constants that was just made.
pub fn iterates_constant(list: &[Instruction], place: usize, allowed: &Allowed<'_>) -> bool {
    let Some(before) = place.checked_sub(1).map(|before| &list[before]) else { return false };
    match (before.opcode, &before.operand) {
        (op::LOAD_CONST, Operand::Number(index)) => (allowed.items)(*index).is_some(),
        (op::CALL_FUNCTION | op::BUILD_LIST, _) => (allowed.is_constant)(before.at),
        _ => false,
    }
}

/// Whether an instruction makes one value and does nothing else.
fn is_pure(one: &Instruction, number: i32, allowed: &Allowed<'_>) -> bool {
    match one.opcode {
        op::BUILD_TUPLE | op::BUILD_LIST => (0..=MOST).contains(&number),
        op::BUILD_SLICE | op::MAKE_FUNCTION => true,
        op::COMPARE_OP if matches!(number, 8 | 9) => true,
        op::BUILD_SET => (0..=MOST).contains(&number) && (allowed.is_constant)(one.at),
        op::CALL_FUNCTION | op::CALL_FUNCTION_VAR | op::CALL_FUNCTION_KW => (allowed.is_constant)(one.at),
        op::LOAD_ATTR | op::GET_ITER | op::COMPARE_OP => (allowed.is_constant)(one.at),
        op::UNARY_POSITIVE..=op::UNARY_INVERT | op::SLICE_0..=op::SLICE_3 => (allowed.is_constant)(one.at),
        opcode => value::is_operator(opcode) && (allowed.is_constant)(one.at),
    }
}

/// Makes the copies of DUP_TOPX by loading again, if what it copies was just loaded.
fn copied(list: &[Instruction], place: usize, count: i32, allowed: &Allowed<'_>) -> Option<Edit> {
    let from = place.checked_sub(usize::try_from(count).ok()?)?;
    let loads = &list[from..place];
    let is_load = |one: &Instruction| one.opcode != op::DUP_TOP && only_pushes(one, allowed);
    let is_container = |one: &Instruction| matches!(one.opcode, op::BUILD_LIST | op::BUILD_MAP);
    let is_all = loads.iter().all(|one| is_load(one) && !is_container(one));
    is_all.then(|| Edit { places: vec![(place, loads.to_vec())], why: "a copy was made and popped" })
}

/// Takes apart what was just put together, as the compiler does.
fn unpacked(list: &[Instruction], place: usize, count: i32, allowed: &Allowed<'_>) -> Option<Edit> {
    let before = place.checked_sub(1)?;
    let (made, at) = (&list[before], list[place].at);
    let instead = match (made.opcode, &made.operand) {
        (op::BUILD_TUPLE | op::BUILD_LIST, Operand::Number(number)) if *number == count => rotations(count, at)?,
        (op::LOAD_CONST, Operand::Number(index)) => {
            let items = (allowed.items)(*index).filter(|items| i32::try_from(items.len()) == Ok(count))?;
            let load = |item| Instruction { opcode: op::LOAD_CONST, operand: Operand::Literal(item), at };
            items.into_iter().rev().map(load).collect()
        }
        _ => return None,
    };
    Some(Edit { places: vec![(before, Vec::new()), (place, instead)], why: "it was put together and taken apart" })
}
