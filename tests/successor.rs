//! Checks that a trace is one that CPython 2.7's eval loop could have produced: each instruction a
//! legal successor of the one before it in its frame, frames nested as calls nest, and nothing
//! inside an instruction. Written from ceval.c alone: it shares no code with what it checks.

mod claims;
mod frame;
mod machine;
mod opcode;
mod unwind;

use frame::Frame;
use machine::End;
use std::collections::HashMap;
use std::rc::Rc;

pub use machine::{Code, Left, Value};

/// One thing that the trace says happened, in the order of the trace.
#[derive(Clone, Debug)]
pub enum Event {
    Entered {
        thread: u64,
        frame: u64,
        code: Rc<Code>,
    },
    Resumed {
        thread: u64,
        frame: u64,
    },
    Left {
        thread: u64,
        frame: u64,
        how: Left,
    },
    /// An exception was set in the frame (ceval.c: `call_exc_trace`), not one that END_FINALLY
    /// raises again; with f_lasti, where it is known.
    Raised {
        thread: u64,
        frame: u64,
        offset: Option<i64>,
    },
    /// The bytes of the frame's code are now these.
    Changed {
        frame: u64,
        code: Rc<Code>,
    },
    Executed {
        thread: u64,
        frame: u64,
        offset: i64,
        opcode: u8,
        operand: Option<i32>,
    },
}

/// What the trace does not say, so that the checker must allow more.
#[derive(Clone, Copy, Debug, Default)]
pub struct Allowance {
    /// The trace has no `Raised`: any instruction that can raise may have raised.
    pub unreported_exceptions: bool,
    /// The program has trace functions of its own: they are called, and may raise, before any
    /// instruction.
    pub trace_functions: bool,
}

/// One event that no run of the VM explains.
#[derive(Debug, PartialEq, Eq)]
pub struct Violation {
    /// The event's index, from 0.
    pub event: usize,
    pub what: String,
}

pub struct Checker {
    allowance: Allowance,
    frames: HashMap<u64, Frame>,
    /// Each thread's frames, the innermost last.
    threads: HashMap<u64, Vec<u64>>,
    running: Option<u64>,
    events: usize,
    violations: Vec<Violation>,
}

/// Checks a whole trace and returns what no run of the VM explains, at most one for each event.
pub fn check(events: &[Event], allowance: Allowance) -> Vec<Violation> {
    let mut checker = Checker::new(allowance);
    for event in events {
        checker.feed(event);
    }
    checker.finish()
}

impl Checker {
    pub fn new(allowance: Allowance) -> Checker {
        Checker {
            allowance,
            frames: HashMap::new(),
            threads: HashMap::new(),
            running: None,
            events: 0,
            violations: Vec::new(),
        }
    }

    pub fn feed(&mut self, event: &Event) {
        if let Err(what) = self.follow(event) {
            self.violations.push(Violation { event: self.events, what });
        }
        self.events += 1;
    }

    /// Ends the trace. Frames may still be open, as a killed process leaves them, but no
    /// instruction may be half done.
    pub fn finish(mut self) -> Vec<Violation> {
        if let Some((frame, _)) = self.frames.iter().find(|(_, frame)| frame.prefix.is_some()) {
            let what = format!("frame {frame}: the trace ends between EXTENDED_ARG and its successor");
            self.violations.push(Violation { event: self.events, what });
        }
        self.violations
    }

    fn follow(&mut self, event: &Event) -> Result<(), String> {
        match *event {
            Event::Entered { thread, frame, ref code } => {
                let interrupted = self.switch(thread).and(self.settled(thread));
                if self.frames.insert(frame, Frame::fresh(code.clone())).is_some() {
                    return Err(format!("frame {frame} is entered twice"));
                }
                self.threads.entry(thread).or_default().push(frame);
                interrupted
            }
            Event::Resumed { thread, frame } => {
                let interrupted = self.switch(thread).and(self.settled(thread));
                let resumed =
                    self.frames.get_mut(&frame).ok_or_else(|| format!("frame {frame} is resumed, but unknown"))?;
                if !std::mem::replace(&mut resumed.suspended, false) {
                    return Err(format!("frame {frame} is resumed, but did not yield"));
                }
                self.threads.entry(thread).or_default().push(frame);
                interrupted
            }
            Event::Left { thread, frame, how } => {
                let innermost = self.innermost(thread, frame);
                self.threads.entry(thread).or_default().retain(|&open| open != frame);
                innermost.and(self.leave(frame, how))
            }
            Event::Raised { thread, frame, offset } => {
                self.innermost(thread, frame)?;
                let trace_functions = self.allowance.trace_functions;
                self.frame(frame)?.raise(offset.filter(|_| !trace_functions))
            }
            Event::Changed { frame, ref code } => {
                self.frame(frame)?.code = code.clone();
                Ok(())
            }
            Event::Executed { thread, frame, offset, opcode, operand } => {
                let innermost = self.innermost(thread, frame);
                let allowance = self.allowance;
                innermost.and(self.frame(frame)?.execute(offset, opcode, operand, allowance))
            }
        }
    }

    fn frame(&mut self, frame: u64) -> Result<&mut Frame, String> {
        self.frames.get_mut(&frame).ok_or_else(|| format!("frame {frame} is unknown"))
    }

    /// Checks that the thread's innermost frame is the one that something happens in.
    fn innermost(&mut self, thread: u64, frame: u64) -> Result<(), String> {
        let switched = self.switch(thread);
        match self.threads.get(&thread).and_then(|frames| frames.last()) {
            Some(&innermost) if innermost == frame => switched,
            innermost => Err(format!("frame {frame} goes on, but {innermost:?} is the innermost of thread {thread}")),
        }
    }

    /// Checks that the thread that ran before can have given up the interpreter lock where it
    /// stands.
    fn switch(&mut self, thread: u64) -> Result<(), String> {
        match self.running.replace(thread) {
            Some(before) if before != thread => {
                self.settled(before).map_err(|what| format!("{what} (switch to thread {thread})"))
            }
            _ => Ok(()),
        }
    }

    /// Checks that the thread's innermost frame is at a place where other code can run.
    fn settled(&self, thread: u64) -> Result<(), String> {
        let Some(frame) = self.threads.get(&thread).and_then(|frames| frames.last()) else {
            return Ok(());
        };
        let open = &self.frames[frame];
        if open.prefix.is_some() {
            return Err(format!("frame {frame}: other code runs between EXTENDED_ARG and its successor"));
        }
        match open.last {
            Some(unit) if opcode::is_quiet(unit.opcode) && !self.allowance.trace_functions => {
                Err(format!("frame {frame}: other code runs after opcode {}, which calls nothing", unit.opcode))
            }
            _ => Ok(()),
        }
    }

    fn leave(&mut self, frame: u64, how: Left) -> Result<(), String> {
        let allowance = self.allowance;
        let left = self.frame(frame)?;
        let last = left.last.map(|unit| unit.opcode);
        let kept = left.leaves(how, allowance);
        let half_done = left.prefix.is_some();
        if let Some(states) =
            kept.iter().find_map(|end| if let End::Left(Left::Yield, state) = end { Some(state) } else { None })
        {
            (left.states, left.last, left.raised, left.suspended) = (vec![states.clone()], None, 0, true);
        } else {
            self.frames.remove(&frame);
        }
        if kept.is_empty() || half_done {
            Err(format!("frame {frame} is left ({how:?}) after opcode {last:?}, which does not leave it so"))
        } else {
            Ok(())
        }
    }
}
