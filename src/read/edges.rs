//! What ran of each code object: how often each instruction, how often control went from one to another, and what raised.  Runs are
//! counted whole, so a trace is read at the speed at which it is decoded; memory depends on the code, not on the trace's length.

mod executed;

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use super::{Flaw, Reader, TraceError};
use crate::bytecode::CodeObject;
use crate::bytecode::decode::units;
use crate::trace::{Code, Event, Laps, Run, Sink, SinkError, Start, State, Taken, Then};
pub use executed::Executed;

/// Offsets outside a code string that are counted, for each code object; a program that has more is far from any code of its own.
const MOST_OUTSIDE: usize = 4096;

/// What ran in a trace.
#[derive(Clone, Debug, Default)]
pub struct Edges {
    /// How the trace was made, if it says so.
    pub start: Option<Start>,
    /// Each version of the bytes of each code object that ran, in the order in which they began to.  Code objects that are equal in all
    /// that a trace says of them count as one.
    pub codes: Vec<Executed>,
    /// Something was missing or damaged, so counts are too small.
    pub is_flawed: bool,
    /// Instructions that the recording left out, those of the interpreter's own shutdown aside.
    pub skipped: u64,
    /// Instructions that the trace holds, those of code objects that were not wanted too.
    pub instructions: u64,
}

/// Reads a whole trace.  What is missing or damaged goes to `flaws`.  Code objects that `wants` refuses are not counted; other bytes of
/// one that it took are.
pub fn read(
    reader: Reader,
    wants: &dyn Fn(&CodeObject) -> bool,
    flaws: &mut dyn FnMut(Flaw),
) -> Result<Edges, TraceError> {
    read_watched(reader, wants, flaws, &mut |_| ())
}

/// As [`read`]; tells `watch` from time to time how many instructions were executed up to there.
pub fn read_watched(
    mut reader: Reader,
    wants: &dyn Fn(&CodeObject) -> bool,
    flaws: &mut dyn FnMut(Flaw),
    watch: &mut dyn FnMut(u64),
) -> Result<Edges, TraceError> {
    let has_gap = Cell::new(false);
    let mut counter = Counter::new(wants, &has_gap, watch);
    let mut is_flawed = false;
    reader.read_all(&mut counter, &mut |flaw| {
        has_gap.set(true);
        is_flawed = true;
        flaws(flaw);
        Ok(())
    })?;
    Ok(Edges { is_flawed, ..counter.finish() })
}

/// Where the last run of a frame ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Last {
    /// At this offset of the canonical chain, so the chain says which unit was the last.
    End(u32),
    /// In the unit that begins here, which is not of the chain.
    Unit(u32),
    /// Outside the bytes.
    Outside,
}

/// The counts of one version while a trace is read.
struct Counts {
    executed: Executed,
    /// By offset: runs that begin on the chain there, and that end there.  A unit ran as often as runs began up to it and have not
    /// ended.
    begins: Vec<u64>,
    ends: Vec<u64>,
    /// Units that are not of the chain.
    off_chain: HashMap<u32, u64>,
    /// Where control went from the end of a run.
    jumps: HashMap<(Last, u32), u64>,
    raised: HashMap<Last, u64>,
}

struct Counter<'a> {
    wants: &'a dyn Fn(&CodeObject) -> bool,
    /// Something is missing before the next event.
    has_gap: &'a Cell<bool>,
    start: Option<Start>,
    codes: Vec<Counts>,
    /// Versions by what a trace says of them, apart from the hash the same.
    known: HashMap<Arc<CodeObject>, usize>,
    /// Versions by the ids of live code objects; None if they are not wanted.
    by_id: HashMap<u32, Option<usize>>,
    /// The version that ran last.
    recent: Option<(u32, Option<usize>)>,
    /// The version and the end of the last run of each frame but the current one.
    frames: HashMap<u64, (usize, Last)>,
    current: (u64, Option<(usize, Last)>),
    skipped: u64,
    instructions: u64,
    taken: Taken,
    watch: &'a mut dyn FnMut(u64),
    runs: u32,
}

impl<'a> Counter<'a> {
    fn new(wants: &'a dyn Fn(&CodeObject) -> bool, has_gap: &'a Cell<bool>, watch: &'a mut dyn FnMut(u64)) -> Self {
        Counter {
            wants,
            has_gap,
            watch,
            runs: 0,
            instructions: 0,
            start: None,
            codes: Vec::new(),
            known: HashMap::new(),
            by_id: HashMap::new(),
            recent: None,
            frames: HashMap::new(),
            current: (0, None),
            skipped: 0,
            taken: Taken::default(),
        }
    }

    /// Returns the place of a code object's version.
    #[inline]
    fn version(&mut self, code: &Rc<Code>) -> Option<usize> {
        match self.recent {
            Some((id, place)) if id == code.id => place,
            _ => {
                let place = self.find(code);
                self.recent = Some((code.id, place));
                place
            }
        }
    }

    fn find(&mut self, code: &Rc<Code>) -> Option<usize> {
        if let Some(place) = self.by_id.get(&code.id) {
            return *place;
        }
        let first = self.by_id.get(&code.first_id).copied().flatten();
        let is_wanted = (self.wants)(&code.object) || first.is_some();
        let place = is_wanted.then(|| match self.known.get(&code.object) {
            Some(place) => *place,
            None => {
                let place = self.codes.len();
                let first = first.unwrap_or(place);
                self.codes.push(Counts::new(code, first));
                self.known.insert(Arc::clone(&code.object), place);
                place
            }
        });
        self.by_id.insert(code.id, place);
        place
    }

    /// Makes a frame the current one; returns where its last run ended.
    #[inline]
    fn last_of(&mut self, frame: u64) -> Option<(usize, Last)> {
        if self.current.0 != frame {
            let (left, last) = self.current;
            if let Some(last) = last {
                self.frames.insert(left, last);
            }
            self.current = (frame, self.frames.remove(&frame));
        }
        self.current.1
    }

    fn forget(&mut self, frame: u64) {
        if self.current.0 == frame {
            self.current = (0, None);
        } else {
            self.frames.remove(&frame);
        }
    }

    fn forget_if_gap(&mut self) {
        if self.has_gap.replace(false) {
            self.frames.clear();
            self.current = (0, None);
            // The ids of code objects that were described in what is missing could be stale.
            self.recent = None;
        }
    }

    fn finish(self) -> Edges {
        let codes = self.codes.into_iter().map(Counts::finish).collect();
        Edges { start: self.start, codes, is_flawed: false, skipped: self.skipped, instructions: self.instructions }
    }
}

impl Counts {
    fn new(code: &Code, first: usize) -> Counts {
        let room = code.object.bytes.len() + 1;
        Counts {
            executed: Executed {
                code: Arc::clone(&code.object),
                first,
                entered: 0,
                units: BTreeMap::new(),
                edges: BTreeMap::new(),
                raised: BTreeMap::new(),
                outside: BTreeMap::new(),
            },
            begins: vec![0; room],
            ends: vec![0; room],
            off_chain: HashMap::new(),
            jumps: HashMap::new(),
            raised: HashMap::new(),
        }
    }

    /// Counts a run that was executed so many times; returns where it ended.
    #[inline]
    fn run(&mut self, code: &Code, run: &Run, times: u64) -> Option<Last> {
        let mut start = run.start;
        if code.layout.index(start).is_none() {
            let mut before = None;
            for unit in units(&code.object.bytes, start).take_while(|unit| unit.end <= run.end()) {
                if let Some(before) = before {
                    *self.jumps.entry((Last::Unit(before), unit.start)).or_default() += times;
                }
                start = unit.start;
                if code.layout.index(start).is_some() {
                    break;
                }
                *self.off_chain.entry(start).or_default() += times;
                before = Some(start);
                if unit.end == run.end() {
                    return Some(Last::Unit(start));
                }
            }
        }
        *self.begins.get_mut(start as usize)? += times;
        *self.ends.get_mut(run.end() as usize)? += times;
        Some(Last::End(run.end()))
    }

    fn finish(self) -> Executed {
        let Counts { mut executed, begins, ends, off_chain, jumps, raised } = self;
        let code = Arc::clone(&executed.code);
        let mut before_end = HashMap::new();
        let (mut running, mut before) = (0u64, None);
        for unit in units(&code.bytes, 0) {
            let at = unit.start as usize;
            let onward = running.saturating_sub(ends[at]);
            if let Some(before) = before.filter(|_| onward > 0) {
                *executed.edges.entry((before, unit.start)).or_default() += onward;
            }
            running = onward + begins[at];
            if running > 0 {
                executed.units.insert(unit.start, running);
            }
            before_end.insert(unit.end, unit.start);
            before = Some(unit.start);
        }
        for (unit, count) in off_chain {
            *executed.units.entry(unit).or_default() += count;
        }
        let unit_of = |last: Last| match last {
            Last::Unit(unit) => Some(unit),
            Last::End(end) => before_end.get(&end).copied(),
            Last::Outside => None,
        };
        for ((last, to), count) in jumps {
            if let Some(from) = unit_of(last) {
                *executed.edges.entry((from, to)).or_default() += count;
            }
        }
        for (last, count) in raised {
            if let Some(unit) = unit_of(last) {
                *executed.raised.entry(unit).or_default() += count;
            }
        }
        executed
    }
}

impl Sink for Counter<'_> {
    fn event(&mut self, event: &Event, at: &State) -> Result<(), SinkError> {
        self.forget_if_gap();
        match event {
            Event::Start(start) => self.start = Some(start.clone()),
            Event::Skipped(skipped) if !skipped.own => self.skipped = self.skipped.saturating_add(skipped.instructions),
            Event::Outside(outside) => {
                self.instructions += outside.count();
                if let Some(frame) = at.frame()
                    && let Some(place) = self.version(&frame.code)
                {
                    let counts = &mut self.codes[place].executed.outside;
                    if counts.len() < MOST_OUTSIDE || counts.contains_key(&outside.offset) {
                        *counts.entry(outside.offset).or_default() += 1;
                    }
                    self.last_of(frame.id);
                    self.current.1 = Some((place, Last::Outside));
                }
            }
            Event::Raised(_) => {
                if let Some(frame) = at.frame()
                    && let Some((place, last)) = self.last_of(frame.id)
                {
                    *self.codes[place].raised.entry(last).or_default() += self.taken.times();
                }
            }
            _ => {}
        }
        Ok(())
    }

    #[inline]
    fn run(&mut self, run: &Run, at: &State) -> Result<(), SinkError> {
        self.forget_if_gap();
        let (then, times) = (run.then(), self.taken.times());
        self.instructions = self.instructions.saturating_add(run.count.saturating_mul(times));
        self.runs = self.runs.wrapping_add(1);
        if self.runs.is_multiple_of(1 << 14) {
            (self.watch)(at.instructions);
        }
        if let Some(frame) = at.frame() {
            if run.length > 0
                && let Some(place) = self.version(&frame.code)
            {
                let before = self.last_of(frame.id);
                let counts = &mut self.codes[place];
                if let Some((version, last)) = before
                    && version == place
                {
                    *counts.jumps.entry((last, run.start)).or_default() += times;
                }
                self.current.1 = counts.run(&frame.code, run, times).map(|last| (place, last));
            }
            if matches!(then, Then::Return | Then::Unwind) {
                self.forget(frame.id);
            }
        }
        match then {
            Then::Call { code } => {
                if let Some(code) = at.code(code)
                    && let Some(place) = self.version(code)
                {
                    self.codes[place].executed.entered += times;
                }
            }
            Then::Version { code } => {
                // A frame that has executed nothing yet has begun with these bytes.
                if let (Some(frame), Some(code)) = (at.frame(), at.code(code))
                    && self.last_of(frame.id).is_none()
                {
                    let places = [self.version(&frame.code), self.version(code)];
                    if let [Some(before), Some(after)] = places {
                        let entered = &mut self.codes[before].executed.entered;
                        *entered = entered.saturating_sub(times);
                        self.codes[after].executed.entered += times;
                    }
                }
            }
            Then::SlotGone { slot } => {
                if let Some(frame) = at.suspended(slot) {
                    self.forget(frame.id);
                }
            }
            Then::CodeGone { code } => {
                self.by_id.remove(&code);
                self.recent = None;
            }
            _ => {}
        }
        Ok(())
    }

    fn values(&mut self, _words: &[u64], _at: &State) -> Result<(), SinkError> {
        Ok(())
    }

    fn laps(&mut self, laps: &Laps, at: &State) -> bool {
        self.taken.begin(laps, at, true)
    }

    fn laps_end(&mut self, _at: &State) {
        self.taken.end();
    }

    fn written(&self) -> u64 {
        0
    }
}
