//! Makes the rows of all tables in one pass over a trace.

use super::attempts::Attempts;
use super::batch::Batch;
use super::code::Codes;
use super::frames::{Begin, Call, Executed, Frames, Open, type_name};
use super::schema::Which;
use super::sequences::Sequences;
use super::trace::Summary;
use super::writer::Rows;
use crate::bytecode::opcode::is_call;
use crate::export::feed::Exporter;
use crate::format::values::{push_raised, push_value};
use crate::read::steps::{Entered, Entry, Exit};
use crate::read::visit::{Place, Visitor};
use crate::trace::value::{UnitValues, Value};
use crate::trace::{Event, Frame, Run, SinkError, State, Then};

/// The collector.
pub struct Collector<R> {
    batches: Vec<Batch>,
    wanted: [bool; Which::ALL.len()],
    rows: R,
    frames: Frames,
    sequences: Sequences,
    codes: Codes,
    attempts: Attempts,
    summary: Summary,
    /// Whether the trace has values, and a table of them is wanted.
    has_values: bool,
    wants_values: bool,
    scratch: Vec<u8>,
}

impl<R: Rows> Collector<R> {
    pub fn new(tables: &[Which], rows: R) -> Collector<R> {
        Collector {
            batches: Which::ALL.iter().map(|which| Batch::new(which.table())).collect(),
            wanted: Which::ALL.map(|which| tables.contains(&which)),
            rows,
            frames: Frames::default(),
            sequences: Sequences::default(),
            codes: Codes::default(),
            attempts: Attempts::default(),
            summary: Summary::default(),
            has_values: false,
            wants_values: [Which::Values, Which::Calls].iter().any(|which| tables.contains(which)),
            scratch: Vec::new(),
        }
    }

    /// Writes what is left after the last event; `flaws` is how many were found, `executed` the number of the last instruction.
    pub fn finish(&mut self, flaws: u64, executed: u64) -> Result<(), SinkError> {
        self.summary.executed = executed;
        for mut open in self.frames.rest() {
            self.write_frame(&mut open, None)?;
        }
        self.codes.finish(&mut self.batches[Which::Code as usize]);
        self.attempts.finish(&mut self.batches[Which::Attempts as usize]);
        self.summary.write(flaws, &mut self.batches[Which::Traces as usize]);
        for which in Which::ALL {
            if self.wants(which) && self.batches[which as usize].rows > 0 {
                self.rows.take(which, self.batches[which as usize].take())?;
            }
        }
        Ok(())
    }

    pub fn into_rows(self) -> R {
        self.rows
    }

    #[inline]
    fn wants(&self, which: Which) -> bool {
        self.wanted[which as usize]
    }

    /// Hands the rows of a table on, if they are many.
    #[inline]
    fn pass(&mut self, which: Which) -> Result<(), SinkError> {
        if self.batches[which as usize].is_full() {
            let batch = self.batches[which as usize].take();
            if self.wants(which) {
                self.rows.take(which, batch)?;
            }
        }
        Ok(())
    }

    fn write_frame(&mut self, open: &mut Open, exit: Option<&'static str>) -> Result<(), SinkError> {
        if let Some(call) = open.call.take() {
            self.write_call(&call, open, None)?;
        }
        open.write(exit, &mut self.batches[Which::Frames as usize]);
        self.pass(Which::Frames)
    }

    fn write_call(
        &mut self,
        call: &Call,
        open: &Open,
        outcome: Option<(&'static str, &[u8])>,
    ) -> Result<(), SinkError> {
        call.write(open, outcome, &mut self.batches[Which::Calls as usize]);
        self.pass(Which::Calls)
    }

    /// Writes a row of runs.
    #[inline]
    fn write_run(
        &mut self,
        first: u64,
        count: u64,
        frame: &Frame,
        sequence: u64,
        at: &State,
        place: (i64, i64, &'static str),
    ) {
        let (start, end, then) = place;
        let row = self.batches[Which::Runs as usize].row().number(first).number(count);
        let row = row.number(at.thread.into()).number(frame.id).number(frame.code.id.into()).number(sequence);
        row.integer(start).integer(end).word(then);
    }

    fn outside(&mut self, outside: &crate::trace::Outside, at: &State) -> Result<(), SinkError> {
        let Some(frame) = at.frame() else { return Ok(()) };
        self.frames.running(frame, at).executed(outside.count(), at.instructions + outside.count());
        self.summary.recorded += outside.count();
        let rows = self.wanted[Which::Sequences as usize].then_some(&mut self.batches[Which::Sequences as usize]);
        let sequence = self.sequences.of_outside(outside, &frame.code, rows);
        if self.wants(Which::Runs) {
            let start = i64::from(outside.offset);
            let place = (start, start + outside.bytes.len() as i64, "outside");
            self.write_run(at.instructions + 1, outside.count(), frame, sequence, at, place);
        }
        self.pass(Which::Sequences)?;
        self.pass(Which::Runs)
    }

    fn exception(&mut self, raised: &crate::trace::Raised, at: &State) -> Result<(), SinkError> {
        self.summary.exceptions += 1;
        let Some(frame) = at.frame() else { return Ok(()) };
        let open = self.frames.running(frame, at);
        let (call, offset) = (open.call.take(), open.offset());
        if let Some(call) = call {
            self.scratch.clear();
            push_raised(&mut self.scratch, raised);
            let text = self.scratch.strip_prefix(b"raises ").unwrap_or(&self.scratch);
            let open = self.frames.running(frame, at);
            call.write(open, Some(("raised", text)), &mut self.batches[Which::Calls as usize]);
            self.pass(Which::Calls)?;
        }
        let row = self.batches[Which::Exceptions as usize].row().number(at.instructions);
        let row = row.number(at.thread.into()).number(frame.id).number(frame.code.id.into());
        let row = row.optional(offset, |row, offset| row.integer(offset)).boolean(raised.propagated);
        row.text(&raised.type_name).text(&raised.message);
        self.pass(Which::Exceptions)
    }

    fn write_values(&mut self, at: Executed, role: &'static str, values: &[Value]) -> Result<(), SinkError> {
        for (position, value) in values.iter().enumerate() {
            self.scratch.clear();
            push_value(&mut self.scratch, value);
            let row = self.batches[Which::Values as usize].row().number(at.number);
            let row = row.number(at.thread.into()).number(at.frame).number(at.code.into());
            let row = row.integer(at.offset).word(role).number(position as u64);
            row.word(type_name(value)).plain(&self.scratch);
        }
        self.pass(Which::Values)
    }

    /// Ends the frame's call, whose result has come, and begins one if the unit calls.
    fn calls(&mut self, place: &Place, values: &UnitValues) -> Result<(), SinkError> {
        let Some(open) = self.frames.get(place.frame.id) else { return Ok(()) };
        if let Some(call) = open.call.take() {
            let result = values.late.first();
            self.scratch.clear();
            result.into_iter().for_each(|value| push_value(&mut self.scratch, value));
            let outcome = result.map(|_| ("returned", self.scratch.as_slice()));
            call.write(open, outcome, &mut self.batches[Which::Calls as usize]);
        }
        if is_call(place.unit.last.opcode) && !values.operands.is_empty() {
            let (mut callee, mut arguments) = (Vec::new(), Vec::new());
            push_value(&mut callee, &values.operands[0]);
            for (position, value) in values.operands[1..].iter().enumerate() {
                if position > 0 {
                    arguments.extend_from_slice(b", ");
                }
                push_value(&mut arguments, value);
            }
            let offset = place.unit.last.offset.into();
            let call = Call { number: place.number, offset, callee, arguments, frame: None };
            match values.results.first() {
                None => open.call = Some(call),
                Some(result) => {
                    self.scratch.clear();
                    push_value(&mut self.scratch, result);
                    let outcome = Some(("returned", self.scratch.as_slice()));
                    call.write(open, outcome, &mut self.batches[Which::Calls as usize]);
                }
            }
        }
        self.pass(Which::Calls)
    }

    /// A frame was entered: its caller's call, if there is one, or a call by itself in a trace without values.
    fn entered_by_call(&mut self, entered: &Entered) -> Result<(), SinkError> {
        if self.has_values {
            let call = self.frames.get(entered.caller).and_then(|open| open.call.as_mut());
            if let Some(call) = call.filter(|call| call.number == entered.number && call.frame.is_none()) {
                call.frame = Some(entered.frame);
            }
            return Ok(());
        }
        let caller = self.frames.get(entered.caller).filter(|caller| caller.last == entered.number);
        let caller = caller.map(|caller| (caller.id, caller.code.id, caller.offset()));
        let row = self.batches[Which::Calls as usize].row().number(entered.number);
        let row = row.number(entered.thread.into()).optional(caller, |row, (id, ..)| row.number(id));
        let row = row.optional(caller, |row, (_, code, _)| row.number(code.into()));
        let row = row.optional(caller.and_then(|(.., offset)| offset), |row, offset| row.integer(offset));
        let row =
            row.text(&entered.code.object.name).optional(None::<()>, |row, ()| row).optional(None::<()>, |row, ()| row);
        let row = row.optional(None::<()>, |row, ()| row);
        row.optional(Some(entered.frame), |row, frame| row.number(frame));
        self.pass(Which::Calls)
    }
}

impl<R: Rows> Exporter for Collector<R> {
    fn before(&mut self, event: &Event, at: &State) -> Result<(), SinkError> {
        self.codes.event(event, &mut self.batches[Which::Code as usize]);
        self.pass(Which::Code)?;
        self.summary.event(event);
        match event {
            Event::Start(_) => self.has_values = self.summary.has_values,
            Event::Outside(outside) => self.outside(outside, at)?,
            Event::Raised(raised) => self.exception(raised, at)?,
            Event::Attempt(attempt) => {
                self.attempts.take(attempt, &mut self.batches[Which::Attempts as usize]);
                self.pass(Which::Attempts)?;
            }
            Event::Repeated(repeated) => {
                self.attempts.repeat(*repeated, &mut self.batches[Which::Attempts as usize]);
                self.pass(Which::Attempts)?;
            }
            _ => {}
        }
        Ok(())
    }

    #[inline]
    fn after(&mut self, run: &Run, at: &State) -> Result<(), SinkError> {
        match run.then() {
            Then::Jump | Then::Call { .. } | Then::Return => {}
            Then::CodeGone { code } => {
                self.sequences.forget(code);
                self.codes.forget(code);
            }
            Then::SlotGone { slot } => {
                if let Some(frame) = at.suspended(slot)
                    && let Some(mut open) = self.frames.end(frame.id)
                {
                    self.write_frame(&mut open, Some("dropped"))?;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl<R: Rows> Visitor for Collector<R> {
    #[inline]
    fn run(&mut self, run: &Run, at: &State, _is_whole: bool) -> Result<bool, SinkError> {
        let Some(frame) = at.frame() else { return Ok(false) };
        self.codes.runs(&frame.code, &mut self.batches[Which::Code as usize]);
        self.frames.running(frame, at).ran(run, at.instructions + run.count);
        self.summary.recorded += run.count;
        let rows = self.wanted[Which::Sequences as usize].then_some(&mut self.batches[Which::Sequences as usize]);
        let sequence = self.sequences.of_run(run, &frame.code, rows);
        self.pass(Which::Sequences)?;
        if self.wants(Which::Runs) {
            let place = (run.start.into(), run.end().into(), then(run));
            self.write_run(at.instructions + 1, run.count, frame, sequence, at, place);
            self.pass(Which::Runs)?;
        }
        Ok(self.has_values && self.wants_values)
    }

    fn unit(&mut self, place: &Place, values: &UnitValues) -> Result<(), SinkError> {
        let (frame, offset) = (place.frame, place.unit.last.offset.into());
        let (number, thread, code) = (place.number, place.thread, frame.code.id);
        let here = Executed { number, thread, frame: frame.id, code, offset };
        if self.wants(Which::Values) && !values.is_empty() {
            if let Some(late) = self.frames.get(frame.id).and_then(|open| open.late) {
                self.write_values(late, "result", &values.late)?;
            }
            self.write_values(here, "argument", &values.arguments)?;
            self.write_values(here, "operand", &values.operands)?;
            self.write_values(here, "stack", values.stack.as_deref().unwrap_or_default())?;
            self.write_values(here, "result", &values.results)?;
        }
        if self.wants(Which::Calls) {
            self.calls(place, values)?;
        }
        if let Some(open) = self.frames.get(place.frame.id) {
            open.late = Some(here);
        }
        Ok(())
    }

    fn entered(&mut self, entered: &Entered) -> Result<(), SinkError> {
        let begin = match entered.entry {
            Entry::New => Begin::Entered,
            Entry::Announced => Begin::Announced,
            Entry::Resumed => {
                if let Some(open) = self.frames.get(entered.frame) {
                    (open.resumed, open.thread) = (open.resumed + 1, entered.thread);
                    return Ok(());
                }
                Begin::Unknown
            }
        };
        if begin == Begin::Entered {
            self.summary.frames += 1;
            if self.wants(Which::Calls) {
                self.entered_by_call(entered)?;
            }
        }
        self.codes.runs(&entered.code, &mut self.batches[Which::Code as usize]);
        let mut open = Open::new(entered.frame, &entered.code, entered.thread, begin, entered.number + 1);
        (open.caller, open.depth) = (entered.caller, entered.depth);
        self.frames.begin(open);
        Ok(())
    }

    fn left(&mut self, frame: &Frame, exit: Exit, _number: u64) -> Result<(), SinkError> {
        let exit = match exit {
            Exit::Yield => return Ok(()),
            Exit::Return => "returned",
            Exit::Unwind => "raised",
        };
        match self.frames.end(frame.id) {
            Some(mut open) => self.write_frame(&mut open, Some(exit)),
            None => Ok(()),
        }
    }
}

/// The word for what came after a run.
#[inline]
fn then(run: &Run) -> &'static str {
    match run.then() {
        Then::Jump => "jump",
        Then::Call { .. } => "call",
        Then::Resume { .. } => "resume",
        Then::Return => "return",
        Then::Yield { .. } => "yield",
        Then::Unwind => "unwind",
        Then::Thread { .. } => "thread",
        Then::Version { .. } => "version",
        Then::CodeGone { .. } | Then::SlotGone { .. } => "release",
    }
}
