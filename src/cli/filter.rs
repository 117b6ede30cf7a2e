//! Filters, from options to the types that decide.

use super::args::{self, CodeArgs, FilterArgs, PlaceArgs, ViewFilterArgs, WindowArgs};
use crate::select::{Filter, Selection};

impl From<FilterArgs> for Filter {
    fn from(args: FilterArgs) -> Filter {
        of_code(args.code, args.no_stdlib)
    }
}

impl From<ViewFilterArgs> for Filter {
    fn from(args: ViewFilterArgs) -> Filter {
        of_code(args.code, !args.stdlib)
    }
}

/// A filter by name and file, which can leave out the standard library.
fn of_code(args: CodeArgs, no_stdlib: bool) -> Filter {
    Filter { names: args.names, patterns: args.patterns, files: args.files, no_stdlib }
}

/// Makes the selection of a command that reads traces.
pub fn selection(command: &str, filter: impl Into<Filter>, place: PlaceArgs) -> anyhow::Result<Selection> {
    let PlaceArgs { window: WindowArgs { from, to, threads }, max_depth } = place;
    match (from, to) {
        (Some(from), Some(to)) if to < from => {
            Err(args::usage(command, format!("--to {to} comes before --from {from}: nothing is between them")))
        }
        _ => Ok(Selection { filter: filter.into(), threads, max_depth, window: Selection::window(from, to) }),
    }
}
