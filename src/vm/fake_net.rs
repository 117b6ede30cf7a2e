//! Lookups of hosts that no name server answers: `fake_net.c` has addresses, and without them `lookup.c` reports what came of each.

use std::ffi::CString;
use std::ptr;

use super::ffi;
use super::program::Interpreter;

/// Has every name found, at an address that is reserved for documentation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FakeNet {
    /// The names of hosts that can be reached, which the C library looks up.
    pub real: Vec<CString>,
}

impl FakeNet {
    /// Gives it to the interpreter.  To be called once, before the program runs.
    pub fn install(self, _: &Interpreter) {
        let mut names: Vec<_> = self.real.iter().map(|name| name.as_ptr()).collect();
        names.push(ptr::null());
        // SAFETY: the interpreter has started, on this thread, which holds the GIL; the names are never freed, below.
        unsafe { ffi::vm_fake_net(names.as_ptr()) };
        std::mem::forget((names, self));
    }
}

/// Has lookups reported with their answers, for no name server can be asked.  To be called once, before the program runs.
pub fn have_no_names(_: &Interpreter) {
    // SAFETY: the interpreter has started, on this thread, which holds the GIL.
    unsafe { ffi::vm_have_no_names() }
}
