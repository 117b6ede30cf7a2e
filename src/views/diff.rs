//! `bctrace diff`: where two runs of a program part: stretches of code are aligned by what they are and by the calls that they stand in,
//! addresses and numbers of objects aside.

mod align;
mod feed;
mod print;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::Answer;
use super::left_out::LeftOut;
use super::query::Query;
use crate::format::Output;
use crate::format::lines::Lines;
use crate::read::{Flaw, TraceError, is_read_once};
use crate::select::Miss;
use crate::trace::SinkError;
use align::{Aligned, Pair};
use feed::{Cover, Digest, Feed};

/// Threads for which places are printed, at most: for each one that differs, both traces are read once more.
const ALIGNED: usize = 64;

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
    let queries = [plan.query.clone(), Query { trace: plan.other.clone(), ..plan.query.clone() }];
    let open = |thread| -> Result<Pair, TraceError> {
        Ok(Pair { a: Feed::open(&queries[0], thread)?, b: Feed::open(&queries[1], thread)? })
    };
    let mut pair = open(0)?;
    let mut compared = Compared { aligned: vec![(0, align::align(&mut pair, plan.window)?)], others: Vec::new() };
    let (mut excluded, mut misses, mut is_flawed) = ([0, 0], [Vec::new(), Vec::new()], false);
    for (number, feed) in [&mut pair.a, &mut pair.b].into_iter().enumerate() {
        feed.drain()?;
        excluded[number] = feed.collected().excluded();
        is_flawed |= !feed.flaws.is_empty();
        feed.flaws.drain(..).for_each(|flaw| report(number, flaw));
        misses[number] = feed.take_misses();
    }
    let covers = [pair.a.take_cover(), pair.b.take_cover()];
    let different = different_threads(&mut pair);
    let programs = pair.a.collected().program().zip(pair.b.collected().program());
    let is_same_program = programs.map(|(a, b)| a == b);
    drop(pair);
    let can_read_again = !queries.iter().any(|query| is_read_once(&query.trace));
    for thread in different {
        if can_read_again && compared.aligned.len() < ALIGNED {
            compared.aligned.push((thread, align::align(&mut open(thread)?, plan.window)?));
        } else {
            compared.others.push(thread);
        }
    }
    let stdlib_left_out = excluded.into_iter().max().unwrap_or_default();
    let left_out = LeftOut { stdlib: Some(stdlib_left_out), ..LeftOut::default() };
    let is_different = compared.is_different();
    let result = print::write(plan, &compared, &covers, is_same_program, &left_out, &mut Lines::new(output, None));
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

/// The threads but the first of which both traces have executed something else.
fn different_threads(pair: &mut Pair) -> Vec<u32> {
    let have_values = pair.a.has_values() && pair.b.has_values();
    let (a, b) = (pair.a.take_digests(), pair.b.take_digests());
    let threads: BTreeSet<u32> = a.keys().chain(b.keys()).copied().collect();
    let none = Digest::default();
    let is_same = |thread: &u32| {
        let [a, b] = [&a, &b].map(|digests| digests.get(thread).unwrap_or(&none));
        a.is_same(b, have_values)
    };
    threads.into_iter().filter(|thread| !is_same(thread)).collect()
}

/// How the threads of both traces go together.
struct Compared {
    /// The first thread, and those that differ, with the places.
    aligned: Vec<(u32, Aligned)>,
    /// Others that differ.
    others: Vec<u32>,
}

impl Compared {
    fn is_different(&self) -> bool {
        !self.others.is_empty() || self.aligned.iter().any(|(_, one)| one.is_different())
    }
}

/// What each trace has executed of each code object, by what that is.
type Covers = [BTreeMap<u64, Cover>; 2];
