//! Calls that start processes, reach into others, or share memory with them.

use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use libc::{c_int, c_long, pid_t};

use super::{At, Broker, Decision};
use crate::process::{self, signals, terminal, traced};
use crate::sandbox::calls::SCOPES;
use crate::sandbox::meter;
use crate::sandbox::notify::{Call, Reply};
use crate::sandbox::resolve::Meaning;
use crate::sandbox::system;
use crate::trace::attempt::{Deed, MOST_TARGETS};

/// Bytes of a word of a command line that are kept.
const LONGEST_WORD: usize = 512;
/// Bytes of the smallest page.
const PAGE: u64 = 4096;

impl Broker {
    pub(super) fn exec(&mut self, at: At, folder: c_int, name: usize, words: usize) -> Decision {
        let Some(given) = at.call.path(name) else { return Decision::quiet(Reply::Refuse(libc::EFAULT)) };
        let mut argv = at.call.words(words, MOST_TARGETS, LONGEST_WORD);
        let arguments = argv.split_off(argv.len().min(1));
        let with = |program: Vec<u8>| [vec![program], arguments.clone()].concat();
        let path = match self.meaning(at, folder, &given, true) {
            Meaning::Path(path) if self.policy.may_run || !has_lost_its_name(&path) => path,
            // A file without a name, in memory or on the disk, or one that cannot be named.
            _ => {
                return Decision::refused(libc::EACCES, Deed::Exec, with(given.into_os_string().into_vec()), []);
            }
        };
        let is_there = fs::metadata(&path).is_ok_and(|found| found.is_file());
        let shown = self.shown(at, if given.is_absolute() { &given } else { &path });
        if self.policy.may_run {
            return if is_there {
                Decision::allowed(Deed::Exec, with(shown))
            } else {
                Decision::quiet(Reply::Continue)
            };
        }
        // Programs are looked for in one folder after the other: what counts is whether one is in any, and one folder may be a link to
        // another.
        let places = || system::PATH.split(':').map(Path::new);
        let is_place = places().any(|place| given.parent() == Some(place));
        let name = path.file_name().unwrap_or_default();
        let tried = match (is_there, is_place) {
            (false, true) if places().any(|place| place.join(name).is_file()) => {
                return Decision::quiet(Reply::Refuse(libc::ENOENT));
            }
            (false, true) => PathBuf::from(name),
            _ => path.clone(),
        };
        let tried = Some((at.process, tried, arguments.clone()));
        let error = if is_there { libc::EACCES } else { libc::ENOENT };
        if self.refused_program == tried && (is_there || is_place) {
            return Decision::quiet(Reply::Refuse(error));
        }
        self.refused_program = tried;
        Decision::refused(error, Deed::Exec, with(shown), if is_there { "--allow-run" } else { "" })
    }

    /// The gate that keeps the number of processes.
    pub(super) fn fork(&mut self) -> Decision {
        if self.granted.is_shut() {
            return Decision::quiet(Reply::Refuse(libc::EAGAIN));
        }
        if self.processes >= self.policy.budget.processes {
            match traced::descendants() {
                Ok(living) => self.processes = living.len() as u32,
                // How many there are is not known.
                Err(_) => return Decision::refused(libc::EAGAIN, Deed::Fork, Vec::new(), []),
            }
        }
        if self.processes >= self.policy.budget.processes {
            return Decision::refused(libc::EAGAIN, Deed::Fork, Vec::new(), "--max-processes");
        }
        self.processes += 1;
        self.threads = self.threads.saturating_add(1);
        self.granted.note_start();
        Decision::allowed(Deed::Fork, Vec::new())
    }

    /// The gate that keeps the number of threads, of which the kernel has something too.
    pub(super) fn start_thread(&mut self) -> Decision {
        if self.threads >= self.policy.budget.threads {
            self.threads = self.count_threads().unwrap_or(self.threads);
        }
        if self.threads >= self.policy.budget.threads {
            return Decision::refused(libc::EAGAIN, Deed::Fork, vec![b"a thread".into()], []);
        }
        self.threads += 1;
        Decision::quiet(Reply::Continue)
    }

    fn count_threads(&self) -> io::Result<u32> {
        self.all_processes()?.into_iter().map(traced::count_threads).sum()
    }

    fn all_processes(&self) -> io::Result<Vec<pid_t>> {
        let mut processes = traced::descendants()?;
        processes.push(self.first);
        processes.sort_unstable();
        processes.dedup();
        Ok(processes)
    }

    /// Shared memory, which no limit of a process counts.  What is mapped may be a file: what a descriptor is can change while the call
    /// waits.  So all of it counts until there is too much, and then only what is in the maps and is no file.
    pub(super) fn map_shared(&self, call: &Call) -> Decision {
        // What is not known may be all that there is.
        let used = || self.all_processes().and_then(|all| meter::shared_memory(&all)).unwrap_or(u64::MAX);
        let bytes = call.arguments[1].checked_next_multiple_of(PAGE).unwrap_or(u64::MAX);
        Decision::quiet(match self.granted.take_shared(bytes, self.policy.budget.memory, used) {
            true => Reply::Continue,
            false => Reply::Refuse(libc::ENOMEM),
        })
    }

    /// A change of the terminal, which is undone when the program is over.  A job in the background has none to change.
    pub(super) fn set_modes(&self) -> Reply {
        if !terminal::is_ours() {
            return Reply::Refuse(libc::EIO);
        }
        self.granted.note_modes();
        Reply::Continue
    }

    pub(super) fn kill(&self, at: At) -> Decision {
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
}

/// Whether a path is what the kernel calls a file that has no name any more, or never had one (proc(5), /proc/PID/fd).
fn has_lost_its_name(path: &Path) -> bool {
    path.as_os_str().as_bytes().ends_with(b" (deleted)") && fs::symlink_metadata(path).is_err()
}

/// The name of a call that reaches into other processes.
pub(super) fn debugging(number: c_long) -> Option<&'static str> {
    Some(match number {
        libc::SYS_ptrace => "ptrace",
        libc::SYS_process_vm_readv => "process_vm_readv",
        libc::SYS_process_vm_writev => "process_vm_writev",
        libc::SYS_pidfd_open => "pidfd_open",
        libc::SYS_pidfd_getfd => "pidfd_getfd",
        libc::SYS_pidfd_send_signal => "pidfd_send_signal",
        libc::SYS_rt_sigqueueinfo => "rt_sigqueueinfo",
        libc::SYS_rt_tgsigqueueinfo => "rt_tgsigqueueinfo",
        _ => return None,
    })
}
