//! The way into the sandbox, in the program's own process, before anything of the program or of its interpreter runs.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use super::calls::{self, Setting};
use super::filter::{self, Verdict};
use super::policy::{Budget, Policy};
use super::{files, privileges};
use crate::process::limits;
use crate::process::socket::Connection;

/// Descriptors that a process may have: the kernel keeps what is written into a pipe or a socket and not read.
const DESCRIPTORS: u64 = 1024;

/// What this system cannot do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Weakness {
    /// There is no Landlock.
    Files,
    /// Nobody can listen to calls.
    Listener(String),
    /// There is no seccomp filter.
    Filter(String),
}

impl fmt::Display for Weakness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Weakness::Files => f.write_str(
                "this kernel has no Landlock: the program can read every file that you can; it can write none, not even in its own \
                 scratch folder",
            ),
            Weakness::Listener(why) => write!(
                f,
                "this system does not let bctrace watch system calls ({why}): what the program tries is refused but not recorded, \
                 and its processes are not counted"
            ),
            Weakness::Filter(why) => write!(
                f,
                "this system has no seccomp filters ({why}): the program can use the network, start programs from memory and change \
                 the mode and times of files"
            ),
        }
    }
}

/// The sandbox as it stands.
#[derive(Debug)]
pub struct Entered {
    pub weaknesses: Vec<Weakness>,
    pub is_watched: bool,
}

/// Closes the walls around this process, which has one thread, and hands the listener over to the process at the other end of `outside`.
/// An error if a wall that the system has cannot be raised; the process must not run the program then.
pub fn enter(policy: &Policy, outside: &Connection) -> io::Result<Entered> {
    let mut weaknesses = Vec::new();
    privileges::drop_all()?;
    let Budget { memory, output, scratch, .. } = policy.budget;
    limits::set(memory, output.max(scratch), DESCRIPTORS)?;
    let landlock = files::restrict(policy).map_err(io::Error::other)?;
    if landlock == 0 {
        weaknesses.push(Weakness::Files);
    }
    let listener = match install(policy, landlock) {
        Ok(Installed::Heard(listener)) => Some(listener),
        Ok(Installed::Unheard(error)) if policy.fakes_net => return Err(unheard(&error)),
        Ok(Installed::Unheard(error)) => {
            weaknesses.push(Weakness::Listener(cause(&error)));
            None
        }
        Err(error) if policy.fakes_net => return Err(unheard(&error)),
        Err(error) => {
            weaknesses.push(Weakness::Filter(cause(&error)));
            None
        }
    };
    let descriptors: Vec<_> = listener.iter().map(AsFd::as_fd).collect();
    outside.hand_over(&[landlock as u8], &descriptors)?;
    let is_filtered = !weaknesses.iter().any(|weakness| matches!(weakness, Weakness::Filter(_)));
    if is_filtered {
        filter::install(&mut filter::program(&calls::last_rules(policy), Verdict::Allow))?;
    }
    Ok(Entered { weaknesses, is_watched: listener.is_some() })
}

/// What the filter became.
enum Installed {
    Heard(OwnedFd),
    /// Nobody can listen, for this reason; the filter decides by itself.
    Unheard(io::Error),
}

fn install(policy: &Policy, landlock: u32) -> io::Result<Installed> {
    let process = std::process::id();
    let program = |is_heard| {
        let rules = calls::rules(&Setting { policy, landlock, is_heard, process });
        filter::program(&rules, calls::otherwise(is_heard))
    };
    match filter::install_with_listener(&mut program(true)) {
        Ok(listener) => Ok(Installed::Heard(listener)),
        Err(error) => {
            filter::install(&mut program(false))?;
            Ok(Installed::Unheard(error))
        }
    }
}

/// Why connections cannot be answered here.
fn unheard(error: &io::Error) -> io::Error {
    io::Error::other(format!(
        "this system does not let bctrace answer system calls ({}): omit --fake-net",
        cause(error)
    ))
}

/// An error without its number.
fn cause(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error ").next().unwrap_or_default().to_string()
}
