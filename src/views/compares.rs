//! `bctrace compares`: what was compared, looked up and calculated, one line for each time, in the order of execution.

mod comparing;
mod writer;

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use crate::bytecode::Instruction;
use crate::format::Output;
use crate::read::steps::{Entered, Item, Step};
use crate::read::{Flaw, TraceError};
use crate::trace::value::{UnitValues, Value};
use crate::trace::{Code, Raised, SinkError};
use crate::views::Answer;
use crate::views::query::{Choice, Query, View};
use comparing::Comparing;
use writer::Writer;

/// Comparisons that wait for one before them to have its result; one that takes longer is written when it has it.
const WAITING: usize = 10_000;

/// Writes the comparisons into `output`, each flaw of the trace to `report`.  With `all` no place is cut
/// short.
pub fn run(query: &Query, all: bool, output: Output, report: &mut dyn FnMut(Flaw)) -> Result<Answer, TraceError> {
    let mut view = Compares {
        choice: Choice::new(&query.selection),
        writer: Writer::new(query, all, output)?,
        next: 0,
        waiting: BTreeMap::new(),
        overdue: HashMap::new(),
        open: HashMap::new(),
    };
    query.answer(&mut view, report)
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
    outcome: Option<Outcome>,
}

/// What came of a comparison.
#[derive(Clone, Debug, PartialEq)]
enum Outcome {
    Value(Value),
    Raised(Raised),
    /// The trace does not say.
    Unknown,
}

struct Compares {
    choice: Choice,
    writer: Writer,
    /// Comparisons are numbered from 0.
    next: u64,
    /// Those that are not written, from the first one without a result.
    waiting: BTreeMap<u64, Comparison>,
    /// Those without a result that the others do not wait for any longer.
    overdue: HashMap<u64, Comparison>,
    /// By frame: the comparison whose result comes with the frame's next step.
    open: HashMap<u64, Open>,
}

#[derive(Clone, Copy)]
struct Open {
    comparison: u64,
    /// It is none if the function that it calls is not the library's.
    is_guess: bool,
}

impl Compares {
    fn step(&mut self, step: &Step) -> Result<(), SinkError> {
        let UnitValues { late, operands, results, .. } = &step.values;
        self.settle(step.frame, late.first().cloned().map_or(Outcome::Unknown, Outcome::Value))?;
        let comparing = comparing::of(&step.instruction, operands);
        if comparing == Comparing::No || !self.choice.wants(step) {
            return Ok(());
        }
        let outcome = match (results.first(), &step.exception) {
            (Some(result), _) => Some(Outcome::Value(result.clone())),
            (None, Some(raised)) => Some(Outcome::Raised(raised.clone())),
            (None, None) => None,
        };
        if outcome.is_none() {
            let is_guess = comparing == Comparing::IfLibrary;
            self.open.insert(step.frame, Open { comparison: self.next, is_guess });
        }
        let comparison = Comparison {
            number: step.number,
            thread: step.thread,
            frame: step.frame,
            code: Rc::clone(&step.code),
            instruction: step.instruction,
            operands: operands.clone(),
            outcome,
        };
        self.waiting.insert(self.next, comparison);
        self.next += 1;
        self.write()
    }

    /// A frame begins: it shows whether a function that has the name of one of the library's is that.
    fn enter(&mut self, entered: &Entered) {
        let Some(open) = self.open.get_mut(&entered.caller).filter(|open| open.is_guess) else { return };
        open.is_guess = false;
        if !entered.code.is_stdlib {
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
            return self.writer.write(&comparison);
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
                self.writer.write(&first.remove())?;
            } else if self.waiting.len() > WAITING {
                self.overdue.extend(self.waiting.pop_first());
            } else {
                break;
            }
        }
        Ok(())
    }
}

impl View for Compares {
    fn what(&self) -> &'static str {
        "comparisons"
    }

    fn is_empty(&self) -> bool {
        self.writer.is_empty()
    }

    fn take(&mut self, item: &Item) -> Result<(), SinkError> {
        match item {
            Item::Step(step) => self.step(step),
            Item::Entered(entered) => {
                self.enter(entered);
                Ok(())
            }
            Item::Raised { frame, raised, .. } => self.settle(*frame, Outcome::Raised(raised.clone())),
            Item::Left { frame, .. } => self.settle(*frame, Outcome::Unknown),
            Item::Start(_) | Item::Skipped { .. } | Item::End(_) | Item::Flaw(_) => Ok(()),
        }
    }

    fn finish(&mut self) -> Result<(), SinkError> {
        let overdue: BTreeMap<u64, Comparison> = self.overdue.drain().collect();
        for comparison in overdue.values().chain(self.waiting.values()) {
            self.writer.write(comparison)?;
        }
        self.writer.finish()
    }
}
