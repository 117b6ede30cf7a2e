//! `bctrace find`: every place where a value occurs, with its first and its last instruction.

mod print;
mod wanted;

use std::borrow::Cow;
use std::rc::Rc;

use rustc_hash::FxHashMap;

pub use wanted::Wanted;

use super::Answer;
use super::query::{Cut, LeftOut, Query, View, ended};
use super::room::{Room, weight};
use crate::bytecode::Instruction;
use crate::format::Output;
use crate::format::lines::Lines;
use crate::read::steps::Exit;
use crate::read::visit::Place;
use crate::read::{Flaw, TraceError};
use crate::trace::value::{UnitValues, Value};
use crate::trace::{Code, Frame, Laps, Raised, SinkError, State, Taken};

/// About the bytes that a place takes, besides its values.
const PLACE: u64 = 300;

/// What is looked for.
#[derive(Clone, Debug)]
pub struct FindPlan {
    pub wanted: Wanted,
    /// Only instructions with these opcodes; empty for all.
    pub opcodes: Vec<u8>,
}

/// Writes the places into `output`, each flaw of the trace to `report`; true if there are any.
pub fn run(
    query: &Query,
    plan: FindPlan,
    output: Output,
    report: &mut dyn FnMut(Flaw),
) -> Result<(Answer, bool), TraceError> {
    let room = Room::new(query.memory);
    let mut view = Find {
        plan,
        room,
        places: FxHashMap::default(),
        open: FxHashMap::default(),
        found: Vec::new(),
        cut: Cut::default(),
        taken: Taken::default(),
    };
    let (answer, left_out) = query.ask(&mut view, report)?;
    let has_found = !view.is_empty();
    let left_out = LeftOut { dropped: view.room.dropped, cut: Some(view.cut), ..left_out };
    let mut lines = Lines::new(output, None);
    let answer = ended(answer, print::write(view.found, query, &left_out, &mut lines))?;
    Ok((answer, has_found))
}

/// An instruction at which a value occurred.
struct Found {
    code: Rc<Code>,
    instruction: Instruction,
    times: u64,
    first: Occurrence,
    last: Option<Occurrence>,
}

struct Occurrence {
    number: u64,
    thread: u32,
    /// The operands that were there, if it was among those.
    operands: Vec<Value>,
    role: Role,
    value: Value,
}

/// What the value was to the instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Operand,
    Result,
    Argument,
}

struct Find {
    plan: FindPlan,
    room: Room,
    /// Places in `found`, by code object and offset.
    places: FxHashMap<(u32, i32), usize>,
    /// By frame: the instruction whose result comes with the frame's next unit.
    open: FxHashMap<u64, (u64, Instruction, Rc<Code>)>,
    found: Vec<Found>,
    /// Strings and containers without it of which the rest was not recorded.
    cut: Cut,
    taken: Taken,
}

impl Find {
    fn look(
        &mut self,
        values: &[Value],
        role: Role,
        number: u64,
        thread: u32,
        code: &Rc<Code>,
        instruction: &Instruction,
    ) {
        let mut cut = Cut::default();
        let found = values.iter().find_map(|value| self.plan.wanted.find(value, &mut cut));
        self.cut.add(cut, self.taken.times());
        let Some(value) = found else { return };
        let key = (code.id, instruction.offset);
        // What a call has returned belongs to its operands, also in the lap before.
        let (own, number) = (number, number.saturating_add(self.taken.until_last()));
        if let Some(place) = self.places.get(&key) {
            let found = &mut self.found[*place];
            if ![own, number].contains(&found.last.as_ref().unwrap_or(&found.first).number) {
                found.times += self.taken.times();
            }
            let operands = if role == Role::Operand { values.to_vec() } else { Vec::new() };
            if found.first.number == own {
                return;
            }
            found.last = Some(Occurrence { number, thread, operands, role, value: value.clone() });
            return;
        }
        if !self.room.take(PLACE + 2 * values.iter().map(weight).sum::<u64>()) {
            return;
        }
        let operands = if role == Role::Operand { values.to_vec() } else { Vec::new() };
        let first = Occurrence { number, thread, operands, role, value: value.clone() };
        self.places.insert(key, self.found.len());
        self.found.push(Found { code: Rc::clone(code), instruction: *instruction, times: 1, first, last: None });
    }
}

impl View for Find {
    fn what(&self) -> &'static str {
        "occurrences of the value"
    }

    fn wanted(&self) -> Cow<'static, str> {
        let cut = if self.cut != Cut::default() { ", as far as values were recorded" } else { "" };
        format!("{}{cut}", self.what()).into()
    }

    fn is_empty(&self) -> bool {
        self.found.is_empty() && self.room.dropped == 0
    }

    fn unit(&mut self, place: &Place, is_wanted: bool, values: &UnitValues) -> Result<(), SinkError> {
        let (number, thread, code) = (place.number, place.thread, &place.frame.code);
        if !self.open.is_empty()
            && let Some((number, instruction, code)) = self.open.remove(&place.frame.id)
        {
            self.look(&values.late, Role::Result, number, thread, &code, &instruction);
        }
        let instruction = &place.unit.last;
        if !is_wanted || !(self.plan.opcodes.is_empty() || self.plan.opcodes.contains(&instruction.opcode)) {
            return Ok(());
        }
        self.look(&values.arguments, Role::Argument, number, thread, code, instruction);
        self.look(&values.operands, Role::Operand, number, thread, code, instruction);
        if values.results.is_empty() {
            if crate::bytecode::effect::of(instruction.opcode, instruction.operand.unwrap_or(0)).results > 0 {
                self.open.insert(place.frame.id, (number, *instruction, Rc::clone(code)));
            }
            return Ok(());
        }
        self.look(&values.results, Role::Result, number, thread, code, instruction);
        Ok(())
    }

    fn left(&mut self, frame: &Frame, _exit: Exit, _number: u64, _is_wanted: bool) -> Result<(), SinkError> {
        self.open.remove(&frame.id);
        Ok(())
    }

    fn raised(&mut self, frame: &Frame, _raised: &Raised, _number: u64) -> Result<(), SinkError> {
        self.open.remove(&frame.id);
        Ok(())
    }

    fn laps(&mut self, laps: &Laps, at: &State) -> bool {
        self.taken.begin(laps, at, self.room.dropped == 0)
    }

    fn laps_end(&mut self, _at: &State) {
        self.open.values_mut().for_each(|(number, ..)| *number = self.taken.last(*number));
        self.taken.end();
    }
}
