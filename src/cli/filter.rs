//! Filters and triggers, from words to the trace's own types.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use anyhow::Context;

use super::args::{FilterArgs, PlaceArgs};
use crate::record::Trigger;
use crate::select::{Filter, Selection, Wanted};

/// Makes the filter; says which word is wrong.
pub fn filter(args: FilterArgs) -> anyhow::Result<Filter> {
    let wanted = Wanted {
        names: args.names.into_iter().map(OsString::into_vec).collect(),
        patterns: args.patterns,
        files: args.files,
        no_stdlib: args.no_stdlib,
    };
    Filter::new(&wanted).context("cannot use the filter")
}

/// Makes the selection of a reader of traces.
pub fn selection(filter: FilterArgs, place: PlaceArgs) -> anyhow::Result<Selection> {
    let PlaceArgs { from, to, threads, max_depth } = place;
    Ok(Selection { filter: self::filter(filter)?, threads, max_depth, window: Selection::window(from, to) })
}

/// Reads NAME or NAME:OFFSET; a name that itself ends in a colon and digits needs `:0` behind it.
pub fn trigger(word: &OsStr) -> Trigger {
    let bytes = word.as_bytes();
    let split = bytes.iter().rposition(|&byte| byte == b':').and_then(|colon| {
        let offset = std::str::from_utf8(&bytes[colon + 1..]).ok()?.parse().ok()?;
        Some((&bytes[..colon], offset))
    });
    match split {
        Some((name, offset)) => Trigger { name: name.to_vec(), offset: Some(offset) },
        None => Trigger { name: bytes.to_vec(), offset: None },
    }
}
