//! Follows through a trace with values which of them are or derive from the program's input, which are constants, and of which string
//! or list one is a piece.  It goes by the value stack and local variables of each frame, by global names and attributes, and where
//! neither reaches, as through C code, by the values themselves.  It is a guide for the eye and no proof.

mod mark;
mod memory;
mod sources;

use std::rc::Rc;

use rustc_hash::FxHashMap;

use crate::bytecode::opcode::{is_call, op};
use crate::bytecode::operand::Operand;
use crate::bytecode::{Instruction, effect};
use crate::read::rebuild::{Entry, FrameState, pops};
use crate::read::steps::{Entered, Exit};
use crate::read::visit::Place;
use crate::trace::value::{UnitValues, Value};
use crate::trace::{Code, Event, Frame, Laps, State};

pub(super) use mark::{Mark, Source};
use memory::Memory;

/// Frames that are remembered.  No program has as many, but a forged trace can enter frames for ever.
const MOST_FRAMES: usize = 1 << 18;

/// What is known of the values of a program.
#[derive(Default)]
pub(super) struct Flow {
    /// The frames that do not run.
    frames: FxHashMap<u64, Track>,
    /// The number of the frame that runs, and the frame.
    number: u64,
    track: Track,
    memory: Memory,
    /// The marks of what the last unit consumed, in the order of its operands.
    operands: Vec<Mark>,
    /// After how many instructions it was asked about laps last, and what was known then of the frame that ran.
    before_laps: Option<(u64, FrameState<Mark>)>,
}

/// What is known of a frame.
#[derive(Default)]
struct Track {
    state: FrameState<Mark>,
    last: Option<Last>,
    /// The frame that it runs on top of.
    caller: u64,
    /// What the frame that it called last has returned or yielded.
    returned: Option<Mark>,
    /// What it is about to return or yield.
    result: Mark,
}

/// A frame's last unit, which is executed when it is known where the frame goes on.
struct Last {
    instruction: Instruction,
    /// Where the next unit begins if it does not jump.
    end: u32,
    /// Of each of its results.
    mark: Mark,
    /// How many results were shown with it.
    results: usize,
    /// What it hands to a function, if any of it is worth knowing.
    passed: Vec<(Value, Mark)>,
}

impl Flow {
    /// What is known of the operands of the unit that was taken last.
    pub(super) fn operands(&self) -> &[Mark] {
        &self.operands
    }

    /// Returns whether the lap of a frame that has just ended, which held no values, has changed nothing that is known, so that no further
    /// one will.
    pub(super) fn is_settled(&mut self, laps: &Laps, at: &State) -> bool {
        let state = self.track.state.clone();
        let before = self.before_laps.replace((at.instructions, state));
        before.is_some_and(|(instructions, state)| {
            instructions + laps.instructions == at.instructions && state == self.track.state
        })
    }

    pub(super) fn event(&mut self, event: &Event) {
        match event {
            Event::Start(start) => start.argv.iter().skip(1).for_each(|word| self.memory.input(word)),
            Event::Input(input) => input.bytes.split(|&byte| byte == b'\n').for_each(|line| self.memory.input(line)),
            _ => {}
        }
    }

    pub(super) fn entered(&mut self, entered: &Entered) {
        if self.frames.len() >= MOST_FRAMES {
            self.frames.clear();
        }
        self.switch(entered.caller);
        self.track.returned = None;
        self.switch(entered.frame);
        self.track.caller = entered.caller;
    }

    pub(super) fn left(&mut self, frame: &Frame, exit: Exit) {
        self.switch(frame.id);
        let (caller, result) = (self.track.caller, std::mem::take(&mut self.track.result));
        if exit == Exit::Yield {
            self.switch(caller);
        } else {
            self.number = caller;
            self.track = self.frames.remove(&caller).unwrap_or_default();
        }
        if exit != Exit::Unwind {
            self.track.returned = Some(result);
        }
    }

    pub(super) fn raised(&mut self, frame: &Frame) {
        self.switch(frame.id);
        self.track.last = None;
        self.track.state.raise();
    }

    /// Takes a unit and what was recorded with it.
    pub(super) fn unit(&mut self, place: &Place, values: &UnitValues) {
        let unit = place.unit;
        self.switch(place.frame.id);
        self.settle(unit.start, values);
        let instruction = &unit.last;
        self.look_at_operands(instruction, &values.operands);
        let mark = self.mark_of(&place.frame.code, instruction, values);
        let results = values.results.len();
        values.results.iter().for_each(|result| self.memory.made(result, &mark));
        let passed = self.passed(instruction, &values.operands);
        self.track.last = Some(Last { instruction: *instruction, end: unit.end, mark, results, passed });
    }

    /// Makes a frame the one that runs.
    #[inline]
    fn switch(&mut self, frame: u64) {
        if self.number != frame {
            let next = self.frames.remove(&frame).unwrap_or_default();
            let before = std::mem::replace(&mut self.track, next);
            if self.number != 0 {
                self.frames.insert(self.number, before);
            }
            self.number = frame;
        }
    }

    /// Executes the frame's last unit, now that it goes on at `start`.
    fn settle(&mut self, start: u32, values: &UnitValues) {
        let arguments: Vec<Mark> = values.arguments.iter().map(|argument| self.of_argument(argument)).collect();
        let track = &mut self.track;
        let mut late = Mark::default();
        if let Some(Last { instruction, end, mark, results, .. }) = track.last.take() {
            let jumped = end != start;
            match results {
                0 => track.state.execute(&instruction, &[], jumped),
                1 => track.state.execute(&instruction, std::slice::from_ref(&mark), jumped),
                count => track.state.execute(&instruction, &vec![mark.clone(); count], jumped),
            }
            late = match track.returned.take() {
                Some(returned) => returned.or_input(&mark),
                None => mark,
            };
        }
        match values.late.len() {
            0 => track.state.arrive_with(&arguments, &[]),
            1 => track.state.arrive_with(&arguments, std::slice::from_ref(&late)),
            count => track.state.arrive_with(&arguments, &vec![late.clone(); count]),
        }
        values.late.iter().for_each(|value| self.memory.made(value, &late));
    }

    /// What is known of an argument of the frame that begins: what its caller has handed over.
    fn of_argument(&self, argument: &Value) -> Mark {
        let mut mark = self.memory.of(argument);
        let caller = self.frames.get(&self.track.caller).and_then(|caller| caller.last.as_ref());
        for (value, passed) in caller.map_or(&[][..], |last| &last.passed) {
            if value == argument {
                return passed.clone().or_input(&mark);
            }
            mark.is_input |= passed.is_input && mark::is_part(argument, value);
        }
        mark
    }

    /// Takes the marks of what a unit consumes off the value stack.
    fn look_at_operands(&mut self, instruction: &Instruction, values: &[Value]) {
        let operand = instruction.operand.unwrap_or(0);
        let shown = effect::of(instruction.opcode, operand).operands as usize;
        let count = match instruction.opcode {
            op::BUILD_TUPLE..=op::BUILD_SET => pops(instruction),
            _ => shown,
        };
        self.operands.clear();
        let stack = &self.track.state.stack;
        let missing = count.saturating_sub(stack.len()).min(1 << 10);
        self.operands.resize(missing, Mark::default());
        self.operands.extend(stack[stack.len() - count.min(stack.len())..].iter().map(Mark::of_entry));
        for (mark, value) in self.operands.iter_mut().zip(values) {
            mark.is_input = mark.is_input || self.memory.has(value);
        }
    }

    /// What a call hands over, if any of it is worth knowing.
    fn passed(&self, instruction: &Instruction, operands: &[Value]) -> Vec<(Value, Mark)> {
        if !is_call(instruction.opcode) || !self.operands.iter().any(Mark::is_known) {
            return Vec::new();
        }
        let receiver = match operands.first() {
            Some(Value::Object { receiver: Some(receiver), .. }) => Some((&**receiver, &self.operands[0])),
            _ => None,
        };
        let arguments = operands.iter().zip(&self.operands).skip(1);
        receiver.into_iter().chain(arguments).map(|(value, mark)| (value.clone(), mark.clone())).collect()
    }

    /// What is known of the results of a unit by what it does; notes what it stores.
    fn mark_of(&mut self, code: &Code, instruction: &Instruction, values: &UnitValues) -> Mark {
        let opcode = instruction.opcode;
        let operands = &values.operands;
        match opcode {
            op::LOAD_FAST | op::LOAD_CONST | op::STORE_FAST | op::POP_TOP => Mark::default(),
            op::LOAD_NAME | op::LOAD_GLOBAL | op::LOAD_DEREF | op::LOAD_CLOSURE => {
                self.memory.name(name_of(code, instruction))
            }
            op::STORE_NAME | op::STORE_GLOBAL | op::STORE_DEREF => {
                let mark = self.operands.first().cloned().unwrap_or_default();
                self.memory.set_name(name_of(code, instruction), mark);
                Mark::default()
            }
            op::LOAD_ATTR => self.attribute(name_of(code, instruction), operands),
            op::STORE_ATTR => {
                if let ([mark, ..], [_, object]) = (&self.operands[..], &operands[..]) {
                    self.memory.set_attribute(object, name_of(code, instruction), mark.clone());
                }
                Mark::default()
            }
            op::IMPORT_FROM => Mark { is_input: sources::is_name(name_of(code, instruction)), ..Mark::default() },
            op::STORE_SUBSCR => {
                if let ([mark, ..], [_, container, ..]) = (&self.operands[..], &operands[..])
                    && mark.is_input
                {
                    self.memory.put_into(container);
                }
                Mark::default()
            }
            op::LIST_APPEND | op::SET_ADD => self.put_into(1 + instruction.operand.unwrap_or(1).max(0) as usize),
            op::MAP_ADD => self.put_into(2 + instruction.operand.unwrap_or(1).max(0) as usize),
            op::STORE_MAP => self.put_into(3),
            op::RETURN_VALUE | op::YIELD_VALUE => {
                self.track.result = self.operands.first().cloned().unwrap_or_default();
                Mark::default()
            }
            op::FOR_ITER => self.item(),
            op::GET_ITER => self.iterator(operands),
            op::BINARY_SUBSCR => self.subscript(operands),
            op::COMPARE_OP => Mark { from: None, ..Mark::together(&self.operands) },
            opcode if is_call(opcode) => self.called(operands),
            _ => {
                let mark = Mark::together(&self.operands);
                match values.results.first() {
                    // What is made of several pieces is none.
                    Some(result) if mark::has_pieces(result) => Mark { from: None, ..mark },
                    _ => mark,
                }
            }
        }
    }

    /// Marks a container on the value stack, so many entries from the top, for what is put into it.
    fn put_into(&mut self, depth: usize) -> Mark {
        let is_input = self.operands.iter().any(|mark| mark.is_input);
        let stack = &mut self.track.state.stack;
        if let Some(place) = stack.len().checked_sub(depth).filter(|_| is_input) {
            stack[place] = Entry::Known(Mark { is_input, ..Mark::of_entry(&stack[place]) });
        }
        Mark::default()
    }

    fn attribute(&self, name: &[u8], operands: &[Value]) -> Mark {
        let mut mark = operands.first().map(|object| self.memory.attribute(object, name)).unwrap_or_default();
        if let Some(object) = self.operands.first() {
            mark.is_input |= object.is_input || sources::is_name(name);
            mark.is_constant |= object.is_constant;
        }
        mark
    }

    fn iterator(&mut self, operands: &[Value]) -> Mark {
        let mut mark = self.operands.first().cloned().unwrap_or_default();
        if let Some(value) = operands.first() {
            mark.is_input |= sources::is_file(value);
            if mark::has_pieces(value) && mark.from.is_none() {
                mark.from = Some(Source::new(self.memory.shared(value), 0));
            }
        }
        mark
    }

    /// What is known of the next item of the iterator on top of the value stack.
    fn item(&mut self) -> Mark {
        let Some(iterator) = self.track.state.stack.last_mut() else { return Mark::default() };
        let mark = Mark::of_entry(iterator);
        if let Entry::Known(Mark { from: Some(source), .. }) = iterator {
            source.at += 1;
        }
        mark
    }

    fn subscript(&mut self, operands: &[Value]) -> Mark {
        let mark = Mark { from: None, ..Mark::together(&self.operands) };
        match operands {
            [container, Value::Int(index), ..] if mark::has_pieces(container) => {
                Mark { from: Some(Source::new(self.memory.shared(container), *index)), ..mark }
            }
            _ => mark,
        }
    }

    /// What is known of the result of a call as far as C code makes it.
    fn called(&mut self, operands: &[Value]) -> Mark {
        let Some((callee, arguments)) = operands.split_first() else { return Mark::default() };
        let mut mark = Mark::together(&self.operands[1.min(self.operands.len())..]);
        let is_pure = sources::is_pure(callee);
        mark.is_constant &= !arguments.is_empty() && is_pure;
        mark.from = mark.from.filter(|_| is_pure);
        if mark.is_input
            && let Value::Object { receiver: Some(receiver), .. } = callee
        {
            self.memory.put_into(receiver);
        }
        mark.is_input |= self.operands.first().is_some_and(|callee| callee.is_input);
        mark.is_input |= self.memory.has_receiver(callee) || sources::reads(callee);
        if sources::makes_iterator(callee) {
            let whole = match arguments {
                [one] if mark::has_pieces(one) => Some(self.memory.shared(one)),
                [_, ..] => Some(Rc::new(mark::tuple(arguments))),
                [] => None,
            };
            mark.from = whole.map(|whole| Source::new(whole, 0));
        }
        mark
    }
}

fn name_of<'a>(code: &'a Code, instruction: &Instruction) -> &'a [u8] {
    match Operand::resolve(&code.object, instruction) {
        Operand::Text(name) => name,
        _ => b"",
    }
}
