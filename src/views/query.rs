//! What every view is asked: a trace, the part of it that is wanted, and the form of the answer.  Reads the trace for a view and decides
//! which of its instructions are wanted.

use std::borrow::Cow;
use std::cell::Cell;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::Answer;
use super::left_out::LeftOut;
use super::observed::Observed;
use crate::format::json;
use crate::format::lines::Lines;
use crate::read::reader::{Reader, Want};
use crate::read::steps::{Entered, Exit};
use crate::read::visit::{Place, Visit, Visitor};
use crate::read::{Flaw, TraceError, is_read_once};
use crate::select::Selection;
use crate::trace::totals::Capped;
use crate::trace::value::UnitValues;
use crate::trace::{Code, Event, Frame, Laps, Outside, Raised, Run, SinkError, Start, State, Taken};

/// A question to a view.
#[derive(Clone, Debug)]
pub struct Query {
    /// The .bct, `-` for standard input.
    pub trace: PathBuf,
    /// Its filter leaves out the standard library's own files, unless those are wanted.
    pub selection: Selection,
    /// Includes the standard library, and the code that it makes of text.
    pub stdlib: bool,
    /// Bytes that the answer may take in memory, about.
    pub memory: u64,
    /// JSON lines instead of text.
    pub json: bool,
    /// Shows how far a long command is, on a terminal.
    pub progress: bool,
}

/// A view that takes a trace in its order and answers afterwards.
pub(super) trait View {
    /// What it prints, in the plural.
    fn what(&self) -> &'static str;

    /// Returns the same as narrowly as it was asked for.
    fn wanted(&self) -> Cow<'static, str> {
        self.what().into()
    }

    /// Returns whether it has found nothing of what it is asked for.
    fn is_empty(&self) -> bool;

    /// Whether the trace must hold values.
    fn needs_values(&self) -> bool {
        true
    }

    /// Whether a trace without values has something for it all the same.
    fn does_without_values(&self, _start: &Start) -> bool {
        false
    }

    /// Takes an event; of the uses of stand-ins only those by code that is wanted.
    fn event(&mut self, _event: &Event, _at: &State) -> Result<(), SinkError> {
        Ok(())
    }

    /// Hears of the frames of a thread before its first run that is wanted, or part of it, and whenever it goes on after another one;
    /// `number` instructions have been executed by then.
    fn on_stack(&mut self, _at: &State, _number: u64) {}

    /// Takes a run; `is_wanted` is whether its code object is.  False leaves out its units.
    fn run(&mut self, _run: &Run, _at: &State, _is_wanted: bool) -> Result<bool, SinkError> {
        Ok(true)
    }

    /// Takes instructions that begin or end outside the code string; `is_wanted` is whether their code object is.
    fn outside(&mut self, _outside: &Outside, _at: &State, _is_wanted: bool) -> Result<(), SinkError> {
        Ok(())
    }

    /// A frame goes on with other bytes of its code object.
    fn version(&mut self, _frame: &Frame, _code: &Rc<Code>) {}

    /// Takes a unit; views that need no values have those of runs alone that are not wanted as a whole.
    fn unit(&mut self, place: &Place, is_wanted: bool, values: &UnitValues) -> Result<(), SinkError>;

    /// Takes a frame that begins or goes on; `is_library` is whether its code is the standard library's.
    fn entered(&mut self, _entered: &Entered, _is_library: bool) -> Result<(), SinkError> {
        Ok(())
    }

    /// Takes a frame that is left; `is_wanted` is whether its code object is.
    fn left(&mut self, _frame: &Frame, _exit: Exit, _number: u64, _is_wanted: bool) -> Result<(), SinkError> {
        Ok(())
    }

    fn raised(&mut self, _frame: &Frame, _raised: &Raised, _number: u64) -> Result<(), SinkError> {
        Ok(())
    }

    /// As [`crate::trace::Sink::laps`]: a view that only counts takes laps of a loop at once.
    fn laps(&mut self, _laps: &Laps, _at: &State) -> bool {
        false
    }

    fn laps_end(&mut self, _at: &State) {}
}

impl Query {
    /// Hands the whole trace to a view, each flaw to `report`; returns what came of it, and how many instructions of the standard library
    /// were left out.
    pub(super) fn ask(
        &self,
        view: &mut dyn View,
        report: &mut dyn FnMut(Flaw),
    ) -> Result<(Answer, LeftOut), TraceError> {
        let mut reader = Reader::open(&self.trace)?;
        let index = reader.index().cloned();
        let is_flawed = Cell::new(false);
        let mut asked = Asked::new(self, view);
        let mut visit = Visit::new(&mut asked, self.selection.window.clone());
        let mut observed = Observed::new(&mut visit, &self.selection, None, self.progress, index.as_ref());
        let window = self.selection.window.clone();
        if let Some(window) = &window {
            reader.go_to(window);
        }
        let want = |piece: &_| window.as_ref().map_or(Want::Read, |window| Want::of(piece, window));
        let result = reader.read_wanted(&want, &mut observed, &mut |flaw| {
            is_flawed.set(true);
            report(flaw);
            Ok(())
        });
        let misses = observed.misses(index.as_ref(), reader.reached(), window.is_none());
        if asked.lacks_values {
            return Err(TraceError::NoValues(self.trace.clone(), asked.view.what()));
        }
        result?;
        let nothing = (asked.view.is_empty() && misses.is_empty()).then(|| asked.view.wanted());
        let stdlib_left_out = asked.choice.excluded;
        let left_out = LeftOut {
            stdlib: Some(stdlib_left_out),
            is_all: asked.view.is_empty(),
            lacks_values: asked.does_without_values,
            ..LeftOut::default()
        };
        let capped = asked.capped;
        Ok((Answer { is_flawed: is_flawed.get(), misses, nothing, stdlib_left_out, capped }, left_out))
    }

    /// Counts what an answer leaves out before it is made, by reading the trace once more; None if it can be read only once.
    pub(super) fn count_left_out(&self) -> Result<LeftOut, TraceError> {
        if is_read_once(&self.trace) {
            return Ok(LeftOut::default());
        }
        let quiet = Query { progress: false, ..self.clone() };
        Ok(quiet.ask(&mut Nothing, &mut |_| {})?.1)
    }

    /// Begins the first object of JSON lines: its members name the view and the version of the members, and count what is left out.
    pub(super) fn push_head(&self, out: &mut Vec<u8>, view: &str, left_out: &LeftOut) {
        out.extend_from_slice(b"{\"type\":\"view\"");
        json::push_text_member(out, "view", view.as_bytes());
        json::push_member(out, "version", 1);
        json::push_text_member(out, "trace", self.trace.as_os_str().as_encoded_bytes());
        left_out.push_members(out);
    }

    /// Writes the whole first object of JSON lines.
    pub(super) fn write_head(&self, lines: &mut Lines, view: &str, left_out: &LeftOut) -> Result<(), SinkError> {
        self.push_head(lines.open(), view, left_out);
        lines.open().extend_from_slice(b"}\n");
        lines.ended()
    }

    /// Writes the line of text that says what was left out, if anything was.
    pub(super) fn write_left_out(&self, lines: &mut Lines, left_out: &LeftOut) -> Result<(), SinkError> {
        let Some(text) = left_out.text() else { return Ok(()) };
        lines.open().extend_from_slice(format!("(left out: {text})\n").as_bytes());
        lines.ended()
    }
}

/// Ends an answer: that its reader has left is no error.
pub(super) fn ended(answer: Answer, result: Result<(), SinkError>) -> Result<Answer, TraceError> {
    match result {
        Err(SinkError::Io(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(Answer::default()),
        Err(error) => Err(error.into()),
        Ok(()) => Ok(answer),
    }
}

/// Between a trace and a view: knows which code is wanted.
struct Asked<'a> {
    view: &'a mut dyn View,
    choice: Choice,
    capped: Capped,
    /// The first instruction that is wanted.
    first: u64,
    /// The thread of the last run.
    thread: Option<u32>,
    /// Whether the code of the run is wanted.
    is_wanted: bool,
    /// The trace has no values, and the view needs them.
    lacks_values: bool,
    /// The trace has no values, and the view does without them.
    does_without_values: bool,
}

impl<'a> Asked<'a> {
    fn new(query: &Query, view: &'a mut dyn View) -> Asked<'a> {
        Asked {
            view,
            choice: Choice::new(query),
            capped: Capped::default(),
            first: query.selection.window.as_ref().map_or(1, |window| window.start.max(1)),
            thread: None,
            is_wanted: false,
            lacks_values: false,
            does_without_values: false,
        }
    }
}

impl Visitor for Asked<'_> {
    fn event(&mut self, event: &Event, at: &State) -> Result<(), SinkError> {
        self.capped.event(event);
        match event {
            Event::Start(start) if self.view.needs_values() && !has_values(start) => {
                self.does_without_values = self.view.does_without_values(start);
                self.lacks_values = !self.does_without_values;
                if self.lacks_values {
                    return Err(SinkError::Full);
                }
            }
            Event::StandIn(_) if !self.choice.wants_moment(at) => return Ok(()),
            Event::Outside(outside) => {
                let is_wanted = self.choice.wants_next(at);
                self.view.outside(outside, at, is_wanted)?;
            }
            _ => {}
        }
        self.view.event(event, at)
    }

    #[inline]
    fn run(&mut self, run: &Run, at: &State, is_whole: bool) -> Result<bool, SinkError> {
        let Some(frame) = at.frame() else { return Ok(false) };
        self.is_wanted = self.choice.wants_run(run, frame, at);
        if self.thread.replace(at.thread) != Some(at.thread) {
            self.view.on_stack(at, at.instructions.max(self.first - 1));
        }
        if !is_whole && !self.view.needs_values() {
            return Ok(true);
        }
        self.view.run(run, at, self.is_wanted)
    }

    #[inline]
    fn unit(&mut self, place: &Place, values: &UnitValues) -> Result<(), SinkError> {
        self.view.unit(place, self.is_wanted, values)
    }

    fn entered(&mut self, entered: &Entered) -> Result<(), SinkError> {
        self.view.entered(entered, entered.code.is_stdlib)
    }

    fn version(&mut self, frame: &Frame, code: &Rc<Code>) {
        self.view.version(frame, code);
    }

    fn left(&mut self, frame: &Frame, exit: Exit, number: u64) -> Result<(), SinkError> {
        let is_wanted = self.choice.wants_code(&frame.code);
        self.view.left(frame, exit, number, is_wanted)
    }

    fn raised(&mut self, frame: &Frame, raised: &Raised, number: u64) -> Result<(), SinkError> {
        self.view.raised(frame, raised, number)
    }

    fn laps(&mut self, laps: &Laps, at: &State) -> bool {
        let is_taken = self.view.laps(laps, at);
        self.choice.taken.begin(laps, at, is_taken)
    }

    fn laps_end(&mut self, at: &State) {
        self.choice.taken.end();
        self.view.laps_end(at);
    }
}

/// Decides which code is wanted; remembers what the filter says of each code object.
pub(super) struct Choice {
    selection: Selection,
    stdlib: bool,
    by_code: FxHashMap<u32, Wanted>,
    taken: Taken,
    /// Instructions of the standard library that were left out.
    pub(super) excluded: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Yes,
    No,
    /// It would be, if it were not the library's.
    Library,
}

/// Code objects that are remembered; a program can make new ones for ever.
const REMEMBERED: usize = 1 << 16;

impl Choice {
    pub(super) fn new(query: &Query) -> Choice {
        let mut selection = query.selection.clone();
        selection.filter.no_stdlib = false;
        let by_code = FxHashMap::default();
        Choice { selection, stdlib: query.stdlib, by_code, taken: Taken::default(), excluded: 0 }
    }

    #[inline]
    pub(super) fn wants_run(&mut self, run: &Run, frame: &Frame, at: &State) -> bool {
        let wanted = self.of_code(&frame.code);
        if wanted == Wanted::No || !self.selection.wants_place(at.thread, frame.depth) {
            return false;
        }
        if wanted == Wanted::Library {
            let first = at.instructions.saturating_add(1);
            let window = self.selection.window.clone().unwrap_or(0..u64::MAX);
            let end = first.saturating_add(run.count).min(window.end);
            self.excluded += end.saturating_sub(first.max(window.start)) * self.taken.times();
        }
        wanted == Wanted::Yes
    }

    /// Whether what happens at the last instruction is wanted.
    fn wants_moment(&mut self, at: &State) -> bool {
        let Some(frame) = at.frame() else { return false };
        self.selection.wants_number(at.instructions)
            && self.selection.wants_place(at.thread, frame.depth)
            && self.wants_code(&frame.code)
    }

    /// Whether the next instruction is wanted.
    fn wants_next(&mut self, at: &State) -> bool {
        let Some(frame) = at.frame() else { return false };
        self.selection.wants_number(at.instructions.saturating_add(1))
            && self.selection.wants_place(at.thread, frame.depth)
            && self.wants_code(&frame.code)
    }

    fn wants_code(&mut self, code: &Code) -> bool {
        self.of_code(code) == Wanted::Yes
    }

    #[inline]
    fn of_code(&mut self, code: &Code) -> Wanted {
        if let Some(wanted) = self.by_code.get(&code.id) {
            return *wanted;
        }
        if self.by_code.len() >= REMEMBERED {
            self.by_code.clear();
        }
        let wanted = match self.selection.filter.wants(&code.object) {
            false => Wanted::No,
            true if !self.stdlib && code.is_stdlib => Wanted::Library,
            true => Wanted::Yes,
        };
        self.by_code.insert(code.id, wanted);
        wanted
    }
}

/// Reads a trace for the sake of what is left out of it.
struct Nothing;

impl View for Nothing {
    fn what(&self) -> &'static str {
        "instructions"
    }

    fn is_empty(&self) -> bool {
        false
    }

    fn needs_values(&self) -> bool {
        false
    }

    fn run(&mut self, _run: &Run, _at: &State, _is_wanted: bool) -> Result<bool, SinkError> {
        Ok(false)
    }

    fn unit(&mut self, _place: &Place, _is_wanted: bool, _values: &UnitValues) -> Result<(), SinkError> {
        Ok(())
    }

    fn laps(&mut self, _laps: &Laps, _at: &State) -> bool {
        true
    }
}

pub(super) fn has_values(start: &Start) -> bool {
    start.options.iter().any(|option| option == b"--values")
}
