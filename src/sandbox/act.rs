//! Changes of files' modes, owners and times, which Landlock does not know: carried out here in the program's place, by descriptors
//! beneath folders that it may write.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use libc::{c_int, pid_t};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags, Timespec, Timestamps, UTIME_NOW, openat2};

use super::arguments::{self, TimesForm};
use super::notify::Call;
use super::policy::Policy;
use super::resolve::{self, Meaning};
use crate::process;

/// A call that changes metadata.
#[derive(Clone, Debug)]
pub struct Change {
    /// The descriptor that the name counts from, or that is changed itself.
    pub folder: c_int,
    /// The argument with the name; none if the descriptor is meant.
    pub name: Option<usize>,
    /// A link at the end is followed.
    pub follows: bool,
    pub what: What,
    pub times: Option<TimesAt>,
}

/// What is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Mode(u32),
    /// Nothing is done: without privileges files have one owner alone.
    Owner,
    Times,
}

/// Where a call has its times, and in which form.
#[derive(Clone, Copy, Debug)]
pub struct TimesAt {
    argument: usize,
    form: TimesForm,
}

impl Change {
    /// Reads a call from its number and registers; None if it changes something else.
    pub fn of(call: &Call) -> Option<Change> {
        let no_follow = |argument: usize| call.int(argument) & libc::AT_SYMLINK_NOFOLLOW == 0;
        let at = |what, follows| Change { folder: call.int(0), name: Some(1), follows, what, times: None };
        let here = |what, follows| Change { folder: libc::AT_FDCWD, name: Some(0), follows, what, times: None };
        let itself = |what| Change { folder: call.int(0), name: None, follows: true, what, times: None };
        let times = |change: Change, argument, form| Change { times: Some(TimesAt { argument, form }), ..change };
        let mode = |argument: usize| What::Mode(call.arguments[argument] as u32 & 0o7777);
        Some(match call.number {
            libc::SYS_fchmod => itself(mode(1)),
            libc::SYS_fchmodat => at(mode(2), true),
            libc::SYS_fchmodat2 => at(mode(2), no_follow(3)),
            libc::SYS_fchown => itself(What::Owner),
            libc::SYS_fchownat => at(What::Owner, no_follow(4)),
            libc::SYS_utimensat if call.arguments[1] == 0 => times(itself(What::Times), 2, TimesForm::Nanoseconds),
            libc::SYS_utimensat => times(at(What::Times, no_follow(3)), 2, TimesForm::Nanoseconds),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_chmod => here(mode(1), true),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_chown => here(What::Owner, true),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_lchown => here(What::Owner, false),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_utime => times(here(What::Times, true), 1, TimesForm::Seconds),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_utimes => times(here(What::Times, true), 1, TimesForm::Microseconds),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_futimesat => times(at(What::Times, true), 2, TimesForm::Microseconds),
            _ => return None,
        })
    }
}

/// Times of access and change.
#[derive(Clone, Copy, Debug)]
pub struct Times([(i64, i64); 2]);

impl Default for Times {
    fn default() -> Times {
        Times([(0, UTIME_NOW); 2])
    }
}

impl Times {
    /// Reads the times of a call; None if its memory is not there.
    pub fn read(call: &Call, at: &TimesAt) -> Option<Times> {
        let address = call.arguments[at.argument];
        if address == 0 {
            return Some(Times::default());
        }
        arguments::times(call, address, at.form).map(Times)
    }
}

/// Opens what a descriptor of a thread is open on, whatever becomes of the descriptor; returns it with what its name is now.  A file that
/// was removed has one with more text, in the folder that it was in.
pub fn hold(thread: pid_t, descriptor: c_int) -> io::Result<(OwnedFd, Meaning)> {
    let place = format!("/proc/{thread}/fd/{descriptor}");
    let file = rustix::fs::open(place, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    let meaning = resolve::descriptor(process::id(), file.as_raw_fd());
    Ok((file, meaning))
}

/// Changes what lies at a real path beneath a folder that may be written.  No link is followed on the way: there were none when the
/// path was resolved.
pub fn carry_out(policy: &Policy, path: &Path, wanted: &Change, times: Times) -> io::Result<()> {
    match wanted.what {
        What::Owner => Ok(()),
        What::Mode(_) | What::Times => change(&open(policy, path)?, wanted, times),
    }
}

/// Changes a file.
pub fn change(file: &OwnedFd, change: &Change, times: Times) -> io::Result<()> {
    // What a link in /proc leads to is the file that was opened, whatever its name is now.
    let place = format!("/proc/self/fd/{}", file.as_raw_fd());
    match change.what {
        What::Mode(mode) => rustix::fs::chmodat(CWD, &place, Mode::from_raw_mode(mode), AtFlags::empty())?,
        What::Times => {
            let [last_access, last_modification] =
                times.0.map(|(tv_sec, tv_nsec)| Timespec { tv_sec, tv_nsec: tv_nsec as _ });
            let times = Timestamps { last_access, last_modification };
            rustix::fs::utimensat(CWD, &place, &times, AtFlags::empty())?;
        }
        What::Owner => {}
    }
    Ok(())
}

/// Opens what lies beneath one of the folders that may be written.
fn open(policy: &Policy, path: &Path) -> io::Result<OwnedFd> {
    let granted = policy.writable.iter().chain([&policy.scratch]).find(|granted| path.starts_with(granted));
    let granted = granted.ok_or(io::ErrorKind::PermissionDenied)?;
    let flags = OFlags::PATH | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let beneath = path.strip_prefix(granted).unwrap_or(path);
    let granted = rustix::fs::open(granted, flags, Mode::empty())?;
    if beneath.as_os_str().is_empty() {
        return Ok(granted);
    }
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    Ok(openat2(granted, beneath, flags, Mode::empty(), resolve)?)
}
