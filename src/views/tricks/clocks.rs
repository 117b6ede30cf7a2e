//! What becomes of a clock's readings: the numbers that clocks returned, and those that were computed from them, known by their values.
//! A number with a fraction hardly comes twice by chance; one without counts in the code object alone that computed it.

use rustc_hash::FxHashSet;

use crate::bytecode::opcode::op;
use crate::trace::value::Value;

/// Numbers that are remembered; of more the oldest half is forgotten.
const MOST: usize = 1 << 12;

/// A number, and the code object that computed it if it has no fraction.
type Known = (u64, Option<u32>);

#[derive(Debug, Default)]
pub(super) struct Clocks {
    recent: FxHashSet<Known>,
    older: FxHashSet<Known>,
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

    /// Whether an instruction computes with a reading; what it has produced is one then too.
    pub(super) fn computes(&mut self, opcode: u8, operands: &[Value], results: &[Value], code: u32) {
        let is_arithmetic = matches!(
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
        );
        if is_arithmetic && self.has(operands, code) {
            results.iter().for_each(|result| self.keep(result, code));
        }
    }

    /// Whether one of the values is a reading, or was computed from one.
    pub(super) fn has(&self, values: &[Value], code: u32) -> bool {
        let is_known = |known: Known| self.recent.contains(&known) || self.older.contains(&known);
        values.iter().filter_map(number).any(|(bits, is_whole)| is_known((bits, is_whole.then_some(code))))
    }

    fn keep(&mut self, value: &Value, code: u32) {
        let Some((bits, is_whole)) = number(value) else { return };
        if self.recent.len() >= MOST / 2 {
            self.older = std::mem::take(&mut self.recent);
        }
        self.recent.insert((bits, is_whole.then_some(code)));
    }
}

/// The bits of a number as a float, and whether it has no fraction; None for what is none.
fn number(value: &Value) -> Option<(u64, bool)> {
    match value {
        Value::Float(float) => Some((float.to_bits(), float.fract() == 0.0)),
        Value::Int(int) => Some(((*int as f64).to_bits(), true)),
        _ => None,
    }
}
