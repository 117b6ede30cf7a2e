//! What a run and what came after it do to the state: validate, deliver to the sink, apply, all in one place, for most of a
//! stream is runs.

use std::rc::Rc;

use super::{Code, Contradiction, Frame, Last, MAX_COUNT, MAX_FRAMES, MAX_SLOT, NO_ROOM, State, StreamError};
use crate::trace::event::{Run, Then};
use crate::trace::laps::Laps;
use crate::trace::sink::{Sink, SinkError};

/// What a run adds to the state.
struct Executed {
    last: Last,
    of_stdlib: u64,
}

impl State {
    /// Counts the instructions of a run of the current frame; None if it does not begin and end at canonical units, or there can be no
    /// such run.
    #[inline]
    pub(in crate::trace) fn count_canonical(&self, start: u32, length: u32) -> Option<u64> {
        self.frame()?.code.layout.count_canonical(start, start.checked_add(length)?)
    }

    /// The same of any run that is not empty, or why there can be no such run.
    pub fn count(&self, start: u32, length: u32) -> Result<u64, Contradiction> {
        if length == 0 {
            return Ok(0);
        }
        let code = &self.frame().ok_or("a run without a frame")?.code;
        let end = start.checked_add(length).ok_or("a run's end beyond all bounds")?;
        code.layout.count(&code.object.bytes, start, end).ok_or("a run that is no sequence of the code's instructions")
    }

    /// Returns whether a run that begins there is counted instruction by instruction.
    pub(in crate::trace) fn is_off_chain(&self, start: u32) -> bool {
        self.frame().is_some_and(|frame| frame.code.layout.index(start).is_none())
    }

    /// Moves on by one run, whose place in the code was counted.  Once it is known that it can come now, and before anything changes,
    /// the sink is handed it.
    #[inline(always)]
    pub(in crate::trace) fn take_run<S: Sink + ?Sized>(&mut self, run: &Run, sink: &mut S) -> Result<(), StreamError> {
        let executed = self.executed(run);
        match run.then() {
            Then::Jump => self.pass(run, executed, sink)?,
            Then::Call { code } => {
                let Some(code) = self.codes.get(code).map(Rc::clone) else {
                    return Err(self.contradiction("a frame of an unknown code object"));
                };
                self.check_room()?;
                self.pass(run, executed, sink)?;
                self.enter(code);
            }
            Then::Resume { slot } => {
                if self.suspended.get(slot).is_none() {
                    return Err(self.contradiction("a resumed frame that is not suspended"));
                }
                self.check_room()?;
                self.pass(run, executed, sink)?;
                self.resume(slot);
            }
            Then::Return | Then::Unwind => {
                self.check_frame("a frame left where there is none")?;
                self.pass(run, executed, sink)?;
                self.current.stack.pop();
            }
            Then::Yield { slot } => {
                self.check_frame("a frame left where there is none")?;
                self.check_slot(slot).map_err(|why| self.contradiction(why))?;
                self.pass(run, executed, sink)?;
                self.suspend(slot);
            }
            then => self.take_rare(run, then, sink)?,
        }
        Ok(())
    }

    /// The same of a run that moves between threads or versions of code, or after which something is gone.
    #[cold]
    fn take_rare<S: Sink + ?Sized>(&mut self, run: &Run, then: Then, sink: &mut S) -> Result<(), StreamError> {
        let executed = self.executed(run);
        let mut version = None;
        match then {
            Then::Thread { number } if number > self.next_thread || number as usize > MAX_FRAMES => {
                return Err(self.contradiction("a thread's number that was not given yet"));
            }
            Then::Version { code } => {
                version = self.codes.get(code).map(Rc::clone);
                if version.is_none() {
                    return Err(self.contradiction("an unknown version of a code object"));
                }
                self.check_frame("a version without a frame")?;
            }
            _ => {}
        }
        self.pass(run, executed, sink)?;
        match then {
            Then::Thread { number } => self.switch_thread(number),
            Then::CodeGone { code } => self.forget_code(code),
            Then::SlotGone { slot } => drop(self.suspended.remove(slot)),
            _ => {
                if let (Some(frame), Some(code)) = (self.current.stack.last_mut(), version) {
                    frame.code = code;
                }
            }
        }
        Ok(())
    }

    /// Hands the sink a run that can come now, and counts it.
    #[inline(always)]
    fn pass<S: Sink + ?Sized>(&mut self, run: &Run, executed: Option<Executed>, sink: &mut S) -> Result<(), SinkError> {
        sink.run(run, self)?;
        if let Some(Executed { last, of_stdlib }) = executed {
            self.last = Some(last);
            self.instructions += run.count;
            self.stdlib += of_stdlib;
        }
        Ok(())
    }

    /// What a run of the current frame adds, if it is not empty.
    #[inline(always)]
    fn executed(&self, run: &Run) -> Option<Executed> {
        let code = &self.frame().filter(|_| run.length > 0)?.code;
        let last = Last { code: code.id, start: run.start, end: run.end() };
        Some(Executed { last, of_stdlib: if code.is_stdlib { run.count } else { 0 } })
    }

    fn forget_code(&mut self, code: u32) {
        // A block of a file does not describe the code objects that it only sees go.
        let gone = self.codes.remove(code);
        if self.last.is_some_and(|last| last.code == code) {
            self.gone = gone;
        }
    }

    /// Counts all but the first of laps, which change nothing else.
    pub(in crate::trace) fn repeat(&mut self, laps: &Laps) -> Result<(), Contradiction> {
        let more = |count: u64, of_one: u64| {
            let sum = of_one.checked_mul(laps.times.saturating_sub(1)).and_then(|more| count.checked_add(more));
            sum.filter(|&sum| sum < MAX_COUNT).ok_or("more instructions than there can be")
        };
        self.instructions = more(self.instructions, laps.instructions)?;
        self.stdlib = more(self.stdlib, laps.stdlib)?;
        self.next_frame = more(self.next_frame, laps.frames)?;
        Ok(())
    }

    #[inline(always)]
    fn check_frame(&self, otherwise: Contradiction) -> Result<(), StreamError> {
        if self.current.stack.is_empty() { Err(self.contradiction(otherwise)) } else { Ok(()) }
    }

    #[inline(always)]
    fn check_room(&self) -> Result<(), StreamError> {
        if self.has_room() { Ok(()) } else { Err(self.contradiction(NO_ROOM)) }
    }

    /// Says whether a frame can be suspended in a slot.
    #[inline(always)]
    pub(super) fn check_slot(&self, slot: u32) -> Result<(), Contradiction> {
        if slot > MAX_SLOT {
            return Err("a slot beyond all bounds");
        }
        if self.suspended.len() >= MAX_FRAMES || self.suspended.get(slot).is_some() {
            return Err("a frame suspended where another one is");
        }
        Ok(())
    }

    /// Enters a new frame.
    #[inline(always)]
    pub(super) fn enter(&mut self, code: Rc<Code>) {
        let id = self.next_frame;
        self.next_frame += 1;
        self.push(id, code, 0);
    }

    /// Enters the frame that is suspended in a slot; returns whether there is one.
    #[inline(always)]
    pub(super) fn resume(&mut self, slot: u32) -> bool {
        let Some(frame) = self.suspended.remove(slot) else { return false };
        self.push(frame.id, frame.code, frame.kept);
        true
    }

    /// Suspends the frame that runs in a slot, which is free.
    #[inline(always)]
    pub(super) fn suspend(&mut self, slot: u32) {
        if let Some(frame) = self.current.stack.pop() {
            self.suspended.insert_new(slot, Frame { kept: slot + 1, ..frame });
        }
    }

    /// Puts a frame on the stack, which has room for it.
    #[inline(always)]
    pub(super) fn push(&mut self, id: u64, code: Rc<Code>, kept: u32) {
        let (caller, depth) = self.frame().map_or((0, 0), |frame| (frame.id, frame.depth + 1));
        self.current.stack.push(Frame { id, code, caller, depth, kept });
    }

    fn switch_thread(&mut self, number: u32) {
        if number == self.thread {
            return;
        }
        self.next_thread = self.next_thread.max(number + 1);
        let next = self.others.remove(&number).unwrap_or_default();
        let mut left = std::mem::replace(&mut self.current, next);
        if self.instructions > self.taken {
            left.left = self.last.map(|last| (self.instructions, last));
        }
        self.taken = self.instructions;
        self.others.insert(self.thread, left);
        self.thread = number;
    }
}
