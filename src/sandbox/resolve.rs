//! Names as another process means them: relative to its folder or its descriptors, and with /proc/self for that process.  Looks at
//! names and links and opens nothing, for the names are hostile.

use std::ffi::OsString;
use std::fs;
use std::path::{Component, Path, PathBuf};

use libc::{c_int, pid_t};

/// Links that are followed in one name, as in the kernel (MAXSYMLINKS).
const MOST_LINKS: u32 = 40;

/// What a name means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// A path without symbolic links; there need not be anything.
    Path(PathBuf),
    /// Something without a path: a pipe, a socket, a file that was removed.
    Nameless,
    /// The name cannot be followed.
    Unknown,
}

/// Resolves a name that a thread of `process` has given.  `folder` is the descriptor that a relative one counts from, or AT_FDCWD; `follows` is
/// whether a link at the end is followed.
pub fn resolve(process: pid_t, thread: pid_t, folder: c_int, name: &Path, follows: bool) -> Meaning {
    let start = match (name.is_absolute(), folder) {
        (true, _) => PathBuf::from("/"),
        (false, libc::AT_FDCWD) => match fs::read_link(format!("/proc/{thread}/cwd")) {
            Ok(folder) => folder,
            Err(_) => return Meaning::Unknown,
        },
        (false, folder) => match descriptor(thread, folder) {
            Meaning::Path(folder) => folder,
            other => return other,
        },
    };
    Walk { process, thread, at: start, links: 0 }.walk(name, follows)
}

/// What a descriptor of a thread is open on.
pub fn descriptor(thread: pid_t, number: c_int) -> Meaning {
    match fs::read_link(format!("/proc/{thread}/fd/{number}")) {
        Ok(path) if path.is_absolute() => Meaning::Path(path),
        Ok(_) => Meaning::Nameless,
        Err(_) => Meaning::Unknown,
    }
}

struct Walk {
    process: pid_t,
    thread: pid_t,
    at: PathBuf,
    links: u32,
}

impl Walk {
    fn walk(mut self, name: &Path, follows: bool) -> Meaning {
        // What is still to be walked, the next component last.
        let mut rest: Vec<OsString> = reversed(name);
        while let Some(component) = rest.pop() {
            if component == ".." {
                self.at.pop();
                continue;
            }
            self.at.push(component);
            if rest.is_empty() && !follows {
                break;
            }
            if let Some(own) = self.own() {
                self.at = own;
            }
            let Ok(target) = fs::read_link(&self.at) else { continue };
            self.links += 1;
            if self.links > MOST_LINKS {
                return Meaning::Unknown;
            }
            if is_magic(&self.at) && !target.is_absolute() {
                return Meaning::Nameless;
            }
            self.at.pop();
            if target.is_absolute() {
                self.at = PathBuf::from("/");
            }
            rest.extend(reversed(&target));
        }
        Meaning::Path(self.at)
    }

    /// Puts the process's number for /proc/self, which would be this process.
    fn own(&self) -> Option<PathBuf> {
        let Walk { process, thread, at, .. } = self;
        match at.to_str()? {
            "/proc/self" => Some(PathBuf::from(format!("/proc/{process}"))),
            "/proc/thread-self" => Some(PathBuf::from(format!("/proc/{process}/task/{thread}"))),
            _ => None,
        }
    }
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
    use std::os::fd::AsRawFd;
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
        assert_eq!(of("loop", true), Meaning::Unknown);
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
        assert_eq!(resolve(me, me, -7, Path::new("x"), true), Meaning::Unknown);
    }
}
