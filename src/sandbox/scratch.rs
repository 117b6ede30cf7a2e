//! The scratch folder: the one place where a sandboxed program can write.  Its name follows from what is run, so that traces of the same
//! program do not differ by it, whatever else runs at the same time.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use sha2::{Digest, Sha256};

use crate::process::executable;

/// Runs of one user at a time that have a scratch folder each.
const MOST: u32 = 10_000;

/// A folder of this run alone.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    /// Locked while any process of this run lives, the program's own ones aside.
    _lock: File,
}

impl Scratch {
    /// Makes a folder, and empties what a run that was killed has left there.  Its number follows from `seed`; if another run has that,
    /// it is the next one.
    pub fn create(seed: &[u8]) -> io::Result<Scratch> {
        let all = executable::own_folder()?.join("scratch");
        make(&all)?;
        let all = fs::canonicalize(all)?;
        let first = Sha256::digest(seed).first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes) % MOST);
        for number in (first..MOST).chain(0..first) {
            // Names of one length: what the program allocates for them must not differ from run to run.
            let name = format!("{number:04}");
            let lock = File::create(all.join(format!("{name}.lock")))?;
            if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
                continue;
            }
            let path = all.join(&name);
            // Kept by a run before: its user may want it.
            if all.join(format!("{name}.kept")).exists() {
                continue;
            }
            remove(&path)?;
            make(&path)?;
            return Ok(Scratch { path, _lock: lock });
        }
        Err(io::Error::other("too many runs have one"))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes all that is in the folder.
    pub fn empty(&self) -> io::Result<()> {
        remove(&self.path)?;
        make(&self.path)
    }

    /// Removes the folder with all that is in it.
    pub fn remove(self) -> io::Result<()> {
        remove(&self.path)
    }

    /// Leaves the folder where it is; no other run gets it.
    pub fn keep(self) -> io::Result<PathBuf> {
        let mut mark = self.path.clone().into_os_string();
        mark.push(".kept");
        File::create(mark)?;
        Ok(self.path)
    }
}

/// A folder that is removed when its owner has ended, however it has.
#[derive(Debug)]
pub struct Temporary(Scratch);

impl Temporary {
    /// As [`Scratch::create`].
    pub fn create(seed: &[u8]) -> io::Result<Temporary> {
        Scratch::create(seed).map(Temporary)
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Removes all that is in the folder.
    pub fn empty(&self) -> io::Result<()> {
        self.0.empty()
    }

    /// Removes the folder with all that is in it, and says whether that worked.
    pub fn remove(self) -> io::Result<()> {
        remove(&self.0.path)
    }
}

impl Drop for Temporary {
    /// There is nothing left to remove if that was done already.
    fn drop(&mut self) {
        let _ = remove(&self.0.path);
    }
}

fn make(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && fs::symlink_metadata(path)?.is_dir() => Ok(()),
        result => result,
    }
}

/// Removes a folder that a hostile program has filled: folders that may not be looked into, and such that lie deeper than descriptors
/// or names reach.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    loop {
        match fs::remove_dir_all(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(_) if open_up(path)? => {}
            result => return result,
        }
    }
}

/// Gives folders their owner's rights back and brings deep ones up; returns whether anything was changed, so that another try makes
/// sense.
fn open_up(top: &Path) -> io::Result<bool> {
    /// Folders in each other, at most, before the lower ones are brought up.
    const DEEP: usize = 50;
    /// Bytes of a path, at most, before the same is done; with one more name it is still shorter than PATH_MAX.
    const LONG: usize = 2048;
    let mut changed = false;
    let mut folders = vec![(top.to_owned(), 0)];
    let mut number = 0;
    while let Some((folder, depth)) = folders.pop() {
        let found = fs::symlink_metadata(&folder)?;
        if found.mode() & 0o700 != 0o700 {
            fs::set_permissions(&folder, Permissions::from_mode(0o700))?;
            changed = true;
        }
        if depth > 0 && (depth == DEEP || folder.as_os_str().len() > LONG) {
            // A name that nothing has yet.
            let place = loop {
                number += 1;
                let place = top.join(format!("deep-{number}"));
                if fs::symlink_metadata(&place).is_err() {
                    break place;
                }
            };
            fs::rename(&folder, &place)?;
            changed = true;
            folders.push((place, 1));
            continue;
        }
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push((entry.path(), depth + 1));
            }
        }
    }
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_leaves_is_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let top = folder.path().join("scratch");
        let shut = top.join("shut");
        fs::create_dir_all(shut.join("inner")).expect("made");
        fs::write(shut.join("inner/file"), "x").expect("written");
        std::os::unix::fs::symlink("/etc", top.join("link")).expect("linked");
        let mut deep = top.clone();
        for _ in 0..700 {
            deep.push("d");
        }
        fs::create_dir_all(&deep).expect("made");
        // A path longer than PATH_MAX, put together from the lower half and the upper one.
        let name = "n".repeat(250);
        let [upper, lower] = ["upper", "lower"].map(|half| [half, &*[&*name; 12].join("/")].join("/"));
        fs::create_dir_all(top.join(&upper)).expect("made");
        fs::create_dir_all(top.join(&lower)).expect("made");
        fs::set_permissions(top.join(&lower), Permissions::from_mode(0o000)).expect("shut");
        fs::rename(top.join("lower"), top.join(&upper).join("lower")).expect("moved");
        fs::set_permissions(shut.join("inner"), Permissions::from_mode(0o000)).expect("shut");
        fs::set_permissions(&shut, Permissions::from_mode(0o000)).expect("shut");
        remove(&top).expect("removed");
        assert!(fs::symlink_metadata(&top).is_err());
        assert!(Path::new("/etc/passwd").exists());
        remove(&top).expect("nothing to remove");
    }

    #[test]
    fn a_temporary_folder_goes_with_its_owner() {
        let temporary = Temporary::create(b"temporary").expect("a folder");
        let path = temporary.path().to_owned();
        fs::write(path.join("left"), "x").expect("written");
        drop(temporary);
        assert!(!path.exists());
    }

    #[test]
    fn two_runs_of_a_program_have_two_folders_and_a_third_has_the_first_ones_again() {
        let [seed, another] = ["one", "another"].map(|name| format!("{name} {}", crate::process::id()));
        let one = Scratch::create(seed.as_bytes()).expect("a folder");
        let other = Scratch::create(seed.as_bytes()).expect("a folder");
        assert_ne!(one.path(), other.path());
        let first = one.path().to_owned();
        one.remove().expect("removed");
        let unrelated = Scratch::create(another.as_bytes()).expect("a folder");
        let one = Scratch::create(seed.as_bytes()).expect("a folder");
        assert_eq!(one.path(), first);
        unrelated.remove().expect("removed");
        let path = one.path().to_owned();
        fs::write(path.join("left"), "x").expect("written");
        one.remove().expect("removed");
        assert!(!path.exists());
        other.remove().expect("removed");
    }
}
