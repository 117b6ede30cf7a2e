//! What is the same in two runs of a program, or twice in one: code objects by what they are, and values with or without the numbers
//! of objects.

use std::hash::{Hash, Hasher};

use rustc_hash::FxHasher;

use crate::bytecode::CodeObject;
use crate::bytecode::marshal::{self, whole};
use crate::bytecode::object::{MarshalledCode, Object};
use crate::trace::value::{Text, Value};

/// The hash of what makes code the same wherever it stands: its name, bytes, names, arguments and constants: these by their hash, if that is
/// known, or as they are printed.
pub(super) fn hash_of(object: &CodeObject, constants: Option<u64>) -> u64 {
    let mut hasher = FxHasher::default();
    let CodeObject { name, flags, argcount, bytes, names, varnames, cellvars, freevars, .. } = object;
    (name, flags, argcount, bytes, names, varnames, cellvars, freevars).hash(&mut hasher);
    match constants {
        Some(constants) => constants.hash(&mut hasher),
        None => object.constants.hash(&mut hasher),
    }
    hasher.finish()
}

/// The hash of the constants that code holds, whole and with their types; other code counts where it runs.
pub(super) fn hash_of_constants(marshal: &[u8]) -> u64 {
    let mut hasher = FxHasher::default();
    match marshal::read(marshal) {
        Ok((Object::Code(code), _)) => {
            let plain = code.constants.iter().filter(|constant| !matches!(constant, Object::Code(_)));
            let constants = plain.cloned().collect::<Vec<Object>>().into();
            whole::code(&MarshalledCode { constants, ..MarshalledCode::empty() }).hash(&mut hasher);
        }
        _ => marshal.hash(&mut hasher),
    }
    hasher.finish()
}

/// The hash of what code has in common with other code that is made for the same place, as texts that are evaluated: its bytes and names.
pub(super) fn hash_of_shape(object: &CodeObject) -> u64 {
    let mut hasher = FxHasher::default();
    (&object.bytes, &object.names).hash(&mut hasher);
    hasher.finish()
}

/// Whether objects with other numbers are others.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Numbers {
    Count,
    Ignored,
}

/// Adds a value to a hash.
pub(super) fn hash_value(value: &Value, numbers: Numbers, hasher: &mut FxHasher) {
    let counted = |number: u32| (numbers == Numbers::Count).then_some(number);
    std::mem::discriminant(value).hash(hasher);
    match value {
        Value::Missing | Value::Bad | Value::None | Value::Ellipsis | Value::NotImplemented => {}
        Value::Bool(value) => value.hash(hasher),
        Value::Int(number) => number.hash(hasher),
        Value::Long { negative, magnitude } => (negative, magnitude).hash(hasher),
        Value::HugeLong { negative, bits, checksum } => (negative, bits, checksum).hash(hasher),
        Value::Float(number) => number.to_bits().hash(hasher),
        Value::Complex(real, imaginary) => (real.to_bits(), imaginary.to_bits()).hash(hasher),
        Value::Str(Text { bytes, cut }) | Value::Unicode(Text { bytes, cut }) => (bytes, cut).hash(hasher),
        Value::Container(container) => {
            (container.kind, counted(container.number), container.items.len(), container.cut).hash(hasher);
            container.items.iter().for_each(|item| hash_value(item, numbers, hasher));
        }
        Value::Deep { kind, number } => (kind, counted(*number)).hash(hasher),
        Value::Object { what, name, number, receiver } => {
            (what, name, counted(*number)).hash(hasher);
            if let Some(receiver) = receiver {
                hash_value(receiver, numbers, hasher);
            }
        }
    }
}
