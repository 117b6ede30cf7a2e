//! `bctrace calls`: the calls of a trace as a tree, Python's and C's, with arguments and results.

mod json;
mod text;
mod tree;

use crate::format::Output;
use crate::read::{Flaw, TraceError};

use super::Answer;
use super::query::Query;
use json::Json;
use text::Text;
use tree::Tree;

/// Writes the calls into `output`, each flaw of the trace to `report`.
pub fn run(query: &Query, output: Output, report: &mut dyn FnMut(Flaw)) -> Result<Answer, TraceError> {
    match query.json {
        true => query.answer(&mut Tree::new(&query.selection, Json::new(query, output)?), report),
        false => query.answer(&mut Tree::new(&query.selection, Text::new(output)), report),
    }
}
