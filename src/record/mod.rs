//! A recording: two processes that share a ring.  The child runs the program and its hook fills the ring; the parent drains it into
//! a sink and outlives whatever the child does.

mod account;
mod codes;
mod origins;
mod plan;
mod progress;
mod recorder;
mod ring;
mod stacks;
mod tracee;
mod values;
mod warden;
mod whole_lines;

use std::io;

pub use account::Tally;
pub use plan::{Plan, Program, Tracing, Trigger};
pub use recorder::Summary;
pub use values::Caps;

use crate::trace::Sink;
use crate::vm::guardian::Guardian;
use crate::vm::hook;
use crate::vm::process;
use crate::vm::program::{self, Interpreter, exit};
use crate::vm::shared::{Control, Mode};
use ring::RingWriter;
use tracee::{Tracee, Valued};

/// Runs the program and writes its trace into `sink`.  The process must have one thread.
pub fn record(mut plan: Plan, sink: &mut dyn Sink) -> io::Result<Summary> {
    let guardian = plan.lines.take().map(|file| Guardian::post(file, whole_lines::cut)).transpose()?;
    let (writer, reader) = ring::create()?;
    let recording = recorder::Recording::new(&plan, reader);
    let child = process::fork(|| run_program(plan, writer))?;
    let summary = recording.run(child, sink);
    if let Some(guardian) = guardian {
        guardian.dismiss();
    }
    summary
}

/// The child's side.
fn run_program(plan: Plan, ring: RingWriter) -> ! {
    if let Err(error) = Control::make_private() {
        eprintln!("bctrace: cannot map the control page: {error}");
        exit(125);
    }
    let (values, stacks) = (plan.tracing.values, plan.tracing.stacks);
    let tracee = Tracee::new(ring, plan.tracing);
    let install = |interpreter: &Interpreter| match values {
        None => hook::install(tracee, Mode::Runs, interpreter),
        Some(caps) => hook::install(Valued::new(tracee, caps, stacks), Mode::Values, interpreter),
    };
    let (marshalled, path) = match plan.program {
        Program::Marshalled { bytes, path } => (bytes, path),
        Program::CommandLine => exit(program::python(plan.argv, install)),
    };
    let interpreter = Interpreter::start(plan.argv, &path);
    let Some(program) = interpreter.load(&marshalled) else {
        exit(125);
    };
    drop(marshalled);
    install(&interpreter);
    exit(interpreter.run(program))
}
