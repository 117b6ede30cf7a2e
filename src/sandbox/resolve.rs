//! Names as another process means them: relative to its folder or its descriptors, and with /proc/self for that process.  Looks at
//! names and links and opens nothing but folders, as places to look from, for the names are hostile.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

use libc::{c_int, pid_t};
use rustix::fs::{CWD, Mode, OFlags, openat, readlinkat};

/// Links that are followed in one name, as in the kernel (MAXSYMLINKS).
const MOST_LINKS: u32 = 40;
/// Bytes of a path, its end included, that calls take at most.
const PATH_MAX: usize = libc::PATH_MAX as usize;
/// Folders that a process's folder lies too deep, at most.
const MOST_UNNAMED: usize = 10_000;
/// What is shown for the name of such a folder.
const UNNAMED: &str = "...";

/// What a name means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// A path without symbolic links; there need not be anything.
    Path(PathBuf),
    /// The same, but too long for any call; folders whose names are not known are `...` in it.
    Deep(PathBuf),
    /// Something without a path: a pipe, a socket, a file that was removed.
    Nameless,
    /// The kernel cannot follow the name either.
    Nowhere,
    /// The name cannot be followed.
    Unknown,
}

/// Resolves a name that a thread of `process` has given.  `folder` is the descriptor that a relative one counts from, or AT_FDCWD; `follows` is
/// whether a link at the end is followed.
pub fn resolve(process: pid_t, thread: pid_t, folder: c_int, name: &Path, follows: bool) -> Meaning {
    let start = match (name.is_absolute(), folder) {
        (true, _) => Ok(Place::named(PathBuf::from("/"))),
        (false, libc::AT_FDCWD) => Place::of(Path::new(&format!("/proc/{thread}/cwd"))),
        (false, folder) => Place::of(Path::new(&format!("/proc/{thread}/fd/{folder}"))),
    };
    start.and_then(|at| Walk { process, thread, at, links: 0 }.walk(name, follows)).unwrap_or_else(|meaning| meaning)
}

/// What a descriptor of a thread is open on.
pub fn descriptor(thread: pid_t, number: c_int) -> Meaning {
    match Place::of(Path::new(&format!("/proc/{thread}/fd/{number}"))) {
        Ok(place) => place.meaning(),
        Err(meaning) => meaning,
    }
}

struct Walk {
    process: pid_t,
    thread: pid_t,
    at: Place,
    links: u32,
}

impl Walk {
    fn walk(mut self, name: &Path, follows: bool) -> Result<Meaning, Meaning> {
        // What is still to be walked, the next component last.
        let mut rest: Vec<OsString> = reversed(name);
        while let Some(component) = rest.pop() {
            if component == ".." {
                self.at.go_up().map_err(|_| Meaning::Unknown)?;
                continue;
            }
            self.at.enter(&component);
            if rest.is_empty() && !follows {
                break;
            }
            if let Some(own) = self.own() {
                self.at = Place::named(own);
            }
            let target = match self.at.link() {
                Err(error) if is_too_long(&error) && is_magic(&self.at.path) => {
                    self.at = Place::deep(&self.at.path).map_err(|_| Meaning::Unknown)?;
                    continue;
                }
                Err(_) => continue,
                Ok(target) => target,
            };
            self.links += 1;
            if self.links > MOST_LINKS {
                return Err(Meaning::Nowhere);
            }
            if is_magic(&self.at.path) && !target.is_absolute() {
                return Err(Meaning::Nameless);
            }
            if target.is_absolute() {
                self.at = Place::named(PathBuf::from("/"));
            } else {
                self.at.go_up().map_err(|_| Meaning::Unknown)?;
            }
            rest.extend(reversed(&target));
        }
        Ok(self.at.meaning())
    }

    /// Puts the process's number for /proc/self, which would be this process.
    fn own(&self) -> Option<PathBuf> {
        let Walk { process, thread, at, .. } = self;
        match at.path.to_str()? {
            "/proc/self" => Some(PathBuf::from(format!("/proc/{process}"))),
            "/proc/thread-self" => Some(PathBuf::from(format!("/proc/{process}/task/{thread}"))),
            _ => None,
        }
    }
}

/// Where a walk is.  Calls take paths of a length, and the kernel says no longer ones: what lies deeper is looked at from a folder above it.
struct Place {
    path: PathBuf,
    /// A folder that is open, and its path.
    base: Option<(OwnedFd, PathBuf)>,
    /// The first folder whose name is not known.
    unnamed: Option<PathBuf>,
}

impl Place {
    fn named(path: PathBuf) -> Place {
        Place { path, base: None, unnamed: None }
    }

    /// Where one of the kernel's links in /proc leads to.
    fn of(link: &Path) -> Result<Place, Meaning> {
        match fs::read_link(link) {
            Ok(path) if path.is_absolute() => Ok(Place::named(path)),
            Ok(_) => Err(Meaning::Nameless),
            Err(error) if is_too_long(&error) => Place::deep(link).map_err(|_| Meaning::Unknown),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Meaning::Nowhere),
            Err(_) => Err(Meaning::Unknown),
        }
    }

    /// The same of a folder whose path is too long: the path of one above it is not.
    fn deep(link: &Path) -> io::Result<Place> {
        let folder = open_folder(CWD, link)?;
        let mut above = open_folder(&folder, "..")?;
        for depth in 1..=MOST_UNNAMED {
            match fs::read_link(format!("/proc/self/fd/{}", above.as_raw_fd())) {
                Ok(path) => {
                    let unnamed = path.join(UNNAMED);
                    let path = (1..depth).fold(unnamed.clone(), |path, _| path.join(UNNAMED));
                    return Ok(Place { base: Some((folder, path.clone())), path, unnamed: Some(unnamed) });
                }
                Err(error) if is_too_long(&error) => above = open_folder(&above, "..")?,
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::InvalidFilename.into())
    }

    fn enter(&mut self, name: &OsStr) {
        let (from, rest) = self.base_and_rest();
        if rest.as_os_str().len() + 1 + name.len() >= PATH_MAX {
            // What is not there has no links below it.
            self.base = open_folder(from, rest).ok().map(|folder| (folder, self.path.clone()));
        }
        self.path.push(name);
    }

    fn go_up(&mut self) -> io::Result<()> {
        self.path.pop();
        if self.unnamed.as_ref().is_some_and(|unnamed| !self.path.starts_with(unnamed)) {
            self.unnamed = None;
        }
        if let Some((folder, path)) = &self.base
            && !self.path.starts_with(path)
        {
            self.base = Some((open_folder(folder, "..")?, self.path.clone()));
        }
        Ok(())
    }

    /// Reads the link that is here; an error if there is none.
    fn link(&self) -> io::Result<PathBuf> {
        let (from, rest) = self.base_and_rest();
        Ok(PathBuf::from(OsString::from_vec(readlinkat(from, rest, Vec::new())?.into_bytes())))
    }

    /// The folder to look from, and the path from there.
    fn base_and_rest(&self) -> (BorrowedFd<'_>, &Path) {
        let base = self.base.as_ref();
        let below = base.and_then(|(folder, path)| Some((folder.as_fd(), self.path.strip_prefix(path).ok()?)));
        below.unwrap_or((CWD, &self.path))
    }

    fn meaning(self) -> Meaning {
        match self.unnamed.is_some() || self.path.as_os_str().len() >= PATH_MAX {
            true => Meaning::Deep(self.path),
            false => Meaning::Path(self.path),
        }
    }
}

fn open_folder<P: rustix::path::Arg>(from: impl AsFd, path: P) -> io::Result<OwnedFd> {
    Ok(openat(from, path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
}

fn is_too_long(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ENAMETOOLONG)
}

/// Whether a path is one of the links that lead to a file whatever its text is: /proc/PID/fd/N and its like, and not /proc/net.
fn is_magic(path: &Path) -> bool {
    let process = path.strip_prefix("/proc").ok().and_then(|below| below.iter().next());
    process.is_some_and(|process| process.as_encoded_bytes().iter().all(u8::is_ascii_digit))
}

fn reversed(path: &Path) -> Vec<OsString> {
    let parts = path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_os_string()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    });
    parts.collect::<Vec<_>>().into_iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn names_are_followed_as_the_kernel_does() {
        let folder = tempfile::tempdir().expect("a folder");
        let real = fs::canonicalize(folder.path()).expect("it is there");
        fs::create_dir(real.join("a")).expect("made");
        fs::write(real.join("a/file"), "").expect("written");
        symlink("a", real.join("link")).expect("linked");
        symlink("loop", real.join("loop")).expect("linked");
        symlink(real.join("a/file"), real.join("absolute")).expect("linked");
        let me = std::process::id().cast_signed();
        let of = |name: &str, follows| resolve(me, me, libc::AT_FDCWD, &real.join(name), follows);
        let path = |name: &str| Meaning::Path(real.join(name));
        assert_eq!(of("link/file", true), path("a/file"));
        assert_eq!(of("link/../a/./missing", true), path("a/missing"));
        assert_eq!(of("link", false), path("link"));
        assert_eq!(of("absolute", true), path("a/file"));
        assert_eq!(of("loop", true), Meaning::Nowhere);
        assert_eq!(of("a/../../..", true), Meaning::Path(real.ancestors().nth(2).expect("deep").into()));
        let opened = fs::File::open(real.join("a")).expect("opened");
        assert_eq!(resolve(me, me, opened.as_raw_fd(), Path::new("file"), true), path("a/file"));
        let name = format!("/proc/self/fd/{}/file", opened.as_raw_fd());
        assert_eq!(resolve(me, me, libc::AT_FDCWD, Path::new(&name), true), path("a/file"));
        let (reader, _writer) = std::io::pipe().expect("a pipe");
        let name = format!("/proc/self/fd/{}", reader.as_raw_fd());
        assert_eq!(resolve(me, me, libc::AT_FDCWD, Path::new(&name), true), Meaning::Nameless);
        assert_eq!(
            resolve(me, me, libc::AT_FDCWD, Path::new("/proc/self/maps"), true),
            Meaning::Path(format!("/proc/{me}/maps").into())
        );
        assert_eq!(resolve(me, me, -7, Path::new("x"), true), Meaning::Nowhere);
    }
    #[test]
    fn names_from_a_folder_deeper_than_a_path_are_followed_too() {
        use rustix::fs::{mkdirat, symlinkat};
        let top = tempfile::tempdir().expect("a folder");
        let real = fs::canonicalize(top.path()).expect("it is there");
        let name = "n".repeat(250);
        let mut folder = open_folder(CWD, &*real).expect("opened");
        for _ in 0..40 {
            mkdirat(&folder, &*name, Mode::RWXU).expect("made");
            folder = open_folder(&folder, &*name).expect("opened");
        }
        symlinkat("/etc/passwd", &folder, "absolute").expect("linked");
        symlinkat("../".repeat(40), &folder, "up").expect("linked");
        let me = std::process::id().cast_signed();
        let of = |name: &str| resolve(me, me, folder.as_raw_fd(), Path::new(name), true);
        assert_eq!(of("absolute"), Meaning::Path("/etc/passwd".into()));
        assert_eq!(of("up/file"), Meaning::Path(real.join("file")));
        assert_eq!(of(&"../".repeat(40)), Meaning::Path(real.clone()));
        let back = format!("{}{}", "../".repeat(40), [&*name; 15].join("/"));
        assert_eq!(of(&back), Meaning::Path(real.join([&*name; 15].join("/"))));
        let by_number = format!("/proc/self/fd/{}/{}", folder.as_raw_fd(), "../".repeat(40));
        assert_eq!(resolve(me, me, libc::AT_FDCWD, Path::new(&by_number), true), Meaning::Path(real.clone()));
        for name in ["file", "../file", "./missing/../../file"] {
            let meaning = of(name);
            let Meaning::Deep(path) = &meaning else { panic!("{name}: {meaning:?}") };
            assert!(path.starts_with(&real) && path.ends_with(".../file"), "{meaning:?}");
        }
        // A folder that has a path, from which a name leads deeper than one.
        let half = open_folder(CWD, real.join([&*name; 15].join("/"))).expect("opened");
        let below = format!("{}/absolute", [&*name; 15].join("/"));
        let rest = open_folder(&half, [&*name; 10].join("/")).expect("opened");
        assert_eq!(resolve(me, me, rest.as_raw_fd(), Path::new(&below), true), Meaning::Path("/etc/passwd".into()));
        let link = format!("{}/up/x", [&*name; 15].join("/"));
        assert_eq!(resolve(me, me, half.as_raw_fd(), Path::new(&link), true), {
            // There is no such link half way.
            let path = real.join([&*name; 30].join("/")).join("up/x");
            Meaning::Deep(path)
        });
        super::super::scratch::remove(&real).expect("removed");
    }
}
