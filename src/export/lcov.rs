//! Coverage in lcov's format over a listing: a line of the listing is an instruction, and its count how many times that was executed.

mod listing;

use std::collections::BTreeMap;
use std::io::Write;
use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::counts::{Counts, OfCode};
use super::stacks::{Calls, Ran, Stacks};
use super::target::Target;
use crate::trace::{Code, Event, SinkError, State};
pub use listing::Listing;

/// Code objects whose place in the listing is remembered.
const REMEMBERED: usize = 1 << 18;

/// The export.
pub struct Lcov {
    target: Target,
    listing: Listing,
    counts: Counts,
    places: FxHashMap<u32, Option<usize>>,
    /// Of each line of the listing that is an instruction, how many times it was executed.
    lines: BTreeMap<u32, u64>,
    /// Of each code object in the listing, how many times it was entered.
    entered: Vec<u64>,
    /// Instructions of code that is not in the listing.
    elsewhere: u64,
}

impl Lcov {
    pub fn new(target: Target, listing: Listing) -> Stacks<Lcov> {
        let lines = listing.codes.iter().flat_map(|code| code.rows.values().map(|line| (*line, 0))).collect();
        let entered = vec![0; listing.codes.len()];
        Stacks::new(Lcov {
            target,
            listing,
            counts: Counts::default(),
            places: FxHashMap::default(),
            lines,
            entered,
            elsewhere: 0,
        })
    }

    /// Where a code object is in the listing.
    fn place(&mut self, code: &Code) -> Option<usize> {
        if let Some(place) = self.places.get(&code.id) {
            return *place;
        }
        if self.places.len() >= REMEMBERED {
            self.places.clear();
        }
        // Other bytes of the same code object stand in its place.
        let first = self.places.get(&code.first_id).copied().flatten();
        let place = self.listing.find(&code.object).or(first);
        self.places.insert(code.id, place);
        place
    }

    fn sum(&mut self, runs: &OfCode) {
        let place = self.place(&runs.code);
        self.elsewhere += runs.outside;
        let bytes = &runs.code.object.bytes;
        for (unit, count) in runs.units() {
            for instruction in unit.instructions(bytes) {
                let offset = instruction.offset as u32;
                let line = place.and_then(|place| self.listing.codes[place].rows.get(&offset));
                match line.and_then(|line| self.lines.get_mut(line)) {
                    Some(executed) => *executed += count,
                    None => self.elsewhere += count,
                }
            }
        }
    }

    fn write(&mut self) -> Result<(), SinkError> {
        let out = &mut self.target;
        writeln!(out, "TN:\nSF:{}", self.listing.path)?;
        for code in &self.listing.codes {
            writeln!(out, "FN:{},{}", code.heading, code.shown)?;
        }
        for (code, entered) in self.listing.codes.iter().zip(&self.entered) {
            writeln!(out, "FNDA:{entered},{}", code.shown)?;
        }
        writeln!(out, "FNF:{}", self.listing.codes.len())?;
        writeln!(out, "FNH:{}", self.entered.iter().filter(|entered| **entered > 0).count())?;
        for (line, count) in &self.lines {
            writeln!(out, "DA:{line},{count}")?;
        }
        writeln!(out, "LF:{}", self.lines.len())?;
        writeln!(out, "LH:{}\nend_of_record", self.lines.values().filter(|count| **count > 0).count())?;
        Ok(())
    }
}

impl Calls for Lcov {
    fn open(&mut self, _thread: u32, code: &Rc<Code>, _number: u64) -> Result<(), SinkError> {
        if let Some(place) = self.place(code) {
            self.entered[place] += 1;
        }
        Ok(())
    }

    fn close(&mut self, _thread: u32, _number: u64) -> Result<(), SinkError> {
        Ok(())
    }

    #[inline]
    fn ran(&mut self, code: &Rc<Code>, ran: Ran) -> Result<(), SinkError> {
        self.counts.ran(code, ran.place, ran.instructions);
        if self.counts.is_full() {
            let all = self.counts.take_all();
            all.iter().for_each(|runs| self.sum(runs));
        }
        Ok(())
    }

    fn event(&mut self, event: &Event, _at: &State) -> Result<(), SinkError> {
        if let Event::Code(code) = event {
            self.place(code);
        }
        Ok(())
    }

    fn released(&mut self, code: u32) {
        if let Some(runs) = self.counts.take(code) {
            self.sum(&runs);
        }
        self.places.remove(&code);
    }

    fn finish(mut self) -> Result<(Target, Option<String>), SinkError> {
        let all = self.counts.take_all();
        all.iter().for_each(|runs| self.sum(runs));
        self.write()?;
        let elsewhere = self.elsewhere;
        let left_out = (elsewhere > 0).then(|| format!("instructions that are not in the listing: {elsewhere}"));
        Ok((self.target, left_out))
    }
}
