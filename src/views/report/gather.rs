//! Reads a trace once for a report: counts, call paths, the run over time, exceptions and oddities.

use std::collections::{BTreeMap, HashMap};

use super::entries::{Entries, EntryId};
use super::flame::Flame;
use super::timeline::Timeline;
use crate::bytecode::code::nested;
use crate::bytecode::{CodeObject, Object, marshal};
use crate::trace::origin::{Held, WholeCode};
use crate::trace::{Code, Event, Laps, Raised, Run, Sink, SinkError, State, Taken, Then};

/// Distinct exceptions, places outside the code and code objects that never ran that are kept at most, of each.
const MOST: usize = 4096;

/// What was read of a trace.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) entries: Entries,
    pub(super) timeline: Timeline,
    pub(super) flame: Flame,
    /// By entry and offset, type and message: how often it was raised there, and the number of the instruction the first time.
    pub(super) exceptions: HashMap<(EntryId, i32, Raised), (u64, u64)>,
    pub(super) exceptions_left_out: u64,
    /// Instructions that began or ended outside the code string, by entry and offset.
    pub(super) outside: BTreeMap<(EntryId, i32), u64>,
    /// Code objects among the constants of others, by what the trace says of them.
    pub(super) inner: Vec<Inner>,
    pub(super) inner_left_out: u64,
    known_inner: HashMap<Identity, usize>,
    taken: Taken,
}

/// A code object among the constants of one that ran.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) name: Vec<u8>,
    pub(super) filename: Vec<u8>,
    pub(super) first_line: i32,
    pub(super) instructions: u32,
    pub(super) has_run: bool,
}

/// What tells code objects of one program apart, whether they ran or not: name, file, first line and bytes.
type Identity = (Vec<u8>, Vec<u8>, i32, Vec<u8>);

impl Gathered {
    fn executed(&mut self, at: &State, count: u64) -> Option<EntryId> {
        let frame = at.frame()?;
        let times = self.taken.times();
        self.flame.add(at, frame, count, times, &mut self.entries);
        let id = self.entries.of(&frame.code)?;
        match self.taken.laps() {
            Some(laps) => self.timeline.add_laps(at.thread, id, at.instructions, count, laps),
            None => self.timeline.add(at.thread, id, at.instructions, count),
        }
        let entry = &mut self.entries.list[id as usize];
        if entry.instructions == 0 {
            entry.first = at.instructions.saturating_add(1);
        }
        entry.instructions += count * times;
        Some(id)
    }

    fn entered(&mut self, code: &Code) {
        if let Some(id) = self.entries.of(code) {
            self.entries.list[id as usize].entered += self.taken.times();
        }
    }

    fn raised(&mut self, raised: &Raised, at: &State) {
        let Some(frame) = at.frame() else { return };
        let Some(entry) = self.entries.of(&frame.code) else { return };
        let last = at.last_of(at.thread).filter(|(_, last)| last.code == frame.code.id);
        let offset = last.map_or(-1, |(_, last)| last_instruction(&frame.code, last.start, last.end));
        let key = (entry, offset, raised.clone());
        if self.exceptions.len() >= MOST && !self.exceptions.contains_key(&key) {
            self.exceptions_left_out += self.taken.times();
            return;
        }
        let (times, _) = self.exceptions.entry(key).or_insert((0, at.instructions));
        *times += self.taken.times();
    }

    /// Notes the code objects among the constants of one that is described as a whole.
    fn holds(&mut self, whole: &[u8]) {
        let Ok((Object::Code(code), _)) = marshal::read(whole) else { return };
        for (code, _) in nested(&code).skip(1) {
            let identity = (code.name.to_vec(), code.filename.to_vec(), code.first_line, code.bytes.to_vec());
            if self.known_inner.contains_key(&identity) {
                continue;
            }
            if self.inner.len() >= MOST {
                self.inner_left_out += 1;
                continue;
            }
            let (name, filename, first_line, _) = identity.clone();
            let instructions = crate::bytecode::decode::units(&code.bytes, 0).map(|unit| unit.instructions).sum();
            self.known_inner.insert(identity, self.inner.len());
            self.inner.push(Inner { name, filename, first_line, instructions, has_run: false });
        }
    }

    fn runs(&mut self, code: &Code) {
        let object: &CodeObject = &code.object;
        let identity = (object.name.clone(), object.filename.clone(), object.first_line, object.bytes.clone());
        if let Some(&place) = self.known_inner.get(&identity) {
            self.inner[place].has_run = true;
        }
    }
}

/// The offset of the last instruction of a run.
fn last_instruction(code: &Code, start: u32, end: u32) -> i32 {
    let run = crate::bytecode::decode::units(&code.object.bytes, start).take_while(|unit| unit.end <= end);
    run.last().map_or(-1, |unit| unit.last.offset)
}

impl Sink for Gathered {
    fn event(&mut self, event: &Event, at: &State) -> Result<(), SinkError> {
        match event {
            Event::Code(code) => {
                self.runs(code);
                let _ = self.entries.of(code);
            }
            Event::WholeCode(WholeCode { code, held: Held::Marshal(marshal), .. })
                if at.code(*code).is_some_and(|code| !code.is_stdlib) =>
            {
                self.holds(marshal);
            }
            Event::Raised(raised) => self.raised(raised, at),
            Event::Outside(outside) => {
                if let Some(entry) = self.executed(at, outside.count())
                    && (self.outside.len() < MOST || self.outside.contains_key(&(entry, outside.offset)))
                {
                    *self.outside.entry((entry, outside.offset)).or_default() += 1;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn run(&mut self, run: &Run, at: &State) -> Result<(), SinkError> {
        let then = run.then();
        if run.count > 0
            && let Some(id) = self.executed(at, run.count)
        {
            let (entry, times) = (&mut self.entries.list[id as usize], self.taken.times());
            *entry.runs.entry((run.start, run.end())).or_default() += times;
            if then == Then::Jump {
                *entry.jumps.entry(run.end()).or_default() += times;
            }
        }
        match then {
            Then::Call { code } => at.code(code).iter().for_each(|code| self.entered(code)),
            Then::Resume { slot } => at.suspended(slot).iter().for_each(|frame| self.entered(&frame.code)),
            Then::Return | Then::Unwind => at.frame().iter().for_each(|frame| self.flame.left(frame.id)),
            Then::SlotGone { slot } => at.suspended(slot).iter().for_each(|frame| self.flame.left(frame.id)),
            Then::CodeGone { code } => self.entries.forget(code),
            _ => {}
        }
        Ok(())
    }

    fn values(&mut self, _words: &[u64], _at: &State) -> Result<(), SinkError> {
        Ok(())
    }

    fn laps(&mut self, laps: &Laps, at: &State) -> bool {
        let is_taken = self.flame.has_room() && self.entries.left_out == 0;
        self.taken.begin(laps, at, is_taken)
    }

    fn laps_end(&mut self, _at: &State) {
        self.taken.end();
    }

    fn written(&self) -> u64 {
        0
    }
}
