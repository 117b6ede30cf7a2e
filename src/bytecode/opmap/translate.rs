//! Owns making code that 2.7 executes of code whose opcodes have other numbers.  Every instruction stays at its offset; what cannot be kept
//! in place becomes an opcode that 2.7 refuses.

use super::OpMap;
use super::read::{Numbered, Reading, Sizes, Tables, instruction};
use crate::bytecode::object::{MarshalledCode, Object};
use crate::bytecode::opcode::{self, EXTENDED_ARG, op};

/// Opcodes that 2.7 does not define, with and without an operand: they stand for a number that the map does not have.
const UNMAPPED: [u8; 2] = [6, 255];

/// What becomes of a code object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// It is code of plain 2.7.
    Leave,
    Translate(Sizes),
}

/// Decides for one code object: it is translated, unless it reads as code of plain 2.7 and not as code of the map.
pub fn choose(map: &OpMap, bytes: &[u8], tables: &Tables) -> Choice {
    let by_operation = Reading::of(map, Sizes::ByOperation, bytes, tables);
    let by_number = Reading::of(map, Sizes::ByNumber, bytes, tables);
    // A wrong size shows: what is taken for an opcode then is none, or its operand cannot be.
    let is_better = !by_operation.is_possible() || by_number.unmapped < by_operation.unmapped;
    let sizes = if by_number.is_possible() && is_better { Sizes::ByNumber } else { Sizes::ByOperation };
    let is_possible = by_operation.is_possible() || by_number.is_possible();
    if !is_possible && Reading::of(&OpMap::plain(), Sizes::ByNumber, bytes, tables).is_sound() {
        return Choice::Leave;
    }
    Choice::Translate(sizes)
}

/// Translates a code object and all that it holds, as the VM does when it loads them.
pub fn translate_whole(map: &OpMap, code: &MarshalledCode) -> MarshalledCode {
    let bytes = match choose(map, &code.bytes, &Tables::of(code)) {
        Choice::Translate(sizes) => translated(map, sizes, &code.bytes).into(),
        Choice::Leave => code.bytes.clone(),
    };
    let constants: Vec<Object> = code.constants.iter().map(|object| translate_object(map, object)).collect();
    MarshalledCode { bytes, constants: constants.into(), ..code.clone() }
}

fn translate_object(map: &OpMap, object: &Object) -> Object {
    let items = |items: &[Object]| -> Vec<Object> { items.iter().map(|item| translate_object(map, item)).collect() };
    match object {
        Object::Code(code) => Object::Code(Box::new(translate_whole(map, code))),
        Object::Tuple(list) => Object::Tuple(items(list).into()),
        Object::List(list) => Object::List(items(list).into()),
        Object::Dict(list) => Object::Dict(items(list).into()),
        Object::Set(list) => Object::Set(items(list).into()),
        Object::FrozenSet(list) => Object::FrozenSet(items(list).into()),
        other => other.clone(),
    }
}

/// Translates a code string in place.  An opcode without an operand that has three bytes by its number is followed by two NOPs.
pub fn translated(map: &OpMap, sizes: Sizes, bytes: &[u8]) -> Vec<u8> {
    let mut claimed = Claims { map, sizes, bytes, by: vec![Claim::Free; bytes.len()], out: bytes.to_vec() };
    // What is executed comes first: after a jump, junk may hide the beginning of the next instruction.
    let mut open = vec![(0, None)];
    while let Some((offset, prefix)) = open.pop() {
        let Some(one) = claimed.translate(offset, prefix) else { continue };
        let combined = one.operand.filter(|_| one.opcode == Some(EXTENDED_ARG));
        open.extend(one.target().and_then(|target| usize::try_from(target).ok()).map(|target| (target, None)));
        if !one.ends_flow() {
            open.push((one.end(), combined));
        }
    }
    let mut at = 0;
    while at < bytes.len() {
        at = claimed.translate(at, None).map_or(at + 1, |one| one.end());
    }
    claimed.out
}

/// The opcode that takes the place of a number.
fn opcode_of(one: &Numbered) -> u8 {
    match one.opcode {
        Some(opcode) if one.length == 1 && opcode::has_argument(opcode) => UNMAPPED[0],
        Some(opcode) => opcode,
        None if opcode::name(one.number).is_none() => one.number,
        None => UNMAPPED[usize::from(opcode::has_argument(one.number))],
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Claim {
    Free,
    Taken,
}

/// A code string that is translated, and which of its bytes are part of an instruction that was.
struct Claims<'a> {
    map: &'a OpMap,
    sizes: Sizes,
    bytes: &'a [u8],
    by: Vec<Claim>,
    out: Vec<u8>,
}

impl Claims<'_> {
    /// Translates the instruction at an offset, if its bytes are there and none is taken.
    fn translate(&mut self, offset: usize, prefix: Option<i32>) -> Option<Numbered> {
        let one = instruction(self.map, self.sizes, self.bytes, offset, prefix)?;
        let claims = self.by.get_mut(one.offset..one.end())?;
        if claims.iter().any(|claim| *claim != Claim::Free) {
            return None;
        }
        claims.fill(Claim::Taken);
        let opcode = opcode_of(&one);
        self.out[offset] = opcode;
        if !opcode::has_argument(opcode) {
            self.out[offset + 1..one.end()].fill(op::NOP);
        }
        Some(one)
    }
}
