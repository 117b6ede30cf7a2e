//! The beginning of a traced process: the program or the interpreter's command line, and an interpreter that a followed program has
//! started.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

use rustc_hash::FxHashSet;

use super::{Tracee, Valued};
use crate::process::socket::Connection;
use crate::process::{self, memory};
use crate::record::FOLLOW;
use crate::record::plan::{Plan, Subject, Tracing};
use crate::record::shared::{ClaimTable, RingWriter};
use crate::vm::fake_net;
use crate::vm::hook;
use crate::vm::program::{self, Fixed, Interpreter, Loaded, Script, exit};
use crate::vm::remap;
use crate::vm::shared::Control;

/// A plan is no longer than this.
const PLAN: u64 = 1 << 24;

/// Becomes the program, in its own process.  `address` is where interpreters that it starts find the front, and `executable` is
/// sys.executable.
pub fn run(
    plan: Plan,
    mut ring: RingWriter,
    claims: Option<ClaimTable>,
    address: Option<&str>,
    executable: &CStr,
) -> ! {
    ring.belongs_to_parent();
    // What may start no interpreter needs no address, and sees none.
    let starts_none = plan.sandbox.as_ref().is_some_and(|policy| !policy.may_run);
    address.filter(|_| !starts_none).iter().for_each(|address| process::set_variable(FOLLOW, address));
    if let Err(error) = Control::make_private() {
        eprintln!("bctrace: cannot map the control page: {error}");
        exit(125);
    }
    let (fixed, call) = (plan.tracing.fixed, plan.call);
    if let Some(Err(error)) = fixed.map(Fixed::apply) {
        eprintln!("bctrace: cannot make the run repeatable: {error}");
        exit(125);
    }
    let opmap = plan.tracing.opmap.clone();
    let mut tracing = plan.tracing;
    let install = |program: &[Loaded], interpreter: &Interpreter| {
        lead(&mut tracing, interpreter);
        install(tracing, ring, claims, program, interpreter);
    };
    let (scripts, path, bundle) = match plan.subject {
        Subject::Marshalled { scripts, path, bundle, .. } => (scripts, path, bundle),
        Subject::CommandLine => exit(program::python(plan.argv, executable, |interpreter| {
            opmap.iter().for_each(remap::set_map);
            install(&[], interpreter);
        })),
    };
    let interpreter = Interpreter::start(plan.argv, &path, executable);
    opmap.iter().for_each(remap::set_map);
    if let Some(bundle) = bundle {
        bundle.install(&interpreter);
    }
    let Some(program) = scripts.iter().map(|script| interpreter.load(script)).collect::<Option<Vec<_>>>() else {
        exit(125);
    };
    let arguments = call
        .as_ref()
        .map(|call| interpreter.load(&Script { marshalled: call.arguments.clone(), path: CString::default() }));
    match fixed {
        None => drop(scripts),
        // The program would get its memory, which is not at the same address in each run.
        Some(_) => std::mem::forget(scripts),
    }
    install(&program, &interpreter);
    exit(match (call, arguments.flatten()) {
        // What comes before the last script prepares it.
        (Some(call), Some(arguments)) => match program.into_iter().next_back() {
            Some(module) => interpreter.call(module, &call.module, &call.function, arguments),
            None => 125,
        },
        (Some(_), None) => 125,
        (None, _) => interpreter.run(program),
    })
}

/// Has the program find what it needs to go on.
fn lead(tracing: &mut Tracing, interpreter: &Interpreter) {
    tracing.stand_ins.take().into_iter().for_each(|stand_ins| stand_ins.install(interpreter));
    tracing.answers.take().into_iter().for_each(|answers| answers.install(interpreter));
    tracing.fake_net.take().into_iter().for_each(|fake_net| fake_net.install(interpreter));
    if tracing.has_no_names {
        fake_net::have_no_names(interpreter);
    }
}

fn install(
    tracing: Tracing,
    ring: RingWriter,
    claims: Option<ClaimTable>,
    program: &[Loaded],
    interpreter: &Interpreter,
) {
    // From its first instruction on the program may kill a recorder, but not both.
    ring.wait_for_begin();
    memory::keep_apart();
    let (values, stacks) = (tracing.values, tracing.stacks);
    let least = tracing.blobs.map_or(0, |blobs| usize::try_from(blobs.least).unwrap_or(usize::MAX));
    let own = if tracing.shutdown { FxHashSet::default() } else { interpreter.mark_own() };
    let tracee = Tracee::new(ring, tracing, claims, own);
    match values {
        None => hook::install_behind_lane(tracee, program, interpreter),
        Some(caps) => hook::install_with_values(Valued::new(tracee, caps, stacks), program, interpreter),
    }
    hook::follow_calls(least, interpreter);
}

/// A recording that wants the interpreters that its program starts.
pub struct Recorder {
    claims: ClaimTable,
    tracing: Tracing,
}

impl Recorder {
    /// Asks for it at the address that the environment has.  The front answers if this process is the same program and descends from
    /// it.
    pub fn of_this_process() -> Option<Recorder> {
        let connection = Connection::to(&std::env::var(FOLLOW).ok()?).ok()?;
        let (_, descriptors) = connection.receive(&mut [0]).ok()?;
        let [rings, plan]: [OwnedFd; 2] = descriptors.try_into().ok()?;
        let claims = ClaimTable::open(rings)?;
        Some(Recorder { claims, tracing: Tracing::decode(&read(plan)?)? })
    }

    /// Makes this process's run repeatable if its recording is to be.  The process must have one thread, and no interpreter yet.
    pub fn fix(&self) -> io::Result<()> {
        self.tracing.fixed.map_or(Ok(()), Fixed::apply)
    }

    /// Has this process, which is the interpreter, recorded from now on, unless there is no ring for it.
    pub fn join(mut self, interpreter: &Interpreter) {
        if Control::make_private().is_err() {
            return;
        }
        self.tracing.opmap.iter().for_each(remap::set_map);
        lead(&mut self.tracing, interpreter);
        if let Some(ring) = self.claims.claim() {
            install(self.tracing, ring, Some(self.claims), &[], interpreter);
        }
    }
}

fn read(file: OwnedFd) -> Option<Vec<u8>> {
    let file = File::from(file);
    let length = file.metadata().ok()?.len();
    let mut bytes = vec![0; usize::try_from(length).ok().filter(|_| length <= PLAN)?];
    file.read_exact_at(&mut bytes, 0).ok()?;
    Some(bytes)
}
