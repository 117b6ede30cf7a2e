//! A copy of the recorder that continues if the recorder is killed.  It is forked at a checkpoint, with all that the recorder holds
//! there: the state of the stream, the sink, half a compressed block.  The words of the ring since then stay in the ring until the next
//! checkpoint, so that a copy finds all that it needs.

use std::io::{self, PipeReader, PipeWriter, Read, Write};

use libc::pid_t;

use super::watch::Watch;
use crate::process::child::continue_stopped;
use crate::process::{self, Side};

/// How often a recording is continued, at most: what ends one copy after another is no program's deed.
const TAKEOVERS: u32 = 8;

/// The standby of this process.
#[derive(Debug, Default)]
pub struct Standby {
    posted: Option<Posted>,
    /// One that was dismissed and may still be ending.
    dismissed: Option<pid_t>,
}

/// A standby's process.
#[derive(Debug)]
struct Posted {
    pid: pid_t,
    /// Its end says that this process is gone; a byte before that, that the standby is not needed any more.
    lease: PipeWriter,
}

/// Which process returns from a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checkpoint {
    /// The recorder that has made it.
    Passed,
    /// A standby that was made at it, whose recorder is dead.
    TookOver,
}

impl Standby {
    /// Makes a copy of this process and dismisses the one before.  Where no process can be forked there is none.
    pub fn renew(&mut self, watch: &Watch) -> Checkpoint {
        match self.post(watch) {
            Ok(Some(posted)) => {
                self.replace(Some(posted));
                Checkpoint::Passed
            }
            Ok(None) => {
                // The one before may not have been dismissed.
                self.replace(None);
                Checkpoint::TookOver
            }
            Err(_) => {
                self.replace(None);
                Checkpoint::Passed
            }
        }
    }

    /// Whether the standby has been killed; one that was stopped is continued.
    pub fn is_lost(&self) -> bool {
        self.posted.iter().for_each(|posted| continue_stopped(posted.pid));
        self.posted.as_ref().is_some_and(|posted| process::has_ended(posted.pid))
    }

    /// Ends the standby, and waits until it has ended.
    pub fn dismiss(&mut self) {
        self.replace(None);
        self.dismissed.take().into_iter().for_each(process::reap);
    }

    fn replace(&mut self, posted: Option<Posted>) {
        if let Some(Posted { pid, mut lease }) = std::mem::replace(&mut self.posted, posted) {
            let _ = lease.write_all(b"x");
            if let Some(ended) = self.dismissed.replace(pid) {
                process::reap(ended);
            }
        }
    }

    /// Forks a standby; returns None in its process once that is the recorder.
    fn post(&self, watch: &Watch) -> io::Result<Option<Posted>> {
        let (lease, holder) = io::pipe()?;
        match process::split()? {
            Side::Parent(pid) => Ok(Some(Posted { pid, lease: holder })),
            Side::Child => {
                drop(holder);
                process::set_name(c"bctrace-standby");
                // So that no one signal kills both.
                process::leave_group();
                if !is_needed(lease, watch) {
                    process::end(0);
                }
                process::set_name(c"bctrace-record");
                Ok(None)
            }
        }
    }
}

/// Waits in a standby's process; returns whether it is to continue.
fn is_needed(mut lease: PipeReader, watch: &Watch) -> bool {
    watch.stand_by(&lease);
    matches!(lease.read(&mut [0]), Ok(0)) && watch.given().take_over() < TAKEOVERS
}
