//! `bctrace calls`: the calls of a trace as a tree, Python's and C's, with arguments and results.

mod call;
mod folded;
mod json;
mod text;
mod tree;

use crate::format::Output;
use crate::format::lines::Lines;
use crate::read::{Flaw, TraceError};
use crate::select::Name;

use super::Answer;
use super::left_out::LeftOut;
use super::query::{Query, ended};
use json::Json;
use text::Text;
use tree::Tree;

/// Which calls are printed, and how.
#[derive(Clone, Debug, Default)]
pub struct CallsPlan {
    /// No call is folded.
    pub all: bool,
    /// Only calls of C functions.
    pub c_only: bool,
    /// Only calls of this name.
    pub of: Option<Name>,
}

impl CallsPlan {
    /// Whether calls are a list, since those that made them can be missing.
    fn is_flat(&self) -> bool {
        self.c_only || self.of.is_some()
    }
}

/// Writes the calls into `output`, each flaw of the trace to `report`.
pub fn run(query: &Query, plan: CallsPlan, output: Output, report: &mut dyn FnMut(Flaw)) -> Result<Answer, TraceError> {
    let mut lines = Lines::new(output, None);
    let result = if query.json {
        query.write_head(&mut lines, "calls", &query.count_left_out()?)?;
        let mut tree = Tree::new(plan, Json::new(lines));
        query.ask(&mut tree, report).and_then(|(answer, _)| {
            tree.finish()?;
            tree.renderer.finish()?;
            Ok(answer)
        })
    } else {
        let mut tree = Tree::new(plan, Text::new(lines));
        query.ask(&mut tree, report).and_then(|(answer, left_out): (Answer, LeftOut)| {
            tree.finish()?;
            tree.renderer.finish(query, &left_out)?;
            Ok(answer)
        })
    };
    match result {
        Err(TraceError::Output(error)) => ended(Answer::default(), Err(error)),
        result => result,
    }
}
