//! The main command: runs a program and writes its trace.

use std::ffi::CString;
use std::fs::{self, File};
use std::io::IsTerminal;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use anyhow::Context;
use clap::error::ErrorKind;

use super::args::{self, FormatName, RecordArgs, TraceWhat, ValueArgs};
use super::summary::Asked;
use super::{exit, filter, follow, program, summary};
use crate::bytecode::escape::Printable;
use crate::format::{self, Checked, Compression, Format, Replace};
use crate::record::{self, Caps, Outcome, Plan, Program, Tracing};
use crate::trace::Sink;
use crate::views::layers::{Dumping, Folder};

/// Runs the command.
pub fn run(args: RecordArgs) -> anyhow::Result<u8> {
    if args.trace_what == Some(TraceWhat::Only) && args.filter.names.is_empty() {
        let message = "-t only needs at least one -n NAME: the code object to trace";
        args::command().error(ErrorKind::MissingRequiredArgument, message).exit();
    }
    let program = program::read(&args.pyc)?;
    let mut plan = Plan {
        argv: argv(&args)?,
        program: Program::Marshalled {
            bytes: program.marshalled().to_vec(),
            path: args.path.iter().map(|entry| path_entry(entry)).collect::<anyhow::Result<_>>()?,
        },
        tracing: tracing(&args)?,
        timeout: args.timeout,
        lines: None,
        progress: !args.quiet && std::io::stderr().is_terminal(),
        options: options(&args),
        follow: None,
    };
    drop(program);
    let asked = Asked::of(&args, &plan.tracing.filter);
    let format = args.format.map(self::format);
    let replace = if args.force { Replace::Anything } else { Replace::Traces };
    let target = Target::check(&args.trace, Some(&args.pyc), format, replace)?;
    let folder = args.dump_code.as_deref().map(Folder::open).transpose()?;
    let format_options = format::Options {
        resolve: args.resolve,
        values: args.values.values,
        max_size: args.max_size.map(|size| size.as_u64()),
        ..format::Options::default()
    };
    if args.follow_forks {
        plan.follow = Some(follow::plan(&args.trace, format, format_options.clone())?);
    }
    let mut sink = target.open(format_options, &mut plan.lines)?;
    if let Some(folder) = folder {
        sink = Box::new(Dumping::new(sink, folder, plan.tracing.filter.clone()));
    }
    let Outcome { summary, descent } = carry_out(plan, &mut *sink, &args.trace)?;
    if !args.quiet {
        // What did not come true here has in another process.
        let asked = if descent.has_recorded() { Asked::nothing() } else { asked };
        summary::tell(&summary, &asked);
    }
    let is_well = summary::tell_failure(&summary, &args.trace, None) & follow::tell(&descent, args.quiet);
    Ok(if is_well { exit::of_end(&summary.end) } else { exit::FAILED })
}

/// What the hook goes by.
pub fn tracing(args: &RecordArgs) -> anyhow::Result<Tracing> {
    Ok(Tracing {
        filter: filter::filter(args.filter.clone())?,
        start_at: args.start_at.as_deref().map(filter::trigger),
        stop_at: args.stop_at.as_deref().map(filter::trigger),
        max_instructions: args.max_instructions,
        shutdown: args.shutdown,
        values: caps(&args.values),
        stacks: args.values.value_stacks,
    })
}

/// Where a trace goes, looked at and not touched yet.
pub struct Target {
    format: Format,
    compression: Compression,
    /// None if nothing is written.
    checked: Option<Checked>,
}

impl Target {
    /// Looks whether a trace can be written there.
    pub fn check(
        trace: &Path,
        input: Option<&Path>,
        format: Option<Format>,
        replace: Replace,
    ) -> anyhow::Result<Target> {
        let (format, compression) = format::by_suffix(trace, format);
        let is_written = format != Format::Null;
        let checked = is_written.then(|| format::check_output(trace, input, replace)).transpose()?;
        Ok(Target { format, compression, checked })
    }

    /// Opens the output, which is touched only now that all input is known to be good; `lines` becomes its file if that shall
    /// end at a whole line.
    pub fn open(self, options: format::Options, lines: &mut Option<File>) -> anyhow::Result<Box<dyn Sink>> {
        let Some(checked) = self.checked else { return Ok(format::null_sink()) };
        let output = checked.open(self.compression)?;
        if matches!(self.format, Format::Text | Format::Jsonl) {
            *lines = output.own_file();
        }
        Ok(format::sink(self.format, options, output))
    }
}

/// Runs the program and writes its trace.
pub fn carry_out(plan: Plan, sink: &mut dyn Sink, trace: &Path) -> anyhow::Result<Outcome> {
    record::record(plan, sink).with_context(|| format!("cannot record into {}", Printable::path(trace)))
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

/// How much of each value is recorded, if any are.
fn caps(args: &ValueArgs) -> Option<Caps> {
    let caps = Caps { width: args.value_width, depth: args.value_depth, length: args.value_length };
    args.values.then_some(caps)
}

fn argv(args: &RecordArgs) -> anyhow::Result<Vec<CString>> {
    let words = [args.pyc.clone().into_os_string()].into_iter().chain(args.arguments.iter().cloned());
    words.map(|word| CString::new(word.into_vec()).context("an argument holds a NUL byte")).collect()
}

/// An entry of sys.path: absolute, as `site` makes the others.
fn path_entry(entry: &Path) -> anyhow::Result<CString> {
    let cannot = || format!("cannot use --path {}", Printable::path(entry));
    fs::metadata(entry).with_context(cannot)?;
    let absolute = std::path::absolute(entry).with_context(cannot)?;
    CString::new(absolute.into_os_string().into_vec()).context("an argument holds a NUL byte")
}

/// The options that shape the recording, spelled in one way; where it is written is not among them.
fn options(args: &RecordArgs) -> Vec<Vec<u8>> {
    let mut words: Vec<Vec<u8>> = Vec::new();
    let mut push = |name: &str, value: &[u8]| words.push([name.as_bytes(), b"=", value].concat());
    args.path.iter().for_each(|entry| push("--path", entry.as_os_str().as_bytes()));
    args.filter.names.iter().for_each(|name| push("--name", name.as_bytes()));
    args.filter.patterns.iter().for_each(|pattern| push("--match", pattern.as_bytes()));
    args.filter.files.iter().for_each(|glob| push("--file", glob.as_bytes()));
    args.start_at.iter().for_each(|place| push("--start-at", place.as_bytes()));
    args.stop_at.iter().for_each(|place| push("--stop-at", place.as_bytes()));
    args.max_instructions.iter().for_each(|count| push("--max-instructions", count.to_string().as_bytes()));
    args.max_size.iter().for_each(|size| push("--max-size", size.as_u64().to_string().as_bytes()));
    args.timeout.iter().for_each(|time| push("--timeout", format!("{time:?}").as_bytes()));
    if let Some(Caps { width, depth, length }) = caps(&args.values) {
        push("--value-width", width.to_string().as_bytes());
        push("--value-depth", depth.to_string().as_bytes());
        push("--value-length", length.to_string().as_bytes());
        words.push(b"--values".to_vec());
    }
    if args.follow_forks {
        words.push(b"--follow-forks".to_vec());
    }
    if args.filter.no_stdlib {
        words.push(b"--no-stdlib".to_vec());
    }
    if args.shutdown {
        words.push(b"--shutdown".to_vec());
    }
    words
}
