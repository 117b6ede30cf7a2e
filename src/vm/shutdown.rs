//! Separates what the interpreter does to itself at shutdown from what the program causes there (cpython-2.7-patch/shutdown.c).

use std::ffi::c_void;

use rustc_hash::FxHashSet;

use super::ffi;
use super::gil::Gil;
use super::hook::Place;
use super::program::Interpreter;

/// Who caused C code to enter a frame, as far as the frame's arguments say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    Unknown,
    /// An object from before the program dies and runs the code that its death would have run then.
    Interpreter,
    /// A younger weak reference calls back.
    Program,
}

impl Interpreter {
    /// Marks every object that is there right before the program begins; returns the addresses of the code objects of functions.  To be
    /// called once.
    pub fn mark_own(&self) -> FxHashSet<usize> {
        let mut codes = FxHashSet::default();
        // SAFETY: the interpreter has started, on this thread, which holds the GIL; the set, which `add` receives, outlives the call.
        unsafe { ffi::vm_mark_own(Some(add), (&raw mut codes).cast()) };
        codes
    }
}

extern "C" fn add(codes: *mut c_void, code: *const ffi::_object) {
    // SAFETY: `mark_own` has passed the address of its own set, which nothing else refers to during the call.
    let codes = unsafe { &mut *codes.cast::<FxHashSet<usize>>() };
    codes.insert(code as usize);
}

impl Place {
    /// Returns who caused C code to enter this frame.
    pub fn cause(&self, _gil: Gil) -> Cause {
        // SAFETY: the hook was called for this frame, so it is alive, and so is what it holds.
        match unsafe { ffi::vm_cause(self.frame.0 as *const ffi::_frame) } {
            ffi::vm_cause_VM_CAUSE_OWN => Cause::Interpreter,
            ffi::vm_cause_VM_CAUSE_PROGRAM => Cause::Program,
            _ => Cause::Unknown,
        }
    }
}
