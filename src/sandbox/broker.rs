//! Answers the calls that the filter leaves open, and reports what the program tried.
//!
//! A thread of the program can change its memory while its call waits.  So an answer never depends on what a pointer points to, unless
//! something else decides again: files are Landlock's affair, and a call is let through to it ([`Reply::Continue`]) or refused.  Of the
//! other calls those are let through whose registers say all.  A racing program can hide a report; it gains no deed.

use std::fs::{self, File};
use std::io::{self, Seek, Write};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use libc::{c_int, c_long, pid_t};
use rustix::net::SendFlags;

use super::act::{self, Change, Times};
use super::address;
use super::calls::{SCOPES, WRITING};
use super::meter::{self, Granted};
use super::notify::{Call, Listener, Reply};
use super::policy::{self, Network, Policy};
use super::resolve::{self, Meaning};
use super::system;
use crate::process::socket::Connection;
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
    listener: Arc<Listener>,
    policy: Policy,
    landlock: u32,
    /// The program's first process.
    first: pid_t,
    /// Processes that may have been started since they were last counted, those that were there then among them.
    processes: u32,
    granted: Arc<Granted>,
    /// The name of the socket at which interpreters that the program starts find the front, if they are followed.
    follow: Option<String>,
    /// The last program that was refused: by which process, the file, and the words.
    refused_program: Option<(pid_t, PathBuf, Vec<Vec<u8>>)>,
}

/// A decision: the answer, and what is reported of it.
struct Decision {
    reply: Reply,
    /// What is done in the program's place, after the report, for another reply.  It may take long.
    act: Option<Box<dyn FnOnce() -> Reply + Send>>,
    report: Option<(Deed, Vec<Vec<u8>>, Vec<u8>)>,
}

impl Decision {
    fn quiet(reply: Reply) -> Decision {
        Decision { reply, act: None, report: None }
    }

    fn reported(reply: Reply, deed: Deed, targets: Vec<Vec<u8>>, option: Vec<u8>) -> Decision {
        Decision { reply, act: None, report: Some((deed, targets, option)) }
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
    /// Makes the broker of a sandbox whose first process is `first`.
    pub fn new(listener: Listener, policy: Policy, landlock: u32, first: pid_t, granted: Arc<Granted>) -> Broker {
        Broker {
            listener: Arc::new(listener),
            policy,
            landlock,
            first,
            processes: 1,
            granted,
            follow: None,
            refused_program: None,
        }
    }

    /// Lets interpreters that the program starts reach the socket of this name.
    pub fn follow(self, name: Option<String>) -> Broker {
        Broker { follow: name, ..self }
    }

    /// Answers calls until there is no process any more that could make one.  `report` is called while the caller waits.
    pub fn serve(mut self, mut report: impl FnMut(&Tried)) {
        while let Some(call) = self.listener.receive() {
            let Ok(call) = call else { continue };
            let process = match call.thread {
                thread if thread == self.first => thread,
                thread => traced::process_of(thread).unwrap_or(thread),
            };
            let Decision { reply, act, report: tried } = self.decide(&call, process);
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
            match act.filter(|_| self.listener.is_waiting(&call)) {
                None => self.listener.reply(&call, reply),
                Some(act) => {
                    let listener = Arc::clone(&self.listener);
                    let spawned = std::thread::Builder::new().spawn(move || listener.reply(&call, act()));
                    if spawned.is_err() {
                        self.listener.reply(&call, Reply::Refuse(libc::EAGAIN));
                    }
                }
            }
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
            libc::SYS_mmap => self.map_shared(call),
            libc::SYS_connect => self.connect(at, Deed::Connect, 1, 2),
            libc::SYS_sendto => self.connect(at, Deed::Send, 4, 5),
            libc::SYS_bind => self.connect(at, Deed::Bind, 1, 2),
            libc::SYS_listen => self.network(libc::EACCES, Deed::Listen, Vec::new(), ALLOW_NET),
            libc::SYS_socket => {
                // getaddrinfo of the C library asks for the machine's interfaces, and can do without.
                if call.int(0) == libc::AF_NETLINK
                    && call.int(2) == libc::NETLINK_ROUTE
                    && self.policy.network != Network::All
                {
                    return Decision::quiet(Reply::Refuse(libc::EACCES));
                }
                let kind = format!("family {}, kind {}, protocol {}", call.int(0), call.int(1) & 0xf, call.int(2));
                self.network(libc::EACCES, Deed::Socket, vec![kind.into_bytes()], ALLOW_NET)
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
            (true, _) if writes && !is_device(&path) => {
                self.granted.note_write();
                Decision::allowed(deed, targets)
            }
            // What a program looks for in its own folders says what it wants to know of its user.
            (true, false) if self.policy.is_in_scratch(&path) => Decision::allowed(deed, targets),
            (true, _) if !writes && path == Path::new(HOSTS) => Decision::quiet(self.give_hosts(at)),
            (true, _) => Decision::quiet(Reply::Continue),
            _ if flags & libc::O_ACCMODE == libc::O_WRONLY && flags & COMPILED == COMPILED && is_compiled(&path) => {
                Decision::quiet(Reply::Refuse(libc::EACCES))
            }
            (false, true) if flags & libc::O_CREAT != 0 && flags & libc::O_EXCL != 0 => {
                Decision::refused(libc::EEXIST, deed, targets, self.option(option, &path))
            }
            (false, false) if flags & libc::O_CREAT == 0 => Decision::refused(libc::ENOENT, deed, targets, []),
            (false, _) => Decision::refused(libc::EACCES, deed, targets, self.option(option, &path)),
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
                    _ => (libc::EACCES, self.option("--allow-write", path.parent().unwrap_or(&path))),
                });
            }
        }
        if change.deed == Deed::Link
            && let Some(argument) = change.text
        {
            targets.insert(0, at.call.path(argument).unwrap_or_default().into_os_string().into_vec());
        }
        match outside {
            None => {
                self.granted.note_write();
                Decision::allowed(change.deed, targets)
            }
            Some((error, _)) if change.deed == Deed::Remove && self.is_cache(at, change) => {
                Decision::quiet(Reply::Refuse(error))
            }
            Some((error, option)) => Decision::refused(error, change.deed, targets, option),
        }
    }

    /// Whether a path that a call names is that of a compiled module whose source is beside it.
    fn is_cache(&self, at: At, change: &PathCall) -> bool {
        let paths = change.paths.iter().filter_map(|&(folder, name, _)| {
            let folder = folder.map_or(libc::AT_FDCWD, |argument| at.call.int(argument));
            Some(self.meaning(at, folder, &at.call.path(name)?, false))
        });
        paths.into_iter().all(|meaning| matches!(meaning, Meaning::Path(path) if is_compiled(&path)))
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

    fn exec(&mut self, at: At, folder: c_int, name: usize, words: usize) -> Decision {
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
            // Where programs are looked for, one folder may be a link to another.
            let tried = (at.process, path, arguments.clone());
            if self.refused_program.as_ref() == Some(&tried) {
                return Decision::quiet(Reply::Refuse(libc::EACCES));
            }
            self.refused_program = Some(tried);
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
        if self.granted.is_shut() {
            return Decision::quiet(Reply::Refuse(libc::EAGAIN));
        }
        if self.processes >= self.policy.budget.processes {
            return Decision::refused(libc::EAGAIN, Deed::Fork, Vec::new(), "--max-processes");
        }
        self.processes += 1;
        self.granted.note_start();
        Decision::allowed(Deed::Fork, Vec::new())
    }

    /// Shared memory, which no limit of a process counts.
    fn map_shared(&self, call: &Call) -> Decision {
        let used = || {
            let mut processes = traced::descendants();
            processes.push(self.first);
            processes.sort_unstable();
            processes.dedup();
            meter::shared_memory(&processes)
        };
        Decision::quiet(match self.granted.take_shared(call.arguments[1], self.policy.budget.memory, used) {
            true => Reply::Continue,
            false => Reply::Refuse(libc::ENOMEM),
        })
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
            return self.network(libc::EAFNOSUPPORT, deed, Vec::new(), ALLOW_NET);
        };
        if deed == Deed::Connect && self.is_of_follower(at, &address.text) {
            return Decision::quiet(self.introduce(at));
        }
        if address.is_name_service() {
            return Decision::quiet(Reply::Refuse(libc::ENOENT));
        }
        if let (Network::Hosts(_), Some(socket)) = (&self.policy.network, address.socket)
            && matches!(deed, Deed::Connect | Deed::Send)
            && self.policy.network.has(&socket)
        {
            return reach(at, deed, socket, address.text);
        }
        // So getaddrinfo asks which of its own addresses a packet would have.
        if deed == Deed::Connect
            && address.socket.is_some_and(|socket| socket.port() == 0)
            && self.policy.network != Network::All
        {
            return Decision::quiet(Reply::Refuse(libc::ENETUNREACH));
        }
        let option = match (deed, address.socket) {
            (Deed::Connect | Deed::Send, Some(socket)) => format!("{ALLOW_NET}={socket}"),
            _ => ALLOW_NET.to_owned(),
        };
        let error = match (deed, address.is_local()) {
            (Deed::Bind, _) => libc::EACCES,
            (_, true) => libc::ECONNREFUSED,
            _ => libc::ENETUNREACH,
        };
        self.network(error, deed, vec![address.text], &option)
    }

    /// Opens the table of hosts with those that may be reached in it, whose names no server tells.
    fn give_hosts(&self, at: At) -> Reply {
        let Some(lines) = self.policy.network.host_lines() else { return Reply::Continue };
        let mut text = fs::read_to_string(HOSTS).unwrap_or_default();
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&lines);
        let given = hosts_file(&text).and_then(|file| self.listener.give_descriptor(at.call, file.as_fd()));
        given.map_or(Reply::Continue, Reply::Done)
    }

    /// Whether an interpreter that is this same program asks for the front's socket.
    fn is_of_follower(&self, at: At, address: &[u8]) -> bool {
        let asked = address.strip_prefix(b"@");
        self.follow.as_ref().is_some_and(|name| asked == Some(name.as_bytes())) && traced::is_same_program(at.process)
    }

    /// Connects in an interpreter's place: the walls let it connect to nothing.
    fn introduce(&self, at: At) -> Reply {
        let connected = self.follow.as_ref().map(|name| Connection::to(name));
        match connected {
            Some(Ok(connection)) if self.listener.is_waiting(at.call) => {
                match self.listener.replace_descriptor(at.call, at.call.int(0), connection.as_fd()) {
                    Ok(()) => Reply::Done(0),
                    Err(_) => Reply::Refuse(libc::ECONNREFUSED),
                }
            }
            _ => Reply::Refuse(libc::ECONNREFUSED),
        }
    }

    fn network(&self, error: c_int, deed: Deed, targets: Vec<Vec<u8>>, option: &str) -> Decision {
        match self.policy.network {
            Network::All => Decision::allowed(deed, targets),
            Network::None | Network::Hosts(_) => Decision::refused(error, deed, targets, option),
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
        let own = PathBuf::from(format!("/proc/{}", at.process));
        let known = [(&own, "/proc/self"), (&self.policy.scratch, policy::SCRATCH)];
        for (folder, name) in known {
            if let Ok(rest) = path.strip_prefix(folder) {
                let rest = rest.as_os_str().as_bytes();
                return if rest.is_empty() { name.into() } else { [name.as_bytes(), b"/", rest].concat() };
            }
        }
        path.as_os_str().as_bytes().to_vec()
    }

    /// The option that allows something for a path; none for a process's own files, which are other ones in each run.
    fn option(&self, name: &str, path: &Path) -> Vec<u8> {
        if path.starts_with("/proc") { Vec::new() } else { policy::option(name, path) }
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

/// The option that opens the network.
const ALLOW_NET: &str = "--allow-net";

/// The table of hosts.
const HOSTS: &str = "/etc/hosts";

fn hosts_file(text: &str) -> io::Result<File> {
    let mut file = File::from(rustix::fs::memfd_create("hosts", rustix::fs::MemfdFlags::CLOEXEC)?);
    file.write_all(text.as_bytes())?;
    file.rewind()?;
    Ok(file)
}

/// Bytes of a packet that is sent in the program's place, at most: the longest of UDP.
const PACKET: u64 = 1 << 16;

/// Connects a socket of the program's to an address that was looked at here, or sends a packet there: the program could put another
/// address in its place.
fn reach(at: At, deed: Deed, address: SocketAddr, shown: Vec<u8>) -> Decision {
    let (call, process) = (*at.call, at.process);
    let act = move || {
        let reached = call.descriptor(process, call.int(0)).and_then(|socket| {
            if deed == Deed::Connect {
                return Ok(rustix::net::connect(&socket, &address).map(|()| 0)?);
            }
            let packet = call.read(call.arguments[1], call.arguments[2].min(PACKET) as usize);
            let flags = SendFlags::from_bits_retain(call.int(3).cast_unsigned()) | SendFlags::NOSIGNAL;
            Ok(rustix::net::sendto(&socket, &packet, flags, &address)? as i64)
        });
        match reached {
            Ok(value) => Reply::Done(value),
            Err(error) => Reply::Refuse(error.raw_os_error().unwrap_or(libc::ENETUNREACH)),
        }
    };
    let report = Some((deed, vec![shown], Vec::new()));
    Decision { reply: Reply::Continue, act: Some(Box::new(act)), report }
}

/// How an import opens the file for what it has compiled (open_exclusive of Python/import.c), besides for writing alone.
const COMPILED: c_int = libc::O_CREAT | libc::O_EXCL | libc::O_TRUNC;

/// Whether a path is that of a compiled module whose source is beside it: imports replace such files, and do without where they cannot.
fn is_compiled(path: &Path) -> bool {
    let name = path.as_os_str().as_bytes();
    let source = name.strip_suffix(b"c").or_else(|| name.strip_suffix(b"o")).filter(|source| source.ends_with(b".py"));
    source.is_some_and(|source| Path::new(std::ffi::OsStr::from_bytes(source)).is_file())
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
