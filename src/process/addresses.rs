//! The addresses at which programs are loaded, which the kernel chooses at random unless it is asked not to.

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStringExt;

use libc::c_ulong;

/// Asks for the current state.
const ASK: c_ulong = 0xffff_ffff;
const FIXED: c_ulong = libc::ADDR_NO_RANDOMIZE as c_ulong;

/// Has this process and all that it starts use the same addresses in each run: executes this program again, with the same arguments,
/// unless it has them already.  Returns an error if the system does not allow it; seccomp filters of containers do not.
pub fn fix() -> io::Result<()> {
    let current = personality(ASK)?;
    if current & FIXED != 0 {
        return Ok(());
    }
    personality(current | FIXED)?;
    // SAFETY: asks for a number.
    let clears_it = unsafe { libc::getauxval(libc::AT_SECURE) } != 0;
    if clears_it || personality(ASK)? & FIXED == 0 {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let arguments: Vec<CString> =
        std::env::args_os().map(|argument| CString::new(argument.into_vec())).collect::<Result<_, _>>()?;
    let mut pointers: Vec<_> = arguments.iter().map(|argument| argument.as_ptr()).collect();
    pointers.push(std::ptr::null());
    // SAFETY: a path and a list of strings that ends in NULL, all alive.
    unsafe { libc::execv(c"/proc/self/exe".as_ptr(), pointers.as_ptr()) };
    Err(io::Error::last_os_error())
}

/// Sets the personality; returns the one before.
fn personality(to: c_ulong) -> io::Result<c_ulong> {
    // SAFETY: takes and returns a number.
    match unsafe { libc::personality(to) } {
        -1 => Err(io::Error::last_os_error()),
        before => Ok(before as c_ulong & ASK),
    }
}
