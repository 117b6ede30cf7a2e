//! How many times each instruction of a code object was executed, counted by run: a run costs one look-up, not one for each instruction.

use std::rc::Rc;

use rustc_hash::FxHashMap;

use crate::bytecode::decode::Unit;
use crate::trace::Code;

/// Distinct runs that are kept before they are summed up.
const MOST_RUNS: usize = 1 << 18;

/// The runs of code objects that were not summed up.
#[derive(Default)]
pub struct Counts {
    codes: FxHashMap<u32, OfCode>,
    /// The code object of the last run, kept out of the map.
    current: Option<OfCode>,
    runs: usize,
}

/// The runs of one code object: where each begins and ends, and how many there were.
pub struct OfCode {
    pub code: Rc<Code>,
    runs: FxHashMap<(u32, u32), u64>,
    /// Instructions outside the code string.
    pub outside: u64,
}

impl Counts {
    /// Counts a run, or instructions outside the code.
    #[inline]
    pub fn ran(&mut self, code: &Rc<Code>, place: Option<(u32, u32)>, instructions: u64) {
        if self.current.as_ref().is_none_or(|current| current.code.id != code.id) {
            self.select(code);
        }
        let Some(current) = &mut self.current else { return };
        match place {
            None => current.outside += instructions,
            Some(place) => {
                let count = current.runs.entry(place).or_insert_with(|| {
                    self.runs += 1;
                    0
                });
                *count += 1;
            }
        }
    }

    fn select(&mut self, code: &Rc<Code>) {
        let new = || OfCode { code: Rc::clone(code), runs: FxHashMap::default(), outside: 0 };
        let found = self.codes.remove(&code.id).unwrap_or_else(new);
        if let Some(old) = self.current.replace(found) {
            self.codes.insert(old.code.id, old);
        }
    }

    /// Whether there are so many runs that it is time to take them.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.runs >= MOST_RUNS
    }

    /// Takes those of a code object.
    pub fn take(&mut self, code: u32) -> Option<OfCode> {
        let found = self.current.take_if(|current| current.code.id == code).or_else(|| self.codes.remove(&code))?;
        self.runs = self.runs.saturating_sub(found.runs.len());
        Some(found)
    }

    /// Takes all of them, in the order of the code objects.
    pub fn take_all(&mut self) -> Vec<OfCode> {
        self.runs = 0;
        let mut all: Vec<OfCode> = std::mem::take(&mut self.codes).into_values().chain(self.current.take()).collect();
        all.sort_unstable_by_key(|one| one.code.id);
        all
    }
}

impl OfCode {
    /// Sums them up: each unit that was executed, with how many times, in time that follows the length of the code and the number of
    /// runs.
    pub fn units(&self) -> Vec<(Unit, u64)> {
        let bytes = &self.code.object.bytes;
        // Of each offset: how many times control came to it, from the unit before it or otherwise.
        let mut came = vec![0u64; bytes.len() + 1];
        let mut ended = vec![0u64; bytes.len() + 1];
        for ((start, end), count) in &self.runs {
            if let (Some(came), Some(ended)) = (came.get_mut(*start as usize), ended.get_mut(*end as usize)) {
                *came += count;
                *ended += count;
            }
        }
        let mut units = Vec::new();
        for at in 0..bytes.len() {
            let count = came[at].saturating_sub(ended[at]);
            if count > 0
                && let Some(unit) = Unit::decode(bytes, at as u32)
            {
                came[unit.end as usize] += count;
                units.push((unit, count));
            }
        }
        units
    }
}
