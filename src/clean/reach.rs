//! What the code of a program can do to names and exceptions that other code of it relies on: by what it mentions, and, once its states are
//! known, by what it does in them.

use std::collections::BTreeSet;

use super::globals;
use super::machine::{Act, Exit, Graph, Kind, Node, effect};
use crate::bytecode::Unit;
use crate::bytecode::code::nested;
use crate::bytecode::decode::units;
use crate::bytecode::marshal::write::utf8;
use crate::bytecode::object::{MarshalledCode, Object};
use crate::bytecode::opcode::op;

/// Builtins that see the variables of the code that calls them by their names.
pub const READS_NAMES: [&[u8]; 6] = [b"locals", b"vars", b"dir", b"eval", b"execfile", b"input"];

/// What one code object does.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    /// The names that it stores to or deletes: globals and attributes.
    pub replaced: BTreeSet<Vec<u8>>,
    /// It executes a text or code object.
    pub executes: bool,
    /// It imports all names of a module.
    pub imports_all: bool,
    /// It raises again what something else handles.
    pub raises_again: bool,
}

impl Reach {
    /// What it does in some state.
    pub fn of(graph: &Graph, code: &MarshalledCode) -> Reach {
        let mut reach = Reach::default();
        for node in graph.reachable().into_iter().map(|node| &graph.nodes[node]) {
            for act in &node.acts {
                let Act::Run(opcode, operand) = *act else { continue };
                reach.executes |= opcode == op::EXEC_STMT;
                reach.imports_all |= opcode == op::IMPORT_STAR;
                let name = operand.and_then(|place| code.names.get(usize::try_from(place).ok()?));
                reach.replaced.extend(name.filter(|_| globals::replaces(opcode)).map(|name| name.to_vec()));
            }
            // What is raised in a `try` to be caught there was not caught by it.
            let inner = node.key.blocks.iter().rfind(|block| block.kind != Kind::Loop);
            reach.raises_again |= is_bare_raise(&node.exit) && inner.is_some_and(|block| block.kind == Kind::Except);
        }
        reach.raises_again |= raises_outside_of_handlers(graph);
        reach
    }

    /// What it may do wherever it is entered.
    pub fn of_bytes(code: &MarshalledCode) -> Reach {
        let has = |opcode: u8| units(&code.bytes, 0).any(|unit| unit.last.opcode == opcode);
        Reach {
            replaced: globals::replaced(code).map(<[u8]>::to_vec).collect(),
            executes: has(op::EXEC_STMT),
            imports_all: imports_all(code),
            raises_again: false,
        }
    }

    /// Adds what another code object does.
    pub fn add(&mut self, other: &Reach) {
        self.replaced.extend(other.replaced.iter().cloned());
        self.executes |= other.executes;
        self.imports_all |= other.imports_all;
        self.raises_again |= other.raises_again;
    }
}

fn is_bare_raise(exit: &Exit) -> bool {
    matches!(exit, Exit::End(op::RAISE_VARARGS, Some(0)))
}

/// Whether a bare `raise` is got to by a way through no handler.
fn raises_outside_of_handlers(graph: &Graph) -> bool {
    let (mut seen, mut todo) = (BTreeSet::new(), vec![graph.entry]);
    while let Some(node) = todo.pop() {
        let Some(Node { exit, .. }) = graph.nodes.get(node).filter(|_| seen.insert(node)) else { continue };
        if is_bare_raise(exit) {
            return true;
        }
        match exit {
            Exit::Setup { next, .. } => todo.push(*next),
            exit => exit.successors(&mut |next| todo.push(next)),
        }
    }
    false
}

/// Whether a code object has the constant that `from m import *` needs.
fn imports_all(code: &MarshalledCode) -> bool {
    let is_star = |item: &Object| matches!(item, Object::Str(text) if **text == *b"*");
    code.constants.iter().any(|constant| matches!(constant, Object::Tuple(items) if items.iter().any(is_star)))
}

/// Whether a program mentions what shows the local variables of other frames.
pub fn shows_locals(code: &MarshalledCode) -> bool {
    const SHOWS: [&[u8]; 2] = [b"f_locals", b"getargvalues"];
    mentions(code, &SHOWS, &SHOWS) || nested(code).any(|(code, _)| renames_eval(code))
}

/// Whether code does something else than call what can show the local variables of its caller, or has the name as a text.
fn renames_eval(code: &MarshalledCode) -> bool {
    let is_one = |name: &[u8]| READS_NAMES.contains(&name);
    let is_text = |constant: &Object| matches!(constant, Object::Str(text) if is_one(text));
    let is_used = |unit: &Unit| {
        let name = unit.last.operand.and_then(|place| code.names.get(usize::try_from(place).ok()?));
        let is_one = name.is_some_and(|name| is_one(name));
        match unit.last.opcode {
            op::LOAD_NAME | op::LOAD_GLOBAL => is_one && !is_called(code, unit.end),
            op::IMPORT_FROM => is_one,
            op::LOAD_ATTR => name.is_some_and(|name| matches!(&**name, b"eval" | b"execfile" | b"locals")),
            _ => false,
        }
    };
    code.constants.iter().any(is_text) || units(&code.bytes, 0).any(|unit| is_used(&unit))
}

/// Whether what is on top of the stack at an offset is called, and nothing else is done with it.
fn is_called(code: &MarshalledCode, mut at: u32) -> bool {
    const MOST: usize = 200;
    // Entries of the stack above it.
    let mut above = 0;
    for _ in 0..MOST {
        let Some(unit) = Unit::decode(&code.bytes, at) else { return false };
        let (opcode, operand) = (unit.last.opcode, unit.last.operand.unwrap_or(0));
        at = unit.end;
        let needs = match opcode {
            op::NOP => continue,
            op::JUMP_FORWARD => {
                at = at.wrapping_add_signed(operand);
                continue;
            }
            op::JUMP_ABSOLUTE => {
                at = operand.cast_unsigned();
                continue;
            }
            op::ROT_TWO | op::ROT_THREE | op::ROT_FOUR => (opcode - op::ROT_TWO) as i32 + 2,
            op::DUP_TOP => 1,
            op::DUP_TOPX => operand,
            _ => 0,
        };
        let Some((pops, pushes)) = effect::of(opcode, operand) else { return false };
        let (pops, pushes) = (i64::from(pops), i64::from(pushes));
        if pops > above || i64::from(needs) > above {
            let calls = matches!(
                opcode,
                op::CALL_FUNCTION | op::CALL_FUNCTION_VAR | op::CALL_FUNCTION_KW | op::CALL_FUNCTION_VAR_KW
            );
            return calls && pops == above + 1 || opcode == op::POP_TOP;
        }
        above += pushes - pops;
    }
    false
}

/// Whether a program may look up globals by their names.
pub fn looks_up_globals(code: &MarshalledCode) -> bool {
    const BY_NAME: [&[u8]; 7] =
        [b"globals", b"f_globals", b"func_globals", b"__globals__", b"__dict__", b"__main__", b"modules"];
    // Nearly every program compares its own name with the text `__main__`.
    let imports_main = || mentions(code, &[b"__import__"], &[]) && mentions(code, &[], &[b"__main__"]);
    mentions(code, &READS_NAMES, &[])
        || mentions(code, &BY_NAME, &[b"__dict__", b"__globals__", b"f_globals", b"func_globals"])
        || imports_main()
}

/// Whether a program may give functions other code.
pub fn replaces_code(code: &MarshalledCode) -> bool {
    const CODE: [&[u8]; 2] = [b"func_code", b"__code__"];
    mentions(code, &CODE, &CODE)
}

/// Whether a program may ask for the exception that was handled last.
pub fn asks_for_exceptions(code: &MarshalledCode) -> bool {
    const ASKS: [&[u8]; 16] = [
        b"exc_info",
        b"exc_type",
        b"exc_value",
        b"exc_traceback",
        b"print_exc",
        b"print_exception",
        b"format_exc",
        b"traceback",
        b"exc_clear",
        // Of the modules logging, inspect, cgitb, SocketServer, code and pdb.
        b"exception",
        b"handleError",
        b"trace",
        b"cgitb",
        b"handle_error",
        b"showtraceback",
        b"post_mortem",
    ];
    mentions(code, &ASKS, &[b"exc_info", b"exc_type", b"exc_value", b"exc_traceback", b"traceback"])
}

/// Whether code of a program has one of these names, or a text with one of these among its constants.
fn mentions(code: &MarshalledCode, names: &[&[u8]], texts: &[&[u8]]) -> bool {
    nested(code).any(|(code, _)| {
        let mut found = code.names.iter().any(|name| names.contains(&&**name));
        code.constants.iter().for_each(|constant| {
            add_texts(constant, &mut |text| {
                found |= texts.iter().any(|wanted| memchr::memmem::find(text, wanted).is_some());
            })
        });
        found
    })
}

/// Whether a program mentions a way to the names of a module, so that each of its texts can be one that it stores to.
pub fn stores_by_texts(code: &MarshalledCode) -> bool {
    const WAYS: [&[u8]; 13] = [
        b"__builtin__",
        b"__builtins__",
        b"__dict__",
        b"__globals__",
        b"delattr",
        b"f_builtins",
        b"f_globals",
        b"func_globals",
        b"globals",
        b"locals",
        b"modules",
        b"setattr",
        b"vars",
    ];
    mentions(code, &WAYS, &WAYS)
}

/// Returns the texts of a program, and the words in them.
pub fn texts(code: &MarshalledCode) -> BTreeSet<Vec<u8>> {
    let mut texts = BTreeSet::new();
    for (code, _) in nested(code) {
        let mut add = |text: &[u8]| {
            let words = text.split(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_');
            texts.extend(words.filter(|word| word.len() < text.len()).map(<[u8]>::to_vec));
            texts.insert(text.to_vec());
        };
        code.constants.iter().for_each(|constant| add_texts(constant, &mut add));
    }
    texts
}

/// Visits the texts of a constant.
fn add_texts(constant: &Object, visit: &mut dyn FnMut(&[u8])) {
    match constant {
        Object::Str(text) => visit(text),
        Object::Unicode(points) => visit(&utf8(points)),
        Object::Tuple(items) => items.iter().for_each(|item| add_texts(item, visit)),
        _ => {}
    }
}
