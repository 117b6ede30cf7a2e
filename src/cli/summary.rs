//! What is said on standard error when a recording is over.

use std::ffi::OsStr;
use std::io::IsTerminal;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use indicatif::{HumanBytes, HumanCount};

use super::args::RecordArgs;
use super::filter;
use super::message::warn;
use crate::bytecode::CodeObject;
use crate::bytecode::escape::Printable;
use crate::record::{Summary, Tally};
use crate::select::Filter;
use crate::trace::event::{End, EndReason, Own, StopReason};

/// What was asked for that may not have come true.
#[derive(Debug)]
pub struct Asked {
    filtered: bool,
    filter: Filter,
    names: Vec<Vec<u8>>,
    no_stdlib: bool,
    start_at: Option<Vec<u8>>,
    stop_at: Option<Vec<u8>>,
}

impl Asked {
    /// What can be asked for where there are no options to do so.
    pub fn nothing() -> Asked {
        Asked {
            filtered: false,
            filter: Filter::default(),
            names: Vec::new(),
            no_stdlib: true,
            start_at: None,
            stop_at: None,
        }
    }

    pub fn of(args: &RecordArgs, made: &Filter) -> Asked {
        let bytes = |word: &Option<std::ffi::OsString>| word.as_deref().map(|word: &OsStr| word.as_bytes().to_vec());
        let filter = &args.filter;
        Asked {
            filtered: !filter.names.is_empty() || !filter.patterns.is_empty() || !filter.files.is_empty(),
            filter: made.clone(),
            names: filter.names.iter().map(|name| name.as_bytes().to_vec()).collect(),
            no_stdlib: filter.no_stdlib,
            start_at: bytes(&args.start_at),
            stop_at: bytes(&args.stop_at),
        }
    }

    /// The names of code objects that were asked for and ran in what was left out of the interpreter's own shutdown alone: all of
    /// them where nothing was recorded, else those that -n names.
    fn ran_at_shutdown<'a>(&self, tally: &'a Tally) -> Vec<&'a [u8]> {
        let begins = self.start_at.as_deref().map(|place| filter::trigger(OsStr::from_bytes(place)).name);
        let is_asked_for = |own: &Own| {
            let code = CodeObject { name: own.name.clone(), filename: own.filename.clone(), ..CodeObject::default() };
            let is_named = self.names.contains(&own.name) || (self.filtered && tally.recorded == 0);
            (is_named && self.filter.wants(&code)) || (tally.recorded == 0 && begins.as_ref() == Some(&own.name))
        };
        let own = tally.own_codes.iter().filter(|own| is_asked_for(own) && !tally.names.contains(&own.name));
        let mut names: Vec<_> = own.map(|own| own.name.as_slice()).collect();
        names.dedup();
        names
    }
}

/// What is said of a code object that was asked for.
const ONLY_AT_SHUTDOWN: &str = "ran only in the interpreter's own shutdown, which is left out; --shutdown records it";

/// Says what became of a trace that is not as it should be, of a process by its number if it is not the first; false if
/// that is so.
pub fn tell_failure(summary: &Summary, trace: &Path, process: Option<i32>) -> bool {
    let process = process.map_or(String::new(), |process| format!("process {process}: "));
    let trace = Printable::path(trace);
    if let EndReason::OutputFailed(why) = &summary.end.reason {
        let kept = if summary.written > 0 { "it holds what was traced before" } else { "nothing of the trace is kept" };
        warn(format_args!("{process}cannot write {trace} any further: {}; {kept}", Printable::text(why)));
        return false;
    }
    if let Some(why) = &summary.lost {
        warn(format_args!("{process}{why}"));
    }
    summary.lost.is_none()
}

/// Says what did not come true, and how it ended where that was not the program's own doing; on a terminal all of it.
pub fn tell(summary: &Summary, asked: &Asked) {
    let (end, tally) = (&summary.end, &summary.tally);
    if let EndReason::OutputFailed(_) = end.reason {
        return;
    }
    tell_what_was_missed(summary, asked);
    if !std::io::stderr().is_terminal() {
        if end.replaced || !matches!(end.reason, EndReason::Exited(_)) {
            warn(how(end));
        }
        return;
    }
    let left_out = match end.instructions.saturating_sub(tally.recorded).saturating_sub(tally.own) {
        0 => String::new(),
        left_out => format!(", {} of them left out", HumanCount(left_out)),
    };
    let own = match tally.own {
        0 => String::new(),
        own => format!(", {} of the interpreter's own shutdown left out", HumanCount(own)),
    };
    let (instructions, codes, written) =
        (HumanCount(end.instructions), HumanCount(tally.codes), HumanBytes(summary.written));
    warn(format_args!(
        "{instructions} instructions{left_out}{own}, {codes} code objects, {written} written; {}",
        how(end)
    ));
    if !asked.no_stdlib && tally.stdlib > tally.recorded / 2 {
        let share = tally.stdlib.saturating_mul(100) / tally.recorded.max(1);
        warn(format_args!("{share} % of the trace is the standard library; --no-stdlib leaves it out"));
    }
}

fn tell_what_was_missed(summary: &Summary, asked: &Asked) {
    if let Some(place) = asked.stop_at.as_ref().filter(|_| summary.end.reason != EndReason::Stopped(StopReason::StopAt))
    {
        warn(format_args!("--stop-at {} was never reached", Printable::name(place)));
    }
    let own = asked.ran_at_shutdown(&summary.tally);
    if summary.tally.recorded > 0 {
        own.iter().for_each(|name| warn(format_args!("{} {ONLY_AT_SHUTDOWN}", Printable::name(name))));
        return;
    }
    if let Some(name) = own.first() {
        warn(format_args!("nothing was recorded: {} {ONLY_AT_SHUTDOWN}", Printable::name(name)));
    } else if let Some(place) = &asked.start_at {
        warn(format_args!("nothing was recorded: --start-at {} was never reached", Printable::name(place)));
    } else if asked.filtered {
        let near = nearest(asked, summary);
        let hint = if near.is_empty() { String::new() } else { format!("; the nearest names are {}", near.join(", ")) };
        warn(format_args!("nothing was recorded: no code object that ran matches the filter{hint}"));
    }
}

/// The names that ran and are most like those that were asked for.
fn nearest(asked: &Asked, summary: &Summary) -> Vec<String> {
    let alike = |name: &String| {
        let wanted = asked.names.iter().map(|wanted| String::from_utf8_lossy(wanted));
        wanted.map(|wanted| strsim::jaro_winkler(&wanted, name)).fold(0.0, f64::max)
    };
    let names = summary.tally.names.iter().map(|name| Printable::name(name).to_string());
    let mut names: Vec<_> = names.map(|name| (alike(&name), name)).filter(|(likeness, _)| *likeness > 0.6).collect();
    names.sort_by(|(left, _), (right, _)| right.total_cmp(left));
    names.into_iter().take(3).map(|(_, name)| name).collect()
}

/// How a trace ended, in words.
pub fn how(end: &End) -> String {
    let what = match &end.reason {
        _ if end.replaced => "the program was replaced by exec".to_string(),
        EndReason::Exited(status) if end.finished => return format!("the program ended with status {status}"),
        EndReason::Exited(status) => format!("the process ended with status {status}"),
        EndReason::Killed(signal) => format!("killed by {}", signal_name(*signal)),
        EndReason::Stopped(reason) => format!("stopped by {}", reason.option()),
        EndReason::Tampered(why) => format!("stream tampered: {}", Printable::text(why)),
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

fn signal_name(signal: u8) -> String {
    const NAMES: [&str; 32] = [
        "signal 0",
        "SIGHUP",
        "SIGINT",
        "SIGQUIT",
        "SIGILL",
        "SIGTRAP",
        "SIGABRT",
        "SIGBUS",
        "SIGFPE",
        "SIGKILL",
        "SIGUSR1",
        "SIGSEGV",
        "SIGUSR2",
        "SIGPIPE",
        "SIGALRM",
        "SIGTERM",
        "SIGSTKFLT",
        "SIGCHLD",
        "SIGCONT",
        "SIGSTOP",
        "SIGTSTP",
        "SIGTTIN",
        "SIGTTOU",
        "SIGURG",
        "SIGXCPU",
        "SIGXFSZ",
        "SIGVTALRM",
        "SIGPROF",
        "SIGWINCH",
        "SIGIO",
        "SIGPWR",
        "SIGSYS",
    ];
    NAMES.get(usize::from(signal)).map_or_else(|| format!("signal {signal}"), |name| (*name).to_string())
}
