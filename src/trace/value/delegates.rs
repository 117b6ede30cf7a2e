//! The names of methods that have none of their own: one that was made with functools.partial, as those of socket objects are, is named
//! as the program looked it up.  Without the instruction that did so in what is read, it keeps the name of its type.

use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::{UnitValues, Value, What, last_part};
use crate::bytecode::CodeObject;
use crate::bytecode::decode::Instruction;
use crate::bytecode::opcode::{is_call, op};
use crate::bytecode::operand::Operand;

/// Types of what Python makes to be called, and that give it no name.
const NAMELESS: [&[u8]; 4] = [b"partial", b"methodcaller", b"itemgetter", b"attrgetter"];
/// Methods whose names are known; a forged trace can have any number.
const MOST: usize = 1 << 12;

/// What methods were looked up as, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Delegates {
    names: FxHashMap<u32, Rc<[u8]>>,
}

impl Delegates {
    /// Takes note of what an instruction looks up, and names the methods among its values.
    #[inline]
    pub(super) fn name(&mut self, code: &CodeObject, instruction: &Instruction, values: &mut UnitValues) {
        if let [Value::Object { what: What::Method, name, number, .. }] = &values.results[..]
            && is_nameless(name)
        {
            match looked_up(code, instruction, &values.operands) {
                Some(name) => self.learn(*number, name),
                // It can be another one that has the number of one that is gone.
                None if makes_methods(instruction.opcode) => drop(self.names.remove(number)),
                None => {}
            }
        }
        if !self.names.is_empty() {
            let lists = [&mut values.arguments, &mut values.late, &mut values.operands, &mut values.results];
            lists.into_iter().chain(values.stack.as_mut()).flatten().for_each(|value| self.name_in(value));
        }
    }

    fn learn(&mut self, number: u32, name: &[u8]) {
        if self.names.len() >= MOST {
            self.names.clear();
        }
        self.names.insert(number, name.into());
    }

    /// Names the methods in a value.
    fn name_in(&self, value: &mut Value) {
        match value {
            Value::Object { what, name, number, receiver } => {
                if *what == What::Method
                    && is_nameless(name)
                    && let Some(known) = self.names.get(number)
                {
                    let owner = name.len() - last_part(name).len();
                    *name = [&name[..owner], known].concat().into();
                }
                if let Some(receiver) = receiver {
                    self.name_in(receiver);
                }
            }
            Value::Container(container) => container.items.iter_mut().for_each(|item| self.name_in(item)),
            _ => {}
        }
    }
}

fn is_nameless(name: &[u8]) -> bool {
    NAMELESS.contains(&last_part(name))
}

/// Whether an instruction can have made the method that is its result, and does not take it from somewhere.
fn makes_methods(opcode: u8) -> bool {
    is_call(opcode) || opcode == op::LOAD_ATTR
}

/// The name that an instruction looks up in an object: that of LOAD_ATTR, the second argument of getattr, or that of `__getattribute__`.
fn looked_up<'a>(code: &'a CodeObject, instruction: &Instruction, operands: &'a [Value]) -> Option<&'a [u8]> {
    match operands {
        [Value::Object { what: What::Builtin, name, .. }, _, Value::Str(text), ..]
            if is_call(instruction.opcode) && &**name == b"__builtin__.getattr" && text.cut.is_none() =>
        {
            Some(&text.bytes)
        }
        [Value::Object { name, .. }, Value::Str(text)]
            if is_call(instruction.opcode) && last_part(name) == b"__getattribute__" && text.cut.is_none() =>
        {
            Some(&text.bytes)
        }
        _ => match Operand::resolve(code, instruction) {
            Operand::Text(name) if instruction.opcode == op::LOAD_ATTR => Some(name),
            _ => None,
        },
    }
}
