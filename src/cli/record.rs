//! Recording: runs a program, or the interpreter, and writes its trace.

use std::ffi::{CString, OsString};
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow};
use memchr::memmem;

use super::args::{self, FormatName, RecordArgs, RecordingArgs, TraceWhat, ValueArgs};
use super::program::{self, Program, Reading};
use super::sandbox::{OwnScratch, Prepared};
use super::screen::CANNOT_WRITE;
use super::{commands, exit, follow, frozen, hint, lead, message, opmap, sandbox, summary};
use crate::bytecode::escape::Printable;
use crate::format::{self, Checked, Compression, Format, Named, Replace};
use crate::process::addresses;
use crate::process::descriptors::check_stdout;
use crate::record::{self, Blobs, Call, Caps, Outcome, Plan, Subject, Tracing};
use crate::select::Trigger;
use crate::trace::Sink;
use crate::views::layers::{Dumping, Folder};
use crate::vm::bundle::Bundle;
use crate::vm::library;
use crate::vm::program::Fixed;

/// What is recorded into which file, before the options of the recording are looked at.
pub struct Job<'a> {
    /// The command that was typed.
    pub command: &'static str,
    pub argv: Vec<CString>,
    pub subject: Subject,
    /// What is called once the program, which is a module then, has run.
    pub call: Option<Call>,
    /// The program's file, which the trace must not be.
    pub input: Option<&'a Path>,
    /// What the program's file contains.
    pub program: Option<Program>,
    /// The script in it that was asked for, counted from 1.
    pub entry: Option<u32>,
    /// Folders and archives that are looked in for modules.
    pub path: &'a [PathBuf],
    pub trace: &'a Path,
}

/// Runs the command.
pub fn run(args: &RecordArgs) -> anyhow::Result<u8> {
    check(args::MAIN, &args.recording)?;
    fix_addresses(&args.recording)?;
    let reading = Reading::new(&args.intake, args.recording.force).forced_if(args.recording.opmap.is_some());
    let program = program::read_code(&args.program, reading).map_err(|error| match is_missing(&error) {
        true => commands::unknown(args.program.as_os_str(), Some(args.trace.as_os_str())).unwrap_or(error),
        false => error,
    })?;
    let input = args.in_place_of.clone().unwrap_or_else(|| program.file.clone());
    let hint = if args.recording.opmap.is_none() { hint::of(&program.contents) } else { None };
    let job = Job {
        command: args::MAIN,
        argv: argv(args)?,
        subject: subject(&program, place(args), &args.path, &args.recording)?,
        call: None,
        input: Some(&input),
        program: Some(program),
        entry: args.intake.entry,
        path: &args.path,
        trace: &args.trace,
    };
    let status = carry_out(job, &args.recording)?;
    if status != 0 {
        hint.iter().for_each(message::warn);
    }
    Ok(status)
}

/// Makes what runs of a file that was read; `first` is the path by which it was named, and `path` is looked in for modules too.  Says what
/// was guessed.
pub fn subject(program: &Program, first: &Path, path: &[PathBuf], args: &RecordingArgs) -> anyhow::Result<Subject> {
    program.check_runs(first)?;
    if !args.quiet {
        program.report_guesses(first);
    }
    let folders = frozen::folders(program);
    let path = path_entries(folders.iter().chain(path))?;
    Ok(Subject::Marshalled { scripts: frozen::scripts(program, first)?, path, sha256: program.sha256, bundle: None })
}

/// Whether an error is that a file is not there.
fn is_missing(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// Refuses options that make no sense together, which clap cannot tell.
pub fn check(command: &str, args: &RecordingArgs) -> anyhow::Result<()> {
    match args.trace_what {
        Some(TraceWhat::Only) if args.filter.code.names.is_empty() => {
            Err(args::usage(command, "`-t only` needs at least one -n NAME: the code object to trace"))
        }
        _ => Ok(()),
    }
}

/// Has a deterministic run begin again, at the same addresses as any other, before it has done anything; returns if it does have them.
pub fn fix_addresses(args: &RecordingArgs) -> anyhow::Result<()> {
    if args.deterministic
        && let Err(error) = addresses::fix()
    {
        message::warn(format_args!(
            "id() will differ from run to run: cannot switch off address randomization: {error}"
        ));
    }
    Ok(())
}

/// Records a program; the process ends with the status that is returned.
pub fn carry_out(mut job: Job, args: &RecordingArgs) -> anyhow::Result<u8> {
    if args.sandbox.chdir_scratch {
        sandbox::move_in(&mut job)?;
    }
    let format = args.format.map(self::format);
    let format_options = format::Options {
        resolve: args.resolve,
        values: args.values.values,
        max_size: args.limits.max_size,
        ..format::Options::default()
    };
    let mut plan = Plan {
        tracing: Tracing {
            opmap: opmap::read(args.opmap.as_deref())?,
            answers: lead::answers(&args.lead)?,
            copies: job.program.as_ref().and_then(|program| frozen::copies(&program.contents)).map(Arc::new),
            ..tracing(args)
        },
        timeout: args.limits.timeout,
        lines: None,
        loop_cap: args.limits.loop_cap,
        progress: args.progress,
        options: options(&job, args),
        follow: None,
        sandbox: None,
        argv: job.argv.clone(),
        subject: job.subject.clone(),
        call: job.call.clone(),
    };
    let replace = if args.force { Replace::Anything } else { Replace::Traces };
    let target = Target::check(job.command, job.trace, job.input, format, replace)?;
    if format.is_none() {
        format::check_suffix(job.trace).map_err(|error| {
            args::usage(job.command, format!("cannot write {}: {error}", Printable::path(job.trace)))
        })?;
    }
    if let Some(folder) =
        args.dump_code.as_deref().filter(|folder| target.checked.is_some() && is_same(folder, job.trace))
    {
        let message = format!("--dump-code and TRACEFILE are both {}; name two", Printable::path(folder));
        return Err(args::usage(job.command, message));
    }
    let sandbox = sandbox::prepare(&job, args)?;
    let (bundle, _own_scratch) = bundle(&job, sandbox.as_ref())?;
    if let Subject::Marshalled { bundle: of_plan, .. } = &mut plan.subject {
        *of_plan = bundle.map(Box::new);
    }
    job.program = None;
    plan.sandbox = sandbox.as_ref().map(|sandbox| sandbox.policy.clone());
    let folder = args.dump_code.as_deref().map(Folder::open).transpose()?;
    if args.follow_forks {
        plan.follow = Some(follow::plan(job.trace, format, format_options.clone(), args.quiet)?);
    }
    lead::give_input(&args.lead)?;
    let mut sink = target.open(format_options, &mut plan.lines)?;
    if let Some(folder) = folder {
        let filter = plan.tracing.filter.clone();
        sink = Box::new(Dumping::new(sink, folder, filter, args.as_module, library::marshal_of));
    }
    let context = || format!("cannot record into {}", Named::output(job.trace));
    let map = plan.tracing.opmap.clone();
    let report = |outcome: io::Result<Outcome>| match outcome.with_context(context) {
        Ok(outcome) => {
            let is_well = summary::tell_failure(&outcome.summary, job.trace, None);
            summary::print(&outcome, args, job.trace, map.as_deref());
            if is_well { exit::of_recording(&outcome.summary.end, &outcome.others) } else { exit::FAILED }
        }
        Err(error) => super::status_of(error),
    };
    let status = record::record(plan, sink, report).with_context(context);
    if let Some(sandbox) = sandbox {
        sandbox.finish();
    }
    status
}

/// Makes what a frozen program finds.  Its files are unpacked into the sandbox's scratch folder, or into the one that is returned.
fn bundle(job: &Job, sandbox: Option<&Prepared>) -> anyhow::Result<(Option<Bundle>, Option<OwnScratch>)> {
    let Some(program) = &job.program else { return Ok((None, None)) };
    let own =
        (sandbox.is_none() && frozen::is_unpacked(&program.contents)).then(|| OwnScratch::create(job)).transpose()?;
    let scratch = own.as_ref().map(OwnScratch::path).or(sandbox.map(|sandbox| &*sandbox.policy.scratch));
    Ok((frozen::bundle(program, scratch)?, own))
}

/// Returns whether two paths are one, as far as they say by themselves.
pub fn is_same(one: &Path, other: &Path) -> bool {
    let whole = |path: &Path| std::path::absolute(path).ok();
    whole(one).is_some_and(|one| whole(other) == Some(one))
}

/// What the hook goes by.
pub fn tracing(args: &RecordingArgs) -> Tracing {
    Tracing {
        filter: args.filter.clone().into(),
        start_at: args.limits.start_at.clone(),
        stop_at: args.limits.stop_at.clone(),
        max_instructions: args.limits.max_instructions,
        shutdown: args.shutdown,
        values: caps(&args.values),
        stacks: args.values.value_stacks,
        fixed: match (args.deterministic, args.skip_sleeps) {
            (true, _) => Some(Fixed::All),
            (false, true) => Some(Fixed::Sleeps),
            (false, false) => None,
        },
        opmap: None,
        copies: None,
        stand_ins: lead::stand_ins(&args.lead),
        answers: None,
        fake_net: sandbox::fake_net(&args.sandbox),
        has_no_names: sandbox::has_no_names(&args.sandbox),
        blobs: args.contents.blobs.map(|least| Blobs { least: least.max(1), most: args.contents.max_blobs }),
    }
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
        command: &str,
        trace: &Path,
        input: Option<&Path>,
        format: Option<Format>,
        replace: Replace,
    ) -> anyhow::Result<Target> {
        let (format, compression) = format::by_suffix(trace, format);
        let is_written = format != Format::Null;
        if is_written && format::names_stdout(trace) {
            check_stdout().context(CANNOT_WRITE)?;
        }
        let checked = is_written.then(|| format::check_output(trace, input, replace)).transpose()?;
        let is_binary = format == Format::Bct || compression != Compression::None;
        if is_binary && checked.as_ref().is_some_and(Checked::is_terminal) {
            return Err(args::usage(
                command,
                "the trace would be binary data on a terminal; name a file, or redirect standard output",
            ));
        }
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

/// Where the program takes itself to be.
fn place(args: &RecordArgs) -> &Path {
    args.in_place_of.as_deref().unwrap_or(&args.program)
}

fn argv(args: &RecordArgs) -> anyhow::Result<Vec<CString>> {
    c_strings([place(args).to_owned().into_os_string()].into_iter().chain(args.arguments.iter().cloned()))
}

/// Words as C takes them.
pub fn c_strings(words: impl IntoIterator<Item = OsString>) -> anyhow::Result<Vec<CString>> {
    words.into_iter().map(|word| CString::new(word.into_vec()).context("an argument holds a NUL byte")).collect()
}

/// Returns whether a file has the end of a zip's directory, which a comment of up to 64 KiB may follow.
fn is_zip(path: &Path) -> io::Result<bool> {
    const END: &[u8] = b"PK\x05\x06";
    const LONGEST: u64 = 22 + u16::MAX as u64;
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LONGEST)))?;
    let mut end = Vec::new();
    file.take(LONGEST).read_to_end(&mut end)?;
    Ok(memmem::find(&end, END).is_some())
}

/// Entries of sys.path.
fn path_entries<'a>(entries: impl Iterator<Item = &'a PathBuf>) -> anyhow::Result<Vec<CString>> {
    entries.map(|entry| path_entry(entry)).collect()
}

/// An entry of sys.path: absolute, as `site` makes the others.
fn path_entry(entry: &Path) -> anyhow::Result<CString> {
    let cannot = || format!("cannot use --path {}", Printable::path(entry));
    let there = fs::metadata(entry).map_err(|error| anyhow!(format::why(entry, &error))).with_context(cannot)?;
    if there.is_file() && !is_zip(entry).with_context(cannot)? {
        return Err(anyhow!("it is neither a folder nor a zip")).with_context(cannot);
    }
    let absolute = std::path::absolute(entry).with_context(cannot)?;
    CString::new(absolute.into_os_string().into_vec()).context("an argument holds a NUL byte")
}

/// A place as it was typed.
fn spelled(place: &Trigger) -> Vec<u8> {
    let offset = place.offset.map_or(String::new(), |offset| format!(":{offset}"));
    [place.name.typed(), offset.as_bytes()].concat()
}

/// The options that shape the recording, spelled in one way; where it is written is not among them.
fn options(job: &Job, args: &RecordingArgs) -> Vec<Vec<u8>> {
    let mut words: Vec<Vec<u8>> = Vec::new();
    let mut push = |name: &str, value: &[u8]| words.push([name.as_bytes(), b"=", value].concat());
    job.entry.iter().for_each(|number| push("--entry", number.to_string().as_bytes()));
    job.path.iter().for_each(|entry| push("--path", entry.as_os_str().as_bytes()));
    args.filter.code.names.iter().for_each(|name| push("--name", name.typed()));
    args.filter.code.patterns.iter().for_each(|pattern| push("--match", pattern.typed().as_bytes()));
    args.filter.code.files.iter().for_each(|glob| push("--file", glob.typed()));
    let limits = &args.limits;
    limits.start_at.iter().for_each(|place| push("--start-at", &spelled(place)));
    limits.stop_at.iter().for_each(|place| push("--stop-at", &spelled(place)));
    limits.max_instructions.iter().for_each(|count| push("--max-instructions", count.to_string().as_bytes()));
    if let Some(blobs) = args.contents.blobs {
        push("--blobs", blobs.to_string().as_bytes());
        push("--max-blobs", args.contents.max_blobs.to_string().as_bytes());
    }
    limits.max_size.iter().for_each(|size| push("--max-size", size.to_string().as_bytes()));
    limits.loop_cap.iter().for_each(|most| push("--loop-cap", most.to_string().as_bytes()));
    limits.timeout.iter().for_each(|time| push("--timeout", format!("{time:?}").as_bytes()));
    args.lead.answers.iter().for_each(|file| push("--answers", file.as_os_str().as_bytes()));
    args.lead.stub.iter().for_each(|name| push("--stub", name.as_bytes()));
    let sandbox = &args.sandbox;
    sandbox.allow_read.iter().for_each(|path| push("--allow-read", path.as_os_str().as_bytes()));
    sandbox.allow_net.iter().for_each(|host| push("--allow-net", host.as_bytes()));
    sandbox.allow_write.iter().for_each(|path| push("--allow-write", path.as_os_str().as_bytes()));
    if let Some(Caps { width, depth, length }) = caps(&args.values) {
        push("--value-width", width.to_string().as_bytes());
        push("--value-depth", depth.to_string().as_bytes());
        push("--value-length", length.to_string().as_bytes());
        words.push(b"--values".to_vec());
    }
    let flags = [
        ("--allow-run", sandbox.allow_run),
        ("--chdir-scratch", sandbox.chdir_scratch),
        ("--deterministic", args.deterministic),
        ("--fake-net", sandbox.fake_net),
        ("--no-sandbox", sandbox.no_sandbox),
        ("--skip-sleeps", args.skip_sleeps),
        ("--stub-missing", args.lead.stub_missing),
    ];
    words.extend(flags.iter().filter(|(_, is_set)| *is_set).map(|(name, _)| name.as_bytes().to_vec()));
    args.opmap.iter().for_each(|map| words.push([b"--opmap=", map.as_os_str().as_bytes()].concat()));
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
