//! The traced process's side: turns the eval loop's events into words of the stream.

mod arrive;
mod codes;
mod contents;
mod counting;
mod describe;
mod forks;
mod frames;
mod hook;
mod notices;
mod origins;
mod own_texts;
mod program;
mod shutdown;
mod stream;
mod threads;
mod unmapped;
mod values;

use std::rc::Rc;
use std::sync::atomic::Ordering;

use rustc_hash::FxHashSet;

use crate::record::plan::Tracing;
use crate::record::shared::{ClaimTable, RingWriter};
use crate::trace::event::{Announce, Event, Skipped};
use crate::trace::word::{Fields, Kind};
use crate::vm::hook::{Flow, ThreadAddress};
use crate::vm::lane::{Active, Is, Lane};
use crate::vm::shared::{CALLED, Mode, Slot};
use codes::Codes;
use contents::Contents;
use counting::Counting;
use notices::Notices;
use shutdown::Shutdown;
use stream::Stream;
use threads::Threads;

pub use program::{Recorder, run};
pub use values::Caps;
use values::Valued;

/// The hook of a recording.
pub struct Tracee {
    /// The frames of the running thread, and the open run.
    lane: Lane,
    stream: Stream,
    codes: Codes,
    threads: Threads,
    tracing: Rc<Tracing>,
    /// Where a process that is forked gets a ring of its own, if it is to be traced.
    claims: Option<ClaimTable>,
    /// The frames of wanted code objects are recorded.
    started: bool,
    /// Every unit calls the hook.
    watching: bool,
    /// How regular code dispatches.
    mode: Mode,
    /// What the stream does not know yet.
    unwritten: Unwritten,
    /// Instructions of closed runs; counted only where something goes by it.
    executed: u64,
    limit: u64,
    /// Nothing asks for a look at anything but the bytes: no filter is waiting, no limit or trigger, no foreign code.
    shortcuts: bool,
    /// Code that is not the VM's own is loaded.
    foreign: bool,
    counting: Counting,
    shutdown: Shutdown,
    notices: Notices,
    contents: Contents,
}

/// What has happened since the last recorded event.
#[derive(Debug, Default)]
struct Unwritten {
    any: bool,
    frames: u64,
    /// The thread that the stream is on.
    thread: u32,
    /// What was left out is the interpreter's own, at shutdown.
    own: bool,
}

impl Tracee {
    /// Makes the hook; `own` are the code objects from before the program, or none if the interpreter's own shutdown is recorded too.
    pub fn new(ring: RingWriter, tracing: Tracing, claims: Option<ClaimTable>, own: FxHashSet<usize>) -> Tracee {
        let tracing = Rc::new(tracing);
        let (lane, past) = Lane::take();
        Tracee {
            lane,
            stream: Stream::new(ring, past),
            codes: Codes::new(Rc::clone(&tracing)),
            threads: Threads::default(),
            started: tracing.start_at.is_none(),
            watching: false,
            mode: Mode::Runs,
            unwritten: Unwritten::default(),
            executed: 0,
            limit: tracing.max_instructions.unwrap_or(u64::MAX),
            shortcuts: tracing.max_instructions.is_none() && tracing.start_at.is_none() && tracing.stop_at.is_none(),
            tracing,
            claims,
            foreign: false,
            counting: Counting::default(),
            shutdown: Shutdown::new(own),
            notices: Notices::default(),
            contents: Contents::default(),
        }
    }

    /// Makes another thread the current one.
    fn switch_thread(&mut self, thread: ThreadAddress) {
        if self.threads.switch(thread, &mut self.lane) {
            self.stream.name_thread(self.threads.current.number);
        }
    }

    /// Whether the frame on top and what it calls need no more than counting.
    #[inline]
    fn is_to_be_counted(&self, top: &Active) -> bool {
        self.shortcuts && !self.foreign && !top.is(Is::Recorded) && !self.is_wanted(top)
    }

    /// Whether a frame is recorded once recording has started.
    #[inline]
    fn is_wanted(&self, frame: &Active) -> bool {
        self.codes.version(frame.version()).wanted && !frame.is(Is::Own)
    }

    fn decide_on_shortcuts(&mut self) {
        let has_trigger = !self.started || self.tracing.stop_at.is_some();
        self.shortcuts = self.limit == u64::MAX && !has_trigger && !self.watching && self.mode != Mode::Checked;
        if !self.shortcuts {
            self.lane.set_open(false);
        }
    }

    // -- The slot and the ring ---------------------------------------------------------------------------------------------

    /// Opens a run at `start` in the frame on top, or none, after the words that were pushed.  `flags` makes the next dispatch call.
    fn open(&mut self, first: usize, start: usize, recorded: bool, flags: u64) -> Flow {
        if self.mode == Mode::Checked {
            self.describe_to_dispatch();
        }
        let is_regular = recorded && start != 0 && flags == 0 && self.shortcuts && !self.foreign;
        let is_usual = is_regular && self.lane.top_mut().is_some_and(Active::is_plain_on_top);
        self.lane.set_open(is_usual);
        self.lane.set_start(first, start);
        self.stream.open(first, if recorded { start } else { 0 }, start as u64 | flags)
    }

    /// Ends the open run of the frame on top by `kind`; the caller opens the next one.  Until then the slot is closed: should the ring
    /// be full in the middle of what comes after the run, its words count and the slot must not count it a second time.
    #[inline]
    fn close(&mut self, kind: Kind, argument: u32) {
        self.push_closed(kind, argument);
        self.lane.set_open(false);
        self.stream.close();
    }

    /// Pushes what ends the open run.
    #[inline]
    fn push_closed(&mut self, kind: Kind, argument: u32) {
        let Some(top) = self.lane.top() else {
            self.catch_up();
            return self.push_run(kind, Fields { argument, ..Fields::default() });
        };
        let (start, length) = match self.lane.start() {
            0 => (0, 0),
            start => (start.wrapping_sub(top.first) as u32, fetched().wrapping_sub(start) as u32),
        };
        if top.is(Is::Recorded) {
            if self.limit != u64::MAX {
                self.executed += self.codes.version(top.version()).count(start, start + length);
            }
            if length != 0 || kind != Kind::Jump {
                // The thread can have changed while no run was open: a frame that is left forgets its exception first, and with it all
                // that the exception kept.
                self.catch_up();
                self.push_run(kind, Fields { start, length, argument });
            }
            return;
        }
        let count = self.codes.version(top.version()).count(start, start + length);
        let announced = top.is(Is::Announced);
        self.skip(count);
        if announced && kind != Kind::Jump {
            self.write_skipped();
            self.push_run(kind, Fields { argument, ..Fields::default() });
        }
    }

    #[inline]
    fn push_run(&mut self, kind: Kind, fields: Fields) {
        self.stream.push_run(kind, fields);
    }

    fn push_event(&mut self, event: &Event) {
        let mut words = Vec::new();
        event.encode(&mut words);
        self.stream.push_together(&words);
    }

    // -- What is left out --------------------------------------------------------------------------------------------------

    #[inline]
    fn skip(&mut self, instructions: u64) {
        if instructions != 0 {
            self.executed += instructions;
            self.unwritten.any = true;
            Slot::get().set_unrecorded(Slot::get().unrecorded().wrapping_add(instructions));
        }
    }

    /// Brings the stream up to date before something is recorded, if it is not.
    #[inline]
    fn catch_up(&mut self) {
        if self.unwritten.any {
            self.write_skipped();
        }
    }

    /// Brings the stream up to date: the thread, and what was skipped.
    #[cold]
    fn write_skipped(&mut self) {
        let number = self.threads.current.number;
        if self.unwritten.thread != number {
            self.push_run(Kind::Thread, Fields { argument: number, ..Fields::default() });
            self.unwritten.thread = number;
        }
        let (instructions, frames) = (Slot::get().unrecorded(), self.unwritten.frames);
        if instructions != 0 || frames != 0 {
            self.push_event(&Event::Skipped(Skipped { instructions, frames, own: self.unwritten.own, iterations: 0 }));
        }
        Slot::get().set_unrecorded(0);
        self.unwritten = Unwritten { thread: number, own: self.unwritten.own, ..Unwritten::default() };
    }

    /// Announces every frame of the current thread that the stream does not know.
    #[cold]
    fn announce_stack(&mut self) {
        self.write_skipped();
        self.describe_own();
        let mut words = Vec::new();
        for active in self.lane.frames_mut().iter_mut().filter(|active| !active.is(Is::Announced)) {
            let version = self.codes.version(active.version());
            let frame = Announce { code: version.id, frame: active.id, slot: active.slot() };
            Event::Announce(frame).encode(&mut words);
            active.set(Is::Announced, true);
            active.set(Is::Recorded, version.wanted && self.started && !active.is(Is::Own));
        }
        self.stream.push_together(&words);
    }
}

/// The address after the last unit that was fetched.
#[inline(always)]
fn fetched() -> usize {
    (Slot::get().next.load(Ordering::Relaxed) & !CALLED) as usize
}
