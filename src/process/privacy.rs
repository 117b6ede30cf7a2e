//! Closes bctrace's own processes to the program: what is not dumpable cannot be attached to, and its memory and descriptors are
//! closed to processes of the same user (ptrace(2), "Ptrace access mode checking").  Root with CAP_SYS_PTRACE is not held back.

use std::io;

use rustix::process::{DumpableBehavior, dumpable_behavior, set_dumpable_behavior};

/// What the process was before.
#[derive(Clone, Copy, Debug)]
pub struct Before(DumpableBehavior);

/// Closes this process, and those that it forks.
pub fn close() -> io::Result<Before> {
    let before = dumpable_behavior()?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(Before(before))
}

impl Before {
    /// Makes this process what the first one was; other states than dumpable cannot be set, and need not be.
    pub fn restore(self) -> io::Result<()> {
        match self.0 {
            DumpableBehavior::Dumpable => Ok(set_dumpable_behavior(DumpableBehavior::Dumpable)?),
            _ => Ok(()),
        }
    }
}
