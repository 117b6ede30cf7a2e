//! `--loop-cap`: a sink before the sink that passes on the first and the last iterations of each loop, and counts the others.
//!
//! An iteration is what happens from one jump back to an offset to the next one, in one frame.  Only an iteration that changes nothing but the counts
//! of instructions and frames can be left out; one in which code was made, an attempt was noted or a thread changed is passed on.  What is
//! passed on is decoded once more, so the sink has the state that a reader will have, and a mistake here could not go unnoticed.

use std::collections::VecDeque;
use std::io;

use super::account::Account;
use crate::select::Matches;
use crate::trace::decoder::Decoder;
use crate::trace::event::Skipped;
use crate::trace::{Event, Run, Sink, SinkError, State, StreamError, Then};

/// Words that may be held back; beyond them all that is held is passed on.
const MOST_HELD: usize = 1 << 23;

pub struct LoopCap<'a> {
    /// The sink, and what it has got.
    sink: Account<'a>,
    /// Iterations of each loop at its beginning, and as many at its end.
    most: u64,
    /// The state of what was passed on.
    out: Decoder,
    /// The loops that go on, the innermost last.
    loops: Vec<Loop>,
    /// Words of them.
    held: usize,
    /// The last run, if it ended with a jump: its frame, and where it ended.
    jump: Option<(u64, u32)>,
    /// Values of the next run and what came among them: they belong to its iteration.
    before_run: Vec<u64>,
    /// They hold what changes more than counts.
    before_must_stay: bool,
}

/// A loop that goes on.
struct Loop {
    frame: u64,
    /// The frame's place on the stack, from 1.
    depth: usize,
    /// The offsets that iterations begin at and that they jump back from, at most.
    head: u32,
    end: u32,
    /// Iterations that are over, and those of other loops in them.
    count: u64,
    iterations: u64,
    /// Those that may be among the last ones.
    last: VecDeque<Iteration>,
    /// What was left out since the last iteration that was passed on.
    skipped: Skipped,
    /// The iteration that goes on.
    iteration: Iteration,
}

#[derive(Default)]
struct Iteration {
    words: Vec<u64>,
    /// Where it began: instructions and frames before it.
    instructions: u64,
    frames: u64,
    /// Iterations in it, of other loops, and itself.
    iterations: u64,
    /// The slots of suspended frames that it uses, and the frames that were in them.
    slots: Vec<(u32, Option<u64>)>,
    /// It changes more than counts.
    must_stay: bool,
}

impl Iteration {
    fn begin(at: &State) -> Iteration {
        Iteration { instructions: at.instructions, frames: at.next_frame, iterations: 1, ..Iteration::default() }
    }

    fn uses(&mut self, slot: u32, at: &State) {
        if !self.slots.iter().any(|(known, _)| *known == slot) {
            self.slots.push((slot, at.suspended(slot).map(|frame| frame.id)));
        }
    }

    /// Ends the iteration; its counts become those of what is in it.
    fn end(&mut self, at: &State) {
        self.instructions = at.instructions - self.instructions;
        self.frames = at.next_frame - self.frames;
        self.must_stay |= self.slots.iter().any(|(slot, frame)| at.suspended(*slot).map(|frame| frame.id) != *frame);
    }
}

impl<'a> LoopCap<'a> {
    pub fn new(sink: &'a mut dyn Sink, most: u64) -> LoopCap<'a> {
        LoopCap {
            sink: Account::new(sink, Matches::default()),
            most,
            out: Decoder::default(),
            loops: Vec::new(),
            held: 0,
            jump: None,
            before_run: Vec::new(),
            before_must_stay: false,
        }
    }

    /// The instructions that were passed on, and those of them that are the standard library's.
    pub fn passed(&self) -> (u64, u64) {
        (self.sink.tally.recorded, self.sink.tally.stdlib)
    }

    /// Passes words on to the iteration that goes on, or to the sink.
    fn pass(&mut self, words: &[u64]) -> Result<(), SinkError> {
        match self.loops.last_mut() {
            Some(inner) => {
                inner.iteration.words.extend_from_slice(words);
                self.held += words.len();
                Ok(())
            }
            None => write(&mut self.out, words, &mut self.sink),
        }
    }

    /// Passes on what comes before a run.
    fn pass_before_run(&mut self) -> Result<(), SinkError> {
        if std::mem::take(&mut self.before_must_stay) {
            self.must_stay();
        }
        let words = std::mem::take(&mut self.before_run);
        let result = self.pass(&words);
        self.before_run = words;
        self.before_run.clear();
        result
    }

    /// Ends the innermost loop: its last iterations and what it has begun belong to the loop around it.
    fn end_loop(&mut self) -> Result<(), SinkError> {
        let Some(Loop { last, skipped, mut iteration, iterations, .. }) = self.loops.pop() else { return Ok(()) };
        self.held -= last.iter().map(|iteration| iteration.words.len()).sum::<usize>() + iteration.words.len();
        self.pass_skipped(skipped)?;
        let slots = std::mem::take(&mut iteration.slots);
        let mut must_stay = iteration.must_stay;
        for iteration in &last {
            must_stay |= iteration.must_stay;
            self.pass(&iteration.words)?;
        }
        self.pass(&iteration.words)?;
        if let Some(outer) = self.loops.last_mut() {
            outer.iteration.iterations += iterations + iteration.iterations - 1;
            outer.iteration.must_stay |= must_stay;
            for (slot, frame) in slots {
                if !outer.iteration.slots.iter().any(|(known, _)| *known == slot) {
                    outer.iteration.slots.push((slot, frame));
                }
            }
        }
        Ok(())
    }

    fn pass_skipped(&mut self, skipped: Skipped) -> Result<(), SinkError> {
        if skipped == Skipped::default() {
            return Ok(());
        }
        let mut words = Vec::new();
        Event::Skipped(skipped).encode(&mut words);
        self.pass(&words)
    }

    /// Passes on all that is held.
    fn end_all(&mut self) -> Result<(), SinkError> {
        while !self.loops.is_empty() {
            self.end_loop()?;
        }
        self.jump = None;
        self.pass_before_run()
    }

    /// The innermost loop has come back to its head.
    fn next_iteration(&mut self, at: &State) -> Result<(), SinkError> {
        let Some(inner) = self.loops.last_mut() else { return Ok(()) };
        let mut iteration = std::mem::replace(&mut inner.iteration, Iteration::begin(at));
        iteration.end(at);
        inner.count += 1;
        inner.iterations += iteration.iterations;
        if inner.count <= self.most {
            return self.pass_over(Skipped::default(), iteration);
        }
        inner.last.push_back(iteration);
        if inner.last.len() as u64 <= self.most {
            return Ok(());
        }
        let Some(oldest) = inner.last.pop_front() else { return Ok(()) };
        if oldest.must_stay {
            let skipped = std::mem::take(&mut inner.skipped);
            self.pass_over(skipped, oldest)
        } else {
            self.held -= oldest.words.len();
            let more = Skipped {
                instructions: oldest.instructions,
                frames: oldest.frames,
                iterations: oldest.iterations,
                own: false,
            };
            inner.skipped.add(&more);
            Ok(())
        }
    }

    /// Passes on an iteration of the innermost loop that is over, and what was left out before it: both belong to the loop around it.
    fn pass_over(&mut self, skipped: Skipped, iteration: Iteration) -> Result<(), SinkError> {
        let Some(inner) = self.loops.pop() else { return Ok(()) };
        self.held -= iteration.words.len();
        let result = self.pass_skipped(skipped).and_then(|()| self.pass(&iteration.words));
        if let Some(outer) = self.loops.last_mut() {
            outer.iteration.must_stay |= iteration.must_stay;
        }
        self.loops.push(inner);
        result
    }

    /// Looks whether a run begins or ends an iteration, before it is taken.
    fn look(&mut self, run: &Run, at: &State) -> Result<(), SinkError> {
        let Some(frame) = at.frame() else { return self.end_all() };
        let jumped = self.jump.take().filter(|(jumped, end)| *jumped == frame.id && run.start < *end);
        let depth = at.stack().len();
        loop {
            match self.loops.last() {
                Some(inner) if inner.depth > depth || (inner.depth == depth && inner.frame != frame.id) => {}
                Some(inner) if inner.depth == depth => {
                    let is_inside = (inner.head..inner.end).contains(&run.start);
                    match jumped {
                        Some(_) if inner.head == run.start => break,
                        _ if is_inside => break,
                        _ => {}
                    }
                }
                _ => break,
            }
            self.end_loop()?;
        }
        let Some((_, end)) = jumped else { return Ok(()) };
        // A loop of this frame that begins there goes on; the loops in it are over.
        let known = self.loops.iter().rposition(|one| one.depth == depth && one.head == run.start);
        match known {
            Some(place) => {
                while self.loops.len() > place + 1 {
                    self.end_loop()?;
                }
                if let Some(inner) = self.loops.last_mut() {
                    inner.end = inner.end.max(end);
                }
                self.next_iteration(at)
            }
            None => {
                self.loops.push(Loop {
                    frame: frame.id,
                    depth,
                    head: run.start,
                    end,
                    // The first iteration went by before it was known to be one.
                    count: 1,
                    iterations: 1,
                    last: VecDeque::new(),
                    skipped: Skipped::default(),
                    iteration: Iteration::begin(at),
                });
                Ok(())
            }
        }
    }

    fn must_stay(&mut self) {
        if let Some(inner) = self.loops.last_mut() {
            inner.iteration.must_stay = true;
        }
    }
}

/// Hands words that were passed on to the sink.
fn write(out: &mut Decoder, words: &[u64], sink: &mut dyn Sink) -> Result<(), SinkError> {
    match out.decode(words, sink) {
        Ok(taken) if taken == words.len() => Ok(()),
        Ok(_) => Err(io::Error::other("--loop-cap cut an event").into()),
        Err(StreamError::Output(error)) => Err(error),
        Err(contradiction) => Err(io::Error::other(format!("--loop-cap left out too much: {contradiction}")).into()),
    }
}

impl Sink for LoopCap<'_> {
    fn event(&mut self, event: &Event, _at: &State) -> Result<(), SinkError> {
        let must_stay = match event {
            // These change nothing but counts, or only what is undone before an iteration ends.
            Event::Raised(_) | Event::Outside(_) | Event::Announce(_) => false,
            Event::Skipped(skipped) => skipped.own,
            Event::Switch(_) | Event::ThreadGone(_) | Event::Stop(_) | Event::Finished | Event::End(_) => {
                self.end_all()?;
                false
            }
            _ => true,
        };
        if let Event::Outside(_) = event {
            self.jump = None;
        }
        let mut words = Vec::new();
        event.encode(&mut words);
        if self.before_run.is_empty() && !matches!(event, Event::Name(_)) {
            if must_stay {
                self.must_stay();
            }
            return self.pass(&words);
        }
        self.before_must_stay |= must_stay;
        self.before_run.extend(words);
        Ok(())
    }

    fn run(&mut self, run: &Run, at: &State) -> Result<(), SinkError> {
        if run.length > 0 {
            self.look(run, at)?;
        } else if !self.before_run.is_empty() {
            // The values are those of a later run, which must not begin an iteration.
            self.jump = None;
        }
        self.pass_before_run()?;
        let then = run.then();
        if let (Then::Resume { slot } | Then::Yield { slot } | Then::SlotGone { slot }, Some(inner)) =
            (then, self.loops.last_mut())
        {
            inner.iteration.uses(slot, at);
        }
        if matches!(then, Then::Version { .. } | Then::CodeGone { .. }) {
            self.must_stay();
        }
        let (words, count) = run.words();
        self.pass(&words[..count])?;
        match then {
            Then::Jump if run.length > 0 => self.jump = at.frame().map(|frame| (frame.id, run.end())),
            Then::Jump => {}
            Then::Return | Then::Unwind | Then::Yield { .. } => {
                self.jump = None;
                let depth = at.stack().len();
                while self.loops.last().is_some_and(|inner| inner.depth >= depth) {
                    self.end_loop()?;
                }
            }
            Then::Thread { .. } => self.end_all()?,
            _ => self.jump = None,
        }
        if self.held > MOST_HELD { self.end_all() } else { Ok(()) }
    }

    fn values(&mut self, words: &[u64], _at: &State) -> Result<(), SinkError> {
        self.before_run.extend_from_slice(words);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.sink.flush()
    }

    fn resume(&mut self) -> Result<(), SinkError> {
        self.sink.resume()
    }

    fn finish(&mut self) -> Result<u64, SinkError> {
        self.end_all()?;
        self.sink.finish()
    }

    fn written(&self) -> u64 {
        self.sink.written()
    }
}
