//! What is to be recorded, as plain data: made by the command line, used by both processes.

use std::ffi::CString;
use std::fmt;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::tracee::Caps;
use crate::select::{Filter, Matches, Trigger};
use crate::trace::Sink;
use crate::trace::event::Start;

/// A recording.
#[derive(Debug)]
pub struct Plan {
    /// sys.argv, the program's path first; or the interpreter's own command line.
    pub argv: Vec<CString>,
    pub program: Program,
    pub tracing: Tracing,
    /// The program is stopped after so much time.
    pub timeout: Option<Duration>,
    /// The sink's file, where that is one of lines that nobody else writes: it shall end at a whole line whatever happens.
    pub lines: Option<File>,
    /// Shows how far a long recording is, on a terminal that the program may use too.
    pub progress: bool,
    /// The options that shape the recording, for the trace's first record.
    pub options: Vec<Vec<u8>>,
    /// Processes that the program forks are recorded too.
    pub follow: Option<Follow>,
}

/// Makes the sink for a process by its number, in the thread that will use it.
pub struct Follow(pub Box<OpensTrace>);

/// What does that, and tells the name of the file.
pub type OpensTrace = dyn Fn(i32) -> io::Result<(PathBuf, Box<dyn Sink>)> + Send + Sync;

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
        }
    }

    /// Whether a second interrupt ends a program that executes nothing; the interpreter waits for whoever types.
    pub fn interrupts_end(&self) -> bool {
        !matches!(self.program, Program::CommandLine)
    }
}

/// What runs.
#[derive(Clone, Debug)]
pub enum Program {
    /// A marshalled main program, which has been checked, and what comes behind its folder on sys.path.
    Marshalled { bytes: Vec<u8>, path: Vec<CString> },
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
    /// The program is stopped after so many instructions.
    pub max_instructions: Option<u64>,
    /// What the interpreter does to itself at shutdown is recorded too.
    pub shutdown: bool,
    /// Values are recorded, so much of each.
    pub values: Option<Caps>,
    /// Whole value stacks are recorded too, so that they can be compared with what a reader makes of the values.
    pub stacks: bool,
}

impl Tracing {
    /// What is looked for in the code objects that run.
    pub fn matches(&self) -> Matches {
        let places = [("--start-at", &self.start_at), ("--stop-at", &self.stop_at)];
        let places = places.into_iter().filter_map(|(option, place)| Some((option, place.clone()?)));
        Matches::new(self.filter.clone(), places.collect())
    }
}
