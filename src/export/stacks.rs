//! Which frames are on the stack of which thread, as calls that begin and end in pairs, whatever is missing of a trace.

use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::ToFile;
use super::feed::Exporter;
use super::target::Target;
use crate::read::visit::{Place, Visitor};
use crate::trace::value::UnitValues;
use crate::trace::{Code, Event, Frame, Run, SinkError, State, Then};

/// A stretch of code that was executed.
#[derive(Clone, Copy, Debug)]
pub struct Ran {
    pub thread: u32,
    /// Its offsets; None for an instruction outside the code string.
    pub place: Option<(u32, u32)>,
    pub instructions: u64,
    /// The number of its last instruction.
    pub last: u64,
}

/// Takes calls in their order.  `number` is the last instruction before.
pub trait Calls {
    fn open(&mut self, thread: u32, code: &Rc<Code>, number: u64) -> Result<(), SinkError>;

    /// The innermost open call of a thread ends.
    fn close(&mut self, thread: u32, number: u64) -> Result<(), SinkError>;

    /// Takes what the innermost open call of a thread has executed.
    fn ran(&mut self, _code: &Rc<Code>, _ran: Ran) -> Result<(), SinkError> {
        Ok(())
    }

    /// Takes any event that is no run.
    fn event(&mut self, _event: &Event, _at: &State) -> Result<(), SinkError> {
        Ok(())
    }

    /// A code object is no more.
    fn released(&mut self, _code: u32) {}

    /// Writes what is left; returns the output, and what it does not hold.
    fn finish(self) -> Result<(Target, Option<String>), SinkError>;

    /// Why it has refused to go on.
    fn refusal(&self) -> Option<String> {
        None
    }
}

/// Makes calls of a trace.
pub struct Stacks<C> {
    calls: C,
    threads: FxHashMap<u32, Vec<u64>>,
    /// The thread that runs, and its frames.
    thread: u32,
    stack: Vec<u64>,
    number: u64,
}

impl<C: Calls> Stacks<C> {
    pub fn new(calls: C) -> Stacks<C> {
        Stacks { calls, threads: FxHashMap::default(), thread: 0, stack: Vec::new(), number: 0 }
    }

    #[inline]
    fn switch(&mut self, thread: u32) {
        if thread != self.thread {
            let stack = self.threads.remove(&thread).unwrap_or_default();
            let old = std::mem::replace(&mut self.stack, stack);
            if !old.is_empty() {
                self.threads.insert(self.thread, old);
            }
            self.thread = thread;
        }
    }

    fn open(&mut self, frame: u64, code: &Rc<Code>, number: u64) -> Result<(), SinkError> {
        self.stack.push(frame);
        self.calls.open(self.thread, code, number)
    }

    fn close(&mut self, number: u64) -> Result<(), SinkError> {
        match self.stack.pop() {
            Some(_) => self.calls.close(self.thread, number),
            None => Ok(()),
        }
    }

    /// Makes the current thread's calls those of the state: others can be open after damage, or when an extension switches stacks.
    #[inline]
    fn agree(&mut self, frames: &[Frame], at: &State) -> Result<(), SinkError> {
        self.switch(at.thread);
        match self.stack.last() == frames.last().map(|frame| &frame.id) && self.stack.len() == frames.len() {
            true => Ok(()),
            false => self.mend(frames, at.instructions),
        }
    }

    #[cold]
    fn mend(&mut self, frames: &[Frame], number: u64) -> Result<(), SinkError> {
        let same = self.stack.iter().zip(frames).take_while(|(open, frame)| **open == frame.id).count();
        while self.stack.len() > same {
            self.close(number)?;
        }
        frames[same..].iter().try_for_each(|frame| self.open(frame.id, &frame.code, number))
    }

    fn ran(&mut self, place: Option<(u32, u32)>, instructions: u64, at: &State) -> Result<(), SinkError> {
        self.agree(at.stack(), at)?;
        let Some(frame) = at.frame() else { return Ok(()) };
        self.number = at.instructions + instructions;
        self.calls.ran(&frame.code, Ran { thread: at.thread, place, instructions, last: self.number })
    }
}

impl<C: Calls> Visitor for Stacks<C> {
    #[inline]
    fn run(&mut self, run: &Run, at: &State, _is_whole: bool) -> Result<bool, SinkError> {
        self.ran(Some((run.start, run.end())), run.count, at)?;
        Ok(false)
    }

    fn unit(&mut self, _place: &Place, _values: &UnitValues) -> Result<(), SinkError> {
        Ok(())
    }
}

impl<C: Calls> Exporter for Stacks<C> {
    fn before(&mut self, event: &Event, at: &State) -> Result<(), SinkError> {
        match event {
            Event::Outside(outside) => self.ran(None, outside.count(), at)?,
            Event::Announce(announced) => {
                self.agree(at.stack(), at)?;
                if let Some(code) = at.code(announced.code) {
                    self.open(announced.frame, &Rc::clone(code), at.instructions)?;
                }
            }
            _ => {}
        }
        self.calls.event(event, at)
    }

    #[inline]
    fn after(&mut self, run: &Run, at: &State) -> Result<(), SinkError> {
        let number = at.instructions + run.count;
        match run.then() {
            Then::Call { code } => {
                self.agree(at.stack(), at)?;
                match at.code(code) {
                    Some(code) => self.open(at.next_frame, code, number),
                    None => Ok(()),
                }
            }
            Then::Resume { slot } => {
                self.agree(at.stack(), at)?;
                match at.suspended(slot) {
                    Some(frame) => self.open(frame.id, &frame.code, number),
                    None => Ok(()),
                }
            }
            Then::Return | Then::Yield { .. } | Then::Unwind => {
                self.agree(at.stack(), at)?;
                self.close(number)
            }
            Then::CodeGone { code } => {
                self.calls.released(code);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl<C: Calls> ToFile for Stacks<C> {
    fn finish(mut self) -> Result<(Target, Option<String>), SinkError> {
        let mut threads: Vec<u32> = self.threads.keys().copied().chain([self.thread]).collect();
        threads.sort_unstable();
        for thread in threads {
            self.switch(thread);
            while !self.stack.is_empty() {
                self.close(self.number)?;
            }
        }
        self.calls.finish()
    }

    fn refusal(&self) -> Option<String> {
        self.calls.refusal()
    }
}
