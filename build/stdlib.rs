//! Makes the one file that holds the standard library: the VM just built compiles Lib/ (compile_library.py in the patch folder),
//! and the result is packed and indexed as library.h lays it out.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::cargo::SYSTEM_LIBRARIES;
use super::command::run;
use super::compile::plain_cc;
use super::cpython::CPython;
use super::libraries::Library;
use super::own::Own;
use super::problem::Problem;
use super::settings::{SANITIZERS, Settings};

/// The name of the packed library's file.
pub const LIBRARY: &str = "library.bin";

/// The level that packs best.
const ZSTD_LEVEL: i32 = 22;

/// As BCTRACE_LIBRARY_MAGIC in library.h; the number in it changes with the layout.
const MAGIC: &[u8] = b"BCTLIB 2";

/// An interpreter with nothing but the VM, as CPython's own Modules/python.c. What libbz2 calls after an internal error is in
/// the Rust part of its crate.
const BOOTSTRAP: &str = "int Py_Main(int, char **);
void abort(void);
void bz_internal_error(int code) { (void)code; abort(); }
int main(int argc, char **argv) { return Py_Main(argc, argv); }
";

/// One file of the library.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// Relative to the library's folder, with `/` between its parts.
    pub path: Vec<u8>,
    /// A module's marshalled code; empty for a data file.
    pub code: Vec<u8>,
    /// A module's source text, or the bytes of a data file.
    pub text: Vec<u8>,
    /// Whether every start of an interpreter imports it: its code is then stored unpacked.
    pub at_start: bool,
}

/// Compiles and packs the library, and writes it into `folder`, which has the archive of our own C files.
pub fn make(
    settings: &Settings,
    python: &CPython,
    libraries: &[Library],
    folder: &Path,
    scratch: &Path,
) -> Result<(), Problem> {
    let cannot = "put the standard library together";
    let archives = [archive(folder, Own::ARCHIVE), archive(&python.folder, CPython::ARCHIVE)];
    let interpreter = link_bootstrap(settings, &archives, libraries, scratch)?;
    let compiled = compile_library(settings, python, &interpreter, scratch)?;
    let bytes = fs::read(&compiled).map_err(|error| Problem::io(cannot, &compiled, &error))?;
    let entries = read_compiled(&bytes).ok_or_else(|| {
        let wrong = format!("{} ends in the middle of a record", compiled.display());
        Problem::new(cannot, wrong, "free some disk space and build again")
    })?;
    let library = folder.join(LIBRARY);
    let packed = pack(&entries).map_err(|error| Problem::io(cannot, &library, &error))?;
    fs::write(&library, packed).map_err(|error| Problem::io(cannot, &library, &error))
}

/// Links the VM with a `main` of one line.
fn link_bootstrap(
    settings: &Settings,
    archives: &[PathBuf],
    libraries: &[Library],
    scratch: &Path,
) -> Result<PathBuf, Problem> {
    let cannot = "link the interpreter that compiles the standard library";
    let source = scratch.join("bootstrap.c");
    fs::write(&source, BOOTSTRAP).map_err(|error| Problem::io(cannot, &source, &error))?;
    let program = scratch.join("bootstrap");
    let compiler = plain_cc(settings)
        .try_get_compiler()
        .map_err(|error| Problem::new(cannot, error.to_string(), "set CC to a working C compiler"))?;
    let mut command = compiler.to_command();
    command.arg("-o").arg(&program).arg(&source);
    // A group, since the first two archives refer to each other.
    command.arg("-Wl,--start-group").args(archives);
    command.args(libraries.iter().flat_map(|library| &library.archives));
    if settings.sanitize {
        command.arg(SANITIZERS);
    }
    command.arg("-Wl,--end-group").args(SYSTEM_LIBRARIES.map(|library| format!("-l{library}")));
    run(&mut command, None)
        .map_err(|error| Problem::new(cannot, error.to_string(), "see the linker's own messages"))?;
    Ok(program)
}

fn archive(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("lib{name}.a"))
}

/// Runs compile_library.py on the sources; returns the file that it wrote.
fn compile_library(
    settings: &Settings,
    python: &CPython,
    interpreter: &Path,
    scratch: &Path,
) -> Result<PathBuf, Problem> {
    let out = scratch.join("library.compiled");
    let mut command = Command::new(interpreter);
    // Nothing of the builder's environment gets into the library; PYTHONPATH leads the VM to its sources. No site, no .pyc.
    command.env_clear().env("PYTHONPATH", python.library()).args(["-S", "-B"]);
    // What an interpreter has at its end is no leak.
    command.env("ASAN_OPTIONS", "detect_leaks=0");
    command.arg(settings.patch_dir().join("compile_library.py"));
    command.arg(python.library()).arg(python.makefile()).arg(python.headers().join("pyconfig.h")).arg(&out);
    run(&mut command, None).map_err(|error| {
        Problem::new("compile the standard library", error.to_string(), "delete the cache directory and build again")
    })?;
    Ok(out)
}

/// Reads the records that compile_library.py writes; none where they are cut short.
pub fn read_compiled(mut bytes: &[u8]) -> Option<Vec<Entry>> {
    let mut entries = Vec::new();
    while !bytes.is_empty() {
        let mut number = || {
            let (head, rest) = bytes.split_first_chunk::<4>()?;
            bytes = rest;
            usize::try_from(u32::from_le_bytes(*head)).ok()
        };
        let (at_start, path, code, text) = (number()?, number()?, number()?, number()?);
        let mut part = |len| {
            let (head, rest) = bytes.split_at_checked(len)?;
            bytes = rest;
            Some(head.to_vec())
        };
        entries.push(Entry { path: part(path)?, code: part(code)?, text: part(text)?, at_start: at_start != 0 });
    }
    Some(entries)
}

/// Returns the library's bytes as library.h describes them. They depend on the entries alone.
pub fn pack(entries: &[Entry]) -> io::Result<Vec<u8>> {
    /// `struct bctrace_entry`: path, its length, and at, packed and size of both parts.
    const ENTRY_LEN: usize = 8 * (u32::BITS / 8) as usize;

    let mut entries: Vec<&Entry> = entries.iter().collect();
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    let mut index = [MAGIC, &number(entries.len())?].concat();
    let mut contents: Vec<u8> = Vec::new();
    let contents_at = index.len() + entries.len() * ENTRY_LEN;
    for entry in entries {
        index.extend(number(contents_at + contents.len())?);
        index.extend(number(entry.path.len())?);
        contents.extend(&entry.path);
        for (part, unpacked) in [(&entry.code, entry.at_start), (&entry.text, false)] {
            let packed = if unpacked { None } else { packed(part)? };
            let stored = packed.as_ref().unwrap_or(part);
            for value in [contents_at + contents.len(), stored.len(), part.len()] {
                index.extend(number(value)?);
            }
            contents.extend(stored);
        }
    }
    index.extend(contents);
    Ok(index)
}

/// Returns the bytes packed, or none where that makes them no smaller.
fn packed(bytes: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let packed = zstd::bulk::compress(bytes, ZSTD_LEVEL)?;
    Ok((packed.len() < bytes.len()).then_some(packed))
}

/// A number as C reads it on this machine, which is also the one that runs the result.
fn number(value: usize) -> io::Result<[u8; 4]> {
    u32::try_from(value).map(u32::to_ne_bytes).map_err(|_| io::Error::other("the standard library is larger than 4 GB"))
}
