//! The environment of the program's process.

use std::ffi::{CStr, OsString};
use std::ptr;

unsafe extern "C" {
    static mut environ: *mut *mut libc::c_char;
}

/// Gives this process, which has one thread, an environment of its own.  What it was started with is overwritten, for the program could
/// read it in its own memory and in /proc/self/environ.
pub fn replace(variables: &[(OsString, OsString)]) {
    // SAFETY: no other thread changes the list.
    let mut place = unsafe { environ };
    // SAFETY: null, or a list that ends with null.
    while let Some(variable) = unsafe { place.as_ref() }.filter(|variable| !variable.is_null()) {
        // SAFETY: each entry is a C string of this process.
        let length = unsafe { CStr::from_ptr(*variable) }.count_bytes();
        // SAFETY: its bytes may be written, and nothing holds a reference to them.
        unsafe { ptr::write_bytes(*variable, 0, length) };
        // SAFETY: the list goes on until its null.
        place = unsafe { place.add(1) };
    }
    // SAFETY: no other thread reads the environment.
    unsafe { libc::clearenv() };
    for (name, value) in variables {
        // SAFETY: as above.
        unsafe { std::env::set_var(name, value) };
    }
}
