//! Which parts of a trace are wanted: code objects by name and file, threads, depths, and a stretch of instruction
//! numbers. Decides, and leaves counting, caching and printing to whoever asks.

use std::ffi::OsStr;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use regex::bytes::RegexSet;

use crate::bytecode::CodeObject;
use crate::trace::{Run, State};

/// What was asked for, as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Raw co_name values (-n).
    pub names: Vec<Vec<u8>>,
    /// Regular expressions searched for in co_name (--match).
    pub patterns: Vec<String>,
    /// Globs that the whole of co_filename must match (--file); `*` crosses slashes.
    pub files: Vec<String>,
    /// Leaves the embedded standard library out (--no-stdlib).
    pub no_stdlib: bool,
}

/// A filter that cannot be made out of what was typed.
#[derive(Debug, thiserror::Error)]
pub enum FilterError {
    #[error("--match: {0}\nthe syntax is described at https://docs.rs/regex/#syntax")]
    Pattern(#[from] regex::Error),
    #[error("--file: {0}; a glob is a file name with * ? [ab] or {{a,b}} in it")]
    Glob(#[from] globset::Error),
}

/// Decides about code objects: any of the values of one option, and all of the options that were given.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    names: Vec<Vec<u8>>,
    patterns: Option<RegexSet>,
    files: Option<GlobSet>,
    no_stdlib: bool,
}

impl Filter {
    pub fn new(wanted: &Wanted) -> Result<Filter, FilterError> {
        let patterns = match wanted.patterns.as_slice() {
            [] => None,
            patterns => Some(RegexSet::new(patterns)?),
        };
        let files = match wanted.files.as_slice() {
            [] => None,
            globs => {
                let mut set = GlobSetBuilder::new();
                for glob in globs {
                    set.add(GlobBuilder::new(glob).literal_separator(false).build()?);
                }
                Some(set.build()?)
            }
        };
        Ok(Filter { names: wanted.names.clone(), patterns, files, no_stdlib: wanted.no_stdlib })
    }

    /// Tells whether every code object is wanted.
    pub fn is_everything(&self) -> bool {
        self.names.is_empty() && self.patterns.is_none() && self.files.is_none() && !self.no_stdlib
    }

    pub fn wants(&self, code: &CodeObject) -> bool {
        let named = self.names.is_empty() || self.names.contains(&code.name);
        let matched = || self.patterns.as_ref().is_none_or(|patterns| patterns.is_match(&code.name));
        let filed = || self.files.as_ref().is_none_or(|globs| globs.is_match(OsStr::from_bytes(&code.filename)));
        let own = || !self.no_stdlib || !code.is_stdlib();
        named && own() && matched() && filed()
    }
}

/// What a reader of a trace prints of it.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    pub filter: Filter,
    /// Thread numbers; empty for all.
    pub threads: Vec<u32>,
    /// Frames with more callers than this are left out.
    pub max_depth: Option<u32>,
    /// Instruction numbers, from 1; None for all.
    pub window: Option<Range<u64>>,
}

/// How much of a run lies in the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    Whole,
    Partial,
    Nothing,
}

impl Selection {
    /// Makes the window of the instructions with the numbers `from` to `to`.
    pub fn window(from: Option<u64>, to: Option<u64>) -> Option<Range<u64>> {
        let first = from.unwrap_or(1).max(1);
        (from.is_some() || to.is_some()).then(|| first..to.unwrap_or(u64::MAX).saturating_add(1).max(first))
    }

    /// Tells whether all of a trace is wanted.
    pub fn is_everything(&self) -> bool {
        self.filter.is_everything() && self.is_by_code_only()
    }

    /// Tells whether nothing but the code object decides.
    pub fn is_by_code_only(&self) -> bool {
        self.threads.is_empty() && self.max_depth.is_none() && self.window.is_none()
    }

    /// Tells whether the thread and depth filters accept the current frame.
    pub fn wants_frame(&self, at: &State) -> bool {
        self.wants_place(at.thread, at.frame().map_or(0, |frame| frame.depth))
    }

    /// Tells whether the thread and depth filters accept a frame of this thread and depth.
    pub fn wants_place(&self, thread: u32, depth: u32) -> bool {
        let wants_thread = self.threads.is_empty() || self.threads.contains(&thread);
        wants_thread && self.max_depth.is_none_or(|most| depth <= most)
    }

    /// Tells whether the instruction with this number is wanted, as far as the window decides.
    pub fn wants_number(&self, number: u64) -> bool {
        self.window.as_ref().is_none_or(|window| window.contains(&number))
    }

    /// Tells whether something that happened between instructions is wanted, as far as the window decides: it belongs
    /// to the instruction before it, and the beginning of the trace to the first one.
    pub fn wants_moment(&self, at: &State) -> bool {
        self.wants_number(at.instructions.max(1))
    }

    /// Tells how much of a run the window holds.
    #[inline]
    pub fn share(&self, run: &Run, at: &State) -> Share {
        let Some(window) = &self.window else { return Share::Whole };
        let first = at.instructions.saturating_add(1);
        let behind = first.saturating_add(run.count);
        if first >= window.start && behind <= window.end {
            Share::Whole
        } else if behind <= window.start || first >= window.end {
            Share::Nothing
        } else {
            Share::Partial
        }
    }
}
