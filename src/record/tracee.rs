//! The traced process's side: turns what the eval loop tells into words of the stream.
//!
//! The open run, and everything up to its last instruction, is in shared memory at every moment, so that the recorder can finish
//! the trace whenever this process dies.  The slot is rewritten in an order that leaves no moment in between: the words first,
//! then `next` says CLOSING and how many words are whole, then the rest, then `next` again.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::codes::{Codes, Version};
use super::plan::{Tracing, Trigger};
use super::ring::RingWriter;
use super::stacks::{Active, Stacks, Suspended, SuspendedFrames};
use crate::bytecode::Unit;
use crate::trace::event::{Announce, CODE_RECORD, Event, Outside, Raised, Skipped, StopReason};
use crate::trace::word::{self, Fields, Kind};
use crate::vm::Gil;
use crate::vm::hook::{Flow, FrameAddress, Hook, Leave, Place, ThreadAddress};
use crate::vm::object::{CodeRef, Exception};
use crate::vm::shared::{CALLED, CLOSING, Control, Mode, Slot};

/// The hook of a recording.
pub struct Tracee {
    ring: RingWriter,
    slot: &'static Slot,
    codes: Codes,
    stacks: Stacks,
    suspended: SuspendedFrames,
    tracing: Rc<Tracing>,
    /// The open run's first instruction, 0 if none is open; the slot has the same only where the run is recorded.
    start: usize,
    /// The frames of wanted code objects are recorded.
    started: bool,
    /// Every unit calls the hook.
    watching: bool,
    /// How regular code dispatches.
    mode: Mode,
    /// The number of the next frame.
    next_frame: u64,
    /// What the stream does not know yet.
    untold: Untold,
    /// Instructions of closed runs; counted only where something goes by it.
    executed: u64,
    limit: u64,
}

/// What has happened since the last recorded event.
#[derive(Debug, Default)]
struct Untold {
    any: bool,
    instructions: u64,
    frames: u64,
    /// The thread that the stream is on.
    thread: u32,
}

impl Tracee {
    pub fn new(ring: RingWriter, tracing: Tracing) -> Tracee {
        let tracing = Rc::new(tracing);
        Tracee {
            ring,
            slot: Slot::get(),
            codes: Codes::new(Rc::clone(&tracing)),
            stacks: Stacks::default(),
            suspended: SuspendedFrames::default(),
            start: 0,
            started: tracing.start_at.is_none(),
            watching: false,
            mode: Mode::Runs,
            next_frame: 1,
            untold: Untold::default(),
            executed: 0,
            limit: tracing.max_instructions.unwrap_or(u64::MAX),
            tracing,
        }
    }

    // -- The slot and the ring ---------------------------------------------------------------------------------------------

    /// The address behind the last unit that was fetched.
    #[inline]
    fn fetched(&self) -> usize {
        (self.slot.next.load(Ordering::Relaxed) & !CALLED) as usize
    }

    /// Opens a run at `start` in the frame on top, or none, after the words that were pushed.  `flags` makes the next dispatch call.
    #[inline]
    fn open(&mut self, first: usize, start: usize, recorded: bool, flags: u64) {
        self.start = start;
        let head = self.ring.head();
        let slot = self.slot;
        slot.next.store(CLOSING | head, Ordering::Release);
        slot.head.store(head, Ordering::Release);
        slot.first.store(first as u64, Ordering::Release);
        slot.start.store(if recorded { start as u64 } else { 0 }, Ordering::Release);
        slot.next.store(start as u64 | flags, Ordering::Release);
        if self.mode == Mode::Checked {
            self.describe_to_dispatch();
        }
        self.ring.announce();
    }

    /// Whether the runs of the frame on top are recorded.
    #[inline]
    fn is_recorded(&self, active: &Active) -> bool {
        active.announced && active.version.wanted && self.started
    }

    /// Ends the open run of the frame on top by `kind`; the caller opens the next one.
    #[inline]
    fn close(&mut self, kind: Kind, argument: u32) {
        let Some(top) = self.stacks.current.stack.last() else {
            if self.untold.any {
                self.tell();
            }
            return self.push_run(kind, Fields { argument, ..Fields::default() });
        };
        let (start, length) = match self.start {
            0 => (0, 0),
            start => ((start - top.first) as u32, (self.fetched() - start) as u32),
        };
        if self.is_recorded(top) {
            if self.limit != u64::MAX {
                self.executed += top.version.count(start, start + length);
            }
            if length != 0 || kind != Kind::Jump {
                self.push_run(kind, Fields { start, length, argument });
            }
            return;
        }
        let count = top.version.count(start, start + length);
        let announced = top.announced;
        self.skip(count);
        if announced && kind != Kind::Jump {
            self.tell();
            self.push_run(kind, Fields { argument, ..Fields::default() });
        }
    }

    #[inline]
    fn push_run(&mut self, kind: Kind, fields: Fields) {
        let (words, count) = word::pack(kind, fields);
        words[..count].iter().for_each(|&word| self.ring.push(word));
    }

    fn push_event(&mut self, event: &Event) {
        let mut words = Vec::new();
        event.encode(&mut words);
        words.into_iter().for_each(|word| self.ring.push(word));
    }

    /// Makes the pushed words count while a run is open that comes behind them.
    fn commit(&mut self) {
        self.slot.head.store(self.ring.head(), Ordering::Release);
        self.ring.announce();
    }

    // -- What is left out --------------------------------------------------------------------------------------------------

    #[inline]
    fn skip(&mut self, instructions: u64) {
        if instructions != 0 {
            self.executed += instructions;
            self.untold.instructions += instructions;
            self.untold.any = true;
            self.ring.set_unrecorded(self.untold.instructions);
        }
    }

    /// Brings the stream up to date before something is recorded: the thread, what was skipped, the frames that are on the stack.
    #[cold]
    fn tell(&mut self) {
        let number = self.stacks.current.number;
        if self.untold.thread != number {
            self.push_run(Kind::Thread, Fields { argument: number, ..Fields::default() });
            self.untold.thread = number;
        }
        let Untold { instructions, frames, .. } = self.untold;
        if instructions != 0 || frames != 0 {
            self.push_event(&Event::Skipped(Skipped { instructions, frames }));
        }
        self.ring.set_unrecorded(0);
        self.untold = Untold { thread: number, ..Untold::default() };
    }

    /// Tells of every frame of the current thread that the stream does not know.
    #[cold]
    fn announce_stack(&mut self) {
        self.tell();
        let mut words = Vec::new();
        for active in self.stacks.current.stack.iter_mut().filter(|active| !active.announced) {
            let frame = Announce { code: active.version.id, frame: active.id, slot: active.slot };
            Event::Announce(frame).encode(&mut words);
            active.announced = true;
        }
        words.into_iter().for_each(|word| self.ring.push(word));
    }

    // -- Arriving at a unit ------------------------------------------------------------------------------------------------

    /// Opens a run at a unit that the frame on top fetches next.
    #[inline]
    fn arrive(&mut self, gil: Gil, at: Place) -> Flow {
        let Some(top) = self.stacks.current.stack.last() else {
            return Flow::Continue;
        };
        if !top.announced && top.version.wanted && self.started {
            self.announce_stack();
        }
        let Some(top) = self.stacks.current.stack.last() else {
            return Flow::Continue;
        };
        let recorded = self.is_recorded(top);
        if self.is_regular(gil, top, &at) {
            if recorded && self.untold.any {
                self.tell();
            }
            self.open(at.first, at.instruction, recorded, 0);
            return self.flow();
        }
        self.arrive_irregularly(gil, at)
    }

    /// Whether the units from here to where the flow surely ends are inside the code and as described, and none needs a look.
    #[inline]
    fn is_regular(&self, gil: Gil, top: &Active, at: &Place) -> bool {
        let version = &*top.version;
        let Ok(offset) = u32::try_from(at.offset()) else {
            return false;
        };
        let Some(end) = version.layout.segment_end(offset) else {
            return false;
        };
        !self.watching
            && !self.limit_is_near(version)
            && !version.is_watched(self.started)
            && at.holds(gil, offset, &version.bytes[offset as usize..end as usize])
    }

    /// The same where something is out of the ordinary: other bytes, the code's edge, a trigger or a limit that is near.
    #[cold]
    fn arrive_irregularly(&mut self, gil: Gil, at: Place) -> Flow {
        self.adopt_version(gil, &at);
        let Some(top) = self.stacks.current.stack.last() else {
            return Flow::Continue;
        };
        let version = Rc::clone(&top.version);
        let offset = at.offset();
        if let Some(flow) = self.trigger(&version, offset) {
            return flow;
        }
        let unit = u32::try_from(offset).ok().and_then(|offset| Unit::decode(&version.bytes, offset));
        let inside = u32::try_from(offset).ok().and_then(|offset| version.layout.segment_end(offset));
        if self.executed >= self.limit {
            return self.stop(StopReason::MaxInstructions);
        }
        self.watch(inside.is_none() || version.is_watched(self.started) || self.limit_is_near(&version));
        let recorded = self.stacks.current.stack.last().is_some_and(|top| self.is_recorded(top));
        if recorded && self.untold.any {
            self.tell();
        }
        match unit {
            Some(_) => self.open(at.first, at.instruction, recorded, 0),
            None => {
                self.record_outside(gil, &at, recorded);
                self.open(at.first, 0, recorded, CALLED);
            }
        }
        self.flow()
    }

    /// Gives the frame on top the version whose bytes it executes.
    fn adopt_version(&mut self, gil: Gil, at: &Place) {
        let Some(top) = self.stacks.current.stack.last() else {
            return;
        };
        let code = at.code(gil);
        if top.first == at.first && code.length(gil, at.first) == Some(top.version.bytes.len() as u32) && at.holds(gil, 0, &top.version.bytes) {
            return;
        }
        let version = self.find_version(gil, code, at);
        let top = self.stacks.current.stack.last_mut().expect("the stack was not empty above");
        top.first = at.first;
        if top.version.id != version.id {
            top.version = Rc::clone(&version);
            if top.announced {
                self.push_run(Kind::Version, Fields { argument: version.id, ..Fields::default() });
            }
        }
    }

    /// Finds the version of the bytes at a place, describing it where it is new.
    fn find_version(&mut self, gil: Gil, code: CodeRef, at: &Place) -> Rc<Version> {
        let found = self.codes.find(gil, code, at);
        if let Some(payload) = found.description {
            let mut words = Vec::new();
            word::push_record(&mut words, CODE_RECORD, &payload);
            words.into_iter().for_each(|word| self.ring.push(word));
        }
        found.version
    }

    fn record_outside(&mut self, gil: Gil, at: &Place, recorded: bool) {
        let bytes = at.fetch(gil);
        let outside = Outside { offset: at.offset() as i32, bytes };
        match recorded {
            true => {
                self.executed += outside.count();
                self.push_event(&Event::Outside(outside));
            }
            false => self.skip(outside.count()),
        }
    }

    // -- Triggers and limits -----------------------------------------------------------------------------------------------

    /// Whether the limit could be reached before the hook is called again.
    #[inline]
    fn limit_is_near(&self, version: &Version) -> bool {
        self.limit.saturating_sub(self.executed) <= version.bytes.len() as u64
    }

    /// Makes every unit call the hook, or regular code dispatch as usual again.
    fn watch(&mut self, watching: bool) {
        self.watching = watching;
        self.describe_to_dispatch();
        Control::get().set_mode(if watching { Mode::Checked } else { self.mode });
    }

    /// Gives the dispatch the bytes of the frame on top to compare with.
    #[cold]
    fn describe_to_dispatch(&self) {
        let top = self.stacks.current.stack.last().filter(|_| !self.watching && self.mode == Mode::Checked);
        Control::get().set_described(top.map(|top| Arc::clone(&top.version.bytes)));
    }

    /// Acts on a trigger at this place; gives a flow where the program ends.
    fn trigger(&mut self, version: &Version, offset: i64) -> Option<Flow> {
        let here = |trigger: &Option<Trigger>| {
            trigger.as_ref().is_some_and(|trigger| i64::from(trigger.offset.unwrap_or(0)) == offset)
        };
        if here(&version.stop_at) {
            return Some(self.stop(StopReason::StopAt));
        }
        if !self.started && here(&version.start_at) {
            self.started = true;
            if version.wanted {
                self.announce_stack();
            }
        }
        None
    }

    fn stop(&mut self, reason: StopReason) -> Flow {
        self.tell();
        self.push_event(&Event::Stop(reason));
        self.open(0, 0, false, CALLED);
        Flow::Stop
    }

    #[inline]
    fn flow(&self) -> Flow {
        if self.ring.stop_wanted() { Flow::Stop } else { Flow::Continue }
    }

    // -- Frames ------------------------------------------------------------------------------------------------------------

    /// Goes back to the frame that is on top now.  Whether it fetches what follows its call is not known yet, so only what is
    /// regular is opened.
    fn go_on(&mut self, gil: Gil) -> Flow {
        let Some(top) = self.stacks.current.stack.last() else {
            self.open(0, 0, false, CALLED);
            return self.flow();
        };
        let at = Place { frame: top.frame, first: top.first, instruction: top.next };
        let recorded = self.is_recorded(top);
        let is_known = top.announced || !top.version.wanted || !self.started;
        if at.instruction != 0 && is_known && self.is_regular(gil, top, &at) {
            if recorded && self.untold.any {
                self.tell();
            }
            self.open(at.first, at.instruction, recorded, 0);
        } else {
            self.open(at.first, 0, recorded, CALLED);
        }
        self.flow()
    }

    /// Remembers where the frame on top goes on.
    #[inline]
    fn leave_for_now(&mut self) {
        let next = self.fetched();
        if let Some(top) = self.stacks.current.stack.last_mut() {
            top.next = next;
        }
    }

    /// Puts a frame on top that is on the stack already: an extension has switched stacks.  False where it is not there.
    #[cold]
    fn bring_up(&mut self, frame: FrameAddress) -> bool {
        let Some(position) = self.stacks.current.stack.iter().rposition(|active| active.frame == frame) else {
            return false;
        };
        self.leave_for_now();
        self.close(Kind::Jump, 0);
        let active = self.stacks.current.stack.remove(position);
        if active.announced {
            self.tell();
            self.push_event(&Event::Switch(active.id));
        }
        self.stacks.current.stack.push(active);
        self.open(0, 0, false, CALLED);
        true
    }

    fn push_frame(&mut self, gil: Gil, code: CodeRef, at: &Place) {
        let version = match self.codes.recent(code.address(), at.first) {
            Some(version) => Rc::clone(version),
            None => self.find_version(gil, code, at),
        };
        let kept = if at.instruction == at.first { None } else { self.suspended.get(at.frame) };
        let (kind, argument, is_told) = match kept {
            Some(kept) => (Kind::Resume, kept.slot, kept.announced),
            None => (Kind::Call, version.id, version.wanted && self.started),
        };
        self.leave_for_now();
        let is_caller_told = self.stacks.current.stack.last().is_none_or(|top| top.announced);
        if is_told && is_caller_told {
            self.close(kind, argument);
        } else {
            self.close(Kind::Jump, 0);
            if is_told {
                self.announce_stack();
                self.push_run(kind, Fields { argument, ..Fields::default() });
            } else if kept.is_none() {
                self.untold.frames += 1;
                self.untold.any = true;
            }
        }
        let id = kept.map_or(self.next_frame, |kept| kept.id);
        self.next_frame += u64::from(kept.is_none());
        self.stacks.current.stack.push(Active {
            frame: at.frame,
            version,
            first: at.first,
            next: 0,
            id,
            slot: kept.map(|kept| kept.slot),
            announced: is_told,
        });
        self.start = 0;
    }

    /// Keeps the frame on top in a slot; gives the slot.
    fn suspend(&mut self) -> u32 {
        let Some(top) = self.stacks.current.stack.last_mut() else {
            return 0;
        };
        let slot = *top.slot.get_or_insert_with(|| self.suspended.take_slot());
        let suspended = Suspended { slot, id: top.id, announced: top.announced };
        if let Some(other) = self.suspended.insert(top.frame, suspended) {
            self.slot_gone(other);
            self.suspended.free(other.slot);
        }
        slot
    }

    fn slot_gone(&mut self, suspended: Suspended) {
        if suspended.announced {
            self.push_run(Kind::SlotGone, Fields { argument: suspended.slot, ..Fields::default() });
        }
    }
}

impl Hook for Tracee {
    #[inline]
    fn jump(&mut self, gil: Gil, at: Place) -> Flow {
        let Some(top) = self.stacks.current.stack.last().filter(|top| top.frame == at.frame) else {
            if !self.bring_up(at.frame) {
                let code = at.code(gil);
                self.push_frame(gil, code, &at);
            }
            return self.arrive(gil, at);
        };
        // A call has run no Python: the run goes on, if the bytes are still those.
        if self.start != 0 && self.fetched() == at.instruction && self.is_regular(gil, top, &at) {
            return self.flow();
        }
        self.close(Kind::Jump, 0);
        self.arrive(gil, at)
    }

    #[inline]
    fn enter(&mut self, gil: Gil, code: CodeRef, at: Place) -> Flow {
        self.push_frame(gil, code, &at);
        self.arrive(gil, at)
    }

    #[inline]
    fn leave(&mut self, gil: Gil, frame: FrameAddress, how: Leave) -> Flow {
        let is_on_top = self.stacks.current.stack.last().is_some_and(|top| top.frame == frame);
        if !is_on_top && !self.bring_up(frame) {
            return self.flow();
        }
        match how {
            Leave::Yield => {
                let slot = self.suspend();
                self.close(Kind::Yield, slot);
            }
            Leave::Return => self.close(Kind::Return, 0),
            Leave::Exception => self.close(Kind::Unwind, 0),
        }
        let left = self.stacks.current.stack.pop();
        if how != Leave::Yield && left.is_some_and(|left| left.slot.is_some()) {
            self.suspended.remove(frame);
        }
        self.start = 0;
        self.go_on(gil)
    }

    #[cold]
    fn raised(&mut self, gil: Gil, frame: FrameAddress, exception: Exception) -> Flow {
        let Some(top) = self.stacks.current.stack.last().filter(|top| top.frame == frame) else {
            return self.flow();
        };
        if !self.is_recorded(top) {
            return self.flow();
        }
        self.leave_for_now();
        self.close(Kind::Jump, 0);
        self.push_event(&Event::Raised(Raised {
            propagated: exception.propagated,
            type_name: exception.type_name(gil),
            message: exception.message(gil),
        }));
        self.go_on(gil)
    }

    #[cold]
    fn thread(&mut self, gil: Gil, thread: ThreadAddress) -> Flow {
        self.leave_for_now();
        self.close(Kind::Jump, 0);
        self.stacks.switch(thread);
        self.untold.any |= self.untold.thread != self.stacks.current.number;
        self.start = 0;
        self.go_on(gil)
    }

    #[cold]
    fn foreign(&mut self, _gil: Gil) {
        self.mode = Mode::Checked;
        self.watch(self.watching);
    }

    #[cold]
    fn thread_gone(&mut self, thread: ThreadAddress) {
        if let Some(number) = self.stacks.forget(thread) {
            self.push_run(Kind::ThreadGone, Fields { argument: number, ..Fields::default() });
            self.commit();
        }
    }

    fn frame_gone(&mut self, frame: FrameAddress) {
        if let Some(suspended) = self.suspended.remove(frame) {
            self.slot_gone(suspended);
            self.commit();
        }
    }

    #[cold]
    fn code_gone(&mut self, code: usize) {
        for id in self.codes.forget(code) {
            self.push_run(Kind::CodeGone, Fields { argument: id, ..Fields::default() });
        }
        self.commit();
    }

    fn finished(&mut self) {
        self.close(Kind::Jump, 0);
        self.push_event(&Event::Finished);
        self.open(0, 0, false, CALLED);
    }
}
