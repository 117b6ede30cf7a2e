//! Why a trace cannot be read.

use std::io;
use std::path::PathBuf;

use super::Flaw;
use crate::format::bct::layout::VERSION;
use crate::format::{Named, why};
use crate::trace::SinkError;

/// Why a trace cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    #[error("cannot read {}: {}", Named::input(.0), why(.0, .1))]
    Io(PathBuf, io::Error),
    #[error("cannot read {}: {}", Named::input(.0), .1)]
    NotATrace(PathBuf, &'static str),
    #[error("cannot read {}: it is a .bct of version {}, and this bctrace reads version {VERSION}; {}",
        Named::input(.0), .1, newer(*.1))]
    Version(PathBuf, u32),
    #[error("cannot follow {}: only a plain .bct file grows; show it without --follow", Named::input(.0))]
    NotFollowed(PathBuf),
    #[error("cannot make a .bct of a part of {}: a .bct holds a whole trace; select when you show it, \
        or ask for text or jsonl", Named::input(.0))]
    Part(PathBuf),
    #[error("cannot make a .bct of {}: {}; ask for text or jsonl", Named::input(.0), .1)]
    Flawed(PathBuf, Flaw),
    #[error("cannot print the {} of {}: it was recorded without values; record it again with --values", .1, Named::input(.0))]
    NoValues(PathBuf, &'static str),
    #[error(transparent)]
    Output(#[from] SinkError),
}

fn newer(version: u32) -> &'static str {
    if version > VERSION { "read it with a newer bctrace" } else { "read it with an older bctrace, or record it again" }
}
