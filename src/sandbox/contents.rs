//! Counts what is in a folder that a hostile program fills while it is counted, however deep its folders lie and whatever their modes
//! are.  Follows no link, and has at most three descriptors open.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;

use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, chmodat, fstat, openat, statat};
use rustix::io::Errno;

/// How often a count is tried, since a program may move folders meanwhile.
const TRIES: usize = 5;

/// What is in a folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Contents {
    /// Files and folders.
    pub files: u64,
    /// Bytes that are allocated for files: one with holes takes no more than that.
    pub bytes: u64,
}

/// Counts what is in a folder; beyond `most` files the count ends.  Gives folders that cannot be read their owner's rights back.  An error if
/// something still cannot be read.
pub(super) fn count(top: &Path, most: u64) -> io::Result<Contents> {
    let tries = std::iter::repeat_with(|| Count::new(most).of(top)).take(TRIES);
    let mut last = Errno::IO;
    for counted in tries {
        match counted {
            Ok(contents) => return Ok(contents),
            Err(error) => last = error,
        }
    }
    Err(last.into())
}

struct Count {
    contents: Contents,
    most: u64,
}

impl Count {
    fn new(most: u64) -> Count {
        Count { contents: Contents::default(), most }
    }

    fn of(mut self, top: &Path) -> Result<Contents, Errno> {
        let mut folder = open(CWD, top)?;
        let mut names = self.list(&folder)?;
        // The folders above this one: which they are, and the names of those in them that are still to be listed.
        let mut above: Vec<(Identity, Vec<CString>)> = Vec::new();
        while self.contents.files <= self.most {
            if let Some(name) = names.pop() {
                let inner = match open(&folder, &*name) {
                    // It was removed or replaced.
                    Err(Errno::NOENT | Errno::NOTDIR) => continue,
                    opened => opened?,
                };
                let inner_names = self.list(&inner)?;
                above.push((Identity::of(&folder)?, std::mem::replace(&mut names, inner_names)));
                folder = inner;
            } else {
                let Some((identity, left)) = above.pop() else { break };
                folder = open(&folder, c"..")?;
                if Identity::of(&folder)? != identity {
                    // It was moved.
                    return Err(Errno::AGAIN);
                }
                names = left;
            }
        }
        Ok(self.contents)
    }

    /// Counts what is right in a folder; returns the names of the folders among it.
    fn list(&mut self, folder: &OwnedFd) -> Result<Vec<CString>, Errno> {
        let mut folders = Vec::new();
        for entry in Dir::read_from(folder)? {
            let entry = match entry {
                // The folder was removed.
                Err(Errno::NOENT) => break,
                entry => entry?,
            };
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            let found = match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) => continue,
                found => found?,
            };
            self.contents.files += 1;
            if self.contents.files > self.most {
                break;
            }
            match FileType::from_raw_mode(found.st_mode) {
                FileType::Directory => folders.push(name.to_owned()),
                _ => self.contents.bytes = self.contents.bytes.saturating_add(allocated(&found)),
            }
        }
        Ok(folders)
    }
}

fn allocated(found: &Stat) -> u64 {
    found.st_blocks.cast_unsigned().saturating_mul(512)
}

/// Opens a folder that can be listed and searched.  What cannot is made so, by a descriptor: a name could lead to another folder by then.
fn open<P: rustix::path::Arg>(above: impl AsFd, name: P) -> Result<OwnedFd, Errno> {
    let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
    let found = openat(above, name, flags | OFlags::PATH | OFlags::NOFOLLOW, Mode::empty())?;
    let list = || openat(&found, c".", flags | OFlags::RDONLY, Mode::empty());
    list().or_else(|error| match error {
        Errno::ACCESS => {
            let mode = Mode::from_raw_mode(fstat(&found)?.st_mode);
            chmodat(
                CWD,
                format!("/proc/self/fd/{}", found.as_raw_fd()),
                mode | Mode::RUSR | Mode::XUSR,
                AtFlags::empty(),
            )?;
            list()
        }
        error => Err(error),
    })
}

/// Which folder it is, whatever its name.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Identity(u64, u64);

impl Identity {
    fn of(folder: &OwnedFd) -> Result<Identity, Errno> {
        let found = fstat(folder)?;
        Ok(Identity(found.st_dev, found.st_ino))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn what_lies_deeper_than_a_path_reaches_is_counted() {
        const DEPTH: u64 = 60;
        let top = tempfile::tempdir().expect("a folder");
        let name = "n".repeat(250);
        let mut folder = open(CWD, top.path()).expect("opened");
        for _ in 0..DEPTH {
            rustix::fs::mkdirat(&folder, &*name, Mode::RWXU).expect("made");
            rustix::fs::mkdirat(&folder, "beside", Mode::RWXU).expect("made");
            folder = open(&folder, &*name).expect("opened");
        }
        let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC;
        let file = openat(&folder, "file", flags, Mode::RWXU).expect("made");
        io::Write::write_all(&mut fs::File::from(file), &vec![1; 1 << 20]).expect("written");
        let found = count(top.path(), 1000).expect("counted");
        assert_eq!(found.files, 2 * DEPTH + 1);
        assert!((1 << 20..2 << 20).contains(&found.bytes), "{found:?}");
        assert_eq!(count(top.path(), 10).expect("counted").files, 11);
        super::super::scratch::remove(top.path()).expect("removed");
    }

    #[test]
    fn a_link_is_a_file_and_what_is_missing_an_error() {
        let top = tempfile::tempdir().expect("a folder");
        symlink("/usr", top.path().join("link")).expect("linked");
        symlink("link", top.path().join("broken")).expect("linked");
        assert_eq!(count(top.path(), 1000).expect("counted").files, 2);
        assert!(count(&top.path().join("missing"), 1000).is_err());
    }
}
