//! The `bctrace` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    bctrace::cli::run()
}
