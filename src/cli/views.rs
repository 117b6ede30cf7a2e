//! `bctrace calls`, `compares` and `layers`: views of a recorded trace.

use std::io;
use std::path::Path;

use super::args::{CallsArgs, ComparesArgs, InfoFormat, LayersArgs, ViewArgs};
use super::{exit, filter, message};
use crate::bytecode::escape::Printable;
use crate::format::{self, Compression, Output, Replace};
use crate::read::{Flaw, Reader};
use crate::views::layers::{self, Folder, LayersPlan};
use crate::views::query::Query;
use crate::views::{calls, compares};

pub fn calls(args: CallsArgs) -> anyhow::Result<u8> {
    let (query, output) = query(args.view)?;
    Ok(status(calls::run(&query, output, &mut warning(&query.trace))?))
}

pub fn compares(args: ComparesArgs) -> anyhow::Result<u8> {
    let (query, output) = query(args.view)?;
    Ok(status(compares::run(&query, args.all, output, &mut warning(&query.trace))?))
}

pub fn layers(args: LayersArgs) -> anyhow::Result<u8> {
    let filter = filter::filter(args.filter)?;
    let reader = Reader::open(&args.trace)?;
    let folder = args.dump.as_deref().map(Folder::open).transpose()?;
    let plan = LayersPlan { filter, folder, json: args.format == InfoFormat::Json };
    let mut out = io::BufWriter::new(io::stdout().lock());
    Ok(status(layers::run(reader, plan, &mut out, &mut warning(&args.trace))?))
}

/// Makes the question and opens standard output for the answer.
fn query(args: ViewArgs) -> anyhow::Result<(Query, Output)> {
    let selection = filter::selection(args.filter, args.place)?;
    let query = Query { trace: args.trace, selection, json: args.format == InfoFormat::Json };
    let output = format::check_output(Path::new("-"), Some(&query.trace), Replace::Traces)?.open(Compression::None)?;
    Ok((query, output))
}

/// Prints what is missing or damaged in a trace.
pub fn warning(trace: &Path) -> impl FnMut(Flaw) {
    let name = Printable::path(trace).to_string();
    move |flaw| message::warn(format_args!("{name}: {flaw}"))
}

/// The status of a reader of a trace.
pub fn status(is_flawed: bool) -> u8 {
    if is_flawed { exit::FAILED } else { 0 }
}
