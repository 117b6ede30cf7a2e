//! The events of a trace.  `codec.rs` encodes them.

use std::fmt;
use std::rc::Rc;

use super::attempt::{Attempt, Repeated};
use super::code::Code;
use super::content::{Content, NewCode, Use};
use super::origin::{Made, WholeCode};
use super::word::{self, Fields, Kind};
use crate::bytecode::escape::Printable;

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
    /// The program used a stand-in for something that is missing.
    StandIn(StandIn),
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

/// What the program did with a stand-in at one instruction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StandIn {
    pub kind: StandInUse,
    /// A module's name, an attribute as `win32api.GetUserName`, a call as `win32api.GetUserName()`, or another use as
    /// `truth of win32api.GetUserName()`; empty if this only counts.
    pub what: Vec<u8>,
    /// So many bytes of it name what is imported, read or called; 0 for other uses.
    pub named: u32,
    /// Uses that are not recorded, because the trace has its share of them.
    pub left_out: u64,
}

/// How a stand-in was used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StandInUse {
    Import,
    /// An attribute or item was read.
    Attribute,
    Call,
    #[default]
    Other,
}

impl StandInUse {
    /// Returns its name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            StandInUse::Import => "import",
            StandInUse::Attribute => "attribute",
            StandInUse::Call => "call",
            StandInUse::Other => "other",
        }
    }
}

/// An opcode that the map of opcodes does not name, where the program came to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unmapped {
    pub number: u8,
    /// The texts of the topmost entries of the value stack, the top last, and how many there are below them.
    pub stack: Vec<Vec<u8>>,
    pub below: u32,
    /// The names of the opcodes that it may stand for, in the order of their numbers.
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
        Kind::of(word).is_run().then_some(Run { start, length, count: 0, word, wide })
    }

    #[inline]
    pub fn end(&self) -> u32 {
        self.start + self.length
    }

    /// Returns what came after it.
    #[inline]
    pub fn then(&self) -> Then {
        let Fields { argument, .. } = word::fields(self.word, self.wide);
        Then::from_parts(Kind::of(self.word), argument).expect("no run was made of another word")
    }

    /// The code object that begins to run in a frame after it, or as another version.
    #[inline]
    pub fn code_after(&self) -> Option<u32> {
        let begins = matches!(Kind::of(self.word), Kind::Call | Kind::Version);
        begins.then(|| word::fields(self.word, self.wide).argument)
    }

    /// Its word, where it needs no wide one.
    #[inline]
    pub fn narrow_word(&self) -> Option<u64> {
        (self.wide == 0).then_some(self.word)
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
            Kind::Record | Kind::Free | Kind::Repeat | Kind::Value | Kind::Part | Kind::Wide => return None,
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

impl fmt::Display for Raised {
    /// Writes it as the last line of a traceback.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let (name, message) = (Printable::text(&self.type_name), Printable::text(&self.message));
        if self.message.is_empty() { write!(f, "{name}") } else { write!(f, "{name}: {message}") }
    }
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
    /// It was what the interpreter does to itself at shutdown; else a filter has left it out, or `--loop-cap`.
    pub own: bool,
    /// Iterations of loops that were left out for `--loop-cap`; the counts are all that was executed in them.
    pub iterations: u64,
}

impl Skipped {
    /// Adds what was left out after it, of the same kind.
    pub fn add(&mut self, more: &Skipped) {
        self.instructions = self.instructions.saturating_add(more.instructions);
        self.frames = self.frames.saturating_add(more.frames);
        self.iterations = self.iterations.saturating_add(more.iterations);
    }
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

impl StopReason {
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
