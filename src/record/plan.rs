//! What is to be recorded, as plain data: made by the command line, used by all processes of a recording, and handed over to
//! interpreters that the program starts.

use std::ffi::CString;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::recorder::Summary;
use super::tracee::Caps;
use crate::bytecode::copies::Copies;
use crate::bytecode::opmap::OpMap;
use crate::sandbox::Policy;
use crate::select::{FileGlob, Filter, Matches, Name, NamePattern, Trigger};
use crate::trace::Sink;
use crate::trace::event::{Sandbox, Start};
use crate::trace::payload::{PayloadReader, PayloadWriter};
use crate::vm::answers::Answers;
use crate::vm::bundle::Bundle;
use crate::vm::fake_net::FakeNet;
use crate::vm::program::{Fixed, Script};
use crate::vm::stand_ins::StandIns;

/// A recording.
#[derive(Debug)]
pub struct Plan {
    /// sys.argv, the program's path first; or the interpreter's own command line.
    pub argv: Vec<CString>,
    pub subject: Subject,
    /// The subject is imported as a module, and this is called.
    pub call: Option<Call>,
    pub tracing: Tracing,
    /// The program is stopped after so much time.
    pub timeout: Option<Duration>,
    /// Set for line formats that write a regular file: if all recorders are killed, the file is truncated after its last whole line.
    pub lines: Option<File>,
    /// So many first and last iterations of each loop are recorded, and the others counted.
    pub loop_cap: Option<u64>,
    /// Shows how far a long recording is, on a terminal that the program may use too.
    pub progress: bool,
    /// The options that shape the recording, for the trace's first record.
    pub options: Vec<Vec<u8>>,
    /// Processes that the program forks are recorded too.
    pub follow: Option<Follow>,
    /// The walls around the program, if there are any.
    pub sandbox: Option<Policy>,
}

/// A call of a function of a module.
#[derive(Clone, Debug)]
pub struct Call {
    /// The name under which the program is imported.
    pub module: CString,
    /// The function's, which may be dotted.
    pub function: CString,
    /// A marshalled code object whose constants are the arguments.
    pub arguments: Vec<u8>,
}

/// What becomes of the processes that the program forks.
pub struct Follow {
    /// Opens the trace of a process by its number.
    pub open: Box<OpensTrace>,
    /// Reports how a process was recorded; returns 0 if that is to its end.
    pub report: Box<Reports>,
}

/// See [`Follow::open`].
pub type OpensTrace = dyn Fn(i32) -> io::Result<(PathBuf, Box<dyn Sink>)>;

/// See [`Follow::report`].
pub type Reports = dyn Fn(i32, &io::Result<(PathBuf, Summary)>) -> u8;

impl fmt::Debug for Follow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Follow")
    }
}

impl Plan {
    /// The first record of a trace.
    pub fn start(&self) -> Start {
        Start {
            version: env!("CARGO_PKG_VERSION").into(),
            vm: crate::vm::VERSION.into(),
            argv: self.argv.iter().map(|argument| argument.as_bytes().to_vec()).collect(),
            options: self.options.clone(),
            sha256: match &self.subject {
                Subject::Marshalled { sha256, .. } => Some(*sha256),
                Subject::CommandLine => None,
            },
            sandbox: if self.sandbox.is_some() { Sandbox::Watched } else { Sandbox::None },
            environment: match &self.sandbox {
                None => interpreter_variables(),
                Some(policy) => policy.shown_environment(),
            },
        }
    }

    /// Whether a second interrupt ends a program that executes nothing; the interpreter waits for the user to type.
    pub fn interrupts_end(&self) -> bool {
        !matches!(self.subject, Subject::CommandLine)
    }
}

/// The variables of this process's environment that an interpreter goes by, sorted.
fn interpreter_variables() -> Vec<Vec<u8>> {
    let all = std::env::vars_os().filter(|(name, _)| name.as_bytes().starts_with(b"PYTHON"));
    let mut all: Vec<_> = all.map(|(name, value)| [name.as_bytes(), b"=", value.as_bytes()].concat()).collect();
    all.sort();
    all
}

/// What runs.
#[derive(Clone, Debug)]
pub enum Subject {
    /// Marshalled scripts, which have been checked and run one after the other, what comes after their folder on sys.path, the SHA-256 of
    /// their file, and what a frozen program brings along.
    Marshalled { scripts: Vec<Script>, path: Vec<CString>, sha256: [u8; 32], bundle: Option<Box<Bundle>> },
    /// What the interpreter's command line names.
    CommandLine,
}

/// What the hook goes by.
#[derive(Clone, Debug, Default)]
pub struct Tracing {
    pub filter: Filter,
    /// Recording begins there.
    pub start_at: Option<Trigger>,
    /// The program is stopped before the instruction there.
    pub stop_at: Option<Trigger>,
    /// The program is stopped after this many instructions.
    pub max_instructions: Option<u64>,
    /// What the interpreter does to itself at shutdown is recorded too.
    pub shutdown: bool,
    /// Values are recorded, so much of each.
    pub values: Option<Caps>,
    /// Whole value stacks are recorded too, so that they can be compared with what a reader makes of the values.
    pub stacks: bool,
    /// What is the same in every run, if anything is.
    pub fixed: Option<Fixed>,
    /// Which opcodes the numbers in the program's code stand for, if they are not those of 2.7.
    pub opmap: Option<Arc<OpMap>>,
    /// Code objects of the library that a frozen program may have copies of.
    pub copies: Option<Arc<Copies>>,
    /// Long strings that C functions get and return are recorded whole.
    pub blobs: Option<Blobs>,
    /// What stands in for missing modules, if anything does.
    pub stand_ins: Option<StandIns>,
    /// Answers to what the program asks.
    pub answers: Option<Answers>,
    /// Hosts are found without a name server, if the network is a pretence.
    pub fake_net: Option<FakeNet>,
    /// No name server can be asked, so lookups of hosts are soon over, and most fail.
    pub has_no_names: bool,
}

/// Which strings are recorded whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blobs {
    /// Those of at least this many bytes, or code points of unicode; not 0.
    pub least: u64,
    /// Bytes of all of them at most; the rest is counted.
    pub most: u64,
}

impl Tracing {
    /// What is looked for in the code objects that run.
    pub fn matches(&self) -> Matches {
        let places = [("--start-at", &self.start_at), ("--stop-at", &self.stop_at)];
        let places = places.into_iter().filter_map(|(option, place)| Some((option, place.clone()?)));
        Matches::new(self.filter.clone(), places.collect())
    }

    /// Encodes the plan for an interpreter that the program starts, which is this same program.
    pub fn encode(&self) -> Vec<u8> {
        // A field that is added here must be encoded.
        let Tracing { filter, start_at, stop_at, max_instructions, shutdown, values, stacks, fixed, opmap, .. } = self;
        let Tracing { copies, blobs, stand_ins, answers, fake_net, has_no_names, .. } = self;
        let Filter { names, patterns, files, no_stdlib } = filter;
        let mut out = PayloadWriter::default();
        let names: Vec<_> = names.iter().map(|name| name.typed().to_vec()).collect();
        let patterns: Vec<_> = patterns.iter().map(|pattern| pattern.typed().as_bytes().to_vec()).collect();
        let files: Vec<_> = files.iter().map(|glob| glob.typed().to_vec()).collect();
        out.list(&names).list(&patterns).list(&files).u8((*no_stdlib).into()).u8((*shutdown).into());
        for trigger in [start_at, stop_at] {
            optional(&mut out, trigger.as_ref(), |out, Trigger { name, offset }| {
                optional(out.bytes(name.typed()), offset.as_ref(), |out, offset| {
                    out.u32(*offset);
                });
            });
        }
        optional(&mut out, max_instructions.as_ref(), |out, most| {
            out.u64(*most);
        });
        optional(&mut out, values.as_ref(), |out, Caps { width, depth, length }| {
            out.u32(*width).u32(*depth).u32(*length);
        });
        optional(out.u8((*stacks).into()), fixed.as_ref(), |out, fixed| {
            out.u8((*fixed == Fixed::All).into());
        });
        optional(&mut out, opmap.as_ref(), |out, map| {
            out.bytes(&map.encode());
        });
        optional(&mut out, copies.as_ref(), |out, copies| {
            out.bytes(&copies.encode());
        });
        optional(&mut out, blobs.as_ref(), |out, Blobs { least, most }| {
            out.u64(*least).u64(*most);
        });
        optional(&mut out, stand_ins.as_ref(), |out, StandIns { names, all }| {
            let names: Vec<_> = names.iter().map(|name| name.as_bytes().to_vec()).collect();
            out.list(&names).u8((*all).into());
        });
        optional(&mut out, answers.as_ref(), |out, answers| {
            out.bytes(answers.typed());
        });
        optional(&mut out, fake_net.as_ref(), |out, FakeNet { real }| {
            out.list(&real.iter().map(|name| name.as_bytes().to_vec()).collect::<Vec<_>>());
        });
        out.u8((*has_no_names).into());
        out.finish()
    }

    /// Decodes a plan; None if it is damaged.
    pub fn decode(bytes: &[u8]) -> Option<Tracing> {
        let mut from = PayloadReader::new(bytes);
        let pattern = |typed: &Vec<u8>| NamePattern::new(str::from_utf8(typed).ok()?).ok();
        let filter = Filter {
            names: from.list()?.into_iter().map(Name::new).collect(),
            patterns: from.list()?.iter().map(pattern).collect::<Option<_>>()?,
            files: from.list()?.iter().map(|typed| FileGlob::new(typed).ok()).collect::<Option<_>>()?,
            no_stdlib: from.u8()? != 0,
        };
        let shutdown = from.u8()? != 0;
        let trigger = |from: &mut PayloadReader| {
            Some(Trigger { name: Name::new(from.bytes()?), offset: read_optional(from, PayloadReader::u32)? })
        };
        let tracing = Tracing {
            filter,
            shutdown,
            start_at: read_optional(&mut from, trigger)?,
            stop_at: read_optional(&mut from, trigger)?,
            max_instructions: read_optional(&mut from, PayloadReader::u64)?,
            values: read_optional(&mut from, |from| {
                Some(Caps { width: from.u32()?, depth: from.u32()?, length: from.u32()? })
            })?,
            stacks: from.u8()? != 0,
            fixed: read_optional(&mut from, |from| Some(if from.u8()? != 0 { Fixed::All } else { Fixed::Sleeps }))?,
            opmap: read_optional(&mut from, |from| OpMap::decode(&from.bytes()?).map(Arc::new))?,
            copies: read_optional(&mut from, |from| Copies::decode(&from.bytes()?).map(Arc::new))?,
            blobs: read_optional(&mut from, |from| Some(Blobs { least: from.u64()?, most: from.u64()? }))?,
            stand_ins: read_optional(&mut from, |from| {
                let names = from.list()?.into_iter().map(|name| CString::new(name).ok()).collect::<Option<_>>()?;
                Some(StandIns { names, all: from.u8()? != 0 })
            })?,
            answers: read_optional(&mut from, |from| Answers::new(&from.bytes()?).ok())?,
            fake_net: read_optional(&mut from, |from| {
                let real = from.list()?.into_iter().map(|name| CString::new(name).ok()).collect::<Option<_>>()?;
                Some(FakeNet { real })
            })?,
            has_no_names: from.u8()? != 0,
        };
        from.is_empty().then_some(tracing)
    }
}

fn optional<T>(out: &mut PayloadWriter, value: Option<&T>, write: impl FnOnce(&mut PayloadWriter, &T)) {
    out.u8(value.is_some().into());
    if let Some(value) = value {
        write(out, value);
    }
}

/// Reads what [`optional`] has written; the outer None is damage.
fn read_optional<'a, T>(
    from: &mut PayloadReader<'a>,
    read: impl FnOnce(&mut PayloadReader<'a>) -> Option<T>,
) -> Option<Option<T>> {
    if from.u8()? == 0 { Some(None) } else { read(from).map(Some) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plans() -> Vec<Tracing> {
        let filter = Filter {
            names: vec![Name::new("f"), Name::new(*b"\xff")],
            patterns: vec![NamePattern::new("^a|b$").expect("a pattern")],
            files: ["*.py", "\u{e9}"].map(|glob| FileGlob::new(glob.as_bytes()).expect("a glob")).into(),
            no_stdlib: true,
        };
        let trigger = |offset| Some(Trigger { name: Name::new("<module>"), offset });
        vec![
            Tracing::default(),
            Tracing { filter, start_at: trigger(None), stop_at: trigger(Some(3)), ..Tracing::default() },
            Tracing { max_instructions: Some(u64::MAX), shutdown: true, stacks: true, ..Tracing::default() },
            Tracing { values: Some(Caps { width: 1, depth: 2, length: 3 }), ..Tracing::default() },
            Tracing { fixed: Some(Fixed::Sleeps), ..Tracing::default() },
            Tracing { fixed: Some(Fixed::All), ..Tracing::default() },
            Tracing { opmap: Some(Arc::new(OpMap::of([(3, 100)]))), ..Tracing::default() },
            Tracing { copies: Some(Arc::new(Copies::default())), ..Tracing::default() },
            Tracing { blobs: Some(Blobs { least: 1, most: 2 }), ..Tracing::default() },
            Tracing { stand_ins: Some(StandIns { names: vec![c"a.b".into()], all: true }), ..Tracing::default() },
            Tracing { answers: Some(Answers::new(b"a? => b\n").expect("answers")), ..Tracing::default() },
            Tracing { fake_net: Some(FakeNet { real: vec![c"example.org".into()] }), ..Tracing::default() },
            Tracing { has_no_names: true, ..Tracing::default() },
        ]
    }

    #[test]
    fn a_plan_is_decoded_as_it_was_encoded() {
        for plan in plans() {
            let decoded = Tracing::decode(&plan.encode()).expect("a whole plan");
            assert_eq!(format!("{decoded:?}"), format!("{plan:?}"));
        }
    }

    #[test]
    fn a_damaged_plan_is_refused() {
        for plan in plans() {
            let whole = plan.encode();
            for length in 0..whole.len() {
                assert!(Tracing::decode(&whole[..length]).is_none(), "{length} of {whole:?}");
            }
            assert!(Tracing::decode(&[&whole[..], b"x"].concat()).is_none());
        }
    }
}
