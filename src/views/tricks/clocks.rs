//! What becomes of a clock's readings: the numbers, texts and times that clocks returned, and those that were computed from them, known by
//! their values.  A number with a fraction hardly comes twice by chance; one without, and a text, count in the code object alone that
//! computed them.  Times such as datetime's are known as objects.

use std::hash::{Hash, Hasher};
use std::slice;

use rustc_hash::{FxHashMap, FxHashSet, FxHasher};

use crate::bytecode::decode::{Unit, units};
use crate::bytecode::opcode::op;
use crate::bytecode::stack;
use crate::read::visit::Place;
use crate::trace::Code;
use crate::trace::value::{UnitValues, Value, What, last_part};

/// Numbers and operands that are remembered; of more numbers the oldest half is forgotten, of more operands all.
const MOST: usize = 1 << 12;
/// Code objects whose units are kept.
const MOST_CODES: usize = 16;
/// Units before an instruction that are searched for what pushes its operand.
const LOOK_BACK: usize = 256;

/// What a reading is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Known {
    /// A number's bits, and the code object that computed it if it has no fraction.
    Number(u64, Option<u32>),
    /// A text's hash, and the code object.
    Text(u64, u32),
    /// The number of an object.
    Time(u32),
}

/// The types of objects that are times.
const TIMES: [&str; 5] = ["datetime", "date", "time", "timedelta", "struct_time"];

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
    /// Takes what a clock has returned: one, or several.
    pub(super) fn read(&mut self, result: &Value, code: u32) {
        match result {
            Value::Container(several) => several.items.iter().for_each(|item| self.keep(item, code)),
            result => self.keep(result, code),
        }
    }

    /// Takes what an instruction computes: with a reading it makes another one.
    pub(super) fn computes(&mut self, place: &Place, values: &UnitValues) {
        let code = place.frame.code.id;
        let is_one = match (place.unit.last.opcode, values.operands.first()) {
            // A part of a time.
            (op::LOAD_ATTR | op::BINARY_SUBSCR, Some(whole)) => self.is_time(whole, code),
            (opcode, _) => is_arithmetic(opcode) && self.are_in(place, values),
        };
        if is_one {
            values.results.iter().for_each(|result| self.read(result, code));
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
        values.iter().filter_map(|value| known(value, code)).any(is_known)
    }

    /// Whether a value is a time that is a reading, and no mere number or text.
    fn is_time(&self, value: &Value, code: u32) -> bool {
        matches!(value, Value::Object { .. }) && self.has(slice::from_ref(value), code)
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

    /// Takes a new object that is no reading.
    pub(super) fn forget(&mut self, value: &Value) {
        if let Value::Object { number, .. } = value {
            self.recent.remove(&Known::Time(*number));
            self.older.remove(&Known::Time(*number));
        }
    }

    fn keep(&mut self, value: &Value, code: u32) {
        let Some(known) = known(value, code) else { return };
        if self.recent.len() >= MOST / 2 {
            self.older = std::mem::take(&mut self.recent);
        }
        self.recent.insert(known);
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

/// What a value is known by; None for what can be no reading.
fn known(value: &Value, code: u32) -> Option<Known> {
    match value {
        Value::Float(float) => Some(Known::Number(float.to_bits(), (float.fract() == 0.0).then_some(code))),
        Value::Int(int) => Some(Known::Number((*int as f64).to_bits(), Some(code))),
        Value::Str(text) if !text.bytes.is_empty() => {
            let mut hasher = FxHasher::default();
            text.bytes.hash(&mut hasher);
            Some(Known::Text(hasher.finish(), code))
        }
        Value::Object { what: What::Instance, name, number, .. } => {
            TIMES.iter().any(|time| time.as_bytes() == last_part(name)).then_some(Known::Time(*number))
        }
        _ => None,
    }
}
