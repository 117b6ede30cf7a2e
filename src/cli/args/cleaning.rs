//! The options of `bctrace clean`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

use super::{AnswerFormat, FileArgs};

/// Write readable code for an obfuscated program
///
/// Each code object is worked out with an exact model of the interpreter's stacks and laid out as CPython's own compiler would do it.
/// The files in DIR are loadable .pyc files, which decompilers read. Traces of the program say which code ran; several add up. Code that
/// nothing is done to is kept byte for byte.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bctrace clean suspicious.pyc -o clean
  bctrace suspicious.pyc trace.bct && bctrace clean suspicious.pyc trace.bct -o clean
  bctrace clean suspicious.pyc one.bct two.bct -o clean --explain
  bctrace clean suspicious.pyc trace.bct -o clean --decompile uncompyle6")]
pub struct CleanArgs {
    /// Program to clean: a .pyc, or another file that holds one; `-` is standard input
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub program: PathBuf,
    /// Traces of it as .bct
    #[arg(value_name = "TRACE", value_hint = ValueHint::FilePath)]
    pub traces: Vec<PathBuf>,
    #[command(flatten)]
    pub file: FileArgs,
    /// Write the clean files and manifest.json into this new folder
    #[arg(short = 'o', long = "output", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub folder: PathBuf,
    /// What to do with the side of a condition that never ran
    #[arg(long, value_name = "WHAT", value_enum, default_value = "plausible")]
    pub untaken: UntakenName,
    /// Give readable names to all that have none, and not only to locals
    ///
    /// Replaces names that are no identifiers, or that only have letters like O and 0, of globals, attributes, arguments and functions. A
    /// program that makes such names while it runs does not find them then. manifest.json has the old names.
    #[arg(long)]
    pub rename: bool,
    /// Put what calls make of constants in their place, also where the program's own functions are called by name
    ///
    /// Without it only strings that are decoded when they are needed are. The calls and what they make are listed.
    #[arg(long)]
    pub fold_constants: bool,
    /// Run this decompiler on each clean file and write the source next to it
    ///
    /// The file's name takes the place of `{}` in the command, or comes last. If the decompiler fails on a file, it gets the file without
    /// the functions that it fails on. It is a program of yours: it does not run in the sandbox.
    #[arg(long, value_name = "COMMAND", value_hint = ValueHint::CommandString)]
    pub decompile: Option<OsString>,
    /// Print each code object before and after, side by side
    #[arg(long)]
    pub explain: bool,
    /// Form of the report
    #[arg(short, long, value_name = "FORM", value_enum, default_value = "text")]
    pub format: AnswerFormat,
}

/// What is done with the side of a condition that never ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum UntakenName {
    /// Keep it unless it leads to what no compiler produces
    Plausible,
    /// Keep it
    Keep,
    /// Keep only what ran
    Cut,
}
