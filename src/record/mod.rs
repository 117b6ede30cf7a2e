//! A recording, in five processes.  The *front* is the one that the user has started; it handles signals and the job, and ends when the
//! trace is complete.  The *supervisor* is the parent of the program.  The *program's* process runs the hook, which fills a ring.  The
//! *recorder* drains the ring into a sink.  The *standby* is a copy of the recorder that continues if that is killed.

pub mod attempts;
mod front;
mod news;
mod plan;
mod recorder;
mod shared;
mod supervisor;
mod tracee;
mod walls;

use std::io;

pub use plan::{Blobs, Call, Follow, Plan, Subject, Tracing};
pub use recorder::{Outcome, Summary, Tried};
pub use shared::Others;
pub use tracee::{Caps, Recorder};

use crate::process::signals::{self, Signals};
use crate::process::socket::{Connection, Listener};
use crate::process::{self, descriptors, executable, privacy, traced};
use crate::trace::Sink;
use crate::vm::program::Fixed;
use front::{First, Following, Front};
use recorder::Opening;
use shared::{Board, ClaimTable, Mail};
use supervisor::Supervisor;
use walls::Walls;

/// The name of the variable that names the socket at which interpreters that the program starts find the front.
const FOLLOW: &str = "BCTRACE_FOLLOW";

/// Runs the program and writes its trace into `sink`; returns the exit status.  `report` makes it of what has come of the recording; it
/// runs in the recorder's process, before the trace is known to be complete.  The process must have one thread.
pub fn record(mut plan: Plan, sink: Box<dyn Sink>, report: impl FnOnce(io::Result<Outcome>) -> u8) -> io::Result<u8> {
    let (follow, lines, progress) = (plan.follow.take(), plan.lines.take(), plan.progress);
    let executable = executable::path();
    if follow.is_some() {
        traced::check_proc()?;
    }
    let access = privacy::close()?;
    let (writer, ring) = shared::create()?;
    let board = Board::create()?;
    let mail = plan.sandbox.as_ref().map(|_| Mail::create()).transpose()?;
    let (table, mut claims) = follow.as_ref().map(|_| ClaimTable::create()).transpose()?.unzip();
    let listener = follow.as_ref().map(|_| Listener::open()).transpose()?;
    let opening = Opening {
        start: plan.start(),
        matches: plan.tracing.matches(),
        is_repeatable: plan.tracing.fixed == Some(Fixed::All),
        loop_cap: plan.loop_cap,
    };
    let interrupts_end = plan.interrupts_end();
    let encoded = shared::sealed(&plan.tracing.encode())?;
    let inherited = signals::block()?;
    let signals = Signals::open()?;
    let (news, to_front) = Connection::pair()?;
    let remote = ring.remote();
    let walls = plan
        .sandbox
        .clone()
        .zip(mail)
        .map(|(policy, mail)| {
            let follow = listener.as_ref().map(|listener| listener.name().to_owned());
            Walls::new(policy, mail, follow)
        })
        .transpose()?;
    let supervisor = process::fork(|| {
        let address = listener.as_ref().map(Listener::name);
        let supervisor = Supervisor::new(plan.timeout, remote, board, to_front, claims.as_mut(), walls);
        supervisor.run(&inherited, access, || tracee::run(plan, writer, table, address, &executable))
    })?;
    descriptors::close_inherited();
    let following = follow.zip(claims).zip(listener).map(|((follow, claims), listener)| Following {
        follow,
        claims,
        listener,
        plan: encoded,
        opening: opening.clone(),
    });
    let front = Front::new(supervisor, news, signals, board, remote, interrupts_end, following).with_mail(mail);
    front.run(First { ring, opening, sink, progress, report, lines })
}
