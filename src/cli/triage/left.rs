//! The files that the program left in its scratch folder.  All of it is hostile: names, links, special files, depth, number.  Regular
//! files alone are copied, and no link is followed.

use std::collections::HashMap;
use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use sha2::{Digest, Sha256};

use super::summary::{Left, Writer};
use crate::bytecode::escape::Printable;
use crate::bytecode::file::safe_path;
use crate::cli::frozen;
use crate::cli::list;
use crate::cli::program::Program;
use crate::cli::unpack::Names;
use crate::format::{Named, OutputFolder};
use crate::trace::attempt::{Attempt, Deed};

/// Folders in each other, and things in them, that are looked at.
const DEEPEST: usize = 40;
const MOST: usize = 10_000;
/// Writers of one file that are named.
const WRITERS: usize = 8;
/// How the trace names the scratch folder.
const SCRATCH: &[u8] = b"<scratch>/";

/// What is copied, and what for.
pub struct Copying<'a> {
    pub scratch: &'a Path,
    /// The folder to copy into.
    pub into: &'a Path,
    pub program: &'a Program,
    /// What each trace says was tried.
    pub attempts: &'a [(String, Vec<(Attempt, u64)>)],
}

/// Copies the files; nothing is made if there are none.  Returns what was left, and what could not be copied.
pub fn copy(copying: &Copying) -> anyhow::Result<(Vec<Left>, Vec<String>)> {
    let mut found = Vec::new();
    let mut problems = Vec::new();
    walk(copying.scratch, 0, &mut found, &mut problems);
    found.sort();
    let unpacked: HashMap<PathBuf, &[u8]> =
        copying.program.contents.files.iter().map(|file| (safe_path(&file.name), &*file.bytes)).collect();
    let own = |path: &Path| match path.strip_prefix(frozen::UNPACKED) {
        Ok(below) => unpacked.get(below).map(|bytes| Sha256::digest(bytes).into()),
        Err(_) => (Some(path.as_os_str()) == copying.program.file.file_name()).then_some(copying.program.sha256),
    };
    let writers = writers(copying.attempts);
    let (mut folder, mut names, mut left) = (None, Names::default(), Vec::new());
    for path in found {
        let relative = path.strip_prefix(copying.scratch).unwrap_or(&path).to_owned();
        let shown = Printable::path(&relative).to_string();
        let metadata = match fs::symlink_metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) => {
                problems.push(format!("{shown}: {error}"));
                continue;
            }
        };
        let by = writers.get(relative.as_os_str().as_bytes()).cloned().unwrap_or_default();
        if !metadata.is_file() {
            let is = kind(&path, &metadata);
            left.push(Left { path: shown, file: None, is, size: 0, sha256: None, by });
            continue;
        }
        match read_digest(&path, &metadata) {
            Ok(digest) if own(&relative) == Some(digest) => continue,
            Err(error) => {
                problems.push(format!("{shown}: {error}"));
                continue;
            }
            Ok(digest) => {
                if folder.is_none() {
                    folder = Some(OutputFolder::new(copying.into)?);
                }
                let Some(folder) = &folder else { continue };
                let name = names.unique(safe_path(relative.as_os_str().as_bytes()));
                let copied = open(&path).and_then(|mut from| io::copy(&mut from, &mut folder.create_below(&name)?));
                let size = copied.with_context(|| format!("cannot write {}", Named::output(&folder.path_of(&name))))?;
                let file = Some(Printable::path(&Path::new("files").join(name)).to_string());
                let sha256 = Some(list::hexadecimal(&digest));
                left.push(Left { path: shown, file, is: "file".into(), size, sha256, by });
            }
        }
    }
    Ok((left, problems))
}

/// Gathers all that is no folder.
fn walk(folder: &Path, depth: usize, found: &mut Vec<PathBuf>, problems: &mut Vec<String>) {
    let _ = fs::set_permissions(folder, Permissions::from_mode(0o700));
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => return problems.push(format!("{}: {error}", Printable::path(folder))),
    };
    for entry in entries.flatten() {
        if found.len() >= MOST {
            return;
        }
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth < DEEPEST => walk(&entry.path(), depth + 1, found, problems),
            Ok(_) => found.push(entry.path()),
            Err(_) => {}
        }
    }
}

fn kind(path: &Path, metadata: &Metadata) -> String {
    let kind = metadata.file_type();
    if kind.is_symlink() {
        let target = fs::read_link(path).unwrap_or_default();
        return format!("link to {}", Printable::path(&target));
    }
    if kind.is_dir() { "folder that lies too deep".into() } else { "special file".into() }
}

fn read_digest(path: &Path, metadata: &Metadata) -> io::Result<[u8; 32]> {
    if metadata.mode() & 0o400 == 0 {
        fs::set_permissions(path, Permissions::from_mode(0o600))?;
    }
    let mut digest = DigestWriter(Sha256::new());
    io::copy(&mut open(path)?, &mut digest)?;
    Ok(digest.0.finalize().into())
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)
}

struct DigestWriter(Sha256);

impl io::Write for DigestWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The instructions that wrote each file, by its path in the scratch folder.
fn writers(attempts: &[(String, Vec<(Attempt, u64)>)]) -> HashMap<&[u8], Vec<Writer>> {
    let mut writers: HashMap<&[u8], Vec<Writer>> = HashMap::new();
    for (trace, attempts) in attempts {
        for (attempt, _) in attempts {
            let makes = matches!(attempt.deed, Deed::Write | Deed::Rename | Deed::Link | Deed::MakeNode);
            let target = attempt.targets.last().and_then(|target| target.strip_prefix(SCRATCH)).filter(|_| makes);
            let (Some(target), Some(site)) = (target, &attempt.site) else { continue };
            let of_file = writers.entry(target).or_default();
            if of_file.len() < WRITERS {
                of_file.push(Writer {
                    trace: trace.clone(),
                    deed: attempt.deed.name(),
                    instruction: site.instruction,
                    name: Printable::name(&site.name).to_string(),
                    filename: Printable::text(&site.filename).to_string(),
                    offset: site.offset,
                });
            }
        }
    }
    writers
}
