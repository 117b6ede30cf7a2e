//! What the globals of a program always are: those that its module stores to once, a function or a constant, and that nothing else can
//! store to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::classes;
use super::flow::{Flow, Instruction, Operand};
use super::pure::{self, Function, Thing};
use super::rebuild::Program;
use super::value::Literal;
use crate::bytecode::code::nested;
use crate::bytecode::decode::units;
use crate::bytecode::object::{MarshalledCode, Object};
use crate::bytecode::opcode::op;

/// A global that is always the same once it is there.
#[derive(Clone, Debug)]
pub enum Global<'a> {
    /// A function without defaults and cells.
    Function(&'a MarshalledCode),
    Plain(Literal),
}

/// Globals by their names.
pub type Globals<'a> = BTreeMap<Vec<u8>, Global<'a>>;

/// Returns what a name stands for; `stored` has all names that some code stores to.
pub fn named<'a>(name: &[u8], stored: &BTreeSet<Vec<u8>>, globals: &Globals<'a>) -> Option<Thing<'a>> {
    if !stored.contains(name) {
        return pure::builtin(name);
    }
    Some(match globals.get(name)? {
        Global::Function(code) => Function::named(code),
        Global::Plain(literal) => Thing::Plain(literal.clone()),
    })
}

/// Returns the names that a code string may store to or delete, wherever it is entered.
pub fn stored(code: &MarshalledCode) -> impl Iterator<Item = &[u8]> {
    operands(code, is_store)
}

/// The same, and those of attributes: the object may be the module of builtins.
pub fn replaced(code: &MarshalledCode) -> impl Iterator<Item = &[u8]> {
    operands(code, replaces)
}

/// Those of attributes alone.
pub fn stored_attributes(code: &MarshalledCode) -> impl Iterator<Item = &[u8]> {
    operands(code, is_attribute_store)
}

/// Whether an instruction is such a store.
pub fn replaces(opcode: u8) -> bool {
    is_store(opcode) || is_attribute_store(opcode)
}

fn is_attribute_store(opcode: u8) -> bool {
    matches!(opcode, op::STORE_ATTR | op::DELETE_ATTR)
}

fn is_store(opcode: u8) -> bool {
    matches!(opcode, op::STORE_NAME | op::STORE_GLOBAL | op::DELETE_NAME | op::DELETE_GLOBAL)
}

/// Whether a name is a builtin's of which something is known.
pub fn is_builtin(name: &[u8]) -> bool {
    let is_class = || std::str::from_utf8(name).ok().and_then(classes::class_of).is_some();
    name == b"None" || pure::builtin(name).is_some() || is_class()
}

/// The names that instructions of some opcodes can have, wherever a code string is entered.
fn operands(code: &MarshalledCode, is_one: impl Fn(u8) -> bool) -> impl Iterator<Item = &[u8]> {
    let places = code.bytes.windows(3).filter(move |bytes| is_one(bytes[0]));
    places.filter_map(|place| code.names.get(usize::from(u16::from_le_bytes([place[1], place[2]])))).map(|name| &**name)
}

/// Finds the globals of a module by its flow.
pub fn of_module<'a>(flow: &Flow, code: &'a MarshalledCode, program: &Program<'_>) -> Globals<'a> {
    let is_any = |unit: crate::bytecode::Unit| matches!(unit.last.opcode, op::EXEC_STMT | op::IMPORT_STAR);
    if nested(code).any(|(code, _)| units(&code.bytes, 0).any(is_any)) {
        return Globals::new();
    }
    let elsewhere: BTreeSet<&[u8]> = nested(code).skip(1).flat_map(|(code, _)| stored(code)).collect();
    let mut found: BTreeMap<&[u8], Option<Global>> = BTreeMap::new();
    for block in flow.reverse_postorder() {
        let list = &flow.blocks[block].instructions;
        for (place, one) in list.iter().enumerate() {
            let name = match (one.opcode, &one.operand) {
                (op::STORE_NAME | op::STORE_GLOBAL | op::DELETE_NAME | op::DELETE_GLOBAL, Operand::Number(name)) => {
                    usize::try_from(*name).ok().and_then(|name| code.names.get(name))
                }
                _ => None,
            };
            let is_text = |name: &[u8]| program.stores_by_texts && program.texts.contains(name);
            let is_known = |name: &Arc<[u8]>| !elsewhere.contains(&**name) && !is_text(name);
            let Some(name) = name.filter(|name| is_known(name)) else { continue };
            let global =
                global(&list[..place], code).filter(|_| matches!(one.opcode, op::STORE_NAME | op::STORE_GLOBAL));
            // Of two stores the later one can come at any time.
            found.entry(name).and_modify(|known| *known = None).or_insert(global);
        }
    }
    let is_kept = |global: &Global| !program.replaces_code || matches!(global, Global::Plain(_));
    found.into_iter().filter_map(|(name, global)| Some((name.to_vec(), global.filter(is_kept)?))).collect()
}

/// What the last of these instructions leave on the stack, if it is a function or constant.
fn global<'a>(before: &[Instruction], code: &'a MarshalledCode) -> Option<Global<'a>> {
    let constant = |one: &Instruction| match (one.opcode, &one.operand) {
        (op::LOAD_CONST, Operand::Number(index)) => code.constants.get(usize::try_from(*index).ok()?),
        _ => None,
    };
    match before {
        [.., made, Instruction { opcode: op::MAKE_FUNCTION, operand: Operand::Number(0), .. }] => {
            match constant(made)? {
                Object::Code(function) => Some(Global::Function(function)),
                _ => None,
            }
        }
        [.., Instruction { opcode: op::LOAD_CONST, operand: Operand::Literal(literal), .. }] => {
            Some(Global::Plain(literal.clone()))
        }
        [.., last] => match Literal::of(constant(last)?, 0) {
            Literal::Other(_) => None,
            literal => Some(Global::Plain(literal)),
        },
        [] => None,
    }
}
