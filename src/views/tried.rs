//! `bctrace tried`: what a program tried to do outside itself, each distinct attempt once, with its answer and how often it was made.
//! An attempt's own record says all of it; what the program executed is not looked at.

mod json;
#[cfg(test)]
mod tests;
mod text;
mod words;

use std::cell::Cell;
use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::Path;
use std::rc::Rc;

use super::Answer;
use super::observed::Observed;
use super::query::Query;
use crate::format::Output;
use crate::format::lines::Lines;
use crate::read::{Flaw, Reader, TraceError};
use crate::select::{Filter, Selection};
use crate::trace::attempt::{Attempt, By, Repeated};
use crate::trace::event::Sandbox;
use crate::trace::{Event, Events, SinkError};

pub use words::{Allowing, Doing};

/// Distinct attempts that are kept at most, and bytes that they take: a forged trace can have any number.
const MOST: usize = if cfg!(test) { 64 } else { 1 << 16 };
const BYTES: usize = 64 << 20;
/// Bytes of one, which no recorder's has: when they are printed they become several times as many.
const LARGEST: usize = 1 << 20;
/// Records to which a later record of repetitions can refer.
const NUMBERED: usize = 1 << 20;

/// Writes the attempts into `output`, each flaw of the trace to `report`.  A reader of the output that leaves is no error.
pub fn run(query: &Query, output: Output, report: &mut dyn FnMut(Flaw)) -> Result<Answer, TraceError> {
    let mut reader = Reader::open(&query.trace)?;
    let index = reader.index().cloned();
    let is_flawed = Cell::new(false);
    let mut collector = Collector::new(&query.selection, &is_flawed);
    let mut events = Events(|event: &Event| collector.event(event));
    let mut observed = Observed::new(&mut events, &query.selection, None, query.progress, index.as_ref());
    // Records of repetitions count from the first record on, so all of the trace is read for any part of it.
    reader.read_all(&mut observed, &mut |flaw| {
        is_flawed.set(true);
        report(flaw);
        Ok(())
    })?;
    let misses = observed.misses(index.as_ref(), reader.reached(), true);
    let tried = collector.finish();
    match write(query, &tried, output) {
        Err(SinkError::Io(error)) if error.kind() == ErrorKind::BrokenPipe => {}
        result => result?,
    }
    let is_missed = tried.is_empty() && tried.is_watched() && !query.selection.is_everything() && misses.is_empty();
    Ok(Answer {
        is_flawed: tried.is_flawed,
        misses,
        nothing: is_missed.then_some("attempts".into()),
        ..Answer::default()
    })
}

/// Reads the distinct attempts of a whole trace: the first of each, and how often it was made; and how many others there are.
pub fn collect(trace: &Path) -> Result<(Vec<(Attempt, u64)>, u64), TraceError> {
    let (selection, is_flawed) = (Selection::default(), Cell::new(false));
    let mut collector = Collector::new(&selection, &is_flawed);
    Reader::open(trace)?.read_all(&mut Events(|event: &Event| collector.event(event)), &mut |_| {
        is_flawed.set(true);
        Ok(())
    })?;
    let Tried { attempts, left_out, .. } = collector.finish();
    Ok((attempts.iter().map(|distinct| (distinct.first(), distinct.times)).collect(), left_out))
}

fn write(query: &Query, tried: &Tried, output: Output) -> Result<(), SinkError> {
    let mut lines = Lines::new(output, None);
    match query.json {
        true => json::write(query, tried, &mut lines)?,
        false => text::write(tried, query.selection.is_everything(), &mut lines)?,
    }
    lines.finish().map(|_| ())
}

/// What a program tried, as far as it is wanted.
#[derive(Debug, Default)]
struct Tried {
    /// None if the beginning of the trace is lost.
    sandbox: Option<Sandbox>,
    /// On whose behalf: the program's, the library's, other processes'; within each in the order of their first instructions.
    attempts: Vec<Distinct>,
    /// Attempts that are not among them.
    left_out: u64,
    /// Part of the trace could not be read.
    is_flawed: bool,
}

impl Tried {
    fn is_empty(&self) -> bool {
        self.attempts.is_empty() && self.left_out == 0
    }

    fn is_watched(&self) -> bool {
        self.sandbox == Some(Sandbox::Watched)
    }
}

/// Equal attempts: all but the instruction's number is the same.
#[derive(Debug)]
struct Distinct {
    /// Its instruction is 0.
    attempt: Rc<Attempt>,
    /// The number of the first one's instruction; 0 if it has none.
    first: u64,
    times: u64,
}

impl Distinct {
    /// The first of the attempts.
    fn first(&self) -> Attempt {
        let mut first = Attempt::clone(&self.attempt);
        if let Some(site) = &mut first.site {
            site.instruction = self.first;
        }
        first
    }
}

/// What became of a record.
#[derive(Clone, Copy, Debug)]
enum Record {
    /// It is one of the attempts, by its place.
    Kept(u32),
    Unwanted,
    LeftOut,
}

/// Takes attempts out of a trace.
struct Collector<'a> {
    selection: &'a Selection,
    /// The filter without `--no-stdlib`: on whose behalf an attempt was made decides about that.
    filter: Filter,
    sandbox: Option<Sandbox>,
    attempts: Vec<Distinct>,
    places: HashMap<Rc<Attempt>, u32>,
    /// The records by their numbers, up to the first damage of the trace: how many records that has cost is not known.
    records: Vec<Record>,
    are_numbered: bool,
    bytes: usize,
    left_out: u64,
    is_flawed: &'a Cell<bool>,
}

impl<'a> Collector<'a> {
    fn new(selection: &'a Selection, is_flawed: &'a Cell<bool>) -> Collector<'a> {
        Collector {
            selection,
            filter: Filter { no_stdlib: false, ..selection.filter.clone() },
            sandbox: None,
            attempts: Vec::new(),
            places: HashMap::new(),
            records: Vec::new(),
            are_numbered: true,
            bytes: 0,
            left_out: 0,
            is_flawed,
        }
    }

    fn attempt(&mut self, attempt: &Attempt) {
        let record = if self.wants(attempt) { self.keep(attempt) } else { Record::Unwanted };
        self.are_numbered &= !self.is_flawed.get() && self.records.len() < NUMBERED;
        if self.are_numbered {
            self.records.push(record);
        }
    }

    /// Counts an attempt to those that are equal, or as a new one.
    fn keep(&mut self, attempt: &Attempt) -> Record {
        let mut key = attempt.clone();
        let first = key.site.as_mut().map_or(0, |site| std::mem::take(&mut site.instruction));
        if let Some(&place) = self.places.get(&key) {
            let known = &mut self.attempts[place as usize];
            known.times = known.times.saturating_add(1);
            known.first = known.first.min(first);
            return Record::Kept(place);
        }
        let size = size(&key);
        if self.attempts.len() >= MOST || size > LARGEST.min(BYTES - self.bytes) {
            self.left_out = self.left_out.saturating_add(1);
            return Record::LeftOut;
        }
        self.bytes += size;
        let place = self.attempts.len() as u32;
        let attempt = Rc::new(key);
        self.places.insert(Rc::clone(&attempt), place);
        self.attempts.push(Distinct { attempt, first, times: 1 });
        Record::Kept(place)
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::Start(start) => self.sandbox = Some(start.sandbox),
            Event::Attempt(attempt) => self.attempt(attempt),
            Event::Repeated(repeated) => self.repeated(*repeated),
            _ => {}
        }
    }

    /// Counts repetitions.  Those of an attempt that is not known are left out, whether the selection wants it or not.
    fn repeated(&mut self, repeated: Repeated) {
        let record = repeated.attempt.and_then(|number| self.records.get(number as usize));
        match record {
            Some(&Record::Kept(place)) => {
                let known = &mut self.attempts[place as usize];
                known.times = known.times.saturating_add(repeated.times);
            }
            Some(Record::Unwanted) => {}
            Some(Record::LeftOut) | None => self.left_out = self.left_out.saturating_add(repeated.times),
        }
    }

    /// Decides by the code object at the attempt, or by the caller in the program if that is the library's.
    fn wants(&self, attempt: &Attempt) -> bool {
        let threads = &self.selection.threads;
        let number = attempt.site.as_ref().map_or(0, |site| site.instruction);
        if !self.selection.wants_number(number.max(1))
            || !(threads.is_empty() || attempt.thread.is_some_and(|thread| threads.contains(&thread)))
            || self.selection.filter.no_stdlib && attempt.by == By::Library
        {
            return false;
        }
        let Some(site) = &attempt.site else { return self.filter.is_everything() };
        // On whose behalf it was made has decided already.
        let wants = |name, filename| self.filter.wants_named(name, filename, false);
        let caller = site.caller.as_ref();
        wants(&site.name, &site.filename) || caller.is_some_and(|(name, filename)| wants(name, filename))
    }

    fn finish(self) -> Tried {
        let mut attempts = self.attempts;
        attempts.sort_by_key(|distinct| (distinct.attempt.by as u8, distinct.first));
        Tried { sandbox: self.sandbox, attempts, left_out: self.left_out, is_flawed: self.is_flawed.get() }
    }
}

/// Bytes that a kept attempt takes, about.
fn size(attempt: &Attempt) -> usize {
    let targets = attempt.targets.iter().map(|target| target.len() + size_of::<Vec<u8>>());
    let names = attempt.site.as_ref().map_or(0, |site| {
        let caller = site.caller.as_ref().map_or(0, |(name, filename)| name.len() + filename.len());
        site.name.len() + site.filename.len() + caller
    });
    2 * size_of::<Attempt>() + targets.sum::<usize>() + attempt.option.len() + names
}
