//! The process that runs the program: forked, given back the state that an exec would have left it, and reaped.

use std::io;
use std::mem::MaybeUninit;

use libc::{c_int, pid_t};

use super::privacy::Before;
use super::signals::Inherited;
use super::stat::Stat;
use super::{Side, descriptors};

/// The child, until it has been reaped.
#[derive(Clone, Copy, Debug)]
pub struct Child {
    pid: pid_t,
}

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Death {
    pub how: How,
    /// It had replaced itself by another program.
    pub replaced: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    Exited(u8),
    Killed(u8),
    /// Its parent reaped it first.
    Unknown,
}

/// What a child has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Died(Death),
    /// Stopped by this signal.
    Stopped(c_int),
    Continued,
}

/// Forks the program's process, which ends with `run`.  There the signals, the descriptors and the access to the process are what they
/// would be without bctrace, and it dies with its parent.  `confine` is called last before bctrace's own descriptors are closed.
pub fn fork(
    inherited: &Inherited,
    access: Before,
    confine: impl FnOnce() -> io::Result<()>,
    run: impl FnOnce(),
) -> io::Result<Child> {
    let parent = super::id();
    match super::split()? {
        Side::Parent(pid) => Ok(Child { pid }),
        Side::Child => {
            let prepared = super::die_with(parent).and_then(|()| {
                access.restore()?;
                inherited.restore()?;
                confine()?;
                descriptors::close_own();
                Ok(())
            });
            match prepared {
                Ok(()) => run(),
                Err(error) => eprintln!("bctrace: cannot prepare the program's process: {error}"),
            }
            super::end(125)
        }
    }
}

impl Child {
    pub fn id(&self) -> pid_t {
        self.pid
    }

    /// Sends a signal; a child that is dead but not reaped ignores it.
    pub fn signal(&self, signal: c_int) {
        super::send(self.pid, signal);
    }

    /// Returns what has happened to the child since the last call.  One that has died is reaped; `execs` is whether it was about to
    /// replace itself, which decides only if there is no /proc.
    pub fn change(&self, execs: impl Fn() -> bool) -> Option<Change> {
        // Dead children stay until /proc has been read: while one is a zombie, that still knows whether it ever called exec.
        let details = wait(self.pid, libc::WEXITED | libc::WNOWAIT)
            .or_else(|| wait(self.pid, libc::WSTOPPED | libc::WCONTINUED))?;
        // SAFETY: waitid has filled in the details of a child.
        let status = unsafe { details.si_status() };
        let how = match details.si_code {
            libc::CLD_STOPPED => return Some(Change::Stopped(status)),
            libc::CLD_CONTINUED => return Some(Change::Continued),
            libc::CLD_EXITED => How::Exited(status as u8),
            _ => How::Killed(status as u8),
        };
        let replaced = Stat::read(self.pid).map_or_else(execs, |stat| stat.has_called_exec());
        super::reap(self.pid);
        Some(Change::Died(Death { how, replaced }))
    }
}

fn wait(pid: pid_t, options: c_int) -> Option<libc::siginfo_t> {
    let mut details = MaybeUninit::<libc::siginfo_t>::zeroed();
    // SAFETY: the details are ours to be written.
    let result =
        unsafe { libc::waitid(libc::P_PID, pid.cast_unsigned(), details.as_mut_ptr(), options | libc::WNOHANG) };
    // SAFETY: zeroed or written by waitid.
    let details = unsafe { details.assume_init() };
    (result == 0 && details.si_signo != 0).then_some(details)
}

/// Lets a child go on if it was stopped since the last call.
pub fn continue_stopped(pid: pid_t) {
    if wait(pid, libc::WSTOPPED).is_some() {
        super::continue_process(pid);
    }
}
