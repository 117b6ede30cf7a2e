//! A trace for other tools: as tables for engines that query many traces, and in the formats of viewers and profilers.  Each format reads
//! the trace once and keeps little of it.

mod callgrind;
mod counts;
mod feed;
mod firefox;
mod lcov;
mod lines;
mod names;
mod perfetto;
mod speedscope;
mod stacks;
mod tables;
pub mod target;
mod text;
mod tree;

use std::io;
use std::path::{Path, PathBuf};

use crate::bytecode::escape::Printable;
use crate::read::{Flaw, Reader, TraceError};
use crate::trace::SinkError;
use feed::Exporter;
pub use tables::Which;
use target::Target;

/// What a trace is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Parquet,
    Csv,
    Perfetto,
    Speedscope,
    Firefox,
    Callgrind,
    Lcov,
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Plan {
    pub trace: PathBuf,
    pub form: Form,
    /// A file, `-` for standard output; for Parquet, and for several tables of CSV, a folder.
    pub output: PathBuf,
    /// The tables that are wanted.
    pub tables: Vec<Which>,
    /// Speedscope gets each call at its time, not their sums.
    pub evented: bool,
    /// What `bctrace dis` has printed, for lcov.
    pub listing: Option<PathBuf>,
    pub progress: bool,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Exported {
    /// Something in the trace was missing or damaged; each case was reported.
    pub is_flawed: bool,
    /// What the export does not hold, if anything.
    pub left_out: Option<String>,
}

/// Why nothing was exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(transparent)]
    Trace(#[from] TraceError),
    #[error("cannot write {}", Printable::path(.0))]
    Write(PathBuf, #[source] io::Error),
    #[error("cannot export the trace: {0}")]
    Refused(String),
}

impl ExportError {
    fn write(path: &Path, error: impl Into<SinkError>) -> ExportError {
        ExportError::Write(path.to_owned(), io::Error::from(error.into()))
    }
}

/// Writes a trace in the form that is asked for; each flaw goes to `report`.
pub fn run(plan: &Plan, report: &mut dyn FnMut(Flaw)) -> Result<Exported, ExportError> {
    match plan.form {
        Form::Parquet => tables::parquet(plan, report).map(Exported::of_flaws),
        Form::Csv => tables::csv(plan, report).map(Exported::of_flaws),
        Form::Perfetto => to_file(plan, report, perfetto::Perfetto::new),
        Form::Speedscope if plan.evented => to_file(plan, report, speedscope::Evented::new),
        Form::Speedscope => to_file(plan, report, speedscope::Aggregated::new),
        Form::Firefox => to_file(plan, report, firefox::Firefox::new),
        Form::Callgrind => to_file(plan, report, callgrind::Callgrind::new),
        Form::Lcov => lcov::export(plan, report),
    }
}

/// The files that the command would replace.
pub fn files(plan: &Plan) -> Vec<PathBuf> {
    match plan.form {
        Form::Parquet => Vec::new(),
        Form::Csv => tables::files(plan),
        _ => vec![plan.output.clone()],
    }
}

/// An exporter that writes one file.
trait ToFile: Exporter {
    /// Writes what is left after the last event; returns the output, and what it does not hold.
    fn finish(self) -> Result<(Target, Option<String>), SinkError>;

    /// Why it has refused to go on, if that was no fault of the output.
    fn refusal(&self) -> Option<String> {
        None
    }
}

fn to_file<E: ToFile>(
    plan: &Plan,
    report: &mut dyn FnMut(Flaw),
    exporter: impl FnOnce(Target) -> E,
) -> Result<Exported, ExportError> {
    let mut reader = Reader::open(&plan.trace)?;
    let failed = |error: SinkError| ExportError::write(&plan.output, error);
    let target = Target::create(&plan.output).map_err(|error| failed(error.into()))?;
    let mut exporter = exporter(target);
    let flaws = match feed::feed(&mut reader, &mut exporter, plan.progress, report) {
        Ok(flaws) => flaws,
        Err(TraceError::Output(error)) => {
            return Err(exporter.refusal().map_or_else(|| failed(error), ExportError::Refused));
        }
        Err(error) => return Err(error.into()),
    };
    let (target, left_out) = exporter.finish().map_err(failed)?;
    target.commit().map_err(|error| failed(error.into()))?;
    Ok(Exported { left_out, ..Exported::of_flaws(flaws) })
}

impl Exported {
    fn of_flaws(flaws: u64) -> Exported {
        Exported { is_flawed: flaws > 0, left_out: None }
    }
}
