//! The recorder's process, one for each traced process: drains its ring into the sink until it is dead and its trace complete.

mod account;
mod loops;
#[cfg(test)]
mod loops_tests;
mod pace;
mod recording;
mod standby;
mod watch;
pub mod whole_lines;

use std::io::{self, PipeWriter};

use libc::pid_t;

pub use account::Tried;
pub use recording::Summary;

use super::plan::Follow;
use super::shared::{Claim, Claims, Given, Mail, Others, RingReader};
use crate::process::socket::Connection;
use crate::process::traced::{self, Traced};
use crate::select::Matches;
use crate::trace::Sink;
use crate::trace::event::{EndReason, Start, StopReason};
use recording::Recording;
use watch::Watch;

/// What a recorder's process has been forked with.
pub struct Task<'a> {
    pub given: Given,
    /// Where attempts of the program come from, if it is in a sandbox.
    pub mail: Option<Mail>,
    pub process: Traced,
    /// Hangs up when the supervisor dies.
    pub supervisor: &'a Connection,
    pub supervisor_id: pid_t,
    /// Shows the front, by its end, that this process and its standby are gone.
    pub life: PipeWriter,
}

/// What came of the program's first process, and of those that it has forked.
#[derive(Debug)]
pub struct Outcome {
    pub summary: Summary,
    pub others: Others,
}

/// What a recording begins with.
#[derive(Clone, Debug)]
pub struct Opening {
    pub start: Start,
    /// What is looked for in the code objects that run.
    pub matches: Matches,
    /// Another recording of the same program shall be equal.
    pub is_repeatable: bool,
    /// So many first and last iterations of each loop are recorded.
    pub loop_cap: Option<u64>,
}

/// Records the program's first process; returns the exit status that `report` makes of it.
pub fn run_first(
    task: Task,
    ring: RingReader,
    opening: Opening,
    sink: &mut dyn Sink,
    progress: bool,
    waits_for_others: bool,
    report: impl FnOnce(io::Result<Outcome>) -> u8,
) -> u8 {
    let given = task.given;
    let watch = Watch::new(task, ring.remote());
    let mut recording = Recording::new(opening, ring, progress, watch);
    let summary = recording.run(sink);
    let outcome = summary.map(|summary| {
        let others = if waits_for_others { recording.watch().others() } else { Others::default() };
        Outcome { summary, others }
    });
    let status = report(outcome);
    given.set_status(status);
    recording.leave();
    status
}

/// Records a process that has claimed a ring.
pub fn run_followed(task: Task, claim: Claim, claims: &Claims, follow: &Follow, opening: Opening) -> u8 {
    let given = task.given;
    // As long as it waits it is alive, and what /proc says is its own.
    let mut start = start_of(claim.pid, opening.start);
    start.sandbox = given.board().walls().unwrap_or_default();
    let opening = Opening { start, ..opening };
    let ring = claims.accept(claim);
    let watch = Watch::new(task, ring.remote());
    let mut recording = Recording::new(opening, ring, false, watch);
    let recorded = (follow.open)(claim.pid).and_then(|(path, mut sink)| Ok((path, recording.run(&mut *sink)?)));
    match &recorded {
        Ok((_, Summary { end, tally, .. })) => {
            let stopped_at = end.reason == EndReason::Stopped(StopReason::StopAt);
            given.board().note_recorded(tally.recorded > 0, stopped_at, tally.matches.met());
        }
        Err(_) => recording.watch().kill(),
    }
    let status = (follow.report)(claim.pid, &recorded);
    given.set_status(status);
    recording.leave();
    status
}

/// The first record of a process's trace: a process that was started has a command line of its own.
fn start_of(pid: i32, first: Start) -> Start {
    let own = traced::command_line(crate::process::id());
    let started = traced::command_line(pid).filter(|words| Some(words) != own.as_ref());
    Start { argv: started.unwrap_or_else(|| first.argv.clone()), ..first }
}
