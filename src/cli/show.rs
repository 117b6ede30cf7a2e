//! `bctrace show`: prints a recorded trace.

use std::path::Path;

use super::args::ShowArgs;
use super::views::{status, warning};
use super::{filter, record};
use crate::format::{self, Compression, Format, Replace};
use crate::views::show::{self, ShowPlan};

/// Runs the command.  Whoever reads the output may leave at any time.
pub fn run(args: ShowArgs) -> anyhow::Result<u8> {
    let plan = ShowPlan {
        format: args.format.map_or(Format::Text, record::format),
        options: format::Options {
            resolve: args.resolve,
            depth: args.depth,
            values: !args.no_values,
            selection: filter::selection(args.filter, args.place)?,
            count: args.count,
            ..format::Options::default()
        },
        follow: args.follow,
        trace: args.trace,
    };
    let output = format::check_output(Path::new("-"), Some(&plan.trace), Replace::Traces)?.open(Compression::None)?;
    let shown = show::run(&plan, output, &mut warning(&plan.trace))?;
    Ok(status(shown.flawed))
}
