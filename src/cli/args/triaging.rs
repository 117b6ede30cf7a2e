//! The options of `bctrace triage`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::FileArgs;

/// Run a suspicious file safely and write all that is found out into a folder
///
/// FILE runs in the sandbox, repeatably and with values recorded, for 60 seconds and 1 GiB of trace at most. DIR then has the trace, a
/// report, the code that the program made, readable code, strings, what it tried, what it printed and the files that it left. A file
/// that cannot run is listed and unpacked all the same. summary.md says what is there.
///
/// The status is 0 if DIR is complete, and 125 if something could not be made. Standard input is the program's, unless it is a terminal.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bctrace triage suspicious.exe -o out
  bctrace triage crackme.pyc -o out -- guess
  echo guess | bctrace triage crackme.pyc -o out")]
pub struct TriageArgs {
    /// File to look at: a .pyc, .py, marshal data, an archive or a frozen executable
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub program: PathBuf,
    /// New or empty folder to write into
    #[arg(short = 'o', long = "output", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub folder: PathBuf,
    /// Arguments of the program: sys.argv[1:]
    #[arg(last = true, value_name = "ARGS")]
    pub arguments: Vec<OsString>,
    #[command(flatten)]
    pub file: FileArgs,
}
