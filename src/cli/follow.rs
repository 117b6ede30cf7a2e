//! --follow-forks: a trace for each process, beside the one of the first.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::message::warn;
use super::{exit, summary};
use crate::bytecode::escape::Printable;
use crate::format::{self, Format, Output, OutputFolder};
use crate::record::{Follow, Summary};
use crate::trace::EndReason;

/// Names that are tried for one process, whose number an older one may have had.
const TRIES: u32 = 10_000;

/// Plans to follow the processes that a program forks; an error where no files can be named after the first trace's.
pub fn plan(trace: &Path, format: Option<Format>, options: format::Options, is_quiet: bool) -> anyhow::Result<Follow> {
    let is_null = format::by_suffix(trace, format).0 == Format::Null;
    let is_file =
        fs::metadata(trace).is_ok_and(|there| there.is_file()) || (!trace.exists() && trace != Path::new("-"));
    if !is_null && !is_file {
        bail!(
            "cannot write the traces of several processes to {}: with --follow-forks TRACEFILE must be a file, beside which the \
             others are written",
            Printable::path(trace)
        );
    }
    let name = trace.file_name().unwrap_or_default().to_owned();
    let (format, compression) = format::by_suffix(trace, format);
    let folder =
        OutputFolder::of(trace).with_context(|| format!("cannot write traces beside {}", Printable::path(trace)))?;
    let open = move |pid| {
        if is_null {
            return Ok((PathBuf::new(), format::null_sink()));
        }
        let (file, path) = new_file(&folder, &name, pid)?;
        let output = Output::into_new(file, &path, compression)?;
        Ok((path, format::sink(format, options.clone(), output)))
    };
    let report = move |pid, result: &io::Result<(PathBuf, Summary)>| report(pid, result, is_quiet);
    Ok(Follow { open: Box::new(open), report: Box::new(report) })
}

/// Makes an empty file for a process beside the first one's trace; none that is there already is touched.
fn new_file(folder: &OutputFolder, trace: &OsStr, pid: i32) -> io::Result<(File, PathBuf)> {
    for number in 1..=TRIES {
        let name = of_process(trace, pid, number);
        let path = folder.path_of(&name);
        match folder.create(&name) {
            Ok(file) => return Ok((file, path)),
            Err(error) if format::is_taken(&error) => {}
            Err(error) => {
                let message = format!("cannot make {}: {error}", Printable::path(&path));
                return Err(io::Error::new(error.kind(), message));
            }
        }
    }
    let last = folder.path_of(of_process(trace, pid, TRIES));
    Err(io::Error::other(format!("all names up to {} are taken", Printable::path(&last))))
}

/// The name for a process: its number before the suffixes, so that they go on saying what the file is.
fn of_process(trace: &OsStr, pid: i32, number: u32) -> OsString {
    let bytes = trace.as_bytes();
    let last_dot = |bytes: &[u8]| bytes.iter().rposition(|&byte| byte == b'.').filter(|&at| at > 0);
    let (packed, _) = format::split_compression(Path::new(trace));
    let stem = last_dot(packed).unwrap_or(packed.len());
    let again = if number == 1 { String::new() } else { format!("-{number}") };
    let mut whole = bytes[..stem].to_vec();
    whole.extend_from_slice(format!(".{pid}{again}").as_bytes());
    whole.extend_from_slice(&bytes[stem..]);
    OsString::from_vec(whole)
}

/// Says how a process was recorded, if that is not what one would expect; returns the status of its recording.
fn report(pid: i32, result: &io::Result<(PathBuf, Summary)>, is_quiet: bool) -> u8 {
    match result {
        Ok((path, summary)) => {
            let end = &summary.end;
            let is_well = summary::tell_failure(summary, path, Some(pid)) && !summary::is_failure(end);
            let is_told = matches!(end.reason, EndReason::Exited(_) | EndReason::Unknown | EndReason::OutputFailed(_));
            if summary::is_failure(end) || !is_quiet && !end.replaced && !is_told {
                warn(format_args!("process {pid}: {}", summary::how(end)));
            }
            if is_well { 0 } else { exit::FAILED }
        }
        Err(error) => {
            warn(format_args!("cannot record process {pid}: {error}"));
            exit::FAILED
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_its_number_before_the_suffixes() {
        let cases = [
            ("t.bct", "t.7.bct"),
            ("t", "t.7"),
            ("t.a.txt.zst", "t.a.7.txt.zst"),
            ("t.a.TXT.ZST", "t.a.7.TXT.ZST"),
            ("t.gz", "t.7.gz"),
            (".bct", ".bct.7"),
        ];
        for (trace, named) in cases {
            assert_eq!(of_process(OsStr::new(trace), 7, 1), named);
        }
        assert_eq!(of_process(OsStr::new("t.bct"), 7, 2), "t.7-2.bct");
    }

    #[test]
    fn no_file_that_is_there_is_touched() {
        let folder = tempfile::tempdir().expect("a folder");
        let beside = OutputFolder::of(&folder.path().join("t.txt")).expect("a folder");
        std::os::unix::fs::symlink("elsewhere", folder.path().join("t.5-2.txt")).expect("a link");
        let names = [(); 2].map(|()| new_file(&beside, OsStr::new("t.txt"), 5).expect("a name").1);
        assert_eq!(names, ["t.5.txt", "t.5-3.txt"].map(|name| folder.path().join(name)));
        assert!(!folder.path().join("elsewhere").exists(), "a link was followed");
    }
}
