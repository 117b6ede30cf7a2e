//! `bctrace report`: a page about a trace, written whole or not at all.

use std::fs::{self, File, Metadata};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use anyhow::{Context, bail};
use tempfile::NamedTempFile;

use super::args::ReportArgs;
use super::{exit, message, screen, views};
use crate::bytecode::escape::Printable;
use crate::views::report::{self, MARK, ReportPlan};

/// Runs the command.
pub fn run(args: &ReportArgs) -> anyhow::Result<u8> {
    let is_stdout = args.output == Path::new("-");
    if !is_stdout {
        check(args)?;
    }
    let plan = ReportPlan { trace: args.trace.clone(), progress: message::shows_progress(is_stdout) };
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
pub fn write(path: &Path, page: &[u8]) -> anyhow::Result<()> {
    if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        File::options().write(true).open(path)?.write_all(page)?;
        return Ok(());
    }
    // What a link leads to is replaced, not the link.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(page)?;
    file.as_file().set_permissions(fs::Permissions::from_mode(mode(&path)))?;
    file.persist(&path)?;
    Ok(())
}

/// The mode of the file: as it was, or as a new file has it.
fn mode(path: &Path) -> u32 {
    let umask = || {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("Umask:")).unwrap_or("077");
        u32::from_str_radix(line.trim(), 8).unwrap_or(0o077)
    };
    fs::metadata(path).map_or_else(|_| 0o666 & !umask(), |there| there.permissions().mode() & 0o777)
}
