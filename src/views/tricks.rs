//! `bctrace tricks`: which known ways to detect, stop or mislead a tracer the program tried, where, and what it got.  A way is known by the
//! name of the function that is called, or of the attribute that is read or set; a function of the program's by such a name is none.
//! Functions of the library that are written in Python are known by the module from which the program got them.

mod callee;
mod clocks;
mod known;
mod print;
mod windows;

use std::rc::Rc;
use std::slice;

use rustc_hash::FxHashMap;

use super::Answer;
use super::items::Outcome;
use super::left_out::LeftOut;
use super::query::{Query, View, ended};
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

use callee::{Callee, is_callable};
use clocks::Clocks;
use known::{Function, Way};

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
    functions: FxHashMap<u32, Function>,
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
        let Some(callee) = Callee::of(&values.operands) else { return };
        self.read_clock(&callee, place, values);
        if known::is_getattr(callee.name())
            && let [module, Value::Str(name), ..] = &callee.arguments[..]
        {
            self.learn(&name.bytes, module, values.results.first());
        }
        if self.compares(&callee, place) {
            return self.compare(place, values);
        }
        let trick = self.trick(&callee).or_else(|| self.handed_on(&callee));
        let Some(trick) = trick else { return };
        let mut text = Vec::new();
        push_operands(&mut text, &place.frame.code.object, &place.unit.last, &values.operands);
        self.add_with_outcome(trick, text, place, values);
    }

    /// Takes what a clock returns, or what is made of a reading.
    fn read_clock(&mut self, callee: &Callee, place: &Place, values: &UnitValues) {
        let Value::Object { what, .. } = callee.callable else { return };
        let (code, name) = (place.frame.code.id, &*callee.full_name());
        let is_callable = matches!(what, What::Builtin | What::Type | What::Wrapper);
        let has = |values: &[Value]| self.clocks.has(values, code);
        let is_clock = known::is_clock(name) && !known::converts(name, callee.arguments.len());
        let is_made = known::is_conversion(name) && has(&callee.arguments);
        // A method of a time, or of a text that says one.
        let is_methods = callee.receiver().is_some_and(|receiver| has(slice::from_ref(receiver)));
        if !is_callable || !(is_clock || is_made || is_methods) {
            // It can have the number of one that is gone.
            return values.results.iter().for_each(|result| self.clocks.forget(result));
        }
        match values.results.first() {
            Some(result) => self.clocks.read(result, code),
            None => drop(self.clocks.open.insert(place.frame.id)),
        }
    }

    /// Whether a call compares a clock's reading with something.
    fn compares(&self, callee: &Callee, place: &Place) -> bool {
        let code = place.frame.code.id;
        let Value::Object { what, name, .. } = callee.callable else { return false };
        let is_known = match what {
            What::Builtin => known::is_comparison(name),
            What::Wrapper => known::is_compared_by(name),
            _ => false,
        };
        is_known
            && (self.clocks.has(&callee.arguments, code)
                || callee.receiver().is_some_and(|receiver| self.clocks.has(slice::from_ref(receiver), code)))
    }

    /// The way that a call is.
    fn trick(&self, callee: &Callee) -> Option<(Way, &'static str)> {
        let Value::Object { what, name, number, .. } = callee.callable else { return None };
        if let Some(trick) = windows::call(name) {
            return Some(trick);
        }
        let full_name = callee.full_name();
        match what {
            What::Foreign => Some((Way::Native, "")),
            What::Builtin | What::Type | What::Function | What::Method | What::Descriptor => {
                let learned = self.functions.get(number).and_then(|function| function.call(callee.first_text()));
                let by_name = || known::call(name, callee.first_text());
                let trick = learned.or_else(by_name).or_else(|| known::call(&full_name, callee.first_text()));
                trick.filter(|_| !known::converts(&full_name, callee.arguments.len())).or_else(|| waiting(callee))
            }
            _ => None,
        }
    }

    /// The way that a function is which a call hands to another one, as `map(sys.settrace, ...)` does.
    fn handed_on(&self, callee: &Callee) -> Option<(Way, &'static str)> {
        if !is_callable(callee.callable) || known::looks_at(callee.name()) {
            return None;
        }
        callee.arguments.iter().filter(|argument| is_callable(argument)).find_map(|argument| {
            let given = Callee::of(slice::from_ref(argument))?;
            // What is native by its kind alone, such as a callback, is no trick yet.
            self.trick(&given).filter(|(way, _)| *way != Way::Native)
        })
    }
}

/// The way of a call that waits for a time: of a method of the library's, or of select without anything to wait for.
fn waiting(callee: &Callee) -> Option<(Way, &'static str)> {
    let is_time = |value: &Value| matches!(value, Value::Int(_) | Value::Float(_));
    if let Some(known) = callee.class().and_then(|class| known::waits(class, callee.name())) {
        return callee.arguments.iter().any(is_time).then_some((Way::Sleeps, known));
    }
    let is_empty = |value: &Value| matches!(value, Value::Container(container) if container.items.is_empty());
    match &callee.arguments[..] {
        [lists @ .., time] if lists.len() == 3 && callee.name() == b"select.select" => {
            (lists.iter().all(is_empty) && is_time(time)).then_some((Way::Sleeps, "select.select"))
        }
        _ => None,
    }
}

impl Tricks {
    /// Takes what an attribute of a module is.
    fn learn(&mut self, name: &[u8], module: &Value, attribute: Option<&Value>) {
        if let (Value::Object { what: What::Module, name: module, .. }, Some(Value::Object { number, .. })) =
            (module, attribute)
            && let Some(function) = Function::of(module, name)
            && self.functions.len() < MOST_FUNCTIONS
        {
            self.functions.insert(*number, function);
        }
    }

    /// Takes a comparison of a clock's reading.
    fn compare(&mut self, place: &Place, values: &UnitValues) {
        let mut text = b"compares ".to_vec();
        push_operands(&mut text, &place.frame.code.object, &place.unit.last, &values.operands);
        self.add_with_outcome((Way::Clocks, COMPARED), text, place, values);
    }

    /// Takes a trick with what comes of it, which can be known only later.
    fn add_with_outcome(&mut self, trick: (Way, &'static str), what: Vec<u8>, place: &Place, values: &UnitValues) {
        let Some(found) = self.add(trick, what, place) else { return };
        match values.results.first() {
            Some(result) => self.found[found].outcome = Outcome::Value(result.clone()),
            None => drop(self.open.insert(place.frame.id, found)),
        }
    }
}

/// Whether a value is what a stand-in for a clock of Windows has returned, or was computed from that.
fn is_of_stand_in(value: &Value) -> bool {
    matches!(value, Value::Object { what: What::Type | What::Class | What::Instance, name, .. } if windows::is_reading(name))
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
        "known tricks"
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
        let is_compared = instruction.opcode == op::COMPARE_OP
            && (self.clocks.are_in(place, values) || values.operands.iter().any(is_of_stand_in));
        if is_compared {
            self.compare(place, values);
        } else if is_call(instruction.opcode) {
            self.call(place, values);
        } else if let Some((name, is_read)) = named(&place.frame.code, &instruction) {
            if let [module] = &values.operands[..] {
                self.learn(name, module, values.results.first());
            }
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
