//! Answers the calls that the filter leaves open, and reports what the program tried.
//!
//! A thread of the program can change its memory while its call waits.  So an answer never depends on what a pointer points to, unless
//! something else decides again: files are Landlock's affair, and a call is let through to it ([`Reply::Continue`]) or refused.  Of the
//! other calls those are let through whose registers say all.  A racing program can hide a report; it gains no deed.

mod files;
mod network;
mod pretence;
mod processes;
mod refusal;

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use libc::{c_int, pid_t};

use super::act::Change;
use super::calls::{MSG_FASTOPEN, makes_namespace, sets_modes};
use super::meter::Granted;
use super::notify::{Call, Listener, Reply};
use super::policy::{self, Policy};
use super::resolve::{self, Meaning};
use crate::process::traced;
use crate::trace::attempt::{Answer, Deed};
use files::PathCall;
use network::kind_of_socket;
use pretence::Pretence;
use processes::debugging;

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
    /// The same of threads.
    threads: u32,
    granted: Arc<Granted>,
    /// The name of the socket at which interpreters that the program starts find the front, if they are followed.
    follow: Option<String>,
    /// The last program that was refused: by which process, the file, and the words.
    refused_program: Option<(pid_t, PathBuf, Vec<Vec<u8>>)>,
    pretence: Pretence,
}

/// A decision: the answer, and what is reported of it.
struct Decision {
    reply: Reply,
    /// What is done in the program's place, after the report, for another reply.  It may take long.
    act: Option<Box<dyn FnOnce() -> Reply + Send>>,
    report: Option<(Deed, Vec<Vec<u8>>, Vec<u8>)>,
    /// It only seems to be carried out.
    is_pretended: bool,
}

impl Decision {
    fn quiet(reply: Reply) -> Decision {
        Decision { reply, act: None, report: None, is_pretended: false }
    }

    fn reported(reply: Reply, deed: Deed, targets: Vec<Vec<u8>>, option: Vec<u8>) -> Decision {
        Decision { reply, act: None, report: Some((deed, targets, option)), is_pretended: false }
    }

    /// Refuses what an option would allow.
    fn refused(error: c_int, deed: Deed, targets: Vec<Vec<u8>>, option: impl Into<Vec<u8>>) -> Decision {
        Decision::reported(Reply::Refuse(error), deed, targets, option.into())
    }

    fn pretended(reply: Reply, deed: Deed, targets: Vec<Vec<u8>>) -> Decision {
        Decision { is_pretended: true, ..Decision::reported(reply, deed, targets, Vec::new()) }
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
            threads: 1,
            granted,
            follow: None,
            refused_program: None,
            pretence: Pretence::default(),
        }
    }

    /// Lets interpreters that the program starts reach the socket of this name.
    pub fn follow(self, name: Option<String>) -> Broker {
        Broker { follow: name, ..self }
    }

    /// Answers calls until there is no process any more that could make one.  `report` is called while the caller waits.
    pub fn serve(mut self, mut report: impl FnMut(&Tried)) {
        loop {
            self.pretence.wait(&*self.listener);
            let Some(call) = self.listener.receive() else { return };
            let Ok(call) = call else { continue };
            let process = match call.thread {
                thread if thread == self.first => thread,
                thread => traced::process_of(thread).unwrap_or(thread),
            };
            if call.number == libc::SYS_exit_group {
                self.report_at_end(At { call: &call, process }, |deed, targets| {
                    let (thread, answer) = (call.thread, Answer::Faked);
                    report(&Tried { process, thread, deed, targets, answer, option: Vec::new() });
                });
                self.listener.reply(&call, Reply::Continue);
                continue;
            }
            let Decision { reply, act, report: tried, is_pretended } = self.decide(&call, process);
            // What was read may be another thread's memory unless the caller still waits.
            if let Some((deed, targets, option)) = tried
                && self.listener.is_waiting(&call)
            {
                let answer = match reply {
                    _ if is_pretended => Answer::Faked,
                    Reply::Refuse(error) if act.is_none() => Answer::Refused(error as u16),
                    Reply::Refuse(_) | Reply::Continue | Reply::Done(_) => Answer::Allowed,
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
            libc::SYS_clone if makes_namespace(call.arguments[0]) => self.refuse(at),
            libc::SYS_clone if call.int(0) & libc::CLONE_THREAD != 0 => self.start_thread(),
            libc::SYS_clone => self.fork(),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_fork | libc::SYS_vfork => self.fork(),
            libc::SYS_kill | libc::SYS_tkill | libc::SYS_tgkill => self.kill(at),
            libc::SYS_mmap => self.map_shared(call),
            libc::SYS_rt_sigaction => {
                self.granted.note_forgetting();
                Decision::quiet(Reply::Continue)
            }
            libc::SYS_ioctl if sets_modes(call.arguments[1]) => Decision::quiet(self.set_modes()),
            libc::SYS_connect => self.connect(at, Deed::Connect, 1, 2),
            libc::SYS_sendmsg | libc::SYS_sendmmsg => self.send_message(at),
            libc::SYS_sendto if call.int(3).cast_unsigned() & MSG_FASTOPEN != 0 => self.send_at_once(at),
            libc::SYS_sendto if call.arguments[4] == 0 => self.send(at),
            libc::SYS_close | libc::SYS_shutdown => self.report_written(at),
            libc::SYS_getpeername | libc::SYS_getsockname => self.name(at),
            libc::SYS_getsockopt => self.option_of(at),
            libc::SYS_setsockopt => self.set_option(at),
            libc::SYS_sendto => self.connect(at, Deed::Send, 4, 5),
            libc::SYS_bind => self.connect(at, Deed::Bind, 1, 2),
            libc::SYS_listen => self.listen(),
            libc::SYS_socket => self.socket(call),
            libc::SYS_socketpair => Decision::refused(libc::EAFNOSUPPORT, Deed::Socket, vec![kind_of_socket(call)], []),
            number => match (PathCall::of(number), Change::of(call)) {
                (Some(path), _) => self.change_path(at, &path),
                (None, Some(change)) => self.metadata(at, &change),
                (None, None) => match debugging(number) {
                    Some(name) => Decision::refused(libc::EPERM, Deed::Debug, vec![name.into()], []),
                    None => self.refuse(at),
                },
            },
        }
    }

    fn meaning(&self, at: At, folder: c_int, name: &Path, follows: bool) -> Meaning {
        if name.as_os_str().is_empty() {
            return Meaning::Nowhere;
        }
        resolve::resolve(at.process, at.call.thread, folder, name, follows)
    }

    /// A path as it is reported: the same in every run.
    fn shown(&self, at: At, path: &Path) -> Vec<u8> {
        let own = PathBuf::from(format!("/proc/{}", at.process));
        let known = [(&own, "/proc/self"), (&self.policy.scratch, policy::SCRATCH)];
        for (folder, name) in known {
            if let Ok(rest) = path.strip_prefix(folder) {
                let thread = rest.strip_prefix(format!("task/{}", at.call.thread));
                let (name, rest) = match thread {
                    Ok(rest) if *folder == own => ("/proc/thread-self", rest),
                    _ => (name, rest),
                };
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
