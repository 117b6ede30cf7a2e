//! The listener of a filter: calls that wait for an answer, and the memory of the threads that make them (seccomp_unotify(2)).

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use libc::{c_int, c_long, pid_t};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

use super::arguments::{self, Memory};

/// Where calls are listened to.
#[derive(Debug)]
pub struct Listener(OwnedFd);

/// A call whose caller waits.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    id: u64,
    /// The thread that makes it.
    pub thread: pid_t,
    pub number: c_long,
    pub arguments: [u64; 6],
}

/// What a caller is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The kernel carries the call out.
    Continue,
    /// It fails with this error number.
    Refuse(c_int),
    /// It returns this without being carried out.
    Done(i64),
}

impl Listener {
    pub fn new(descriptor: OwnedFd) -> Listener {
        Listener(descriptor)
    }

    /// Waits for a call; None if there is nobody any more who could make one, and an error if a caller was killed meanwhile.
    pub fn receive(&self) -> Option<io::Result<Call>> {
        let mut polled = libc::pollfd { fd: self.0.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one structure that is ours.
        let ready = unsafe { libc::poll(&raw mut polled, 1, -1) };
        if ready < 1 {
            return Some(Err(io::Error::last_os_error()));
        }
        if polled.revents & libc::POLLIN == 0 {
            return None;
        }
        let mut received = MaybeUninit::<libc::seccomp_notif>::zeroed();
        // SAFETY: the request writes the structure that it is named for, which must be zeroed.
        let result = unsafe { libc::ioctl(self.0.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV, received.as_mut_ptr()) };
        if result == -1 {
            return Some(Err(io::Error::last_os_error()));
        }
        // SAFETY: zeroed, and written by the kernel; any bytes are valid numbers.
        let libc::seccomp_notif { id, pid, data, .. } = unsafe { received.assume_init() };
        Some(Ok(Call { id, thread: pid.cast_signed(), number: data.nr.into(), arguments: data.args }))
    }

    /// Whether the caller still waits: else its number may be another thread's by now.
    pub fn is_waiting(&self, call: &Call) -> bool {
        let mut id = call.id;
        // SAFETY: the request reads the number.
        unsafe { libc::ioctl(self.0.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_ID_VALID, &raw mut id) == 0 }
    }

    /// Puts a descriptor in the place of one of the caller's; an error if the caller is gone, or has no such descriptor.
    pub fn replace_descriptor(
        &self,
        call: &Call,
        theirs: c_int,
        ours: BorrowedFd<'_>,
        closes_on_exec: bool,
    ) -> io::Result<()> {
        let addfd = libc::seccomp_notif_addfd {
            id: call.id,
            flags: libc::SECCOMP_ADDFD_FLAG_SETFD as u32,
            srcfd: ours.as_raw_fd().cast_unsigned(),
            newfd: theirs.cast_unsigned(),
            newfd_flags: if closes_on_exec { libc::O_CLOEXEC.cast_unsigned() } else { 0 },
        };
        // SAFETY: the request reads the structure that it is named for.
        match unsafe { libc::ioctl(self.0.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_ADDFD, &raw const addfd) } {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    }

    /// Answers a call with a new descriptor of the caller's, which is what it returns; an error if the caller is gone.
    pub fn give_descriptor(&self, call: &Call, ours: BorrowedFd<'_>) -> io::Result<i64> {
        let addfd = libc::seccomp_notif_addfd {
            id: call.id,
            flags: 0,
            srcfd: ours.as_raw_fd().cast_unsigned(),
            newfd: 0,
            newfd_flags: libc::O_CLOEXEC.cast_unsigned(),
        };
        // SAFETY: the request reads the structure that it is named for.
        match unsafe { libc::ioctl(self.0.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_ADDFD, &raw const addfd) } {
            -1 => Err(io::Error::last_os_error()),
            descriptor => Ok(descriptor.into()),
        }
    }

    /// Answers a call.  One whose caller is gone needs no answer.
    pub fn reply(&self, call: &Call, reply: Reply) {
        let (val, error, flags) = match reply {
            Reply::Continue => (0, 0, libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32),
            Reply::Refuse(error) => (0, -error, 0),
            Reply::Done(value) => (value, 0, 0),
        };
        let mut response = libc::seccomp_notif_resp { id: call.id, val, error, flags };
        // SAFETY: the request reads the structure that it is named for.
        unsafe { libc::ioctl(self.0.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND, &raw mut response) };
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Call {
    /// An argument that is an int.
    pub fn int(&self, argument: usize) -> c_int {
        self.arguments[argument] as c_int
    }

    fn read_into(&self, address: u64, bytes: &mut [u8]) -> usize {
        let local = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
        let remote = libc::iovec { iov_base: address as *mut libc::c_void, iov_len: bytes.len() };
        // SAFETY: the kernel writes the local bytes, which are ours, and checks the other process's address.
        let read = unsafe { libc::process_vm_readv(self.thread, &raw const local, 1, &raw const remote, 1, 0) };
        usize::try_from(read).unwrap_or(0)
    }

    /// Writes to the caller's memory, as the kernel would for it; returns whether all of it could be written.
    pub fn write(&self, address: u64, bytes: &[u8]) -> bool {
        let local = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
        let remote = libc::iovec { iov_base: address as *mut libc::c_void, iov_len: bytes.len() };
        // SAFETY: the kernel reads the local bytes, which are ours, and checks the other process's address.
        let written = unsafe { libc::process_vm_writev(self.thread, &raw const local, 1, &raw const remote, 1, 0) };
        usize::try_from(written) == Ok(bytes.len())
    }

    /// Gets a descriptor of the caller's process.
    pub fn descriptor(&self, process: pid_t, number: c_int) -> io::Result<OwnedFd> {
        let process = Pid::from_raw(process).ok_or(io::ErrorKind::NotFound)?;
        let process = pidfd_open(process, PidfdFlags::empty())?;
        Ok(pidfd_getfd(process, number, PidfdGetfdFlags::empty())?)
    }

    /// Reads the path that an argument points to.
    pub fn path(&self, argument: usize) -> Option<PathBuf> {
        arguments::path(self, self.arguments[argument])
    }

    /// Reads the words of a list of strings that an argument points to, up to `most`, each cut at `longest` bytes.
    pub fn words(&self, argument: usize, most: usize, longest: usize) -> Vec<Vec<u8>> {
        arguments::words(self, self.arguments[argument], most, longest)
    }
}

/// Of the caller.  A thread of the program may change it at any time: what is read is for reports, and for decisions that something else
/// makes again.
impl Memory for Call {
    fn read(&self, address: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        let read = self.read_into(address, &mut bytes);
        bytes.truncate(read);
        bytes
    }
}
