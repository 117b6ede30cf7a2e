//! A process of its own for a piece of work that may crash, whose result comes back through a pipe.

use std::io::{self, Read, Write};
use std::mem::MaybeUninit;

use super::signals::forget_runtime;
use super::{How, die_with, id, limits};

/// What the work may take: of private memory, in bytes, and of a processor's time, in seconds.
const MEMORY: u64 = 4 << 30;
const SECONDS: u64 = 60;

/// Forks, does the work there, which returns bytes or an exit status, and returns the bytes, or how the process ended.  The work may go
/// on without end, or take all memory: it is limited, and ends with this process.  This process must have one thread.
pub fn run(work: impl FnOnce() -> Result<Vec<u8>, u8>) -> io::Result<Result<Vec<u8>, How>> {
    let (mut reader, mut writer) = io::pipe()?;
    let parent = id();
    // SAFETY: the process has one thread, so the child may do whatever the parent could.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            drop(reader);
            let begun =
                die_with(parent).and_then(|()| limits::set_work(MEMORY, SECONDS)).and_then(|()| forget_runtime());
            let done = begun.map_err(|_| 125).and_then(|()| work());
            let status = match done.map(|bytes| writer.write_all(&bytes)) {
                Ok(Ok(())) => 0,
                Ok(Err(_)) => 125,
                Err(status) => status,
            };
            // SAFETY: ends this process alone, after C's streams are flushed.
            unsafe { libc::exit(status.into()) }
        }
        child => {
            drop(writer);
            let mut bytes = Vec::new();
            let read = reader.read_to_end(&mut bytes);
            let how = reap(child)?;
            read?;
            Ok(if how == How::Exited(0) { Ok(bytes) } else { Err(how) })
        }
    }
}

/// Waits for a child's end.
fn reap(child: libc::pid_t) -> io::Result<How> {
    let mut details = MaybeUninit::<libc::siginfo_t>::zeroed();
    loop {
        // SAFETY: the details are ours to be written.
        let result = unsafe { libc::waitid(libc::P_PID, child.cast_unsigned(), details.as_mut_ptr(), libc::WEXITED) };
        let error = io::Error::last_os_error();
        if result == 0 {
            break;
        }
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    // SAFETY: zeroed, and written by waitid.
    let details = unsafe { details.assume_init() };
    // SAFETY: waitid filled the details of a child's death.
    let status = unsafe { details.si_status() } as u8;
    Ok(if details.si_code == libc::CLD_EXITED { How::Exited(status) } else { How::Killed(status) })
}
