//! `bctrace hot`: which code executed how many instructions: code objects, with all that they called, and their lines and offsets.

mod print;

use std::rc::Rc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::Answer;
use super::left_out::LeftOut;
use super::query::{Query, View, ended};
use super::room::Room;
use crate::bytecode::Instruction;
use crate::bytecode::decode::units;
use crate::format::Output;
use crate::format::lines::Lines;
use crate::read::steps::{Entered, Entry, Exit};
use crate::read::visit::Place;
use crate::read::{Flaw, TraceError};
use crate::trace::numbered::of_outside;
use crate::trace::value::UnitValues;
use crate::trace::{Code, Event, Frame, Laps, Outside, Run, SinkError, State, Taken};

/// About the bytes that a code object takes, without its offsets.
const OBJECT: u64 = 300;
/// Bytes of a kind of run.
const RUN: u64 = 48;
/// Frames on stacks that are remembered; a forged trace can enter frames for ever.
const MOST_FRAMES: usize = 1 << 18;

/// Writes the counts into `output`, `most` of each kind; each flaw of the trace goes to `report`.
pub fn run(query: &Query, most: usize, output: Output, report: &mut dyn FnMut(Flaw)) -> Result<Answer, TraceError> {
    let mut view = Hot { room: Room::new(query.memory), threads: query.selection.threads.clone(), ..Hot::default() };
    let (answer, left_out) = query.ask(&mut view, report)?;
    let left_out = LeftOut { dropped: view.room.dropped, ..left_out };
    let mut lines = Lines::new(output, None);
    ended(answer, print::write(&view.counted(), query, most, &left_out, &mut lines))
}

#[derive(Default)]
struct Hot {
    room: Room,
    /// The threads whose frames and totals count; all if there are none.
    threads: Vec<u32>,
    objects: FxHashMap<Key, usize>,
    by_code: FxHashMap<u32, usize>,
    counts: Vec<Count>,
    /// Frames that run or called the one that runs, or are suspended.
    frames: FxHashMap<u64, Active>,
    /// Objects that have a frame on a thread's stack.
    open: FxHashSet<(usize, u32)>,
    /// The object of the frame that runs, and the frame.
    current: (u64, Option<usize>),
    /// Instructions so far, and how many of them the thread that runs has executed, and each other one.
    total: u64,
    thread: u32,
    executed: u64,
    others: FxHashMap<u32, u64>,
    taken: Taken,
}

/// Code objects that are the same wherever they were made.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    name: Vec<u8>,
    filename: Vec<u8>,
    first_line: i32,
    bytes: u32,
}

/// What a code object executed.
struct Count {
    code: Rc<Code>,
    frames: u64,
    own: u64,
    /// With all that was called; recursions are counted once.
    total: u64,
    /// How often each stretch of code was executed, by its beginning and end.
    runs: FxHashMap<(u32, u32), u64>,
    /// The instructions that are not in its bytes, or not as a whole: their opcodes, and how often each was executed.
    outside: FxHashMap<i32, (u8, u64)>,
}

/// A frame on a stack.
struct Active {
    object: Option<usize>,
    thread: u32,
    /// Instructions of its thread when it came on top.
    since: u64,
    /// It is the outermost of its object in the thread.
    is_outermost: bool,
    /// It began when it came on top, so it was counted.
    is_new: bool,
}

/// What was counted of one code object.
struct Counted {
    code: Rc<Code>,
    frames: u64,
    own: u64,
    total: u64,
    /// Executions by offset, in order.
    offsets: Vec<(i32, u64)>,
    /// The opcodes of those that are not in the bytes.
    outside: FxHashMap<i32, u8>,
}

impl Hot {
    /// Finds or makes the count of a code object.
    fn object(&mut self, code: &Rc<Code>) -> Option<usize> {
        if let Some(place) = self.by_code.get(&code.id) {
            return Some(*place);
        }
        let object = &code.object;
        let key = Key {
            name: object.name.clone(),
            filename: object.filename.clone(),
            first_line: object.first_line,
            bytes: crc32fast::hash(&object.bytes),
        };
        let place = match self.objects.get(&key) {
            Some(place) => *place,
            None if !self.room.take(OBJECT + object.bytes.len() as u64) => return None,
            None => {
                let (runs, outside) = Default::default();
                self.counts.push(Count { code: Rc::clone(code), frames: 0, own: 0, total: 0, runs, outside });
                self.objects.insert(key, self.counts.len() - 1);
                self.counts.len() - 1
            }
        };
        if self.room.has(16) {
            self.by_code.insert(code.id, place);
        }
        Some(place)
    }

    /// The same, for the frames and the total; None in a thread that does not count.
    fn object_in(&mut self, thread: u32, code: &Rc<Code>) -> Option<usize> {
        let counts = self.threads.is_empty() || self.threads.contains(&thread);
        counts.then(|| self.object(code)).flatten()
    }

    /// Counts a stretch of code that a frame has executed.
    #[inline]
    fn executed(&mut self, frame: &Frame, start: u32, end: u32, count: u64) {
        let object = match self.current {
            (id, object) if id == frame.id && object.is_some() => object,
            _ => {
                let object = self.object(&frame.code);
                self.current = (frame.id, object);
                object
            }
        };
        if let Some(object) = object {
            let counts = &mut self.counts[object];
            let now = self.taken.times();
            counts.own += count * now;
            match counts.runs.get_mut(&(start, end)) {
                Some(times) => *times += now,
                None if self.room.take(RUN) => {
                    counts.runs.insert((start, end), now);
                }
                None => {}
            }
        }
    }

    /// Counts instructions that a frame has executed outside its bytes.
    fn executed_outside(&mut self, frame: &Frame, instructions: impl Iterator<Item = Instruction>) {
        let Some(object) = self.object(&frame.code) else { return };
        let now = self.taken.times();
        for Instruction { offset, opcode, .. } in instructions {
            let counts = &mut self.counts[object];
            counts.own += now;
            match counts.outside.get_mut(&offset) {
                Some((_, times)) => *times += now,
                None if self.room.take(RUN) => {
                    counts.outside.insert(offset, (opcode, now));
                }
                None => {}
            }
        }
    }

    /// Goes on to an instruction, in the thread that executes up to there; returns how many that one has executed.
    #[inline]
    fn go_on(&mut self, thread: u32, number: u64) -> u64 {
        if thread != self.thread {
            self.others.insert(self.thread, self.executed);
            (self.thread, self.executed) = (thread, self.others.remove(&thread).unwrap_or_default());
        }
        self.executed += number.saturating_sub(self.total);
        self.total = self.total.max(number);
        self.executed
    }

    /// Begins the time that a frame is on the stack.
    fn enter(&mut self, frame: u64, thread: u32, since: u64, object: Option<usize>, is_new: bool) {
        if self.frames.len() >= MOST_FRAMES {
            self.frames.clear();
            self.open.clear();
        }
        let is_outermost = object.is_some_and(|object| self.open.insert((object, thread)));
        self.frames.insert(frame, Active { object, thread, since, is_outermost, is_new });
        self.current = (frame, object);
    }

    /// Ends the time that a frame is on the stack.
    fn leave(&mut self, frame: u64, number: u64) {
        let Some(Active { object, thread, since, is_outermost, .. }) = self.frames.remove(&frame) else { return };
        let executed = self.go_on(thread, number);
        if let Some(object) = object.filter(|_| is_outermost) {
            self.open.remove(&(object, thread));
            self.counts[object].total += executed.saturating_sub(since) * self.taken.times();
        }
        self.current = (0, None);
    }

    /// A frame goes on with other bytes.  If it has not executed anything yet, it has begun with them.
    fn becomes(&mut self, frame: u64, code: &Rc<Code>) {
        let Some(&Active { object: before, thread, since, is_new, .. }) = self.frames.get(&frame) else { return };
        let executed = self.go_on(thread, self.total);
        let object = self.object_in(thread, code);
        self.leave(frame, self.total);
        let is_new = is_new && executed == since;
        if is_new {
            let times = self.taken.times();
            before.into_iter().for_each(|before| self.counts[before].frames -= times.min(self.counts[before].frames));
            object.into_iter().for_each(|object| self.counts[object].frames += times);
        }
        self.enter(frame, thread, executed, object, is_new);
    }

    fn counted(mut self) -> (Vec<Counted>, u64) {
        let frames: Vec<u64> = self.frames.keys().copied().collect();
        frames.into_iter().for_each(|frame| self.leave(frame, self.total));
        let mut counted: Vec<Counted> = self.counts.into_iter().filter(|count| count.own > 0).map(Count::end).collect();
        counted.sort_by_key(|counted| std::cmp::Reverse((counted.own, counted.total)));
        let own = counted.iter().map(|counted| counted.own).sum();
        (counted, own)
    }
}

impl Count {
    /// Counts the offsets out of the stretches.
    fn end(self) -> Counted {
        let mut offsets: FxHashMap<i32, u64> = FxHashMap::default();
        let bytes = &self.code.object.bytes;
        for ((start, end), times) in self.runs {
            for unit in units(bytes, start).take_while(|unit| unit.end <= end) {
                for instruction in unit.instructions(bytes) {
                    *offsets.entry(instruction.offset).or_default() += times;
                }
            }
        }
        for (offset, (_, times)) in &self.outside {
            *offsets.entry(*offset).or_default() += times;
        }
        let outside = self.outside.into_iter().map(|(offset, (opcode, _))| (offset, opcode)).collect();
        let mut offsets: Vec<(i32, u64)> = offsets.into_iter().collect();
        offsets.sort_unstable();
        let total = self.total.max(self.own);
        Counted { code: self.code, frames: self.frames, own: self.own, total, offsets, outside }
    }
}

impl View for Hot {
    fn what(&self) -> &'static str {
        "instructions"
    }

    fn is_empty(&self) -> bool {
        self.counts.iter().all(|count| count.own == 0)
    }

    fn needs_values(&self) -> bool {
        false
    }

    /// Begins the time of frames that were there before what is read.
    fn on_stack(&mut self, at: &State, number: u64) {
        let since = self.go_on(at.thread, number);
        for frame in at.stack() {
            if !self.frames.contains_key(&frame.id) {
                let object = self.object_in(at.thread, &frame.code);
                self.enter(frame.id, at.thread, since, object, false);
            }
        }
    }

    #[inline]
    fn run(&mut self, run: &Run, at: &State, is_wanted: bool) -> Result<bool, SinkError> {
        self.go_on(at.thread, at.instructions + run.count);
        if let Some(frame) = at.frame().filter(|_| is_wanted) {
            self.executed(frame, run.start, run.end(), run.count);
        }
        Ok(false)
    }

    fn event(&mut self, event: &Event, at: &State) -> Result<(), SinkError> {
        if let Event::Skipped(skipped) = event {
            let number = at.instructions.saturating_add(skipped.instructions);
            // Of several threads it is not known which one has executed what was left out.
            if self.others.is_empty() && at.thread == self.thread {
                self.go_on(at.thread, number);
            }
            self.total = self.total.max(number);
        }
        Ok(())
    }

    fn outside(&mut self, outside: &Outside, at: &State, is_wanted: bool) -> Result<(), SinkError> {
        self.go_on(at.thread, at.instructions + outside.count());
        if let Some(frame) = at.frame().filter(|_| is_wanted) {
            self.executed_outside(frame, of_outside(outside, at).map(|(_, instruction)| instruction));
        }
        Ok(())
    }

    fn version(&mut self, frame: &Frame, code: &Rc<Code>) {
        self.becomes(frame.id, code);
    }

    fn unit(&mut self, place: &Place, is_wanted: bool, _values: &UnitValues) -> Result<(), SinkError> {
        self.go_on(place.thread, place.number);
        if is_wanted {
            let unit = place.unit;
            self.executed(place.frame, unit.start, unit.end, unit.instructions.into());
        }
        Ok(())
    }

    fn entered(&mut self, entered: &Entered, _is_library: bool) -> Result<(), SinkError> {
        let since = self.go_on(entered.thread, entered.number);
        let object = self.object_in(entered.thread, &entered.code);
        // A generator that goes on is the same frame, and one that was there before is not entered.
        let is_new = entered.entry == Entry::New;
        if is_new {
            object.into_iter().for_each(|object| self.counts[object].frames += self.taken.times());
        }
        self.enter(entered.frame, entered.thread, since, object, is_new);
        Ok(())
    }

    fn left(&mut self, frame: &Frame, _exit: Exit, number: u64, _is_wanted: bool) -> Result<(), SinkError> {
        self.leave(frame.id, number);
        Ok(())
    }

    fn laps(&mut self, laps: &Laps, at: &State) -> bool {
        self.taken.begin(laps, at, self.room.dropped == 0 && self.frames.len() < MOST_FRAMES / 2)
    }

    fn laps_end(&mut self, at: &State) {
        self.taken.end();
        self.go_on(at.thread, at.instructions);
    }
}
