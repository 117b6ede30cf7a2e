//! The arguments of `bctrace export`.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum, ValueHint};

use crate::export::Which;

/// Write a recorded .bct as tables or for another tool
///
/// Tables are for engines that query many traces at once, the other forms for viewers and profilers, in which an instruction counts as a
/// unit of time or cost. An output file appears when it is complete. docs/tables.md describes the tables.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bctrace export trace.bct --format parquet -o corpus
  bctrace export trace.bct --format csv --table calls -o calls.csv
  bctrace export trace.bct --format perfetto -o trace.pftrace
  bctrace export trace.bct --format lcov --listing program.lst -o coverage.info")]
pub struct ExportArgs {
    /// Trace to export, compressed or not
    #[arg(value_name = "TRACE", value_hint = ValueHint::FilePath)]
    pub trace: PathBuf,
    /// Form to write
    #[arg(short = 'f', long, value_name = "FORM", value_enum)]
    pub format: ExportForm,
    /// File to write; for Parquet, and for several tables of CSV, a folder
    #[arg(short = 'o', long = "output", value_name = "OUT", value_hint = ValueHint::AnyPath)]
    pub output: PathBuf,
    /// Write this table only; can be repeated [default: all]
    ///
    /// The folder of a single table of CSV is none: OUT is its file.
    #[arg(long = "table", value_name = "TABLE", value_parser = tables())]
    pub tables: Vec<Which>,
    /// Give speedscope each call at its time instead of sums
    #[arg(long)]
    pub evented: bool,
    /// Listing that `bctrace dis` has printed, which lcov counts lines of
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub listing: Option<PathBuf>,
    /// Replace files that exist
    #[arg(long)]
    pub force: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportForm {
    /// Tables for DuckDB, Spark and others: OUT/TABLE/sample=SHA256/run=HASH.parquet
    Parquet,
    /// Tables as text
    Csv,
    /// Calls in time, for Perfetto
    Perfetto,
    /// Calls summed up, for speedscope
    Speedscope,
    /// Calls summed up, for the Firefox Profiler
    Firefox,
    /// Costs by line and call, for KCachegrind and callgrind_annotate
    Callgrind,
    /// Coverage of a listing, for genhtml
    Lcov,
}

/// Reads the name of a table.
fn tables() -> impl TypedValueParser<Value = Which> {
    let names = Which::ALL.map(|which| which.table().name);
    PossibleValuesParser::new(names).try_map(|name| Which::named(&name).ok_or("there is no such table"))
}
