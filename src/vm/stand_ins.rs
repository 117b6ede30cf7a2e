//! Stand-ins for modules that are missing: `stand_ins.c` makes them.

use std::ffi::CString;
use std::ptr;

use super::ffi;
use super::program::Interpreter;

/// Which modules have stand-ins if nothing else is found for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandIns {
    pub names: Vec<CString>,
    /// All that are missing.
    pub all: bool,
}

/// What a program did with a stand-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoodIn {
    Import,
    /// An attribute or an item was read.
    Attribute,
    Call,
    Use,
}

impl StandIns {
    /// Gives them to the interpreter.  To be called once, before the program runs.
    pub fn install(self, _: &Interpreter) {
        let mut names: Vec<_> = self.names.iter().map(|name| name.as_ptr()).collect();
        names.push(ptr::null());
        // SAFETY: the interpreter has started, on this thread, which holds the GIL; the names are never freed, below.
        unsafe { ffi::vm_stand_in(names.as_ptr(), self.all.into()) };
        std::mem::forget((names, self));
    }
}
