//! What is said on standard error when a recording is over.

use std::io::IsTerminal;
use std::path::Path;

use indicatif::{HumanBytes, HumanCount};

use super::args::RecordingArgs;
use super::message::{self, warn};
use super::{missed, opmap};
use crate::bytecode::escape::Printable;
use crate::bytecode::opmap::OpMap;
use crate::bytecode::shell;
use crate::format::{self, Format, Named};
use crate::process::signals;
use crate::record::{Outcome, Summary, Tried};
use crate::select::{Filter, Matches, TriggerMatch};
use crate::trace::event::{End, EndReason, LowMemory, Raised, StopReason};
use crate::views::tried::{Allowing, Doing};

/// Says what became of a trace that is not as it should be, of a process by its number if it is not the first; false if
/// that is so.
pub fn tell_failure(summary: &Summary, trace: &Path, process: Option<i32>) -> bool {
    let process = process.map_or(String::new(), |process| format!("process {process}: "));
    let trace = Named::output(trace);
    if let EndReason::OutputFailed(why) = &summary.end.reason {
        let kept = if summary.written > 0 { "it holds what was traced before" } else { "nothing of the trace is kept" };
        message::begin_line();
        warn(format_args!("{process}cannot write {trace} any further: {}; {kept}", Printable::text(why)));
        return false;
    }
    if let Some(why) = &summary.lost {
        message::begin_line();
        warn(format_args!("{process}{why}"));
    }
    summary.lost.is_none()
}

/// Says what did not come true, and, unless it shall be quiet, how it ended: in short if the program did not simply end, and on a
/// terminal in full.
pub fn print(outcome: &Outcome, args: &RecordingArgs, trace: &Path, map: Option<&OpMap>) {
    let end = &outcome.summary.end;
    if let EndReason::OutputFailed(_) = end.reason {
        return;
    }
    let mut lines = missed(outcome, args);
    if !args.quiet {
        lines.extend(refused(&outcome.summary.tally.attempts, trace));
    }
    lines.extend(outcome.summary.tally.low_memory.map(|memory| match memory {
        LowMemory::SomeCode => "the program left too little memory to record some of its code".into(),
        LowMemory::TheRest => "the program left too little memory to record its end".into(),
    }));
    lines.extend(outcome.summary.tally.unmapped.iter().flat_map(|unmapped| opmap::described(unmapped, end, map)));
    if !args.quiet && std::io::stderr().is_terminal() {
        lines.extend(whole(&outcome.summary, !args.filter.no_stdlib));
        lines.extend(outcome.summary.uncaught().map(|raised| {
            let remedy = remedy(raised).map_or(String::new(), |remedy| format!("; {remedy}"));
            format!("uncaught {raised}{remedy}")
        }));
    } else if is_failure(end) || !args.quiet && (end.replaced || !matches!(end.reason, EndReason::Exited(_))) {
        lines.push(how(end));
    }
    if !lines.is_empty() {
        message::begin_line();
    }
    lines.into_iter().for_each(warn);
}

/// What the sandbox refused to the program, each once with the option that would allow it.
fn refused(tried: &Tried, trace: &Path) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for attempt in &tried.refused {
        let line = format!("refused: {}{}", Doing(attempt.deed, &attempt.targets), Allowing(attempt));
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    let more = tried.refused_count as usize - tried.refused.len();
    let list = match format::by_suffix(trace, None).0 {
        Format::Bct => format!("`bctrace tried {}` lists them", shell::Word::path(trace)),
        _ => "record a .bct, and `bctrace tried` lists them".to_owned(),
    };
    lines.extend((more > 0).then(|| format!("{more} more attempts were refused; {list}")));
    lines
}

/// Whether it is bctrace's own failure how a trace ended.
pub fn is_failure(end: &End) -> bool {
    matches!(end.reason, EndReason::Tampered(_))
}

/// The summary that a terminal shows.
fn whole(summary: &Summary, has_stdlib: bool) -> Vec<String> {
    let (end, tally) = (&summary.end, &summary.tally);
    let filtered = end.instructions.saturating_sub(tally.recorded).saturating_sub(tally.own);
    let left_out = match (filtered, tally.own) {
        (0, 0) => String::new(),
        (filtered, 0) => format!(", {} left out", HumanCount(filtered)),
        (0, own) => format!(", {} of Python's shutdown left out", HumanCount(own)),
        (filtered, own) => {
            format!(", {} and {} of Python's shutdown left out", HumanCount(filtered), HumanCount(own))
        }
    };
    let recorded = message::counted(tally.recorded, "instruction");
    let (codes, written) = (message::counted(tally.codes, "code object"), HumanBytes(summary.written));
    let mut lines = vec![format!("{recorded} recorded{left_out}"), format!("{codes}, {written} written; {}", how(end))];
    if has_stdlib && tally.stdlib > tally.recorded / 2 {
        let share = tally.stdlib.saturating_mul(100) / tally.recorded.max(1);
        lines.push(format!("{share} % of the trace is the standard library; --no-stdlib leaves it out"));
    }
    lines
}

/// What was asked for and not there, in any of the processes.
fn missed(outcome: &Outcome, args: &RecordingArgs) -> Vec<String> {
    let Outcome { summary, others } = outcome;
    let mut matches = summary.tally.matches.clone();
    matches.add(others.met);
    let mut lines: Vec<String> = matches.unmet().iter().map(|unmet| missed::of_filter(unmet, "that ran")).collect();
    let is_stopped = summary.end.reason == EndReason::Stopped(StopReason::StopAt) || others.stopped_at;
    if let Some(stop_at) = args.limits.stop_at.as_ref().filter(|_| !is_stopped) {
        lines.push(format!("--stop-at {} was never reached{}", missed::place(stop_at), why("--stop-at", &matches)));
    }
    if summary.tally.recorded > 0 || others.recorded {
        return lines;
    }
    if let Some(line) = lines.first_mut() {
        *line = format!("nothing was recorded: {line}");
    }
    match &args.limits.start_at {
        _ if !lines.is_empty() => {}
        Some(start_at) if matches.trigger("--start-at") != Some(TriggerMatch::There) || !has_filter(args) => {
            let why = why("--start-at", &matches);
            lines.push(format!("nothing was recorded: --start-at {} was never reached{why}", missed::place(start_at)));
        }
        Some(start_at) => {
            let start_at = missed::place(start_at);
            lines.push(format!(
                "nothing was recorded: no code object that ran after --start-at {start_at} matches the filter"
            ));
        }
        None if !matches.has_wanted() => {
            lines.push("nothing was recorded: no code object that ran matches all of the filters".into());
        }
        None => {}
    }
    lines
}

fn has_filter(args: &RecordingArgs) -> bool {
    !Filter::from(args.filter.clone()).is_everything()
}

/// Why a place was not reached, as far as it is known.
fn why(option: &'static str, matches: &Matches) -> String {
    matches.trigger(option).map_or(String::new(), |found| missed::of_place(option, &found))
}

/// Names the option that keeps an exception from ending the program, if there is one.
pub fn remedy(raised: &Raised) -> Option<&'static str> {
    match (&raised.type_name[..], raised.message.starts_with(b"No module named ")) {
        (b"ImportError", true) => Some("--stub-missing has stand-ins"),
        (b"EOFError", _) => Some("--stdin-text TEXT answers a prompt"),
        _ => None,
    }
}

/// How a trace ended, in words.
pub fn how(end: &End) -> String {
    let what = match &end.reason {
        EndReason::Tampered(why) => format!("stream tampered: {}", Printable::text(why)),
        _ if end.replaced => "the program was replaced by exec".to_string(),
        EndReason::Exited(status) if end.finished => return format!("the program ended with status {status}"),
        EndReason::Exited(status) => format!("the process ended with status {status}"),
        EndReason::Killed(signal) => format!("killed by {}", signals::name((*signal).into())),
        EndReason::Stopped(reason) => format!("stopped by {}", reason.option()),
        EndReason::OutputFailed(why) => format!("the trace could not be written: {}", Printable::text(why)),
        EndReason::Unknown => "ended, and only its parent was told how,".to_string(),
    };
    match &end.place {
        Some((name, offset, opname)) => {
            format!("{what} in {} at {offset} {}", Printable::name(name), Printable::text(opname))
        }
        None => what,
    }
}
