//! What leads a program on: stand-ins for missing modules, and its standard input.

use std::ffi::CString;
use std::fs::File;
use std::io::{Seek, Write};
use std::os::unix::ffi::OsStrExt;

use anyhow::Context;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::stdio::dup2_stdin;

use super::args::LeadArgs;
use crate::bytecode::escape::Printable;
use crate::format;
use crate::vm::stand_ins::StandIns;

/// The stand-ins that are asked for; None if none are.
pub fn stand_ins(args: &LeadArgs) -> anyhow::Result<Option<StandIns>> {
    let names = args.stub.iter().map(|name| CString::new(name.as_bytes()).context("a module's name holds a NUL byte"));
    let names = names.collect::<anyhow::Result<Vec<CString>>>()?;
    Ok((args.stub_missing || !names.is_empty()).then_some(StandIns { names, all: args.stub_missing }))
}

/// Replaces this process's standard input, which the program inherits, by what is asked for.
pub fn give_input(args: &LeadArgs) -> anyhow::Result<()> {
    let input = match (&args.stdin, &args.stdin_text) {
        (Some(path), _) => File::open(path)
            .map_err(|error| anyhow::anyhow!(format::why(path, &error)))
            .with_context(|| format!("cannot use --stdin {}", Printable::path(path)))?,
        (None, Some(text)) => of_text(text.as_bytes()).context("cannot make the standard input of --stdin-text")?,
        (None, None) => return Ok(()),
    };
    dup2_stdin(&input).context("cannot replace the standard input")
}

/// A file in memory that can be read and not changed.
fn of_text(text: &[u8]) -> std::io::Result<File> {
    let mut file = File::from(memfd_create("stdin", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?);
    file.write_all(text)?;
    file.rewind()?;
    fcntl_add_seals(&file, SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE)?;
    Ok(file)
}
