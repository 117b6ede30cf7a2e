//! Reading the program that is to be traced or listed: a .pyc, or source, which the VM compiles.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use anyhow::{Context, anyhow};
use sha2::{Digest, Sha256};

use super::exit::{self, Ended};
use crate::bytecode::escape::Printable;
use crate::bytecode::pyc::{self, Pyc};
use crate::format::{self, Beginning, Format, Named};
use crate::process::{How, aside, executable, signals};
use crate::vm::program;

/// A .pyc's checked code object and the bytes it was checked in.
pub struct Program {
    pub pyc: Pyc,
    pub bytes: Vec<u8>,
    /// Of the file, which may be source.
    pub sha256: [u8; 32],
}

/// Reads and checks a program; `-` is a .pyc on standard input.  The file is read once, and what was checked is what runs.
pub fn read(path: &Path) -> anyhow::Result<Program> {
    let cannot = || format!("cannot read {}", Named::input(path));
    let mut bytes = read_bytes(path).with_context(cannot)?;
    let sha256 = Sha256::digest(&bytes).into();
    if let Beginning::Trace(format) = format::recognized(&bytes[..]) {
        return Err(no_program(path, format)).with_context(cannot);
    }
    if is_named_source(path) && pyc::is_source(&bytes) {
        bytes = compiled(path, &bytes)?;
    }
    let pyc = Pyc::read(&bytes).with_context(cannot)?;
    Ok(Program { pyc, bytes, sha256 })
}

impl Program {
    /// The marshalled code object.
    pub fn marshalled(&self) -> &[u8] {
        &self.bytes[self.pyc.marshal.clone()]
    }
}

/// Says what to do with a trace instead.
fn no_program(path: &Path, format: Format) -> anyhow::Error {
    match format {
        Format::Bct => anyhow!("it is a recorded trace; print it with `bctrace show {}`", Printable::path(path)),
        _ => anyhow!("it is a trace in a form that any pager shows; bctrace runs the program that it was recorded of"),
    }
}

fn is_named_source(path: &Path) -> bool {
    path.extension().is_some_and(|suffix| suffix.eq_ignore_ascii_case("py"))
}

/// Compiles source as `python2.7 path` does, in a process of its own, and makes a .pyc of it in memory.  The program's own folder is
/// not looked in for modules meanwhile: nothing of the program runs before it is traced.
fn compiled(path: &Path, source: &[u8]) -> anyhow::Result<Vec<u8>> {
    let name = CString::new(path.as_os_str().as_bytes())?;
    let executable = executable::path();
    let made = aside::run(|| program::compile(source, &name, &executable).ok_or(1));
    match made.context("cannot start a process that compiles the program")? {
        Ok(marshalled) => Ok(pyc::of_marshal(&marshalled)),
        // The VM has said what is wrong.
        Err(How::Exited(status)) => Err(Ended(status).into()),
        Err(How::Killed(signal)) => {
            let name = signals::name(signal.into());
            super::message::warn(format_args!("the compiler was killed by {name} in {}", Printable::path(path)));
            Err(Ended(exit::of_signal(signal)).into())
        }
        Err(How::Unknown) => Err(anyhow!("cannot compile {}: the compiler's process is lost", Printable::path(path))),
    }
}

fn read_bytes(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        io::stdin().lock().read_to_end(&mut bytes)?;
        return Ok(bytes);
    }
    let mut file = File::open(path).map_err(|error| match error.kind() {
        // Whether it is there is asked by who reads this error.
        io::ErrorKind::NotFound => anyhow::Error::new(error),
        _ => anyhow!(format::why(path, &error)),
    })?;
    if file.metadata()?.is_dir() {
        return Err(anyhow!("it is a folder; name a .pyc or .py file in it"));
    }
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}
