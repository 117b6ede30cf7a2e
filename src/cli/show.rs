//! `bctrace show`: prints a recorded trace.

use std::io;
use std::path::Path;

use super::args::ShowArgs;
use super::{exit, filter, message, record};
use crate::bytecode::escape::Printable;
use crate::format::{self, Compression, Format};
use crate::read::Reader;
use crate::select::Selection;
use crate::views::layers::{self, Folder, LayersPlan};
use crate::views::show::{self, ShowPlan, View};

/// Runs the command.  Whoever reads the output may leave at any time.
pub fn run(args: ShowArgs) -> anyhow::Result<u8> {
    if args.layers || args.dump_code.is_some() {
        return show_layers(args);
    }
    let plan = ShowPlan {
        format: args.format.map_or(Format::Text, record::format),
        options: format::Options {
            resolve: args.resolve,
            depth: args.depth,
            values: !args.no_values,
            selection: Selection {
                filter: filter::filter(args.filter)?,
                threads: args.threads,
                max_depth: args.max_depth,
                window: Selection::window(args.from, args.count),
            },
            ..format::Options::default()
        },
        view: match (args.compares, args.calls) {
            (true, _) => View::Compares,
            (_, true) => View::Calls,
            _ => View::Trace,
        },
        follow: args.follow,
        trace: args.trace,
    };
    let output = format::check_output(Path::new("-"), Some(&plan.trace))?.open(Compression::None)?;
    let name = Printable::path(&plan.trace);
    let shown = show::run(&plan, output, &mut |flaw| message::warn(format_args!("{name}: {flaw}")))?;
    Ok(if shown.flawed { exit::FAILED } else { 0 })
}

/// Prints or writes the code objects that ran.
fn show_layers(args: ShowArgs) -> anyhow::Result<u8> {
    let filter = filter::filter(args.filter)?;
    let reader = Reader::open(&args.trace)?;
    let folder = args.dump_code.as_deref().map(Folder::open).transpose()?;
    let plan = LayersPlan { filter, folder, tree: args.layers };
    let name = Printable::path(&args.trace);
    let mut out = io::BufWriter::new(io::stdout().lock());
    let flawed = layers::run(reader, plan, &mut out, &mut |flaw| message::warn(format_args!("{name}: {flaw}")))?;
    Ok(if flawed { exit::FAILED } else { 0 })
}
