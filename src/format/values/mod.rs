//! Values as text: what lines of text put behind an instruction, and what JSON lines hold of each value.

mod phrase;
mod repr;

pub use phrase::{push_arguments, push_late, push_operands, push_phrase, push_values};
pub use repr::{push_escaped, push_name, push_value};

use crate::bytecode::decode::units;
use crate::bytecode::decode::{Instruction, Unit};
use crate::trace::value::Pending;
use crate::trace::value::UnitValues;
use crate::trace::{Code, Event, Run, SinkError, State};

/// The values that wait for their run in a sink, and the way in which it hears of them.
#[derive(Debug, Default)]
pub struct Waiting {
    pending: Pending,
    values: UnitValues,
}

impl Waiting {
    pub fn push(&mut self, words: &[u64]) {
        self.pending.push(words);
    }

    /// Hears of an event that is no run.
    pub fn event(&mut self, event: &Event, at: &State) {
        if let Event::Name(name) = event {
            self.pending.name(name, at);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    pub fn clear(&mut self) {
        self.pending.clear();
    }

    /// Hands each instruction of a run to `each`, with its number and, where it is the last of its unit, its values.
    pub fn each(
        &mut self,
        run: &Run,
        at: &State,
        code: &Code,
        mut each: impl FnMut(u64, &Unit, &Instruction, Option<&UnitValues>) -> Result<(), SinkError>,
    ) -> Result<(), SinkError> {
        let bytes = &code.object.bytes;
        let mut number = at.instructions;
        let mut cursor = self.pending.cursor(at.names());
        let mut result = Ok(());
        for unit in units(bytes, run.start).take_while(|unit| unit.end <= run.end()) {
            cursor.next(&mut self.values);
            for instruction in unit.instructions(bytes) {
                number += 1;
                let is_last = instruction.offset == unit.last.offset;
                result = each(number, &unit, &instruction, is_last.then_some(&self.values));
                if result.is_err() {
                    break;
                }
            }
        }
        self.pending.clear();
        result
    }
}
