//! Why a trace cannot be read.

use std::io;
use std::path::PathBuf;

use super::Flaw;
use crate::bytecode::escape::Printable;
use crate::format::bct::layout::VERSION;
use crate::trace::SinkError;

/// Why a trace cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    #[error("cannot read {}: {}", Printable::path(.0), .1)]
    Io(PathBuf, io::Error),
    #[error("cannot read {}: {}", Printable::path(.0), .1)]
    NotATrace(PathBuf, &'static str),
    #[error("cannot read {}: it is a .bct of version {}, and this bctrace reads version {VERSION}; {}",
        Printable::path(.0), .1, newer(*.1))]
    Version(PathBuf, u32),
    #[error("cannot follow {}: only a plain .bct file grows; show it without --follow", Printable::path(.0))]
    NotFollowed(PathBuf),
    #[error("cannot make a .bct of a part of {}: a .bct holds a whole trace; select when you show it, \
        or ask for text or jsonl", Printable::path(.0))]
    Part(PathBuf),
    #[error("cannot make a .bct of {}: {}; ask for text or jsonl", Printable::path(.0), .1)]
    Flawed(PathBuf, Flaw),
    #[error("cannot show that of {}: it was recorded without values; record it again with --values", Printable::path(.0))]
    NoValues(PathBuf),
    #[error(transparent)]
    Output(#[from] SinkError),
}

fn newer(version: u32) -> &'static str {
    if version > VERSION { "read it with a newer bctrace" } else { "read it with an older bctrace, or record it again" }
}
