//! Calls that open, make, remove or change files.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use libc::{c_int, c_long};
use rustix::fs::{Mode, OFlags};

use super::network::HOSTS;
use super::{At, Broker, Decision};
use crate::sandbox::act::{self, Change, Times};
use crate::sandbox::calls::WRITING;
use crate::sandbox::notify::{Call, Reply};
use crate::sandbox::resolve::Meaning;
use crate::sandbox::system;
use crate::trace::attempt::Deed;

/// What a process can read of itself in /proc.
const OWN: [&str; 12] =
    ["cgroup", "cmdline", "comm", "fd", "io", "limits", "maps", "mountinfo", "mounts", "stat", "statm", "status"];

fn is_known(name: &OsStr) -> bool {
    OWN.iter().any(|known| name == *known)
}

impl Broker {
    pub(super) fn open(&self, at: At, folder: c_int, name: usize, flags: c_int) -> Decision {
        let writes = flags & WRITING != 0;
        let unknown = if writes { self.unknown() } else { Reply::Continue };
        let Some(given) = at.call.path(name) else { return Decision::quiet(unknown) };
        let follows =
            flags & libc::O_NOFOLLOW == 0 && flags & (libc::O_CREAT | libc::O_EXCL) != libc::O_CREAT | libc::O_EXCL;
        let path = match self.meaning(at, folder, &given, follows) {
            Meaning::Path(path) | Meaning::Deep(path) => path,
            Meaning::Nameless | Meaning::Nowhere => return Decision::quiet(unknown),
            Meaning::Unknown => return refused_unknown(if writes { Deed::Write } else { Deed::Read }, given),
        };
        if !writes && let Some(reply) = self.give_own(at, &path) {
            return Decision::quiet(reply);
        }
        let (deed, option) = if writes { (Deed::Write, "--allow-write") } else { (Deed::Read, "--allow-read") };
        let is_there = fs::symlink_metadata(&path).is_ok();
        // What is only made or cut is opened for reading too.
        let reads = flags & libc::O_ACCMODE != libc::O_WRONLY;
        let allowed = (!writes || self.may_write(&path)) && (!reads || self.may_read(at, &path));
        // What is opened for both may lack the other right alone.
        let option = if writes && self.may_write(&path) { "--allow-read" } else { option };
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
        let own = path.strip_prefix(format!("/proc/{}", self.first)).ok().filter(|_| at.process == self.first);
        let is_own = own.is_some_and(|own| !system::NOT_OWN.iter().any(|name| own.starts_with(name)));
        self.policy.may_read(path) || is_own
    }

    /// Opens what a process may know of itself and Landlock does not let it open: that knows the first process's files in /proc alone,
    /// and not the folders that also have what a program may not know.  Nothing that shows or changes memory, or more to this process
    /// than to the program.
    fn give_own(&self, at: At, path: &Path) -> Option<Reply> {
        let own = path.strip_prefix(format!("/proc/{}", at.process)).ok()?;
        let parts: Vec<&OsStr> = own.iter().collect();
        let is_own = match &parts[..] {
            [] => true,
            [name] if *name == "task" => true,
            [name] => at.process != self.first && is_known(name),
            [task, _] if *task == "task" => true,
            [task, _, name] if *task == "task" => is_known(name),
            _ => false,
        };
        if self.landlock == 0 || !is_own {
            return None;
        }
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let opened = rustix::fs::open(path, flags, Mode::empty()).map_err(io::Error::from);
        // The number may be another process's by now, unless the caller still waits.
        let opened = opened.and_then(|file| match self.listener.is_waiting(at.call) {
            true => self.listener.give_descriptor(at.call, file.as_fd()),
            false => Err(io::Error::from_raw_os_error(libc::EINTR)),
        });
        Some(match opened {
            Ok(descriptor) => Reply::Done(descriptor),
            Err(error) => Reply::Refuse(error.raw_os_error().unwrap_or(libc::EACCES)),
        })
    }

    /// The answer to what would change something that cannot be named: Landlock decides, where there is one.
    fn unknown(&self) -> Reply {
        if self.landlock > 0 { Reply::Continue } else { Reply::Refuse(libc::EACCES) }
    }

    /// Whether a real path may be written: nothing may where Landlock does not decide again.
    pub(super) fn may_write(&self, path: &Path) -> bool {
        self.landlock > 0 && self.policy.may_write(path)
    }

    pub(super) fn change_path(&self, at: At, change: &PathCall) -> Decision {
        let mut targets = Vec::new();
        let mut paths = Vec::new();
        let mut outside: Option<(c_int, Vec<u8>)> = None;
        for &(folder, name, must_be) in change.paths {
            let folder = folder.map_or(libc::AT_FDCWD, |argument| at.call.int(argument));
            let Some(given) = at.call.path(name) else { return Decision::quiet(self.unknown()) };
            let path = match self.meaning(at, folder, &given, must_be == MustBe::Followed) {
                Meaning::Path(path) | Meaning::Deep(path) => path,
                Meaning::Nameless | Meaning::Nowhere => return Decision::quiet(self.unknown()),
                Meaning::Unknown => return refused_unknown(change.deed, given),
            };
            let is_there = fs::symlink_metadata(&path).is_ok();
            targets.push(self.shown(at, &path));
            // Of a folder nothing can be made or removed without a right to the folder that it is in.
            let may_change = path.parent().is_some_and(|parent| self.may_write(parent));
            let may = may_change || (must_be == MustBe::Followed && self.may_write(&path));
            if !may || change.makes_device(at.call) {
                let refusal = match (must_be, is_there) {
                    (MustBe::There | MustBe::Followed, false) => (libc::ENOENT, Vec::new()),
                    (MustBe::Absent, true) => (libc::EEXIST, Vec::new()),
                    _ if may => (libc::EACCES, Vec::new()),
                    _ => (libc::EACCES, self.option("--allow-write", path.parent().unwrap_or(&path))),
                };
                outside = Some(match outside {
                    None => refusal,
                    Some(first) => both(first, refusal),
                });
            }
            paths.push(path);
        }
        if outside.is_none() && self.becomes_readable(&paths) {
            outside = Some((libc::EXDEV, Vec::new()));
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

    /// Whether a call would give what is there another folder, where it may be read and was not before: Landlock lets no file gain a right
    /// (current_check_refer_path of security/landlock/fs.c).
    fn becomes_readable(&self, paths: &[PathBuf]) -> bool {
        let [from, to] = paths else { return false };
        let is_elsewhere = from.parent() != to.parent() && fs::symlink_metadata(from).is_ok();
        is_elsewhere && !self.policy.may_read(from) && self.policy.may_read(to)
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
    pub(super) fn metadata(&self, at: At, change: &Change) -> Decision {
        let (meaning, held) = match change.name {
            Some(name) => {
                let Some(given) = at.call.path(name) else { return Decision::quiet(Reply::Refuse(libc::EFAULT)) };
                (self.meaning(at, change.folder, &given, change.follows), None)
            }
            None => match act::hold(at.call.thread, change.folder) {
                Ok((file, meaning)) => (meaning, Some(file)),
                Err(_) => (Meaning::Nowhere, None),
            },
        };
        let path = match meaning {
            Meaning::Path(path) => path,
            Meaning::Deep(path) if held.is_some() => path,
            Meaning::Deep(path) => {
                return Decision::refused(libc::ENAMETOOLONG, Deed::Metadata, vec![self.shown(at, &path)], []);
            }
            Meaning::Nameless | Meaning::Unknown => {
                return Decision::refused(libc::EPERM, Deed::Metadata, Vec::new(), []);
            }
            Meaning::Nowhere => {
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
}

/// The refusal of a name that cannot be followed, and so is reported as it was given.
fn refused_unknown(deed: Deed, given: PathBuf) -> Decision {
    Decision::refused(libc::EACCES, deed, vec![given.into_os_string().into_vec()], [])
}

/// What two paths of a call are refused: the error is that of the first one, and both need their options.
fn both((error, mut option): (c_int, Vec<u8>), (_, other): (c_int, Vec<u8>)) -> (c_int, Vec<u8>) {
    if option.is_empty() || other.is_empty() {
        return (error, Vec::new());
    }
    if option != other {
        option.push(0);
        option.extend(other);
    }
    (error, option)
}

/// A call that makes, removes or changes what has a path.
pub(super) struct PathCall {
    deed: Deed,
    /// Each path: the argument with the descriptor that it counts from, none for the working folder; the argument with the path; and
    /// what must be there.
    paths: &'static [(Option<usize>, usize, MustBe)],
    /// The argument with the text of a symbolic link.
    text: Option<usize>,
    /// The argument with the kind of a special file.
    kind: Option<usize>,
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
    pub(super) fn of(number: c_long) -> Option<PathCall> {
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
        let kind = match number {
            libc::SYS_mknodat => Some(2),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_mknod => Some(1),
            _ => None,
        };
        Some(PathCall { deed, paths, text, kind })
    }

    /// Whether it makes a device, to which nothing has a right.
    fn makes_device(&self, call: &Call) -> bool {
        let kind = self.kind.map(|argument| call.arguments[argument] as u32 & libc::S_IFMT);
        matches!(kind, Some(libc::S_IFCHR | libc::S_IFBLK))
    }
}

/// How an import opens the file for what it has compiled (open_exclusive of Python/import.c), besides for writing alone.
const COMPILED: c_int = libc::O_CREAT | libc::O_EXCL | libc::O_TRUNC;

/// Whether a path is that of a compiled module whose source is beside it: imports replace such files, and do without where they cannot.
fn is_compiled(path: &Path) -> bool {
    let name = path.as_os_str().as_bytes();
    let source = name.strip_suffix(b"c").or_else(|| name.strip_suffix(b"o")).filter(|source| source.ends_with(b".py"));
    source.is_some_and(|source| Path::new(OsStr::from_bytes(source)).is_file())
}

/// Whether a path is one of the devices that swallow what is written, which is no deed.
fn is_device(path: &Path) -> bool {
    system::WRITABLE.iter().any(|device| path == Path::new(device))
}
