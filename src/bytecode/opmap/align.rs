//! Owns deriving a map from code that is known: the same functions, once with 2.7's opcodes and once with others, say what each number
//! stands for.

use std::collections::HashMap;

use super::OpMap;
use crate::bytecode::code::nested;
use crate::bytecode::decode::units;
use crate::bytecode::object::{MarshalledCode, Object};

/// Functions that two interpreters compile to the same instructions have this in common.
type Key = Vec<u8>;

/// Known code, by what does not depend on the opcodes.
#[derive(Debug, Default)]
pub struct Known {
    /// None where several differ in their instructions alone.
    codes: HashMap<Key, Option<Box<[u8]>>>,
}

impl Known {
    /// Adds the code objects of a module of plain 2.7.
    pub fn add(&mut self, module: &MarshalledCode) {
        for (code, _) in nested(module) {
            let entry = self.codes.entry(key(code)).or_insert_with(|| Some(code.bytes[..].into()));
            if entry.as_ref().is_some_and(|bytes| **bytes != *code.bytes) {
                *entry = None;
            }
        }
    }
}

/// What the code objects that were aligned say of each number.
#[derive(Debug)]
pub struct Votes {
    /// By number, how many instructions speak for each opcode.
    counts: Vec<[u32; 256]>,
    /// Code objects that were aligned.
    pub aligned: u32,
}

impl Default for Votes {
    fn default() -> Votes {
        Votes { counts: vec![[0; 256]; 256], aligned: 0 }
    }
}

impl Votes {
    /// Aligns the code objects of a module with those that are known.
    pub fn add(&mut self, module: &MarshalledCode, known: &Known) {
        for (code, _) in nested(module) {
            if let Some(Some(bytes)) = known.codes.get(&key(code)) {
                self.align(&code.bytes, bytes);
            }
        }
    }

    fn align(&mut self, numbers: &[u8], known: &[u8]) {
        let all = units(known, 0).flat_map(|unit| unit.instructions(known).collect::<Vec<_>>());
        let all: Vec<_> = all.filter_map(|one| Some((usize::try_from(one.offset).ok()?, one))).collect();
        let is_same = |&(at, one): &(usize, crate::bytecode::Instruction)| {
            let operand = at + 1..at + usize::from(one.length);
            numbers.get(operand.clone()) == known.get(operand)
        };
        if numbers.len() != known.len() || !all.iter().all(is_same) {
            return;
        }
        self.aligned += 1;
        for (at, one) in all {
            self.counts[usize::from(numbers[at])][usize::from(one.opcode)] += 1;
        }
    }

    /// The map that most instructions speak for.
    pub fn map(&self) -> OpMap {
        OpMap::of((0..=255).filter_map(|number| self.best(number).map(|(opcode, _)| (number, opcode))))
    }

    /// What most instructions say of a number, and their share, from 0 to 1.
    pub fn best(&self, number: u8) -> Option<(u8, f32)> {
        let counts = &self.counts[usize::from(number)];
        let total: u32 = counts.iter().sum();
        let (opcode, most) = (0..=255).zip(counts).max_by_key(|(_, count)| **count)?;
        (*most > 0).then(|| (opcode, *most as f32 / total as f32))
    }

    /// How many instructions have a number.
    pub fn count(&self, number: u8) -> u32 {
        self.counts[usize::from(number)].iter().sum()
    }
}

fn key(code: &MarshalledCode) -> Key {
    let mut key = Vec::new();
    for number in [code.argcount, code.nlocals, code.flags] {
        key.extend_from_slice(&number.to_le_bytes());
    }
    let mut push = |bytes: &[u8]| {
        key.extend_from_slice(&bytes.len().to_le_bytes());
        key.extend_from_slice(bytes);
    };
    push(&code.name);
    push(&code.lnotab);
    push(&code.bytes.len().to_le_bytes());
    for names in [&code.names, &code.varnames, &code.freevars, &code.cellvars] {
        push(&names.len().to_le_bytes());
        names.iter().for_each(|name| push(name));
    }
    push(&code.constants.len().to_le_bytes());
    for constant in code.constants.iter() {
        match constant {
            Object::Str(text) => push(text),
            Object::Int(number) => push(&number.to_le_bytes()),
            other => push(other.type_name().as_bytes()),
        }
    }
    key
}
