//! What people ask of a recorded trace: printing it, what is in it, what was compared and called, which code ran, and what
//! the program tried outside itself.

pub mod calls;
pub mod compares;
pub mod diff;
pub mod dis;
pub mod edges;
pub mod find;
mod flow;
pub mod fold;
pub mod hot;
pub mod info;
mod items;
pub mod layers;
mod left_out;
mod observed;
pub mod query;
pub mod report;
mod room;
mod same;
pub mod show;
pub mod strings;
#[cfg(test)]
mod tests;
pub mod tricks;
pub mod tried;

use std::borrow::Cow;

use crate::select::Miss;
use crate::trace::totals::Capped;

/// What came of a view.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Something was missing or damaged; each case was reported.
    pub is_flawed: bool,
    /// The parts of the selection that nothing has met.
    pub misses: Vec<Miss>,
    /// What was asked for, if there was nothing of it in all that the selection has met.
    pub nothing: Option<Cow<'static, str>>,
    /// Instructions of the standard library that were left out and are wanted otherwise.
    pub stdlib_left_out: u64,
    /// What the recording left out of loops, as far as the trace was read.
    pub capped: Capped,
}
