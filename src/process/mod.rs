//! The processes of a recording, as the operating system has them: forking them, giving the traced one the state that an exec would
//! have left, watching it and its descendants, passing descriptors, and finding the interpreter's executable.  Knows no Python and no
//! trace.
#![allow(unsafe_code)]

pub mod addresses;
pub mod aside;
pub mod child;
pub mod descriptors;
pub mod environment;
pub mod executable;
pub mod life;
pub mod limits;
pub mod memory;
pub mod privacy;
pub mod signals;
pub mod socket;
mod stat;
pub mod terminal;
pub mod traced;

use std::ffi::CStr;
use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use libc::pid_t;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, waitid};

pub use child::{Death, How};

/// Which side of a fork this is.
#[derive(Debug)]
pub enum Side {
    Parent(pid_t),
    Child,
}

/// Forks a process that has one thread.
pub fn split() -> io::Result<Side> {
    // SAFETY: no process of bctrace has a second thread, so the child may do whatever the parent could.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Side::Child),
        pid => Ok(Side::Parent(pid)),
    }
}

/// Forks; the child ends with the status that `run` returns.
pub fn fork(run: impl FnOnce() -> u8) -> io::Result<pid_t> {
    match split()? {
        Side::Parent(pid) => Ok(pid),
        Side::Child => end(run()),
    }
}

/// Ends this process at once.
pub fn end(status: u8) -> ! {
    // SAFETY: ends this process alone.
    unsafe { libc::_exit(status.into()) }
}

/// Ends this process at once as if it had been killed.
pub fn kill_self() {
    let _ = rustix::process::kill_process(rustix::process::getpid(), Signal::KILL);
}

/// Has this process killed when its parent dies; an error if that is no longer `parent`.
pub fn die_with(parent: pid_t) -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    if self::parent() == parent { Ok(()) } else { Err(io::Error::other("the parent is gone")) }
}

/// The number of this process.
pub fn id() -> pid_t {
    std::process::id().cast_signed()
}

/// The number of this process's parent; 0 if that is in another namespace.
pub fn parent() -> pid_t {
    rustix::process::getppid().map_or(0, Pid::as_raw_pid)
}

/// Whether a process belongs to the same job as this one, so that what is sent to the job reaches both.
pub fn shares_job(pid: pid_t) -> bool {
    let group = |pid| rustix::process::getpgid(pid).ok();
    group(Pid::from_raw(pid)) == group(None)
}

/// How long this thread has executed on a processor.
pub fn worked() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: fills in a struct, or fails.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    Duration::new(time.tv_sec.cast_unsigned(), time.tv_nsec as u32)
}

/// Names this process in listings of processes.
pub fn set_name(name: &CStr) {
    let _ = rustix::thread::set_name(name);
}

/// Leaves the session and the job that this process belongs to, so that signals to them do not reach it.
pub fn leave_job() {
    // Fails only in the leader of a group, which a forked process is not.
    let _ = rustix::process::setsid();
}

/// Leaves the group that this process belongs to for one of its own.
pub fn leave_group() {
    let _ = rustix::process::setpgid(None, None);
}

/// Sends a signal to a process that cannot have been reaped.
fn send(pid: pid_t, signal: libc::c_int) {
    // SAFETY: sends a signal, or fails.
    unsafe { libc::kill(pid, signal) };
}

/// Lets a stopped process go on: this one's parent, or a child that has not been reaped.
pub fn continue_process(pid: pid_t) {
    send(pid, libc::SIGCONT);
}

/// Stops this process until it is continued, as a shell expects when its job is stopped.
pub fn stop_self() {
    let _ = rustix::process::kill_process(rustix::process::getpid(), Signal::STOP);
}

/// Waits for the end of a child, and forgets it.
pub fn reap(child: pid_t) {
    loop {
        // SAFETY: no status is asked for.
        let result = unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
        if result != -1 || io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
            return;
        }
    }
}

/// Whether a child is dead; it is not reaped.
pub fn has_ended(child: pid_t) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    Pid::from_raw(child).is_some_and(|child| matches!(waitid(WaitId::Pid(child), options), Ok(Some(_))))
}

/// Returns whether a process is gone, or dead and not reaped.
pub fn is_gone(pid: pid_t) -> bool {
    let answer = Pid::from_raw(pid).map(rustix::process::test_kill_process);
    answer == Some(Err(rustix::io::Errno::SRCH)) || stat::Stat::read(pid).is_some_and(|stat| stat.is_dead())
}

/// Sets a variable in the environment of this process, which has one thread.
pub fn set_variable(name: &str, value: &str) {
    // SAFETY: no other thread reads the environment.
    unsafe { std::env::set_var(name, value) };
}

/// What was read of a process in /proc; None if that is gone.
pub fn if_there<T>(read: io::Result<T>) -> io::Result<Option<T>> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ESRCH)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What a descriptor is polled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wants {
    /// Something to read, or the end.
    Input,
    /// The other end is gone.
    HangUp,
}

/// Waits until one of the descriptors has what it is polled for; returns which ones have.  Without a time it may wait forever.
pub fn poll(descriptors: &[(BorrowedFd<'_>, Wants)], at_most: Option<Duration>) -> Vec<bool> {
    let flags = |wants| if wants == Wants::Input { PollFlags::IN } else { PollFlags::empty() };
    let mut polled: Vec<PollFd> =
        descriptors.iter().map(|(file, wants)| PollFd::from_borrowed_fd(*file, flags(*wants))).collect();
    let time = at_most.map(timespec);
    match rustix::event::poll(&mut polled, time.as_ref()) {
        Ok(_) => polled.iter().map(|polled| !polled.revents().is_empty()).collect(),
        Err(_) => vec![false; descriptors.len()],
    }
}

/// A time as the kernel takes it.
pub fn timespec(time: Duration) -> Timespec {
    Timespec { tv_sec: time.as_secs().min(1 << 30).cast_signed(), tv_nsec: time.subsec_nanos().into() }
}
