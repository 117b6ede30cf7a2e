//! Makes calls of steps: which instruction called what, which frame belongs to which call, and what came of each.

use std::borrow::Cow;
use std::mem;
use std::rc::Rc;

use rustc_hash::FxHashMap;

use crate::bytecode::escape::Printable;
use crate::bytecode::opcode::{is_call, op};
use crate::read::steps::{Entered, Entry, Exit};
use crate::read::visit::Place as Executed;
use crate::trace::event::{StandIn, StandInUse};
use crate::trace::value::{UnitValues, Value, last_part};
use crate::trace::{Code, Event, Frame, Laps, Raised, SinkError, Start, State};
use crate::views::query::View;

use super::CallsPlan;
use super::call::{Call, Kind, Outcome, Renderer};
use super::folded::Folded;

/// Frames on stacks that are remembered.  No program has as many, but a forged trace can enter frames for ever.
const MOST_FRAMES: usize = 1 << 18;

/// The view.
pub(super) struct Tree<R> {
    plan: CallsPlan,
    pub(super) renderer: R,
    frames: FxHashMap<u64, Active>,
    folded: Folded,
    last_id: u64,
    /// The last instruction executed.
    number: u64,
    /// The frame that runs, if it has begun and is not calling; else 0.
    plain: u64,
    /// The frame that executed the last unit, and the offset of that.
    last: (u64, i32),
    /// The last call, and the frame that ran, when it was asked about laps.
    before_laps: (u64, u64),
}

/// Where calls are made: how deep, and in which call.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    indent: u32,
    parent: Option<u64>,
    is_folded: bool,
}

/// A frame on a stack.
#[derive(Debug)]
struct Active {
    caller: u64,
    /// The offset of the instruction that the caller was at.
    by: Option<i32>,
    /// The offset of its own instruction that entered a frame last.
    at: Option<i32>,
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
    pub(super) fn new(plan: CallsPlan, renderer: R) -> Tree<R> {
        let folded = Folded::new(plan.all);
        Tree {
            plan,
            renderer,
            frames: FxHashMap::default(),
            folded,
            last_id: 0,
            number: 0,
            plain: 0,
            last: (0, 0),
            before_laps: (0, 0),
        }
    }

    fn begin(&mut self, place: Place, thread: u32, number: u64, kind: Kind) -> Result<Call, SinkError> {
        self.last_id += 1;
        let indent = if self.plan.is_flat() { 0 } else { place.indent };
        let mut call =
            Call { id: self.last_id, parent: place.parent, indent, thread, number, kind, is_folded: place.is_folded };
        if !call.is_folded {
            call.is_folded = self.folded.folds(&call);
        }
        if !call.is_folded {
            self.renderer.begin(&call)?;
        }
        Ok(call)
    }

    fn end(&mut self, call: Option<Call>, outcome: &Outcome) -> Result<(), SinkError> {
        let Some(call) = call.filter(|call| !call.is_folded) else { return Ok(()) };
        self.write_folded(Some(call.id))?;
        self.renderer.end(&call, outcome, self.number)
    }

    /// Says what was folded in a call that ends.
    fn write_folded(&mut self, parent: Option<u64>) -> Result<(), SinkError> {
        for (like, times) in self.folded.of(parent) {
            self.renderer.folded(&like, times)?;
        }
        Ok(())
    }

    /// Says what was folded in calls that have not ended.
    pub(super) fn finish(&mut self) -> Result<(), SinkError> {
        for (like, times) in self.folded.rest() {
            self.renderer.folded(&like, times)?;
        }
        Ok(())
    }

    /// Whether a call of this is asked for.
    fn is_asked(&self, callee: Option<&Value>, name: &[u8]) -> bool {
        let is_c = || callee.is_some_and(super::folded::is_c);
        (!self.plan.c_only || is_c()) && self.plan.of.as_ref().is_none_or(|of| of.matches(name))
    }

    /// Where a frame's calls are as long as it has no line of its own: in what its caller is calling.
    fn place_under(&self, caller: u64) -> Place {
        let Some(caller) = self.frames.get(&caller) else { return Place::default() };
        match caller.open.as_ref().and_then(|open| open.call.as_ref()) {
            Some(call) => Place { indent: call.indent + 1, parent: Some(call.id), is_folded: call.is_folded },
            None => caller.place,
        }
    }

    fn enter(&mut self, entered: &Entered) {
        let caller = self.frames.get_mut(&entered.caller);
        let by = caller.and_then(|caller| {
            if self.last.0 == entered.caller {
                caller.at = Some(self.last.1);
            }
            caller.at
        });
        let active = Active {
            caller: entered.caller,
            by,
            at: None,
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

    fn step(&mut self, step: &Executed, is_wanted: bool, values: &UnitValues) -> Result<(), SinkError> {
        self.number = step.number;
        self.last = (step.frame.id, step.unit.last.offset);
        let opcode = step.unit.last.opcode;
        let is_call = is_call(opcode) || matches!(opcode, op::EXEC_STMT | op::IMPORT_NAME);
        if self.plain == step.frame.id && !is_call && !matches!(opcode, op::RETURN_VALUE | op::YIELD_VALUE) {
            return Ok(());
        }
        let mut active = self.frames.remove(&step.frame.id).unwrap_or_else(|| Active::found(step));
        let result = self.step_in(&mut active, step, is_wanted, values, is_call);
        self.plain = if active.open.is_none() { step.frame.id } else { 0 };
        self.frames.insert(step.frame.id, active);
        result
    }

    fn step_in(
        &mut self,
        active: &mut Active,
        step: &Executed,
        is_wanted: bool,
        values: &UnitValues,
        is_call: bool,
    ) -> Result<(), SinkError> {
        if !mem::replace(&mut active.has_begun, true) {
            self.first_step(active, step, is_wanted, values)?;
        }
        if let Some(open) = active.open.take() {
            let outcome = values.late.first().cloned().map_or(open.outcome, Outcome::Returned);
            self.end(open.call, &outcome)?;
        }
        match step.unit.last.opcode {
            op::RETURN_VALUE | op::YIELD_VALUE => active.result = values.operands.first().cloned(),
            _ if is_call => self.call(active, step, is_wanted, values)?,
            _ => {}
        }
        Ok(())
    }

    /// Decides at a frame's first step whose call it is, and begins its own line if it has one.
    fn first_step(
        &mut self,
        active: &mut Active,
        step: &Executed,
        is_wanted: bool,
        values: &UnitValues,
    ) -> Result<(), SinkError> {
        let is_shown = |caller: &Active| caller.open.as_ref().is_some_and(|open| open.call.is_some());
        active.is_callee = values.is_callee;
        let is_shown = active.is_callee && self.frames.get(&active.caller).is_some_and(is_shown);
        if is_shown || !is_wanted || !self.is_asked(None, &active.code.object.name) {
            return Ok(());
        }
        // Where recording begins with its first instruction, the trace has the frame before that.
        if active.entry == Entry::Announced && step.unit.start == 0 {
            active.entry = Entry::New;
        }
        let (code, entry, by) = (Rc::clone(&active.code), active.entry, active.by);
        let kind = Kind::Frame { code, arguments: values.arguments.clone(), entry, by };
        let own = self.begin(active.place, step.thread, step.number, kind)?;
        active.place = Place { indent: own.indent + 1, parent: Some(own.id), is_folded: own.is_folded };
        active.own = Some(own);
        Ok(())
    }

    fn call(
        &mut self,
        active: &mut Active,
        step: &Executed,
        is_wanted: bool,
        values: &UnitValues,
    ) -> Result<(), SinkError> {
        let instruction = step.unit.last;
        let has_operands = !values.operands.is_empty() || instruction.opcode == op::IMPORT_NAME;
        let callee = values.operands.first().filter(|_| is_call(instruction.opcode));
        let mut call = None;
        if is_wanted && has_operands && self.is_asked(callee, callee.map_or(b"", super::folded::last_name)) {
            let (code, operands) = (Rc::clone(&step.frame.code), values.operands.clone());
            let kind = Kind::Instruction { code, instruction, operands };
            call = Some(self.begin(active.place, step.thread, step.number, kind)?);
        }
        match values.results.first() {
            Some(result) => self.end(call, &Outcome::Returned(result.clone())),
            None => {
                active.open = Some(Open { call, outcome: Outcome::Unknown });
                Ok(())
            }
        }
    }

    /// Shows a use of a stand-in, unless the instruction that calls it is shown.
    fn stand_in(&mut self, used: &StandIn, at: &State) -> Result<(), SinkError> {
        let Some(frame) = at.frame().filter(|_| !used.what.is_empty()) else { return Ok(()) };
        let is_call = used.kind == StandInUse::Call;
        let open = self.frames.get(&frame.id).and_then(|active| active.open.as_ref()?.call.as_ref());
        let name = last_part(used.name());
        if open.is_some_and(|call| call.kind.shows(used))
            || self.plan.c_only && !is_call
            || self.plan.of.as_ref().is_some_and(|of| !of.matches(name))
        {
            return Ok(());
        }
        let place = match open {
            Some(call) => Place { indent: call.indent + 1, parent: Some(call.id), is_folded: call.is_folded },
            None => self.frames.get(&frame.id).map_or(Place::default(), |active| active.place),
        };
        let call = self.begin(place, at.thread, at.instructions, Kind::StandIn(used.clone()))?;
        self.end(Some(call), &Outcome::Unknown)
    }

    fn raise(&mut self, frame: u64, raised: &Raised) -> Result<(), SinkError> {
        let Some(active) = self.frames.get_mut(&frame) else { return Ok(()) };
        active.raised = Some(raised.clone());
        match active.open.take() {
            Some(open) => self.end(open.call, &Outcome::Raised(raised.clone())),
            None => Ok(()),
        }
    }

    fn leave(&mut self, frame: u64, exit: Exit, is_wanted: bool) -> Result<(), SinkError> {
        let Some(mut active) = self.frames.remove(&frame) else { return Ok(()) };
        if let Some(open) = active.open.take() {
            self.end(open.call, &open.outcome)?;
        }
        let outcome = match exit {
            Exit::Return => active.result.take().map_or(Outcome::Unknown, Outcome::Returned),
            Exit::Yield => active.result.take().map_or(Outcome::Unknown, Outcome::Yielded),
            Exit::Unwind => active.raised.take().map_or(Outcome::Unknown, Outcome::Raised),
        };
        // Of a frame that has begun elsewhere, or was not recorded, nothing is known.
        let is_thrown_into = !active.has_begun && exit == Exit::Unwind && active.entry != Entry::Announced;
        if is_thrown_into && is_wanted && self.is_asked(None, &active.code.object.name) {
            let (code, entry, by) = (Rc::clone(&active.code), active.entry, active.by);
            let kind = Kind::Frame { code, arguments: Vec::new(), entry, by };
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
    fn found(step: &Executed) -> Active {
        Active {
            caller: 0,
            by: None,
            at: None,
            entry: Entry::Announced,
            code: Rc::clone(&step.frame.code),
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

    fn wanted(&self) -> Cow<'static, str> {
        match &self.plan.of {
            Some(name) => format!("calls of {}", Printable::text(name.typed())).into(),
            None => self.what().into(),
        }
    }

    fn is_empty(&self) -> bool {
        self.last_id == 0
    }

    fn does_without_values(&self, start: &Start) -> bool {
        start.options.iter().any(|option| option.starts_with(b"--stub"))
    }

    fn event(&mut self, event: &Event, at: &State) -> Result<(), SinkError> {
        match event {
            Event::StandIn(used) => self.stand_in(used, at),
            _ => Ok(()),
        }
    }

    fn unit(&mut self, place: &Executed, is_wanted: bool, values: &UnitValues) -> Result<(), SinkError> {
        self.step(place, is_wanted, values)
    }

    fn entered(&mut self, entered: &Entered, _is_library: bool) -> Result<(), SinkError> {
        self.plain = 0;
        self.enter(entered);
        Ok(())
    }

    fn left(&mut self, frame: &Frame, exit: Exit, _number: u64, is_wanted: bool) -> Result<(), SinkError> {
        self.plain = 0;
        self.leave(frame.id, exit, is_wanted)
    }

    fn raised(&mut self, frame: &Frame, raised: &Raised, _number: u64) -> Result<(), SinkError> {
        self.plain = 0;
        self.raise(frame.id, raised)
    }

    /// A lap in which a frame goes on that calls nothing only counts.
    fn laps(&mut self, laps: &Laps, _at: &State) -> bool {
        let before = std::mem::replace(&mut self.before_laps, (self.last_id, self.plain));
        self.plain != 0 && before == self.before_laps && !laps.has_frames && !laps.has_exceptions
    }

    fn laps_end(&mut self, at: &State) {
        self.number = at.instructions;
    }
}
