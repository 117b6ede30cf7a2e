//! Makes calls of steps: which instruction called what, which frame belongs to which call, and what came of each.

use std::collections::HashMap;
use std::mem;
use std::rc::Rc;

use crate::bytecode::Instruction;
use crate::bytecode::opcode::{is_call, op};
use crate::read::steps::{Entered, Entry, Exit, Item, Step};
use crate::select::Selection;
use crate::trace::value::Value;
use crate::trace::{Code, Raised, SinkError};
use crate::views::query::{Choice, View};

/// Frames on stacks that are remembered.  No program has as many, but a forged trace can enter frames for ever.
const MOST_FRAMES: usize = 1 << 18;

/// A call that was begun.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// Numbered from 1 in the order in which calls begin.
    pub(super) id: u64,
    /// The call that it was made in; None for one that none of those shown made.
    pub(super) parent: Option<u64>,
    /// Calls around it.
    pub(super) indent: u32,
    pub(super) thread: u32,
    /// The instruction that made it, or the frame's first one.
    pub(super) number: u64,
    pub(super) kind: Kind,
}

/// What begins a call.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// An instruction of this code object: a call, an import or an exec.
    Instruction { code: Rc<Code>, instruction: Instruction, operands: Vec<Value> },
    /// A frame that C code entered: a callback, an operator's method, a generator; or one that a call of Python code that is not shown
    /// entered.
    Frame { code: Rc<Code>, arguments: Vec<Value>, entry: Entry },
}

/// What came of a call.
#[derive(Clone, Debug, Default)]
pub(super) enum Outcome {
    Returned(Value),
    Yielded(Value),
    Raised(Raised),
    /// The trace does not say.
    #[default]
    Unknown,
}

/// Prints calls as they begin and end.
pub(super) trait Renderer {
    fn begin(&mut self, call: &Call) -> Result<(), SinkError>;

    /// Ends a call; `number` is the last instruction executed.
    fn end(&mut self, call: &Call, outcome: &Outcome, number: u64) -> Result<(), SinkError>;

    fn finish(&mut self) -> Result<(), SinkError>;
}

/// The view.
pub(super) struct Tree<R> {
    choice: Choice,
    renderer: R,
    frames: HashMap<u64, Active>,
    last_id: u64,
    /// The last instruction executed.
    number: u64,
}

/// Where calls are made: how deep, and in which call.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    indent: u32,
    parent: Option<u64>,
}

/// A frame on a stack.
#[derive(Debug)]
struct Active {
    caller: u64,
    entry: Entry,
    code: Rc<Code>,
    thread: u32,
    /// Where the calls are that it makes.
    place: Place,
    /// Its first step was seen.
    has_begun: bool,
    /// It runs what its caller's instruction called, so the caller has the line.
    is_callee: bool,
    /// Its own line.
    own: Option<Call>,
    open: Option<Open>,
    /// What it returns or yields.
    result: Option<Value>,
    /// The exception that was raised in it last.
    raised: Option<Raised>,
}

/// A call instruction that waits for its result.
#[derive(Debug, Default)]
struct Open {
    /// None if the instruction is not shown.
    call: Option<Call>,
    /// What the frame that it called ended with; the result as the caller gets it comes later.
    outcome: Outcome,
}

impl<R: Renderer> Tree<R> {
    pub(super) fn new(selection: &Selection, renderer: R) -> Tree<R> {
        Tree { choice: Choice::new(selection), renderer, frames: HashMap::new(), last_id: 0, number: 0 }
    }

    fn begin(&mut self, place: Place, thread: u32, number: u64, kind: Kind) -> Result<Call, SinkError> {
        self.last_id += 1;
        let call = Call { id: self.last_id, parent: place.parent, indent: place.indent, thread, number, kind };
        self.renderer.begin(&call)?;
        Ok(call)
    }

    fn end(&mut self, call: Option<Call>, outcome: &Outcome) -> Result<(), SinkError> {
        match call {
            Some(call) => self.renderer.end(&call, outcome, self.number),
            None => Ok(()),
        }
    }

    /// Where a frame's calls are as long as it has no line of its own: in what its caller is calling.
    fn place_under(&self, caller: u64) -> Place {
        let Some(caller) = self.frames.get(&caller) else { return Place::default() };
        match caller.open.as_ref().and_then(|open| open.call.as_ref()) {
            Some(call) => Place { indent: call.indent + 1, parent: Some(call.id) },
            None => caller.place,
        }
    }

    fn enter(&mut self, entered: &Entered) {
        let active = Active {
            caller: entered.caller,
            entry: entered.entry,
            code: Rc::clone(&entered.code),
            thread: entered.thread,
            place: self.place_under(entered.caller),
            has_begun: false,
            is_callee: false,
            own: None,
            open: None,
            result: None,
            raised: None,
        };
        if self.frames.len() >= MOST_FRAMES {
            self.frames.clear();
        }
        self.frames.insert(entered.frame, active);
    }

    fn step(&mut self, step: &Step) -> Result<(), SinkError> {
        self.number = step.number;
        let mut active = self.frames.remove(&step.frame).unwrap_or_else(|| Active::found(step));
        let result = self.step_in(&mut active, step);
        self.frames.insert(step.frame, active);
        result
    }

    fn step_in(&mut self, active: &mut Active, step: &Step) -> Result<(), SinkError> {
        let wanted = self.choice.wants(step);
        if !mem::replace(&mut active.has_begun, true) {
            self.first_step(active, step, wanted)?;
        }
        if let Some(open) = active.open.take() {
            let outcome = step.values.late.first().cloned().map_or(open.outcome, Outcome::Returned);
            self.end(open.call, &outcome)?;
        }
        match step.instruction.opcode {
            op::RETURN_VALUE | op::YIELD_VALUE => active.result = step.values.operands.first().cloned(),
            opcode if is_call(opcode) || matches!(opcode, op::EXEC_STMT | op::IMPORT_NAME) => {
                self.call(active, step, wanted)?;
            }
            _ => {}
        }
        if let Some(raised) = &step.exception {
            active.raised = Some(raised.clone());
        }
        Ok(())
    }

    /// Decides at a frame's first step whose call it is, and begins its own line if it has one.
    fn first_step(&mut self, active: &mut Active, step: &Step, wanted: bool) -> Result<(), SinkError> {
        let is_shown = |caller: &Active| caller.open.as_ref().is_some_and(|open| open.call.is_some());
        active.is_callee = step.values.is_callee;
        if active.is_callee && self.frames.get(&active.caller).is_some_and(is_shown) || !wanted {
            return Ok(());
        }
        let (code, entry) = (Rc::clone(&active.code), active.entry);
        let kind = Kind::Frame { code, arguments: step.values.arguments.clone(), entry };
        let own = self.begin(active.place, step.thread, step.number, kind)?;
        active.place = Place { indent: own.indent + 1, parent: Some(own.id) };
        active.own = Some(own);
        Ok(())
    }

    fn call(&mut self, active: &mut Active, step: &Step, wanted: bool) -> Result<(), SinkError> {
        let has_operands = !step.values.operands.is_empty() || step.instruction.opcode == op::IMPORT_NAME;
        let mut call = None;
        if wanted && has_operands {
            let (code, operands) = (Rc::clone(&step.code), step.values.operands.clone());
            let kind = Kind::Instruction { code, instruction: step.instruction, operands };
            call = Some(self.begin(active.place, step.thread, step.number, kind)?);
        }
        match (step.values.results.first(), &step.exception) {
            (Some(result), _) => self.end(call, &Outcome::Returned(result.clone())),
            (None, Some(raised)) => self.end(call, &Outcome::Raised(raised.clone())),
            (None, None) => {
                active.open = Some(Open { call, outcome: Outcome::Unknown });
                Ok(())
            }
        }
    }

    fn raised(&mut self, frame: u64, raised: &Raised) -> Result<(), SinkError> {
        let Some(active) = self.frames.get_mut(&frame) else { return Ok(()) };
        active.raised = Some(raised.clone());
        match active.open.take() {
            Some(open) => self.end(open.call, &Outcome::Raised(raised.clone())),
            None => Ok(()),
        }
    }

    fn leave(&mut self, frame: u64, exit: Exit) -> Result<(), SinkError> {
        let Some(mut active) = self.frames.remove(&frame) else { return Ok(()) };
        if let Some(open) = active.open.take() {
            self.end(open.call, &open.outcome)?;
        }
        let outcome = match exit {
            Exit::Return => active.result.take().map_or(Outcome::Unknown, Outcome::Returned),
            Exit::Yield => active.result.take().map_or(Outcome::Unknown, Outcome::Yielded),
            Exit::Unwind => active.raised.take().map_or(Outcome::Unknown, Outcome::Raised),
        };
        if !active.has_begun && self.choice.wants_code(&active.code) {
            // An exception was thrown into it before its first instruction.
            let kind = Kind::Frame { code: Rc::clone(&active.code), arguments: Vec::new(), entry: active.entry };
            active.own = Some(self.begin(active.place, active.thread, self.number, kind)?);
        }
        self.end(active.own.take(), &outcome)?;
        if active.is_callee
            && let Some(open) = self.frames.get_mut(&active.caller).and_then(|caller| caller.open.as_mut())
        {
            open.outcome = outcome;
        }
        Ok(())
    }
}

impl Active {
    /// A frame that began before what was read.
    fn found(step: &Step) -> Active {
        Active {
            caller: 0,
            entry: Entry::Announced,
            code: Rc::clone(&step.code),
            thread: step.thread,
            place: Place::default(),
            has_begun: false,
            is_callee: false,
            own: None,
            open: None,
            result: None,
            raised: None,
        }
    }
}

impl<R: Renderer> View for Tree<R> {
    fn what(&self) -> &'static str {
        "calls"
    }

    fn is_empty(&self) -> bool {
        self.last_id == 0
    }

    fn take(&mut self, item: &Item) -> Result<(), SinkError> {
        match item {
            Item::Step(step) => self.step(step),
            Item::Entered(entered) => {
                self.enter(entered);
                Ok(())
            }
            Item::Left { frame, exit, .. } => self.leave(*frame, *exit),
            Item::Raised { frame, raised, .. } => self.raised(*frame, raised),
            Item::Start(_) | Item::Skipped { .. } | Item::End(_) | Item::Flaw(_) => Ok(()),
        }
    }

    fn finish(&mut self) -> Result<(), SinkError> {
        self.renderer.finish()
    }
}
