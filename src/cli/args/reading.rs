//! The options of the commands that read: a trace, or a program without running it.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

use super::{FileArgs, FormatName, ScreenArgs, value};
use crate::select::{FileGlob, Name, NamePattern, Trigger};

/// Which code objects are wanted.  Values of an option are ORed, options ANDed.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Filters")]
pub struct FilterArgs {
    #[command(flatten)]
    pub code: CodeArgs,
    /// Leave out the standard library
    #[arg(long)]
    pub no_stdlib: bool,
}

/// Which code objects are wanted, by name and file.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Filters")]
pub struct CodeArgs {
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
    /// Print loops and recursions once, with their exact counts
    ///
    /// The standard library is left out, and values are.
    #[arg(long, conflicts_with_all = ["follow", "depth", "count", "no_values"])]
    pub fold: bool,
    /// With --fold, print what is at NAME, or at NAME:OFFSET, in full; may be repeated
    #[arg(long, value_name = "PLACE", value_parser = value::trigger(), requires = "fold")]
    pub unfold: Vec<Trigger>,
    /// With --fold, include the standard library
    #[arg(long, requires = "fold")]
    pub stdlib: bool,
    /// With --fold, memory for the answer, about; what there is no room for is counted
    #[arg(long, value_name = "SIZE", default_value = "256MiB", value_parser = value::of(value::size), allow_negative_numbers = true, requires = "fold")]
    pub memory: u64,
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
/// after the first three. The trace must have been recorded with --values.
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
/// limits of the interpreter, /proc, clocks, sleeps, ends of processes and native code. In a trace without values only names tell.
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
    /// A number is found as an int, a long or a whole string. Write it in quotes, as \"'42'\", to find it in strings. Escapes are as
    /// bctrace prints them, such as \x00.
    #[arg(value_name = "VALUE", required_unless_present = "regex")]
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
  bctrace report suspicious.bct.zst -o suspicious.html --force")]
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

/// How a listing is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ListingFormat {
    /// For people, and for `bctrace asm`, which makes the same program of it
    Text,
    /// One line for each instruction, as in a trace
    Lines,
    /// For programs: JSON, one object in each line
    Json,
}

/// List the code objects of a program without running it
///
/// The listing shows every code object with its tables and its instructions as the VM would decode them. It marks what
/// is unreachable, what hides inside other instructions, and what does nothing. `bctrace asm` makes the same program of
/// the text.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bctrace dis program.pyc
  bctrace dis -n main --with trace.bct program.pyc
  bctrace dis program.pyc > listing.txt
  bctrace dis --format lines -r program.pyc")]
pub struct DisArgs {
    /// Program to list: a .pyc, .py, archive or frozen executable, or `-` for standard input
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub program: PathBuf,
    #[command(flatten)]
    pub file: FileArgs,
    /// Form of the listing
    #[arg(short, long, value_name = "FORM", value_enum, default_value = "text")]
    pub format: ListingFormat,
    /// Show how often each instruction ran in this recorded trace of the program
    ///
    /// It shows how often each condition jumped and did not, what never ran, and where the program executed something else
    /// than the listing says.
    #[arg(long, value_name = "TRACE", value_hint = ValueHint::FilePath)]
    pub with: Option<PathBuf>,
    /// Resolve operands to constants, names and jump targets in the form `lines`; the others always do
    #[arg(short, long)]
    pub resolve: bool,
    /// Translate the program's opcodes by the map in this JSON file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub opmap: Option<PathBuf>,
    #[command(flatten)]
    pub screen: ScreenArgs,
    #[command(flatten)]
    pub filter: FilterArgs,
}

/// Find out which opcodes the numbers in a program stand for
///
/// For programs of an interpreter whose opcodes have other numbers than Python 2.7's. The map is printed as JSON, for --opmap;
/// a table on standard error says how sure each entry is. The program does not run.
///
/// With --known the map is exact: modules of the standard library, from the same bundle as the program, are compared
/// with those of Python 2.7.18. What they do not have is inferred, as all is without --known: from how code usually looks.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bctrace opmap program.pyc -o map.json
  bctrace opmap program.pyc --known bundle/os.pyc bundle/re.pyc -o map.json
  bctrace --opmap map.json program.pyc trace.bct")]
pub struct OpmapArgs {
    /// Program whose opcodes are unknown: a .pyc, or another file that holds one; `-` is standard input
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub program: PathBuf,
    /// Library modules from the same bundle, or the same ones with Python 2.7's opcodes: files, or folders of .pyc files
    #[arg(long, value_name = "LIB", num_args = 1.., value_hint = ValueHint::AnyPath)]
    pub known: Vec<PathBuf>,
    /// Write the map to this file instead of standard output
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// Show no table
    #[arg(short, long)]
    pub quiet: bool,
    #[command(flatten)]
    pub file: FileArgs,
}

/// Assemble a listing into a .pyc
///
/// The listing is what `bctrace dis` prints, edited or not, or what dis of Python 2.7 prints: of one function or of
/// several, one after the other. What dis does not print, such as numbers of arguments, is inferred, and reported.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bctrace asm listing.txt program.pyc
  bctrace asm --force listing.txt program.pyc
  bctrace dis program.pyc | bctrace asm - copy.pyc")]
pub struct AsmArgs {
    /// Listing to read; `-` is standard input
    #[arg(value_name = "LISTING", value_hint = ValueHint::FilePath)]
    pub listing: PathBuf,
    /// File to write; `-` is standard output
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: PathBuf,
    /// Replace the file if it exists
    #[arg(long)]
    pub force: bool,
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
