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
mod trace;
mod writer;

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::feed::feed;
use super::{ExportError, Plan};
use crate::format::decompressed;
use crate::read::{Flaw, Reader, TraceError};
use crate::trace::SinkError;
use collect::Collector;

pub use schema::Which;
use writer::{Background, Writer};

/// Writes tables as CSV: one to the output, or several into a folder.
pub fn csv(plan: &Plan, report: &mut dyn FnMut(Flaw)) -> Result<u64, ExportError> {
    let hash = hash_of(&plan.trace)?;
    let mut reader = Reader::open(&plan.trace)?;
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

/// The SHA-256 of a trace, unpacked if it is compressed, in hexadecimal digits: what names the trace in every table.
fn hash_of(trace: &Path) -> Result<String, ExportError> {
    if trace == Path::new("-") {
        return Err(ExportError::Refused(
            "the trace cannot come from standard input: its hash names it in the tables, so it is read twice; name a file"
                .into(),
        ));
    }
    // It says first what is no trace.
    Reader::open(trace)?;
    let failed = |error| ExportError::from(TraceError::Io(trace.to_owned(), error));
    let mut hash = Sha256::new();
    let mut unpacked = decompressed(File::open(trace).map_err(failed)?).map_err(failed)?;
    let mut buffer = vec![0; 1 << 18];
    // What cannot be unpacked the reader reports.
    while let Ok(count @ 1..) = unpacked.read(&mut buffer) {
        hash.update(&buffer[..count]);
    }
    Ok(code::hex(&hash.finalize()))
}

/// The files that a command would replace.
pub fn files(plan: &Plan) -> Vec<PathBuf> {
    match plan.tables.as_slice() {
        [_] => vec![plan.output.clone()],
        tables => tables.iter().map(|table| csv::path_of(&plan.output, *table)).collect(),
    }
}
