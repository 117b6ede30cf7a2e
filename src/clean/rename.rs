//! Readable names for those that say nothing: no identifiers, keywords, and names of the letters O, 0, l, 1, I alone.  Locals that nothing
//! can look up get one always; the other names of a program only if that is asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::globals;
use super::reach::READS_NAMES;
use crate::bytecode::code::nested;
use crate::bytecode::decode::units;
use crate::bytecode::object::{MarshalledCode, Object};
use crate::bytecode::opcode::op;

/// CO_OPTIMIZED and CO_NEWLOCALS (Include/code.h).
const FUNCTION: i32 = 0x1 | 0x2;

/// Names, besides those of builtins, through which code can see those of its locals.
const REVEALING: [&[u8]; 7] =
    [b"f_locals", b"_getframe", b"currentframe", b"func_code", b"__code__", b"co_varnames", b"inspect"];

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
    let (taken, numbers, global, renamed) = Default::default();
    let mut names = Names { taken, numbers, global, renamed, is_revealing: false, renames_all: all, binds_none: false };
    for (code, _) in nested(code) {
        names.binds_none |= globals::stored(code).any(|name| name == b"None");
        names.taken.extend(all_names(code).cloned());
        names.is_revealing |=
            code.names.iter().any(|name| REVEALING.contains(&&**name) || READS_NAMES.contains(&&**name));
        names.is_revealing |=
            units(&code.bytes, 0).any(|unit| unit.last.opcode == op::EXEC_STMT) && code.flags & FUNCTION == FUNCTION;
    }
    if all {
        for (code, _) in nested(code) {
            definitions(code).into_iter().for_each(|one| names.define(&one));
        }
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

/// A function or class, and what it is stored as.
struct Definition {
    /// The index of its code object among the constants.
    constant: usize,
    own: Name,
    stored: Name,
}

/// The statements `def` and `class` of a code object, decorated or not.
fn definitions(code: &MarshalledCode) -> Vec<Definition> {
    let list: Vec<(u8, usize)> = units(&code.bytes, 0)
        .map(|unit| {
            (unit.last.opcode, unit.last.operand.and_then(|operand| usize::try_from(operand).ok()).unwrap_or(0))
        })
        .collect();
    let cells = |place: usize| match place.checked_sub(code.cellvars.len()) {
        None => code.cellvars.get(place),
        Some(place) => code.freevars.get(place),
    };
    let mut found = Vec::new();
    for (at, pair) in list.windows(2).enumerate() {
        let &[(op::LOAD_CONST, constant), (op::MAKE_FUNCTION | op::MAKE_CLOSURE, _)] = pair else { continue };
        let Some(Object::Code(inner)) = code.constants.get(constant) else { continue };
        let mut rest = &list[at + 2..];
        if let [(op::CALL_FUNCTION, 0), (op::BUILD_CLASS, _), after @ ..] = rest {
            rest = after;
        }
        // Each decorator is a call.
        while let [(op::CALL_FUNCTION, 1), after @ ..] = rest {
            rest = after;
        }
        let stored = match rest.first() {
            Some(&(op::STORE_NAME | op::STORE_GLOBAL, place)) => code.names.get(place),
            Some(&(op::STORE_FAST, place)) => code.varnames.get(place),
            Some(&(op::STORE_DEREF, place)) => cells(place),
            _ => None,
        };
        if let Some(stored) = stored.filter(|_| !inner.name.starts_with(b"<")) {
            found.push(Definition { constant, own: inner.name.clone(), stored: stored.clone() });
        }
    }
    found
}

struct Names {
    taken: BTreeSet<Name>,
    /// The last number of each kind of new name.
    numbers: BTreeMap<&'static str, u32>,
    /// New names of the whole program.
    global: BTreeMap<Name, Name>,
    renamed: Vec<Renamed>,
    /// Some code can see the names of its variables.
    is_revealing: bool,
    /// Not only locals get new names.
    renames_all: bool,
    /// Some code stores to a global of the name None; if none does, that is the builtin.
    binds_none: bool,
}

impl Names {
    /// Chooses a new name for one of the whole program, if it needs one.
    fn choose(&mut self, name: &Name) {
        // An imported module is `a.b` among the names, and a star stands for all.
        let is_dotted = name.contains(&b'.') && name.split(|&byte| byte == b'.').all(|part| !is_meaningless(part));
        let is_none = &**name == b"None" && !self.binds_none;
        let stays = is_dotted || is_none || &**name == b"*" || name.is_empty() || !is_meaningless(name);
        if stays || self.global.contains_key(name) {
            return;
        }
        let after = self.free("name_");
        self.renamed.push(Renamed { function: None, before: name.clone(), after: after.clone() });
        self.global.insert(name.clone(), after);
    }

    /// Chooses the name that a function or class has itself for what it is stored as, if that says nothing.
    fn define(&mut self, one: &Definition) {
        let is_free = !self.global.contains_key(&one.stored) && !self.taken.contains(&one.own);
        if is_free && is_meaningless(&one.stored) && !is_meaningless(&one.own) {
            self.taken.insert(one.own.clone());
            self.renamed.push(Renamed { function: None, before: one.stored.clone(), after: one.own.clone() });
            self.global.insert(one.stored.clone(), one.own.clone());
        }
    }

    /// The first name of a kind that nothing has.
    fn free(&mut self, kind: &'static str) -> Name {
        loop {
            let number = self.numbers.entry(kind).and_modify(|number| *number += 1).or_insert(1);
            let name: Name = format!("{kind}{number}").into_bytes().into();
            if self.taken.insert(name.clone()) {
                return name;
            }
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
            let mut constants: Vec<Object> = made.constants.iter().map(|object| self.constant(object, depth)).collect();
            if self.renames_all {
                self.name_definitions(code, &mut constants);
            }
            made.constants = constants.into();
        }
        made
    }

    /// Gives functions and classes the names that they are stored as, where one of the two said nothing: decompilers print a code object's
    /// own name in `def`.
    fn name_definitions(&self, before: &MarshalledCode, constants: &mut [Object]) {
        for one in definitions(before) {
            let wanted = self.global.get(&one.stored).unwrap_or(&one.stored);
            let Some(Object::Code(inner)) = constants.get_mut(one.constant) else { continue };
            if inner.name != *wanted && (is_meaningless(&one.stored) || is_meaningless(&one.own)) {
                inner.name = wanted.clone();
            }
        }
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
    fn a_function_and_what_it_is_stored_as_get_one_name() {
        let empty: Arc<[u8]> = b"".as_slice().into();
        let code = |name: &[u8], bytes: Vec<u8>, constants: Vec<Object>, names: Vec<&[u8]>| MarshalledCode {
            argcount: 0,
            nlocals: 0,
            stacksize: 1,
            flags: 64,
            bytes: bytes.into(),
            constants: constants.into(),
            names: names.into_iter().map(Name::from).collect(),
            varnames: Vec::new(),
            freevars: Vec::new(),
            cellvars: Vec::new(),
            filename: empty.clone(),
            name: name.into(),
            first_line: 1,
            lnotab: empty.clone(),
        };
        let inner = |name: &[u8]| {
            Object::Code(Box::new(code(
                name,
                vec![op::LOAD_CONST, 0, 0, op::RETURN_VALUE],
                vec![Object::None],
                Vec::new(),
            )))
        };
        let def = |place: u8| [op::LOAD_CONST, place, 0, op::MAKE_FUNCTION, 0, 0, op::STORE_NAME, place, 0];
        let bytes = [def(0), def(1), def(2)].concat();
        let constants = vec![inner(b"add"), inner(b"OO00"), inner(b"l1l1I")];
        let module = code(b"<module>", bytes, constants, vec![b"O0O0O", b"parse", b"O0OO0"]);
        let (made, _) = rename(&module, true);
        let own: Vec<_> = nested(&made).skip(1).map(|(code, _)| code.name.clone()).collect();
        assert_eq!(own, made.names);
        assert_eq!(*made.names, [Name::from(&b"add"[..]), Name::from(&b"parse"[..]), Name::from(&b"name_1"[..])]);
        let (kept, _) = rename(&module, false);
        assert_eq!(nested(&kept).skip(1).map(|(code, _)| code.name.to_vec()).next(), Some(b"add".to_vec()));
    }

    #[test]
    fn none_keeps_its_name_unless_the_program_stores_to_it() {
        let module = |bytes: Vec<u8>| MarshalledCode {
            bytes: bytes.into(),
            names: vec![b"None".as_slice().into(), b"O0O0".as_slice().into()],
            ..MarshalledCode::empty()
        };
        let load = vec![op::LOAD_GLOBAL, 0, 0, op::RETURN_VALUE];
        let names = |bytes| rename(&module(bytes), true).0.names;
        assert_eq!(*names(load.clone())[0], *b"None");
        assert_ne!(*names([&[op::STORE_GLOBAL, 0, 0][..], &load].concat())[0], *b"None");
    }

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
