//! `bctrace report`: a page about a trace, written whole or not at all.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, bail};

use super::args::ReportArgs;
use super::{exit, message, screen, views};
use crate::bytecode::escape::Printable;
use crate::export::target::Target;
use crate::format::Named;
use crate::read::is_read_once;
use crate::views::report::{self, CleanFolder, MARK, ReportPlan};
use crate::vm::library;

/// Runs the command.
pub fn run(args: &ReportArgs) -> anyhow::Result<u8> {
    if args.trace.is_dir() {
        bail!("cannot report on {}: it is a folder; name a trace", Named::input(&args.trace));
    }
    if is_read_once(&args.trace) {
        bail!("cannot report on {}: a report reads its trace several times; name a file", Named::input(&args.trace));
    }
    let is_stdout = args.output == Path::new("-");
    if !is_stdout {
        check(args)?;
    }
    let clean = args.clean.as_deref().map(CleanFolder::open).transpose()?;
    let (trace, modules, progress) = (args.trace.clone(), library::marshal_of, message::shows_progress(is_stdout));
    let plan = ReportPlan { trace, clean, modules, progress };
    let report = report::run(&plan, &mut views::warning(&args.trace))?;
    let status = if report.is_flawed { exit::FAILED } else { 0 };
    if is_stdout {
        return screen::print(report.html.as_bytes()).map(|_| status);
    }
    write(&args.output, report.html.as_bytes())
        .with_context(|| format!("cannot write {}", Printable::path(&args.output)))?;
    Ok(status)
}

/// Refuses to replace the trace, and without --force a file that is no report.
fn check(args: &ReportArgs) -> anyhow::Result<()> {
    let path = &args.output;
    let shown = Printable::path(path);
    let same_file = |there: &Metadata, trace: &Metadata| (there.dev(), there.ino()) == (trace.dev(), trace.ino());
    if let (Ok(there), Ok(trace)) = (fs::metadata(path), fs::metadata(&args.trace))
        && same_file(&there, &trace)
    {
        bail!("cannot write {shown}: it is the trace itself; name another file");
    }
    if args.force {
        return Ok(());
    }
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("cannot write {shown}")),
    };
    let metadata = file.metadata().with_context(|| format!("cannot write {shown}"))?;
    if metadata.is_dir() {
        bail!("cannot write {shown}: it is a folder; name a file in it");
    }
    let mut start = Vec::new();
    if metadata.is_file() {
        file.take(MARK.len() as u64).read_to_end(&mut start).with_context(|| format!("cannot read {shown}"))?;
    }
    if !start.is_empty() && start != MARK.as_bytes() {
        bail!("cannot write {shown}: it exists and is no report; name another file, or replace it with --force");
    }
    Ok(())
}

/// Writes a page, or another file: a file gets its name when it is whole, so that an older one stays until then.
pub fn write(path: &Path, page: &[u8]) -> io::Result<()> {
    let mut target = Target::create(path)?;
    target.write_all(page)?;
    target.commit()
}
