//! Keeps what takes long to make in the cache directory, one folder per recipe. A folder appears whole or not at all. Its name is
//! what it holds, a hyphen, and the recipe's fingerprint: `cpython-4d92e46fe0379457`.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use super::problem::Problem;
use super::settings::Settings;

/// How many folders of a kind stay; a compiled CPython takes some 40 MB, an OpenSSL 8 MB, our own C files and library 6 MB.
const KEPT: usize = 8;
/// The file that says that a folder is whole; written last.
pub const STAMP: &str = "complete";
/// The file whose time says when a folder was last wanted.
const USED: &str = "used";

/// Hashes all that decides what a folder holds.
#[derive(Default)]
pub struct Fingerprint(Sha256);

impl Fingerprint {
    pub fn part(&mut self, text: impl AsRef<[u8]>) {
        let text = text.as_ref();
        self.0.update((text.len() as u64).to_le_bytes());
        self.0.update(text);
    }

    /// Returns 16 hex digits that differ whenever a part does.
    pub fn digits(self) -> String {
        hex(&self.0.finalize()[..8])
    }
}

/// Writes bytes as lower-case hex digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the folder of this kind and fingerprint, after calling `make` if there is none yet, with an empty folder to fill and the
/// path of a log. While one build makes something, another waits and then uses the result.
pub fn get_or_make(
    settings: &Settings,
    kind: &str,
    fingerprint: &str,
    make: impl FnOnce(&Path, &Path) -> Result<(), Problem>,
) -> Result<PathBuf, Problem> {
    let dir = &settings.cache_dir;
    fs::create_dir_all(dir).map_err(|error| Problem::io("create the cache directory", dir, &error))?;
    let folder = dir.join(format!("{kind}-{fingerprint}"));
    if !folder.join(STAMP).is_file() {
        make_alone(settings, kind, &folder, make)?;
    }
    let _ = fs::write(folder.join(USED), b"");
    Ok(folder)
}

/// Makes the folder unless another build makes it meanwhile.
fn make_alone(
    settings: &Settings,
    kind: &str,
    folder: &Path,
    make: impl FnOnce(&Path, &Path) -> Result<(), Problem>,
) -> Result<(), Problem> {
    // One lock per kind: its work folder has one place, so that a compiler cache knows the files again.
    let lock_path = settings.cache_dir.join(format!("{kind}.lock"));
    let failed = |error: io::Error| Problem::io("lock the cache directory", &lock_path, &error);
    let lock = File::create(&lock_path).map_err(failed)?;
    if lock.try_lock().is_err() {
        settings.progress.say(&format!("waiting for another build, which holds {}", lock_path.display()));
        lock.lock().map_err(failed)?;
    }
    if folder.join(STAMP).is_file() {
        return Ok(());
    }
    let log = folder.with_extension("log");
    let _ = fs::remove_file(&log);
    let work = settings.cache_dir.join(format!("{kind}.work"));
    let made = make_in(&work, folder, |work| make(work, &log));
    let _ = fs::remove_dir_all(&work);
    made?;
    drop_old(&settings.cache_dir, kind);
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

/// Removes all but the most recently used folders of a kind. A build whose folder is gone makes it again.
fn drop_old(cache_dir: &Path, kind: &str) {
    let Ok(entries) = fs::read_dir(cache_dir) else { return };
    let mut folders: Vec<(SystemTime, PathBuf)> = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_of_kind = name.rsplit_once('-').is_some_and(|(found, _)| found == kind);
        if is_of_kind && path.join(STAMP).is_file() {
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
