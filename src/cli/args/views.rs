//! The options of the commands that answer questions about a trace.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

use super::reading::{CodeArgs, FilterArgs, PlaceArgs, WindowArgs};
use super::{ScreenArgs, value};
use crate::select::{Name, NamePattern};

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

/// Which part of a trace a view is about.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Filters")]
pub struct ViewFilterArgs {
    #[command(flatten)]
    pub code: CodeArgs,
    /// Include the standard library
    ///
    /// Views leave out its modules and the code that these make with exec. The trace has them all the same.
    #[arg(long, overrides_with = "no_stdlib")]
    pub stdlib: bool,
    /// Leave out the standard library, which is the default
    #[arg(long, overrides_with = "stdlib")]
    pub no_stdlib: bool,
}

/// What the views take.
#[derive(Debug, Args)]
pub struct ViewArgs {
    #[command(flatten)]
    pub question: QuestionArgs,
    /// Memory for the answer, about; what there is no room for is counted
    #[arg(long, value_name = "SIZE", default_value = "256MiB", value_parser = value::of(value::size), allow_negative_numbers = true)]
    pub memory: u64,
    #[command(flatten)]
    pub filter: ViewFilterArgs,
    #[command(flatten)]
    pub place: PlaceArgs,
}

/// Print the calls of a recorded .bct as a tree
///
/// Both Python's calls and C's are there, with arguments and results. Calls that one instruction makes again and again are counted
/// after the first three, and those of one function that C code calls for different ones after twelve. The trace must have been recorded
/// with --values.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bctrace calls trace.bct
  bctrace calls --of decode --c-only trace.bct
  bctrace calls -n check --from 5000 trace.bct")]
pub struct CallsArgs {
    /// Print every call, also those that one instruction repeats
    #[arg(long)]
    pub all: bool,
    /// Only calls of C functions, as a list
    #[arg(long)]
    pub c_only: bool,
    /// Only calls of functions and methods with this name, as a list
    ///
    /// The name has no module or class before it. -n chooses the code that calls.
    #[arg(long, value_name = "NAME", value_parser = value::name())]
    pub of: Option<Name>,
    #[command(flatten)]
    pub view: ViewArgs,
}

/// Print what was compared, looked up and calculated
///
/// Each place in the code is a block, and those come first that rejected what the program was given: its arguments, what it read from
/// standard input or files, and what was made of that. Comparisons of constants come last. A loop that compares piece by piece reads as
/// a whole. The trace must have been recorded with --values.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bctrace compares trace.bct
  bctrace compares --in-order -n check trace.bct
  bctrace compares --all -n check trace.bct")]
pub struct ComparesArgs {
    /// Print all values of each place
    ///
    /// Otherwise a block has the last three different ones, and a place has 1,000 lines with --in-order.
    #[arg(long)]
    pub all: bool,
    /// Print a line for each comparison, in the order of execution
    #[arg(long)]
    pub in_order: bool,
    #[command(flatten)]
    pub view: ViewArgs,
}

/// Print every string that the program produced
///
/// That is what it decoded, decrypted, joined, read or received; its constants are left out. URLs, addresses, paths, keys, base64 and
/// the like are marked and come first. The trace must have been recorded with --values.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bctrace strings trace.bct
  bctrace strings --min 12 --text http trace.bct")]
pub struct StringsArgs {
    /// Only strings of at least LENGTH characters
    #[arg(long, value_name = "LENGTH", default_value_t = 4, value_parser = value::of(value::small), allow_negative_numbers = true)]
    pub min: u32,
    /// Only strings in which REGEX is found
    #[arg(long, value_name = "REGEX", value_parser = value::pattern())]
    pub text: Option<NamePattern>,
    #[command(flatten)]
    pub view: ViewArgs,
}

/// Print which known ways to detect, stop or mislead a tracer the program tried
///
/// Each is printed once for each place in the code, with what was returned the first time: trace functions, frames, counts of references,
/// limits of the interpreter, /proc, clocks, sleeps, ends of processes, other processes and programs, and native code. A trace without
/// values has only the names.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bctrace tricks trace.bct
  bctrace tricks --stdlib --format json trace.bct")]
pub struct TricksArgs {
    #[command(flatten)]
    pub view: ViewArgs,
}

/// Print which code executed how many instructions
///
/// There are three tables: code objects, with their own instructions and those of all that they called; source lines; and offsets.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bctrace hot trace.bct
  bctrace hot --count 50 -n run trace.bct")]
pub struct HotArgs {
    /// Print at most N code objects, lines and offsets
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = value::of(value::small), allow_negative_numbers = true)]
    pub count: u32,
    #[command(flatten)]
    pub view: ViewArgs,
}

/// Print every place where a value occurs
///
/// Each instruction that consumed or produced the value is a line, with the first and the last time. The status is 0 if there is one,
/// and 1 if there is none. The trace must have been recorded with --values.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bctrace find trace.bct s3cret
  bctrace find trace.bct 0xdeadbeef
  bctrace find --opcode COMPARE_OP -n check trace.bct --regex 'key-[0-9]+'")]
pub struct FindArgs {
    #[command(flatten)]
    pub view: ViewArgs,
    /// Value to look for: a number, as 42 or 0x2a, or part of a string
    ///
    /// A whole number is found as an int, a long or a whole string. Write it in quotes, as \"'42'\", to find it in strings. Any other
    /// number is found as a float too. Escapes are as bctrace prints them, such as \x00, and in unicode strings \u20ac.
    #[arg(value_name = "VALUE", required_unless_present = "regex", allow_negative_numbers = true)]
    pub value: Option<OsString>,
    /// Look for strings in which REGEX is found
    #[arg(long, value_name = "REGEX", value_parser = value::pattern(), conflicts_with = "value")]
    pub regex: Option<NamePattern>,
    /// Only instructions with this opcode, as COMPARE_OP; may be repeated
    #[arg(long = "opcode", value_name = "OP", value_parser = value::of(value::opcode))]
    pub opcodes: Vec<u8>,
}

/// Compare two runs of a program
///
/// Both are aligned by what they execute and by the calls that it stands in; addresses and numbers of objects do not count. Printed are
/// the first different value, if both traces have values, the first place where the runs part, with the operands of both, and what only
/// one of them executed. The status is 0 if there is no difference, 1 if there is one, and 125 if a trace is missing or damaged.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bctrace diff wrong.bct right.bct
  bctrace diff -n check wrong.bct right.bct")]
pub struct DiffArgs {
    /// First trace, A
    #[arg(value_name = "A", value_hint = ValueHint::FilePath)]
    pub a: PathBuf,
    /// Second trace, B
    #[arg(value_name = "B", value_hint = ValueHint::FilePath)]
    pub b: PathBuf,
    /// Form of the answer
    #[arg(short, long, value_name = "FORM", value_enum, default_value = "text")]
    pub format: AnswerFormat,
    /// Look for the place where both go on alike in at most N stretches of code
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = value::of(value::small), allow_negative_numbers = true)]
    pub window: u32,
    #[command(flatten)]
    pub screen: ScreenArgs,
    #[command(flatten)]
    pub filter: ViewFilterArgs,
}

/// Print or write the code objects that ran, and those that the program made
///
/// They are printed as a tree, each under what made it, or written as loadable .pyc files.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bctrace layers --no-stdlib trace.bct
  bctrace layers --dump layers trace.bct")]
pub struct LayersArgs {
    /// Write every code object into this new folder instead of printing
    ///
    /// They are loadable .pyc files, with the texts that they were compiled of, the strings of --blobs, and a manifest.json.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub dump: Option<PathBuf>,
    /// Write functions and classes as modules that hold them, which decompilers accept
    #[arg(long, requires = "dump")]
    pub as_module: bool,
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
  bctrace report trace.bct -o report.html
  bctrace report suspicious.bct.zst -o suspicious.html --force
  bctrace report trace.bct --clean clean -o report.html")]
pub struct ReportArgs {
    /// Trace to report on, compressed or not
    #[arg(value_name = "TRACE", value_hint = ValueHint::FilePath)]
    pub trace: PathBuf,
    /// Page to write
    #[arg(short = 'o', long = "output", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: PathBuf,
    /// Show the code that `bctrace clean` has written into this folder beside the code that ran
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub clean: Option<PathBuf>,
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

/// Print how often each instruction of a recorded .bct ran, and where control went from it
///
/// There is one block for each version of the bytes of each code object that ran.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bctrace edges --no-stdlib trace.bct
  bctrace edges -n check --format json trace.bct")]
pub struct EdgesArgs {
    #[command(flatten)]
    pub question: QuestionArgs,
    #[command(flatten)]
    pub filter: FilterArgs,
}
