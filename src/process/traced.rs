//! A process under recording that need not be this one's child: watched through a descriptor, which names one process forever, and
//! /proc, which has what otherwise only its parent learns.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use libc::{c_int, pid_t};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::child::{Death, How};
use super::stat::Stat;
use super::{Wants, poll};

/// Steps from a process to this one, at most; no process has a longer line of ancestors.
const GENERATIONS: usize = 10_000;

/// Returns the flags of a thread's descriptor, those of open(2); None if it has none of that number.
pub fn flags_of(thread: pid_t, descriptor: c_int) -> Option<u32> {
    let text = std::fs::read_to_string(format!("/proc/{thread}/fdinfo/{descriptor}")).ok()?;
    let flags = text.lines().find_map(|line| line.strip_prefix("flags:"))?;
    u32::from_str_radix(flags.trim(), 8).ok()
}

/// A process, dead or alive.
#[derive(Debug)]
pub struct Traced {
    pid: pid_t,
    /// None on systems that have no such descriptors, or whose filters forbid them.
    file: Option<OwnedFd>,
    found: Option<Stat>,
}

impl Traced {
    /// Watches a child of this process that has not been reaped.
    pub fn child(pid: pid_t) -> Traced {
        let file = Pid::from_raw(pid).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
        Traced { pid, file, found: Stat::read(pid) }
    }

    /// Finds a process that says this is its number; an error if it is none of this process's descendants.
    pub fn descendant(pid: pid_t) -> io::Result<Traced> {
        let file = pidfd_open(Pid::from_raw(pid).ok_or(io::ErrorKind::NotFound)?, PidfdFlags::empty())?;
        let found = Stat::read(pid).ok_or(io::ErrorKind::NotFound)?;
        // An ancestor may die while it is asked for; its children are then this process's.
        if (0..3).any(|_| descends(pid)) {
            Ok(Traced { pid, file: Some(file), found: Some(found) })
        } else {
            Err(io::Error::other("it is no descendant"))
        }
    }

    /// Watches a process whose descriptor another process has passed on.
    pub fn passed_on(pid: pid_t, file: Option<OwnedFd>) -> Traced {
        Traced { pid, file, found: Stat::read(pid) }
    }

    pub fn id(&self) -> pid_t {
        self.pid
    }

    /// The descriptor, readable when the process is dead.
    pub fn file(&self) -> Option<BorrowedFd<'_>> {
        self.file.as_ref().map(AsFd::as_fd)
    }

    /// Sends a signal to this process and never to another one; to none if there is no descriptor of it.
    pub fn signal(&self, signal: c_int) {
        let no_details = std::ptr::null::<libc::siginfo_t>();
        if let Some(file) = &self.file {
            // SAFETY: the descriptor is open; a process that is dead makes it an error.
            unsafe { libc::syscall(libc::SYS_pidfd_send_signal, file.as_raw_fd(), signal, no_details, 0) };
        }
    }

    /// Returns whether the process is dead, as far as its descriptor says.
    pub fn is_dead(&self) -> bool {
        self.file().is_some_and(|file| poll(&[(file, Wants::Input)], Some(Duration::ZERO))[0])
    }

    /// Returns how the process ended, if it has; `execs` is whether it was about to replace itself.  One that has done so is over
    /// as what it was.
    pub fn death(&self, execs: bool) -> Option<Death> {
        let before = |stat: &Stat| self.found.as_ref().filter(|found| found.born == stat.born).copied();
        let now = Stat::read(self.pid);
        if !self.is_dead() {
            let is_another = |stat: Stat| before(&stat).is_some_and(|found| found.stack != stat.stack);
            let replaced = execs && now.is_some_and(is_another);
            return replaced.then_some(Death { how: How::Unknown, replaced });
        }
        let now = now.filter(|stat| stat.is_dead());
        let called_exec =
            |stat: Stat| before(&stat).is_some_and(|found| stat.has_called_exec() && !found.has_called_exec());
        let status = now.filter(|stat| before(stat).is_some()).map(|stat| stat.status);
        Some(Death {
            how: status.or_else(|| self.status_after_all()).map_or(How::Unknown, how),
            replaced: execs || now.is_some_and(called_exec),
        })
    }

    /// Reaps the process if it has become this one's child and is dead.
    pub fn reap(&self) {
        // SAFETY: no status is asked for.
        unsafe { libc::waitpid(self.pid, std::ptr::null_mut(), libc::WNOHANG) };
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
        let file = self.file.as_ref()?.as_raw_fd();
        // SAFETY: the request says how large the struct is that it may write.
        let result = unsafe { libc::ioctl(file, PIDFD_GET_INFO as _, &raw mut info) };
        (result == 0 && info.mask & PIDFD_INFO_EXIT != 0).then_some(info.status)
    }
}

fn how(status: c_int) -> How {
    match libc::WIFSIGNALED(status) {
        true => How::Killed(libc::WTERMSIG(status) as u8),
        false => How::Exited(libc::WEXITSTATUS(status) as u8),
    }
}

/// Returns whether a process descends from this one.
pub fn descends(pid: pid_t) -> bool {
    let me = super::id();
    let parent = |pid: &pid_t| Stat::read(*pid).map(|stat| stat.parent);
    pid != me && std::iter::successors(Some(pid), parent).take(GENERATIONS).any(|ancestor| ancestor == me)
}

/// Returns the process that a thread belongs to.
pub fn process_of(thread: pid_t) -> Option<pid_t> {
    let text = std::fs::read_to_string(format!("/proc/{thread}/status")).ok()?;
    text.lines().find_map(|line| line.strip_prefix("Tgid:"))?.trim().parse().ok()
}

/// Counts the threads of a process, 0 if it is gone.
pub fn count_threads(process: pid_t) -> io::Result<u32> {
    let text = super::if_there(std::fs::read_to_string(format!("/proc/{process}/status")))?.unwrap_or_default();
    let count = text.lines().find_map(|line| line.strip_prefix("Threads:")?.trim().parse().ok());
    Ok(count.unwrap_or(0))
}

/// Whether a process ignores a signal.
pub fn ignores(process: pid_t, signal: c_int) -> io::Result<bool> {
    let text = super::if_there(std::fs::read_to_string(format!("/proc/{process}/status")))?.unwrap_or_default();
    let ignored = text.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    Ok(ignored.unwrap_or(0) >> (signal - 1) & 1 == 1)
}

/// A process that descends from this one, and that may be dead and not reaped yet.
#[derive(Clone, Copy, Debug)]
pub struct Descendant {
    pub pid: pid_t,
    /// When it was born, which tells it from another one that has its number later.
    pub born: u64,
    pub parent: pid_t,
    pub is_dead: bool,
}

/// The living processes that descend from this one; an error as in [`family`].
pub fn descendants() -> io::Result<Vec<pid_t>> {
    Ok(family()?.into_iter().filter(|one| !one.is_dead).map(|one| one.pid).collect())
}

/// The processes that descend from this one, parents before their children.  An error, such as that there are no more descriptors, says
/// nothing of whether there are any.
pub fn family() -> io::Result<Vec<Descendant>> {
    let mut all: HashMap<pid_t, Stat> = HashMap::new();
    for entry in std::fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        all.extend(Stat::find(pid)?.map(|stat| (pid, stat)));
    }
    let me = super::id();
    let generation = |pid: pid_t| {
        let parent = |pid: &pid_t| all.get(pid).map(|stat| stat.parent);
        std::iter::successors(parent(&pid), parent).take(GENERATIONS).position(|ancestor| ancestor == me)
    };
    let generations = all.iter().filter_map(|(pid, stat)| Some((generation(*pid)?, *pid, stat)));
    let mut family: Vec<(usize, Descendant)> = generations
        .map(|(generation, pid, stat)| {
            let Stat { born, parent, .. } = *stat;
            (generation, Descendant { pid, born, parent, is_dead: stat.is_dead() })
        })
        .collect();
    family.sort_unstable_by_key(|(generation, one)| (*generation, one.pid));
    Ok(family.into_iter().map(|(_, one)| one).collect())
}

/// Kills all processes that descend from this one, which adopts orphans.
pub fn kill_descendants() {
    // A look at all processes can miss one whose parent dies meanwhile.  What has lost its parent is this process's child, so nothing
    // is left when this has none.
    while reap_orphans(|_| false) {
        match descendants() {
            Ok(living) => living.into_iter().for_each(|pid| super::send(pid, libc::SIGKILL)),
            // Who they are will be known when other threads have closed descriptors.
            Err(_) => std::thread::sleep(Duration::from_millis(1)),
        }
        std::thread::yield_now();
    }
}

/// Returns whether a process runs this very binary.
pub fn is_same_program(pid: pid_t) -> bool {
    let program =
        |process: &str| std::fs::metadata(format!("/proc/{process}/exe")).map(|file| (file.dev(), file.ino())).ok();
    program("self").is_some_and(|own| program(&pid.to_string()) == Some(own))
}

/// Returns the words that a process was started with.
pub fn command_line(pid: pid_t) -> Option<Vec<Vec<u8>>> {
    let text = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    Some(text.strip_suffix(b"\0")?.split(|&byte| byte == 0).map(<[u8]>::to_vec).collect())
}

/// Refuses to follow processes if there is no /proc, from which alone bctrace knows whose descendant a process is.
pub fn check_proc() -> io::Result<()> {
    match Stat::read(super::id()) {
        Some(_) => Ok(()),
        None => Err(io::Error::other("cannot follow other processes: /proc is not mounted")),
    }
}

/// Makes this process the one that gets the children of those that die below it.
pub fn adopt_orphans() -> io::Result<()> {
    Ok(rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?)
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
        // SAFETY: zeroed or written by waitid.
        let details = unsafe { details.assume_init() };
        // SAFETY: a death has a process's number.
        let pid = unsafe { details.si_pid() };
        if pid == 0 || others(pid) {
            return true;
        }
        // SAFETY: no status is asked for.
        unsafe { libc::waitpid(pid, std::ptr::null_mut(), libc::WNOHANG) };
    }
}
