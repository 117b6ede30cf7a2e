//! What is the same in two runs of a program, or twice in one: code objects by what they are, and values without the numbers of
//! objects.

use std::hash::{Hash, Hasher};

use rustc_hash::FxHasher;

use crate::bytecode::CodeObject;
use crate::trace::value::{Text, Value};

/// The hash of what makes code the same wherever it stands: its name, bytes, constants and names.
pub(super) fn hash_of(object: &CodeObject) -> u64 {
    let mut hasher = FxHasher::default();
    let CodeObject { name, bytes, constants, names, varnames, .. } = object;
    (name, bytes, constants, names, varnames).hash(&mut hasher);
    hasher.finish()
}

/// Adds a value to a hash.
pub(super) fn hash_value(value: &Value, hasher: &mut FxHasher) {
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
            (container.items.len(), container.cut).hash(hasher);
            container.items.iter().for_each(|item| hash_value(item, hasher));
        }
        Value::Deep { .. } => {}
        Value::Object { name, receiver, .. } => {
            name.hash(hasher);
            if let Some(receiver) = receiver {
                hash_value(receiver, hasher);
            }
        }
    }
}
