//! What becomes of a clock's readings: the numbers that clocks returned, and those that were computed from them, known by their values.
//! A number with a fraction hardly comes twice by chance; one without counts in the code object alone that computed it.

use std::slice;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::bytecode::decode::{Unit, units};
use crate::bytecode::opcode::op;
use crate::bytecode::stack;
use crate::read::visit::Place;
use crate::trace::Code;
use crate::trace::value::{UnitValues, Value};

/// Numbers and operands that are remembered; of more numbers the oldest half is forgotten, of more operands all.
const MOST: usize = 1 << 12;
/// Code objects whose units are kept.
const MOST_CODES: usize = 16;
/// Units before an instruction that are searched for what pushes its operand.
const LOOK_BACK: usize = 256;

/// A number, and the code object that computed it if it has no fraction.
type Known = (u64, Option<u32>);

#[derive(Debug, Default)]
pub(super) struct Clocks {
    recent: FxHashSet<Known>,
    older: FxHashSet<Known>,
    /// Whether an operand is a constant, by its code object, its instruction and how many operands are above it.
    constants: FxHashMap<(u32, u32, u32), bool>,
    /// The units of the code objects that were looked at last, by their ids.
    units: FxHashMap<u32, Vec<Unit>>,
    /// The frames whose call of a clock has not returned yet.
    pub(super) open: FxHashSet<u64>,
}

impl Clocks {
    /// Takes what a clock has returned: a number, or several.
    pub(super) fn read(&mut self, result: &Value, code: u32) {
        match result {
            Value::Container(several) => several.items.iter().for_each(|item| self.keep(item, code)),
            result => self.keep(result, code),
        }
    }

    /// Takes what an instruction computes: with a reading it makes another one.
    pub(super) fn computes(&mut self, place: &Place, values: &UnitValues) {
        if is_arithmetic(place.unit.last.opcode) && self.are_in(place, values) {
            values.results.iter().for_each(|result| self.keep(result, place.frame.code.id));
        }
    }

    /// Whether one of the operands of an instruction that has two is a reading, or was computed from one.  A constant is none, though
    /// it be the same number.
    pub(super) fn are_in(&mut self, place: &Place, values: &UnitValues) -> bool {
        let code = &place.frame.code;
        let [left, right] = &values.operands[..] else { return false };
        [(left, 1), (right, 0)].into_iter().any(|(value, above)| {
            self.has(slice::from_ref(value), code.id) && !self.is_constant(code, place.unit.start, above)
        })
    }

    /// Whether one of the values is a reading, or was computed from one.
    pub(super) fn has(&self, values: &[Value], code: u32) -> bool {
        let is_known = |known: Known| self.recent.contains(&known) || self.older.contains(&known);
        values.iter().filter_map(number).any(|(bits, is_whole)| is_known((bits, is_whole.then_some(code))))
    }

    /// Whether the operand of the instruction at `start` that has `above` others above it is a constant.
    fn is_constant(&mut self, code: &Code, start: u32, above: u32) -> bool {
        if self.constants.len() >= MOST {
            self.constants.clear();
        }
        if self.units.len() >= MOST_CODES && !self.units.contains_key(&code.id) {
            self.units.clear();
        }
        let Clocks { constants, units: decoded, .. } = self;
        *constants.entry((code.id, start, above)).or_insert_with(|| {
            let all = decoded.entry(code.id).or_insert_with(|| units(&code.object.bytes, 0).collect());
            is_constant(&all[..all.partition_point(|unit| unit.end <= start)], above)
        })
    }

    fn keep(&mut self, value: &Value, code: u32) {
        let Some((bits, is_whole)) = number(value) else { return };
        if self.recent.len() >= MOST / 2 {
            self.older = std::mem::take(&mut self.recent);
        }
        self.recent.insert((bits, is_whole.then_some(code)));
    }
}

/// Whether what an instruction computes with a reading is one too.
fn is_arithmetic(opcode: u8) -> bool {
    matches!(
        opcode,
        op::BINARY_SUBTRACT
            | op::BINARY_ADD
            | op::BINARY_MULTIPLY
            | op::BINARY_DIVIDE
            | op::BINARY_TRUE_DIVIDE
            | op::BINARY_FLOOR_DIVIDE
            | op::BINARY_MODULO
            | op::INPLACE_SUBTRACT
            | op::INPLACE_ADD
            | op::INPLACE_MULTIPLY
            | op::INPLACE_DIVIDE
    )
}

/// Whether the instruction that pushes an operand is LOAD_CONST, as far as the code goes straight from there; `before` are the units before
/// the one that takes it.
fn is_constant(before: &[Unit], mut above: u32) -> bool {
    for instruction in before.iter().rev().take(LOOK_BACK).map(|unit| unit.last) {
        let Some((pops, pushes)) = stack::of(instruction.opcode, instruction.operand.unwrap_or(0)) else {
            return false;
        };
        if above < pushes {
            return instruction.opcode == op::LOAD_CONST;
        }
        above = (above - pushes).saturating_add(pops);
    }
    false
}

/// The bits of a number as a float, and whether it has no fraction; None for what is none.
fn number(value: &Value) -> Option<(u64, bool)> {
    match value {
        Value::Float(float) => Some((float.to_bits(), float.fract() == 0.0)),
        Value::Int(int) => Some(((*int as f64).to_bits(), true)),
        _ => None,
    }
}
