//! Owns constants as plain data: what marshal can hold, and what a live constant is copied to. Strings
//! are shared, as marshal's references share them; nothing here recurses, however deep the nesting.

use std::ops::Deref;
use std::sync::Arc;

use num_bigint::{BigInt, BigUint, Sign};

/// One object of 2.7.
#[derive(Clone, Debug)]
pub enum Object {
    None,
    Ellipsis,
    /// The exception class itself, which marshal has a type code for.
    StopIteration,
    Bool(bool),
    Int(i64),
    Long(Box<BigInt>),
    Float(f64),
    /// Real and imaginary part.
    Complex(Box<(f64, f64)>),
    Str(Arc<[u8]>),
    /// Code points as a UCS4 build holds them; lone surrogates are possible.
    Unicode(Arc<[u32]>),
    Tuple(Items),
    List(Items),
    /// Keys and values alternate.
    Dict(Items),
    Set(Items),
    FrozenSet(Items),
    Code(Box<MarshalledCode>),
    /// An object of any other type, by the type's name.
    Other(Arc<[u8]>),
}

impl Object {
    /// Makes a str from its bytes.
    pub fn str(bytes: &[u8]) -> Object {
        Object::Str(bytes.into())
    }

    /// Makes a long; see [`long_from_digits`].
    pub fn long(negative: bool, digits: impl IntoIterator<Item = u32>, width: u32) -> Object {
        Object::Long(Box::new(long_from_digits(negative, digits, width)))
    }

    /// Returns the name of the object's type, as 2.7's `type(x).__name__` says it.
    pub fn type_name(&self) -> &str {
        match self {
            Object::None => "NoneType",
            Object::Ellipsis => "ellipsis",
            Object::StopIteration => "type",
            Object::Bool(_) => "bool",
            Object::Int(_) => "int",
            Object::Long(_) => "long",
            Object::Float(_) => "float",
            Object::Complex(_) => "complex",
            Object::Str(_) => "str",
            Object::Unicode(_) => "unicode",
            Object::Tuple(_) => "tuple",
            Object::List(_) => "list",
            Object::Dict(_) => "dict",
            Object::Set(_) => "set",
            Object::FrozenSet(_) => "frozenset",
            Object::Code(_) => "code",
            Object::Other(name) => std::str::from_utf8(name).unwrap_or("object"),
        }
    }

    /// Returns the items of a container; None for everything else, a code object included.
    pub fn items(&self) -> Option<&[Object]> {
        match self {
            Object::Tuple(items)
            | Object::List(items)
            | Object::Dict(items)
            | Object::Set(items)
            | Object::FrozenSet(items) => Some(items),
            _ => None,
        }
    }

    fn take_items(&mut self) -> Vec<Object> {
        match self {
            Object::Tuple(items)
            | Object::List(items)
            | Object::Dict(items)
            | Object::Set(items)
            | Object::FrozenSet(items) => std::mem::take(&mut items.0),
            Object::Code(code) => std::mem::take(&mut code.constants.0),
            _ => Vec::new(),
        }
    }
}

/// A code object as marshal holds it; the types of its fields are those that PyCode_New asks for.
#[derive(Clone, Debug)]
pub struct MarshalledCode {
    pub argcount: i32,
    pub nlocals: i32,
    pub stacksize: i32,
    pub flags: i32,
    pub bytes: Arc<[u8]>,
    pub constants: Items,
    pub names: Vec<Arc<[u8]>>,
    pub varnames: Vec<Arc<[u8]>>,
    pub freevars: Vec<Arc<[u8]>>,
    pub cellvars: Vec<Arc<[u8]>>,
    pub filename: Arc<[u8]>,
    pub name: Arc<[u8]>,
    pub first_line: i32,
    pub lnotab: Arc<[u8]>,
}

impl MarshalledCode {
    /// Makes a code object with nothing in it.
    pub fn empty() -> MarshalledCode {
        let nothing: Arc<[u8]> = [].into();
        MarshalledCode {
            argcount: 0,
            nlocals: 0,
            stacksize: 0,
            flags: 0,
            bytes: Arc::clone(&nothing),
            constants: Items::default(),
            names: Vec::new(),
            varnames: Vec::new(),
            freevars: Vec::new(),
            cellvars: Vec::new(),
            filename: Arc::clone(&nothing),
            name: Arc::clone(&nothing),
            first_line: 0,
            lnotab: nothing,
        }
    }
}

/// The items of a container. Dropping them takes no recursion: marshal nests up to 2,000 deep.
#[derive(Clone, Debug, Default)]
pub struct Items(Vec<Object>);

impl Deref for Items {
    type Target = [Object];

    fn deref(&self) -> &[Object] {
        &self.0
    }
}

impl From<Vec<Object>> for Items {
    fn from(items: Vec<Object>) -> Items {
        Items(items)
    }
}

impl Drop for Items {
    fn drop(&mut self) {
        let mut dying = std::mem::take(&mut self.0);
        while let Some(mut object) = dying.pop() {
            dying.append(&mut object.take_items());
        }
    }
}

/// Makes a number from its sign and its digits in base 2^`width`, the least significant first: 15 in
/// marshal data, 30 in a live long of a 64-bit build.
pub fn long_from_digits(negative: bool, digits: impl IntoIterator<Item = u32>, width: u32) -> BigInt {
    let sign = if negative { Sign::Minus } else { Sign::Plus };
    BigInt::from_biguint(sign, join_digits(digits, width))
}

fn join_digits(digits: impl IntoIterator<Item = u32>, width: u32) -> BigUint {
    let mut words = Vec::new();
    let (mut pending, mut bits) = (0u64, 0);
    for digit in digits {
        pending |= u64::from(digit) << bits;
        bits += width;
        if bits >= 32 {
            words.push(pending as u32);
            pending >>= 32;
            bits -= 32;
        }
    }
    words.push(pending as u32);
    BigUint::new(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_any_width_join() {
        for (digits, width) in [(vec![1, 2, 3], 15), (vec![1 | 2 << 15, 3], 30)] {
            assert_eq!(join_digits(digits, width), BigUint::from(1u64 | 2 << 15 | 3 << 30));
        }
        assert_eq!(join_digits([], 15), BigUint::ZERO);
    }

    #[test]
    fn deep_nesting_drops_on_a_small_stack() {
        let nest = || {
            let tuple = |object, _| Object::Tuple(vec![object, Object::None].into());
            drop((0..200_000).fold(Object::None, tuple));
        };
        let thread = std::thread::Builder::new().stack_size(64 << 10).spawn(nest);
        thread.expect("a thread starts").join().expect("no overflow");
    }
}
