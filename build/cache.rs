//! Keeps what takes long to make in the cache directory, one folder per recipe. A folder appears whole or not at all.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::problem::Problem;

/// How many folders stay; a compiled CPython takes some 40 MB, an OpenSSL 8 MB.
const KEPT: usize = 8;
/// The file that says that a folder is whole; written last.
pub const STAMP: &str = "complete";
/// The file whose time says when a folder was last wanted.
const USED: &str = "used";

/// Returns the folder called `name`, whose name tells one recipe from another, after calling `make` with an empty folder to fill
/// if there is none yet. While one build makes something, another waits and then uses the result.
pub fn get_or_make(
    cache_dir: &Path,
    name: &str,
    make: impl FnOnce(&Path) -> Result<(), Problem>,
) -> Result<PathBuf, Problem> {
    fs::create_dir_all(cache_dir).map_err(|error| Problem::io("create the cache directory", cache_dir, &error))?;
    let folder = cache_dir.join(name);
    if !folder.join(STAMP).is_file() {
        make_alone(cache_dir, &folder, make)?;
    }
    let _ = fs::write(folder.join(USED), b"");
    Ok(folder)
}

/// Makes the folder unless another build makes it meanwhile.
fn make_alone(cache_dir: &Path, folder: &Path, make: impl FnOnce(&Path) -> Result<(), Problem>) -> Result<(), Problem> {
    // One lock for all recipes: the work folder has one place, so that a compiler cache knows the files again.
    let lock_path = cache_dir.join("lock");
    let lock = File::create(&lock_path).map_err(|error| Problem::io("lock the cache directory", &lock_path, &error))?;
    lock.lock().map_err(|error| Problem::io("lock the cache directory", &lock_path, &error))?;
    if !folder.join(STAMP).is_file() {
        let work = cache_dir.join("making");
        let made = make_in(&work, folder, make);
        let _ = fs::remove_dir_all(&work);
        made?;
        drop_old(cache_dir);
    }
    Ok(())
}

fn make_in(work: &Path, folder: &Path, make: impl FnOnce(&Path) -> Result<(), Problem>) -> Result<(), Problem> {
    let failed = |error: io::Error| Problem::io("keep the result in the cache", folder, &error);
    // What a killed build left.
    for leftover in [work, folder] {
        if leftover.exists() {
            fs::remove_dir_all(leftover).map_err(failed)?;
        }
    }
    fs::create_dir_all(work).map_err(failed)?;
    make(work)?;
    fs::write(work.join(STAMP), b"").map_err(failed)?;
    fs::rename(work, folder).map_err(failed)
}

/// Removes all but the most recently used folders. A build whose folder is gone makes it again.
fn drop_old(cache_dir: &Path) {
    let Ok(entries) = fs::read_dir(cache_dir) else { return };
    let mut folders: Vec<(SystemTime, PathBuf)> = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.join(STAMP).is_file() {
            let used = fs::metadata(path.join(USED)).and_then(|data| data.modified());
            folders.push((used.unwrap_or(SystemTime::now()), path));
        }
    }
    folders.sort();
    for (_, path) in folders.iter().rev().skip(KEPT) {
        let _ = fs::remove_dir_all(path);
        let _ = fs::remove_file(path.with_extension("log"));
    }
}
