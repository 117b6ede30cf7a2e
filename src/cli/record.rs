//! The main command: runs a program and writes its trace.

use std::ffi::{CString, OsString};
use std::io::IsTerminal;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use anyhow::Context;
use clap::error::ErrorKind;
use indicatif::{HumanBytes, HumanCount};

use super::args::{self, FormatName, RecordArgs, TraceWhat};
use super::{exit, filter, program};
use crate::bytecode::escape::{self, Part};
use crate::format::{self, Format};
use crate::record::{self, Plan, Summary, Tracing};
use crate::trace::Sink;
use crate::trace::event::{End, EndReason};

/// Runs the command; `typed` are the words of the command line.
pub fn run(args: RecordArgs, typed: &[OsString]) -> anyhow::Result<u8> {
    if args.trace_what == Some(TraceWhat::Only) && args.filter.names.is_empty() {
        let message = "-t only needs at least one -n NAME: the code object to trace";
        args::command().error(ErrorKind::MissingRequiredArgument, message).exit();
    }
    let program = program::read(&args.pyc)?;
    let quiet = args.quiet;
    let plan = Plan {
        argv: argv(&args)?,
        marshalled: program.marshalled().to_vec(),
        tracing: Tracing {
            filter: filter::filter(args.filter.clone())?,
            start_at: args.start_at.as_deref().map(filter::trigger),
            stop_at: args.stop_at.as_deref().map(filter::trigger),
            max_instructions: args.max_instructions,
        },
        timeout: args.timeout,
        progress: !quiet && std::io::stderr().is_terminal(),
        options: options(typed),
    };
    drop(program);
    let mut sink = open(&args)?;
    let summary = record::record(plan, &mut *sink).with_context(|| {
        format!("cannot write {} any further; it holds what was traced before", args.trace.display())
    })?;
    if !quiet {
        tell(&summary);
    }
    Ok(exit::of_end(&summary.end))
}

/// The output, touched only now that all input is known to be good.
fn open(args: &RecordArgs) -> anyhow::Result<Box<dyn Sink>> {
    let (format, compression) = format::by_suffix(&args.trace, args.format.map(self::format));
    if format == Format::Null {
        return Ok(format::null_sink());
    }
    let output = format::check_output(&args.trace, Some(&args.pyc))?.open(compression)?;
    let options = format::Options {
        resolve: args.resolve,
        max_size: args.max_size.map(|size| size.as_u64()),
        ..format::Options::default()
    };
    Ok(format::sink(format, options, output))
}

/// The format by its name.
pub fn format(name: FormatName) -> Format {
    match name {
        FormatName::Text => Format::Text,
        FormatName::Jsonl => Format::Jsonl,
        FormatName::Bct => Format::Bct,
        FormatName::Null => Format::Null,
    }
}

fn argv(args: &RecordArgs) -> anyhow::Result<Vec<CString>> {
    let words = [args.pyc.clone().into_os_string()].into_iter().chain(args.arguments.iter().cloned());
    words.map(|word| CString::new(word.into_vec()).context("an argument holds a NUL byte")).collect()
}

/// The options as typed: every word up to the program's own.
fn options(typed: &[OsString]) -> Vec<Vec<u8>> {
    typed[1..]
        .iter()
        .map(|word| word.as_bytes().to_vec())
        .take_while(|word| word != b"--")
        .filter(|word| word.starts_with(b"-"))
        .collect()
}

/// Says how it ended: always where that was not the program's own doing, and all of it on a terminal.
fn tell(summary: &Summary) {
    let end = &summary.end;
    if std::io::stderr().is_terminal() {
        let count = HumanCount(end.instructions);
        eprintln!("bctrace: {count} instructions, {} written; {}", HumanBytes(summary.written), how(end));
    } else if end.replaced || !matches!(end.reason, EndReason::Exited(_)) {
        eprintln!("bctrace: {}", how(end));
    }
}

/// How a trace ended, in words.
fn how(end: &End) -> String {
    let what = match &end.reason {
        _ if end.replaced => "the program was replaced by exec".to_string(),
        EndReason::Exited(status) if end.finished => return format!("the program ended with status {status}"),
        EndReason::Exited(status) => format!("the process ended with status {status}"),
        EndReason::Killed(signal) => format!("killed by {}", signal_name(*signal)),
        EndReason::Stopped(reason) => format!("stopped by {}", reason.option()),
        EndReason::Tampered(why) => format!("stream tampered: {}", String::from_utf8_lossy(why)),
        EndReason::OutputFailed(why) => format!("the trace could not be written: {}", String::from_utf8_lossy(why)),
    };
    match &end.place {
        Some((name, offset, opname)) => {
            let mut shown = Vec::new();
            escape::push(&mut shown, name, Part::Name, false);
            format!("{what} in {} at {offset} {}", String::from_utf8_lossy(&shown), String::from_utf8_lossy(opname))
        }
        None => what,
    }
}

fn signal_name(signal: u8) -> String {
    const NAMES: [&str; 32] = [
        "signal 0",
        "SIGHUP",
        "SIGINT",
        "SIGQUIT",
        "SIGILL",
        "SIGTRAP",
        "SIGABRT",
        "SIGBUS",
        "SIGFPE",
        "SIGKILL",
        "SIGUSR1",
        "SIGSEGV",
        "SIGUSR2",
        "SIGPIPE",
        "SIGALRM",
        "SIGTERM",
        "SIGSTKFLT",
        "SIGCHLD",
        "SIGCONT",
        "SIGSTOP",
        "SIGTSTP",
        "SIGTTIN",
        "SIGTTOU",
        "SIGURG",
        "SIGXCPU",
        "SIGXFSZ",
        "SIGVTALRM",
        "SIGPROF",
        "SIGWINCH",
        "SIGIO",
        "SIGPWR",
        "SIGSYS",
    ];
    NAMES.get(usize::from(signal)).map_or_else(|| format!("signal {signal}"), |name| (*name).to_string())
}
