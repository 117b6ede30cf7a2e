//! Events on their way to the iterator: a sink that keeps each with all that it needs of the state, runs folded up.

use std::collections::VecDeque;
use std::rc::Rc;

use super::{Entered, Entry, Exit, Item, Step};
use crate::bytecode::Instruction;
use crate::bytecode::decode::units;
use crate::bytecode::opcode::EXTENDED_ARG;
use crate::trace::value::{Pending, UnitValues};
use crate::trace::{Code, Event, Frame, Outside, Run, Sink, SinkError, State, Then, numbered};

/// What was decoded and not handed out yet.
#[derive(Default)]
pub(super) struct Queue {
    pub(super) items: VecDeque<Queued>,
    pending: Pending,
}

#[expect(clippy::large_enum_variant, reason = "most of them are runs")]
pub(super) enum Queued {
    Item(Item),
    Run(RunSteps),
}

/// The steps of a run that are left.
pub(super) struct RunSteps {
    /// A step without its instruction.
    place: Step,
    /// Where the next instruction begins, and what the EXTENDED_ARG before it left.
    at: u32,
    prefix: Option<i32>,
    end: u32,
    /// The unit that comes next, and the values of those that are left and have any.
    unit: u32,
    values: std::iter::Peekable<std::vec::IntoIter<(u32, UnitValues)>>,
}

impl RunSteps {
    pub(super) fn is_done(&self) -> bool {
        self.at >= self.end
    }
}

impl Iterator for RunSteps {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        if self.is_done() {
            return None;
        }
        let bytes = &self.place.code.object.bytes;
        let instruction = Instruction::decode(bytes, self.at as usize, self.at.cast_signed(), self.prefix)?;
        self.at += u32::from(instruction.length);
        self.place.number += 1;
        self.prefix = instruction.operand.filter(|_| instruction.opcode == EXTENDED_ARG);
        let mut values = UnitValues::default();
        if instruction.opcode != EXTENDED_ARG {
            if let Some((_, found)) = self.values.next_if(|(unit, _)| *unit == self.unit) {
                values = found;
            }
            self.unit += 1;
        }
        Some(Step { instruction, values, ..self.place.clone() })
    }
}

impl Queue {
    pub(super) fn push(&mut self, item: Item) {
        self.items.push_back(Queued::Item(item));
    }

    /// Takes the instructions of a run; values wait for one that is not empty.
    fn push_steps(&mut self, run: &Run, frame: &Frame, at: &State) {
        let mut values = Vec::new();
        let mut cursor = self.pending.cursor(at.names(), &frame.code.object);
        let run_units = units(&frame.code.object.bytes, run.start).take_while(|unit| unit.end <= run.end());
        for (number, unit) in (0..).zip(run_units) {
            if cursor.is_done() {
                break;
            }
            let mut found = UnitValues::default();
            cursor.next(&unit.last, &mut found);
            if found != UnitValues::default() {
                values.push((number, found));
            }
        }
        self.pending.clear();
        let place = place_of(frame, at);
        let (at, end, values) = (run.start, run.end(), values.into_iter().peekable());
        self.items.push_back(Queued::Run(RunSteps { place, at, prefix: None, end, unit: 0, values }));
    }

    fn push_outside(&mut self, outside: &Outside, at: &State) {
        let Some(frame) = at.frame() else { return };
        let place = place_of(frame, at);
        for (number, instruction) in numbered::of_outside(outside, at) {
            self.push(Item::Step(Box::new(Step { number, instruction, ..place.clone() })));
        }
    }

    /// A frame comes on top after `count` more instructions.
    fn push_entered(&mut self, entry: Entry, frame: u64, code: Option<&Rc<Code>>, count: u64, at: &State) {
        // A run that was taken names no unknown code object.
        let Some(code) = code.cloned() else { return };
        let (caller, depth) = at.frame().map_or((0, 0), |caller| (caller.id, caller.depth + 1));
        self.push(Item::Entered(Entered {
            thread: at.thread,
            frame,
            number: at.instructions + count,
            caller,
            depth,
            code,
            entry,
        }));
    }

    fn push_left(&mut self, exit: Exit, count: u64, at: &State) {
        if let Some(frame) = at.frame() {
            self.push(Item::Left { thread: at.thread, frame: frame.id, number: at.instructions + count, exit });
        }
    }
}

/// The place of the steps that come next in a frame.
fn place_of(frame: &Frame, at: &State) -> Step {
    Step {
        number: at.instructions,
        thread: at.thread,
        frame: frame.id,
        depth: frame.depth,
        code: Rc::clone(&frame.code),
        instruction: Instruction { offset: 0, opcode: 0, operand: None, length: 1 },
        values: UnitValues::default(),
        exception: None,
    }
}

impl Sink for Queue {
    fn event(&mut self, event: &Event, at: &State) -> Result<(), SinkError> {
        match event {
            Event::Start(start) => self.push(Item::Start(start.clone())),
            Event::Outside(outside) => self.push_outside(outside, at),
            Event::Raised(raised) => {
                if let Some(frame) = at.frame() {
                    let (thread, frame, number) = (at.thread, frame.id, at.instructions);
                    self.push(Item::Raised { thread, frame, number, raised: raised.clone() });
                }
            }
            Event::Announce(frame) => self.push_entered(Entry::Announced, frame.frame, at.code(frame.code), 0, at),
            Event::Skipped(skipped) if skipped.instructions > 0 => {
                let first = at.instructions.saturating_add(1);
                let numbers = first..first.saturating_add(skipped.instructions);
                self.push(Item::Skipped { numbers, own: skipped.own });
            }
            Event::End(end) => self.push(Item::End(end.clone())),
            _ => self.pending.event(event, at),
        }
        Ok(())
    }

    fn run(&mut self, run: &Run, at: &State) -> Result<(), SinkError> {
        if let Some(frame) = at.frame().filter(|_| run.length > 0) {
            self.push_steps(run, frame, at);
        }
        match run.then() {
            Then::Call { code } => self.push_entered(Entry::New, at.next_frame, at.code(code), run.count, at),
            Then::Resume { slot } => {
                if let Some(frame) = at.suspended(slot) {
                    self.push_entered(Entry::Resumed, frame.id, Some(&frame.code), run.count, at);
                }
            }
            Then::Return => self.push_left(Exit::Return, run.count, at),
            Then::Yield { .. } => self.push_left(Exit::Yield, run.count, at),
            Then::Unwind => self.push_left(Exit::Unwind, run.count, at),
            _ => {}
        }
        Ok(())
    }

    fn values(&mut self, words: &[u64], _at: &State) -> Result<(), SinkError> {
        self.pending.push(words);
        Ok(())
    }

    fn written(&self) -> u64 {
        0
    }
}
