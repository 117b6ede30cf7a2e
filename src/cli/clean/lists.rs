//! Long lists of constants, of which uncompyle6 prints the indices and not the constants.  It does so where nothing but constants and plain
//! variables is put into a list or set of five or more.  So a decompiler is given a name for one of them, in whose place the constant is
//! put again in what it prints.

use crate::bytecode::decode::units;
use crate::bytecode::marshal;
use crate::bytecode::object::{MarshalledCode, Object};
use crate::bytecode::opcode::op;
use crate::bytecode::order::Order;
use crate::bytecode::text::{Budget, Text};

/// Items from which on uncompyle6 does not look into a list (scanner.py, bound_collection_from_tokens).
const LONG: usize = 5;
/// Code objects in code objects that are looked into; nobody writes more.
const DEEPEST: usize = 50;
/// Bytes or characters of a text that may be one of the constants.
const MOST_TEXT: usize = 400;
/// What the names begin with.
const NAME: &str = "bctrace_constant_";

/// A name that stands for a constant, and the constant as source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    name: Vec<u8>,
    constant: Vec<u8>,
}

/// A copy of a code object that has a name for one constant of each long list, and these names; None if there are no such lists.
pub fn named(code: &MarshalledCode) -> Option<(MarshalledCode, Vec<Named>)> {
    // Where the program has such texts itself, what is printed could not be told apart.
    let is_clear = |marshalled: Vec<u8>| memchr::memmem::find(&marshalled, NAME.as_bytes()).is_none();
    let mut names = Vec::new();
    let made = with_names(code, 0, &mut names);
    (!names.is_empty() && marshal::whole::code(code).is_some_and(is_clear)).then_some((made, names))
}

fn with_names(code: &MarshalledCode, depth: usize, names: &mut Vec<Named>) -> MarshalledCode {
    let mut made = code.clone();
    let mut bytes = code.bytes.to_vec();
    for (at, constant) in in_long_lists(code) {
        let free = code.cellvars.len() + made.freevars.len();
        let (Some(constant), Ok(free)) = (source(constant), u16::try_from(free)) else { continue };
        let name = format!("{NAME}{}_", names.len()).into_bytes();
        made.freevars.push(name.as_slice().into());
        names.push(Named { name, constant });
        bytes[at] = op::LOAD_DEREF;
        bytes[at + 1..at + 3].copy_from_slice(&free.to_le_bytes());
    }
    made.bytes = bytes.into();
    let inner = |constant: &Object| match constant {
        Object::Code(inner) if depth < DEEPEST => Object::Code(Box::new(with_names(inner, depth + 1, names))),
        other => other.clone(),
    };
    made.constants = code.constants.iter().map(inner).collect::<Vec<_>>().into();
    made
}

/// For each long list, where one of its constants is loaded, and that.
fn in_long_lists(code: &MarshalledCode) -> Vec<(usize, &Object)> {
    let mut found = Vec::new();
    // The loads before the unit, and what they load.
    let mut loads: Vec<(usize, Option<&Object>)> = Vec::new();
    for unit in units(&code.bytes, 0) {
        let operand = unit.last.operand.and_then(|operand| usize::try_from(operand).ok()).unwrap_or(0);
        match unit.last.opcode {
            op::LOAD_CONST if unit.instructions == 1 => {
                let constant = code.constants.get(operand).filter(|constant| source(constant).is_some());
                loads.push((unit.start as usize, constant));
            }
            op::LOAD_FAST | op::LOAD_GLOBAL | op::LOAD_NAME => loads.push((unit.start as usize, None)),
            op::BUILD_LIST | op::BUILD_SET if operand >= LONG && operand <= loads.len() => {
                let items = &loads[loads.len() - operand..];
                found.extend(items.iter().find_map(|&(at, constant)| Some((at, constant?))));
                loads.clear();
            }
            _ => loads.clear(),
        }
    }
    found
}

/// A number or short text as source.
fn source(constant: &Object) -> Option<Vec<u8>> {
    let is_simple = match constant {
        Object::None | Object::Bool(_) | Object::Int(_) => true,
        Object::Float(number) => number.is_finite(),
        Object::Str(bytes) => bytes.len() <= MOST_TEXT,
        Object::Unicode(points) => points.len() <= MOST_TEXT,
        _ => false,
    };
    is_simple.then(|| {
        let mut budget = Budget::default();
        let mut text = Text::new(&mut budget);
        text.repr(constant, Order::Given);
        text.finish()
    })
}

/// Puts the constants in the place of their names in a source; None if one of these is not there.
pub fn with_constants(source: &[u8], names: &[Named]) -> Option<Vec<u8>> {
    names.iter().try_fold(source.to_vec(), |source, named| {
        let mut places = memchr::memmem::find_iter(&source, &named.name).peekable();
        places.peek()?;
        let mut out = Vec::with_capacity(source.len());
        let mut rest = 0;
        for at in places {
            out.extend_from_slice(&source[rest..at]);
            out.extend_from_slice(&named.constant);
            rest = at + named.name.len();
        }
        out.extend_from_slice(&source[rest..]);
        Some(out)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(bytes: &[u8], constants: Vec<Object>) -> MarshalledCode {
        MarshalledCode { bytes: bytes.into(), constants: constants.into(), ..MarshalledCode::empty() }
    }

    fn loads(constants: &[u8], count: u8) -> Vec<u8> {
        let loads = constants.iter().flat_map(|&constant| [op::LOAD_CONST, constant, 0]);
        loads.chain([op::BUILD_LIST, count, 0, op::RETURN_VALUE]).collect()
    }

    #[test]
    fn one_constant_of_each_long_list_gets_a_name() {
        let constants = vec![Object::Tuple(Vec::new().into()), Object::Int(-7), Object::str(b"it's")];
        let inner = module(&loads(&[2, 2, 2, 2, 2], 5), constants.clone());
        let outer = module(
            &[&loads(&[1, 1, 1, 1], 4)[..], &loads(&[0, 1, 2, 1, 1, 1], 5)].concat(),
            [&constants[..], &[Object::Code(Box::new(inner))]].concat(),
        );
        let (made, names) = named(&outer).expect("two long lists");
        let sources: Vec<&[u8]> = names.iter().map(|named| &named.constant[..]).collect();
        assert_eq!(sources, [&b"-7"[..], b"\"it's\""]);
        let changed: Vec<usize> = (0..outer.bytes.len()).filter(|&at| outer.bytes[at] != made.bytes[at]).collect();
        assert_eq!((changed[0], made.bytes[changed[0]]), (outer.bytes.len() - 19, op::LOAD_DEREF));
        let printed = b"x = [(), bctrace_constant_0_, 1]; y = [bctrace_constant_1_]";
        assert_eq!(with_constants(printed, &names).as_deref(), Some(&b"x = [(), -7, 1]; y = [\"it's\"]"[..]));
        assert_eq!(with_constants(b"x = [(), bctrace_constant_0_, 1]", &names), None);
        assert_eq!(named(&module(&loads(&[1, 1, 1, 1], 4), constants)).map(|named| named.1), None);
    }

    #[test]
    fn a_program_that_has_such_names_stays_as_it_is() {
        let code = module(&loads(&[0, 0, 0, 0, 0], 5), vec![Object::str(b"bctrace_constant_")]);
        assert!(named(&code).is_none());
    }
}
