//! What a trace says of one code object of a file: the versions of its bytes that ran.

use std::collections::BTreeMap;

use crate::bytecode::decode::Unit;
use crate::bytecode::object::MarshalledCode;
use crate::bytecode::text::{self, Budget};
use crate::read::edges::{Edges, Executed};

/// What ran of a code object.
pub(super) struct Counts<'a> {
    /// Of the bytes that the file has.
    pub own: Vec<&'a Executed>,
    /// Of bytes that replaced them.
    pub later: Vec<&'a Executed>,
    units: BTreeMap<u32, u64>,
}

impl<'a> Counts<'a> {
    /// Finds a code object in a trace, by its name, first line and bytes; those that are equal in these count together.
    pub(super) fn of(code: &MarshalledCode, edges: &'a Edges) -> Counts<'a> {
        let name = text::name(&code.name, &mut Budget::default());
        let is_own = |executed: &Executed| {
            let object = &executed.code;
            *object.bytes == *code.bytes && object.first_line == code.first_line && object.name == name
        };
        let own: Vec<usize> = (0..edges.codes.len()).filter(|&place| is_own(&edges.codes[place])).collect();
        let is_later = |place: &usize| !own.contains(place) && own.contains(&edges.codes[*place].first);
        let later = (0..edges.codes.len()).filter(is_later).map(|place| &edges.codes[place]).collect();
        let own: Vec<&Executed> = own.iter().map(|&place| &edges.codes[place]).collect();
        let mut units = BTreeMap::new();
        for (&unit, &count) in own.iter().flat_map(|executed| &executed.units) {
            *units.entry(unit).or_default() += count;
        }
        Counts { own, later, units }
    }

    /// How often frames began with it.
    pub(super) fn entered(&self) -> u64 {
        self.own.iter().chain(&self.later).map(|executed| executed.entered).sum()
    }

    pub(super) fn has_run(&self) -> bool {
        !self.units.is_empty() || !self.later.is_empty() || self.entered() > 0
    }

    /// How often each unit of the file's bytes ran.
    pub(super) fn units(&self) -> &BTreeMap<u32, u64> {
        &self.units
    }

    /// How often control went from a unit to an offset, and from it to all others.
    pub(super) fn sides(&self, unit: u32, to: i32) -> (u64, u64) {
        let leaving = self.own.iter().flat_map(|executed| executed.leaving(unit));
        leaving.fold((0, 0), |(there, elsewhere), (next, count)| match i64::from(next) == i64::from(to) {
            true => (there + count, elsewhere),
            false => (there, elsewhere + count),
        })
    }

    pub(super) fn raised(&self, unit: u32) -> u64 {
        self.own.iter().filter_map(|executed| executed.raised.get(&unit)).sum()
    }

    /// Units that ran and begin at no row, with how often.
    pub(super) fn off_listing(&self, is_row: impl Fn(u32) -> bool) -> Vec<(u32, u64)> {
        self.units.iter().filter(|(unit, _)| !is_row(**unit)).map(|(unit, count)| (*unit, *count)).collect()
    }

    /// Instructions that ran outside the code string, with how often.
    pub(super) fn outside(&self) -> Vec<(i32, u64)> {
        self.own.iter().flat_map(|executed| &executed.outside).map(|(at, count)| (*at, *count)).collect()
    }
}

/// The first and the last offset at which two versions of a code string differ.
pub(super) fn difference(one: &[u8], other: &[u8]) -> Option<(usize, usize)> {
    let differs = |at: &usize| one.get(*at) != other.get(*at);
    let length = one.len().max(other.len());
    Some(((0..length).find(differs)?, (0..length).rev().find(differs)?))
}

/// The unit that begins at an offset, of bytes that ran.
pub(super) fn unit(bytes: &[u8], at: u32) -> Option<Unit> {
    Unit::decode(bytes, at)
}
