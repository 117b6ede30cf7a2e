//! The steps of a recorded trace as one iterator: each executed instruction with its number, place, values and exception, and between
//! them the frames that come and go.  Views are built on it; none of them decodes events or counts instructions itself.

mod queue;

use std::ops::Range;
use std::path::Path;
use std::rc::Rc;

use super::reader::{Next, Reader, Want};
use super::{Block, Flaw, TraceError};
use crate::bytecode::Instruction;
use crate::format::bct::layout::Piece;
use crate::trace::value::UnitValues;
use crate::trace::{Code, End, Raised, Start, StreamError};
use queue::{Queue, Queued, RunSteps};

/// Words of events that are decoded at a time.
const BATCH: usize = 1 << 12;

/// One executed instruction.
#[derive(Clone, Debug)]
pub struct Step {
    /// Counted from 1 over all threads, recorded or not.
    pub number: u64,
    pub thread: u32,
    /// The frame's number.
    pub frame: u64,
    /// Frames below it on its chain of callers.
    pub depth: u32,
    pub code: Rc<Code>,
    pub instruction: Instruction,
    /// What it consumed and produced; empty in a trace without values, and for an EXTENDED_ARG.
    pub values: UnitValues,
    /// What it raised, unless other frames ran in between: that is an [`Item::Raised`].
    pub exception: Option<Raised>,
}

/// A frame that begins or goes on.
#[derive(Clone, Debug)]
pub struct Entered {
    pub thread: u32,
    pub frame: u64,
    /// The last instruction before it.
    pub number: u64,
    /// The frame on top of which it comes; 0 for none.
    pub caller: u64,
    pub depth: u32,
    pub code: Rc<Code>,
    pub entry: Entry,
}

/// How a frame comes on top.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// It begins.
    New,
    /// A generator's goes on.
    Resumed,
    /// It began while nothing was recorded.
    Announced,
}

/// How a frame is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exit {
    Return,
    Yield,
    /// An exception leaves it.
    Unwind,
}

/// What the iterator yields.
#[derive(Clone, Debug)]
pub enum Item {
    /// How the trace was made.
    Start(Start),
    Step(Box<Step>),
    Entered(Entered),
    /// A frame is left; `number` is the last instruction before.
    Left {
        thread: u32,
        frame: u64,
        number: u64,
        exit: Exit,
    },
    /// An exception came out of what the frame called, or was raised without an instruction of its own; `number` is the last
    /// instruction before it.
    Raised {
        thread: u32,
        frame: u64,
        number: u64,
        raised: Raised,
    },
    /// The recording left these instructions out; `own` are what the interpreter does to itself at shutdown.
    Skipped {
        numbers: Range<u64>,
        own: bool,
    },
    End(End),
    /// Something is missing or damaged.
    Flaw(Flaw),
}

/// Iterates over a trace.
pub struct Steps {
    reader: Reader,
    block: Option<(u64, Box<Block>)>,
    queue: Queue,
    /// The run whose steps are handed out.
    run: Option<RunSteps>,
    /// Instruction numbers that are wanted.
    window: Option<Range<u64>>,
    is_over: bool,
}

impl Steps {
    /// Opens a trace; `-` is standard input.
    pub fn open(path: &Path) -> Result<Steps, TraceError> {
        Ok(Steps::new(Reader::open(path)?))
    }

    pub fn new(reader: Reader) -> Steps {
        Steps { reader, block: None, queue: Queue::default(), run: None, window: None, is_over: false }
    }

    /// Limits the steps to these instruction numbers.  Blocks without any are not read, if the file has an index.
    pub fn within(mut self, window: Option<Range<u64>>) -> Steps {
        if let Some(window) = &window {
            self.reader.go_to(window);
        }
        self.window = window;
        self
    }

    /// Goes to an instruction; the iterator goes on with it.  Blocks that were read lately are kept, so that going back is cheap.  False
    /// if the file has no index, or is no file: then nothing changes.
    pub fn seek(&mut self, number: u64) -> bool {
        if self.reader.index().is_none() {
            return false;
        }
        let window = number..u64::MAX;
        self.reader.keep_blocks();
        self.reader.go_to(&window);
        (self.block, self.run, self.is_over) = (None, None, false);
        self.queue = Queue::default();
        self.window = Some(window);
        true
    }

    /// The number of the last instruction that was read or stepped over.
    pub fn reached(&self) -> u64 {
        self.reader.reached()
    }

    /// Takes the next item out of what was decoded, or decodes more; None at the end.
    fn advance(&mut self) -> Result<Option<Item>, TraceError> {
        loop {
            if let Some(run) = &mut self.run {
                match run.next() {
                    Some(step) => return Ok(Some(Item::Step(Box::new(step)))),
                    None => self.run = None,
                }
            }
            match self.queue.items.pop_front() {
                Some(Queued::Item(item)) => return Ok(Some(item)),
                Some(Queued::Run(run)) => self.run = Some(run),
                None if self.is_over => return Ok(None),
                None => self.fill()?,
            }
        }
    }

    /// Decodes more into the queue, or notes that there is no more.
    fn fill(&mut self) -> Result<(), TraceError> {
        let Some((offset, block)) = &mut self.block else {
            return self.next_block();
        };
        match block.advance(BATCH, 0, &mut self.queue) {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(StreamError::Output(error)) => return Err(error.into()),
            Err(error) => self.queue.push(Item::Flaw(Flaw::no_trace(*offset, &error))),
        }
        self.block = None;
        Ok(())
    }

    fn next_block(&mut self) -> Result<(), TraceError> {
        let window = self.window.clone();
        let want = |piece: &Piece| window.as_ref().map_or(Want::Read, |window| Want::of(piece, window));
        let mut flaws = Vec::new();
        let next = self.reader.next_block(&want, &mut |flaw| {
            flaws.push(flaw);
            Ok(())
        })?;
        flaws.into_iter().for_each(|flaw| self.queue.push(Item::Flaw(flaw)));
        match next {
            Next::Block { offset, block, .. } => self.block = Some((offset, block)),
            Next::Finished | Next::Stopped => self.is_over = true,
            Next::Waiting { offset, cut } => {
                self.is_over = true;
                self.queue.push(Item::Flaw(Flaw::unfinished(self.reader.reached(), cut.then_some(offset))));
            }
        }
        Ok(())
    }

    /// Gives a step the exception that comes right after it in its frame.
    fn attach_exception(&mut self, step: &mut Step) -> Result<(), TraceError> {
        if self.run.as_ref().is_some_and(|run| !run.is_done()) {
            return Ok(());
        }
        while self.queue.items.is_empty() && self.block.is_some() {
            self.fill()?;
        }
        if let Some(Queued::Item(Item::Raised { frame, .. })) = self.queue.items.front()
            && *frame == step.frame
            && let Some(Queued::Item(Item::Raised { raised, .. })) = self.queue.items.pop_front()
        {
            step.exception = Some(raised);
        }
        Ok(())
    }

    /// Whether the window holds what is yielded; events between instructions belong to the one before them.
    fn wants(&self, item: &Item) -> bool {
        match (&self.window, item) {
            (None, _) => true,
            (Some(window), Item::Step(step)) => window.contains(&step.number),
            (Some(window), Item::Entered(Entered { number, .. })) => window.contains(&(number + 1)),
            (Some(window), Item::Left { number, .. } | Item::Raised { number, .. }) => window.contains(number),
            (Some(_), Item::Start(_) | Item::Skipped { .. } | Item::End(_) | Item::Flaw(_)) => true,
        }
    }
}

impl Iterator for Steps {
    type Item = Result<Item, TraceError>;

    fn next(&mut self) -> Option<Result<Item, TraceError>> {
        loop {
            let mut item = match self.advance() {
                Ok(item) => item?,
                Err(error) => {
                    self.is_over = true;
                    return Some(Err(error));
                }
            };
            if !self.wants(&item) {
                continue;
            }
            if let Item::Step(step) = &mut item
                && let Err(error) = self.attach_exception(step)
            {
                return Some(Err(error));
            }
            return Some(Ok(item));
        }
    }
}
