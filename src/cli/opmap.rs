//! Maps of opcodes: reading the file of `--opmap`, and saying what is not in it.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, anyhow};

use crate::bytecode::escape::Printable;
use crate::bytecode::opmap::OpMap;
use crate::format;
use crate::trace::event::{End, Unmapped};

/// Bytes of a map's file at most.
const LONGEST: u64 = 1 << 20;

/// Reads the map that an option names, if there is one.
pub fn read(path: Option<&Path>) -> anyhow::Result<Option<Arc<OpMap>>> {
    let Some(path) = path else { return Ok(None) };
    let cannot = || format!("cannot read the map {}", Printable::path(path));
    let read = || -> anyhow::Result<OpMap> {
        let size = fs::metadata(path).map_err(|error| anyhow!(format::why(path, &error)))?.len();
        if size > LONGEST {
            return Err(anyhow!("it has {size} bytes; a map has less than 1 MiB"));
        }
        let text = fs::read(path).map_err(|error| anyhow!(format::why(path, &error)))?;
        Ok(OpMap::from_json(&text)?)
    };
    read().with_context(cannot).map(|map| Some(Arc::new(map)))
}

/// Says what is known of the place where a program came to an opcode that its map does not name.
pub fn described(unmapped: &Unmapped, end: &End) -> Vec<String> {
    let place = end
        .place
        .as_ref()
        .map_or(String::new(), |(name, offset, _)| format!(" in {} at {offset}", Printable::name(name)));
    let mut entries: Vec<String> = unmapped.stack.iter().rev().map(|text| Printable::text(text).to_string()).collect();
    if unmapped.below > 0 {
        entries.push(format!("{} more", unmapped.below));
    }
    let stack = if entries.is_empty() { "empty".into() } else { format!("{} (top first)", entries.join(", ")) };
    let names: Vec<String> = unmapped.candidates.iter().map(|name| Printable::text(name).to_string()).collect();
    let candidates = if names.is_empty() { "no opcode fits".into() } else { format!("it can be {}", names.join(", ")) };
    vec![
        format!("the map does not name opcode {}, which is executed{place}", unmapped.number),
        format!("the value stack: {stack}"),
        candidates,
    ]
}
