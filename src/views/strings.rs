//! `bctrace strings`: every string that the program produced: decoded, decrypted, joined, read or received.  Its constants are left out.

mod kinds;
mod print;

use std::borrow::Cow;
use std::hash::{Hash, Hasher};
use std::rc::Rc;
use std::str::Utf8Chunk;

use rustc_hash::{FxHashMap, FxHashSet, FxHasher};

use super::Answer;
use super::left_out::{Cut, LeftOut};
use super::query::{Query, View, ended};
use super::room::Room;
use crate::bytecode::Instruction;
use crate::bytecode::escape::Printable;
use crate::bytecode::opcode::{is_call, op};
use crate::format::Output;
use crate::format::lines::Lines;
use crate::read::steps::Exit;
use crate::read::visit::Place;
use crate::read::{Flaw, TraceError};
use crate::select::NamePattern;
use crate::trace::value::{Container, Text, UnitValues, Value};
use crate::trace::{Code, Frame, Laps, Raised, Run, SinkError, State, Taken};

/// About the bytes that a string takes, besides its own.
const STRING: u64 = 160;

/// Which strings are printed.
#[derive(Clone, Debug)]
pub struct StringsPlan {
    /// Bytes or code points that a string has at least.
    pub min: usize,
    /// What is found in its text.
    pub text: Option<NamePattern>,
}

/// Writes the strings into `output`, each flaw of the trace to `report`.
pub fn run(
    query: &Query,
    plan: StringsPlan,
    output: Output,
    report: &mut dyn FnMut(Flaw),
) -> Result<Answer, TraceError> {
    let mut view = Strings { plan, room: Room::new(query.memory), ..Strings::new() };
    let (answer, left_out) = query.ask(&mut view, report)?;
    let left_out =
        LeftOut { dropped: view.room.dropped, cut: view.plan.text.is_some().then_some(view.cut), ..left_out };
    let mut lines = Lines::new(output, None);
    ended(answer, print::write(view.found, query, &left_out, &mut lines))
}

/// A string, and where it was produced first.
struct Found {
    text: Text,
    is_unicode: bool,
    number: u64,
    thread: u32,
    code: Rc<Code>,
    instruction: Instruction,
    times: u64,
}

struct Strings {
    plan: StringsPlan,
    room: Room,
    found: Vec<Found>,
    /// Places in `found` by what the strings are, and where they were produced.
    by_text: FxHashMap<u64, usize>,
    /// The texts of constants of code that has run, by their hashes, and that code.
    constants: FxHashSet<u64>,
    known: FxHashSet<u32>,
    /// By frame: the instruction whose result comes with the frame's next unit, and whether it is wanted.
    open: FxHashMap<u64, Open>,
    /// Strings without what is looked for of which the end was not recorded, and containers of which items were not.
    cut: Cut,
    taken: Taken,
}

struct Open {
    number: u64,
    instruction: Instruction,
    code: Rc<Code>,
}

impl Strings {
    fn new() -> Strings {
        Strings {
            plan: StringsPlan { min: 0, text: None },
            room: Room::default(),
            found: Vec::new(),
            by_text: FxHashMap::default(),
            constants: FxHashSet::default(),
            known: FxHashSet::default(),
            open: FxHashMap::default(),
            cut: Cut::default(),
            taken: Taken::default(),
        }
    }

    /// Learns the constants of a code object.
    fn learn(&mut self, code: &Code) {
        if self.known.contains(&code.id) {
            return;
        }
        let bytes: usize = code.object.constants.len() * 16;
        if self.room.has(bytes as u64 + 16) {
            self.known.insert(code.id);
            self.constants.extend(code.object.constants.iter().map(hash));
        }
    }

    fn produced(&mut self, value: &Value, number: u64, thread: u32, code: &Rc<Code>, instruction: &Instruction) {
        match value {
            Value::Str(text) => self.string(text, false, number, thread, code, instruction),
            Value::Unicode(text) => self.string(text, true, number, thread, code, instruction),
            Value::Container(Container { items, cut, .. }) if is_call(instruction.opcode) => {
                self.cut.containers += if cut.is_some() { self.taken.times() } else { 0 };
                items.iter().for_each(|item| self.produced(item, number, thread, code, instruction));
            }
            _ => {}
        }
    }

    fn string(
        &mut self,
        text: &Text,
        is_unicode: bool,
        number: u64,
        thread: u32,
        code: &Rc<Code>,
        instruction: &Instruction,
    ) {
        let bytes = &text.bytes;
        if bytes.len() < self.plan.min {
            return;
        }
        let key = hash(&(bytes, text.cut, is_unicode));
        if let Some(place) = self.by_text.get(&key) {
            self.found[*place].times += self.taken.times();
            return;
        }
        // One that has been found still counts when code with it as a constant runs.
        if self.constants.contains(&hash(bytes)) {
            return;
        }
        let length = |chunk: Utf8Chunk| chunk.valid().chars().count() + chunk.invalid().len();
        if is_unicode && bytes.utf8_chunks().map(length).sum::<usize>() < self.plan.min {
            return;
        }
        if self.plan.text.as_ref().is_some_and(|pattern| !pattern.matches(bytes)) {
            self.cut.strings += if text.cut.is_some() { self.taken.times() } else { 0 };
            return;
        }
        if self.room.take(STRING + bytes.len() as u64) {
            self.by_text.insert(key, self.found.len());
            self.found.push(Found {
                text: text.clone(),
                is_unicode,
                number,
                thread,
                code: Rc::clone(code),
                instruction: *instruction,
                times: 1,
            });
        }
    }
}

/// Whether an instruction produces what was not there: it does not only load a value.
fn produces(opcode: u8) -> bool {
    match opcode {
        op::UNARY_CONVERT | op::BINARY_SUBSCR | op::SLICE_0..=op::SLICE_3 | op::FOR_ITER => true,
        op::BINARY_POWER..=op::INPLACE_TRUE_DIVIDE | op::INPLACE_ADD..=op::INPLACE_MODULO => true,
        opcode => is_call(opcode),
    }
}

impl View for Strings {
    fn what(&self) -> &'static str {
        "strings"
    }

    fn wanted(&self) -> Cow<'static, str> {
        match &self.plan.text {
            Some(text) => {
                let cut = if self.cut != Cut::default() { ", as far as they were recorded" } else { "" };
                format!("strings with {}{cut}", Printable::text(text.typed().as_bytes())).into()
            }
            None => self.what().into(),
        }
    }

    fn is_empty(&self) -> bool {
        self.found.is_empty() && self.room.dropped == 0
    }

    fn run(&mut self, _run: &Run, at: &State, _is_wanted: bool) -> Result<bool, SinkError> {
        if let Some(frame) = at.frame() {
            self.learn(&frame.code);
        }
        Ok(true)
    }

    fn unit(&mut self, place: &Place, is_wanted: bool, values: &UnitValues) -> Result<(), SinkError> {
        let frame = place.frame;
        if !self.open.is_empty()
            && let Some(open) = self.open.remove(&frame.id)
        {
            for value in &values.late {
                self.produced(value, open.number, place.thread, &open.code, &open.instruction);
            }
        }
        let instruction = &place.unit.last;
        if !is_wanted || !produces(instruction.opcode) {
            return Ok(());
        }
        if values.results.is_empty() {
            let open = Open { number: place.number, instruction: *instruction, code: Rc::clone(&frame.code) };
            self.open.insert(frame.id, open);
        }
        for value in &values.results {
            self.produced(value, place.number, place.thread, &frame.code, instruction);
        }
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
        self.open.values_mut().for_each(|open| open.number = self.taken.last(open.number));
        self.taken.end();
    }
}

#[inline]
fn hash(what: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = FxHasher::default();
    what.hash(&mut hasher);
    hasher.finish()
}
