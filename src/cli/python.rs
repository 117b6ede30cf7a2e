//! `bctrace python`, and a start by the interpreter's own name: the interpreter with its own command line, recorded or not.

use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::error::ErrorKind;

use super::record::Target;
use super::summary::Asked;
use super::{args, exit, follow, record, summary};
use crate::format::Replace;
use crate::process::{child, executable};
use crate::record::{Outcome, Plan, Program, Tracing};
use crate::vm::program;

/// The options that are ours; they stand before the interpreter's, the second behind the first.
const TRACE_TO: &str = "--trace-to";
const FOLLOW_FORKS: &str = "--follow-forks";

/// Runs the interpreter under the name that it was started by; does not return.
pub fn run_as(arguments: Vec<OsString>) -> anyhow::Result<u8> {
    let argv = c_strings(arguments)?;
    child::forget_runtime().context("cannot reset the signals")?;
    let executable = executable::path();
    program::exit(match follow::recorder() {
        Some((recorder, tracing)) => {
            program::python(argv, &executable, |interpreter| recorder.join(tracing, interpreter))
        }
        None => program::python(argv, &executable, |_| ()),
    })
}

/// Runs `bctrace python` with the words behind that; returns only where they ask for a recording.
pub fn run(arguments: Vec<OsString>) -> anyhow::Result<u8> {
    let (trace, mut arguments) = trace_to(arguments);
    let follows = trace.is_some() && arguments.first().is_some_and(|word| word == FOLLOW_FORKS);
    arguments.drain(..usize::from(follows));
    let argv = [OsString::from("python2.7")].into_iter().chain(arguments).collect();
    match trace {
        Some(trace) => record_to(&trace, c_strings(argv)?, follows),
        None => run_as(argv),
    }
}

/// Parts `--trace-to FILE` or `--trace-to=FILE` from the interpreter's arguments.
fn trace_to(mut arguments: Vec<OsString>) -> (Option<PathBuf>, Vec<OsString>) {
    let Some(rest) = arguments.first().and_then(|word| word.as_bytes().strip_prefix(TRACE_TO.as_bytes())) else {
        return (None, arguments);
    };
    let (trace, words) = match rest.split_first() {
        None => (arguments.get(1).cloned().unwrap_or_default(), 2),
        Some((b'=', name)) => (OsStr::from_bytes(name).to_os_string(), 1),
        Some(_) => return (None, arguments),
    };
    if trace.is_empty() {
        let message = "--trace-to needs a FILE to write the trace to";
        args::command().error(ErrorKind::MissingRequiredArgument, message).exit();
    }
    (Some(trace.into()), arguments.split_off(words))
}

fn record_to(trace: &Path, argv: Vec<CString>, follows: bool) -> anyhow::Result<u8> {
    let mut plan = Plan {
        argv,
        program: Program::CommandLine,
        tracing: Tracing::default(),
        timeout: None,
        lines: None,
        progress: false,
        options: Vec::new(),
        follow: if follows { Some(follow::plan(trace, None, Default::default())?) } else { None },
    };
    let target = Target::check(trace, None, None, Replace::Traces)?;
    let mut sink = target.open(Default::default(), &mut plan.lines)?;
    let Outcome { summary, descent } = record::carry_out(plan, &mut *sink, trace)?;
    summary::tell(&summary, &Asked::nothing());
    let is_well = summary::tell_failure(&summary, trace, None) & follow::tell(&descent, false);
    Ok(if is_well { exit::of_end(&summary.end) } else { exit::FAILED })
}

fn c_strings(words: Vec<OsString>) -> anyhow::Result<Vec<CString>> {
    words.into_iter().map(|word| CString::new(word.into_vec()).context("an argument holds a NUL byte")).collect()
}
