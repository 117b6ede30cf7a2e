//! One thread of a trace as a sequence of stretches of code, read as far as they are asked for.  The feed of the first thread takes the
//! others in as well, as digests.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;

use rustc_hash::{FxHashMap, FxHashSet, FxHasher};

use crate::bytecode::decode::{Unit, units};
use crate::read::reader::{Next, Want};
use crate::read::steps::{Entered, Exit};
use crate::read::visit::{Place, Visit, Visitor};
use crate::read::{Block, Flaw, Reader, TraceError};
use crate::select::{Miss, Seen};
use crate::trace::origin::{Held, WholeCode};
use crate::trace::value::UnitValues;
use crate::trace::{Code, Event, Frame, Run, SinkError, State, StreamError};
use crate::views::observed::misses;
use crate::views::query::{Choice, Query, has_values};
use crate::views::same::{Numbers, hash_of, hash_of_constants, hash_value};

/// Words of events that are decoded at a time.
const BATCH: usize = 1 << 12;
/// Frames and code objects that are remembered; a forged trace can have any number.
const REMEMBERED: usize = 1 << 18;

/// A stretch of code that was executed: a unit if the trace has values, else a run.
#[derive(Clone, Debug)]
pub(super) struct Token {
    /// What it is: its code, its place in that, and the calls that it stands in.
    pub(super) key: u64,
    /// The same without its place in the code.
    calls: u64,
    /// What its values are; 0 without any.
    pub(super) values: u64,
    /// The number of its first instruction.
    pub(super) number: u64,
    /// Where other threads executed in between: an offset in it, and the number of the instruction there.
    gaps: Vec<(u32, u64)>,
    pub(super) code: Rc<Code>,
    pub(super) start: u32,
    pub(super) end: u32,
    /// The unit and its values, if it has any.
    pub(super) shown: Option<Box<(Unit, UnitValues)>>,
}

impl Token {
    fn key(calls: u64, start: u32, end: u32) -> u64 {
        hash(&(calls, start, end))
    }

    /// Cuts it at the end of a shorter one that begins alike; returns the rest.
    fn cut_after(&mut self, other: &Token) -> Option<Token> {
        if (self.calls, self.start) != (other.calls, other.start) || other.end >= self.end {
            return None;
        }
        let bytes = &self.code.object.bytes;
        let after_gap = |offset: u32| self.gaps.iter().find(|gap| gap.0 == offset).map(|gap| gap.1);
        let (mut number, mut end) = (self.number, self.start);
        for unit in units(bytes, self.start).take_while(|unit| unit.end <= other.end) {
            end = unit.end;
            number = after_gap(end).unwrap_or(number + u64::from(unit.instructions));
        }
        if end != other.end {
            return None;
        }
        let at = self.gaps.partition_point(|gap| gap.0 < end);
        let later = self.gaps.split_off(at);
        let gaps = later.into_iter().filter(|gap| gap.0 > end).collect();
        let key = Token::key(self.calls, end, self.end);
        let rest = Token { key, number, start: end, gaps, ..self.clone() };
        (self.end, self.key) = (end, other.key);
        Some(rest)
    }
}

/// What a thread executed, to compare it as a whole; it does not depend on where other threads executed in between.
#[derive(Clone, Default)]
pub(super) struct Digest {
    units: DefaultHasher,
    values: DefaultHasher,
}

impl Digest {
    fn add(&mut self, token: &Token) {
        for unit in units(&token.code.object.bytes, token.start).take_while(|unit| unit.end <= token.end) {
            (token.calls, unit.start).hash(&mut self.units);
        }
        token.values.hash(&mut self.values);
    }

    /// Whether both threads executed the same, with the same values if both traces have them.
    pub(super) fn is_same(&self, other: &Digest, have_values: bool) -> bool {
        let is_same = |one: &DefaultHasher, other: &DefaultHasher| one.finish() == other.finish();
        is_same(&self.units, &other.units) && (!have_values || is_same(&self.values, &other.values))
    }
}

/// What of a code object was executed.
#[derive(Debug)]
pub(super) struct Cover {
    pub(super) code: Rc<Code>,
    /// By offset, the instructions that were executed.
    pub(super) offsets: BTreeSet<u32>,
    pub(super) instructions: u64,
    /// Stretches that were counted.
    known: FxHashSet<(u32, u32)>,
}

/// A trace that is read as far as it is asked for.
pub(super) struct Feed {
    reader: Reader,
    block: Option<(u64, Box<Block>)>,
    visit: Visit<Collect>,
    is_over: bool,
    pub(super) flaws: Vec<Flaw>,
}

impl Feed {
    pub(super) fn open(query: &Query, thread: u32) -> Result<Feed, TraceError> {
        let reader = Reader::open(&query.trace)?;
        let visit = Visit::new(Collect::new(query, thread), None);
        Ok(Feed { reader, block: None, visit, is_over: false, flaws: Vec::new() })
    }

    /// Reads until there are as many tokens, or no more.
    pub(super) fn fill(&mut self, count: usize) -> Result<&VecDeque<Token>, TraceError> {
        while self.visit.visitor.tokens.len() < count && !self.is_over {
            self.read()?;
        }
        Ok(&self.visit.visitor.tokens)
    }

    pub(super) fn front(&self) -> Option<&Token> {
        self.visit.visitor.tokens.front()
    }

    /// Cuts the first token in two where the other trace's, which begins alike, ends before it.
    pub(super) fn cut_front(&mut self, other: &Token) {
        let tokens = &mut self.visit.visitor.tokens;
        let rest = tokens.front_mut().and_then(|token| token.cut_after(other));
        rest.into_iter().for_each(|rest| tokens.insert(1, rest));
    }

    pub(super) fn pop(&mut self) -> Option<Token> {
        self.visit.visitor.tokens.pop_front()
    }

    /// Reads the rest, of which only what was executed is kept.
    pub(super) fn drain(&mut self) -> Result<(), TraceError> {
        while !self.is_over {
            self.visit.visitor.tokens.clear();
            self.read()?;
        }
        self.visit.visitor.tokens.clear();
        Ok(())
    }

    fn read(&mut self) -> Result<(), TraceError> {
        if let Some((offset, block)) = &mut self.block {
            match block.advance(BATCH, 0, &mut self.visit) {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(StreamError::Output(error)) => return Err(error.into()),
                Err(error) => self.flaws.push(Flaw::no_trace(*offset, &error)),
            }
            self.block = None;
        }
        let flaws = &mut self.flaws;
        let next = self.reader.next_block(&|_| Want::Read, &mut |flaw| {
            flaws.push(flaw);
            Ok(())
        })?;
        match next {
            Next::Block { offset, block, .. } => self.block = Some((offset, block)),
            Next::Finished | Next::Stopped => self.end(),
            Next::Waiting { offset, cut } => {
                self.flaws.push(Flaw::unfinished(self.reader.reached(), cut.then_some(offset)));
                self.end();
            }
        }
        Ok(())
    }

    fn end(&mut self) {
        self.is_over = true;
        let collect = &mut self.visit.visitor;
        let threads: Vec<u32> = collect.pending.keys().copied().collect();
        threads.into_iter().for_each(|thread| collect.flush(thread));
    }

    pub(super) fn collected(&self) -> &Collect {
        &self.visit.visitor
    }

    /// What of the selection the whole trace, which has been read, has not met.
    pub(super) fn take_misses(&mut self) -> Vec<Miss> {
        let seen = self.visit.visitor.seen.take();
        seen.map_or(Vec::new(), |seen| misses(seen, self.reader.index(), self.reader.reached(), true))
    }

    pub(super) fn take_cover(&mut self) -> BTreeMap<u64, Cover> {
        std::mem::take(&mut self.visit.visitor.cover)
    }

    /// The digests of the threads but the first.
    pub(super) fn take_digests(&mut self) -> BTreeMap<u32, Digest> {
        std::mem::take(&mut self.visit.visitor.digests)
    }

    pub(super) fn has_values(&self) -> bool {
        self.visit.visitor.has_values
    }
}

/// A stretch on its way.
struct Pending {
    frame: u64,
    /// The number after its last instruction.
    next: u64,
    token: Token,
}

/// Makes tokens of a trace.
pub(super) struct Collect {
    choice: Choice,
    /// What of the selection was met; None if all of the trace is wanted, or the first thread's feed has noted it.
    seen: Option<Seen>,
    thread: u32,
    has_values: bool,
    /// The SHA-256 of the program's file.
    program: Option<[u8; 32]>,
    tokens: VecDeque<Token>,
    /// Of the other threads, in the first one's feed.
    digests: BTreeMap<u32, Digest>,
    /// By thread: the stretch that the next run may lengthen, or the unit whose result may come with the next one.
    pending: FxHashMap<u32, Pending>,
    /// By frame: the hash of the code objects on its stack.
    paths: FxHashMap<u64, u64>,
    hashes: FxHashMap<u32, u64>,
    /// The hashes of the constants of code objects.
    constants: FxHashMap<u32, u64>,
    cover: BTreeMap<u64, Cover>,
    is_wanted: bool,
}

impl Collect {
    fn new(query: &Query, thread: u32) -> Collect {
        Collect {
            choice: Choice::new(query),
            seen: (thread == 0 && !query.selection.is_everything()).then(|| Seen::new(&query.selection)),
            thread,
            has_values: false,
            program: None,
            tokens: VecDeque::new(),
            digests: BTreeMap::new(),
            pending: FxHashMap::default(),
            paths: FxHashMap::default(),
            hashes: FxHashMap::default(),
            constants: FxHashMap::default(),
            cover: BTreeMap::new(),
            is_wanted: false,
        }
    }

    pub(super) fn excluded(&self) -> u64 {
        self.choice.excluded
    }

    /// The SHA-256 of the program's file, if the trace says it.
    pub(super) fn program(&self) -> Option<[u8; 32]> {
        self.program
    }

    fn hash(&mut self, code: &Code) -> u64 {
        if self.hashes.len() >= REMEMBERED {
            self.hashes.clear();
        }
        let constants = self.constants.get(&code.id).copied();
        *self.hashes.entry(code.id).or_insert_with(|| hash_of(&code.object, constants))
    }

    fn is_first(&self) -> bool {
        self.thread == 0
    }

    /// Ends a thread's stretch.
    fn flush(&mut self, thread: u32) {
        let Some(Pending { mut token, .. }) = self.pending.remove(&thread) else { return };
        token.key = Token::key(token.calls, token.start, token.end);
        token.values = token.shown.as_ref().map_or(0, |shown| hash_of_values(&shown.1));
        if thread == self.thread {
            self.tokens.push_back(token);
        } else {
            self.digests.entry(thread).or_default().add(&token);
        }
    }

    /// Gives the unit before a result that comes with this one, as where another thread executed in between.  What a frame returned
    /// stays with this unit, in any trace.
    fn settle(&mut self, place: &Place, values: &mut UnitValues) {
        let Some(Pending { frame, token, .. }) = self.pending.get_mut(&place.thread) else { return };
        if *frame != place.frame.id || values.late.is_empty() {
            return;
        }
        let unit = Unit::decode(&token.code.object.bytes, token.start);
        let shown = token.shown.take().or_else(|| Some(Box::new((unit?, UnitValues::default()))));
        token.shown = shown.map(|mut shown| {
            shown.1.results.append(&mut values.late);
            shown
        });
    }

    /// Notes that a stretch was executed.
    fn covered(&mut self, code: &Rc<Code>, start: u32, end: u32, count: u64) {
        let hash = self.hash(code);
        if self.cover.len() >= REMEMBERED && !self.cover.contains_key(&hash) {
            return;
        }
        let cover = self.cover.entry(hash).or_insert_with(|| Cover {
            code: Rc::clone(code),
            offsets: BTreeSet::new(),
            instructions: 0,
            known: FxHashSet::default(),
        });
        cover.instructions += count;
        if cover.known.insert((start, end)) {
            let units = units(&code.object.bytes, start).take_while(|unit| unit.end <= end);
            cover.offsets.extend(units.map(|unit| unit.start));
        }
    }
}

impl Visitor for Collect {
    fn event(&mut self, event: &Event, at: &State) -> Result<(), SinkError> {
        match event {
            Event::Start(start) => (self.has_values, self.program) = (has_values(start), start.sha256),
            // Of the library's code not every trace holds them, and the same module has the same; what marshal cannot hold is printed.
            Event::WholeCode(WholeCode { code, held: Held::Marshal(marshal), missing: 0, .. })
                if self.constants.len() < REMEMBERED && at.code(*code).is_some_and(|code| !code.is_stdlib) =>
            {
                self.constants.insert(*code, hash_of_constants(marshal));
            }
            Event::Outside(_) => self.flush(at.thread),
            _ => {}
        }
        if let Some(seen) = &mut self.seen {
            seen.event(event, at);
        }
        Ok(())
    }

    fn run(&mut self, run: &Run, at: &State, _is_whole: bool) -> Result<bool, SinkError> {
        if let Some(seen) = &mut self.seen {
            seen.run(run, at);
        }
        let Some(frame) = at.frame().filter(|_| self.is_first() || at.thread == self.thread) else { return Ok(false) };
        self.is_wanted = self.choice.wants_run(run, frame, at);
        if !self.is_wanted {
            return Ok(false);
        }
        let code = Rc::clone(&frame.code);
        if self.is_first() {
            self.covered(&code, run.start, run.end(), run.count);
        }
        if self.has_values {
            return Ok(true);
        }
        let number = at.instructions + 1;
        let goes_on = |Pending { frame: before, token, .. }: &&mut Pending| {
            (*before, token.code.id, token.end) == (frame.id, code.id, run.start)
        };
        if let Some(Pending { next, token, .. }) = self.pending.get_mut(&at.thread).filter(goes_on) {
            if *next != number {
                token.gaps.push((run.start, number));
            }
            (token.end, *next) = (run.end(), number + run.count);
            return Ok(false);
        }
        self.flush(at.thread);
        let path = self.paths.get(&frame.id).copied().unwrap_or_default();
        let calls = hash(&(path, self.hash(&code)));
        let (start, end, gaps) = (run.start, run.end(), Vec::new());
        let token = Token { key: 0, calls, values: 0, number, gaps, code, start, end, shown: None };
        self.pending.insert(at.thread, Pending { frame: frame.id, next: number + run.count, token });
        Ok(false)
    }

    fn unit(&mut self, place: &Place, values: &UnitValues) -> Result<(), SinkError> {
        let (frame, unit) = (place.frame, place.unit);
        let mut shown = (!values.is_empty()).then(|| Box::new((*unit, values.clone())));
        if let Some(shown) = &mut shown {
            self.settle(place, &mut shown.1);
        }
        self.flush(place.thread);
        let path = self.paths.get(&frame.id).copied().unwrap_or_default();
        let calls = hash(&(path, self.hash(&frame.code)));
        let number = place.number + 1 - u64::from(unit.instructions);
        let (code, start, end, gaps) = (Rc::clone(&frame.code), unit.start, unit.end, Vec::new());
        let shown = shown.filter(|shown| !shown.1.is_empty());
        let token = Token { key: 0, calls, values: 0, number, gaps, code, start, end, shown };
        self.pending.insert(place.thread, Pending { frame: frame.id, next: place.number + 1, token });
        Ok(())
    }

    fn entered(&mut self, entered: &Entered) -> Result<(), SinkError> {
        self.flush(entered.thread);
        if self.paths.len() >= REMEMBERED {
            self.paths.clear();
        }
        let path = self.paths.get(&entered.caller).copied().unwrap_or_default();
        let path = hash(&(path, self.hash(&entered.code)));
        self.paths.insert(entered.frame, path);
        Ok(())
    }

    fn left(&mut self, frame: &Frame, exit: Exit, _number: u64) -> Result<(), SinkError> {
        if exit != Exit::Yield {
            self.paths.remove(&frame.id);
        }
        Ok(())
    }
}

fn hash_of_values(values: &UnitValues) -> u64 {
    let mut hasher = FxHasher::default();
    let lists = [&values.arguments, &values.late, &values.operands, &values.results];
    lists.into_iter().flatten().for_each(|value| hash_value(value, Numbers::Ignored, &mut hasher));
    hasher.finish()
}

pub(super) fn hash(what: &impl Hash) -> u64 {
    let mut hasher = FxHasher::default();
    what.hash(&mut hasher);
    hasher.finish()
}
