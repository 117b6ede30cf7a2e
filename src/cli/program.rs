//! Reading the program that is to be traced or listed.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::{Context, anyhow};

use crate::bytecode::escape::Printable;
use crate::bytecode::pyc::Pyc;

/// A .pyc's checked code object and the bytes it was checked in.
pub struct Program {
    pub pyc: Pyc,
    pub bytes: Vec<u8>,
}

/// Reads and checks a .pyc; `-` is standard input.  The file is read once, and what was checked is what runs.
pub fn read(path: &Path) -> anyhow::Result<Program> {
    let cannot = || format!("cannot read {}", Printable::path(path));
    let bytes = read_bytes(path).with_context(cannot)?;
    let pyc = Pyc::read(&bytes).with_context(cannot)?;
    Ok(Program { pyc, bytes })
}

impl Program {
    /// The marshalled code object.
    pub fn marshalled(&self) -> &[u8] {
        &self.bytes[self.pyc.marshal.clone()]
    }
}

fn read_bytes(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        io::stdin().lock().read_to_end(&mut bytes)?;
        return Ok(bytes);
    }
    let mut file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(anyhow!("it is a folder; name a .pyc file in it"));
    }
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}
