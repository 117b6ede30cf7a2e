//! Makes of a code object one that decompilers accept: without flags that 2.7 does not define, without the calls that PyArmor puts around
//! the code of each function, and, where it is no module, as one that holds it.

use std::sync::Arc;

use super::decode::units;
use super::object::{MarshalledCode, Object};
use super::opcode::{self, OperandKind, op};
use super::opmap::{OpMap, Reading, Sizes, Tables};

/// The flags that Include/code.h of 2.7 defines.
const FLAGS: i32 = 0x7f | 0x1000 | 0x3e000;
const OPTIMIZED: i32 = 1;
const NEW_LOCALS: i32 = 2;
const NO_FREE: i32 = 0x40;
/// Code objects in code objects that are made readable too.
const DEPTH: u32 = 40;

const ENTER: &[u8] = b"__armor_enter__";
const EXIT: &[u8] = b"__armor_exit__";

/// What was changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    pub flags: bool,
    pub armor: bool,
}

impl Changes {
    pub fn any(self) -> bool {
        self.flags || self.armor
    }
}

/// Removes what decompilers refuse, in the object and in those among its constants.
pub fn clean(code: &mut MarshalledCode) -> Changes {
    if is_clean(code, DEPTH) { Changes::default() } else { clean_to(code, DEPTH) }
}

/// Whether a look is enough to see that there is nothing to remove.
fn is_clean(code: &MarshalledCode, depth: u32) -> bool {
    let is_clean = |constant: &Object| !matches!(constant, Object::Code(inner) if !is_clean(inner, depth - 1));
    let has_armor = || code.names.iter().any(|name| **name == *ENTER);
    code.flags & !FLAGS == 0 && !has_armor() && (depth == 0 || code.constants.iter().all(is_clean))
}

fn clean_to(code: &mut MarshalledCode, depth: u32) -> Changes {
    let mut changes = Changes { flags: code.flags & !FLAGS != 0, armor: remove_armor(code).is_some() };
    code.flags &= FLAGS;
    let is_code = |constant: &Object| matches!(constant, Object::Code(_));
    if depth == 0 || !code.constants.iter().any(is_code) {
        return changes;
    }
    let mut constants: Vec<Object> = code.constants.to_vec();
    for constant in &mut constants {
        if let Object::Code(inner) = constant {
            let inner = clean_to(inner, depth - 1);
            changes.flags |= inner.flags;
            changes.armor |= inner.armor;
        }
    }
    code.constants = constants.into();
    changes
}

/// Removes what PyArmor has put around the code: a call of `__armor_enter__`, and a `finally` that calls `__armor_exit__`.  None, and
/// nothing changed, if it is not there, something jumps into it, or what it encloses is encrypted.
fn remove_armor(code: &mut MarshalledCode) -> Option<()> {
    let names = |operand: Option<i32>| code.names.get(usize::try_from(operand?).ok()?).map(|name| &**name);
    // Version 6 has NOPs among them.
    let all: Vec<_> = units(&code.bytes, 0).filter(|unit| unit.last.opcode != op::NOP).take(4).collect();
    let [enter, call, pop, setup] = &all[..] else { return None };
    let opcodes = [call, pop, setup].map(|unit| unit.last.opcode);
    let is_name = |opcode| matches!(opcode, op::LOAD_GLOBAL | op::LOAD_NAME);
    if !is_name(enter.last.opcode)
        || names(enter.last.operand) != Some(ENTER)
        || opcodes != [op::CALL_FUNCTION, op::POP_TOP, op::SETUP_FINALLY]
    {
        return None;
    }
    let header = setup.end;
    let footer = u32::try_from(setup.last.operand?).ok()?.checked_add(header)?;
    let mut end = units(&code.bytes, footer);
    let (load, call) = (end.next()?, end.next()?);
    if !is_name(load.last.opcode) || names(load.last.operand) != Some(EXIT) || call.last.opcode != op::CALL_FUNCTION {
        return None;
    }
    let mut body = code.bytes.get(header as usize..footer as usize)?.to_vec();
    for unit in units(&code.bytes, header).take_while(|unit| unit.start < footer) {
        let (opcode, Some(operand)) = (unit.last.opcode, unit.last.operand) else { continue };
        match opcode::operand_kind(opcode) {
            OperandKind::JumpAbsolute => {
                let target = u32::try_from(operand).ok().filter(|target| (header..footer).contains(target))?;
                let place = (unit.end - header) as usize;
                let target = u16::try_from(target - header).ok().filter(|_| unit.instructions == 1)?;
                body.get_mut(place - 2..place)?.copy_from_slice(&target.to_le_bytes());
            }
            OperandKind::JumpRelative if unit.end.checked_add(u32::try_from(operand).ok()?)? > footer => return None,
            _ => {}
        }
    }
    // What ends without a return ends in the footer; what is encrypted is no code.
    if !Reading::of(&OpMap::plain(), Sizes::ByNumber, &body, &Tables::of(code)).is_sound() {
        return None;
    }
    code.lnotab = shifted(&code.lnotab, header)?.into();
    code.bytes = body.into();
    Some(())
}

/// The line table of code whose first bytes are gone.
fn shifted(lnotab: &[u8], gone: u32) -> Option<Vec<u8>> {
    let (mut left, mut table) = (gone, Vec::with_capacity(lnotab.len()));
    for pair in lnotab.chunks_exact(2) {
        let taken = left.min(u32::from(pair[0]));
        left -= taken;
        table.extend([pair[0] - u8::try_from(taken).ok()?, pair[1]]);
    }
    Some(table)
}

/// Whether a code object runs as a module does: it has no locals of its own.
pub fn is_module(code: &MarshalledCode) -> bool {
    code.flags & (OPTIMIZED | NEW_LOCALS) == 0 && code.argcount == 0 && code.freevars.is_empty()
}

/// Makes a module that holds the code object as source code would: as a function, a class, a lambda or a comprehension.  `name` is the
/// one that it is stored under, if that is known.
pub fn as_module(mut code: MarshalledCode, name: Option<&[u8]>) -> MarshalledCode {
    let identifier = |name: &[u8]| is_identifier(name).then(|| name.to_vec());
    let own = name.and_then(identifier).or_else(|| identifier(&code.name));
    let name: Arc<[u8]> = own.unwrap_or_else(|| b"function".to_vec()).into();
    if !code.name.starts_with(b"<") {
        code.name = Arc::clone(&name);
    }
    let (filename, first_line) = (Arc::clone(&code.filename), code.first_line);
    let freevars = code.freevars.clone();
    let is_nested = !freevars.is_empty();
    // Decompilers take the first constant of a function for its docstring.
    let mut outer = Assembled { constants: vec![Object::None], ..Assembled::default() };
    outer.define(code, &name);
    let module = MarshalledCode {
        argcount: 0,
        nlocals: is_nested.into(),
        stacksize: 4 + freevars.len().min(1 << 16) as i32,
        flags: if is_nested { OPTIMIZED | NEW_LOCALS } else { NO_FREE },
        bytes: outer.bytes.into(),
        constants: outer.constants.into(),
        names: outer.names,
        varnames: if is_nested { vec![name] } else { Vec::new() },
        freevars: Vec::new(),
        cellvars: freevars,
        filename,
        name: if is_nested { b"enclosing"[..].into() } else { b"<module>"[..].into() },
        first_line,
        lnotab: [].into(),
    };
    if is_nested { as_module(module, None) } else { module }
}

/// A module's code in the making.
#[derive(Default)]
struct Assembled {
    bytes: Vec<u8>,
    constants: Vec<Object>,
    names: Vec<Arc<[u8]>>,
}

impl Assembled {
    fn push(&mut self, opcode: u8, operand: usize) {
        self.bytes.push(opcode);
        if opcode::has_argument(opcode) {
            self.bytes.extend(u16::try_from(operand).unwrap_or(u16::MAX).to_le_bytes());
        }
    }

    fn constant(&mut self, object: Object) {
        self.constants.push(object);
        self.push(op::LOAD_CONST, self.constants.len() - 1);
    }

    fn named(&mut self, opcode: u8, name: &Arc<[u8]>) {
        self.names.push(Arc::clone(name));
        self.push(opcode, self.names.len() - 1);
    }

    /// Defines what the code object is of.
    fn define(&mut self, code: MarshalledCode, name: &Arc<[u8]>) {
        let free = code.freevars.len();
        let is_class = code.flags & (OPTIMIZED | NEW_LOCALS) == NEW_LOCALS && code.argcount == 0;
        let is_comprehension = matches!(&*code.name, b"<genexpr>" | b"<setcomp>" | b"<dictcomp>") && code.argcount == 1;
        if is_class {
            self.constant(Object::Str(Arc::clone(name)));
            self.constant(Object::Tuple(Vec::new().into()));
        }
        for index in 0..free {
            self.push(op::LOAD_CLOSURE, index);
        }
        if free > 0 {
            self.push(op::BUILD_TUPLE, free);
        }
        self.constant(Object::Code(Box::new(code)));
        self.push(if free > 0 { op::MAKE_CLOSURE } else { op::MAKE_FUNCTION }, 0);
        if is_class {
            self.push(op::CALL_FUNCTION, 0);
            self.push(op::BUILD_CLASS, 0);
        }
        if is_comprehension {
            self.named(if free > 0 { op::LOAD_GLOBAL } else { op::LOAD_NAME }, &b"iterable"[..].into());
            self.push(op::GET_ITER, 0);
            self.push(op::CALL_FUNCTION, 1);
        }
        if free > 0 {
            // In a function that has what is free in the code object.
            self.push(op::STORE_FAST, 0);
        } else {
            self.named(op::STORE_NAME, name);
        }
        self.push(op::LOAD_CONST, 0);
        self.push(op::RETURN_VALUE, 0);
    }
}

/// Whether source code can use a name.
fn is_identifier(name: &[u8]) -> bool {
    const KEYWORDS: [&str; 32] = [
        "and", "as", "assert", "break", "class", "continue", "def", "del", "elif", "else", "except", "exec", "finally",
        "for", "from", "global", "if", "import", "in", "is", "lambda", "not", "or", "pass", "print", "raise", "return",
        "try", "while", "with", "yield", "None",
    ];
    let is_start = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
    name.first().is_some_and(is_start)
        && name.iter().all(|byte| is_start(byte) || byte.is_ascii_digit())
        && !KEYWORDS.iter().any(|keyword| keyword.as_bytes() == name)
}

/// The names under which a code object stores functions and classes that it makes, where those are not their own: the place among its
/// constants, and the name.
pub fn stored_names(code: &MarshalledCode) -> Vec<(usize, Arc<[u8]>)> {
    let (mut found, mut made) = (Vec::new(), None);
    let mut loaded = None;
    for unit in units(&code.bytes, 0) {
        let index = unit.last.operand.and_then(|operand| usize::try_from(operand).ok());
        match (unit.last.opcode, index) {
            (op::LOAD_CONST, Some(index)) => {
                loaded = matches!(code.constants.get(index), Some(Object::Code(_))).then_some(index);
            }
            (op::MAKE_FUNCTION | op::MAKE_CLOSURE, _) => made = loaded.take(),
            // Of a class, and of a decorator; a lambda is an argument of any call.
            (op::CALL_FUNCTION, Some(0 | 1)) | (op::BUILD_CLASS, _) => {
                made = made.filter(|&place| {
                    matches!(code.constants.get(place), Some(Object::Code(inner)) if !inner.name.starts_with(b"<"))
                });
            }
            (opcode, Some(index)) => {
                let name = match opcode {
                    op::STORE_NAME | op::STORE_GLOBAL => code.names.get(index),
                    op::STORE_FAST => code.varnames.get(index),
                    op::STORE_DEREF => code.cellvars.iter().chain(&code.freevars).nth(index),
                    _ => None,
                };
                if let (Some(place), Some(name)) = (made.take(), name)
                    && let Some(Object::Code(inner)) = code.constants.get(place)
                    && inner.name != *name
                {
                    found.push((place, Arc::clone(name)));
                }
            }
            _ => made = None,
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytecode::marshal::tests::hello;

    /// if a: return None; return None
    const BODY: [u8; 14] = [124, 0, 0, 114, 10, 0, 100, 0, 0, 83, 100, 0, 0, 83];

    /// The body as PyArmor wraps it, with bytes before its SETUP_FINALLY and at the end; `target` is that of the body's jump, from there.
    fn wrapped(before: &[u8], after: &[u8], target: usize) -> MarshalledCode {
        let header = 10 + before.len();
        let mut body = BODY;
        body[4] = (header + target) as u8;
        let parts = [
            &[116, 0, 0, 131, 0, 0, 1][..],
            before,
            &[122, BODY.len() as u8, 0],
            &body,
            &[116, 1, 0, 131, 0, 0, 1, 88, 100, 0, 0, 83],
            after,
        ];
        MarshalledCode {
            bytes: parts.concat().into(),
            constants: vec![Object::None].into(),
            names: vec![ENTER.into(), EXIT.into()],
            nlocals: 1,
            varnames: vec![b"a"[..].into()],
            lnotab: [0, 1, header as u8 + 10, 1].into(),
            ..hello()
        }
    }

    #[test]
    fn the_calls_of_each_version_of_pyarmor_are_removed() {
        for (before, after) in [(&[][..], &[][..]), (&[9; 6], &[]), (&[9; 6], b"\x09\x09\x9d\xc2\x90\x46")] {
            let mut code = wrapped(before, after, 10);
            assert_eq!(clean(&mut code), Changes { flags: false, armor: true });
            assert_eq!((&*code.bytes, &*code.lnotab), (&BODY[..], &[0, 1, 10, 1][..]));
        }
    }

    #[test]
    fn code_that_leaves_the_calls_in_another_way_stays() {
        for target in [BODY.len(), 200] {
            let mut code = wrapped(&[], &[], target);
            let before = code.bytes.clone();
            assert_eq!(clean(&mut code), Changes::default());
            assert_eq!(code.bytes, before);
        }
        let mut encrypted = wrapped(&[], &[], 10);
        let mut bytes = encrypted.bytes.to_vec();
        bytes[13..16].copy_from_slice(&[0, 0, 229]);
        encrypted.bytes = bytes.clone().into();
        assert_eq!(clean(&mut encrypted), Changes::default());
        assert_eq!(*encrypted.bytes, *bytes);
        let mut other = MarshalledCode { names: vec![b"enter"[..].into(), EXIT.into()], ..wrapped(&[9], &[], 10) };
        assert!(!clean(&mut other).any());
    }
}
