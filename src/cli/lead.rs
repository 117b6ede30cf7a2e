//! What leads a program on: stand-ins for missing modules, its standard input, and answers to what it asks.

use std::ffi::CString;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use anyhow::Context;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::stdio::dup2_stdin;

use super::args::LeadArgs;
use crate::bytecode::escape::Printable;
use crate::format;
use crate::vm::answers::Answers;
use crate::vm::stand_ins::StandIns;

/// Bytes of a script of answers.
const LARGEST: u64 = 1 << 20;

/// The stand-ins that are asked for; None if none are.
pub fn stand_ins(args: &LeadArgs) -> Option<StandIns> {
    // A name of a module has no NUL byte (`value::module`).
    let names: Vec<CString> = args.stub.iter().filter_map(|name| CString::new(name.as_bytes()).ok()).collect();
    (args.stub_missing || !names.is_empty()).then_some(StandIns { names, all: args.stub_missing })
}

/// The answers that are asked for; None if none are.
pub fn answers(args: &LeadArgs) -> anyhow::Result<Option<Answers>> {
    let Some(path) = &args.answers else { return Ok(None) };
    let context = || format!("cannot use --answers {}", Printable::path(path));
    let mut script = Vec::new();
    let read = open(path).with_context(context)?.take(LARGEST + 1).read_to_end(&mut script);
    read.map_err(|error| anyhow::anyhow!(format::why(path, &error))).with_context(context)?;
    if script.len() as u64 > LARGEST {
        return Err(anyhow::anyhow!("it has more than {LARGEST} bytes")).with_context(context);
    }
    Answers::new(&script).map(Some).map_err(anyhow::Error::msg).with_context(context)
}

fn open(path: &Path) -> anyhow::Result<File> {
    File::open(path).map_err(|error| anyhow::anyhow!(format::why(path, &error)))
}

/// Replaces this process's standard input, which the program inherits, by what is asked for.
pub fn give_input(args: &LeadArgs) -> anyhow::Result<()> {
    let input = match (&args.stdin, &args.stdin_text) {
        (Some(path), _) => open(path).with_context(|| format!("cannot use --stdin {}", Printable::path(path)))?,
        (None, Some(text)) => of_text(text.as_bytes()).context("cannot make the standard input of --stdin-text")?,
        (None, None) if args.answers.is_some() => empty().context("cannot make the standard input of --answers")?,
        (None, None) => return Ok(()),
    };
    dup2_stdin(&input).context("cannot replace the standard input")
}

/// A file in memory that can be read and not changed.
fn of_text(text: &[u8]) -> std::io::Result<File> {
    let mut file = empty()?;
    file.write_all(text)?;
    file.rewind()?;
    fcntl_add_seals(&file, SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE)?;
    Ok(file)
}

fn empty() -> std::io::Result<File> {
    Ok(File::from(memfd_create("stdin", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?))
}
