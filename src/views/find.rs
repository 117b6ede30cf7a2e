//! `bctrace find`: every place where a value occurs, with its first and its last instruction.

mod print;
mod wanted;

use std::borrow::Cow;
use std::rc::Rc;

use rustc_hash::FxHashMap;

pub use wanted::Wanted;

use super::Answer;
use super::left_out::{Cut, LeftOut};
use super::query::{Query, View, ended};
use super::room::{Room, weight};
use crate::bytecode::{Instruction, effect};
use crate::format::Output;
use crate::format::lines::Lines;
use crate::read::steps::Exit;
use crate::read::visit::Place;
use crate::read::{Flaw, TraceError};
use crate::trace::value::{UnitValues, Value};
use crate::trace::{Code, Frame, Laps, Raised, SinkError, State, Taken};

/// About the bytes that a place takes, besides its values.
const PLACE: u64 = 300;
/// Instructions whose results are to come; generators that are never resumed leave some.
const MOST_OPEN: usize = 1 << 16;

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
    view.found.sort_by_key(|found| found.first.number);
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

/// An instruction, where it was executed.
struct Executed {
    number: u64,
    thread: u32,
    code: Rc<Code>,
    instruction: Instruction,
}

struct Find {
    plan: FindPlan,
    room: Room,
    /// Places in `found`, by code object and offset.
    places: FxHashMap<(u32, i32), usize>,
    /// By frame: the instruction whose result comes with the frame's next unit, and whether the value was there in another role.
    open: FxHashMap<u64, (Executed, bool)>,
    found: Vec<Found>,
    /// Strings and containers without it of which the rest was not recorded.
    cut: Cut,
    taken: Taken,
}

impl Find {
    /// Looks for the value among what an instruction had; true if it is there.  `is_noted` is whether it was there in another role.
    fn look(&mut self, values: &[Value], role: Role, at: &Executed, is_noted: bool) -> bool {
        let mut cut = Cut::default();
        let found = values.iter().find_map(|value| self.plan.wanted.find(value, &mut cut));
        self.cut.add(cut, self.taken.times());
        let Some(value) = found else { return false };
        let occurrence = |number| Occurrence {
            number,
            thread: at.thread,
            operands: if role == Role::Operand { values.to_vec() } else { Vec::new() },
            role,
            value: value.clone(),
        };
        let times = if is_noted { 0 } else { self.taken.times() };
        let last = at.number.saturating_add(self.taken.until_last());
        let key = (at.code.id, at.instruction.offset);
        if let Some(place) = self.places.get(&key) {
            self.found[*place].add(times, at.number, last, occurrence);
        } else if self.room.take(PLACE + 2 * values.iter().map(weight).sum::<u64>()) {
            let (code, instruction) = (Rc::clone(&at.code), at.instruction);
            let (first, last) = (occurrence(at.number), (last > at.number).then(|| occurrence(last)));
            self.places.insert(key, self.found.len());
            self.found.push(Found { code, instruction, times, first, last });
        }
        true
    }
}

impl Found {
    /// Adds occurrences from `first` to `last`.  Results of recursive calls come in the reverse order of the calls.
    fn add(&mut self, times: u64, first: u64, last: u64, occurrence: impl Fn(u64) -> Occurrence) {
        self.times += times;
        if first < self.first.number {
            let later = std::mem::replace(&mut self.first, occurrence(first));
            self.last.get_or_insert(later);
        }
        if last >= self.last.as_ref().map_or(self.first.number + 1, |known| known.number) {
            self.last = Some(occurrence(last));
        }
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
        if !self.open.is_empty()
            && let Some((producer, is_noted)) = self.open.remove(&place.frame.id)
        {
            self.look(&values.late, Role::Result, &producer, is_noted);
        }
        let instruction = &place.unit.last;
        if !is_wanted || !(self.plan.opcodes.is_empty() || self.plan.opcodes.contains(&instruction.opcode)) {
            return Ok(());
        }
        let code = Rc::clone(&place.frame.code);
        let here = Executed { number: place.number, thread: place.thread, code, instruction: *instruction };
        let mut is_noted = self.look(&values.arguments, Role::Argument, &here, false);
        is_noted |= self.look(&values.operands, Role::Operand, &here, is_noted);
        if !values.results.is_empty() {
            self.look(&values.results, Role::Result, &here, is_noted);
        } else if effect::of(instruction.opcode, instruction.operand.unwrap_or(0)).results > 0 {
            if self.open.len() >= MOST_OPEN {
                self.open.clear();
            }
            self.open.insert(place.frame.id, (here, is_noted));
        }
        Ok(())
    }

    fn left(&mut self, frame: &Frame, exit: Exit, _number: u64, _is_wanted: bool) -> Result<(), SinkError> {
        // What a generator is sent is the result of its yield.
        if exit != Exit::Yield {
            self.open.remove(&frame.id);
        }
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
        self.open.values_mut().for_each(|(open, _)| open.number = self.taken.last(open.number));
        self.taken.end();
    }
}
