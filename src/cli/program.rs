//! Reading the program that is to be traced, listed or unpacked, whatever kind of file it is in, and saying what was guessed.

mod beside;
pub mod open;

use std::ffi::CString;
use std::fs::File;
use std::io::{Read, Seek};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::stdio::dup2_stderr;
use sha2::{Digest, Sha256};

use super::args::{FileArgs, IntakeArgs};
use super::exit::{self, Ended, NotCompiled};
use super::message;
use crate::bytecode::escape::Printable;
use crate::bytecode::file::{self, Asked, Code, Contents, Entry, FileError, Kind};
use crate::bytecode::pyc::{self, Pyc};
use crate::bytecode::shell;
use crate::format::{self, Beginning, Format, Named};
use crate::process::{How, aside, executable, signals};
use crate::vm::program;
pub use open::Opened;

/// How a file is to be read.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    strict: bool,
    force: bool,
    /// Counted from 1.
    entry: Option<u32>,
}

impl Reading {
    pub fn new(intake: &IntakeArgs, force: bool) -> Reading {
        Reading { strict: intake.strict, force, entry: intake.entry }
    }

    /// Accepts all that is code.
    pub fn forced() -> Reading {
        Reading { strict: false, force: true, entry: None }
    }

    /// Code that may be of another Python is accepted too if `is_forced`, unless only a plain .pyc is.
    pub fn forced_if(self, is_forced: bool) -> Reading {
        Reading { force: self.force || is_forced && !self.strict, ..self }
    }
}

impl From<&FileArgs> for Reading {
    fn from(args: &FileArgs) -> Reading {
        Reading::new(&args.intake, args.force)
    }
}

/// A file that was read and checked.
pub struct Program {
    pub contents: Contents,
    /// The file that was opened: of `a.zip/b.pyc` a.zip.
    pub file: PathBuf,
    /// The archive of its modules, if that is not the file.
    pub library: Option<PathBuf>,
    /// Of the file.
    pub sha256: [u8; 32],
    pub size: usize,
    /// It is an executable for Windows that has windows.
    pub is_gui: bool,
}

/// Reads a file; `-` is standard input.  It is read once, and what was checked is what runs.
pub fn read(path: &Path, reading: Reading) -> anyhow::Result<Program> {
    let cannot = || format!("cannot read {}", Named::input(path));
    let Opened { file, member, bytes } = open::open(path).with_context(cannot)?;
    let (sha256, size) = (Sha256::digest(&bytes).into(), bytes.len());
    if let Beginning::Trace(format) = format::recognized(&bytes[..]) {
        return Err(no_program(path, format)).with_context(cannot);
    }
    let is_gui = file::is_gui(&bytes);
    let asked = Asked {
        is_strict: reading.strict,
        is_forced: reading.force,
        is_named_source: path.extension().is_some_and(|suffix| suffix.eq_ignore_ascii_case("py")),
        member,
        stem: file.file_stem().map(|stem| stem.as_bytes().to_vec()).unwrap_or_default(),
    };
    let (mut contents, library) = match file::read(bytes, &asked) {
        Ok(contents) => (contents, None),
        Err(error) => match beside::archive(&file, &error, &asked).with_context(cannot)? {
            Some((contents, library)) => (contents, Some(library)),
            None => return Err(explained(error, &file)).with_context(cannot),
        },
    };
    let library = library.or(beside::add_library(&mut contents, &file).with_context(cannot)?);
    if let Some(number) = reading.entry {
        contents.entries = vec![nth(&mut contents.entries, number).with_context(cannot)?];
    }
    Ok(Program { contents, file, library, sha256, size, is_gui })
}

/// Reads a file whose code is to be run or looked at: source is compiled.
pub fn read_code(path: &Path, reading: Reading) -> anyhow::Result<Program> {
    let mut program = read(path, reading)?;
    for entry in &mut program.contents.entries {
        if let file::Program::Source(source) = &entry.program {
            entry.program = file::Program::Code(compiled(path, &entry.name, source)?);
        }
    }
    Ok(program)
}

impl Program {
    /// Refuses a file in which nothing says what runs.
    pub fn check_runs(&self, path: &Path) -> anyhow::Result<()> {
        if !self.contents.entries.is_empty() {
            return Ok(());
        }
        let (kind, file) = (self.contents.kind.phrase(), Printable::path(&self.file));
        let word = shell::Word::path(&self.file);
        let member = match self.contents.modules.first().filter(|_| self.contents.kind.is_zip()) {
            None => "MODULE",
            Some(_) => "NAME.pyc",
        };
        Err(anyhow!(
            "it is {kind} in which nothing says what runs; name that as {file}/{member}, out of `bctrace list {word}`"
        ))
        .with_context(|| format!("cannot run {}", Named::input(path)))
    }

    /// Says what was guessed, if anything was.
    pub fn report_guesses(&self, path: &Path) {
        let is_plain = matches!(self.contents.kind, Kind::Pyc | Kind::Source) && self.contents.guesses.is_empty();
        if is_plain && self.tails().is_none() {
            return;
        }
        message::warn(format_args!("{} is {}", Named::input(path), self.description()));
    }

    /// Says how much data comes after code objects, if any does.
    fn tails(&self) -> Option<String> {
        let mut codes = self.contents.codes().map(|(_, code)| code).filter(|code| !code.tail().is_empty());
        let first = codes.next()?;
        Some(match codes.count() {
            0 => {
                let bytes = message::counted(first.tail().len() as u64, "byte");
                format!("{bytes} after the code object, at offset {}", first.marshal.end)
            }
            more => format!("data after {} of its code objects", more + 1),
        })
    }

    /// The kind of file, what it holds, what was guessed, and what comes after the code.
    pub fn description(&self) -> String {
        let contents = &self.contents;
        let counts = [
            (contents.entries.len(), "script"),
            (contents.modules.len(), "module"),
            (contents.files.len(), "other file"),
        ];
        let counts = counts.iter().filter(|(number, _)| *number > 0);
        let counts: Vec<String> = counts.map(|(number, what)| message::counted(*number as u64, what)).collect();
        let library = self.library.as_ref().map(|library| format!("its modules are in {}", Printable::path(library)));
        let tails = self.tails();
        let clauses: Vec<&str> = contents.guesses.iter().chain(&library).chain(&tails).map(String::as_str).collect();
        let guesses = if clauses.is_empty() { String::new() } else { format!(": {}", clauses.join("; ")) };
        format!("{} with {}{guesses}", contents.kind.phrase(), counts.join(", "))
    }
}

/// A file that was taken for a folder has no error of its own.
fn explained(error: FileError, file: &Path) -> anyhow::Error {
    match error {
        FileError::NoArchive => anyhow!("{} is a file, not a folder, and no archive", Printable::path(file)),
        error => error.into(),
    }
}

fn nth(entries: &mut Vec<Entry>, number: u32) -> anyhow::Result<Entry> {
    let count = entries.len();
    let place = (number as usize).checked_sub(1).filter(|place| *place < count);
    let place = place.with_context(|| format!("there is no script {number} in it: it has {count}"))?;
    Ok(entries.swap_remove(place))
}

/// Says what to do with a trace instead.
fn no_program(path: &Path, format: Format) -> anyhow::Error {
    match format {
        Format::Bct => anyhow!("it is a recorded trace; print it with `bctrace show {}`", shell::Word::path(path)),
        _ => anyhow!("it is a trace in a form that any pager shows; bctrace runs the program that it was recorded of"),
    }
}

/// The lines of a file from its beginning, up to 64 KiB, as printable text.
fn lines_of(mut file: File) -> String {
    let mut bytes = Vec::new();
    let _ = file.rewind().and_then(|()| file.take(64 << 10).read_to_end(&mut bytes));
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    lines.map(|line| format!("{}\n", Printable::text(line.strip_suffix(b"\n").unwrap_or(line)))).collect()
}

/// Compiles source as `python2.7 path` does, in a process of its own.  The program's own folder is not looked in for modules meanwhile:
/// nothing of the program runs before it is traced.
fn compiled(path: &Path, entry: &[u8], source: &[u8]) -> anyhow::Result<Code> {
    // A script of an archive has a name of its own.
    let name = if entry.is_empty() { path.as_os_str().as_bytes() } else { entry };
    let name = CString::new(name)?;
    let executable = executable::path();
    // What the VM says quotes the source, which may hold what moves a terminal.
    let said = memfd_create("said", MemfdFlags::CLOEXEC).map(File::from);
    let made = aside::run(|| {
        let _ = said.as_ref().map(dup2_stderr);
        program::compile(source, &name, &executable).ok_or(1)
    });
    let said = said.map_or(String::new(), lines_of);
    match made.context("cannot start a process that compiles the program")? {
        Ok(marshalled) => {
            message::repeat(&said);
            let bytes = pyc::of_marshal(&marshalled);
            let pyc = Pyc::read(&bytes).with_context(|| format!("cannot read {}", Named::input(path)))?;
            Ok(Code::of_pyc(&pyc, bytes))
        }
        Err(How::Exited(status)) => Err(NotCompiled { status, said }.into()),
        Err(How::Killed(signal)) => {
            let name = signals::name(signal.into());
            message::warn(format_args!("the compiler was killed by {name} in {}", Printable::path(path)));
            Err(Ended(exit::of_signal(signal)).into())
        }
        Err(How::Unknown) => Err(anyhow!("cannot compile {}: the compiler's process is lost", Printable::path(path))),
    }
}
