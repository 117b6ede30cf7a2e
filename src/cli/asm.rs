//! `bctrace asm`: a listing becomes a .pyc.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, anyhow};

use super::args::AsmArgs;
use super::program::open;
use super::record::is_same;
use super::{message, screen};
use crate::bytecode::assemble::listing;
use crate::bytecode::marshal::whole::{self, Interning};
use crate::bytecode::{marshal, pyc};
use crate::format::{self, Named, OutputError};

/// Runs the command.
pub fn run(args: &AsmArgs) -> anyhow::Result<u8> {
    let text = read(&args.listing).with_context(|| format!("cannot read {}", Named::input(&args.listing)))?;
    let program = listing::read(&text).with_context(|| format!("cannot assemble {}", Named::input(&args.listing)))?;
    let marshalled = whole::code_with(&program.code, &Interning::Only(&program.interned));
    let marshalled = marshalled.ok_or_else(|| anyhow!("the program has too many constants for a .pyc"))?;
    // What is written can be read.
    marshal::read(&marshalled).with_context(|| format!("cannot assemble {}", Named::input(&args.listing)))?;
    let bytes = pyc::of_marshal_at(&marshalled, program.time);
    if args.output != Path::new("-") && is_same(&args.listing, &args.output) {
        return Err(OutputError::IsInput(args.output.clone()).into());
    }
    if args.output == Path::new("-") {
        screen::print(&bytes)?;
    } else {
        write(&args.output, &bytes, args.force)
            .with_context(|| format!("cannot write {}", Named::output(&args.output)))?;
    }
    program.remarks.iter().for_each(message::warn);
    Ok(0)
}

/// Bytes of a listing at most: it is held in memory.
const MOST: u64 = 1 << 30;
const A_LISTING: &str = "a listing";

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    if path == Path::new("-") {
        return open::read(&mut io::stdin().lock(), MOST, A_LISTING);
    }
    open::plain(path, MOST, A_LISTING)
}

fn write(path: &Path, bytes: &[u8], force: bool) -> anyhow::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true);
    if force {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    let mut file = options.open(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => anyhow!("it exists; name another file, or replace it with --force"),
        _ => anyhow!(format::why(path, &error)),
    })?;
    Ok(file.write_all(bytes)?)
}
