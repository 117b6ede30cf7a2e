//! Which part of a trace is wanted, and the options of the commands that print it or a program without running it.

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
/// a table on standard error says how sure each entry is. The program runs only with --try.
///
/// With --known the map is exact: modules of the standard library, from the same bundle as the program, are compared
/// with those of Python 2.7.18. What they do not have is inferred, as all is without --known: from how code usually looks.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bctrace opmap program.pyc -o map.json
  bctrace opmap --try program.pyc -o map.json
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
    /// Run the program in the sandbox with other opcodes where the map is in doubt, and keep those with which it gets further
    ///
    /// A program that ends with status 0 is not run again. There are 60 runs at most, each of 200,000 instructions or 3 seconds.
    #[arg(long = "try", conflicts_with = "strict")]
    pub try_doubtful: bool,
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
