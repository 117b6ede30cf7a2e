//! What a process that shares its terminal with another one leaves to that, and puts back after it.

use std::os::fd::BorrowedFd;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::stdio::{stderr, stdin, stdout};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr};

/// Ignores Ctrl-C from now on; processes that run already do not.
pub fn ignore_interrupts() {
    // SAFETY: to ignore a signal takes no handler.
    unsafe { libc::signal(libc::SIGINT, libc::SIG_IGN) };
}

fn standard() -> [BorrowedFd<'static>; 3] {
    [stdin(), stdout(), stderr()]
}

/// Whether this process's job is in the foreground of each terminal that it controls.
pub fn is_ours() -> bool {
    let own = rustix::process::getpgrp();
    // An error if it is no terminal, or one of another session.
    standard().into_iter().all(|file| tcgetpgrp(file).map_or(true, |group| group == own))
}

/// The flags of the standard streams, such as O_NONBLOCK: those of the open files, so that other processes have them too.
#[derive(Debug)]
pub struct Flags([Option<OFlags>; 3]);

impl Flags {
    pub fn now() -> Flags {
        Flags(standard().map(|file| fcntl_getfl(file).ok()))
    }

    /// Puts them back.
    pub fn restore(&self) {
        for (file, flags) in standard().into_iter().zip(self.0) {
            if let Some(flags) = flags.filter(|flags| fcntl_getfl(file).is_ok_and(|now| now != *flags)) {
                let _ = fcntl_setfl(file, flags);
            }
        }
    }
}

/// The modes of the terminals that the standard streams are, such as whether keys are shown.
#[derive(Debug)]
pub struct Modes([Option<Termios>; 3]);

impl Modes {
    pub fn now() -> Modes {
        Modes(standard().map(|file| tcgetattr(file).ok()))
    }

    /// Puts them back, unless the terminal is another job's by now.
    pub fn restore(&self) {
        if !is_ours() {
            return;
        }
        for (file, modes) in standard().into_iter().zip(&self.0) {
            let _ = modes.as_ref().map(|modes| tcsetattr(file, OptionalActions::Now, modes));
        }
    }
}
