//! A recording: two processes that share a ring.  The child runs the program and its hook fills the ring; the parent drains it into
//! a sink and outlives whatever the child does.

mod codes;
mod plan;
mod progress;
mod recorder;
mod ring;
mod stacks;
mod tracee;
mod warden;

use std::convert::Infallible;
use std::io;

pub use plan::{Plan, Tracing, Trigger};
pub use recorder::Summary;

use crate::trace::Sink;
use crate::vm::hook;
use crate::vm::process;
use crate::vm::program::{Interpreter, exit};
use crate::vm::shared::Control;
use ring::RingWriter;
use tracee::Tracee;

/// Runs the program and writes its trace into `sink`.  The process must have one thread.
pub fn record(plan: Plan, sink: &mut dyn Sink) -> io::Result<Summary> {
    let (writer, reader) = ring::create()?;
    let recording = recorder::Recording::new(&plan, reader);
    let child = process::fork(|| run_program(plan, writer))?;
    recording.run(child, sink)
}

/// The child's side.
fn run_program(plan: Plan, ring: RingWriter) -> Infallible {
    if let Err(error) = Control::make_private() {
        eprintln!("bctrace: cannot map the control page: {error}");
        exit(125);
    }
    let interpreter = Interpreter::start(plan.argv);
    let Some(program) = interpreter.load(&plan.marshalled) else {
        exit(125);
    };
    drop(plan.marshalled);
    hook::install(Tracee::new(ring, plan.tracing), &interpreter);
    exit(interpreter.run(program))
}
