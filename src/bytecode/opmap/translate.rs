//! Owns making code that 2.7 executes of code whose opcodes have other numbers.  Every instruction stays at its offset; what a map cannot
//! keep in place is refused.

use super::OpMap;
use super::read::{Numbered, Reading, Sizes, Tables, instruction};
use crate::bytecode::object::{MarshalledCode, Object};
use crate::bytecode::opcode::{self, EXTENDED_ARG};

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
    let sizes = match !by_operation.is_possible() && by_number.is_possible() {
        true => Sizes::ByNumber,
        false => Sizes::ByOperation,
    };
    let is_possible = by_operation.is_possible() || by_number.is_possible();
    if !is_possible && Reading::of(&OpMap::plain(), Sizes::ByNumber, bytes, tables).is_sound() {
        return Choice::Leave;
    }
    Choice::Translate(sizes)
}

/// Translates a code object and all that it holds, as the VM does when it loads them.
pub fn translate_whole(map: &OpMap, code: &MarshalledCode) -> MarshalledCode {
    let bytes = match choose(map, &code.bytes, &Tables::of(code)) {
        Choice::Translate(_) => translated(map, &code.bytes).into(),
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

/// Translates a code string in place of its opcodes, whose operations decide which of them have operands.
pub fn translated(map: &OpMap, bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    let mut claimed = Claims { by: vec![Claim::Free; bytes.len()] };
    // What is executed comes first: after a jump, junk may hide the beginning of the next instruction.
    let mut open = vec![(0, None)];
    while let Some((offset, prefix)) = open.pop() {
        let Some(one) = claimed.take(map, bytes, offset, prefix) else { continue };
        out[offset] = opcode_of(&one);
        let combined = one.operand.filter(|_| one.opcode == Some(EXTENDED_ARG));
        open.extend(one.target().and_then(|target| usize::try_from(target).ok()).map(|target| (target, None)));
        if !one.ends_flow() {
            open.push((one.end(), combined));
        }
    }
    let mut at = 0;
    while at < bytes.len() {
        match claimed.take(map, bytes, at, None) {
            Some(one) => {
                out[at] = opcode_of(&one);
                at = one.end();
            }
            None => at += 1,
        }
    }
    out
}

/// The opcode that takes the place of a number.
fn opcode_of(one: &Numbered) -> u8 {
    match one.opcode {
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

/// Which bytes are part of an instruction that was translated.
struct Claims {
    by: Vec<Claim>,
}

impl Claims {
    /// Takes the bytes of the instruction at an offset, if they are there and none is taken.
    fn take(&mut self, map: &OpMap, bytes: &[u8], offset: usize, prefix: Option<i32>) -> Option<Numbered> {
        let one = instruction(map, Sizes::ByOperation, bytes, offset, prefix)?;
        let claims = self.by.get_mut(one.offset..one.end())?;
        if claims.iter().any(|claim| *claim != Claim::Free) {
            return None;
        }
        claims.fill(Claim::Taken);
        Some(one)
    }
}
