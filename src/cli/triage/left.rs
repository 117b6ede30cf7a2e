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

use super::sparse::{self, Extents};
use super::summary::{Left, Writer};
use crate::bytecode::escape::Printable;
use crate::bytecode::file::{printable_path, safe_path};
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

/// Copies the files; nothing is made if there are none.  Returns what was left, and what could not be done.
pub fn copy(copying: &Copying) -> anyhow::Result<(Vec<Left>, Vec<String>)> {
    let mut found = Vec::new();
    let mut problems = Vec::new();
    walk(copying.scratch, 0, &mut found, &mut problems);
    found.sort();
    let mut unpacked: HashMap<PathBuf, &[u8]> = HashMap::new();
    for file in &copying.program.contents.files {
        // Of two files with one name the first was unpacked.
        unpacked.entry(safe_path(&file.name)).or_insert(&file.bytes);
    }
    let own = |path: &Path| match path.strip_prefix(frozen::UNPACKED) {
        Ok(below) => unpacked.get(below).map(|bytes| Sha256::digest(bytes).into()),
        Err(_) => (Some(path.as_os_str()) == copying.program.file.file_name()).then_some(copying.program.sha256),
    };
    let writers = writers(copying.attempts);
    let mut copies = Copies { into: copying.into, folder: None, names: Names::default() };
    let (mut left, mut budget) = (Vec::new(), sparse::Budget::default());
    for path in found {
        let relative = path.strip_prefix(copying.scratch).unwrap_or(&path).to_owned();
        let shown = Printable::path(&relative).to_string();
        let by = writers.get(relative.as_os_str().as_bytes()).cloned().unwrap_or_default();
        match look(&path, &mut budget) {
            Ok(Found::Other(is)) => left.push(Left { path: shown, file: None, is, size: 0, sha256: None, by }),
            Ok(Found::File { digest, .. }) if digest.is_some() && own(&relative) == digest => {}
            Ok(Found::File { extents, digest }) => {
                if digest.is_none() {
                    problems.push(format!("no SHA-256 of {shown}: it has too large holes"));
                }
                let file = Some(copies.make(&path, &relative, &extents)?);
                let sha256 = digest.map(|digest| list::hexadecimal(&digest));
                left.push(Left { path: shown, file, is: "file".into(), size: extents.size, sha256, by });
            }
            Err(error) => problems.push(format!("not copied: {shown}: {error}")),
        }
    }
    Ok((left, problems))
}

/// What is at a path.
enum Found {
    /// No regular file; says what it is.
    Other(String),
    /// A file, without its digest if that would take too long.
    File { extents: Extents, digest: Option<[u8; 32]> },
}

/// Looks at what is at a path; an error if it cannot be read, or if there is too much of it.
fn look(path: &Path, budget: &mut sparse::Budget) -> io::Result<Found> {
    let metadata = fs::symlink_metadata(path)?;
    if !metadata.is_file() {
        return Ok(Found::Other(kind(path, &metadata)));
    }
    if metadata.mode() & 0o400 == 0 {
        fs::set_permissions(path, Permissions::from_mode(0o600))?;
    }
    let file = open(path)?;
    let extents = Extents::of(&file)?;
    budget.take(&extents)?;
    let digest = budget.may_digest(&extents).then(|| extents.digest(&file)).transpose()?;
    Ok(Found::File { extents, digest })
}

/// The folder of the copies, which is made with the first of them.
struct Copies<'a> {
    into: &'a Path,
    folder: Option<OutputFolder>,
    names: Names,
}

impl Copies<'_> {
    /// Copies a file; returns the name of the copy in the folder of results.
    fn make(&mut self, path: &Path, relative: &Path, extents: &Extents) -> anyhow::Result<String> {
        let folder = match self.folder.take() {
            Some(folder) => folder,
            None => OutputFolder::new(self.into)?,
        };
        let folder = self.folder.insert(folder);
        let name = self.names.unique(printable_path(relative.as_os_str().as_bytes()));
        let copied = open(path).and_then(|from| extents.copy(&from, &mut folder.create_below(&name)?));
        copied.with_context(|| format!("cannot write {}", Named::output(&folder.path_of(&name))))?;
        Ok(Printable::path(&Path::new("files").join(name)).to_string())
    }
}

/// Gathers all that is no folder.
fn walk(folder: &Path, depth: usize, found: &mut Vec<PathBuf>, problems: &mut Vec<String>) {
    let _ = fs::set_permissions(folder, Permissions::from_mode(0o700));
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => return problems.push(format!("not copied: {}: {error}", Printable::path(folder))),
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

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)
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
