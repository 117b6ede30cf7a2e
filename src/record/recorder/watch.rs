//! What a recording must know of the process that it records.

use std::time::Duration;

use crate::process::Death;

/// How long a program may take to end after it was asked to.
pub const GRACE: Duration = Duration::from_millis(200);

/// What has been seen of a process so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    pub death: Option<Death>,
    pub timed_out: bool,
}

/// Watches a process for its recording.
pub trait Watch {
    fn seen(&mut self) -> Seen;

    /// Ends the process without asking.
    fn kill(&mut self);
}
