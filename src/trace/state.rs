//! Where a trace stands: live code objects, threads, frames and counts.  Every event is checked here before it is believed, so a
//! damaged or forged stream is refused at its first contradiction.

mod admit;
mod run;
mod stored;
mod usual;

use std::collections::BTreeMap;
use std::rc::Rc;

pub use self::usual::TakesUsual;
use super::by_id::ById;
use super::code::Code;
use super::event::{Event, StopReason};
use super::sink::SinkError;
use super::value::Names;

/// Positions and depths above this are refused: no VM's stack gets there, and memory stays bounded.
const MAX_FRAMES: usize = if cfg!(test) { 1 << 14 } else { 1 << 24 };

const NO_ROOM: Contradiction = "a stack of more frames than any VM has";

/// Slots are numbered from 0, used again when free, and written as one more.
const MAX_SLOT: u32 = u32::MAX - 1;

/// Instructions and frames are refused beyond this, so that no sum of them overflows.
const MAX_COUNT: u64 = 1 << 62;

/// One activation of a code object.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Numbered from 1 in the order in which frames are entered, over all threads.
    pub id: u64,
    pub code: Rc<Code>,
    /// The frame that it was last entered from, 0 for none.
    pub caller: u64,
    /// Frames below it on its chain of callers.
    pub depth: u32,
    /// One more than the slot where it is kept while suspended; 0 if it has not yielded yet.
    kept: u32,
}

const _: () =
    assert!(size_of::<Option<Frame>>() == 32, "a frame is moved for each instruction that yields or resumes one");

/// The frames of one thread; the last one runs.
#[derive(Clone, Debug, Default)]
pub struct Thread {
    pub stack: Vec<Frame>,
    /// Where it lost the GIL, and the count of instructions then; None if it never did.
    left: Option<(u64, Last)>,
}

/// A run by its place in a code object, which may be gone.
#[derive(Clone, Copy, Debug)]
pub struct Last {
    pub code: u32,
    pub start: u32,
    pub end: u32,
}

/// The state between two events.
#[derive(Debug)]
pub struct State {
    /// Instructions executed so far, recorded or not, over all threads.
    pub instructions: u64,
    /// Of those that were recorded since this state began, the ones of the standard library's code.
    pub stdlib: u64,
    /// The number that the next frame gets.
    pub next_frame: u64,
    /// The thread that holds the GIL; threads are numbered from 0 in the order in which they first run bytecode.
    pub thread: u32,
    /// The interpreter has said that it is done.
    pub finished: bool,
    /// What the tracer ended the program for.
    pub stopped: Option<StopReason>,
    /// The last run that was not empty.
    pub last: Option<Last>,
    /// The count of instructions when this thread took the GIL.
    taken: u64,
    /// Its code object, where that is gone.
    gone: Option<Rc<Code>>,
    current: Thread,
    others: BTreeMap<u32, Thread>,
    next_thread: u32,
    suspended: ById<Frame>,
    codes: ById<Rc<Code>>,
    names: Names,
}

impl Default for State {
    fn default() -> Self {
        State {
            instructions: 0,
            stdlib: 0,
            next_frame: 1,
            thread: 0,
            finished: false,
            stopped: None,
            last: None,
            taken: 0,
            gone: None,
            current: Thread::default(),
            others: BTreeMap::new(),
            next_thread: 1,
            suspended: ById::default(),
            codes: ById::default(),
            names: Names::default(),
        }
    }
}

/// Why an event contradicts what came before.
pub type Contradiction = &'static str;

/// Why a stream cannot be read on.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    #[error("the stream is not one of a traced program after instruction {after}: {why}")]
    Contradiction { after: u64, why: Contradiction },
    #[error(transparent)]
    Output(#[from] SinkError),
}

impl State {
    /// The frame that runs.
    #[inline]
    pub fn frame(&self) -> Option<&Frame> {
        self.current.stack.last()
    }

    /// The frames of the current thread; the last one runs.
    pub fn stack(&self) -> &[Frame] {
        &self.current.stack
    }

    /// The frames of any thread.
    pub fn stack_of(&self, thread: u32) -> &[Frame] {
        if thread == self.thread { self.stack() } else { self.others.get(&thread).map_or(&[], |thread| &thread.stack) }
    }

    /// The last run of a thread, and the number of its last instruction, as far as they are known.
    pub fn last_of(&self, thread: u32) -> Option<(u64, Last)> {
        match thread == self.thread {
            true if self.instructions > self.taken => self.last.map(|last| (self.instructions, last)),
            true => self.current.left,
            false => self.others.get(&thread)?.left,
        }
    }

    /// Returns whether the current thread's stack has room for another frame.
    #[inline]
    fn has_room(&self) -> bool {
        self.current.stack.len() < MAX_FRAMES
    }

    pub fn code(&self, id: u32) -> Option<&Rc<Code>> {
        self.codes.get(id)
    }

    /// The code object of a run, which may be gone if the run was the last one.
    pub fn code_of(&self, last: Last) -> Option<&Rc<Code>> {
        self.codes.get(last.code).or_else(|| self.gone.as_ref().filter(|gone| gone.id == last.code))
    }

    /// The frame that is suspended in a slot.
    pub fn suspended(&self, slot: u32) -> Option<&Frame> {
        self.suspended.get(slot)
    }

    /// The names that values refer to.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// Moves on by one event.  Once it is known that it can come now, and before anything changes, `deliver` is called.
    pub(super) fn take(
        &mut self,
        event: &Event,
        deliver: impl FnOnce(&State) -> Result<(), SinkError>,
    ) -> Result<(), StreamError> {
        let change = self.admit(event).map_err(|why| self.contradiction(why))?;
        deliver(self)?;
        self.apply(change);
        Ok(())
    }

    #[cold]
    pub(super) fn contradiction(&self, why: Contradiction) -> StreamError {
        StreamError::Contradiction { after: self.instructions, why }
    }

    /// Calls `each` with every live code object, in the order of their ids.
    #[cfg(test)]
    pub fn for_each_code(&self, each: impl FnMut(&Rc<Code>)) {
        let mut codes: Vec<&Rc<Code>> = self.codes.values().collect();
        codes.sort_by_key(|code| code.id);
        codes.into_iter().for_each(each);
    }

    /// Calls `use_code` with each code object that a frame of this state has: those that a STATE record needs described.
    pub fn for_each_code_in_use(&self, mut use_code: impl FnMut(&Rc<Code>)) {
        let threads = std::iter::once(&self.current).chain(self.others.values());
        let frames = threads.flat_map(|thread| &thread.stack).chain(self.suspended.values());
        frames.for_each(|frame| use_code(&frame.code));
    }
}
