//! The command line: what was typed becomes a plan, a plan is carried out, and an error is printed once, here.

mod args;
mod asm;
mod call;
mod clean;
mod commands;
mod dis;
mod edges;
mod exit;
mod export;
mod filter;
mod follow;
mod frozen;
mod generate;
mod hint;
mod info;
mod lead;
mod list;
mod matching;
mod message;
mod missed;
mod mistakes;
mod opmap;
mod pager;
mod program;
mod python;
mod record;
mod report;
mod sandbox;
mod screen;
mod show;
mod summary;
mod triage;
mod unpack;
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
        run_command(&arguments, version::text(commit))
    };
    ExitCode::from(result.unwrap_or_else(status_of))
}

/// Prints an error; returns the status that it ends with.
fn status_of(error: anyhow::Error) -> u8 {
    if exit::is_closed_pipe(&error) {
        return exit::CLOSED_PIPE;
    }
    if let Some(exit::Ended(status)) = error.downcast_ref() {
        return *status;
    }
    if let Some(refused) = error.downcast_ref::<exit::NotCompiled>() {
        message::repeat(&refused.said);
        return refused.status;
    }
    match error.downcast_ref::<clap::Error>() {
        // Help and the version, which clap has made: who asked for them may not read them to the end.
        Some(answer) if !answer.use_stderr() => screen::print_answer(answer).unwrap_or_else(status_of),
        Some(error) => {
            message::explain(error);
            exit::USAGE
        }
        None => {
            message::warn(format_args!("{error:#}"));
            exit::FAILED
        }
    }
}

/// Runs what clap has parsed.
fn run_command(arguments: &[OsString], version: String) -> anyhow::Result<u8> {
    let version: &str = version.leak();
    let parsed = args::command().version(version).try_get_matches_from(arguments);
    let matches = parsed.map_err(|error| mistakes::explained(error, arguments))?;
    if matches.subcommand().is_none() {
        return record::run(&RecordArgs::from_arg_matches(&matches)?);
    }
    match Command::from_arg_matches(&matches)? {
        Command::Triage(args) => triage::run(&args),
        Command::Dis(args) => dis::run(&args),
        Command::Opmap(args) => opmap::run(&args),
        Command::List(args) => list::run(&args),
        Command::Unpack(args) => unpack::run(&args),
        Command::Asm(args) => asm::run(&args),
        Command::Edges(args) => edges::run(args),
        Command::Show(args) => show::run(*args),
        Command::Call(args) => call::run(*args),
        Command::Calls(args) => views::calls(args),
        Command::Compares(args) => views::compares(args),
        Command::Strings(args) => views::strings(args),
        Command::Tricks(args) => views::tricks(args),
        Command::Hot(args) => views::hot(args),
        Command::Find(args) => views::find(args),
        Command::Diff(args) => views::diff(args),
        Command::Layers(args) => views::layers(args),
        Command::Tried(args) => views::tried(args),
        Command::Info(args) => info::run(args),
        Command::Report(args) => report::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Clean(args) => clean::run(&args),
        Command::Python(args) => python::run(args.arguments),
        Command::Completions(args) => generate::completions(&args),
        Command::Man(args) => generate::man(&args),
    }
}
