//! What every view is asked: a trace, the part of it that is wanted, and the form of the answer.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::PathBuf;

use super::Answer;
use super::observed::{self, Reading};
use crate::format::json;
use crate::read::steps::{Item, Step, Steps};
use crate::read::{Flaw, Reader, TraceError};
use crate::select::{Seen, Selection};
use crate::trace::{Code, SinkError, Start};

/// A question to a view.
#[derive(Clone, Debug)]
pub struct Query {
    /// The .bct, `-` for standard input.
    pub trace: PathBuf,
    pub selection: Selection,
    /// JSON lines instead of text.
    pub json: bool,
    /// Shows how far a long command is, on a terminal.
    pub progress: bool,
}

/// A view that takes a trace item by item.
pub(super) trait View {
    /// What it prints, in the plural.
    fn what(&self) -> &'static str;

    /// Returns whether it has printed nothing of what it is asked for.
    fn is_empty(&self) -> bool;

    fn take(&mut self, item: &Item) -> Result<(), SinkError>;

    /// Writes what is left after the last item.
    fn finish(&mut self) -> Result<(), SinkError>;
}

impl Query {
    /// Hands the whole trace to a view of values, each flaw to `report`; returns what came of it.  A reader of the output that leaves
    /// is no error.
    pub(super) fn answer(&self, view: &mut dyn View, report: &mut dyn FnMut(Flaw)) -> Result<Answer, TraceError> {
        let reader = Reader::open(&self.trace)?;
        match self.read(reader, view, report) {
            Err(TraceError::Output(SinkError::Io(error))) if error.kind() == ErrorKind::BrokenPipe => {
                Ok(Answer::default())
            }
            result => result,
        }
    }

    fn read(&self, reader: Reader, view: &mut dyn View, report: &mut dyn FnMut(Flaw)) -> Result<Answer, TraceError> {
        let mut is_flawed = false;
        let index = reader.index().cloned();
        let mut progress = self.progress.then(|| Reading::new(index.as_ref(), &self.selection, None));
        let mut seen = Seen::new(&self.selection);
        let mut steps = Steps::new(reader).within(self.selection.window.clone());
        for item in steps.by_ref() {
            let item = item?;
            if let Item::Step(step) = &item {
                if let Some(progress) = &mut progress {
                    progress.step(step.number, || None);
                }
                seen.instructions(step.number..step.number.saturating_add(1), step.thread, step.depth, &step.code);
            }
            match &item {
                Item::Start(start) if !has_values(start) => {
                    return Err(TraceError::NoValues(self.trace.clone(), view.what()));
                }
                Item::Skipped { numbers, own: true } => seen.own(numbers),
                Item::Flaw(flaw) => {
                    is_flawed = true;
                    report(flaw.clone());
                }
                _ => view.take(&item)?,
            }
        }
        view.finish()?;
        let misses = observed::misses(seen, index.as_ref(), steps.reached(), self.selection.window.is_none());
        let nothing = (view.is_empty() && misses.is_empty()).then(|| view.what());
        Ok(Answer { is_flawed, misses, nothing })
    }

    /// Begins the first object of JSON lines: its members name the view and the version of the members.
    pub(super) fn push_head(&self, out: &mut Vec<u8>, view: &str) {
        out.extend_from_slice(b"{\"type\":\"view\"");
        json::push_text_member(out, "view", view.as_bytes());
        json::push_member(out, "version", 1);
        json::push_text_member(out, "trace", self.trace.as_os_str().as_encoded_bytes());
    }
}

/// Decides which steps are wanted; remembers what the filter says of each code object.
pub(super) struct Choice {
    selection: Selection,
    by_code: HashMap<u32, bool>,
}

/// Code objects that are remembered; a program can make new ones for ever.
const REMEMBERED: usize = 1 << 16;

impl Choice {
    pub(super) fn new(selection: &Selection) -> Choice {
        Choice { selection: selection.clone(), by_code: HashMap::new() }
    }

    pub(super) fn wants(&mut self, step: &Step) -> bool {
        self.selection.wants_number(step.number)
            && self.selection.wants_place(step.thread, step.depth)
            && self.wants_code(&step.code)
    }

    /// Decides about a code object, wherever it runs.
    pub(super) fn wants_code(&mut self, code: &Code) -> bool {
        if self.by_code.len() >= REMEMBERED {
            self.by_code.clear();
        }
        let filter = &self.selection.filter;
        *self.by_code.entry(code.id).or_insert_with(|| filter.wants(&code.object))
    }
}

fn has_values(start: &Start) -> bool {
    start.options.iter().any(|option| option == b"--values")
}
