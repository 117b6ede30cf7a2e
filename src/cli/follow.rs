//! --follow-forks: a trace for each process, beside the one of the first.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::FromArgMatches;

use super::args::{self, RecordArgs};
use super::message::warn;
use super::{record, summary};
use crate::bytecode::escape::Printable;
use crate::format::{self, Format};
use crate::record::{Descent, Follow, Recorder, Tracing};
use crate::trace::{EndReason, Sink};

/// Names that are tried for one process, whose number an older one may have had.
const TRIES: u32 = 10_000;

/// Plans to follow the processes that a program forks; an error where no files can be named after the first trace's.
pub fn plan(trace: &Path, format: Option<Format>, options: format::Options) -> anyhow::Result<Follow> {
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
    let trace = std::path::absolute(trace)?;
    Ok(Follow(Box::new(move |pid| {
        if is_null {
            return Ok((PathBuf::new(), format::null_sink()));
        }
        let path = new_file(&trace, pid)?;
        let sink: Box<dyn Sink> =
            record::open(&path, None, format, options.clone(), &mut None).map_err(io::Error::other)?;
        Ok((path, sink))
    })))
}

/// Finds the recorder that wants this interpreter, as one that a followed program has started, and what it records.
pub fn recorder() -> Option<(Recorder, Tracing)> {
    let recorder = Recorder::of_this_process()?;
    let words: Vec<OsString> = recorder.command_line()?.into_iter().map(OsString::from_vec).collect();
    let tracing = if words.get(1).is_some_and(|word| word == "python") {
        Tracing::default()
    } else {
        let matches = args::command().try_get_matches_from(words).ok()?;
        record::tracing(&RecordArgs::from_arg_matches(&matches).ok()?).ok()?
    };
    Some((recorder, tracing))
}

/// Makes an empty file for a process beside the first one's trace; none that is there already is touched.
fn new_file(trace: &Path, pid: i32) -> io::Result<PathBuf> {
    for number in 1..=TRIES {
        let path = of_process(trace, pid, number);
        match File::create_new(&path) {
            Ok(_) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(io::Error::new(error.kind(), format!("cannot make {}: {error}", Printable::path(&path))));
            }
        }
    }
    Err(io::Error::other(format!("all names after {} are taken", Printable::path(&of_process(trace, pid, TRIES)))))
}

/// The name for a process: its number before the suffixes, so that they go on saying what the file is.
fn of_process(trace: &Path, pid: i32, number: u32) -> PathBuf {
    let name = trace.file_name().unwrap_or_default();
    let bytes = name.as_bytes();
    let last_dot = |bytes: &[u8]| bytes.iter().rposition(|&byte| byte == b'.').filter(|&at| at > 0);
    let packed = [&b".zst"[..], b".gz"].iter().find_map(|suffix| bytes.strip_suffix(*suffix)).unwrap_or(bytes);
    let stem = last_dot(packed).unwrap_or(packed.len());
    let again = if number == 1 { String::new() } else { format!("-{number}") };
    let mut whole = bytes[..stem].to_vec();
    whole.extend_from_slice(format!(".{pid}{again}").as_bytes());
    whole.extend_from_slice(&bytes[stem..]);
    trace.with_file_name(std::ffi::OsStr::from_bytes(&whole))
}

/// Says what the processes' summaries would not let one guess; returns whether each trace could be written.
pub fn tell(descent: &Descent, is_quiet: bool) -> bool {
    let mut is_well = true;
    for followed in &descent.followed {
        match &followed.recorded {
            Ok((_, summary)) => {
                let is_quiet = is_quiet || summary.end.replaced;
                if !is_quiet && !matches!(summary.end.reason, EndReason::Exited(_) | EndReason::Unknown) {
                    warn(format_args!("process {}: {}", followed.pid, summary::how(&summary.end)));
                }
            }
            Err(error) => {
                is_well = false;
                warn(format_args!("cannot record process {}: {error}", followed.pid));
            }
        }
    }
    if descent.turned_away > 0 {
        warn(format_args!("{} processes could not be followed and ran untraced", descent.turned_away));
    }
    is_well
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_its_number_before_the_suffixes() {
        let cases = [
            ("t.bct", "t.7.bct"),
            ("d.x/t", "d.x/t.7"),
            ("t.a.txt.zst", "t.a.7.txt.zst"),
            ("t.gz", "t.7.gz"),
            (".bct", ".bct.7"),
        ];
        for (trace, named) in cases {
            assert_eq!(of_process(Path::new(trace), 7, 1), Path::new(named));
        }
        assert_eq!(of_process(Path::new("t.bct"), 7, 2), Path::new("t.7-2.bct"));
    }

    #[test]
    fn no_file_that_is_there_is_touched() {
        let folder = tempfile::tempdir().expect("a folder");
        let trace = folder.path().join("t.txt");
        let names = [(); 3].map(|()| new_file(&trace, 5).expect("a name"));
        assert_eq!(names, ["t.5.txt", "t.5-2.txt", "t.5-3.txt"].map(|name| folder.path().join(name)));
    }
}
