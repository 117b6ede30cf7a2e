//! What a program tried, on its way from the broker to the trace: the message to the recorder, the place at which it was tried, and the
//! count of attempts that are equal.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::shared::slot::OpenRun;
use crate::bytecode::opcode::op;
use crate::bytecode::{CodeObject, decode};
use crate::sandbox::Tried;
use crate::trace::State;
use crate::trace::attempt::{Answer, Attempt, By, Deed, Repeated, Site};
use crate::trace::payload::{PayloadReader, PayloadWriter};
use crate::trace::state::Last;

/// Bytes of a target that go into a trace.
const LONGEST_TARGET: usize = 4096;
/// Bytes of all targets of an attempt.
const LONGEST: usize = 2 * LONGEST_TARGET;
/// Attempts that differ, at most; of others only their number is kept.
const MOST: usize = 1 << 14;

/// Encodes an attempt for the recorder.  The process is known from the box that it goes into.
pub fn encode(tried: &Tried, is_recorded: bool) -> Vec<u8> {
    let mut room = LONGEST;
    let targets: Vec<Vec<u8>> = tried
        .targets
        .iter()
        .map(|target| {
            let kept = target.len().min(LONGEST_TARGET).min(room);
            room -= kept;
            target[..kept].to_vec()
        })
        .collect();
    let option = &tried.option[..tried.option.len().min(LONGEST_TARGET / 4)];
    let mut out = PayloadWriter::default();
    out.i32(if is_recorded { tried.thread } else { 0 }).u8(tried.deed as u8).list(&targets).bytes(option);
    out.u32(tried.answer.number());
    out.finish()
}

/// An attempt that has reached the recorder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The system's number of the thread; 0 in a process that is not recorded.
    pub thread: i32,
    pub deed: Deed,
    targets: Vec<Vec<u8>>,
    option: Vec<u8>,
    answer: Answer,
}

impl Message {
    pub fn decode(bytes: &[u8]) -> Option<Message> {
        let mut from = PayloadReader::new(bytes);
        Some(Message {
            thread: from.i32()?,
            deed: Deed::from_number(from.u8()?)?,
            targets: from.list()?,
            option: from.bytes()?,
            answer: Answer::from_number(from.u32()?)?,
        })
    }

    /// Makes the attempt of it; None if it is the interpreter's own business, which is to look for a module.
    pub fn at(self, thread: u32, place: Option<Place>, state: &State) -> Option<Attempt> {
        let is_import = place.as_ref().is_some_and(|place| place.opcode == op::IMPORT_NAME);
        if is_import && self.is_of_import() {
            return None;
        }
        let attempt = self.by(By::Program, Some(thread), None);
        Some(match place {
            Some(place) => place.of_attempt(attempt, state),
            None => attempt,
        })
    }

    /// Makes the attempt of a process that is not recorded: it counts as made where the program started the process.
    pub fn of_process(self, start: Option<&Attempt>) -> Attempt {
        let by = if start.is_some_and(|start| start.by == By::Library) { By::Library } else { By::Process };
        self.by(by, None, start.and_then(|start| start.site.clone()))
    }

    fn by(self, by: By, thread: Option<u32>, site: Option<Site>) -> Attempt {
        let Message { deed, targets, option, answer, .. } = self;
        Attempt { deed, targets, answer, option, by, thread, site }
    }

    /// Whether it is what an import does to files that may be modules: reading them.
    fn is_of_import(&self) -> bool {
        let is_missing = self.answer == Answer::Refused(libc::ENOENT as u16);
        self.deed == Deed::Read && (is_missing || self.answer == Answer::Allowed)
    }
}

/// Where a thread is.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its caller is not known here.
    pub site: Site,
    opcode: u8,
}

impl Place {
    /// Puts an attempt here, which says on whose behalf it was made.
    pub fn of_attempt(self, attempt: Attempt, state: &State) -> Attempt {
        let frames = attempt.thread.map_or(&[][..], |thread| state.stack_of(thread));
        let is_librarys = is_librarys_own(frames.iter().rev().map(|frame| &*frame.code.object));
        let is_stdlib = frames.last().is_some_and(|frame| frame.code.is_stdlib);
        let caller = frames.iter().rev().find(|frame| !frame.code.is_stdlib).filter(|_| is_stdlib);
        let caller = caller.map(|frame| (frame.code.object.name.clone(), frame.code.object.filename.clone()));
        let by = if is_librarys { By::Library } else { By::Program };
        Attempt { by, site: Some(Site { caller, ..self.site }), ..attempt }
    }

    /// The last instruction that a thread has begun: of the run that is open, if it is that thread's, else of its last run.
    pub fn of(thread: u32, open: Option<OpenRun>, state: &State) -> Option<Place> {
        let open = open.filter(|_| thread == state.thread).and_then(|open| {
            let (start, length) = (u32::try_from(open.offset).ok()?, u32::try_from(open.length).ok()?);
            let count = state.count(start, length).ok().filter(|&count| count > 0)?;
            let code = state.frame()?.code.id;
            Some((state.instructions + count, Last { code, start, end: start + length }))
        });
        let (instruction, last) = open.or_else(|| state.last_of(thread))?;
        let code = state.code_of(last).cloned().or_else(|| Some(state.stack_of(thread).last()?.code.clone()))?;
        let unit = decode::units(&code.object.bytes, last.start).take_while(|unit| unit.start < last.end).last();
        let (offset, opcode) =
            unit.map_or((last.start, 0), |unit| (unit.last.offset.cast_unsigned(), unit.last.opcode));
        let (name, filename) = (code.object.name.clone(), code.object.filename.clone());
        Some(Place { site: Site { instruction, name, filename, offset, caller: None }, opcode })
    }
}

/// Modules of the standard library that start programs and make files without having been asked to: they look for C libraries and for
/// facts about the machine.
const ON_THEIR_OWN: [&[u8]; 3] = [b"/ctypes/util.py", b"/platform.py", b"/uuid.py"];

/// Whether the standard library does something on its own behalf, while one of its modules is imported or in one of [`ON_THEIR_OWN`].
/// Else it does what the program asks for.
fn is_librarys_own<'a>(innermost_first: impl Iterator<Item = &'a CodeObject>) -> bool {
    let mut librarys = innermost_first.take_while(|object| object.is_of_library);
    librarys.any(|object| object.name == b"<module>" || ON_THEIR_OWN.iter().any(|file| object.filename.ends_with(file)))
}

/// The attempts so far, with the number of times that each was repeated.
#[derive(Debug, Default)]
pub struct Attempts {
    seen: FxHashMap<Attempt, (u32, u64)>,
    others: u64,
    /// In an order that does not depend on when they came, each with its number of times.
    held: BTreeMap<Attempt, u64>,
}

impl Attempts {
    /// Notes an attempt that was made so many times, whose record would have this number; returns whether it needs one.
    pub fn is_new(&mut self, attempt: &Attempt, made: u64, number: u32) -> bool {
        let mut key = attempt.clone();
        if let Some(site) = &mut key.site {
            site.instruction = 0;
        }
        if let Some((_, times)) = self.seen.get_mut(&key) {
            *times += made;
            return false;
        }
        if self.seen.len() == MOST {
            self.others += made;
            return false;
        }
        self.seen.insert(key, (number, made - 1));
        true
    }

    /// Keeps an attempt until [`Attempts::release`].
    pub fn hold(&mut self, attempt: Attempt) {
        if self.held.len() < MOST || self.held.contains_key(&attempt) {
            *self.held.entry(attempt).or_default() += 1;
        } else {
            self.others += 1;
        }
    }

    /// Returns the attempts that were kept, each with the number of times that it was made, in an order that does not depend on when.
    pub fn release(&mut self) -> BTreeMap<Attempt, u64> {
        std::mem::take(&mut self.held)
    }

    /// Says which attempts were repeated, in the order of their records.
    pub fn repeated(&self) -> Vec<Repeated> {
        let of = |&(number, times): &(u32, u64)| Repeated { attempt: Some(number), times };
        let mut all: Vec<Repeated> = self.seen.values().filter(|(_, times)| *times > 0).map(of).collect();
        all.sort_by_key(|repeated| repeated.attempt);
        all.extend((self.others > 0).then_some(Repeated { attempt: None, times: self.others }));
        all
    }
}
