//! What C functions of the VM report and no system call shows: what the program has read from standard input, the names of hosts that it
//! has looked up, and what it has done with stand-ins.  A stream has its share of each; beyond it they are counted.

use super::Tracee;
use crate::trace::attempt::{Answer, Attempt, By, Deed, Repeated};
use crate::trace::event::{Event, Input, StandIn, StandInUse};
use crate::vm::Gil;
use crate::vm::stand_ins::StoodIn;

/// Bytes of standard input that a stream records.
const MOST_INPUT: usize = 1 << 20;
/// Bytes in one record; what is longer is several.
const LONGEST_INPUT: usize = 16 << 10;
/// Lookups that a stream records.
const MOST_LOOKUPS: u64 = 1000;
/// Bytes of a name, which is cut there.
const LONGEST_NAME: usize = 1 << 10;

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
    /// Lookups, those that are only counted included.
    lookups: u64,
    /// Uses of stand-ins, those that are only counted included.
    stand_ins: u64,
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

    /// Records that the program looks up a host, at the instruction that runs, and the fake address that it gets.
    #[cold]
    pub(super) fn record_lookup(&mut self, gil: Gil, name: &[u8], fake: Option<&[u8]>) {
        self.notices.lookups += 1;
        if self.notices.lookups > MOST_LOOKUPS {
            return;
        }
        self.stop_counting(gil, 0);
        let next = self.interrupt();
        self.push_event(&Event::Attempt(Attempt {
            deed: Deed::Lookup,
            targets: [&name[..name.len().min(LONGEST_NAME)]].into_iter().chain(fake).map(<[u8]>::to_vec).collect(),
            answer: if fake.is_some() { Answer::Faked } else { Answer::Allowed },
            option: Vec::new(),
            by: By::Program,
            thread: Some(self.threads.current.number),
            site: None,
        }));
        self.go_on_after_interrupt(next);
    }

    /// Records what the program does with a stand-in, at the instruction that runs.
    #[cold]
    pub(super) fn record_stand_in(&mut self, gil: Gil, kind: StoodIn, what: &[u8], named: usize) {
        self.notices.stand_ins += 1;
        if self.notices.stand_ins > MOST_STAND_INS {
            return;
        }
        self.stop_counting(gil, 0);
        let next = self.interrupt();
        let what = what[..what.len().min(LONGEST_STAND_IN)].to_vec();
        let named = named.min(what.len()) as u32;
        let kind = match kind {
            StoodIn::Import => StandInUse::Import,
            StoodIn::Attribute => StandInUse::Attribute,
            StoodIn::Call => StandInUse::Call,
            StoodIn::Use => StandInUse::Other,
        };
        self.push_event(&Event::StandIn(StandIn { kind, what, named, left_out: 0 }));
        self.go_on_after_interrupt(next);
    }

    /// Records how much there was that has no record; the open run is closed by then.
    pub(super) fn push_counts(&mut self) {
        let Notices { input_left_out, lookups, stand_ins, .. } = self.notices;
        if input_left_out != 0 {
            self.push_event(&Event::Input(Input { bytes: Vec::new(), left_out: input_left_out }));
        }
        if stand_ins > MOST_STAND_INS {
            self.push_event(&Event::StandIn(StandIn { left_out: stand_ins - MOST_STAND_INS, ..StandIn::default() }));
        }
        if lookups > MOST_LOOKUPS {
            self.push_event(&Event::Repeated(Repeated { attempt: None, times: lookups - MOST_LOOKUPS }));
        }
    }
}
