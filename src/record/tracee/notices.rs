//! What C functions of the VM report and no system call shows: what the program has read from standard input, the names of hosts that it
//! has looked up, and what it has done with stand-ins.  A stream has its share of each; beyond it they are counted.

use std::collections::BTreeSet;

use super::Tracee;
use crate::trace::attempt::{Answer, Attempt, By, Deed, Repeated};
use crate::trace::event::{Event, Input, StandIn, StandInUse};
use crate::vm::Gil;
use crate::vm::hook::Lookup;
use crate::vm::stand_ins::StoodIn;

/// Bytes of standard input that a stream records.
const MOST_INPUT: usize = 1 << 20;
/// Bytes in one record; what is longer is several.
const LONGEST_INPUT: usize = 16 << 10;
/// Names of hosts whose first lookup a stream records, and their bytes.
const MOST_NAMES: usize = 10_000;
const MOST_NAME_BYTES: usize = 1 << 20;
/// Bytes of a name, which is cut there.
const LONGEST_NAME: usize = 1 << 10;
/// Further lookups of these names that a stream records.
const MOST_REPEATS: u64 = 1000;

/// Uses of stand-ins that a stream records.
const MOST_STAND_INS: u64 = 200_000;
/// Bytes of one, which is cut there.
const LONGEST_STAND_IN: usize = 4 << 10;

/// How much of each the stream has.
#[derive(Debug, Default)]
pub(super) struct Notices {
    /// Bytes of standard input that are recorded.
    input: usize,
    /// Bytes that were read after those and that no record counts yet.
    input_left_out: u64,
    lookups: Lookups,
    lookups_left_out: LeftOut,
    /// Uses of stand-ins that are recorded.
    stand_ins: u64,
    stand_ins_left_out: LeftOut,
}

/// The lookups that are recorded.
#[derive(Debug, Default)]
struct Lookups {
    names: BTreeSet<Vec<u8>>,
    name_bytes: usize,
    repeats: u64,
}

impl Lookups {
    /// Counts a lookup; returns whether it is recorded.
    fn take(&mut self, name: &[u8]) -> bool {
        if self.names.contains(name) {
            self.repeats += 1;
            return self.repeats <= MOST_REPEATS;
        }
        let bytes = self.name_bytes + name.len();
        if self.names.len() == MOST_NAMES || bytes > MOST_NAME_BYTES {
            return false;
        }
        self.name_bytes = bytes;
        self.names.insert(name.to_vec())
    }
}

/// What has no record of its own.
#[derive(Clone, Copy, Debug, Default)]
struct LeftOut {
    count: u64,
    /// How many of them a record counts.
    recorded: u64,
}

impl LeftOut {
    /// Counts one; returns how many a record must count now.  It is so each time that their number has doubled, for a program that is
    /// killed has no end at which to count them.
    fn add(&mut self) -> Option<u64> {
        self.count += 1;
        self.count.is_power_of_two().then(|| self.rest()).flatten()
    }

    /// Returns how many a record must count at the end.
    fn rest(&mut self) -> Option<u64> {
        let rest = self.count - self.recorded;
        self.recorded = self.count;
        (rest > 0).then_some(rest)
    }
}

impl Tracee {
    /// Records what the program has read from standard input, at the instruction that runs.
    #[cold]
    pub(super) fn record_input(&mut self, gil: Gil, bytes: &[u8]) {
        if self.notices.input == MOST_INPUT {
            self.notices.input_left_out += bytes.len() as u64;
            return;
        }
        let (taken, rest) = bytes.split_at(bytes.len().min(MOST_INPUT - self.notices.input));
        self.notices.input += taken.len();
        self.stop_counting(gil, 0);
        let next = self.interrupt();
        for piece in taken.chunks(LONGEST_INPUT) {
            self.push_event(&Event::Input(Input { bytes: piece.to_vec(), left_out: 0 }));
        }
        if !rest.is_empty() {
            // A program that is killed later leaves a trace that says that there was more.
            self.push_event(&Event::Input(Input { bytes: Vec::new(), left_out: rest.len() as u64 }));
        }
        self.go_on_after_interrupt(next);
    }

    /// Records that the program looks up a host, at the instruction that runs, and what it gets if that is known.
    #[cold]
    pub(super) fn record_lookup(&mut self, gil: Gil, name: &[u8], answer: Lookup) {
        let name = &name[..name.len().min(LONGEST_NAME)];
        if !self.notices.lookups.take(name) {
            if let Some(times) = self.notices.lookups_left_out.add() {
                self.push_notice(gil, &Event::Repeated(Repeated { attempt: None, times }));
            }
            return;
        }
        let (fake, answer) = match answer {
            Lookup::Fake(address) => (Some(address), Answer::Faked),
            Lookup::Real(0) => (None, Answer::Allowed),
            Lookup::Real(error) => (None, Answer::of_failed_lookup(error)),
        };
        let attempt = Attempt {
            deed: Deed::Lookup,
            targets: [name].into_iter().chain(fake).map(<[u8]>::to_vec).collect(),
            answer,
            option: if matches!(answer, Answer::Refused(_)) { b"--allow-net".to_vec() } else { Vec::new() },
            by: By::Program,
            thread: Some(self.threads.current.number),
            site: None,
        };
        self.push_notice(gil, &Event::Attempt(attempt));
    }

    /// Records what the program does with a stand-in, at the instruction that runs.
    #[cold]
    pub(super) fn record_stand_in(&mut self, gil: Gil, kind: StoodIn, what: &[u8], named: usize) {
        if self.notices.stand_ins == MOST_STAND_INS {
            if let Some(left_out) = self.notices.stand_ins_left_out.add() {
                self.push_notice(gil, &Event::StandIn(StandIn { left_out, ..StandIn::default() }));
            }
            return;
        }
        self.notices.stand_ins += 1;
        let what = what[..what.len().min(LONGEST_STAND_IN)].to_vec();
        let named = named.min(what.len()) as u32;
        let kind = match kind {
            StoodIn::Import => StandInUse::Import,
            StoodIn::Attribute => StandInUse::Attribute,
            StoodIn::Call => StandInUse::Call,
            StoodIn::Use => StandInUse::Other,
        };
        self.push_notice(gil, &Event::StandIn(StandIn { kind, what, named, left_out: 0 }));
    }

    /// Records something at the instruction that runs.
    fn push_notice(&mut self, gil: Gil, event: &Event) {
        self.stop_counting(gil, 0);
        let next = self.interrupt();
        self.push_event(event);
        self.go_on_after_interrupt(next);
    }

    /// Records how much there was that has no record; the open run is closed by then.
    pub(super) fn push_counts(&mut self) {
        let Notices { input_left_out, lookups_left_out, stand_ins_left_out, .. } = &mut self.notices;
        let (input, lookups, stand_ins) = (*input_left_out, lookups_left_out.rest(), stand_ins_left_out.rest());
        if input != 0 {
            self.push_event(&Event::Input(Input { bytes: Vec::new(), left_out: input }));
        }
        if let Some(left_out) = stand_ins {
            self.push_event(&Event::StandIn(StandIn { left_out, ..StandIn::default() }));
        }
        if let Some(times) = lookups {
            self.push_event(&Event::Repeated(Repeated { attempt: None, times }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_lookups_of_hosts_are_recorded_whatever_was_repeated() {
        let mut lookups = Lookups::default();
        let repeated = (0..3000).filter(|_| lookups.take(b"same")).count();
        assert_eq!(repeated as u64, 1 + MOST_REPEATS);
        let names = (0..2 * MOST_NAMES).filter(|number| lookups.take(number.to_string().as_bytes())).count();
        assert_eq!(names, MOST_NAMES - 1);
        let mut lookups = Lookups::default();
        let name = |number: usize| [number.to_string().as_bytes(), &[b'x'; LONGEST_NAME]].concat();
        assert!((0..2000).filter(|&number| lookups.take(&name(number))).count() < MOST_NAME_BYTES / LONGEST_NAME);
    }

    #[test]
    fn half_of_what_is_left_out_is_recorded_before_the_end() {
        let mut left_out = LeftOut::default();
        let recorded: u64 = (0..1000).filter_map(|_| left_out.add()).sum();
        assert_eq!((recorded, left_out.rest(), left_out.rest()), (512, Some(488), None));
    }
}
