//! `bctrace info`: reports what a recorded trace holds.

use super::args::{AnswerFormat, InfoArgs, QuestionArgs};
use super::exit;
use super::screen::{self, Screen};
use crate::format::Paint;
use crate::views::info::{self, InfoPlan};

/// Runs the command.
pub fn run(args: InfoArgs) -> anyhow::Result<u8> {
    let QuestionArgs { trace, format, screen } = args.question;
    let is_text = format == AnswerFormat::Text;
    let plan = InfoPlan { trace, json: !is_text };
    let info = info::collect(&plan)?;
    let screen = Screen::open(&screen, true);
    let mut out = screen.writer(is_text.then_some(Paint::Info));
    info::print(&plan, &info, &mut out).map_err(screen::of_output)?;
    Ok(if info.flaws.is_empty() { 0 } else { exit::FAILED })
}
