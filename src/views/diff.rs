//! `bctrace diff`: where two runs of a program part: stretches of code are aligned by what they are and by the calls that they stand in,
//! addresses and numbers of objects aside.

mod align;
mod feed;
mod print;

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::Answer;
use super::query::{LeftOut, Query};
use crate::format::Output;
use crate::format::lines::Lines;
use crate::read::{Flaw, TraceError};
use crate::select::Miss;
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

/// Writes how two traces differ into `output`, each flaw of one to `report`; returns what came of it, and whether they differ.  Of the
/// selection it misses what neither trace has.
pub fn run(plan: &DiffPlan, output: Output, report: &mut dyn FnMut(usize, Flaw)) -> Result<(Answer, bool), TraceError> {
    let mut aligned = Vec::new();
    let mut covers: Covers = [BTreeMap::new(), BTreeMap::new()];
    let mut excluded = [0, 0];
    let mut misses = [Vec::new(), Vec::new()];
    let mut is_flawed = false;
    let mut thread = 0;
    let is_same_program = loop {
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
                misses[number] = feed.take_misses();
            }
            for (hash, cover) in feed.take_cover() {
                covers[number].entry(hash).and_modify(|known| known.add(&cover)).or_insert(cover);
            }
        }
        let threads = pair.a.threads().max(pair.b.threads()).min(THREADS);
        aligned.push((thread, one));
        thread += 1;
        if thread >= threads {
            break pair.a.collected().program().zip(pair.b.collected().program()).map(|(a, b)| a == b);
        }
    };
    let stdlib_left_out = excluded.into_iter().max().unwrap_or_default();
    let left_out = LeftOut { stdlib: Some(stdlib_left_out), ..LeftOut::default() };
    let is_different = aligned.iter().any(|(_, one)| one.is_different());
    let result = print::write(plan, &aligned, &covers, is_same_program, &left_out, &mut Lines::new(output, None));
    match result {
        Err(SinkError::Io(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
        result => result?,
    }
    let [mut misses, others] = misses;
    misses.retain(|miss| others.iter().any(|other| is_of_same(miss, other)));
    Ok((Answer { is_flawed, misses, stdlib_left_out, ..Answer::default() }, is_different))
}

/// Whether two traces miss the same part of a selection.
fn is_of_same(miss: &Miss, other: &Miss) -> bool {
    match (miss, other) {
        (Miss::Code(one), Miss::Code(other)) => (one.option, &one.value) == (other.option, &other.value),
        _ => std::mem::discriminant(miss) == std::mem::discriminant(other),
    }
}

/// How both traces of a thread go together.
type Threads = [(u32, Aligned)];
/// What each trace has executed of each code object, by what that is.
type Covers = [BTreeMap<u64, Cover>; 2];
