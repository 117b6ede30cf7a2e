//! What can be typed, as clap sees it.  These types end at the door: each command turns them into a plain plan.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use clap::builder::styling::Styles;
use clap::{Args, Subcommand, ValueEnum, ValueHint};

const EXAMPLES: &str = "\
Examples:
  bctrace factorial.pyc trace.txt
  bctrace -t only -n recur_factorial -r factorial.pyc trace.txt
  bctrace program.pyc trace.bct -- arguments of the program
  bctrace --dump-code layers packed.pyc trace.bct
  bctrace show -r --from 1000 --count 50 trace.bct
  bctrace calls --no-stdlib trace.bct
  bctrace python --trace-to trace.bct -m unittest mytests

Exit status: the program's own; 123 stopped by a limit, 124 by --timeout, 125 bctrace itself failed,
141 the trace's reader closed the pipe, 2 wrong usage.";

/// The whole command line: the arguments of the main command beside the subcommands.
pub fn command() -> clap::Command {
    let command = clap::Command::new("bctrace")
        .version(super::VERSION)
        .after_help(EXAMPLES)
        .styles(Styles::plain())
        .args_conflicts_with_subcommands(true)
        .subcommand_negates_reqs(true)
        .disable_help_subcommand(true);
    // Set last: the arguments that are flattened in would put their own description in its place.
    Command::augment_subcommands(RecordArgs::augment_args(command))
        .about("Trace every bytecode instruction that a Python 2.7 .pyc executes")
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print a recorded .bct as text or in another form
    Show(ShowArgs),
    /// Print the calls of a recorded .bct as a tree, Python's and C's, with arguments and results
    Calls(CallsArgs),
    /// Print what was compared, looked up and calculated, in the order of execution
    Compares(ComparesArgs),
    /// Print the code objects that ran as a tree, each under what made it, or write them as .pyc files
    Layers(LayersArgs),
    /// Report what a recorded .bct holds and how it ended
    Info(InfoArgs),
    /// List the code objects of a .pyc as the VM would decode them, without running it
    Dis(DisArgs),
    /// Run the Python 2.7 interpreter itself; with --trace-to FILE it is recorded
    #[command(
        disable_help_flag = true,
        override_usage = "bctrace python [--trace-to FILE [--follow-forks]] [PYTHON ARGS]..."
    )]
    Python {
        /// Arguments of the interpreter, as python2.7 takes them
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "PYTHON ARGS")]
        arguments: Vec<OsString>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TraceWhat {
    /// Every code object
    All,
    /// Only those that -n names
    Only,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormatName {
    /// One line for each instruction
    Text,
    /// One JSON object for each instruction, code object, exception and the end
    Jsonl,
    /// The compact, indexed form that `show` and `info` read
    Bct,
    /// Nothing
    Null,
}

#[derive(Debug, Args)]
pub struct RecordArgs {
    /// Compiled program to run
    #[arg(value_name = "PYCFILE", value_hint = ValueHint::FilePath)]
    pub pyc: PathBuf,
    /// File to write the trace to; `-` is standard output
    #[arg(value_name = "TRACEFILE", value_hint = ValueHint::FilePath)]
    pub trace: PathBuf,
    /// Arguments of the program: sys.argv[1:]
    #[arg(last = true, value_name = "ARGS")]
    pub arguments: Vec<OsString>,
    /// Look for the program's modules here too, behind its own folder; may be repeated
    #[arg(long, value_name = "DIR_OR_ZIP", value_hint = ValueHint::AnyPath)]
    pub path: Vec<PathBuf>,
    /// Trace all code objects, or only those that -n names [default: all]
    #[arg(short, long = "trace", value_name = "WHAT", value_enum, hide_possible_values = false)]
    pub trace_what: Option<TraceWhat>,
    #[command(flatten)]
    pub filter: FilterArgs,
    /// Show what operands refer to: constants, names, jump targets
    #[arg(short, long)]
    pub resolve: bool,
    /// Form of the trace [default: by suffix: .bct, .jsonl, else text; .zst or .gz behind it compresses]
    #[arg(short, long, value_enum)]
    pub format: Option<FormatName>,
    /// Begin recording at a code object, or at an offset in it
    #[arg(long, value_name = "NAME[:OFFSET]")]
    pub start_at: Option<OsString>,
    /// Stop the program before it enters a code object, or before an offset in it
    #[arg(long, value_name = "NAME[:OFFSET]")]
    pub stop_at: Option<OsString>,
    /// Stop the program after so many instructions
    #[arg(long, value_name = "N")]
    pub max_instructions: Option<u64>,
    /// Stop the program when the trace file has reached this size, such as 500M
    #[arg(long, value_name = "SIZE")]
    pub max_size: Option<ByteSize>,
    /// Stop the program after so much time, such as 30s
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub timeout: Option<Duration>,
    /// Also record what the interpreter does to itself at shutdown
    #[arg(long)]
    pub shutdown: bool,
    #[command(flatten)]
    pub values: ValueArgs,
    /// Write every code object that ran into this new folder, as .pyc files with a manifest.json
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub dump_code: Option<PathBuf>,
    /// Trace the processes that the program forks, and the interpreters that it starts, each into a file beside TRACEFILE
    #[arg(long)]
    pub follow_forks: bool,
    /// Replace TRACEFILE even if it is no trace
    #[arg(long)]
    pub force: bool,
    /// Show neither progress nor summary
    #[arg(short, long)]
    pub quiet: bool,
}

/// Whether values are recorded, and how much of each.
#[derive(Clone, Debug, Args)]
pub struct ValueArgs {
    /// Record what each instruction consumes and produces
    #[arg(long)]
    pub values: bool,
    /// Items of a container that are shown at most
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=1000), requires = "values")]
    pub value_width: u32,
    /// Containers in containers that are shown at most
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(0..=50), requires = "values")]
    pub value_depth: u32,
    /// Bytes or characters of a string, or bytes of a long, that are shown at most
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(0..=10000), requires = "values")]
    pub value_length: u32,
    /// Record whole value stacks too, to check what a reader makes of the values
    #[arg(long, hide = true, requires = "values")]
    pub value_stacks: bool,
}

/// Which code objects are wanted: any of the values of one option, and all of the options.
#[derive(Clone, Debug, Default, Args)]
pub struct FilterArgs {
    /// Trace the code objects of this name; may be repeated
    #[arg(short = 'n', long = "name", value_name = "NAME")]
    pub names: Vec<OsString>,
    /// Trace the code objects whose name matches this regular expression; may be repeated
    #[arg(long = "match", value_name = "REGEX")]
    pub patterns: Vec<String>,
    /// Trace the code objects whose file name matches this glob; may be repeated
    #[arg(long = "file", value_name = "GLOB")]
    pub files: Vec<String>,
    /// Leave the standard library out
    #[arg(long)]
    pub no_stdlib: bool,
}

#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Trace to print, compressed or not; `-` is standard input
    #[arg(value_name = "TRACE", value_hint = ValueHint::FilePath)]
    pub trace: PathBuf,
    #[command(flatten)]
    pub filter: FilterArgs,
    /// Show what operands refer to: constants, names, jump targets
    #[arg(short, long)]
    pub resolve: bool,
    /// Indent each line by the depth of its frame
    #[arg(long)]
    pub depth: bool,
    /// Leave out the values that were recorded
    #[arg(long)]
    pub no_values: bool,
    /// Form to print in [default: text]
    #[arg(short, long, value_enum)]
    pub format: Option<FormatName>,
    /// Print N instructions at most
    #[arg(long, value_name = "N")]
    pub count: Option<u64>,
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Go on while the trace is still being recorded
    #[arg(long)]
    pub follow: bool,
}

/// Which frames and instructions of a trace are wanted, their code objects aside.
#[derive(Clone, Debug, Default, Args)]
pub struct PlaceArgs {
    /// Begin with this instruction, counted from 1
    #[arg(long, value_name = "N")]
    pub from: Option<u64>,
    /// End with this instruction
    #[arg(long, value_name = "N")]
    pub to: Option<u64>,
    /// Take this thread only, numbered from 0; may be repeated
    #[arg(long = "thread", value_name = "NUMBER")]
    pub threads: Vec<u32>,
    /// Take frames up to this depth only; the main program has 0
    #[arg(long, value_name = "N")]
    pub max_depth: Option<u32>,
}

#[derive(Debug, Args)]
pub struct ViewArgs {
    /// Trace to read, compressed or not; `-` is standard input
    #[arg(value_name = "TRACE", value_hint = ValueHint::FilePath)]
    pub trace: PathBuf,
    #[command(flatten)]
    pub filter: FilterArgs,
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Form of the answer
    #[arg(short, long, value_enum, default_value = "text")]
    pub format: InfoFormat,
}

#[derive(Debug, Args)]
pub struct CallsArgs {
    #[command(flatten)]
    pub view: ViewArgs,
}

#[derive(Debug, Args)]
pub struct ComparesArgs {
    #[command(flatten)]
    pub view: ViewArgs,
    /// Print all lines of each place, not just the first 1,000
    #[arg(long)]
    pub all: bool,
}

#[derive(Debug, Args)]
pub struct LayersArgs {
    /// Trace to read, compressed or not; `-` is standard input
    #[arg(value_name = "TRACE", value_hint = ValueHint::FilePath)]
    pub trace: PathBuf,
    #[command(flatten)]
    pub filter: FilterArgs,
    /// Write every code object that ran into this new folder, as .pyc files with a manifest.json, instead of printing
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub dump: Option<PathBuf>,
    /// Form of the answer
    #[arg(short, long, value_enum, default_value = "text")]
    pub format: InfoFormat,
}

#[derive(Debug, Args)]
pub struct InfoArgs {
    /// Trace to look at, compressed or not; `-` is standard input
    #[arg(value_name = "TRACE", value_hint = ValueHint::FilePath)]
    pub trace: PathBuf,
    /// Form of the answer
    #[arg(short, long, value_enum, default_value = "text")]
    pub format: InfoFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum InfoFormat {
    /// For people
    Text,
    /// For programs: one JSON object, or one in each line
    Json,
}

#[derive(Debug, Args)]
pub struct DisArgs {
    /// Compiled program to list
    #[arg(value_name = "PYCFILE", value_hint = ValueHint::FilePath)]
    pub pyc: PathBuf,
    #[command(flatten)]
    pub filter: FilterArgs,
    /// Show what operands refer to: constants, names, jump targets
    #[arg(short, long)]
    pub resolve: bool,
}
