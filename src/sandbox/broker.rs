//! Answers the calls that the filter leaves open, and reports what the program tried.
//!
//! A thread of the program can change its memory while its call waits.  So an answer never depends on what a pointer points to, unless
//! something else decides again: files are Landlock's affair, and a call is let through to it ([`Reply::Continue`]) or refused.  Of the
//! other calls those are let through whose registers say all.  A racing program can hide a report; it gains no deed.

use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use libc::{c_int, c_long, pid_t};

use super::act::{self, Change, Times};
use super::address;
use super::calls::{SCOPES, WRITING};
use super::notify::{Call, Listener, Reply};
use super::policy::{self, Network, Policy};
use super::resolve::{self, Meaning};
use super::system;
use crate::process::{self, signals, traced};
use crate::trace::attempt::{Answer, Deed, MOST_TARGETS};

/// Bytes of a word of a command line that are kept.
const LONGEST_WORD: usize = 512;
/// Bytes of an address that are read, which the kernel's largest has.
const LONGEST_ADDRESS: u64 = 128;

/// What a program tried, and what it was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    pub process: pid_t,
    pub thread: pid_t,
    pub deed: Deed,
    pub targets: Vec<Vec<u8>>,
    pub answer: Answer,
    /// The option that allows it, if one does and it was refused.
    pub option: Vec<u8>,
}

/// The broker's account.
pub struct Broker {
    listener: Listener,
    policy: Policy,
    landlock: u32,
    /// The program's first process.
    first: pid_t,
    /// Processes that may have been started since they were last counted, those that were there then among them.
    processes: u32,
    /// No process can be started any more.
    is_shut: Arc<AtomicBool>,
}

/// A decision: the answer, and what is reported of it.
struct Decision {
    reply: Reply,
    report: Option<(Deed, Vec<Vec<u8>>, Vec<u8>)>,
}

impl Decision {
    fn quiet(reply: Reply) -> Decision {
        Decision { reply, report: None }
    }

    fn reported(reply: Reply, deed: Deed, targets: Vec<Vec<u8>>, option: Vec<u8>) -> Decision {
        Decision { reply, report: Some((deed, targets, option)) }
    }

    /// Refuses what an option would allow.
    fn refused(error: c_int, deed: Deed, targets: Vec<Vec<u8>>, option: impl Into<Vec<u8>>) -> Decision {
        Decision::reported(Reply::Refuse(error), deed, targets, option.into())
    }

    fn allowed(deed: Deed, targets: Vec<Vec<u8>>) -> Decision {
        Decision::reported(Reply::Continue, deed, targets, Vec::new())
    }
}

impl Broker {
    /// Makes the broker of a sandbox whose first process is `first`.  Once `is_shut` no process can be started.
    pub fn new(listener: Listener, policy: Policy, landlock: u32, first: pid_t, is_shut: Arc<AtomicBool>) -> Broker {
        Broker { listener, policy, landlock, first, processes: 1, is_shut }
    }

    /// Answers calls until there is no process any more that could make one.  `report` is called while the caller waits.
    pub fn serve(mut self, mut report: impl FnMut(&Tried)) {
        while let Some(call) = self.listener.receive() {
            let Ok(call) = call else { continue };
            let process = match call.thread {
                thread if thread == self.first => thread,
                thread => traced::process_of(thread).unwrap_or(thread),
            };
            let Decision { reply, report: tried } = self.decide(&call, process);
            // What was read may be another thread's memory unless the caller still waits.
            if let Some((deed, targets, option)) = tried
                && self.listener.is_waiting(&call)
            {
                let answer = match reply {
                    Reply::Refuse(error) => Answer::Refused(error as u16),
                    Reply::Continue | Reply::Done(_) => Answer::Allowed,
                };
                report(&Tried { process, thread: call.thread, deed, targets, answer, option });
            }
            self.listener.reply(&call, reply);
        }
    }

    fn decide(&mut self, call: &Call, process: pid_t) -> Decision {
        let at = At { call, process };
        match call.number {
            libc::SYS_openat => self.open(at, call.int(0), 1, call.int(2)),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_open => self.open(at, libc::AT_FDCWD, 0, call.int(1)),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_creat => self.open(at, libc::AT_FDCWD, 0, libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC),
            libc::SYS_execve => self.exec(at, libc::AT_FDCWD, 0, 1),
            libc::SYS_execveat => self.exec(at, call.int(0), 1, 2),
            libc::SYS_clone => self.fork(),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_fork | libc::SYS_vfork => self.fork(),
            libc::SYS_kill | libc::SYS_tkill | libc::SYS_tgkill => self.kill(at),
            libc::SYS_connect => self.connect(at, Deed::Connect, 1, 2),
            libc::SYS_sendto => self.connect(at, Deed::Send, 4, 5),
            libc::SYS_bind => self.connect(at, Deed::Bind, 1, 2),
            libc::SYS_listen => self.network(libc::EACCES, Deed::Listen, Vec::new()),
            libc::SYS_socket => {
                let kind = format!("family {}, kind {}, protocol {}", call.int(0), call.int(1) & 0xf, call.int(2));
                self.network(libc::EACCES, Deed::Socket, vec![kind.into_bytes()])
            }
            number => match (PathCall::of(number), Change::of(call)) {
                (Some(path), _) => self.change_path(at, &path),
                (None, Some(change)) => self.metadata(at, &change),
                // The calls that reach into other processes are left.
                (None, None) => Decision::refused(libc::EPERM, Deed::Debug, vec![debugging(number).into()], []),
            },
        }
    }

    fn open(&self, at: At, folder: c_int, name: usize, flags: c_int) -> Decision {
        let writes = flags & WRITING != 0;
        let Some(given) = at.call.path(name) else { return Decision::quiet(Reply::Continue) };
        let follows =
            flags & libc::O_NOFOLLOW == 0 && flags & (libc::O_CREAT | libc::O_EXCL) != libc::O_CREAT | libc::O_EXCL;
        let path = match self.meaning(at, folder, &given, follows) {
            Meaning::Path(path) => path,
            Meaning::Nameless | Meaning::Unknown => return Decision::quiet(Reply::Continue),
        };
        let (deed, option) = if writes { (Deed::Write, "--allow-write") } else { (Deed::Read, "--allow-read") };
        let is_there = fs::symlink_metadata(&path).is_ok();
        let allowed = if writes { self.policy.may_write(&path) } else { self.may_read(at, &path) };
        let targets = vec![self.shown(at, &path)];
        match (allowed, is_there) {
            (true, _) if writes && !is_device(&path) => Decision::allowed(deed, targets),
            // What a program looks for in its own folders says what it wants to know of its user.
            (true, false) if self.policy.is_in_scratch(&path) => Decision::allowed(deed, targets),
            (true, _) => Decision::quiet(Reply::Continue),
            (false, true) if flags & libc::O_CREAT != 0 && flags & libc::O_EXCL != 0 => {
                Decision::refused(libc::EEXIST, deed, targets, policy::option(option, &path))
            }
            (false, false) if flags & libc::O_CREAT == 0 => Decision::refused(libc::ENOENT, deed, targets, []),
            (false, _) => Decision::refused(libc::EACCES, deed, targets, policy::option(option, &path)),
        }
    }

    /// Whether a real path may be read; a process's own files in /proc may, if it is the first.
    fn may_read(&self, at: At, path: &Path) -> bool {
        let own = PathBuf::from(format!("/proc/{}", self.first));
        self.policy.may_read(path) || (at.process == self.first && path.starts_with(own))
    }

    fn change_path(&self, at: At, change: &PathCall) -> Decision {
        let mut targets = Vec::new();
        let mut outside = None;
        for &(folder, name, must_be) in change.paths {
            let folder = folder.map_or(libc::AT_FDCWD, |argument| at.call.int(argument));
            let Some(given) = at.call.path(name) else { return Decision::quiet(Reply::Continue) };
            let Meaning::Path(path) = self.meaning(at, folder, &given, must_be == MustBe::Followed) else {
                return Decision::quiet(Reply::Continue);
            };
            let is_there = fs::symlink_metadata(&path).is_ok();
            targets.push(self.shown(at, &path));
            // Of a folder nothing can be made or removed without a right to the folder that it is in.
            let may_change = path.parent().is_some_and(|parent| self.policy.may_write(parent));
            let may = may_change || (must_be == MustBe::Followed && self.policy.may_write(&path));
            if !may && outside.is_none() {
                outside = Some(match (must_be, is_there) {
                    (MustBe::There | MustBe::Followed, false) => (libc::ENOENT, Vec::new()),
                    (MustBe::Absent, true) => (libc::EEXIST, Vec::new()),
                    _ => (libc::EACCES, policy::option("--allow-write", path.parent().unwrap_or(&path))),
                });
            }
        }
        if change.deed == Deed::Link
            && let Some(argument) = change.text
        {
            targets.insert(0, at.call.path(argument).unwrap_or_default().into_os_string().into_vec());
        }
        match outside {
            None => Decision::allowed(change.deed, targets),
            Some((error, option)) => Decision::refused(error, change.deed, targets, option),
        }
    }

    /// Changes a file's mode, owner or times in the scratch folder, and nowhere else.
    fn metadata(&self, at: At, change: &Change) -> Decision {
        let (meaning, held) = match change.name {
            Some(name) => {
                let Some(given) = at.call.path(name) else { return Decision::quiet(Reply::Refuse(libc::EFAULT)) };
                (self.meaning(at, change.folder, &given, change.follows), None)
            }
            None => match act::hold(at.call.thread, change.folder) {
                Ok((file, meaning)) => (meaning, Some(file)),
                Err(_) => (Meaning::Unknown, None),
            },
        };
        let path = match meaning {
            Meaning::Path(path) => path,
            Meaning::Nameless => return Decision::refused(libc::EPERM, Deed::Metadata, Vec::new(), []),
            Meaning::Unknown => {
                let is_of_descriptor = change.name.is_none() || change.folder != libc::AT_FDCWD;
                return Decision::quiet(Reply::Refuse(if is_of_descriptor { libc::EBADF } else { libc::ENOENT }));
            }
        };
        let targets = vec![self.shown(at, &path)];
        // A device that swallows what is written is the system's own.
        if self.policy.may_write(&path) && !is_device(&path) {
            let times = match &change.times {
                Some(times) => match Times::read(at.call, times) {
                    Some(times) => times,
                    None => return Decision::quiet(Reply::Refuse(libc::EFAULT)),
                },
                None => Times::default(),
            };
            // What was read may be another thread's memory unless the caller still waits.
            if !self.listener.is_waiting(at.call) {
                return Decision::quiet(Reply::Refuse(libc::EINTR));
            }
            let done = match &held {
                Some(file) => act::change(file, change, times),
                None => act::carry_out(&self.policy, &path, change, times),
            };
            let reply = match done {
                Ok(()) => Reply::Done(0),
                Err(error) => Reply::Refuse(error.raw_os_error().unwrap_or(libc::EPERM)),
            };
            return Decision::reported(reply, Deed::Metadata, targets, Vec::new());
        }
        let is_there = held.is_some() || fs::symlink_metadata(&path).is_ok();
        let error = if is_there { libc::EPERM } else { libc::ENOENT };
        Decision::refused(error, Deed::Metadata, targets, [])
    }

    fn exec(&self, at: At, folder: c_int, name: usize, words: usize) -> Decision {
        let Some(given) = at.call.path(name) else { return Decision::quiet(Reply::Refuse(libc::EFAULT)) };
        let mut argv = at.call.words(words, MOST_TARGETS, LONGEST_WORD);
        let arguments = argv.split_off(argv.len().min(1));
        let with = |program: Vec<u8>| [vec![program], arguments.clone()].concat();
        let path = match self.meaning(at, folder, &given, true) {
            Meaning::Path(path) => path,
            // A file without a name, in memory.
            Meaning::Nameless | Meaning::Unknown => {
                return Decision::refused(libc::EACCES, Deed::Exec, with(given.into_os_string().into_vec()), []);
            }
        };
        let is_there = fs::metadata(&path).is_ok_and(|found| found.is_file());
        let shown = if given.is_absolute() { given } else { path.clone() }.into_os_string().into_vec();
        if self.policy.may_run {
            return if is_there {
                Decision::allowed(Deed::Exec, with(shown))
            } else {
                Decision::quiet(Reply::Continue)
            };
        }
        if is_there {
            return Decision::refused(libc::EACCES, Deed::Exec, with(shown), "--allow-run");
        }
        // One of the places where a program is looked for; what counts is whether it is in any.
        let name = path.file_name().unwrap_or_default();
        let mut places = system::PATH.split(':').map(|folder| Path::new(folder).join(name));
        if places.any(|place| place.is_file()) {
            return Decision::quiet(Reply::Refuse(libc::ENOENT));
        }
        Decision::refused(libc::ENOENT, Deed::Exec, with(name.as_bytes().to_vec()), [])
    }

    /// The gate that keeps the number of processes.
    fn fork(&mut self) -> Decision {
        if self.processes >= self.policy.budget.processes {
            self.processes = traced::count_descendants();
        }
        if self.is_shut.load(Ordering::SeqCst) {
            return Decision::quiet(Reply::Refuse(libc::EAGAIN));
        }
        if self.processes >= self.policy.budget.processes {
            return Decision::refused(libc::EAGAIN, Deed::Fork, Vec::new(), "--max-processes");
        }
        self.processes += 1;
        Decision::allowed(Deed::Fork, Vec::new())
    }

    fn kill(&self, at: At) -> Decision {
        let (target, signal) = (at.call.int(0), at.call.int(if at.call.number == libc::SYS_tgkill { 2 } else { 1 }));
        let is_inside = target > 0 && (target == at.process || traced::descends(target));
        // One of its own threads: pthread_kill, which abort uses.
        let is_own_thread = at.call.number != libc::SYS_kill && traced::process_of(target) == Some(at.process);
        if is_own_thread {
            return Decision::quiet(Reply::Continue);
        }
        let who = match target {
            0 => "its process group".to_string(),
            -1 => "all processes".to_string(),
            target if target == at.process => "itself".to_string(),
            target if target == process::id() => "its parent".to_string(),
            _ if is_inside => "a process that it has started".to_string(),
            target if target < -1 => format!("process group {}", target.unsigned_abs()),
            target => format!("process {target}"),
        };
        let targets = vec![signals::name(signal).into_bytes(), who.into_bytes()];
        // Landlock lets a signal reach what is inside, and reports success for a group that it thinned out.
        let reply = match (is_inside || self.landlock >= SCOPES, target) {
            (false, _) => Reply::Refuse(libc::EPERM),
            (true, 1..) if !is_inside => {
                let error = if process::is_gone(target) { libc::ESRCH } else { libc::EPERM };
                Reply::Refuse(error)
            }
            (true, _) => Reply::Continue,
        };
        Decision::reported(reply, Deed::Kill, targets, Vec::new())
    }

    fn connect(&self, at: At, deed: Deed, address: usize, length: usize) -> Decision {
        let length = at.call.arguments[length].min(LONGEST_ADDRESS) as usize;
        let bytes = at.call.read(at.call.arguments[address], length);
        let Some(address) = address::of(&bytes) else {
            return self.network(libc::EAFNOSUPPORT, deed, Vec::new());
        };
        if address.is_name_service() {
            return Decision::quiet(Reply::Refuse(libc::ENOENT));
        }
        let error = match (deed, address.is_local()) {
            (Deed::Bind, _) => libc::EACCES,
            (_, true) => libc::ECONNREFUSED,
            _ => libc::ENETUNREACH,
        };
        self.network(error, deed, vec![address.text])
    }

    fn network(&self, error: c_int, deed: Deed, targets: Vec<Vec<u8>>) -> Decision {
        match self.policy.network {
            Network::All => Decision::allowed(deed, targets),
            Network::None => Decision::refused(error, deed, targets, "--allow-net"),
        }
    }

    fn meaning(&self, at: At, folder: c_int, name: &Path, follows: bool) -> Meaning {
        if name.as_os_str().is_empty() {
            return Meaning::Unknown;
        }
        resolve::resolve(at.process, at.call.thread, folder, name, follows)
    }

    /// A path as it is reported: the same in every run.
    fn shown(&self, at: At, path: &Path) -> Vec<u8> {
        let own = format!("/proc/{}", at.process);
        match path.strip_prefix(&own) {
            Ok(rest) if rest.as_os_str().is_empty() => b"/proc/self".to_vec(),
            Ok(rest) => [b"/proc/self/", rest.as_os_str().as_bytes()].concat(),
            Err(_) => path.as_os_str().as_bytes().to_vec(),
        }
    }
}

/// A call and the process whose thread makes it.
#[derive(Clone, Copy)]
struct At<'a> {
    call: &'a Call,
    process: pid_t,
}

/// A call that makes, removes or changes what has a path.
struct PathCall {
    deed: Deed,
    /// Each path: the argument with the descriptor that it counts from, none for the working folder; the argument with the path; and
    /// what must be there.
    paths: &'static [(Option<usize>, usize, MustBe)],
    /// The argument with the text of a symbolic link.
    text: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum MustBe {
    There,
    /// There, and a link at its end is followed.
    Followed,
    Absent,
    Anything,
}

impl PathCall {
    fn of(number: c_long) -> Option<PathCall> {
        use MustBe::{Absent, Anything, Followed, There};
        type Paths = &'static [(Option<usize>, usize, MustBe)];
        let (deed, paths): (Deed, Paths) = match number {
            libc::SYS_unlinkat => (Deed::Remove, &[(Some(0), 1, There)]),
            libc::SYS_renameat | libc::SYS_renameat2 => (Deed::Rename, &[(Some(0), 1, There), (Some(2), 3, Anything)]),
            libc::SYS_mkdirat => (Deed::MakeFolder, &[(Some(0), 1, Absent)]),
            libc::SYS_linkat => (Deed::Link, &[(Some(0), 1, There), (Some(2), 3, Absent)]),
            libc::SYS_symlinkat => (Deed::Link, &[(Some(1), 2, Absent)]),
            libc::SYS_mknodat => (Deed::MakeNode, &[(Some(0), 1, Absent)]),
            libc::SYS_truncate => (Deed::Write, &[(None, 0, Followed)]),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_unlink | libc::SYS_rmdir => (Deed::Remove, &[(None, 0, There)]),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_rename => (Deed::Rename, &[(None, 0, There), (None, 1, Anything)]),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_mkdir => (Deed::MakeFolder, &[(None, 0, Absent)]),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_link => (Deed::Link, &[(None, 0, There), (None, 1, Absent)]),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_symlink => (Deed::Link, &[(None, 1, Absent)]),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_mknod => (Deed::MakeNode, &[(None, 0, Absent)]),
            _ => return None,
        };
        let text = match number {
            libc::SYS_symlinkat => Some(0),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_symlink => Some(0),
            _ => None,
        };
        Some(PathCall { deed, paths, text })
    }
}

/// Whether a path is one of the devices that swallow what is written, which is no deed.
fn is_device(path: &Path) -> bool {
    system::WRITABLE.iter().any(|device| path == Path::new(device))
}

/// What a call that reaches into other processes does.
fn debugging(number: c_long) -> &'static str {
    match number {
        libc::SYS_ptrace => "ptrace",
        libc::SYS_process_vm_readv => "process_vm_readv",
        libc::SYS_process_vm_writev => "process_vm_writev",
        libc::SYS_pidfd_open => "pidfd_open",
        libc::SYS_pidfd_getfd => "pidfd_getfd",
        libc::SYS_pidfd_send_signal => "pidfd_send_signal",
        libc::SYS_rt_sigqueueinfo => "rt_sigqueueinfo",
        _ => "rt_tgsigqueueinfo",
    }
}
