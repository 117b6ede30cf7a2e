//! Counts per code object and thread, kept while a trace is written or read, small enough to stand at the end of a
//! file.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use indicatif::HumanCount;

use super::by_id::ById;
use super::code::Code;
use super::event::{Event, Run, Then};
use super::payload::{PayloadReader, PayloadWriter};
use super::state::State;

/// Bytes of names beyond which further code objects are counted together: a program can make new ones for ever.
const NAMES: usize = 4 << 20;
/// Threads beyond which further ones are counted together.
const THREADS: usize = 1 << 16;

/// What a trace holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Recorded instructions; those that a filter left out are not among them.
    pub instructions: u64,
    /// Frames entered, as far as recorded.
    pub frames: u64,
    pub exceptions: u64,
    /// In the order in which they first ran.  Code objects of the same name, file and first line are one entry.
    pub codes: Vec<CodeTotal>,
    /// All code objects that came when there was no room for another entry; its name and file are empty.
    pub other_codes: CodeTotal,
    /// Instructions by thread.
    pub threads: BTreeMap<u32, u64>,
    /// Instructions of threads that came when there was no room for another entry.
    pub other_threads: u64,
    /// Instructions of the interpreter's own shutdown, which were left out.
    pub own: u64,
    /// What `--loop-cap` left out.
    pub capped: Capped,
}

/// Iterations of loops that were left out, and all instructions in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capped {
    pub iterations: u64,
    pub instructions: u64,
}

impl fmt::Display for Capped {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let counted = |count: u64, one: &str, many: &str| match count {
            1 => format!("1 {one}"),
            count => format!("{} {many}", HumanCount(count)),
        };
        let iterations = counted(self.iterations, "iteration of a loop", "iterations of loops");
        write!(f, "{iterations} left out by --loop-cap: {}", counted(self.instructions, "instruction", "instructions"))
    }
}

impl Capped {
    /// Counts an event.
    pub fn event(&mut self, event: &Event) {
        if let Event::Skipped(skipped) = event
            && skipped.iterations > 0
        {
            self.iterations = self.iterations.saturating_add(skipped.iterations);
            self.instructions = self.instructions.saturating_add(skipped.instructions);
        }
    }
}

/// What code objects of one name, file and first line have done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodeTotal {
    pub name: Vec<u8>,
    pub filename: Vec<u8>,
    pub first_line: i32,
    /// How many such code objects ran.
    pub objects: u64,
    /// How many times the bytes of one were changed.
    pub versions: u64,
    pub frames: u64,
    pub instructions: u64,
}

/// The numbers of a [`Counter`] at some moment.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Of each entry: code objects, versions, frames, instructions.
    codes: Vec<[u64; 4]>,
    exceptions: u64,
    threads: BTreeMap<u32, u64>,
    other_threads: u64,
}

/// Counts events into totals.
#[derive(Debug)]
pub struct Counter {
    /// What code objects have done.  The first entry stands for all that came when there was no room for another one.
    codes: Vec<CodeTotal>,
    /// Where each live code object is counted.
    places: ById<usize>,
    entries: HashMap<(Vec<u8>, Vec<u8>, i32), usize>,
    names: usize,
    /// Bytes of the entries of `codes` in a file.
    encoded: usize,
    exceptions: u64,
    own: u64,
    capped: Capped,
    threads: BTreeMap<u32, u64>,
    other_threads: u64,
    thread: u32,
    /// Instructions of `thread` that are not among those of `threads` yet.
    thread_instructions: u64,
}

impl Default for Counter {
    fn default() -> Self {
        Counter {
            codes: vec![CodeTotal::default()],
            places: ById::default(),
            entries: HashMap::new(),
            names: 0,
            encoded: 0,
            exceptions: 0,
            own: 0,
            capped: Capped::default(),
            threads: BTreeMap::new(),
            other_threads: 0,
            thread: 0,
            thread_instructions: 0,
        }
    }
}

impl Counter {
    /// Counts an event that is no run.
    pub fn event(&mut self, event: &Event, at: &State) {
        match event {
            Event::Code(code) => self.describe(code),
            Event::Outside(outside) => self.executed(at, outside.count()),
            Event::Raised(_) => self.exceptions += 1,
            Event::Skipped(skipped) if skipped.iterations > 0 => self.capped.event(event),
            Event::Skipped(skipped) if skipped.own => self.own = self.own.saturating_add(skipped.instructions),
            _ => {}
        }
    }

    #[inline(always)]
    pub fn run(&mut self, run: &Run, at: &State) {
        if run.count > 0 {
            self.executed(at, run.count);
        }
        match run.then() {
            Then::Call { code } => self.entry(code, at).frames += 1,
            Then::CodeGone { code } => self.forget(code),
            _ => {}
        }
    }

    /// Counts a frame of a code object that has a place here, as all have that were described while this counts; returns false where it
    /// has none.
    #[inline(always)]
    pub fn enters(&mut self, code: u32) -> bool {
        let place = self.places.get(code).copied();
        place.is_some_and(|place| {
            self.codes[place].frames += 1;
            true
        })
    }

    /// Counts instructions of a code object that has a place here.  Those of a thread are counted by [`Counter::thread_executes`].
    #[inline(always)]
    pub fn executes(&mut self, code: u32, count: u64) {
        let place = self.places.get(code).copied().unwrap_or(0);
        self.codes[place].instructions += count;
    }

    /// Counts instructions of a thread.
    #[inline]
    pub fn thread_executes(&mut self, thread: u32, count: u64) {
        if thread != self.thread && count > 0 {
            self.switch_to(thread);
        }
        self.thread_instructions += count;
    }

    /// Remembers the counts so far.
    pub fn save(&mut self, counts: &mut Counts) {
        self.settle_thread();
        counts.codes.clear();
        counts
            .codes
            .extend(self.codes.iter().map(|code| [code.objects, code.versions, code.frames, code.instructions]));
        (counts.exceptions, counts.other_threads) = (self.exceptions, self.other_threads);
        counts.threads.clone_from(&self.threads);
    }

    /// Returns the totals as they were when `counts` was saved.
    pub fn saved(&mut self, counts: &Counts) -> Totals {
        self.codes.truncate(counts.codes.len());
        for (code, saved) in self.codes.iter_mut().zip(&counts.codes) {
            [code.objects, code.versions, code.frames, code.instructions] = *saved;
        }
        (self.exceptions, self.other_threads, self.thread_instructions) = (counts.exceptions, counts.other_threads, 0);
        self.threads.clone_from(&counts.threads);
        self.totals()
    }

    /// Bytes of the totals in a file, with one thread more than there is.
    pub fn encoded_size(&self) -> usize {
        3 * 8 + 4 + self.encoded + CodeTotal::default().encoded_size() + 4 + 12 * (self.threads.len() + 1) + 3 * 8
    }

    /// Returns the totals so far.
    pub fn totals(&mut self) -> Totals {
        self.settle_thread();
        Totals {
            instructions: self.codes.iter().map(|code| code.instructions).sum(),
            frames: self.codes.iter().map(|code| code.frames).sum(),
            exceptions: self.exceptions,
            codes: self.codes[1..].to_vec(),
            other_codes: self.codes[0].clone(),
            threads: self.threads.clone(),
            other_threads: self.other_threads,
            own: self.own,
            capped: self.capped,
        }
    }

    #[inline]
    fn executed(&mut self, at: &State, count: u64) {
        let Some(frame) = at.frame() else { return };
        self.entry(frame.code.id, at).instructions += count;
        self.thread_executes(at.thread, count);
    }

    #[inline]
    fn entry(&mut self, code: u32, at: &State) -> &mut CodeTotal {
        let place = match self.places.get(code) {
            Some(&place) => place,
            None => self.find(code, at),
        };
        &mut self.codes[place]
    }

    /// Finds the place of a code object that was described in a part of the trace that is not read.
    #[cold]
    fn find(&mut self, code: u32, at: &State) -> usize {
        at.code(code).map_or(0, |code| self.place(code))
    }

    #[cold]
    fn forget(&mut self, code: u32) {
        self.places.remove(code);
    }

    fn describe(&mut self, code: &Code) {
        let place = self.place(code);
        let entry = &mut self.codes[place];
        *(if code.first_id == code.id { &mut entry.objects } else { &mut entry.versions }) += 1;
    }

    /// Gives a code object its place among the totals.
    fn place(&mut self, code: &Code) -> usize {
        let object = &code.object;
        let key = (object.name.clone(), object.filename.clone(), object.first_line);
        let place = match self.entries.get(&key) {
            Some(&place) => place,
            None if self.names >= NAMES => 0,
            None => {
                let (name, filename, first_line) = key.clone();
                self.names += 2 * (name.len() + filename.len()) + size_of::<CodeTotal>();
                let entry = CodeTotal { name, filename, first_line, ..CodeTotal::default() };
                self.encoded += entry.encoded_size();
                self.codes.push(entry);
                self.entries.insert(key, self.codes.len() - 1);
                self.codes.len() - 1
            }
        };
        self.places.insert(code.id, place);
        place
    }

    #[cold]
    fn switch_to(&mut self, thread: u32) {
        self.settle_thread();
        self.thread = thread;
    }

    fn settle_thread(&mut self) {
        let count = std::mem::take(&mut self.thread_instructions);
        if count == 0 {
            return;
        }
        if self.threads.len() < THREADS || self.threads.contains_key(&self.thread) {
            *self.threads.entry(self.thread).or_default() += count;
        } else {
            self.other_threads += count;
        }
    }
}

impl Totals {
    /// Writes the totals as they stand in a file's index.
    pub fn encode(&self, out: &mut PayloadWriter) {
        out.u64(self.instructions).u64(self.frames).u64(self.exceptions).u32(self.codes.len() as u32);
        self.codes.iter().chain([&self.other_codes]).for_each(|code| code.encode(out));
        out.u32(self.threads.len() as u32);
        for (thread, instructions) in &self.threads {
            out.u32(*thread).u64(*instructions);
        }
        out.u64(self.other_threads).u64(self.own).u64(self.capped.iterations).u64(self.capped.instructions);
    }

    pub fn decode(reader: &mut PayloadReader) -> Option<Totals> {
        let mut totals = Totals {
            instructions: reader.u64()?,
            frames: reader.u64()?,
            exceptions: reader.u64()?,
            ..Totals::default()
        };
        for _ in 0..reader.u32()? {
            totals.codes.push(CodeTotal::decode(reader)?);
        }
        totals.other_codes = CodeTotal::decode(reader)?;
        for _ in 0..reader.u32()? {
            totals.threads.insert(reader.u32()?, reader.u64()?);
        }
        totals.other_threads = reader.u64()?;
        totals.own = reader.u64()?;
        // Older files end here.
        if !reader.is_empty() {
            totals.capped = Capped { iterations: reader.u64()?, instructions: reader.u64()? };
        }
        Some(totals)
    }
}

impl CodeTotal {
    /// Bytes that it takes in a file.
    fn encoded_size(&self) -> usize {
        4 + self.name.len() + 4 + self.filename.len() + 4 + 4 * 8
    }

    fn encode(&self, out: &mut PayloadWriter) {
        out.bytes(&self.name).bytes(&self.filename).i32(self.first_line);
        out.u64(self.objects).u64(self.versions).u64(self.frames).u64(self.instructions);
    }

    fn decode(reader: &mut PayloadReader) -> Option<CodeTotal> {
        Some(CodeTotal {
            name: reader.bytes()?,
            filename: reader.bytes()?,
            first_line: reader.i32()?,
            objects: reader.u64()?,
            versions: reader.u64()?,
            frames: reader.u64()?,
            instructions: reader.u64()?,
        })
    }
}
