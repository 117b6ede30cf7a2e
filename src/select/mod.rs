//! Which parts of a trace are wanted: code objects by name and file, threads, depths, and a stretch of instruction
//! numbers. Decides, and leaves counting, caching and printing to its callers.

mod filter;
mod glob;
mod matches;
mod names;
mod regex_error;
mod seen;

use std::ops::Range;

pub use filter::Filter;
pub use glob::FileGlob;
pub use matches::{Matches, Met, TriggerMatch, Unmet};
pub use names::{Name, NamePattern};
pub use seen::{Miss, Seen};

use crate::trace::{Run, State};

/// A place by the name of its code object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    pub name: Name,
    /// In bytes; None is the entry of the code object.
    pub offset: Option<u32>,
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

    /// Returns whether all of a trace is wanted.
    pub fn is_everything(&self) -> bool {
        self.filter.is_everything() && self.is_by_code_only()
    }

    /// Returns whether nothing but the code object decides.
    pub fn is_by_code_only(&self) -> bool {
        self.threads.is_empty() && self.max_depth.is_none() && self.window.is_none()
    }

    /// Returns whether the thread and depth filters accept the current frame.
    pub fn wants_frame(&self, at: &State) -> bool {
        self.wants_place(at.thread, at.frame().map_or(0, |frame| frame.depth))
    }

    /// Returns whether the thread and depth filters accept a frame of this thread and depth.
    pub fn wants_place(&self, thread: u32, depth: u32) -> bool {
        let wants_thread = self.threads.is_empty() || self.threads.contains(&thread);
        wants_thread && self.max_depth.is_none_or(|most| depth <= most)
    }

    /// Returns whether the instruction with this number is wanted, as far as the window decides.
    pub fn wants_number(&self, number: u64) -> bool {
        self.window.as_ref().is_none_or(|window| window.contains(&number))
    }

    /// Returns whether something that happened between instructions is wanted, as far as the window decides: it belongs
    /// to the instruction before it, and the beginning of the trace to the first one.
    pub fn wants_moment(&self, at: &State) -> bool {
        self.wants_number(at.instructions.max(1))
    }

    /// Returns how much of a run the window holds.
    #[inline]
    pub fn share(&self, run: &Run, at: &State) -> Share {
        let Some(window) = &self.window else { return Share::Whole };
        let first = at.instructions.saturating_add(1);
        let end = first.saturating_add(run.count);
        if first >= window.start && end <= window.end {
            Share::Whole
        } else if end <= window.start || first >= window.end {
            Share::Nothing
        } else {
            Share::Partial
        }
    }
}
