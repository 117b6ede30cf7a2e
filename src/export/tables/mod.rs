//! A trace as tables, for engines that query them: their schema, the rows, and the formats that hold them.

mod attempts;
mod batch;
mod code;
mod collect;
mod csv;
mod frames;
#[cfg(feature = "parquet")]
mod parquet;
mod schema;
mod sequences;
mod source;
mod trace;
mod writer;

use std::fs;
use std::path::PathBuf;

use super::feed::feed;
use super::{ExportError, Plan};
use crate::read::{Flaw, Reader, TraceError};
use crate::trace::SinkError;
use collect::Collector;
use source::Source;

pub use schema::Which;
use writer::{Background, Writer};

/// Writes tables as CSV: one to the output, or several into a folder.
pub fn csv(plan: &Plan, report: &mut dyn FnMut(Flaw)) -> Result<u64, ExportError> {
    let source = Source::open(&plan.trace)?;
    let hash = source.hash()?;
    let mut reader = source.reader()?;
    let failed = |error: SinkError| ExportError::write(&plan.output, error);
    let files = match plan.tables.as_slice() {
        [table] => vec![(*table, plan.output.clone())],
        tables => {
            fs::create_dir_all(&plan.output).map_err(|error| failed(error.into()))?;
            tables.iter().map(|table| (*table, csv::path_of(&plan.output, *table))).collect()
        }
    };
    let writer = csv::Csv::open(files, &hash).map_err(failed)?;
    write(plan, &mut reader, writer, report)
}

#[cfg(feature = "parquet")]
pub use self::parquet::parquet;

#[cfg(not(feature = "parquet"))]
pub fn parquet(_plan: &Plan, _report: &mut dyn FnMut(Flaw)) -> Result<u64, ExportError> {
    Err(ExportError::Refused(
        "this bctrace was built without the feature parquet; --format csv has the same tables".into(),
    ))
}

fn write<W: Writer>(
    plan: &Plan,
    reader: &mut Reader,
    writer: W,
    report: &mut dyn FnMut(Flaw),
) -> Result<u64, ExportError> {
    let failed = |error: SinkError| ExportError::write(&plan.output, error);
    let rows = Background::start(writer).map_err(failed)?;
    let mut collector = Collector::new(&plan.tables, rows);
    let flaws = match feed(reader, &mut collector, plan.progress, report) {
        Ok(flaws) => flaws,
        Err(TraceError::Output(_)) => return Err(failed(collector.into_rows().error())),
        Err(error) => return Err(error.into()),
    };
    match collector.finish(flaws, reader.reached()) {
        Ok(()) => collector.into_rows().commit().map_err(failed)?,
        Err(_) => return Err(failed(collector.into_rows().error())),
    }
    Ok(flaws)
}

/// The files that a command would replace.
pub fn files(plan: &Plan) -> Vec<PathBuf> {
    match plan.tables.as_slice() {
        [_] => vec![plan.output.clone()],
        tables => tables.iter().map(|table| csv::path_of(&plan.output, *table)).collect(),
    }
}
