//! Comparisons by place: what each place compared, the last ones of it, and what its loops read as.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use super::Comparison;
use super::line::Place;
use super::pieces::{Pass, Passes};
use super::rank::{Kind, Rank, asks_for_equality, rejects};
use crate::bytecode::opcode::is_call;
use crate::trace::value::Value;
use crate::views::room::{Room, weight};

/// Different comparisons of a place that are kept, unless all are wanted.
const KEPT: usize = 3;
/// About what a block takes in memory, without the values.
const BLOCK: u64 = 800;

/// The comparisons of a trace.
pub(super) struct Blocks {
    all: bool,
    pub(super) room: Room,
    places: FxHashMap<Place, usize>,
    /// The places of code objects that are known by their ids.
    by_code: FxHashMap<(u32, i32), usize>,
    blocks: Vec<Block>,
}

/// The comparisons of one place.
pub(super) struct Block {
    pub(super) kind: Kind,
    pub(super) times: u64,
    /// The last one that rejected, if that is not among those kept.
    pub(super) rejected: Option<Kept>,
    /// The last ones that differ, in their order; where all are wanted, each different from the one before.
    pub(super) kept: VecDeque<Kept>,
    pub(super) passes: Passes,
    asks_for_equality: bool,
    is_input: bool,
    is_constant: bool,
    /// One of them rejected something.
    has_rejected: bool,
}

/// A comparison, and how often it came since it is kept.
pub(super) struct Kept {
    pub(super) comparison: Comparison,
    pub(super) times: u64,
    rejects: bool,
    weight: u64,
}

impl Blocks {
    pub(super) fn new(all: bool, room: Room) -> Blocks {
        Blocks { all, room, places: FxHashMap::default(), by_code: FxHashMap::default(), blocks: Vec::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.blocks.is_empty() && self.room.dropped == 0
    }

    pub(super) fn take(&mut self, comparison: Comparison) {
        let key = (comparison.code.id, comparison.instruction.offset);
        let place = match self.by_code.get(&key) {
            Some(place) => *place,
            None => match self.find(&comparison) {
                Some(place) => {
                    self.by_code.insert(key, place);
                    place
                }
                None => return,
            },
        };
        self.blocks[place].take(comparison, self.all, &mut self.room);
    }

    /// Notes that comparisons may have been left out of the trace.
    pub(super) fn note_gap(&mut self) {
        self.blocks.iter_mut().for_each(|block| block.passes.note_gap());
    }

    /// Finds or makes the block of a place.
    fn find(&mut self, comparison: &Comparison) -> Option<usize> {
        let place = Place::of(comparison);
        if let Some(known) = self.places.get(&place) {
            return Some(*known);
        }
        if !self.room.take(BLOCK) {
            return None;
        }
        self.places.insert(place, self.blocks.len());
        self.blocks.push(Block {
            kind: Kind::of(comparison),
            times: 0,
            rejected: None,
            kept: VecDeque::new(),
            passes: Passes::default(),
            asks_for_equality: asks_for_equality(comparison),
            is_input: false,
            is_constant: true,
            has_rejected: false,
        });
        Some(self.blocks.len() - 1)
    }

    /// The blocks, the most relevant first, and of equal ones that which came last.
    pub(super) fn ranked(self) -> Vec<Block> {
        let mut blocks = self.blocks;
        blocks.sort_by_key(|block| (block.rank(), std::cmp::Reverse(block.last())));
        blocks
    }
}

impl Block {
    fn take(&mut self, comparison: Comparison, all: bool, room: &mut Room) {
        self.times += 1;
        let marks = &comparison.marks;
        // A function that belongs to no object is not compared.
        let is_bare = is_call(comparison.instruction.opcode)
            && matches!(comparison.operands.first(), Some(Value::Object { receiver: None, .. }));
        let compared = &marks[usize::from(is_bare).min(marks.len())..];
        self.is_input |= compared.iter().any(|mark| mark.is_input);
        self.is_constant &= compared.iter().all(|mark| mark.is_constant);
        let rejects = rejects(&comparison, self.kind);
        self.has_rejected |= rejects;
        if self.kind == Kind::Equality {
            self.passes.take(&comparison, room);
        }
        // Of all comparisons only those in a row are one.
        let first = if all { self.kept.len().saturating_sub(1) } else { 0 };
        let is_same = |place: &usize| self.kept[*place].comparison.reads_as(&comparison);
        let same = (first..self.kept.len()).rfind(is_same);
        if let Some(mut again) = same.and_then(|place| self.kept.remove(place)) {
            again.times += 1;
            again.comparison.number = comparison.number;
            self.kept.push_back(again);
            return;
        }
        let weight = size_of::<Kept>() as u64 + comparison.operands.iter().map(weight).sum::<u64>();
        if !all
            && self.kept.len() >= KEPT
            && let Some(old) = self.kept.pop_front()
        {
            room.give_back(old.weight);
            if old.rejects {
                room.give_back(self.rejected.replace(old).map_or(0, |kept| kept.weight));
                let _ = self.rejected.as_ref().is_some_and(|kept| room.has(kept.weight));
            }
        }
        if room.take(weight) {
            self.kept.push_back(Kept { comparison, times: 1, rejects, weight });
        }
    }

    pub(super) fn rank(&self) -> Rank {
        Rank::of(self.kind, self.is_input, self.is_constant, self.has_rejected)
    }

    /// The number of the instruction that compared last.
    fn last(&self) -> u64 {
        let kept = self.kept.iter().chain(&self.rejected);
        kept.map(|kept| kept.comparison.number).max().unwrap_or(0)
    }

    /// Whether a pass of it reads as the comparison of two wholes.
    pub(super) fn joins(&self, pass: &Pass) -> bool {
        self.asks_for_equality && self.passes.joins(pass)
    }

    pub(super) fn is_input(&self) -> bool {
        self.is_input
    }

    /// What is printed of it: those that rejected first, else the last ones first.
    pub(super) fn shown(&self) -> Vec<&Kept> {
        let mut shown: Vec<&Kept> = self.kept.iter().rev().collect();
        if !shown.iter().any(|kept| kept.rejects) {
            shown.extend(&self.rejected);
        }
        shown.sort_by_key(|kept| !kept.rejects);
        shown
    }
}
