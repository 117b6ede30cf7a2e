//! A recording: two processes that share a ring.  The child runs the program and its hook fills the ring; the parent drains it into
//! a sink and outlives whatever the child does.

mod plan;
mod recorder;
mod shared;
mod tracee;

use std::io;

pub use plan::{Follow, Plan, Program, Tracing};
pub use recorder::{Descent, Followed, Summary, Tally};
pub use tracee::Caps;

use crate::process::guardian::Guardian;
use crate::process::{child, descendant, executable};
use crate::trace::{EndReason, Sink};
use crate::vm::address::Addresses;
use crate::vm::hook;
use crate::vm::program::{self, Interpreter, exit};
use crate::vm::shared::{Control, Mode};
use recorder::{Family, Recording, Warden, whole_lines};
use shared::{Reception, RingWriter, Stations};
use tracee::{Tracee, Valued};

/// What came of the program's first process, and of those that it has forked.
#[derive(Debug)]
pub struct Outcome {
    pub summary: Summary,
    pub descent: Descent,
}

/// Runs the program and writes its trace into `sink`.  The process must have one thread.
pub fn record(mut plan: Plan, sink: &mut dyn Sink) -> io::Result<Outcome> {
    let guardian = plan.lines.take().map(|file| Guardian::post(file, whole_lines::cut)).transpose()?;
    let (writer, reader) = shared::create()?;
    let follow = plan.follow.take();
    let (stations, reception) = follow.as_ref().map(|_| Stations::create()).transpose()?.unzip();
    if follow.is_some() {
        descendant::adopt_orphans()?;
    }
    let (start, timeout, interrupts_end) = (plan.start(), plan.timeout, plan.interrupts_end());
    let matches = plan.tracing.matches();
    let recording = Recording::new(start.clone(), matches.clone(), reader, plan.progress);
    let bell = recording.bell();
    let address = reception.as_ref().map(Reception::address);
    let child = child::fork(|| {
        address.iter().for_each(|address| child::set_variable(FOLLOW, address));
        run_program(plan, writer, stations)
    })?;
    let family = follow
        .zip(reception)
        .map(|(follow, reception)| Family::start(reception, follow, (start, matches), child.id(), timeout));
    let summary = recording.run(&mut Warden::start(child, bell, timeout, interrupts_end), sink);
    if let Some(guardian) = guardian {
        guardian.dismiss();
    }
    if summary.as_ref().map_or(true, |summary| matches!(summary.end.reason, EndReason::OutputFailed(_))) {
        family.iter().for_each(Family::kill);
    }
    let descent = family.map(Family::end).unwrap_or_default();
    Ok(Outcome { summary: summary?, descent })
}

/// The name of the variable that tells the interpreters that the program starts where their recorder is.
const FOLLOW: &str = "BCTRACE_FOLLOW";

/// The child's side.
fn run_program(plan: Plan, ring: RingWriter, stations: Option<Stations>) -> ! {
    if let Err(error) = Control::make_private() {
        eprintln!("bctrace: cannot map the control page: {error}");
        exit(125);
    }
    let install = |interpreter: &Interpreter| install(plan.tracing, ring, stations, interpreter);
    let executable = executable::path();
    let (marshalled, path) = match plan.program {
        Program::Marshalled { bytes, path } => (bytes, path),
        Program::CommandLine => exit(program::python(plan.argv, &executable, install)),
    };
    let interpreter = Interpreter::start(plan.argv, &path, &executable);
    let Some(program) = interpreter.load(&marshalled) else {
        exit(125);
    };
    drop(marshalled);
    install(&interpreter);
    exit(interpreter.run(program))
}

fn install(tracing: Tracing, ring: RingWriter, stations: Option<Stations>, interpreter: &Interpreter) {
    let (values, stacks) = (tracing.values, tracing.stacks);
    let own = if tracing.shutdown { Addresses::default() } else { interpreter.mark_own() };
    let tracee = Tracee::new(ring, tracing, stations, own);
    match values {
        None => hook::install_behind_lane(tracee, interpreter),
        Some(caps) => hook::install(Valued::new(tracee, caps, stacks), Mode::Values, interpreter),
    }
}

/// A recorder that wants the interpreters that its program starts.
pub struct Recorder {
    stations: Stations,
}

impl Recorder {
    /// Finds it by the environment.
    pub fn of_this_process() -> Option<Recorder> {
        Stations::open(&std::env::var(FOLLOW).ok()?).map(|stations| Recorder { stations })
    }

    /// The words that it was started with.
    pub fn command_line(&self) -> Option<Vec<Vec<u8>>> {
        child::command_line(self.stations.recorder())
    }

    /// Has this process, which is the interpreter, recorded from now on, unless there is no place for it.
    pub fn join(self, tracing: Tracing, interpreter: &Interpreter) {
        if Control::make_private().is_err() {
            return;
        }
        if let Some(ring) = self.stations.claim() {
            install(tracing, ring, Some(self.stations), interpreter);
        }
    }
}
