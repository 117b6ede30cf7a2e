//! The options of the commands that read: a trace, or a program without running it.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

use super::{FormatName, ScreenArgs, value};
use crate::select::{FileGlob, Name, NamePattern};

/// Which code objects are wanted.  Values of an option are ORed, options ANDed.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Filters")]
pub struct FilterArgs {
    /// Only code objects with this name; may be repeated
    ///
    /// Write the name as it is, or as bctrace prints it, with the escapes \n, \r, \t, \xNN and \\. The main program is
    /// '<module>'.
    #[arg(short = 'n', long = "name", value_name = "NAME", value_parser = value::name())]
    pub names: Vec<Name>,
    /// Only code objects whose name matches REGEX; may be repeated
    ///
    /// The regular expression is searched for anywhere in the name. \xNN of 80 and above is a byte, as bctrace prints it.
    #[arg(long = "match", value_name = "REGEX", value_parser = value::pattern())]
    pub patterns: Vec<NamePattern>,
    /// Only code objects whose file name matches GLOB; may be repeated
    ///
    /// The glob must match the whole file name: * is any characters, slashes too, ? is one, [a-z] and [!a] are one of
    /// some, {a,b} is one of several texts. A backslash matches a backslash; if each begins an escape as
    /// bctrace prints it, the glob matches that too.
    #[arg(long = "file", value_name = "GLOB", value_parser = value::glob())]
    pub files: Vec<FileGlob>,
    /// Leave out the standard library
    #[arg(long)]
    pub no_stdlib: bool,
}

/// Which instructions of a trace are wanted.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Filters")]
pub struct WindowArgs {
    /// Begin with instruction N, counted from 1
    #[arg(long, value_name = "N", value_parser = value::of(value::instruction), allow_negative_numbers = true)]
    pub from: Option<u64>,
    /// End with instruction N
    #[arg(long, value_name = "N", value_parser = value::of(value::instruction), allow_negative_numbers = true)]
    pub to: Option<u64>,
    /// Only this thread, numbered from 0; may be repeated
    #[arg(long = "thread", value_name = "N", value_parser = value::of(value::small), allow_negative_numbers = true)]
    pub threads: Vec<u32>,
}

/// Which frames and instructions of a trace are wanted, their code objects aside.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Filters")]
pub struct PlaceArgs {
    #[command(flatten)]
    pub window: WindowArgs,
    /// Only frames up to this depth; the main program has 0
    #[arg(long, value_name = "N", value_parser = value::of(value::small), allow_negative_numbers = true)]
    pub max_depth: Option<u32>,
}

/// Print a recorded .bct as text or in another form
///
/// The output is byte for byte what recording in that form would have written. What to print is chosen now: operands or
/// what they refer to, code objects, threads, a stretch of instructions.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bctrace show trace.bct
  bctrace show -r --from 1000 --count 50 trace.bct
  bctrace show -n main -f jsonl trace.bct")]
pub struct ShowArgs {
    /// Trace to print, compressed or not; `-` is standard input
    #[arg(value_name = "TRACE", value_hint = ValueHint::FilePath)]
    pub trace: PathBuf,
    /// Resolve operands to constants, names and jump targets
    #[arg(short, long)]
    pub resolve: bool,
    /// Indent each line by the depth of its frame
    #[arg(long)]
    pub depth: bool,
    /// Leave out the values that were recorded
    #[arg(long)]
    pub no_values: bool,
    /// Form to print in [default: text]
    #[arg(short, long, value_name = "FORM", value_enum)]
    pub format: Option<FormatName>,
    /// Go on while the trace is still being recorded
    #[arg(long)]
    pub follow: bool,
    #[command(flatten)]
    pub screen: ScreenArgs,
    #[command(flatten)]
    pub filter: FilterArgs,
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Print at most N instructions
    #[arg(
        long,
        value_name = "N",
        value_parser = value::of(value::count),
        allow_negative_numbers = true,
        help_heading = "Filters"
    )]
    pub count: Option<u64>,
}

/// What every question about a trace takes.
#[derive(Debug, Args)]
pub struct QuestionArgs {
    /// Trace to read, compressed or not; `-` is standard input
    #[arg(value_name = "TRACE", value_hint = ValueHint::FilePath)]
    pub trace: PathBuf,
    /// Form of the answer
    #[arg(short, long, value_name = "FORM", value_enum, default_value = "text")]
    pub format: AnswerFormat,
    #[command(flatten)]
    pub screen: ScreenArgs,
}

/// What the views of calls and comparisons take.
#[derive(Debug, Args)]
pub struct ViewArgs {
    #[command(flatten)]
    pub question: QuestionArgs,
    #[command(flatten)]
    pub filter: FilterArgs,
    #[command(flatten)]
    pub place: PlaceArgs,
}

/// Print the calls of a recorded .bct as a tree
///
/// Both Python's calls and C's are there, with arguments and results. The trace must have been recorded with --values.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bctrace calls --no-stdlib trace.bct
  bctrace calls -n check --from 5000 trace.bct")]
pub struct CallsArgs {
    #[command(flatten)]
    pub view: ViewArgs,
}

/// Print what was compared, looked up and calculated
///
/// There is a line for each comparison, subscript and calculation, in the order of execution. The trace must have been
/// recorded with --values.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bctrace compares --no-stdlib trace.bct
  bctrace compares --all -n check trace.bct")]
pub struct ComparesArgs {
    /// Print all lines of each place, not only the first 1,000
    #[arg(long)]
    pub all: bool,
    #[command(flatten)]
    pub view: ViewArgs,
}

/// Print or write the code objects that ran
///
/// They are printed as a tree, each under what made it, or written as loadable .pyc files.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bctrace layers --no-stdlib trace.bct
  bctrace layers --dump layers trace.bct")]
pub struct LayersArgs {
    /// Write every code object that ran into this new folder instead of printing
    ///
    /// They are loadable .pyc files, with a manifest.json.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub dump: Option<PathBuf>,
    #[command(flatten)]
    pub question: QuestionArgs,
    #[command(flatten)]
    pub filter: FilterArgs,
}

/// Print what the program tried to do outside itself
///
/// That is: files, programs, connections, host names, signals and processes, each with the instruction that tried it and
/// the answer that it got. The trace must have been recorded in a sandbox.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bctrace tried trace.bct
  bctrace tried --no-stdlib -n beacon trace.bct")]
pub struct TriedArgs {
    #[command(flatten)]
    pub question: QuestionArgs,
    #[command(flatten)]
    pub filter: FilterArgs,
    #[command(flatten)]
    pub window: WindowArgs,
}

/// Make a page of HTML about a recorded .bct
///
/// The page needs nothing else and loads nothing. It shows what the program did, when, how and with what, as far as that fits; it
/// says what it leaves out.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bctrace report trace.bct -o report.html")]
pub struct ReportArgs {
    /// Trace to report on, compressed or not
    #[arg(value_name = "TRACE", value_hint = ValueHint::FilePath)]
    pub trace: PathBuf,
    /// Page to write
    #[arg(short = 'o', long = "output", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: PathBuf,
    /// Replace a file that is no report
    #[arg(long)]
    pub force: bool,
}

/// Report what a recorded .bct holds and how it ended
///
/// That is: which program ran with which options, how it ended, and how many instructions each thread and code object
/// executed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bctrace info trace.bct
  bctrace info --format json trace.bct.zst")]
pub struct InfoArgs {
    #[command(flatten)]
    pub question: QuestionArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AnswerFormat {
    /// For people
    Text,
    /// For programs: JSON, one object in each line
    Json,
}

/// List the code objects of a program without running it
///
/// The listing shows every code object as the VM would decode it, junk and overlapping instructions included.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bctrace dis program.pyc
  bctrace dis -r -n main program.pyc")]
pub struct DisArgs {
    /// Program to list: a .pyc, `-` for standard input, or a .py
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub program: PathBuf,
    /// Resolve operands to constants, names and jump targets
    #[arg(short, long)]
    pub resolve: bool,
    #[command(flatten)]
    pub screen: ScreenArgs,
    #[command(flatten)]
    pub filter: FilterArgs,
}
