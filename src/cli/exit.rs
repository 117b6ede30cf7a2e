//! The exit statuses that are bctrace's own.  Everything else is the traced program's.

use std::io;

use super::message::warn;
use crate::record::Others;
use crate::trace::event::{End, EndReason, StopReason};

/// What was looked for is not there, or what was compared differs.
pub const DIFFERENT: u8 = 1;
/// Wrong usage.
pub const USAGE: u8 = 2;
/// --max-instructions, --max-size or --stop-at ended the program.
pub const STOPPED: u8 = 123;
/// --timeout ended the program.
pub const TIMED_OUT: u8 = 124;
/// Bad input, an output that cannot be written, an internal error.
pub const FAILED: u8 = 125;
/// The trace's reader closed the pipe: as if killed by SIGPIPE.
pub const CLOSED_PIPE: u8 = 141;

/// Ends bctrace with this status; whatever there is to say has been said.
#[derive(Debug, thiserror::Error)]
#[error("ended with status {0}")]
pub struct Ended(pub u8);

/// The VM refused to compile a program; what it said was not printed yet.
#[derive(Debug, thiserror::Error)]
#[error("it does not compile: {}", self.last())]
pub struct NotCompiled {
    pub status: u8,
    /// Lines, in which nothing is but text.
    pub said: String,
}

impl NotCompiled {
    fn last(&self) -> &str {
        self.said.lines().next_back().unwrap_or("the compiler has not said why")
    }
}

/// The status of a process that a signal killed, as a shell reports it.
pub fn of_signal(signal: u8) -> u8 {
    signal.saturating_add(128)
}

/// The status that says how a recording ended.
pub fn of_end(end: &End) -> u8 {
    match end.reason {
        EndReason::Exited(status) => status,
        EndReason::Killed(signal) => of_signal(signal),
        EndReason::Stopped(StopReason::Timeout) => TIMED_OUT,
        EndReason::Stopped(_) => STOPPED,
        EndReason::Tampered(_) | EndReason::OutputFailed(_) | EndReason::Unknown => FAILED,
    }
}

/// The status of a recording: its first process's, unless another one could not be recorded; says how many were not followed.
pub fn of_recording(end: &End, others: &Others) -> u8 {
    match others.refused {
        0 => {}
        1 => warn("1 process could not be followed and ran untraced"),
        count => warn(format_args!("{count} processes could not be followed and ran untraced")),
    }
    if others.failed { FAILED } else { of_end(end) }
}

/// Whether somebody who read our output has left.
pub fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
