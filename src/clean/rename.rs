//! Readable names for those that say nothing: no identifiers, keywords, and names of the letters O, 0, l, 1, I alone.  Locals that nothing
//! can look up get one always; the other names of a program only if that is asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::bytecode::code::nested;
use crate::bytecode::decode::units;
use crate::bytecode::object::{MarshalledCode, Object};
use crate::bytecode::opcode::op;

/// CO_OPTIMIZED and CO_NEWLOCALS (Include/code.h).
const FUNCTION: i32 = 0x1 | 0x2;

/// Names through which code can see those of its locals.
const REVEALING: [&[u8]; 12] = [
    b"locals",
    b"vars",
    b"dir",
    b"eval",
    b"execfile",
    b"input",
    b"_getframe",
    b"currentframe",
    b"func_code",
    b"__code__",
    b"co_varnames",
    b"inspect",
];

/// Keywords of Python 2.7, and None, which nothing can be bound to.
const KEYWORDS: [&str; 32] = [
    "and", "as", "assert", "break", "class", "continue", "def", "del", "elif", "else", "except", "exec", "finally",
    "for", "from", "global", "if", "import", "in", "is", "lambda", "not", "or", "pass", "print", "raise", "return",
    "try", "while", "with", "yield", "None",
];

type Name = Arc<[u8]>;

/// A name that was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renamed {
    /// The function that a local belongs to; None for a name of the whole program.
    pub function: Option<Name>,
    pub before: Name,
    pub after: Name,
}

/// Renames in a tree of code objects; `all` says whether globals, attributes, arguments and functions are renamed too.
pub fn rename(code: &MarshalledCode, all: bool) -> (MarshalledCode, Vec<Renamed>) {
    let mut names = Names { taken: BTreeSet::new(), global: BTreeMap::new(), renamed: Vec::new(), is_revealing: false };
    for (code, _) in nested(code) {
        names.taken.extend(all_names(code).cloned());
        names.is_revealing |= code.names.iter().any(|name| REVEALING.contains(&&**name));
        names.is_revealing |=
            units(&code.bytes, 0).any(|unit| unit.last.opcode == op::EXEC_STMT) && code.flags & FUNCTION == FUNCTION;
    }
    if all {
        for (code, _) in nested(code) {
            all_names(code).chain([&code.name]).for_each(|name| names.choose(name));
        }
    }
    let made = names.apply(code, 0);
    (made, names.renamed)
}

/// Returns whether a name says nothing to a reader.
pub fn is_meaningless(name: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(name) else { return true };
    // Names that the compiler makes: <module>, <lambda>, .0, _[1].
    if text.starts_with(['<', '.']) || text.starts_with("_[") {
        return false;
    }
    let is_identifier = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !text.starts_with(|first: char| first.is_ascii_digit())
        && !text.is_empty();
    let of = |letters: &str| text.len() > 3 && text.chars().all(|letter| letters.contains(letter));
    !is_identifier || KEYWORDS.contains(&text) || of("O0o") || of("l1I")
}

fn all_names(code: &MarshalledCode) -> impl Iterator<Item = &Name> {
    code.varnames.iter().chain(&code.cellvars).chain(&code.freevars).chain(&code.names)
}

struct Names {
    taken: BTreeSet<Name>,
    /// New names of the whole program.
    global: BTreeMap<Name, Name>,
    renamed: Vec<Renamed>,
    /// Some code can see the names of its variables.
    is_revealing: bool,
}

impl Names {
    /// Chooses a new name for one of the whole program, if it needs one.
    fn choose(&mut self, name: &Name) {
        // An imported module is `a.b` among the names, and a star stands for all.
        let is_dotted = name.contains(&b'.') && name.split(|&byte| byte == b'.').all(|part| !is_meaningless(part));
        if self.global.contains_key(name) || is_dotted || &**name == b"*" || name.is_empty() || !is_meaningless(name) {
            return;
        }
        let after = self.free("name_");
        self.renamed.push(Renamed { function: None, before: name.clone(), after: after.clone() });
        self.global.insert(name.clone(), after);
    }

    /// The first name of a kind that nothing has.
    fn free(&mut self, kind: &str) -> Name {
        let mut number = 1;
        loop {
            let name: Name = format!("{kind}{number}").into_bytes().into();
            if self.taken.insert(name.clone()) {
                return name;
            }
            number += 1;
        }
    }

    fn apply(&mut self, code: &MarshalledCode, depth: usize) -> MarshalledCode {
        let mut made = code.clone();
        if !self.is_revealing && code.flags & FUNCTION == FUNCTION {
            self.rename_locals(&mut made);
        }
        if !self.global.is_empty() {
            let lists = [&mut made.varnames, &mut made.cellvars, &mut made.freevars, &mut made.names];
            for name in lists.into_iter().flatten().chain([&mut made.name]) {
                if let Some(after) = self.global.get(name) {
                    *name = after.clone();
                }
            }
        }
        if depth < super::DEPTH {
            let constants: Vec<Object> = made.constants.iter().map(|object| self.constant(object, depth)).collect();
            made.constants = constants.into();
        }
        made
    }

    /// A constant with new names: keywords of calls, imported names and attributes that are asked for are str.
    fn constant(&mut self, object: &Object, depth: usize) -> Object {
        match object {
            Object::Code(code) => Object::Code(Box::new(self.apply(code, depth + 1))),
            Object::Str(text) => Object::Str(self.global.get(text).unwrap_or(text).clone()),
            Object::Tuple(items) if depth < super::DEPTH => {
                let items: Vec<Object> = items.iter().map(|item| self.constant(item, depth + 1)).collect();
                Object::Tuple(items.into())
            }
            other => other.clone(),
        }
    }

    /// Renames the locals that are no arguments, which calls can name, and no cells, which other functions name too.
    fn rename_locals(&mut self, code: &mut MarshalledCode) {
        let arguments =
            code.argcount.max(0) as usize + usize::from(code.flags & 0x4 != 0) + usize::from(code.flags & 0x8 != 0);
        let mut number = 0;
        for place in arguments..code.varnames.len() {
            let before = code.varnames[place].clone();
            if !is_meaningless(&before) || self.global.contains_key(&before) {
                continue;
            }
            let is_taken = |name: &Name| self.taken.contains(name) || code.varnames.contains(name);
            let after = loop {
                number += 1;
                let name: Name = format!("local_{number}").into_bytes().into();
                if !is_taken(&name) {
                    break name;
                }
            };
            self.renamed.push(Renamed { function: Some(code.name.clone()), before, after: after.clone() });
            code.varnames[place] = after;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_no_reader_can_tell_apart_are_meaningless() {
        for name in [&b"OO0O0"[..], b"lI1l", b"17", b"\x07\x08", b"print", b"a b", b"\xff\xfe"] {
            assert!(is_meaningless(name), "{name:?}");
        }
        for name in [&b"total"[..], b"_", b"O0", b"<module>", b".0", b"_[1]", b"__init__"] {
            assert!(!is_meaningless(name), "{name:?}");
        }
    }
}
