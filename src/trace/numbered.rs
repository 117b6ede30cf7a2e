//! The instructions of a run, or outside the code, with their numbers: the only place that counts them one by one.

use super::code::Code;
use super::event::{Outside, Run};
use super::state::State;
use crate::bytecode::Instruction;
use crate::bytecode::decode::units;
use crate::bytecode::opcode::EXTENDED_ARG;

/// Iterates over the instructions of a run of `code`; `at` is the state before it.
pub fn of_run<'a>(run: &Run, at: &State, code: &'a Code) -> impl Iterator<Item = (u64, Instruction)> + use<'a> {
    let (bytes, end) = (&code.object.bytes, run.end());
    let units = units(bytes, run.start).take_while(move |unit| unit.end <= end);
    (at.instructions + 1..).zip(units.flat_map(|unit| unit.instructions(bytes)))
}

/// Iterates over the instructions of a unit outside its code, decoded from its own bytes; `at` is the state before it.
pub fn of_outside<'a>(outside: &'a Outside, at: &State) -> impl Iterator<Item = (u64, Instruction)> + use<'a> {
    let mut place = 0;
    let mut prefix = None;
    let instructions = std::iter::from_fn(move || {
        let offset = outside.offset.wrapping_add(place as i32);
        let instruction = Instruction::decode(&outside.bytes, place, offset, prefix)?;
        place += usize::from(instruction.length);
        prefix = if instruction.opcode == EXTENDED_ARG { instruction.operand } else { None };
        Some(instruction)
    });
    // Forged bytes may hold another number of instructions than is counted.
    (at.instructions + 1..).zip(instructions.take(outside.count() as usize))
}
