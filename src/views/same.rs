//! What is the same in two runs of a program, or twice in one: code objects by what they are, and values with or without the numbers
//! of objects.

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
            (counted(container.number), container.items.len(), container.cut).hash(hasher);
            container.items.iter().for_each(|item| hash_value(item, numbers, hasher));
        }
        Value::Deep { number, .. } => counted(*number).hash(hasher),
        Value::Object { name, number, receiver, .. } => {
            (name, counted(*number)).hash(hasher);
            if let Some(receiver) = receiver {
                hash_value(receiver, numbers, hasher);
            }
        }
    }
}
