//! Gives up what a process can do because of who has started it.

use std::io;

/// struct __user_cap_header_struct and __user_cap_data_struct of include/uapi/linux/capability.h, version 3.
#[repr(C)]
struct Header {
    version: u32,
    process: libc::c_int,
}
const VERSION: u32 = 0x2008_0522;
/// Capabilities have numbers below this.
const MOST: libc::c_ulong = 64;

/// Drops all capabilities of this process, and those that a program could gain.
pub fn drop_all() -> io::Result<()> {
    for capability in 0..MOST {
        // SAFETY: changes what this process may do, and takes numbers alone.  Without privileges it fails, and nothing is left to drop.
        unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) };
    }
    let header = Header { version: VERSION, process: 0 };
    let none = [[0u32; 3]; 2];
    // SAFETY: the header and the two structures of three numbers that this version has live during the call.
    match unsafe { libc::syscall(libc::SYS_capset, &raw const header, &raw const none) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
