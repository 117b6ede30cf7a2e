//! The code object of a layer as plain data: what it holds, what identifies it, and the file that is written of it.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::bytecode::marshal::{self, whole};
use crate::bytecode::object::MarshalledCode;
use crate::bytecode::readable::{self, Changes};
use crate::bytecode::{Object, pyc};

/// Bytes of strings of a code object that is written again: shared ones can unfold to any number.
const LONGEST: usize = 128 << 20;
/// Code objects that are looked at in one, and how deep they lie.
const MOST: usize = 1 << 16;
const DEPTH: u32 = 100;

/// Reads marshal data of a code object; None if it is none that 2.7 loads.
pub(super) fn read(marshal: &[u8]) -> Option<MarshalledCode> {
    match marshal::read(marshal) {
        Ok((Object::Code(code), _)) => Some(*code),
        _ => None,
    }
}

/// Writes a code object as a marshalling of it would be; strings are interned by what they are, so that equal ones have equal bytes.
pub(super) fn canonical(code: &MarshalledCode) -> Option<Vec<u8>> {
    (weight(code) <= LONGEST).then(|| whole::code(code)).flatten()
}

/// What identifies a code object, whichever of its strings are interned.
pub(super) fn identity(code: &MarshalledCode) -> Option<[u8; 32]> {
    Some(Sha256::digest(canonical(code)?).into())
}

fn weight(code: &MarshalledCode) -> usize {
    let (mut sum, mut open) = (0usize, vec![code]);
    let mut objects: Vec<&Object> = Vec::new();
    while sum <= LONGEST {
        if let Some(object) = objects.pop() {
            sum = sum.saturating_add(match object {
                Object::Str(bytes) => bytes.len(),
                Object::Unicode(points) => 4 * points.len(),
                Object::Code(code) => {
                    open.push(code);
                    32
                }
                other => {
                    objects.extend(other.items().unwrap_or_default());
                    16
                }
            });
        } else if let Some(code) = open.pop() {
            let names = [&code.names, &code.varnames, &code.freevars, &code.cellvars];
            let names: usize = names.iter().flat_map(|names| names.iter()).map(|name| name.len() + 5).sum();
            sum = sum
                .saturating_add(code.bytes.len() + code.lnotab.len() + code.name.len() + code.filename.len() + names);
            objects.extend(code.constants.iter());
        } else {
            break;
        }
    }
    sum
}

/// A code object among the constants of another.
pub(super) struct Inner<'a> {
    pub code: &'a MarshalledCode,
    /// The place of the code object that holds it among all; None for the outermost.
    pub parent: Option<usize>,
    /// The name under which that stores what it makes of it, if it is another than its own.
    pub stored_as: Option<Arc<[u8]>>,
}

/// All code objects among the constants of one, and of those, each after the one that holds it.
pub(super) fn inner(code: &MarshalledCode) -> Vec<Inner<'_>> {
    let mut found: Vec<Inner> = Vec::new();
    let mut open = vec![(code, None, 0)];
    while let Some((holder, place, depth)) = open.pop() {
        let stored = readable::stored_names(holder);
        let first = found.len();
        for (index, constant) in holder.constants.iter().enumerate() {
            if let Object::Code(code) = constant
                && found.len() < MOST
            {
                let name = stored.iter().find(|(place, _)| *place == index).map(|(_, name)| Arc::clone(name));
                found.push(Inner { code, parent: place, stored_as: name });
            }
        }
        if depth < DEPTH {
            open.extend((first..found.len()).rev().map(|place| (found[place].code, Some(place), depth + 1)));
        }
    }
    found
}

/// The file of a layer.
pub(super) struct File {
    pub bytes: Vec<u8>,
    pub changes: Changes,
}

/// Makes the file of a code object, without what decompilers refuse; with `as_module`, one that holds it.
pub(super) fn file(marshal: &[u8], code: Option<&MarshalledCode>, name: Option<&[u8]>, as_module: bool) -> File {
    let original = || File { bytes: pyc::of_marshal(marshal), changes: Changes::default() };
    let Some(mut code) = code.filter(|code| weight(code) <= LONGEST).cloned() else { return original() };
    let changes = readable::clean(&mut code);
    let wraps = as_module && !readable::is_module(&code);
    if !changes.any() && !wraps {
        return original();
    }
    let code = if wraps { readable::as_module(code, name) } else { code };
    whole::code(&code).map_or_else(original, |marshal| File { bytes: pyc::of_marshal(&marshal), changes })
}
