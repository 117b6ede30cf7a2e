//! `bctrace info`: tells what is in a recorded trace.

use std::io;

use super::args::{InfoArgs, InfoFormat};
use super::exit;
use crate::views::info::{self, InfoPlan};

/// Runs the command.
pub fn run(args: InfoArgs) -> anyhow::Result<u8> {
    let plan = InfoPlan { trace: args.trace, json: args.format == InfoFormat::Json };
    let told = info::run(&plan, &mut io::stdout().lock())?;
    Ok(if told.flaws.is_empty() { 0 } else { exit::FAILED })
}
