//! Which code objects are wanted, by name and file.

use super::glob::FileGlob;
use super::names::{Name, NamePattern};
use crate::bytecode::CodeObject;

/// Decides about code objects: any of the values of one option, and all of the options that were given.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// -n
    pub names: Vec<Name>,
    /// --match
    pub patterns: Vec<NamePattern>,
    /// --file
    pub files: Vec<FileGlob>,
    /// Leaves out the embedded standard library, and code that it makes of a text of its own (--no-stdlib).
    pub no_stdlib: bool,
}

impl Filter {
    /// Returns whether every code object is wanted.
    pub fn is_everything(&self) -> bool {
        self.values() == 0 && !self.no_stdlib
    }

    pub fn wants(&self, code: &CodeObject) -> bool {
        self.wants_named(&code.name, &code.filename, code.is_of_library)
    }

    /// Returns whether code objects with this name and file name, of the library or not, are wanted.
    pub fn wants_named(&self, name: &[u8], filename: &[u8], is_of_library: bool) -> bool {
        let named = self.names.is_empty() || self.names.iter().any(|wanted| wanted.matches(name));
        let matched = || self.patterns.is_empty() || self.patterns.iter().any(|pattern| pattern.matches(name));
        let filed = || self.files.is_empty() || self.files.iter().any(|glob| glob.matches(filename));
        named && !(self.no_stdlib && is_of_library) && matched() && filed()
    }

    fn values(&self) -> usize {
        self.names.len() + self.patterns.len() + self.files.len()
    }
}
