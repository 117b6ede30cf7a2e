//! Owns co_flags: their names, and what the compiler sets for a piece of code (compute_code_flags in Python/compile.c).

use super::super::decode::units;
use super::super::opcode::op;

pub const OPTIMIZED: u32 = 0x1;
pub const NEWLOCALS: u32 = 0x2;
pub const VARARGS: u32 = 0x4;
pub const VARKEYWORDS: u32 = 0x8;
pub const NESTED: u32 = 0x10;
pub const GENERATOR: u32 = 0x20;
pub const NOFREE: u32 = 0x40;

/// The flags that 2.7 knows, by the names of Include/code.h without CO_.
pub const NAMES: [(u32, &str); 12] = [
    (OPTIMIZED, "OPTIMIZED"),
    (NEWLOCALS, "NEWLOCALS"),
    (VARARGS, "VARARGS"),
    (VARKEYWORDS, "VARKEYWORDS"),
    (NESTED, "NESTED"),
    (GENERATOR, "GENERATOR"),
    (NOFREE, "NOFREE"),
    (0x1000, "GENERATOR_ALLOWED"),
    (0x2000, "FUTURE_DIVISION"),
    (0x4000, "FUTURE_ABSOLUTE_IMPORT"),
    (0x8000, "FUTURE_WITH_STATEMENT"),
    (0x10000, "FUTURE_PRINT_FUNCTION"),
];

/// FUTURE_UNICODE_LITERALS, the only one that is above them.
const UNICODE_LITERALS: (u32, &str) = (0x20000, "FUTURE_UNICODE_LITERALS");

/// Returns the names of the flags that are set, lowest first, and the bits that have no name.
pub fn names(flags: u32) -> (Vec<&'static str>, u32) {
    let known = || NAMES.into_iter().chain([UNICODE_LITERALS]).filter(|(bit, _)| flags & bit != 0);
    (known().map(|(_, name)| name).collect(), known().fold(flags, |rest, (bit, _)| rest & !bit))
}

/// Returns the flag of a name.
pub fn of_name(name: &str) -> Option<u32> {
    NAMES.into_iter().chain([UNICODE_LITERALS]).find(|(_, known)| *known == name).map(|(bit, _)| bit)
}

/// What a piece of code is the body of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    Module,
    Class,
    Function,
}

/// Returns the flags that the compiler gives to code: of a function, `is_nested` says that it stands inside another one.  `has_cells`
/// says that it has cell or free variables.  `*args`, `**kwargs` and what `from __future__` sets cannot be seen in a code string.
pub fn of(scope: Scope, bytes: &[u8], is_nested: bool, has_cells: bool) -> u32 {
    let mut flags = if has_cells { 0 } else { NOFREE };
    if scope != Scope::Module {
        flags |= NEWLOCALS;
    }
    if scope == Scope::Function {
        let uses = |wanted: &[u8]| units(bytes, 0).any(|unit| wanted.contains(&unit.last.opcode));
        // A bare `exec` or `import *` makes the symbol table say "unoptimized": then names are looked up in a dict.
        let by_name = [op::LOAD_NAME, op::STORE_NAME, op::DELETE_NAME, op::IMPORT_STAR];
        if !uses(&by_name) {
            flags |= OPTIMIZED;
        }
        if is_nested {
            flags |= NESTED;
        }
        if uses(&[op::YIELD_VALUE]) {
            flags |= GENERATOR;
        }
    }
    flags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_have_names_and_unknown_bits_are_kept_apart() {
        assert_eq!(names(0x20043), (vec!["OPTIMIZED", "NEWLOCALS", "NOFREE", "FUTURE_UNICODE_LITERALS"], 0));
        assert_eq!(names(0x80000040), (vec!["NOFREE"], 0x80000000));
        for (bit, name) in NAMES {
            assert_eq!(of_name(name), Some(bit));
        }
    }

    #[test]
    fn a_generator_inside_a_function_has_the_compilers_flags() {
        assert_eq!(of(Scope::Module, &[83], false, false), 0x40);
        assert_eq!(of(Scope::Class, &[83], false, false), 0x42);
        assert_eq!(of(Scope::Function, &[100, 0, 0, 86, 83], true, true), 0x33);
        assert_eq!(of(Scope::Function, &[101, 0, 0, 83], false, false), 0x42, "names are looked up by LOAD_NAME");
    }
}
