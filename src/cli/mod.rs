//! The command line: what was typed becomes a plan, a plan is carried out, and an error is printed once, here.

mod args;
mod dis;
mod exit;
mod filter;
mod follow;
mod info;
mod message;
mod program;
mod python;
mod record;
mod show;
mod summary;
pub mod version;
mod views;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::FromArgMatches;

use crate::process::executable;
use args::{Command, RecordArgs};

/// What manual pages say; `--version` says more.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Runs the command that was typed; the process ends with what it returns. `commit` is the one that the binary was built from.
pub fn run(commit: Option<version::Commit>) -> ExitCode {
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    // The interpreter's own options are not ours to parse, `--help` and `--version` among them.
    let result = if executable::started_as().is_some() {
        python::run_as(arguments)
    } else if arguments.get(1).is_some_and(|word| word == "python") {
        python::run(arguments.split_off(2))
    } else {
        run_command(version::text(commit))
    };
    match result {
        Ok(status) => ExitCode::from(status),
        Err(error) if exit::is_closed_pipe(&error) => ExitCode::from(exit::CLOSED_PIPE),
        Err(error) => {
            message::warn(format_args!("{error:#}"));
            ExitCode::from(exit::FAILED)
        }
    }
}

/// Runs what clap has parsed.
fn run_command(version: String) -> anyhow::Result<u8> {
    let version: &str = version.leak();
    let matches = args::command().version(version).get_matches();
    if matches.subcommand().is_none() {
        return record::run(typed(RecordArgs::from_arg_matches(&matches)));
    }
    match typed(Command::from_arg_matches(&matches)) {
        Command::Dis(args) => dis::run(&args),
        Command::Show(args) => show::run(args),
        Command::Calls(args) => views::calls(args),
        Command::Compares(args) => views::compares(args),
        Command::Layers(args) => views::layers(args),
        Command::Info(args) => info::run(args),
        Command::Python { arguments, .. } => python::run(arguments),
    }
}

/// What clap has parsed; it has checked all of it, so an error is one of usage that it explains.
fn typed<T>(parsed: Result<T, clap::Error>) -> T {
    parsed.unwrap_or_else(|error| error.exit())
}
