//! A process that does one thing should this one be killed: its own session, two descriptors, no terminal.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, RawFd};

use libc::pid_t;

/// The guardian, until it is dismissed.
#[derive(Debug)]
pub struct Guardian {
    pid: pid_t,
    /// Its end says that this process is gone; a byte before that, that all is well.
    lease: io::PipeWriter,
}

impl Guardian {
    /// Forks a process that calls `repair` with `file` if this process ends without [`Guardian::dismiss`].  The process must have
    /// one thread.
    pub fn post(file: File, repair: fn(&File) -> io::Result<()>) -> io::Result<Guardian> {
        let (mut watched, lease) = io::pipe()?;
        // SAFETY: the process has one thread, so the child may do whatever the parent could.
        match unsafe { libc::fork() } {
            -1 => Err(io::Error::last_os_error()),
            0 => {
                drop(lease);
                leave_everything_but(&[watched.as_raw_fd(), file.as_raw_fd()]);
                let mut word = [0];
                if matches!(watched.read(&mut word), Ok(0)) {
                    let _ = repair(&file);
                }
                // SAFETY: ends this process alone.
                unsafe { libc::_exit(0) }
            }
            pid => Ok(Guardian { pid, lease }),
        }
    }

    /// Ends the guardian: the file needs no repair.
    pub fn dismiss(mut self) {
        let _ = self.lease.write_all(b"x");
        // SAFETY: the guardian is this process's child and has not been reaped.
        unsafe { libc::waitpid(self.pid, std::ptr::null_mut(), 0) };
    }
}

/// Leaves the session, so that a signal to the job does not reach this process, and closes all other descriptors, so that nobody
/// waits for the end of a pipe.
fn leave_everything_but(kept: &[RawFd]) {
    // SAFETY: a child is not the leader of a group, so it may make a session of its own.
    unsafe { libc::setsid() };
    let names = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten().map(|entry| entry.file_name());
    let open: Vec<RawFd> = names.filter_map(|name| name.to_str()?.parse().ok()).collect();
    for descriptor in open.into_iter().filter(|descriptor| !kept.contains(descriptor)) {
        // SAFETY: this process never uses or drops the Rust objects that own these descriptors.
        unsafe { libc::close(descriptor) };
    }
}
