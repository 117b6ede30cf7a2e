//! What people ask of a recorded trace: printing it, what is in it, what was compared and called, which code ran, and what
//! the program tried outside itself.

pub mod calls;
pub mod compares;
pub mod info;
pub mod layers;
mod observed;
pub mod query;
pub mod report;
pub mod show;
#[cfg(test)]
mod tests;
pub mod tried;

use crate::select::Miss;

/// What came of a view.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Something was missing or damaged; each case was reported.
    pub is_flawed: bool,
    /// The parts of the selection that nothing has met.
    pub misses: Vec<Miss>,
    /// What was asked for, if there was nothing of it in all that the selection has met.
    pub nothing: Option<&'static str>,
}
