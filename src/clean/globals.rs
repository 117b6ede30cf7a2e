//! What the globals of a program always are: those that its module stores to once, a function or a constant, and that nothing else can
//! store to.

use std::collections::{BTreeMap, BTreeSet};

use super::classes;
use super::flow::{Flow, Instruction, Operand};
use super::machine::{Act, Graph};
use super::pure::{self, Function, Thing};
use super::value::Literal;
use crate::bytecode::code::nested;
use crate::bytecode::decode::units;
use crate::bytecode::marshal::write::utf8;
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

/// The same, and those of attributes that are a builtin's too: the object may be the module of builtins.
pub fn replaced(code: &MarshalledCode) -> impl Iterator<Item = &[u8]> {
    let attributes = operands(code, is_attribute_store).filter(|name| is_builtin(name));
    stored(code).chain(attributes)
}

/// The same of what is stored to or deleted in some state.
pub fn replaced_in(graph: &Graph, code: &MarshalledCode) -> BTreeSet<Vec<u8>> {
    let acts = graph.reachable().into_iter().flat_map(|node| &graph.nodes[node].acts);
    let name = |act: &Act| {
        let Act::Run(opcode, Some(place)) = *act else { return None };
        let name = usize::try_from(place).ok().and_then(|place| code.names.get(place))?;
        (is_store(opcode) || is_attribute_store(opcode) && is_builtin(name)).then(|| name.to_vec())
    };
    acts.filter_map(name).collect()
}

fn is_store(opcode: u8) -> bool {
    matches!(opcode, op::STORE_NAME | op::STORE_GLOBAL | op::DELETE_NAME | op::DELETE_GLOBAL)
}

fn is_attribute_store(opcode: u8) -> bool {
    matches!(opcode, op::STORE_ATTR | op::DELETE_ATTR)
}

fn is_builtin(name: &[u8]) -> bool {
    let is_class = || std::str::from_utf8(name).ok().and_then(classes::class_of).is_some();
    name == b"None" || pure::builtin(name).is_some() || is_class()
}

/// The names that instructions of some opcodes can have, wherever a code string is entered.
fn operands(code: &MarshalledCode, is_one: impl Fn(u8) -> bool) -> impl Iterator<Item = &[u8]> {
    let places = code.bytes.windows(3).filter(move |bytes| is_one(bytes[0]));
    places.filter_map(|place| code.names.get(usize::from(u16::from_le_bytes([place[1], place[2]])))).map(|name| &**name)
}

/// Returns the names of builtins that a program may replace by texts: those among its texts, if it names a way to a module's names.
pub fn replaced_by_texts(code: &MarshalledCode) -> BTreeSet<Vec<u8>> {
    const WAYS: [&[u8]; 13] = [
        b"__builtin__",
        b"__builtins__",
        b"__dict__",
        b"__globals__",
        b"delattr",
        b"f_builtins",
        b"f_globals",
        b"func_globals",
        b"globals",
        b"locals",
        b"modules",
        b"setattr",
        b"vars",
    ];
    let (mut texts, mut names_way) = (BTreeSet::new(), false);
    for (code, _) in nested(code) {
        names_way |= code.names.iter().any(|name| WAYS.contains(&&**name));
        for constant in code.constants.iter() {
            add_texts(constant, &mut |text| {
                names_way |= WAYS.contains(&text);
                if is_builtin(text) {
                    texts.insert(text.to_vec());
                }
            });
        }
    }
    if names_way { texts } else { BTreeSet::new() }
}

/// Visits the texts of a constant.
fn add_texts(constant: &Object, visit: &mut dyn FnMut(&[u8])) {
    match constant {
        Object::Str(text) => visit(text),
        Object::Unicode(points) => visit(&utf8(points)),
        Object::Tuple(items) => items.iter().for_each(|item| add_texts(item, visit)),
        _ => {}
    }
}

/// Finds the globals of a module by its flow.
pub fn of_module<'a>(flow: &Flow, code: &'a MarshalledCode) -> Globals<'a> {
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
            let Some(name) = name.filter(|name| !elsewhere.contains(&***name)) else { continue };
            let global =
                global(&list[..place], code).filter(|_| matches!(one.opcode, op::STORE_NAME | op::STORE_GLOBAL));
            // Of two stores the later one can come at any time.
            found.entry(name).and_modify(|known| *known = None).or_insert(global);
        }
    }
    found.into_iter().filter_map(|(name, global)| Some((name.to_vec(), global?))).collect()
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
