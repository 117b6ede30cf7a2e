//! Which descriptors a forked process keeps.  What this program has opened closes on exec, and nothing that it was started with does:
//! exec would have closed it.

use std::io;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, Ordering};

use libc::c_int;

/// This many free numbers in a row end the search: the kernel gives the lowest free number (open(2)), and bctrace never has that
/// many descriptors at a time, so none of its own lies beyond.
const GAP: c_int = 256;
/// Standard input, output and error.
const STANDARD: c_int = 3;

/// bctrace was started without a standard output.
static HAS_NO_STDOUT: AtomicBool = AtomicBool::new(false);

/// Run before the runtime of Rust begins, which opens /dev/null in the place of a standard stream that is closed, so that writing to it
/// looks as if it worked.
#[used]
#[unsafe(link_section = ".init_array")]
static LOOK_AT_STDOUT: extern "C" fn() = look_at_stdout;

extern "C" fn look_at_stdout() {
    HAS_NO_STDOUT.store(closes_on_exec(libc::STDOUT_FILENO).is_err(), Ordering::Relaxed);
}

/// Refuses standard output if it was closed when bctrace was started.
pub fn check_stdout() -> io::Result<()> {
    match HAS_NO_STDOUT.load(Ordering::Relaxed) {
        true => Err(io::Error::from_raw_os_error(libc::EBADF)),
        false => Ok(()),
    }
}

/// Closes what this program has opened itself.  The process must not use or drop the Rust objects that own the descriptors.
pub fn close_own() {
    close(0, |closes_on_exec| closes_on_exec);
}

/// Closes what this program was started with, but for the standard streams: the program alone decides how long that is open.
pub fn close_inherited() {
    close(STANDARD, |closes_on_exec| !closes_on_exec);
}

/// Closes everything but the standard streams.  The process must not use or drop the Rust objects that own the descriptors.
pub fn close_all() -> io::Result<()> {
    // SAFETY: see above.
    if unsafe { libc::syscall(libc::SYS_close_range, STANDARD, c_int::MAX, 0) } == 0 {
        return Ok(());
    }
    // Before Linux 5.9.
    let open =
        std::fs::read_dir("/proc/self/fd")?.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    for descriptor in open.filter(|&descriptor: &RawFd| descriptor >= STANDARD).collect::<Vec<_>>() {
        // SAFETY: see above.
        unsafe { libc::close(descriptor) };
    }
    Ok(())
}

fn close(first: RawFd, which: impl Fn(bool) -> bool) {
    let mut last = first - 1;
    for descriptor in first.. {
        match closes_on_exec(descriptor) {
            Ok(closes_on_exec) => {
                last = descriptor;
                if which(closes_on_exec) {
                    // SAFETY: the callers see to it that what owned the descriptor is neither used nor dropped.
                    unsafe { libc::close(descriptor) };
                }
            }
            Err(_) if descriptor - last > GAP => return,
            Err(_) => {}
        }
    }
}

fn closes_on_exec(descriptor: RawFd) -> io::Result<bool> {
    // SAFETY: asks for flags; a number that no descriptor has is an error.
    match unsafe { libc::fcntl(descriptor, libc::F_GETFD) } {
        -1 => Err(io::Error::last_os_error()),
        flags => Ok(flags & libc::FD_CLOEXEC != 0),
    }
}
