//! The options of a recording, one definition for `bctrace FILE` and for `bctrace python --trace-to`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum, ValueHint};

use super::{FilterArgs, FormatName, IntakeArgs, SandboxArgs, value};
use crate::select::Trigger;

pub const EXAMPLES: &str = "\
Examples:
  bctrace factorial.pyc trace.txt
  bctrace -t only -n recur_factorial -r factorial.pyc trace.txt
  bctrace program.pyc trace.bct -- arguments of the program
  bctrace --dump-code layers packed.pyc trace.bct
  bctrace show -r --from 1000 --count 50 trace.bct
  bctrace calls --no-stdlib trace.bct
  bctrace python --trace-to trace.bct -m unittest mytests";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TraceWhat {
    /// Every code object
    All,
    /// Only those that -n names
    Only,
}

/// `bctrace FILE TRACEFILE`.
#[derive(Clone, Debug, Args)]
pub struct RecordArgs {
    /// Program to run: a .pyc, .py, archive or frozen executable, or `-` for standard input
    ///
    /// `ARCHIVE/NAME.pyc` is a program in an archive. `bctrace list` prints what a file contains.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub program: PathBuf,
    /// File to write the trace to; `-` is standard output
    #[arg(value_name = "TRACEFILE", value_hint = ValueHint::FilePath)]
    pub trace: PathBuf,
    /// Arguments of the program: sys.argv[1:]
    #[arg(last = true, value_name = "ARGS")]
    pub arguments: Vec<OsString>,
    /// Look for modules here too, after the program's own folder; may be repeated
    #[arg(long, value_name = "DIR_OR_ZIP", value_hint = ValueHint::AnyPath)]
    pub path: Vec<PathBuf>,
    /// Run FILE as if it were at this place
    #[arg(long, value_name = "FILE", hide = true)]
    pub in_place_of: Option<PathBuf>,
    #[command(flatten)]
    pub intake: IntakeArgs,
    #[command(flatten)]
    pub recording: RecordingArgs,
}

/// Call one function of a file, and record it
///
/// The file is imported as a module, and the function is called with ARGS, which are Python literals. Values are recorded. The
/// result is printed.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  bctrace call checker.pyc check trace.bct -- \"'AAAA'\"
  bctrace call library.pyc Codec.decode trace.bct -- None \"'6162'\" 16")]
pub struct CallArgs {
    /// File to import: a .pyc, or another file that holds a script; `-` is standard input
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub program: PathBuf,
    /// Function to call; it may be dotted, as in Class.method
    #[arg(value_name = "NAME")]
    pub name: String,
    /// File to write the trace to; `-` is standard output
    #[arg(value_name = "TRACEFILE", value_hint = ValueHint::FilePath)]
    pub trace: PathBuf,
    #[command(flatten)]
    pub intake: IntakeArgs,
    /// Arguments of the function: strings, numbers, tuples, lists, dicts, None, True or False
    #[arg(last = true, value_name = "ARGS")]
    pub arguments: Vec<OsString>,
    /// Look for modules here too, after the file's own folder; may be repeated
    #[arg(long, value_name = "DIR_OR_ZIP", value_hint = ValueHint::AnyPath)]
    pub path: Vec<PathBuf>,
    #[command(flatten)]
    pub recording: RecordingArgs,
}

/// Run the Python 2.7 interpreter itself, or record it
///
/// It takes python2.7's own options and environment, and runs a script, a command, a module, standard input, or a
/// prompt.
///
/// With --trace-to the run is recorded. The options of a recording stand before the interpreter's first word;
/// `--` ends them.
#[derive(Clone, Debug, Args)]
#[command(
    disable_help_flag = true,
    override_usage = "bctrace python [PYTHON ARGS]...\n       \
        bctrace python --trace-to <TRACEFILE> [OPTIONS] [--] [PYTHON ARGS]...",
    after_help = "\
Examples:
  bctrace python -c 'print 6 * 7'
  bctrace python --trace-to trace.bct -m unittest mytests
  bctrace python --trace-to trace.txt -r --no-stdlib script.py argument"
)]
pub struct PythonArgs {
    /// Record the run into this file; `-` is standard output
    #[arg(long, value_name = "TRACEFILE", value_hint = ValueHint::FilePath)]
    pub trace_to: Option<PathBuf>,
    /// Arguments of the interpreter, as python2.7 takes them
    #[arg(last = true, value_name = "PYTHON ARGS")]
    pub arguments: Vec<OsString>,
    /// Show this help, then the interpreter's own
    #[arg(long, action = clap::ArgAction::HelpLong)]
    pub help: Option<bool>,
    #[command(flatten)]
    pub recording: RecordingArgs,
}

/// What is recorded, in which form, and when the program is stopped.
#[derive(Clone, Debug, Args)]
pub struct RecordingArgs {
    /// Trace all code objects, or only those that -n names [default: all]
    #[arg(short, long = "trace", value_name = "WHAT", value_enum)]
    pub trace_what: Option<TraceWhat>,
    /// Resolve operands to constants, names and jump targets
    #[arg(short, long)]
    pub resolve: bool,
    /// Form of the trace [default: by suffix]
    ///
    /// The suffixes are .bct, .jsonl, or any other for text; a final .zst or .gz compresses.
    #[arg(short, long, value_name = "FORM", value_enum)]
    pub format: Option<FormatName>,
    /// Write every code object that ran into this new folder
    ///
    /// They are loadable .pyc files, with a manifest.json.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub dump_code: Option<PathBuf>,
    /// Write functions and classes as modules that hold them, which decompilers accept
    #[arg(long, requires = "dump_code")]
    pub as_module: bool,
    /// Trace forked processes and started interpreters too
    ///
    /// Each process has a file of its own beside TRACEFILE, with its number in the name.
    #[arg(long)]
    pub follow_forks: bool,
    /// Make two runs of a program produce the same trace
    ///
    /// Clocks begin in 2020 and go by executed instructions, sleeps are skipped, threads take turns in a fixed order, and process
    /// numbers, random bytes, the order of os.listdir and addresses are fixed.
    #[arg(long)]
    pub deterministic: bool,
    /// Translate the program's opcodes by the map in this JSON file
    ///
    /// The map says which opcode of 2.7 each number stands for, as {"12": "LOAD_CONST"}. It applies to the program, to the compiled
    /// modules that it imports and to what it unmarshals. `bctrace opmap` finds a map.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub opmap: Option<PathBuf>,
    /// Skip sleeps: they take no time, and the program's clocks advance by theirs
    #[arg(long)]
    pub skip_sleeps: bool,
    /// Also record what the interpreter does to itself at shutdown
    #[arg(long)]
    pub shutdown: bool,
    /// Show a progress line, which can overwrite the program's output
    ///
    /// The line is shown on a terminal only. It is off by default, because the program writes to the same terminal.
    #[arg(long)]
    pub progress: bool,
    /// Replace TRACEFILE even if it is not a trace; run code even if it may not be of Python 2.7
    #[arg(long)]
    pub force: bool,
    /// Show no summary
    ///
    /// Warnings, such as that nothing was recorded, are shown all the same.
    #[arg(short, long)]
    pub quiet: bool,
    #[command(flatten)]
    pub filter: FilterArgs,
    #[command(flatten, next_help_heading = "Leading the program on")]
    pub lead: LeadArgs,
    #[command(flatten, next_help_heading = "Limits")]
    pub limits: LimitArgs,
    #[command(flatten, next_help_heading = "Values")]
    pub values: ValueArgs,
    #[command(flatten, next_help_heading = "Contents")]
    pub contents: ContentArgs,
    #[command(flatten, next_help_heading = "Sandbox")]
    pub sandbox: SandboxArgs,
}

/// What the program is given in place of what is missing here.
#[derive(Clone, Debug, Args)]
pub struct LeadArgs {
    /// Have a stand-in for module NAME if it is missing; may be repeated
    ///
    /// A stand-in has every attribute and can be called, compared, iterated over, subclassed and raised. The trace has each use, and
    /// `bctrace calls` prints them. Modules in --path come first. NAME can be an attribute of a library module, as ctypes.windll.
    #[arg(long, value_name = "NAME", value_parser = value::of(value::module))]
    pub stub: Vec<String>,
    /// Have stand-ins for all missing modules, and for what library modules have on Windows alone
    #[arg(long)]
    pub stub_missing: bool,
    /// Let the program read its standard input from FILE
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "stdin_text")]
    pub stdin: Option<PathBuf>,
    /// Let the program read TEXT from its standard input
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub stdin_text: Option<OsString>,
    /// Answer what the program asks by the lines of FILE, each PATTERN => ANSWER
    ///
    /// The program gets the answer of the first pattern, a regular expression, that is found in the last line it wrote before it reads
    /// from its standard input. If no pattern is found, it sees the end of input.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["stdin", "stdin_text"])]
    pub answers: Option<PathBuf>,
}

/// Where recording begins, and when the program is stopped.
#[derive(Clone, Debug, Args)]
pub struct LimitArgs {
    /// Begin recording at NAME, or at NAME:OFFSET
    ///
    /// NAME is written as for -n. Recording begins where a code object of this name is entered, or comes to this offset.
    #[arg(long, value_name = "PLACE", value_parser = value::trigger())]
    pub start_at: Option<Trigger>,
    /// Stop before entering NAME, or before NAME:OFFSET
    ///
    /// NAME is written as for -n. No more of the program runs, not even its `finally` blocks.
    #[arg(long, value_name = "PLACE", value_parser = value::trigger())]
    pub stop_at: Option<Trigger>,
    /// Stop the program after N instructions
    #[arg(long, value_name = "N", value_parser = value::of(value::count), allow_negative_numbers = true)]
    pub max_instructions: Option<u64>,
    /// Record the first and the last N iterations of each loop, and count the others
    ///
    /// Iterations in which code is made, something is tried outside the program, or another thread runs are recorded as well.
    #[arg(long, value_name = "N", value_parser = value::of(value::count), allow_negative_numbers = true)]
    pub loop_cap: Option<u64>,
    /// Stop when the trace file has reached SIZE, as 500M
    #[arg(long, value_name = "SIZE", value_parser = value::of(value::size), allow_negative_numbers = true)]
    pub max_size: Option<u64>,
    /// Stop the program after TIME, as 30s or 1h30m
    #[arg(long, value_name = "TIME", value_parser = value::of(value::time), allow_negative_numbers = true)]
    pub timeout: Option<Duration>,
}

/// Whether long strings are recorded whole.
#[derive(Clone, Debug, Args)]
pub struct ContentArgs {
    /// Record strings of at least N bytes whole that decoders and the like get and return
    ///
    /// These are the arguments and results of decompressors, decoders, marshal.loads, write methods, ctypes and native extension
    /// modules. `bctrace layers --dump DIR` writes them. Equal ones are recorded once.
    #[arg(long, value_name = "N", value_parser = value::of(value::count), allow_negative_numbers = true)]
    pub blobs: Option<u64>,
    /// Record SIZE of such strings at most; the rest is counted
    #[arg(long, value_name = "SIZE", default_value = "256M", value_parser = value::of(value::size), allow_negative_numbers = true, requires = "blobs")]
    pub max_blobs: u64,
}

/// Whether values are recorded, and how much of each.
#[derive(Clone, Debug, Args)]
pub struct ValueArgs {
    /// Record what each instruction consumes and produces
    #[arg(long)]
    pub values: bool,
    /// Show at most N items per container (up to 1,000)
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = value::of(value::up_to(1_000)), allow_negative_numbers = true, requires = "values")]
    pub value_width: u32,
    /// Show at most N containers in containers (up to 50)
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = value::of(value::up_to(50)), allow_negative_numbers = true, requires = "values")]
    pub value_depth: u32,
    /// Show at most N characters of a string or bytes of a long (up to 10,000)
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = value::of(value::up_to(10_000)), allow_negative_numbers = true, requires = "values")]
    pub value_length: u32,
    /// Record whole value stacks too, to check what a reader makes of the values
    #[arg(long, hide = true, requires = "values")]
    pub value_stacks: bool,
}
