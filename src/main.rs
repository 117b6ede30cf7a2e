//! The `bctrace` command.

use std::process::ExitCode;

use bctrace::cli::version::{Commit, commit_in};

/// Read here and not in the library: a new commit makes cargo compile this file again and link, and nothing more.
const COMMIT: Option<Commit> = commit_in(include_bytes!(env!("BCTRACE_HEAD_LOG")));

fn main() -> ExitCode {
    bctrace::cli::run(COMMIT)
}
