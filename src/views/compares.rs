//! `bctrace compares`: what was compared, looked up and calculated: by default a block for each place, those first that are most likely
//! to say what the program wants, or a line for each time, in the order of execution.

mod blocks;
mod comparing;
mod line;
mod pieces;
mod print;
mod rank;
mod writer;

use std::collections::BTreeMap;
use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::flow::{Flow, Mark};
use super::items::Outcome;
use super::left_out::LeftOut;
use super::query::{Query, View, ended};
use super::{Answer, room::Room};
use crate::bytecode::Instruction;
use crate::format::Output;
use crate::format::lines::Lines;
use crate::read::steps::{Entered, Exit};
use crate::read::visit::Place;
use crate::read::{Flaw, TraceError};
use crate::trace::value::{UnitValues, Value};
use crate::trace::{Code, Event, Frame, Laps, Raised, SinkError, State};
use blocks::Blocks;
use comparing::Comparing;
use writer::Writer;

/// Comparisons that wait for one before them to have its result; one that takes longer is written when it has it.
const WAITING: usize = 10_000;

/// How comparisons are printed.
#[derive(Clone, Copy, Debug, Default)]
pub struct ComparesPlan {
    /// One after the other, in the order of execution, instead of by relevance.
    pub in_order: bool,
    /// Nothing of a place is cut short.
    pub all: bool,
}

/// Writes the comparisons into `output`, each flaw of the trace to `report`.
pub fn run(
    query: &Query,
    plan: ComparesPlan,
    output: Output,
    report: &mut dyn FnMut(Flaw),
) -> Result<Answer, TraceError> {
    let mut lines = Lines::new(output, None);
    if plan.in_order {
        if query.json {
            let left_out = query.count_left_out()?;
            query.write_head(&mut lines, "compares", &left_out)?;
        }
        let writer = Writer::new(query.json, plan.all, lines);
        let mut view = Compares::new(Taker::InOrder(writer), None);
        return match query.ask(&mut view, report) {
            Err(TraceError::Output(error)) => ended(Answer::default(), Err(error)),
            Err(error) => Err(error),
            Ok((answer, left_out)) => ended(answer, view.finish(query, &left_out)),
        };
    }
    let blocks = Blocks::new(plan.all, Room::new(query.memory));
    let mut view = Compares::new(Taker::ByPlace(blocks), Some(Flow::default()));
    let (answer, left_out) = query.ask(&mut view, report)?;
    let result = view.settle_rest().and_then(|()| match view.taker {
        Taker::ByPlace(blocks) => print::write(blocks, query, left_out, &mut lines),
        Taker::InOrder(_) => Ok(()),
    });
    ended(answer, result)
}

/// One comparison.
#[derive(Clone, Debug)]
struct Comparison {
    number: u64,
    thread: u32,
    frame: u64,
    code: Rc<Code>,
    instruction: Instruction,
    operands: Vec<Value>,
    /// What is known of the operands.
    marks: Vec<Mark>,
    outcome: Option<Outcome>,
}

/// What takes comparisons that have their results.
#[expect(clippy::large_enum_variant, reason = "there is one")]
enum Taker {
    InOrder(Writer),
    ByPlace(Blocks),
}

impl Taker {
    fn take(&mut self, comparison: Comparison) -> Result<(), SinkError> {
        match self {
            Taker::InOrder(writer) => writer.write(comparison),
            Taker::ByPlace(blocks) => {
                blocks.take(comparison);
                Ok(())
            }
        }
    }
}

impl Comparison {
    /// Whether both read the same, wherever they are.
    fn reads_as(&self, other: &Comparison) -> bool {
        self.operands == other.operands && self.outcome == other.outcome
    }

    /// Whether the other one is the same once more, at the same place.
    fn is_again(&self, other: &Comparison) -> bool {
        let place = |comparison: &Comparison| (comparison.code.id, comparison.instruction.offset);
        place(self) == place(other) && self.reads_as(other)
    }
}

struct Compares {
    taker: Taker,
    flow: Option<Flow>,
    /// Comparisons are numbered from 0.
    next: u64,
    /// Those that are not written, from the first one without a result.
    waiting: BTreeMap<u64, Comparison>,
    /// Those without a result that the others do not wait for any longer.
    overdue: FxHashMap<u64, Comparison>,
    /// By frame: the comparison whose result comes with the frame's next step.
    open: FxHashMap<u64, Open>,
    /// The comparison that was next, and how many waited for their results, when it was asked about laps.
    before_laps: (u64, usize),
}

#[derive(Clone, Copy)]
struct Open {
    comparison: u64,
    /// It is none if the function that it calls is not the library's.
    is_guess: bool,
}

impl Compares {
    fn new(taker: Taker, flow: Option<Flow>) -> Compares {
        Compares {
            taker,
            flow,
            next: 0,
            waiting: BTreeMap::new(),
            overdue: FxHashMap::default(),
            open: FxHashMap::default(),
            before_laps: (0, 0),
        }
    }

    fn begin(&mut self, place: &Place, values: &UnitValues) -> Result<(), SinkError> {
        let instruction = place.unit.last;
        let comparing = comparing::of(&instruction, &values.operands);
        if comparing == Comparing::No {
            return Ok(());
        }
        if let Taker::InOrder(writer) = &mut self.taker
            && self.waiting.is_empty()
            && !values.results.is_empty()
            && writer.leaves_out(place.frame.code.id, instruction.offset)?
        {
            self.next += 1;
            return Ok(());
        }
        let outcome = values.results.first().map(|result| Outcome::Value(result.clone()));
        let comparison = Comparison {
            number: place.number,
            thread: place.thread,
            frame: place.frame.id,
            code: Rc::clone(&place.frame.code),
            instruction,
            operands: values.operands.clone(),
            marks: self.flow.as_ref().map_or(Vec::new(), |flow| flow.operands().to_vec()),
            outcome,
        };
        self.next += 1;
        if comparison.outcome.is_some() && self.waiting.is_empty() {
            return self.taker.take(comparison);
        }
        if comparison.outcome.is_none() {
            let is_guess = comparing == Comparing::IfLibrary;
            self.open.insert(place.frame.id, Open { comparison: self.next - 1, is_guess });
        }
        self.waiting.insert(self.next - 1, comparison);
        self.write()
    }

    /// A frame begins: it shows whether a function that has the name of one of the library's is that.
    fn enter(&mut self, entered: &Entered, is_library: bool) {
        let Some(open) = self.open.get_mut(&entered.caller).filter(|open| open.is_guess) else { return };
        open.is_guess = false;
        if !is_library {
            self.waiting.remove(&open.comparison);
            self.overdue.remove(&open.comparison);
            self.open.remove(&entered.caller);
        }
    }

    /// Gives the comparison that waits in a frame its result.
    fn settle(&mut self, frame: u64, outcome: Outcome) -> Result<(), SinkError> {
        let Some(open) = self.open.remove(&frame) else { return Ok(()) };
        if let Some(mut comparison) = self.overdue.remove(&open.comparison) {
            comparison.outcome = Some(outcome);
            return self.taker.take(comparison);
        }
        if let Some(comparison) = self.waiting.get_mut(&open.comparison) {
            comparison.outcome = Some(outcome);
        }
        self.write()
    }

    /// Writes the first ones, as far as they have their results.
    fn write(&mut self) -> Result<(), SinkError> {
        while let Some(first) = self.waiting.first_entry() {
            if first.get().outcome.is_some() {
                self.taker.take(first.remove())?;
            } else if self.waiting.len() > WAITING {
                self.overdue.extend(self.waiting.pop_first());
            } else {
                break;
            }
        }
        Ok(())
    }

    /// Writes those that have no results.
    fn settle_rest(&mut self) -> Result<(), SinkError> {
        let overdue: BTreeMap<u64, Comparison> = self.overdue.drain().collect();
        let waiting = std::mem::take(&mut self.waiting);
        overdue.into_values().chain(waiting.into_values()).try_for_each(|comparison| self.taker.take(comparison))
    }

    fn finish(&mut self, query: &Query, left_out: &LeftOut) -> Result<(), SinkError> {
        self.settle_rest()?;
        match &mut self.taker {
            Taker::InOrder(writer) => writer.finish(query, left_out),
            Taker::ByPlace(_) => Ok(()),
        }
    }
}

impl View for Compares {
    fn what(&self) -> &'static str {
        "comparisons"
    }

    fn is_empty(&self) -> bool {
        let is_empty = match &self.taker {
            Taker::InOrder(writer) => writer.is_empty(),
            Taker::ByPlace(blocks) => blocks.is_empty(),
        };
        is_empty && self.waiting.is_empty() && self.overdue.is_empty()
    }

    fn event(&mut self, event: &Event, _at: &State) -> Result<(), SinkError> {
        if let Some(flow) = &mut self.flow {
            flow.event(event);
        }
        if let (Event::Skipped(skipped), Taker::ByPlace(blocks)) = (event, &mut self.taker)
            && skipped.iterations > 0
        {
            blocks.note_gap();
        }
        Ok(())
    }

    fn unit(&mut self, place: &Place, is_wanted: bool, values: &UnitValues) -> Result<(), SinkError> {
        if let Some(flow) = &mut self.flow {
            flow.unit(place, values);
        }
        if !self.open.is_empty() {
            let result = values.late.first().cloned().map_or(Outcome::Unknown, Outcome::Value);
            self.settle(place.frame.id, result)?;
        }
        if is_wanted { self.begin(place, values) } else { Ok(()) }
    }

    fn entered(&mut self, entered: &Entered, is_library: bool) -> Result<(), SinkError> {
        if let Some(flow) = &mut self.flow {
            flow.entered(entered);
        }
        self.enter(entered, is_library);
        Ok(())
    }

    fn left(&mut self, frame: &Frame, exit: Exit, _number: u64, _is_wanted: bool) -> Result<(), SinkError> {
        if let Some(flow) = &mut self.flow {
            flow.left(frame, exit);
        }
        self.settle(frame.id, Outcome::Unknown)
    }

    fn raised(&mut self, frame: &Frame, raised: &Raised, _number: u64) -> Result<(), SinkError> {
        if let Some(flow) = &mut self.flow {
            flow.raised(frame);
        }
        self.settle(frame.id, Outcome::Raised(raised.clone()))
    }

    /// A lap in which nothing is compared, and that leaves values where they were, does nothing.
    fn laps(&mut self, laps: &Laps, at: &State) -> bool {
        let before = std::mem::replace(&mut self.before_laps, (self.next, self.open.len()));
        let is_plain = !laps.has_values && !laps.has_frames && !laps.has_exceptions;
        is_plain && before == self.before_laps && self.flow.as_mut().is_none_or(|flow| flow.is_settled(laps, at))
    }
}
