//! The events of a trace and their encoding; docs/trace-format.md describes the same bytes for readers in other languages.

use std::rc::Rc;

use super::attempt::{Attempt, Repeated};
use super::code::Code;
use super::content::{Content, NewCode, Use};
use super::origin::{Made, WholeCode};
use super::payload::{PayloadReader, PayloadWriter};
use super::word::{self, Fields, Kind};

/// One event, in the order in which things happened.  Runs and values, which most of a stream is, have types of their own: [`Run`], and
/// words of values ([`super::value`]).
#[derive(Clone, Debug)]
pub enum Event {
    /// The trace begins.
    Start(Start),
    /// A code object, or other bytes of a known one, is about to run for the first time.
    Code(Rc<Code>),
    /// Code objects were made.
    Made(Made),
    /// The whole code object that was described just before.
    WholeCode(WholeCode),
    /// Bytes that are kept whole.
    Content(Content),
    /// A code object was given to the program.
    NewCode(NewCode),
    /// A C function had a content.
    Use(Use),
    /// An entry of the table of names that values refer to.
    Name(Name),
    /// One instruction that begins or ends outside the code string.
    Outside(Outside),
    /// An exception was raised, or came out of a call.
    Raised(Raised),
    /// A frame that was entered while nothing was recorded, and is on the stack now.
    Announce(Announce),
    /// What happened here is not recorded.
    Skipped(Skipped),
    /// A code object runs in what is left out of the interpreter's own shutdown.
    Own(Own),
    /// The program left too little memory to record all of it.
    LowMemory(LowMemory),
    /// The program tried to do something outside itself.
    Attempt(Attempt),
    /// An attempt was repeated.
    Repeated(Repeated),
    /// The program read from standard input.
    Input(Input),
    /// The instruction that runs has an opcode that the map of opcodes does not name.
    Unmapped(Unmapped),
    /// The frame of this number, which is on the current thread's stack, goes on out of order: an extension switched stacks.
    Switch(u64),
    /// The thread of this number is no more.
    ThreadGone(u32),
    /// A limit or trigger ended the program here.
    Stop(StopReason),
    /// The interpreter has finished: no bytecode can follow.
    Finished,
    /// The trace is over.
    End(End),
}

/// What is not recorded because the program has left too little memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LowMemory {
    /// Code objects that begin to run may go without a description; what they execute is counted.
    SomeCode = 1,
    /// Everything from here on.
    TheRest = 2,
}

/// What the program read from standard input at one instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    pub bytes: Vec<u8>,
    /// Bytes that were read and are not recorded, because the trace has its share of input.
    pub left_out: u64,
}

/// An opcode that the map of opcodes does not name, where the program came to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unmapped {
    pub number: u8,
    /// The texts of the topmost entries of the value stack, the top last, and how many there are below them.
    pub stack: Vec<Vec<u8>>,
    pub below: u32,
    /// The names of the opcodes that it may stand for, the likeliest first.
    pub candidates: Vec<Vec<u8>>,
}

/// What kept the program from harm, and whether its attempts were seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Sandbox {
    /// Nothing: it could do what its user can do.
    #[default]
    None = 0,
    /// A sandbox that recorded what the program tried.
    Watched = 1,
    /// A sandbox on a system that does not let bctrace see what the program tried.
    Unwatched = 2,
}

impl Sandbox {
    /// The one word for it.
    pub fn name(self) -> &'static str {
        match self {
            Sandbox::None => "none",
            Sandbox::Watched => "watched",
            Sandbox::Unwatched => "unwatched",
        }
    }

    fn from_number(number: u8) -> Option<Sandbox> {
        [Sandbox::None, Sandbox::Watched, Sandbox::Unwatched].into_iter().find(|sandbox| *sandbox as u8 == number)
    }
}

/// An entry of the table of names gets another text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    pub name: u32,
    pub text: Rc<[u8]>,
}

/// What was traced, and by what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// bctrace's version.
    pub version: Vec<u8>,
    /// The VM's version, "2.7.18".
    pub vm: Vec<u8>,
    /// The program's sys.argv, or the command line of a recorded `bctrace python`, as that of `python2.7`.
    pub argv: Vec<Vec<u8>>,
    /// The options that shaped the recording, as `--name=value`.
    pub options: Vec<Vec<u8>>,
    /// The SHA-256 of the program's file as it was read; None if the interpreter was given its own command line.
    pub sha256: Option<[u8; 32]>,
    pub sandbox: Sandbox,
    /// The environment variables of the program, as `NAME=value`: in a sandbox all of them, else those that the interpreter goes by.
    pub environment: Vec<Vec<u8>>,
}

/// Sequential units of the current frame: every instruction of [start, start + length).  Empty runs are legal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Offset of the first instruction in bytes.
    pub start: u32,
    /// Bytes.
    pub length: u32,
    /// Instructions, an EXTENDED_ARG and its successor counted as two.
    pub count: u64,
    /// Its words, which say what came after it: most sinks do not ask, or write them again.
    word: u64,
    wide: u64,
}

impl Run {
    pub fn new(start: u32, length: u32, count: u64, then: Then) -> Run {
        let (kind, argument) = then.parts();
        let (wide, word) = match word::pack(kind, Fields { start, length, argument }) {
            ([word, _], 1) => (0, word),
            ([wide, word], _) => (wide, word),
        };
        Run { start, length, count, word, wide }
    }

    /// Makes a run of its word, and the wide word before it or 0, its instructions not counted yet; None for a word that is no run.
    #[inline]
    pub(super) fn of_words(word: u64, wide: u64) -> Option<Run> {
        let Fields { start, length, .. } = word::fields(word, wide);
        Kind::of(word).is_some_and(Kind::is_run).then_some(Run { start, length, count: 0, word, wide })
    }

    #[inline]
    pub fn end(&self) -> u32 {
        self.start + self.length
    }

    /// Returns what came after it.
    #[inline]
    pub fn then(&self) -> Then {
        let Fields { argument, .. } = word::fields(self.word, self.wide);
        let then = Kind::of(self.word).and_then(|kind| Then::from_parts(kind, argument));
        then.expect("no run was made of another word")
    }

    /// Encodes the run: its words, and how many of them count.
    #[inline]
    pub fn words(&self) -> ([u64; word::MAX_RUN_WORDS], usize) {
        if self.wide == 0 { ([self.word, 0], 1) } else { ([self.wide, self.word], 2) }
    }
}

/// What came after a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    Jump,
    Call { code: u32 },
    Resume { slot: u32 },
    Return,
    Yield { slot: u32 },
    Unwind,
    Thread { number: u32 },
    Version { code: u32 },
    CodeGone { code: u32 },
    SlotGone { slot: u32 },
}

impl Then {
    #[inline]
    fn parts(self) -> (Kind, u32) {
        match self {
            Then::Jump => (Kind::Jump, 0),
            Then::Call { code } => (Kind::Call, code),
            Then::Resume { slot } => (Kind::Resume, slot),
            Then::Return => (Kind::Return, 0),
            Then::Yield { slot } => (Kind::Yield, slot),
            Then::Unwind => (Kind::Unwind, 0),
            Then::Thread { number } => (Kind::Thread, number),
            Then::Version { code } => (Kind::Version, code),
            Then::CodeGone { code } => (Kind::CodeGone, code),
            Then::SlotGone { slot } => (Kind::SlotGone, slot),
        }
    }

    #[inline]
    fn from_parts(kind: Kind, argument: u32) -> Option<Then> {
        Some(match kind {
            Kind::Jump => Then::Jump,
            Kind::Call => Then::Call { code: argument },
            Kind::Resume => Then::Resume { slot: argument },
            Kind::Return => Then::Return,
            Kind::Yield => Then::Yield { slot: argument },
            Kind::Unwind => Then::Unwind,
            Kind::Thread => Then::Thread { number: argument },
            Kind::Version => Then::Version { code: argument },
            Kind::CodeGone => Then::CodeGone { code: argument },
            Kind::SlotGone => Then::SlotGone { slot: argument },
            Kind::Record | Kind::Repeat | Kind::Value | Kind::Part | Kind::Wide => return None,
        })
    }
}

/// One unit that is not wholly inside [0, length of the code string), with the bytes that the VM fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outside {
    /// Signed: a relative jump can go before the code.
    pub offset: i32,
    /// The unit's bytes, prefixes included; at least one.
    pub bytes: Vec<u8>,
}

impl Outside {
    /// Bytes of a unit at most: a longer chain of prefixes is cut into several units.
    pub const MOST_BYTES: usize = 65 * 3;

    /// Instructions of the unit: each prefix and the successor.
    pub fn count(&self) -> u64 {
        self.bytes.len().div_ceil(3) as u64
    }
}

/// An exception in the current frame.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Raised {
    /// It was raised by a Python frame called from here, or passed through here before.
    pub propagated: bool,
    pub type_name: Vec<u8>,
    /// Its arguments as text, as far as that takes no Python, cut at 256 bytes; empty where there is nothing.
    pub message: Vec<u8>,
}

/// A frame on the current thread's stack that no event mentioned before; it becomes the current one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announce {
    pub code: u32,
    pub frame: u64,
    /// Where it is suspended between its runs, if it ever was.
    pub slot: Option<u32>,
}

/// A code object that the interpreter itself runs at shutdown; the trace need not describe it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Own {
    pub name: Vec<u8>,
    pub filename: Vec<u8>,
}

/// What was left out at one place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skipped {
    /// Instructions executed.
    pub instructions: u64,
    /// Frames entered, those that are announced later included.
    pub frames: u64,
    /// It was what the interpreter does to itself at shutdown; else a filter has left it out.
    pub own: bool,
}

/// Why the tracer ended the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum StopReason {
    MaxInstructions = 1,
    MaxSize = 2,
    StopAt = 3,
    Timeout = 4,
    MaxOutput = 5,
    MaxScratch = 6,
    MaxFiles = 7,
    Unmapped = 8,
}

/// How a trace ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    pub reason: EndReason,
    /// The interpreter had finished before.
    pub finished: bool,
    /// The program had replaced itself by another.
    pub replaced: bool,
    /// The last instruction executed: code name, offset, opcode name.
    pub place: Option<(Vec<u8>, i64, Vec<u8>)>,
    pub instructions: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The process ended with this status.
    Exited(u8),
    /// The process was killed by this signal.
    Killed(u8),
    Stopped(StopReason),
    /// The shared memory held what the hook never writes.
    Tampered(Vec<u8>),
    /// The trace could not be written any further.
    OutputFailed(Vec<u8>),
    /// The process has ended, and only its parent knows how.
    Unknown,
}

/// The type of a record that [`encode_code`](super::encode_code) wrote.
pub const CODE_RECORD: u8 = record::CODE;

/// The type of a record that gives a name its text: 32 bits entry, then the text.
pub const NAME_RECORD: u8 = record::NAME;

/// The record types of the stream.
pub(super) mod record {
    pub const START: u8 = 1;
    pub const CODE: u8 = 2;
    pub const OUTSIDE: u8 = 3;
    pub const RAISED: u8 = 4;
    pub const ANNOUNCE: u8 = 5;
    pub const SKIPPED: u8 = 6;
    pub const STATE: u8 = 7;
    pub const THREAD_GONE: u8 = 8;
    pub const STOP: u8 = 9;
    pub const FINISHED: u8 = 10;
    pub const END: u8 = 11;
    pub const SWITCH: u8 = 12;
    pub const NAME: u8 = 13;
    pub const MADE: u8 = 14;
    pub const WHOLE_CODE: u8 = 15;
    pub const OWN: u8 = 16;
    pub const LOW_MEMORY: u8 = 17;
    pub const ATTEMPT: u8 = 18;
    pub const REPEATED: u8 = 19;
    pub const INPUT: u8 = 20;
    pub const UNMAPPED: u8 = 24;
    pub const CONTENT: u8 = 21;
    pub const NEW_CODE: u8 = 22;
    pub const USE: u8 = 23;
}

impl Event {
    /// Appends the event's words.
    pub fn encode(&self, out: &mut Vec<u64>) {
        let mut payload = PayloadWriter::default();
        let kind = match self {
            Event::Code(code) => {
                word::push_record(out, record::CODE, &code.encode());
                return;
            }
            Event::Name(name) => {
                payload.u32(name.name).bytes(&name.text);
                record::NAME
            }
            Event::Made(made) => {
                made.write(&mut payload);
                record::MADE
            }
            Event::WholeCode(whole) => {
                whole.write(&mut payload);
                record::WHOLE_CODE
            }
            Event::Content(content) => {
                content.write(&mut payload);
                record::CONTENT
            }
            Event::NewCode(new) => {
                new.write(&mut payload);
                record::NEW_CODE
            }
            Event::Use(used) => {
                used.write(&mut payload);
                record::USE
            }
            Event::Start(start) => {
                payload.bytes(&start.version).bytes(&start.vm).list(&start.argv).list(&start.options);
                payload.bytes(start.sha256.as_ref().map_or(&[], |hash| hash)).u8(start.sandbox as u8);
                payload.list(&start.environment);
                record::START
            }
            Event::Outside(outside) => {
                payload.i32(outside.offset).bytes(&outside.bytes);
                record::OUTSIDE
            }
            Event::Raised(raised) => {
                payload.u8(raised.propagated.into()).bytes(&raised.type_name).bytes(&raised.message);
                record::RAISED
            }
            Event::Announce(frame) => {
                payload.u32(frame.code).u64(frame.frame).u64(frame.slot.map_or(0, |slot| u64::from(slot) + 1));
                record::ANNOUNCE
            }
            Event::Skipped(skipped) => {
                payload.u64(skipped.instructions).u64(skipped.frames).u8(skipped.own.into());
                record::SKIPPED
            }
            Event::Own(own) => {
                payload.bytes(&own.name).bytes(&own.filename);
                record::OWN
            }
            Event::LowMemory(what) => {
                payload.u8(*what as u8);
                record::LOW_MEMORY
            }
            Event::Attempt(attempt) => {
                attempt.write(&mut payload);
                record::ATTEMPT
            }
            Event::Repeated(repeated) => {
                repeated.write(&mut payload);
                record::REPEATED
            }
            Event::Input(input) => {
                payload.bytes(&input.bytes).u64(input.left_out);
                record::INPUT
            }
            Event::Unmapped(unmapped) => {
                payload.u8(unmapped.number).list(&unmapped.stack).u32(unmapped.below).list(&unmapped.candidates);
                record::UNMAPPED
            }
            Event::Switch(frame) => {
                payload.u64(*frame);
                record::SWITCH
            }
            Event::ThreadGone(thread) => {
                payload.u32(*thread);
                record::THREAD_GONE
            }
            Event::Stop(reason) => {
                payload.u8(*reason as u8);
                record::STOP
            }
            Event::Finished => record::FINISHED,
            Event::End(end) => {
                end.write(&mut payload);
                record::END
            }
        };
        word::push_record(out, kind, &payload.finish());
    }

    /// Reads a record; None where its payload is not what its type asks for.  The outer None of a known type is an error, a type
    /// that is not known is Some(None) and is skipped.
    pub(super) fn decode(record_type: u8, payload: &[u8]) -> Option<Option<Event>> {
        let mut reader = PayloadReader::new(payload);
        let event = match record_type {
            record::START => Event::Start(Start {
                version: reader.bytes()?,
                vm: reader.bytes()?,
                argv: reader.list()?,
                options: reader.list()?,
                sha256: reader.bytes()?.try_into().ok(),
                sandbox: Sandbox::from_number(reader.u8()?)?,
                environment: reader.list()?,
            }),
            record::CODE => Event::Code(Rc::new(Code::decode(&mut reader)?)),
            record::NAME => Event::Name(Name { name: reader.u32()?, text: reader.name()?.into() }),
            record::MADE => Event::Made(Made::read(&mut reader)?),
            record::WHOLE_CODE => Event::WholeCode(WholeCode::read(&mut reader)?),
            record::CONTENT => Event::Content(Content::read(&mut reader)?),
            record::NEW_CODE => Event::NewCode(NewCode::read(&mut reader)?),
            record::USE => Event::Use(Use::read(&mut reader)?),
            record::OUTSIDE => Event::Outside(Outside {
                offset: reader.i32()?,
                bytes: reader.bytes().filter(|bytes| bytes.len() <= Outside::MOST_BYTES)?,
            }),
            record::RAISED => Event::Raised(Raised {
                propagated: reader.u8()? != 0,
                type_name: reader.bytes()?,
                message: reader.bytes()?,
            }),
            record::ANNOUNCE => Event::Announce(Announce {
                code: reader.u32()?,
                frame: reader.u64()?,
                slot: match reader.u64()? {
                    0 => None,
                    slot => Some(u32::try_from(slot - 1).ok()?),
                },
            }),
            record::SKIPPED => {
                Event::Skipped(Skipped { instructions: reader.u64()?, frames: reader.u64()?, own: reader.u8()? != 0 })
            }
            record::OWN => Event::Own(Own { name: reader.bytes()?, filename: reader.bytes()? }),
            record::LOW_MEMORY => Event::LowMemory(match reader.u8()? {
                1 => LowMemory::SomeCode,
                2 => LowMemory::TheRest,
                _ => return None,
            }),
            record::ATTEMPT => Event::Attempt(Attempt::read(&mut reader)?),
            record::REPEATED => Event::Repeated(Repeated::read(&mut reader)?),
            record::INPUT => Event::Input(Input { bytes: reader.bytes()?, left_out: reader.u64()? }),
            record::UNMAPPED => Event::Unmapped(Unmapped {
                number: reader.u8()?,
                stack: reader.list()?,
                below: reader.u32()?,
                candidates: reader.list()?,
            }),
            record::SWITCH => Event::Switch(reader.u64()?),
            record::THREAD_GONE => Event::ThreadGone(reader.u32()?),
            record::STOP => Event::Stop(StopReason::from_number(reader.u8()?)?),
            record::FINISHED => Event::Finished,
            record::END => Event::End(End::read(&mut reader)?),
            _ => return Some(None),
        };
        Some(Some(event))
    }
}

impl StopReason {
    pub fn from_number(number: u8) -> Option<StopReason> {
        Some(match number {
            1 => StopReason::MaxInstructions,
            2 => StopReason::MaxSize,
            3 => StopReason::StopAt,
            4 => StopReason::Timeout,
            5 => StopReason::MaxOutput,
            6 => StopReason::MaxScratch,
            7 => StopReason::MaxFiles,
            8 => StopReason::Unmapped,
            _ => return None,
        })
    }

    /// Names the option that stopped the program.
    pub fn option(self) -> &'static str {
        match self {
            StopReason::MaxInstructions => "--max-instructions",
            StopReason::MaxSize => "--max-size",
            StopReason::StopAt => "--stop-at",
            StopReason::Timeout => "--timeout",
            StopReason::MaxOutput => "--max-output",
            StopReason::MaxScratch => "--max-scratch",
            StopReason::MaxFiles => "--max-files",
            StopReason::Unmapped => "--opmap",
        }
    }
}

impl End {
    fn write(&self, out: &mut PayloadWriter) {
        match &self.reason {
            EndReason::Exited(status) => out.u8(1).u8(*status),
            EndReason::Killed(signal) => out.u8(2).u8(*signal),
            EndReason::Stopped(reason) => out.u8(3).u8(*reason as u8),
            EndReason::Tampered(why) => out.u8(4).bytes(why),
            EndReason::OutputFailed(why) => out.u8(5).bytes(why),
            EndReason::Unknown => out.u8(6),
        };
        out.u8(self.finished.into()).u8(self.replaced.into()).u64(self.instructions);
        match &self.place {
            None => out.u8(0),
            Some((name, offset, opname)) => out.u8(1).bytes(name).u64(offset.cast_unsigned()).bytes(opname),
        };
    }

    fn read(reader: &mut PayloadReader) -> Option<End> {
        let reason = match reader.u8()? {
            1 => EndReason::Exited(reader.u8()?),
            2 => EndReason::Killed(reader.u8()?),
            3 => EndReason::Stopped(StopReason::from_number(reader.u8()?)?),
            4 => EndReason::Tampered(reader.bytes()?),
            5 => EndReason::OutputFailed(reader.bytes()?),
            6 => EndReason::Unknown,
            _ => return None,
        };
        let finished = reader.u8()? != 0;
        let replaced = reader.u8()? != 0;
        let instructions = reader.u64()?;
        let place = match reader.u8()? {
            0 => None,
            _ => Some((reader.bytes()?, reader.u64()?.cast_signed(), reader.bytes()?)),
        };
        Some(End { reason, finished, replaced, place, instructions })
    }
}
