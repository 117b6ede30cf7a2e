//! Filters, from options to the types that decide.

use super::args::{self, FilterArgs, PlaceArgs, WindowArgs};
use crate::select::{Filter, Selection};

impl From<FilterArgs> for Filter {
    fn from(args: FilterArgs) -> Filter {
        Filter { names: args.names, patterns: args.patterns, files: args.files, no_stdlib: args.no_stdlib }
    }
}

/// Makes the selection of a command that reads traces.
pub fn selection(command: &str, filter: FilterArgs, place: PlaceArgs) -> anyhow::Result<Selection> {
    let PlaceArgs { window: WindowArgs { from, to, threads }, max_depth } = place;
    match (from, to) {
        (Some(from), Some(to)) if to < from => {
            Err(args::usage(command, format!("--to {to} comes before --from {from}: nothing is between them")))
        }
        _ => Ok(Selection { filter: filter.into(), threads, max_depth, window: Selection::window(from, to) }),
    }
}
