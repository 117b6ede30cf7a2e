//! `bctrace diff`: where two runs of a program part: stretches of code are aligned by what they are and by the calls that they stand in,
//! addresses and numbers of objects aside.

mod align;
mod feed;
mod print;

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::query::{LeftOut, Query};
use crate::format::Output;
use crate::format::lines::Lines;
use crate::read::{Flaw, TraceError};
use crate::trace::SinkError;
use align::{Aligned, Pair};
use feed::{Cover, Feed};

/// Threads that are compared, at most; they are read one after the other.
const THREADS: u32 = 64;

/// What is compared.
#[derive(Clone, Debug)]
pub struct DiffPlan {
    /// The first trace, and which part of it is wanted.
    pub query: Query,
    pub other: PathBuf,
    /// Stretches of code in which both are aligned again, at most.
    pub window: usize,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Diff {
    pub is_different: bool,
    /// Something was missing or damaged; each case was reported.
    pub is_flawed: bool,
}

/// Writes how two traces differ into `output`, each flaw of one to `report`.
pub fn run(plan: &DiffPlan, output: Output, report: &mut dyn FnMut(usize, Flaw)) -> Result<Diff, TraceError> {
    let mut aligned = Vec::new();
    let mut covers = [BTreeMap::new(), BTreeMap::new()];
    let mut excluded = [0, 0];
    let mut is_flawed = false;
    let mut thread = 0;
    loop {
        let queries = [plan.query.clone(), Query { trace: plan.other.clone(), ..plan.query.clone() }];
        let [a, b] = &queries;
        let mut pair = Pair { a: Feed::open(a, thread)?, b: Feed::open(b, thread)? };
        let one = align::align(&mut pair, plan.window)?;
        for (number, feed) in [&mut pair.a, &mut pair.b].into_iter().enumerate() {
            feed.drain()?;
            excluded[number] += feed.collected().excluded();
            is_flawed |= !feed.flaws.is_empty();
            if thread == 0 {
                feed.flaws.drain(..).for_each(|flaw| report(number, flaw));
            }
            covers[number].extend(feed.take_cover());
        }
        let threads = pair.a.threads().max(pair.b.threads()).min(THREADS);
        aligned.push((thread, one));
        thread += 1;
        if thread >= threads {
            break;
        }
    }
    let left_out = LeftOut { stdlib: excluded.into_iter().max(), ..LeftOut::default() };
    let is_different = aligned.iter().any(|(_, one)| one.is_different());
    let result = print::write(plan, &aligned, &covers, &left_out, &mut Lines::new(output, None));
    match result {
        Err(SinkError::Io(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
        result => result?,
    }
    Ok(Diff { is_different, is_flawed })
}

/// How both traces of a thread go together.
type Threads = [(u32, Aligned)];
/// What each trace has executed of each code object, by what that is.
type Covers = [BTreeMap<u64, Cover>; 2];
