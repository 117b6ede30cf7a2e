//! `bctrace report`: one page of HTML about a trace, which needs nothing else and loads nothing.  It holds summaries, not the trace, so
//! its size does not follow the trace's; what it leaves out, it says.

mod build;
mod clean;
mod data;
mod entries;
mod flame;
mod gather;
mod listing;
mod page;
mod printable;
mod seen;
mod timeline;

use std::io::{self, BufRead, BufReader, PipeReader, PipeWriter};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::thread;

use super::calls::{self, CallsPlan};
use super::compares::{self, ComparesPlan};
use super::info::{self, Info, InfoPlan};
use super::layers::{self, LayersPlan};
use super::observed::Observed;
use super::query::Query;
use super::strings::{self, StringsPlan};
use super::{tricks, tried};
use crate::format::{Named, Output};
use crate::read::{Flaw, Reader, TraceError};
use crate::select::{Filter, Selection};
use crate::trace::SinkError;
use crate::trace::library::Modules;
pub use clean::CleanFolder;
use data::Data;
use gather::Gathered;
pub use page::MARK;
use seen::Seen;

/// Bytes of JSON lines of each of the other views, and lines of them.
const VIEW_BYTES: usize = 768 << 10;
const VIEW_LINES: usize = 4000;
/// Bytes of memory that an answer of another view may take; two are made at the same time.
const MEMORY: u64 = 128 << 20;
/// Characters that a string on the page has at least, as `bctrace strings` has it.
const SHORTEST: usize = 4;

/// What is asked.
#[derive(Clone, Debug)]
pub struct ReportPlan {
    /// The .bct.
    pub trace: PathBuf,
    /// What `bctrace clean` made of the program.
    pub clean: Option<CleanFolder>,
    /// The modules of the library that this program has.
    pub modules: Modules,
    /// Shows how far a long command is, on a terminal.
    pub progress: bool,
}

/// A report.
#[derive(Debug)]
pub struct Report {
    pub html: String,
    /// Something in the trace was missing or damaged; each case was reported, and the page says so.
    pub is_flawed: bool,
}

/// Reads a trace, as often as it takes, and makes the page.  What is missing or damaged goes to `report`.
pub fn run(plan: &ReportPlan, report: &mut dyn FnMut(Flaw)) -> Result<Report, TraceError> {
    let info = info::collect(&InfoPlan { trace: plan.trace.clone(), json: false })?;
    let mut data = Data { trace: Named::input(&plan.trace).to_string(), ..Data::default() };
    data.facts = info.facts();
    data.program = program(&info);
    data.end = info.how_it_ended();
    data.instructions = info.totals.instructions;
    data.has_values = info.start.as_ref().is_some_and(|start| start.options.iter().any(|option| option == b"--values"));
    let flaws = fill(plan, &mut data)?;
    let is_flawed = !flaws.is_empty();
    flaws.into_iter().for_each(report);
    Ok(Report { html: page::render(&data).map_err(|error| SinkError::Io(io::Error::other(error)))?, is_flawed })
}

/// Fills in what takes reading the whole trace.  Two threads share the readings, which takes half the time if the trace has values.
fn fill(plan: &ReportPlan, data: &mut Data) -> Result<Vec<Flaw>, TraceError> {
    let has_values = data.has_values;
    let (plain, valued) = thread::scope(|scope| {
        let valued = scope.spawn(|| valued(plan, has_values));
        let plain = gather(plan).and_then(|gathered| Ok((gathered, seen(plan, has_values)?, others(plan, data)?)));
        (plain, valued.join())
    });
    let ((gathered, flaws), seen, ()) = plain?;
    let valued = valued.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    data.cut.splice(0..0, flaws.iter().map(|flaw| format!("The trace is damaged: {flaw}.")));
    build::fill(data, &gathered, seen.as_ref(), plan.clean.as_ref());
    data.cut.extend(valued.cut);
    (data.tricks, data.calls, data.compares, data.strings) =
        (valued.tricks, valued.calls, valued.compares, valued.strings);
    if !has_values {
        data.cut.push(
            "The trace has no values: recorded with --values, it shows calls, comparisons and strings.".to_owned(),
        );
    }
    Ok(flaws)
}

fn gather(plan: &ReportPlan) -> Result<(Gathered, Vec<Flaw>), TraceError> {
    let mut reader = Reader::open(&plan.trace)?;
    let index = reader.index().cloned();
    let (mut gathered, mut flaws) = (Gathered::default(), Vec::new());
    let mut observed = Observed::new(&mut gathered, &Selection::default(), None, plan.progress, index.as_ref());
    reader.read_all(&mut observed, &mut |flaw| {
        flaws.push(flaw);
        Ok(())
    })?;
    Ok((gathered, flaws))
}

fn program(info: &Info) -> String {
    let words = info.start.iter().flat_map(|start| &start.argv).map(|word| listing::cut_text(word));
    words.collect::<Vec<_>>().join(" ")
}

/// Reads the values of the program's own instructions, if the trace has any.
fn seen(plan: &ReportPlan, has_values: bool) -> Result<Option<Seen>, TraceError> {
    if !has_values {
        return Ok(None);
    }
    let mut seen = Seen::new(MEMORY);
    // Each flaw was reported by the first reading.
    query(plan, Filter { no_stdlib: true, ..Filter::default() }).ask(&mut seen, &mut |_| {})?;
    Ok(Some(seen))
}

fn query(plan: &ReportPlan, filter: Filter) -> Query {
    Query {
        trace: plan.trace.clone(),
        selection: Selection { filter, ..Selection::default() },
        stdlib: false,
        memory: MEMORY,
        json: true,
        progress: plan.progress,
    }
}

/// Adds the attempts and the layers, as their views print them for programs.
fn others(plan: &ReportPlan, data: &mut Data) -> Result<(), TraceError> {
    // Each flaw was reported by the first reading.
    let mut known = |_| {};
    let everything = query(plan, Filter::default());
    data.tried =
        lines("attempts", &mut data.cut, |pipe| tried::run(&everything, output(pipe)?, &mut known).map(|_| ()))?;
    data.layers = lines("layers", &mut data.cut, |mut pipe| {
        let filter = Filter { no_stdlib: true, ..Filter::default() };
        let ReportPlan { modules, progress, .. } = *plan;
        let plan = LayersPlan { filter, folder: None, as_module: false, modules, json: true, progress };
        layers::run(Reader::open(&everything.trace)?, plan, &mut pipe, &mut known).map(|_| ())
    })?;
    Ok(())
}

/// What the views of values print for programs, and that of tricks, which does without.
#[derive(Default)]
struct Valued {
    tricks: Vec<serde_json::Value>,
    calls: Vec<serde_json::Value>,
    compares: Vec<serde_json::Value>,
    strings: Vec<serde_json::Value>,
    /// What is not there.
    cut: Vec<String>,
}

fn valued(plan: &ReportPlan, has_values: bool) -> Result<Valued, TraceError> {
    let mut valued = Valued::default();
    let cut = &mut valued.cut;
    // The other thread reports the flaws and shows how far it is.
    let mut known = |_| {};
    let own = Query { progress: false, ..query(plan, Filter { no_stdlib: true, ..Filter::default() }) };
    valued.tricks = lines("tricks", cut, |pipe| tricks::run(&own, output(pipe)?, &mut known).map(|_| ()))?;
    if !has_values {
        return Ok(valued);
    }
    valued.calls =
        lines("calls", cut, |pipe| calls::run(&own, CallsPlan::default(), output(pipe)?, &mut known).map(|_| ()))?;
    valued.compares = lines("comparisons", cut, |pipe| {
        compares::run(&own, ComparesPlan::default(), output(pipe)?, &mut known).map(|_| ())
    })?;
    valued.strings = lines("strings", cut, |pipe| {
        let plan = StringsPlan { min: SHORTEST, text: None };
        strings::run(&own, plan, output(pipe)?, &mut known).map(|_| ())
    })?;
    Ok(valued)
}

/// Runs a view and returns the JSON lines that it prints, up to some size: a view stops when its reader leaves.
fn lines(
    what: &str,
    cut: &mut Vec<String>,
    view: impl FnOnce(PipeWriter) -> Result<(), TraceError>,
) -> Result<Vec<serde_json::Value>, TraceError> {
    let (output, input) = io::pipe().map(|(input, output)| (output, input)).map_err(SinkError::from)?;
    let (viewed, read) = thread::scope(|scope| {
        let reading = scope.spawn(|| first_lines(input));
        let viewed = view(output);
        (viewed, reading.join())
    });
    viewed?;
    let (lines, is_cut) = read.unwrap_or_else(|panic| std::panic::resume_unwind(panic)).map_err(SinkError::from)?;
    if is_cut {
        cut.push(format!("Not all {what} are on this page; the command above them prints all."));
    }
    Ok(lines)
}

/// The first JSON lines of a view, and whether there are more.
fn first_lines(input: PipeReader) -> io::Result<(Vec<serde_json::Value>, bool)> {
    let mut lines = Vec::new();
    let mut bytes = 0;
    for line in BufReader::new(input).lines() {
        let line = line?;
        bytes += line.len();
        if lines.len() == VIEW_LINES || bytes > VIEW_BYTES {
            return Ok((lines, true));
        }
        lines.push(printable::value(serde_json::from_str(&line)?));
    }
    Ok((lines, false))
}

fn output(pipe: PipeWriter) -> Result<Output, TraceError> {
    Ok(Output::of_pipe(OwnedFd::from(pipe).into()).map_err(SinkError::from)?)
}
