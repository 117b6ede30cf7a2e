//! Descriptors from one process to another: between bctrace's own, and to interpreters that a followed program has started, which know
//! nothing of bctrace but the name of a socket.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use libc::pid_t;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, connect, listen, recvmsg, sendmsg,
    socket_with, socketpair,
};

/// Descriptors in one message, at most.
const DESCRIPTORS: usize = 2;
/// Connections that wait to be accepted, at most.
const BACKLOG: i32 = 64;

/// One end of a connection that carries whole messages.
#[derive(Debug)]
pub struct Connection(OwnedFd);

impl Connection {
    /// Makes both ends.
    pub fn pair() -> io::Result<(Connection, Connection)> {
        let (one, other) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        Ok((Connection(one), Connection(other)))
    }

    /// Connects to the listener of that name; an error if it belongs to another user than this process's, or root.
    pub fn to(name: &str) -> io::Result<Connection> {
        let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        connect(&socket, &SocketAddrUnix::new_abstract_name(name.as_bytes())?)?;
        let user = peer(&socket)?.uid;
        if user == 0 || user == rustix::process::geteuid().as_raw() {
            Ok(Connection(socket))
        } else {
            Err(io::ErrorKind::PermissionDenied.into())
        }
    }

    /// Sends a message.  Never waits longer than the other end's buffer is full.
    pub fn send(&self, message: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        self.send_with(SendFlags::NOSIGNAL, message, descriptors)
    }

    /// Sends a message by a call that a filter of system calls can tell from others, by its flags.
    pub fn hand_over(&self, message: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        self.send_with(SendFlags::NOSIGNAL | SendFlags::CONFIRM, message, descriptors)
    }

    fn send_with(&self, flags: SendFlags, message: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        sendmsg(&self.0, &[IoSlice::new(message)], &mut control, flags)?;
        Ok(())
    }

    /// Waits for a message; returns its length, which is 0 at the end of the connection, and what came with it.
    pub fn receive(&self, message: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let received = loop {
            match recvmsg(&self.0, &mut [IoSliceMut::new(message)], &mut control, RecvFlags::CMSG_CLOEXEC) {
                Err(rustix::io::Errno::INTR) => {}
                received => break received?,
            }
        };
        let rights = control.drain().filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
            _ => None,
        });
        Ok((received.bytes, rights.flatten().collect()))
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// What the names of listeners begin with: BCTRACE_FRONT in cpython-2.7-patch/bctrace_front.h, by which sockets of the program reach none.
const NAME: &str = "bctrace-";
/// Names that are tried: those of other processes of this number, in other namespaces, may be taken.
const TRIES: u32 = 1000;

/// Accepts connections under an abstract name, in the network namespace of this process.
#[derive(Debug)]
pub struct Listener {
    socket: OwnedFd,
    name: String,
}

impl Listener {
    pub fn open() -> io::Result<Listener> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        let mut number = 0;
        let name = loop {
            // Of one length, so that the environments of two runs have one size.
            let name = format!("{NAME}{:07}-{number:03}", std::process::id());
            match bind(&socket, &SocketAddrUnix::new_abstract_name(name.as_bytes())?) {
                Err(rustix::io::Errno::ADDRINUSE) if number < TRIES => number += 1,
                bound => break bound.map(|()| name)?,
            }
        };
        listen(&socket, BACKLOG)?;
        Ok(Listener { socket, name })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Accepts a connection that waits; returns it with the number of the process that has made it.
    pub fn accept(&self) -> Option<(Connection, pid_t)> {
        let connection = accept_with(&self.socket, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK).ok()?;
        let peer = peer(&connection).ok()?.pid;
        Some((Connection(connection), peer))
    }
}

/// Asks who has connected, or listens, at the other end; a process of a namespace that this one does not see has the number 0.
fn peer(socket: &OwnedFd) -> io::Result<libc::ucred> {
    let mut found = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut size = size_of::<libc::ucred>() as libc::socklen_t;
    let place = (&raw mut found).cast();
    // SAFETY: the struct is ours, and as large as the call is given.
    match unsafe { libc::getsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_PEERCRED, place, &raw mut size) } {
        0 => Ok(found),
        _ => Err(io::Error::last_os_error()),
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
