//! Owns constants as text that says everything: what repr() of 2.7 says, and what it does not (which str is interned, the bits of a
//! nan).  Written and read without recursion, however deep the nesting.

mod number;
mod read;
mod write;

pub use read::{LiteralError, Reader, Word};
pub use write::{push_name, push_object, push_str};

use std::sync::Arc;

use rustc_hash::FxHashSet;

/// Which strings of a marshalled object are interned.  A string is known by where it lies in memory, as marshal's references share one.
#[derive(Clone, Debug, Default)]
pub struct Interned {
    /// The strings themselves are kept, so that no other one can come to lie there.
    strings: Vec<Arc<[u8]>>,
    places: FxHashSet<*const u8>,
}

impl Interned {
    pub fn add(&mut self, string: &Arc<[u8]>) {
        if self.places.insert(string.as_ptr()) {
            self.strings.push(Arc::clone(string));
        }
    }

    /// Adds those of another set.
    pub fn absorb(&mut self, other: Interned) {
        other.strings.iter().for_each(|string| self.add(string));
    }

    pub fn has(&self, string: &Arc<[u8]>) -> bool {
        self.places.contains(&string.as_ptr())
    }
}

/// Returns whether the compiler interns a str constant of these bytes (all_name_chars in Objects/codeobject.c; and strings of at most
/// one byte are interned when they are made, as Objects/stringobject.c does).
pub fn is_usually_interned(bytes: &[u8]) -> bool {
    bytes.len() < 2 || bytes.iter().all(|&byte| byte == b'_' || byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests;
