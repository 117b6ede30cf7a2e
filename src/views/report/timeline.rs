//! The run over time: how many instructions each code object executed in each stretch of instruction numbers, thread by thread.  The
//! number of stretches is bounded; they become longer as the trace does.

use rustc_hash::FxHashMap;

use super::entries::EntryId;
use crate::trace::Laps;

/// Stretches at most; where there would be more, each two become one.
const MOST: usize = 1 << 11;
/// Threads that have a row of their own; the others share the last one.
pub(super) const THREADS: u32 = 15;

/// Where instructions belong: a thread's row and an entry.
pub(super) type Place = (u32, EntryId);

#[derive(Debug)]
pub(super) struct Timeline {
    /// Instruction numbers in a stretch.
    pub(super) width: u64,
    pub(super) stretches: Vec<FxHashMap<Place, u64>>,
}

impl Default for Timeline {
    fn default() -> Timeline {
        Timeline { width: 1, stretches: Vec::new() }
    }
}

impl Timeline {
    /// Adds `count` instructions after the first `before` ones.
    #[inline]
    pub(super) fn add(&mut self, thread: u32, entry: EntryId, before: u64, count: u64) {
        let place = (thread.min(THREADS), entry);
        let (mut at, mut left) = (before, count);
        while left > 0 {
            while at / self.width >= MOST as u64 {
                self.halve();
            }
            let stretch = (at / self.width) as usize;
            let here = left.min((stretch as u64 + 1) * self.width - at);
            if stretch >= self.stretches.len() {
                self.stretches.resize_with(stretch + 1, FxHashMap::default);
            }
            *self.stretches[stretch].entry(place).or_default() += here;
            at += here;
            left -= here;
        }
    }

    /// Adds `count` instructions of each lap: in the first one after the first `before` ones.
    pub(super) fn add_laps(&mut self, thread: u32, entry: EntryId, before: u64, count: u64, laps: &Laps) {
        let last = before.saturating_add(laps.rest()).saturating_add(count).saturating_sub(1);
        while last / self.width >= MOST as u64 {
            self.halve();
        }
        let stretches = (before / self.width) as usize..=(last / self.width) as usize;
        if *stretches.end() >= self.stretches.len() {
            self.stretches.resize_with(stretches.end() + 1, FxHashMap::default);
        }
        // How many of the instructions come before a number.
        let before = |number: u64| {
            let since = number.saturating_sub(before);
            let whole = (since / laps.instructions.max(1)).min(laps.times);
            let part = if whole < laps.times { count.min(since - whole * laps.instructions) } else { 0 };
            whole * count + part
        };
        for stretch in stretches {
            let begin = stretch as u64 * self.width;
            let here = before(begin.saturating_add(self.width)) - before(begin);
            if here > 0 {
                *self.stretches[stretch].entry((thread.min(THREADS), entry)).or_default() += here;
            }
        }
    }

    #[cold]
    fn halve(&mut self) {
        self.width = self.width.saturating_mul(2);
        let mut pairs = std::mem::take(&mut self.stretches).into_iter();
        while let Some(mut stretch) = pairs.next() {
            for (place, count) in pairs.next().unwrap_or_default() {
                *stretch.entry(place).or_default() += count;
            }
            self.stretches.push(stretch);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(timeline: &Timeline) -> u64 {
        timeline.stretches.iter().flat_map(|stretch| stretch.values()).sum()
    }

    #[test]
    fn instructions_stay_in_their_stretch_however_long_the_trace_becomes() {
        let mut timeline = Timeline::default();
        for before in 0..100_000 {
            timeline.add((before % 2) as u32, (before / 50_000) as u32, before, 1);
        }
        assert_eq!((timeline.width, timeline.stretches.len()), (64, 1563));
        assert_eq!(total(&timeline), 100_000);
        assert_eq!(timeline.stretches[0], FxHashMap::from_iter([((0, 0), 32), ((1, 0), 32)]));
        assert_eq!(timeline.stretches[1562], FxHashMap::from_iter([((0, 1), 16), ((1, 1), 16)]));
    }

    #[test]
    fn a_long_run_fills_all_stretches_that_it_covers() {
        let mut timeline = Timeline::default();
        timeline.add(0, 7, 5, 1 << 20);
        assert_eq!(total(&timeline), 1 << 20);
        assert!(timeline.stretches.len() <= MOST);
    }

    #[test]
    fn many_threads_share_the_last_row() {
        let mut timeline = Timeline::default();
        (0..100).for_each(|thread| timeline.add(thread, 0, 0, 1));
        assert_eq!(timeline.stretches[0].len(), THREADS as usize + 1);
    }
}
