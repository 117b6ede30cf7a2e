//! `bctrace tricks`: which known ways to detect, stop or mislead a tracer the program tried, where, and what it got.  A way is known by the
//! name of the function that is called, or of the attribute that is read or set; a function of the program's by such a name is none.
//! Functions of the library that are written in Python are known by the module from which the program got them.

mod clocks;
mod known;
mod print;

use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::Answer;
use super::items::Outcome;
use super::query::{LeftOut, Query, View, ended};
use super::room::Room;
use crate::bytecode::Instruction;
use crate::bytecode::opcode::{is_call, op};
use crate::format::Output;
use crate::format::lines::Lines;
use crate::format::values::push_operands;
use crate::read::steps::Exit;
use crate::read::visit::Place;
use crate::read::{Flaw, TraceError};
use crate::trace::event::Start;
use crate::trace::value::{UnitValues, Value, What};
use crate::trace::{Code, Frame, Raised, SinkError};

use clocks::Clocks;
use known::Way;

/// About the bytes that a trick takes, besides its text.
const TRICK: u64 = 200;
/// Functions that are remembered; a forged trace can have new ones for ever.
const MOST_FUNCTIONS: usize = 1 << 10;

/// Writes the tricks into `output`, each flaw of the trace to `report`.
pub fn run(query: &Query, output: Output, report: &mut dyn FnMut(Flaw)) -> Result<Answer, TraceError> {
    let mut view = Tricks {
        room: Room::new(query.memory),
        found: Vec::new(),
        by_place: FxHashMap::default(),
        open: FxHashMap::default(),
        functions: FxHashMap::default(),
        clocks: Clocks::default(),
    };
    let (answer, left_out) = query.ask(&mut view, report)?;
    let left_out = LeftOut { dropped: view.room.dropped, ..left_out };
    let mut lines = Lines::new(output, None);
    ended(answer, print::write(view.found, query, &left_out, &mut lines))
}

/// A trick at one instruction, as it was tried first.
struct Found {
    way: Way,
    /// What was called with which arguments, or the attribute.
    what: Vec<u8>,
    outcome: Outcome,
    number: u64,
    thread: u32,
    code: Rc<Code>,
    instruction: Instruction,
    times: u64,
}

struct Tricks {
    room: Room,
    found: Vec<Found>,
    /// Places in `found`, by code object, offset and name.
    by_place: FxHashMap<(u32, i32, &'static str), usize>,
    /// By frame: the trick whose result comes with the frame's next unit.
    open: FxHashMap<u64, usize>,
    /// The library's functions that the program got from their modules, by the numbers that they have in the trace.
    functions: FxHashMap<u32, (Way, &'static str)>,
    clocks: Clocks,
}

impl Tricks {
    /// Takes a trick; returns its place if it is the first one there.
    fn add(&mut self, (way, name): (Way, &'static str), what: Vec<u8>, place: &Place) -> Option<usize> {
        let (code, instruction) = (&place.frame.code, place.unit.last);
        let key = (code.id, instruction.offset, name);
        if let Some(&known) = self.by_place.get(&key) {
            self.found[known].times += 1;
            return None;
        }
        if !self.room.take(TRICK + what.len() as u64) {
            return None;
        }
        self.by_place.insert(key, self.found.len());
        self.found.push(Found {
            way,
            what,
            outcome: Outcome::Unknown,
            number: place.number,
            thread: place.thread,
            code: Rc::clone(code),
            instruction,
            times: 1,
        });
        Some(self.found.len() - 1)
    }

    fn call(&mut self, place: &Place, values: &UnitValues) {
        let Some(Value::Object { what, name, number, .. }) = values.operands.first() else { return };
        let first = match values.operands.get(1) {
            Some(Value::Str(text)) => &text.bytes[..],
            _ => &b""[..],
        };
        let is_callable = matches!(what, What::Builtin | What::Type);
        let is_reading = is_callable && known::is_clock(name)
            || is_callable && known::is_conversion(name) && self.clocks.has(&values.operands[1..], place.frame.code.id);
        match values.results.first() {
            Some(result) if is_reading => self.clocks.read(result, place.frame.code.id),
            None if is_reading => drop(self.clocks.open.insert(place.frame.id)),
            _ => {}
        }
        let trick = match what {
            What::Foreign => Some((Way::Native, "")),
            What::Builtin | What::Type | What::Function | What::Method | What::Descriptor => {
                self.functions.get(number).copied().or_else(|| known::call(name, first))
            }
            _ => None,
        };
        let Some(trick) = trick else { return };
        let mut text = Vec::new();
        push_operands(&mut text, &place.frame.code.object, &place.unit.last, &values.operands);
        let Some(found) = self.add(trick, text, place) else { return };
        match values.results.first() {
            Some(result) => self.found[found].outcome = Outcome::Value(result.clone()),
            None => drop(self.open.insert(place.frame.id, found)),
        }
    }
}

impl Tricks {
    /// Takes what an attribute of a module is.
    fn learn(&mut self, name: &[u8], values: &UnitValues) {
        if let (Some(Value::Object { what: What::Module, name: module, .. }), Some(Value::Object { number, .. })) =
            (values.operands.first(), values.results.first())
            && let Some(trick) = known::function(module, name)
            && self.functions.len() < MOST_FUNCTIONS
        {
            self.functions.insert(*number, trick);
        }
    }

    /// Takes a comparison of a clock's reading.
    fn compare(&mut self, place: &Place, values: &UnitValues) {
        let mut text = b"compares ".to_vec();
        push_operands(&mut text, &place.frame.code.object, &place.unit.last, &values.operands);
        let found = self.add((Way::Clocks, COMPARED), text, place);
        if let (Some(found), Some(result)) = (found, values.results.first()) {
            self.found[found].outcome = Outcome::Value(result.clone());
        }
    }
}

/// The name of a comparison among the tricks of a place.
const COMPARED: &str = "compares";

/// The name that an instruction has for an attribute or variable, and whether it reads it.
fn named<'a>(code: &'a Code, instruction: &Instruction) -> Option<(&'a [u8], bool)> {
    let is_read = match instruction.opcode {
        op::LOAD_ATTR | op::IMPORT_FROM => true,
        op::STORE_ATTR | op::DELETE_ATTR => false,
        _ => return None,
    };
    let name = code.object.names.get(usize::try_from(instruction.operand?).ok()?)?;
    Some((name, is_read))
}

impl View for Tricks {
    fn what(&self) -> &'static str {
        "tricks"
    }

    fn is_empty(&self) -> bool {
        self.found.is_empty() && self.room.dropped == 0
    }

    fn does_without_values(&self, _start: &Start) -> bool {
        true
    }

    fn unit(&mut self, place: &Place, is_wanted: bool, values: &UnitValues) -> Result<(), SinkError> {
        if !self.clocks.open.is_empty()
            && self.clocks.open.remove(&place.frame.id)
            && let Some(result) = values.late.first()
        {
            self.clocks.read(result, place.frame.code.id);
        }
        if !self.open.is_empty()
            && let Some(open) = self.open.remove(&place.frame.id)
            && let Some(result) = values.late.first()
        {
            self.found[open].outcome = Outcome::Value(result.clone());
        }
        let instruction = place.unit.last;
        self.clocks.computes(place, values);
        if !is_wanted {
            return Ok(());
        }
        if instruction.opcode == op::COMPARE_OP && self.clocks.are_in(place, values) {
            self.compare(place, values);
        } else if is_call(instruction.opcode) {
            self.call(place, values);
        } else if let Some((name, is_read)) = named(&place.frame.code, &instruction) {
            self.learn(name, values);
            let Some(trick) = known::attribute(name, is_read, values.operands.is_empty()) else { return Ok(()) };
            let verb = match (instruction.opcode, is_read) {
                (_, true) => "reads ",
                (op::DELETE_ATTR, _) => "deletes ",
                _ => "sets ",
            };
            self.add(trick, [verb.as_bytes(), name].concat(), place);
        }
        Ok(())
    }

    fn left(&mut self, frame: &Frame, _exit: Exit, _number: u64, _is_wanted: bool) -> Result<(), SinkError> {
        self.open.remove(&frame.id);
        self.clocks.open.remove(&frame.id);
        Ok(())
    }

    fn raised(&mut self, frame: &Frame, raised: &Raised, _number: u64) -> Result<(), SinkError> {
        self.clocks.open.remove(&frame.id);
        if let Some(open) = self.open.remove(&frame.id) {
            self.found[open].outcome = Outcome::Raised(raised.clone());
        }
        Ok(())
    }
}
