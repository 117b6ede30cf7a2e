//! The options of commands that read a program's file without running it, and how a file is read.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::{AnswerFormat, ScreenArgs, value};

/// How a program's file is read.
#[derive(Clone, Debug, Args)]
pub struct IntakeArgs {
    /// Accept a plain .pyc of Python 2.7 only, and guess nothing
    #[arg(long, conflicts_with = "entry")]
    pub strict: bool,
    /// Take only the Nth of the scripts in FILE, counted from 1
    #[arg(long, value_name = "N", value_parser = value::of(value::small), allow_negative_numbers = true)]
    pub entry: Option<u32>,
}

/// See [`IntakeArgs`]; commands that replace nothing have --force for this alone.
#[derive(Clone, Debug, Args)]
pub struct FileArgs {
    #[command(flatten)]
    pub intake: IntakeArgs,
    /// Read FILE even if its code may not be of Python 2.7
    #[arg(long, conflicts_with = "strict")]
    pub force: bool,
}

/// List what a program's file contains
///
/// That is: the scripts in the order in which they run, the modules and all other files, with their sizes and hashes, and what
/// was guessed. FILE is whatever bctrace runs: a .pyc, marshal data, an archive, or the executable that a freezer made.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bctrace list program.exe
  bctrace list --format json library.zip")]
pub struct ListArgs {
    /// File to list; `-` is standard input
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub program: PathBuf,
    /// Form of the listing
    #[arg(short, long, value_name = "FORM", value_enum, default_value = "text")]
    pub format: AnswerFormat,
    #[command(flatten)]
    pub file: FileArgs,
    #[command(flatten)]
    pub screen: ScreenArgs,
}

/// Write all that a program's file contains into a folder
///
/// Every code object becomes a loadable .pyc, every other file is written as it is, and a manifest.json says what is what. No
/// name in FILE leads out of the folder.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bctrace unpack program.exe -o program
  bctrace unpack --entry 2 scripts.bin -o scripts")]
pub struct UnpackArgs {
    /// File to unpack; `-` is standard input
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub program: PathBuf,
    /// New or empty folder to write into
    #[arg(short = 'o', long = "output", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub folder: PathBuf,
    #[command(flatten)]
    pub file: FileArgs,
}
