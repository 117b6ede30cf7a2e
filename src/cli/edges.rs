//! `bctrace edges`: how often each instruction of a trace ran, and where control went from it.

use std::cell::RefCell;

use anyhow::Context;

use super::args::{AnswerFormat, EdgesArgs, QuestionArgs};
use super::screen::{self, CANNOT_WRITE};
use super::{exit, message, missed, views};
use crate::format::Paint;
use crate::read::{Reader, edges};
use crate::select::{Filter, Matches};
use crate::views::edges as view;

/// Runs the command.
pub fn run(args: EdgesArgs) -> anyhow::Result<u8> {
    let QuestionArgs { trace, format, screen } = args.question;
    let filter = Filter::from(args.filter);
    let matches = RefCell::new(Matches::new(filter.clone(), Vec::new()));
    let reader = Reader::open(&trace)?;
    let wants = |code: &crate::bytecode::CodeObject| {
        matches.borrow_mut().see(code);
        filter.wants(code)
    };
    let found = edges::read(reader, &wants, &mut views::warning(&trace))?;
    let screen = views::open_screen(&screen, true, &trace)?;
    let mut out = screen.writer((format == AnswerFormat::Text).then_some(Paint::Edges));
    let printed = view::print(&found, &trace, format == AnswerFormat::Json, &mut out);
    drop(out);
    drop(screen);
    let matches = matches.into_inner();
    matches.unmet().iter().for_each(|unmet| message::warn(missed::of_filter(unmet, "of the trace")));
    let status = if found.is_flawed { exit::FAILED } else { 0 };
    screen::result(printed.map(|()| status).context(CANNOT_WRITE))
}
