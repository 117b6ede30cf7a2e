//! What calls returned in recorded runs, as far as they only made a value: nothing that they ran stored, printed, imported or called
//! anything that has an effect.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::value::Literal;
use crate::bytecode::opcode::{is_call, op};
use crate::read::TraceError;
use crate::read::steps::{Item, Step, Steps};
use crate::trace::value::{Value, What};

/// Calls within calls that are followed; those within more are taken to have an effect.
const DEPTH: usize = 200;
/// Bytes of a text that can take the place of a call.
const MOST: usize = 1 << 12;

/// What calls returned, by code string and offset.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    calls: HashMap<Arc<[u8]>, BTreeMap<u32, Seen>>,
}

#[derive(Clone, Debug, PartialEq)]
enum Seen {
    Always(Literal),
    /// Different values, or one that cannot be a constant, or with an effect.
    Varies,
}

/// A call of a Python function that has not returned.
struct Open {
    frame: u64,
    code: Arc<[u8]>,
    offset: u32,
    has_effect: bool,
}

impl Observed {
    /// Returns what the call at an offset always returned; None if it did not run, or is more than that.
    pub fn of(&self, bytes: &[u8], offset: u32) -> Option<&Literal> {
        match self.calls.get(bytes)?.get(&offset)? {
            Seen::Always(literal) => Some(literal),
            Seen::Varies => None,
        }
    }

    /// Adds the calls of a trace with values.
    pub fn add(&mut self, steps: Steps) -> Result<(), TraceError> {
        let mut open: HashMap<u32, Vec<Open>> = HashMap::new();
        for item in steps {
            match item? {
                Item::Step(step) => self.step(&step, open.entry(step.thread).or_default()),
                // What an exception ended returned nothing.
                Item::Left { thread, frame, .. } => {
                    let open = open.entry(thread).or_default();
                    while let Some(call) = open.pop_if(|call| call.frame == frame) {
                        self.see(&call.code, call.offset, Seen::Varies);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn step(&mut self, step: &Step, open: &mut Vec<Open>) {
        while let Some(call) = open.pop_if(|call| call.frame == step.frame) {
            let returned = step.values.late.first().filter(|_| !call.has_effect).and_then(literal);
            self.see(&call.code, call.offset, returned.map_or(Seen::Varies, Seen::Always));
            if call.has_effect {
                open.iter_mut().for_each(|outer| outer.has_effect = true);
            }
        }
        let opcode = step.instruction.opcode;
        let offset = step.instruction.offset.cast_unsigned();
        if !is_call(opcode) {
            if has_effect(opcode, step.code.is_stdlib) {
                open.iter_mut().for_each(|call| call.has_effect = true);
            }
            return;
        }
        let code: Arc<[u8]> = match step.code.is_stdlib {
            true => Arc::from([]),
            false => step.code.object.bytes.as_slice().into(),
        };
        let callee = step.values.operands.first();
        let is_python = matches!(callee, Some(Value::Object { what: What::Function | What::Method, .. }));
        if is_python && open.len() < DEPTH {
            open.push(Open { frame: step.frame, code, offset, has_effect: false });
            return;
        }
        let is_pure = callee.is_some_and(makes_only_a_value);
        if !is_pure {
            open.iter_mut().for_each(|call| call.has_effect = true);
        }
        let returned = step.values.results.first().filter(|_| is_pure).and_then(literal);
        self.see(&code, offset, returned.map_or(Seen::Varies, Seen::Always));
    }

    fn see(&mut self, code: &Arc<[u8]>, offset: u32, seen: Seen) {
        if code.is_empty() {
            return;
        }
        let calls = self.calls.entry(code.clone()).or_default();
        calls
            .entry(offset)
            .and_modify(|known| {
                if *known != seen {
                    *known = Seen::Varies
                }
            })
            .or_insert(seen);
    }
}

/// Whether an instruction does something besides working on values and locals.  Items of lists and dicts are worked on in most decoders.
fn has_effect(opcode: u8, is_stdlib: bool) -> bool {
    match opcode {
        op::STORE_GLOBAL | op::DELETE_GLOBAL | op::STORE_ATTR | op::DELETE_ATTR | op::EXEC_STMT | op::IMPORT_STAR => {
            true
        }
        op::PRINT_ITEM | op::PRINT_NEWLINE | op::PRINT_ITEM_TO | op::PRINT_NEWLINE_TO | op::PRINT_EXPR => true,
        op::IMPORT_NAME => !is_stdlib,
        _ => false,
    }
}

/// Whether a C function only makes a value of its arguments.
fn makes_only_a_value(callee: &Value) -> bool {
    const FUNCTIONS: [&[u8]; 33] = [
        b"chr",
        b"unichr",
        b"ord",
        b"len",
        b"range",
        b"xrange",
        b"str",
        b"unicode",
        b"int",
        b"long",
        b"list",
        b"tuple",
        b"bytearray",
        b"reversed",
        b"enumerate",
        b"zip",
        b"map",
        b"filter",
        b"reduce",
        b"sum",
        b"hex",
        b"abs",
        b"min",
        b"max",
        b"isinstance",
        b"binascii.a2b_base64",
        b"binascii.a2b_hex",
        b"binascii.unhexlify",
        b"binascii.hexlify",
        b"binascii.b2a_base64",
        b"zlib.decompress",
        b"string.maketrans",
        b"strop.maketrans",
    ];
    match callee {
        Value::Object { receiver: Some(receiver), .. } => match **receiver {
            Value::Str(_) | Value::Unicode(_) => true,
            // Those of lists change what a decoder makes.
            Value::Container(_) => true,
            _ => false,
        },
        Value::Object { what: What::Builtin | What::Type, name, .. } => {
            let of_builtins = name.strip_prefix(b"__builtin__.".as_slice());
            FUNCTIONS.contains(&of_builtins.unwrap_or(name))
        }
        _ => false,
    }
}

/// Returns a value as a constant; None if it is of another type than text or int, or not whole.
fn literal(value: &Value) -> Option<Literal> {
    match value {
        Value::Int(number) => Some(Literal::Int(*number)),
        Value::Str(text) if text.cut.is_none() && text.bytes.len() <= MOST => {
            Some(Literal::Str(text.bytes.as_slice().into()))
        }
        Value::Unicode(text) if text.cut.is_none() && text.bytes.len() <= MOST => {
            let text = std::str::from_utf8(&text.bytes).ok()?;
            Some(Literal::Unicode(text.chars().map(u32::from).collect()))
        }
        _ => None,
    }
}
