//! Holding the global interpreter lock, as a type: whatever looks at a Python object takes one.

use std::marker::PhantomData;

/// Proof that this thread holds the GIL; it cannot leave the thread.
#[derive(Clone, Copy, Debug)]
pub struct Gil<'a> {
    held: PhantomData<(&'a (), *mut ())>,
}

impl Gil<'_> {
    /// Takes the caller's word.
    ///
    /// # Safety
    /// The calling thread holds the GIL for as long as the value lives, as inside a hook, or no other thread of the interpreter
    /// exists yet.
    pub(super) unsafe fn assume() -> Self {
        Gil { held: PhantomData }
    }
}
