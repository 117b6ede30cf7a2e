//! `bctrace show`: prints a recorded trace.

use std::io::IsTerminal;

use super::args::{self, ShowArgs};
use super::views::{end, end_of_view, open_screen, warning};
use super::{filter, message, record, screen};
use crate::format::{self, Format, Paint};
use crate::views::fold::{self, FoldPlan};
use crate::views::query::Query;
use crate::views::show::{self, ShowPlan};

/// Runs the command.  The reader of the output may leave at any time.
pub fn run(args: ShowArgs) -> anyhow::Result<u8> {
    let no_stdlib = args.filter.no_stdlib;
    let mut selection = filter::selection("show", args.filter, args.place)?;
    if args.fold {
        selection.filter.no_stdlib = no_stdlib || !args.stdlib;
        let json = args.format == Some(args::FormatName::Jsonl);
        if !json && args.format.is_some_and(|format| format != args::FormatName::Text) {
            return Err(args::usage("show", "--fold prints text or jsonl"));
        }
        let plan = FoldPlan { resolve: args.resolve, unfold: args.unfold };
        let (trace, stdlib) = (args.trace, args.stdlib && !no_stdlib);
        let progress = message::shows_progress(true);
        let query = Query { trace, selection, stdlib, memory: args.memory, json, progress };
        let screen = open_screen(&args.screen, true, &query.trace)?;
        let output = screen.output((!json).then_some(Paint::Instructions), &query.trace)?;
        let answer = fold::run(&query, &plan, output, &mut warning(&query.trace)).map_err(screen::of_output)?;
        return Ok(end_of_view(&answer, &query));
    }
    let format = args.format.map_or(Format::Text, record::format);
    if format == Format::Bct && !(selection.is_everything() && args.count.is_none()) {
        let message =
            "a .bct holds a whole trace: filters, --from, --to, --thread, --max-depth and --count make text or jsonl";
        return Err(args::usage("show", message));
    }
    let plan = ShowPlan {
        format,
        options: format::Options {
            resolve: args.resolve,
            depth: args.depth,
            values: !args.no_values,
            selection,
            count: args.count,
            ..format::Options::default()
        },
        follow: args.follow,
        progress: !args.follow && message::shows_progress(true),
        trace: args.trace,
    };
    if plan.format == Format::Bct && std::io::stdout().is_terminal() {
        return Err(args::usage(
            "show",
            "a .bct is binary and is not written to a terminal; redirect standard output into a file",
        ));
    }
    let screen = open_screen(&args.screen, !args.follow && plan.format != Format::Null, &plan.trace)?;
    let paint = (plan.format == Format::Text).then_some(Paint::Instructions);
    let output = screen.output(paint, &plan.trace)?;
    let shown = show::run(&plan, output, &mut warning(&plan.trace)).map_err(screen::of_output)?;
    Ok(end(&shown.misses, &plan.options.selection, shown.flawed))
}
