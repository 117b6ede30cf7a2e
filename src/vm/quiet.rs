//! Units of which a recording with values need not hear: `struct bctrace_quiet`, which the eval loop reads and counts in.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use super::ffi::{self, assert_layout};
use super::gil::Gil;
use super::hook::FrameAddress;
use super::stack::Room;

/// What the eval loop counts by itself.
#[repr(C)]
struct Quiet {
    frame: AtomicUsize,
    start: AtomicUsize,
    constants: AtomicU64,
    locals: AtomicU64,
    units: AtomicU64,
}

assert_layout!(Quiet, ffi::bctrace_quiet, frame, start, constants, locals, units);

fn quiet() -> &'static Quiet {
    let quiet = (&raw const ffi::bctrace_quiet).cast::<Quiet>();
    // SAFETY: the global has this layout and lives forever; C accesses its words with single instructions.
    unsafe { &*quiet }
}

/// Says in which run units may be counted, and how many constants and local variables its frame has: before [`count`] allows it.
#[inline]
pub fn prepare(_gil: Gil, start: usize, room: &Room) {
    let quiet = quiet();
    quiet.start.store(start, Relaxed);
    quiet.constants.store(room.constant_count as u64, Relaxed);
    quiet.locals.store(room.local_count as u64, Relaxed);
}

/// Has the eval loop count jumps and loads of constants and local variables of this frame, as long as they go on in the run; or, with none, call the
/// hook for every unit.
#[inline(always)]
pub fn count(_gil: Gil, frame: FrameAddress) {
    quiet().frame.store(frame.0, Relaxed);
}

/// Returns how many units it has counted since the last call.
#[inline]
pub fn take_units(_gil: Gil) -> u64 {
    let units = quiet().units.load(Relaxed);
    quiet().units.store(0, Relaxed);
    units
}
