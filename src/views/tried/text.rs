//! Attempts as text: a line each, under a heading that says on whose behalf they were made.

use indicatif::HumanCount;

use super::words::{Allowing, Doing, Quoted, error_name};
use super::{Distinct, Tried};
use crate::bytecode::code::STDLIB_PREFIX;
use crate::bytecode::escape::Printable;
use crate::format::lines::Lines;
use crate::trace::SinkError;
use crate::trace::attempt::{Answer, By, Site};
use crate::trace::event::Sandbox;

/// Writes the attempts; `is_all` says that nothing of the trace was left out by a selection.
pub(super) fn write(tried: &Tried, is_all: bool, lines: &mut Lines) -> Result<(), SinkError> {
    if let Some(text) = remark(tried, is_all) {
        push(lines, &format!("{text}\n"))?;
    }
    let mut heading = None;
    for distinct in &tried.attempts {
        let by = distinct.attempt.by;
        if heading.replace(by) != Some(by) {
            push(lines, &format!("{}:\n", heading_of(by)))?;
        }
        push(lines, &format!("  {}\n", line(distinct)))?;
    }
    match tried.left_out {
        0 => Ok(()),
        1 => push(lines, "1 more attempt is not listed\n"),
        count => push(lines, &format!("{} more attempts are not listed\n", HumanCount(count))),
    }
}

fn push(lines: &mut Lines, line: &str) -> Result<(), SinkError> {
    lines.open().extend_from_slice(line.as_bytes());
    lines.ended()
}

/// What is said before the attempts: that there are none, or why there can be others.
fn remark(tried: &Tried, is_all: bool) -> Option<&'static str> {
    match tried.sandbox {
        None => Some("whether the program was watched is not known: the beginning of the trace is missing"),
        Some(Sandbox::None) => {
            Some("nothing was watched: the program ran without a sandbox, so the trace does not say what it tried")
        }
        Some(Sandbox::Unwatched) => Some(
            "nothing was watched: the system did not let bctrace see what the program tried in its sandbox, \
             so the trace does not say it",
        ),
        Some(Sandbox::Watched) if !tried.is_empty() || !is_all => None,
        Some(Sandbox::Watched) if tried.is_flawed => Some("no attempt is in what can be read of the trace"),
        Some(Sandbox::Watched) => Some("the program tried nothing that the sandbox reports"),
    }
}

fn heading_of(by: By) -> &'static str {
    match by {
        By::Program => "by the program",
        By::Library => "by the standard library, for purposes of its own",
        By::Process => "by processes that the program started",
    }
}

/// `NUMBER PLACE: DEED -> ANSWER, TIMES, THREAD; OPTION`.
fn line(distinct: &Distinct) -> String {
    let attempt = &distinct.attempt;
    let mut line = match &attempt.site {
        Some(site) => format!("{} {}", distinct.first, place(site, attempt.by)),
        None => "no instruction".to_owned(),
    };
    line += &format!(": {} -> ", Doing(attempt.deed, &attempt.targets));
    line += &match (attempt.answer, attempt.answer.error()) {
        (Answer::Faked, _) => "faked".to_owned(),
        (_, Some(error)) => format!("refused: {}", error_name(error)),
        (_, None) => "allowed".to_owned(),
    };
    if distinct.times > 1 {
        line += &format!(", {} times", HumanCount(distinct.times));
    }
    if let Some(thread) = attempt.thread.filter(|&thread| thread > 0) {
        line += &format!(", thread {thread}");
    }
    line + &Allowing(attempt).to_string()
}

/// `NAME at OFFSET`; of the library's code also its file, and for which code of the program it ran.
fn place(site: &Site, by: By) -> String {
    let mut place = format!("{} at {}", Printable::name(&site.name), site.offset);
    // Code of the program can have a file name of the library's.
    let is_librarys = by == By::Library || site.caller.is_some();
    let library = site.filename.strip_prefix(STDLIB_PREFIX).filter(|_| is_librarys);
    if library.is_some() || site.caller.is_some() {
        place += &format!(" in {}", Quoted(library.unwrap_or(&site.filename)));
    }
    if let Some((name, _)) = &site.caller {
        place += &format!(" for {}", Printable::name(name));
    }
    place
}
