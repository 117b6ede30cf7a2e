//! Processes below this one that are not its children: watched through a descriptor, which names one process for ever, and
//! /proc, which tells what only its parent is told otherwise.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use libc::{c_int, pid_t};

use super::child::{Death, How};
use super::stat::Stat;

/// Steps from a process to this one, at most; nobody has a longer line of ancestors.
const GENERATIONS: usize = 10_000;

/// A live or dead process below this one.
#[derive(Debug)]
pub struct Descendant {
    pid: pid_t,
    file: OwnedFd,
    found: Stat,
}

impl Descendant {
    /// Finds a process that says this is its number; an error where it is none of this process's descendants.
    pub fn find(pid: pid_t) -> io::Result<Descendant> {
        // SAFETY: asks for a descriptor.
        let file = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        if file == -1 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor was made just now and is nobody else's.
        let file = unsafe { OwnedFd::from_raw_fd(file as c_int) };
        let found = Stat::read(pid).ok_or(io::ErrorKind::NotFound)?;
        // An ancestor may die while it is asked for; its children are then this process's.
        if (0..3).any(|_| descends(pid)) {
            Ok(Descendant { pid, file, found })
        } else {
            Err(io::Error::other("it is no descendant"))
        }
    }

    pub fn id(&self) -> pid_t {
        self.pid
    }

    /// Sends a signal, to this process and never to another one.
    pub fn signal(&self, signal: c_int) {
        let no_details = std::ptr::null::<libc::siginfo_t>();
        // SAFETY: the descriptor is open; a process that is dead makes it an error.
        unsafe { libc::syscall(libc::SYS_pidfd_send_signal, self.file.as_raw_fd(), signal, no_details, 0) };
    }

    /// Tells how the process ended, if it has; `execs` is whether it was about to replace itself.  One that has done so is over
    /// as what it was.
    pub fn death(&self, execs: bool) -> Option<Death> {
        if !self.is_dead() {
            let is_another = |stat: Stat| stat.stack != self.found.stack;
            let replaced = execs && Stat::read(self.pid).is_some_and(is_another);
            return replaced.then_some(Death { how: How::Unknown, replaced });
        }
        let stat = Stat::read(self.pid).filter(|stat| stat.is_dead() && stat.born == self.found.born);
        let called_exec = |stat: &Stat| stat.has_called_exec() && !self.found.has_called_exec();
        Some(Death {
            how: stat.map(|stat| stat.status).or_else(|| self.status_after_all()).map_or(How::Unknown, how),
            replaced: execs || stat.as_ref().is_some_and(called_exec),
        })
    }

    /// Reaps the process if it has become this one's child and is dead.
    pub fn reap(&self) {
        // SAFETY: no status is asked for.
        unsafe { libc::waitpid(self.pid, std::ptr::null_mut(), libc::WNOHANG) };
    }

    /// Waits until the process is dead.
    pub fn wait(&self) {
        while !self.is_dead_in(-1) {}
    }

    fn is_dead(&self) -> bool {
        self.is_dead_in(0)
    }

    /// Whether the process is dead, or dies in so many milliseconds.
    fn is_dead_in(&self, milliseconds: c_int) -> bool {
        let mut asked = libc::pollfd { fd: self.file.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one entry, which lives during the call.
        unsafe { libc::poll(&raw mut asked, 1, milliseconds) == 1 }
    }

    /// Asks the kernel for the status of a process that its parent has reaped, which Linux knows from 6.15 on.
    fn status_after_all(&self) -> Option<c_int> {
        const PIDFD_INFO_EXIT: u64 = 1 << 3;
        // struct pidfd_info of include/uapi/linux/pidfd.h: mask and cgroup, 11 numbers of 32 bits, then the status.
        #[repr(C)]
        struct Info {
            mask: u64,
            cgroup: u64,
            numbers: [u32; 11],
            status: c_int,
        }
        const PIDFD_GET_INFO: u64 = 3 << 30 | (size_of::<Info>() as u64) << 16 | 0xff << 8 | 11;
        let mut info = Info { mask: PIDFD_INFO_EXIT, cgroup: 0, numbers: [0; 11], status: 0 };
        // SAFETY: the request says how large the struct is that it may write.
        let result = unsafe { libc::ioctl(self.file.as_raw_fd(), PIDFD_GET_INFO as _, &raw mut info) };
        (result == 0 && info.mask & PIDFD_INFO_EXIT != 0).then_some(info.status)
    }
}

fn how(status: c_int) -> How {
    match libc::WIFSIGNALED(status) {
        true => How::Killed(libc::WTERMSIG(status) as u8),
        false => How::Exited(libc::WEXITSTATUS(status) as u8),
    }
}

fn descends(pid: pid_t) -> bool {
    let me = std::process::id().cast_signed();
    let parent = |pid: &pid_t| Stat::read(*pid).map(|stat| stat.parent);
    pid != me && std::iter::successors(Some(pid), parent).take(GENERATIONS).any(|ancestor| ancestor == me)
}

/// Makes this process the one that gets the children of those that die below it.
pub fn adopt_orphans() -> io::Result<()> {
    // SAFETY: asks for nothing but that.
    match unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Reaps children that are dead, as far as they are not `others`'; returns whether there is any child left.
pub fn reap_orphans(others: impl Fn(pid_t) -> bool) -> bool {
    loop {
        let mut details = std::mem::MaybeUninit::<libc::siginfo_t>::zeroed();
        // SAFETY: the details are ours to be written.
        let result = unsafe {
            libc::waitid(libc::P_ALL, 0, details.as_mut_ptr(), libc::WEXITED | libc::WNOHANG | libc::WNOWAIT)
        };
        if result == -1 {
            return false;
        }
        // SAFETY: zeroed or written by waitid; a death has a process's number.
        let pid = unsafe { details.assume_init().si_pid() };
        if pid == 0 || others(pid) {
            return true;
        }
        // SAFETY: no status is asked for.
        unsafe { libc::waitpid(pid, std::ptr::null_mut(), libc::WNOHANG) };
    }
}
