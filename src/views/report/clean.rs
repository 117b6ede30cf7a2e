//! What `bctrace clean` has made of the code objects of a trace.  Its manifest says of which code string each code object of its files was
//! made, by hash; the folder is as little trusted as a trace.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::data::{CleanData, Data};
use super::listing::plain;
use crate::bytecode::code::CodeObject;
use crate::bytecode::escape::Printable;
use crate::bytecode::object::{MarshalledCode, Object};
use crate::bytecode::pyc::Pyc;
use crate::format::why;

/// Bytes of the manifest, and of all files that are read.
const MANIFEST: u64 = 64 << 20;
const FILES: u64 = 256 << 20;
/// Lines of all clean listings.
const LINES: usize = 20_000;
/// Code objects nested in each other that the manifest lists.
const DEPTH: usize = 64;

/// A folder that `bctrace clean` has written.
#[derive(Clone, Debug)]
pub struct CleanFolder {
    path: PathBuf,
    files: Vec<CleanFile>,
}

#[derive(Deserialize)]
struct Manifest {
    files: Vec<CleanFile>,
}

#[derive(Clone, Debug, Deserialize)]
struct CleanFile {
    file: String,
    /// The SHA-256 of the code string of each code object before, an outer one before those among its constants.
    originals: Vec<String>,
}

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CleanError {
    #[error("cannot read {}: {}", Printable::path(.0), why(.0, .1))]
    Io(PathBuf, io::Error),
    #[error("{} is no list of files that this version of `bctrace clean` has written", Printable::path(.0))]
    NoManifest(PathBuf),
}

impl CleanFolder {
    /// Reads the manifest of a folder.
    pub fn open(path: &Path) -> Result<CleanFolder, CleanError> {
        let manifest = path.join("manifest.json");
        let bytes = bounded(&manifest, MANIFEST).map_err(|error| CleanError::Io(manifest.clone(), error))?;
        let is_name = |file: &CleanFile| {
            let mut parts = Path::new(&file.file).components();
            matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None))
        };
        match serde_json::from_slice::<Manifest>(&bytes) {
            Ok(read) if read.files.iter().all(is_name) => Ok(CleanFolder { path: path.to_owned(), files: read.files }),
            _ => Err(CleanError::NoManifest(manifest)),
        }
    }

    /// Adds the clean code to the code objects of a page; `objects` are those that they were made of.
    pub(super) fn fill(&self, data: &mut Data, objects: &[&CodeObject]) {
        data.clean = Some(Printable::path(&self.path).to_string());
        let mut wanted: HashMap<String, Vec<usize>> = HashMap::new();
        for (place, object) in objects.iter().enumerate().filter(|(place, _)| !data.codes[*place].library) {
            for bytes in [&object.bytes, &object.original].into_iter().filter(|bytes| !bytes.is_empty()) {
                wanted.entry(hash(bytes)).or_default().push(place);
            }
        }
        let (mut room, mut without, mut unread) = (LINES, 0, Vec::new());
        let mut bytes_left = FILES;
        for file in self.files.iter().filter(|file| file.originals.iter().any(|hash| wanted.contains_key(hash))) {
            let shown = Printable::text(file.file.as_bytes()).to_string();
            let Some(code) = read(&self.path.join(&file.file), &mut bytes_left) else {
                unread.push(shown);
                continue;
            };
            for (hash, code) in file.originals.iter().zip(codes(&code)) {
                // Equal code strings, as lambdas have them, are told apart by their lines.
                let places = wanted.get(hash).into_iter().flatten().copied();
                let made_here = |place: &usize| objects[*place].first_line == code.first_line;
                for place in places.filter(made_here) {
                    if data.codes[place].clean.is_some() {
                        continue;
                    }
                    let clean = clean(shown.clone(), code, objects[place], room);
                    match &clean.lines {
                        Some(lines) => room -= lines.len(),
                        None => without += usize::from(!clean.same),
                    }
                    data.codes[place].clean = Some(clean);
                }
            }
        }
        if without > 0 {
            data.cut
                .push(format!("The clean listings of {without} code objects are left out; bctrace dis prints them."));
        }
        if !unread.is_empty() {
            data.cut.push(format!("Files of the clean folder that cannot be read: {}.", unread.join(", ")));
        }
    }
}

fn clean(file: String, code: &MarshalledCode, before: &CodeObject, room: usize) -> CleanData {
    let object = CodeObject::from_marshal(code);
    let name = Printable::name(&object.name).to_string();
    let same = *object.bytes == *before.bytes && object.names == before.names && has_same_constants(&object, before);
    // One line more than there is room for says that there is none.
    let lines = Some(plain(&object, room.saturating_add(1))).filter(|lines| !same && lines.len() <= room);
    CleanData { file, name, lines, same }
}

/// Code objects count as equal: their texts name the file, which the program may have run under another name.
fn has_same_constants(one: &CodeObject, other: &CodeObject) -> bool {
    let is_code = |text: &[u8]| text.starts_with(b"<code object ");
    let is_same = |(one, other): (&Vec<u8>, &Vec<u8>)| one == other || is_code(one) && is_code(other);
    one.constants.len() == other.constants.len() && one.constants.iter().zip(&other.constants).all(is_same)
}

/// The code objects of a file in the order of the manifest.
fn codes(code: &MarshalledCode) -> Vec<&MarshalledCode> {
    fn add<'a>(code: &'a MarshalledCode, depth: usize, found: &mut Vec<&'a MarshalledCode>) {
        found.push(code);
        for constant in code.constants.iter().filter(|_| depth < DEPTH) {
            if let Object::Code(code) = constant {
                add(code, depth + 1, found);
            }
        }
    }
    let mut found = Vec::new();
    add(code, 0, &mut found);
    found
}

/// Reads a .pyc, of at most so many bytes; None if that fails.
fn read(path: &Path, left: &mut u64) -> Option<MarshalledCode> {
    let bytes = bounded(path, *left).ok()?;
    *left -= bytes.len() as u64;
    Some(Pyc::read(&bytes).ok()?.code)
}

fn bounded(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    // A pipe would be waited for.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::other("it is too large"));
    }
    Ok(bytes)
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
