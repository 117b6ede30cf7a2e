//! `bctrace python`, and a start by the interpreter's own name: the interpreter with its own command line, recorded or not.

use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::error::ErrorKind;

use super::summary::Asked;
use super::{args, exit, record, summary};
use crate::record::{Plan, Program, Tracing};
use crate::vm::program;

/// The only option that is ours; it stands before the interpreter's.
const TRACE_TO: &str = "--trace-to";

/// Runs the interpreter under the name that it was started by; does not return.
pub fn run_as(arguments: Vec<OsString>) -> anyhow::Result<u8> {
    program::exit(program::python(c_strings(arguments)?, |_| ()))
}

/// Runs `bctrace python` with the words behind that; returns only where they ask for a recording.
pub fn run(arguments: Vec<OsString>) -> anyhow::Result<u8> {
    let (trace, arguments) = trace_to(arguments);
    let argv = [OsString::from("python2.7")].into_iter().chain(arguments).collect();
    match trace {
        Some(trace) => record_to(&trace, c_strings(argv)?),
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

fn record_to(trace: &Path, argv: Vec<CString>) -> anyhow::Result<u8> {
    let mut plan = Plan {
        argv,
        program: Program::CommandLine,
        tracing: Tracing::default(),
        timeout: None,
        lines: None,
        progress: false,
        options: Vec::new(),
        follow: None,
    };
    let mut sink = record::open(trace, None, None, Default::default(), &mut plan.lines)?;
    let summary = record::carry_out(plan, &mut *sink, trace)?.summary;
    summary::tell(&summary, &Asked::nothing());
    Ok(exit::of_end(&summary.end))
}

fn c_strings(words: Vec<OsString>) -> anyhow::Result<Vec<CString>> {
    words.into_iter().map(|word| CString::new(word.into_vec()).context("an argument holds a NUL byte")).collect()
}
