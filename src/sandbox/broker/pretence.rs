//! A network that is a pretence (`--fake-net`): every connect succeeds.  The program's socket is replaced by one end of a pair of local
//! sockets, of which the broker has the other.  What the program sends is reported and dropped; what it reads is at its end at once.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use libc::c_int;
use rustix::fs::OFlags;
use rustix::net::sockopt::{socket_domain, socket_type};
use rustix::net::{AddressFamily, RecvFlags, Shutdown, SocketFlags, SocketType, recv, shutdown, socketpair};

use super::{At, Broker, Decision};
use crate::process::{self, Wants, limits, traced};
use crate::sandbox::address::{self, Address};
use crate::sandbox::arguments::Memory;
use crate::sandbox::notify::Reply;
use crate::trace::attempt::Deed;

/// Bytes of a message that are kept; of a longer one the report says how long it was.
const LONGEST: usize = 4096;
/// Bytes of all messages that are kept.
const MOST: usize = 4 << 20;
/// Bytes that a call sends at most: MAX_RW_COUNT of the kernel, and the longest packet of UDP.
const LONGEST_SENT: u64 = 0x7fff_f000;
const LONGEST_PACKET: u64 = 65_507;
/// Reads in one go, so that a program that never stops writing does not keep the broker from its calls.
const MOST_READS: usize = 64;
/// Options of a socket that are remembered.
const MOST_OPTIONS: usize = 32;
/// Ports of the program's own end: the first one, and how many there are.
const FIRST_PORT: u16 = 49_152;
const PORTS: u16 = 16_000;

/// The program's connections.
#[derive(Debug, Default)]
pub(super) struct Pretence {
    /// By the numbers of the sockets that the program has: every descriptor of one has the same.
    connections: BTreeMap<u64, Connection>,
    /// Bytes of messages that were reported.
    kept: usize,
    made: u16,
}

#[derive(Debug)]
struct Connection {
    /// The broker's end.
    end: OwnedFd,
    is_stream: bool,
    peer: SocketAddr,
    own: SocketAddr,
    options: BTreeMap<(c_int, c_int), c_int>,
    /// What was written by calls that are not listened to, and that no report has yet: the beginning, and the length.
    written: Vec<u8>,
    length: u64,
    /// Nothing more can be written.
    is_shut: bool,
}

/// A socket of the program's that is about to be replaced.
struct Replaced {
    is_stream: bool,
    waits: bool,
    closes_on_exec: bool,
}

impl Connection {
    /// Takes what the program has written.  It never waits.
    fn drain(&mut self) {
        let (mut bytes, mut was_empty) = ([0; 4 * LONGEST], self.is_stream);
        for _ in 0..MOST_READS {
            let Ok((count, _)) = recv(&self.end, &mut bytes, RecvFlags::DONTWAIT) else { return };
            // One packet may have no bytes; then the next is not there either, unless this is the end.
            if count == 0 && was_empty {
                self.is_shut = true;
                return;
            }
            was_empty |= count == 0;
            let room = LONGEST - self.written.len();
            self.written.extend_from_slice(&bytes[..count.min(room)]);
            self.length += count as u64;
        }
    }

    /// Whether the program has closed all descriptors of its end, or shut it down.
    fn is_over(&self) -> bool {
        process::poll(&[(self.end.as_fd(), Wants::HangUp)], Some(Duration::ZERO)) == [true]
    }

    fn wants(&self) -> Wants {
        if self.is_shut { Wants::HangUp } else { Wants::Input }
    }
}

impl Pretence {
    /// Waits until there is a call, while the program's writes are taken so that none waits for room.
    pub(super) fn wait(&mut self, listener: impl AsFd) {
        while !self.connections.is_empty() {
            let ends = self.connections.values().map(|connection| (connection.end.as_fd(), connection.wants()));
            let polled: Vec<_> = [(listener.as_fd(), Wants::Input)].into_iter().chain(ends).collect();
            let ready = process::poll(&polled, None);
            let (called, ready) = ready.split_first().map_or((true, &[][..]), |(called, ready)| (*called, ready));
            let ended: Vec<u64> = self
                .connections
                .iter_mut()
                .zip(ready)
                .filter(|(_, is_ready)| **is_ready)
                .filter_map(|((number, connection), _)| {
                    connection.drain();
                    connection.is_over().then_some(*number)
                })
                .collect();
            for number in ended {
                self.connections.remove(&number);
            }
            if called || !ready.contains(&true) {
                return;
            }
        }
    }

    /// Whether there are as many connections as this process may have descriptors for: it needs others to look after the program.
    fn is_full(&self) -> bool {
        self.connections.len() as u64 >= limits::descriptors() / 2
    }

    fn find(&mut self, at: At) -> Option<&mut Connection> {
        self.connections.get_mut(&socket_of(at)?)
    }

    /// What is reported of a message: the address, the beginning, and the length if that is not all.
    fn message(&mut self, peer: SocketAddr, mut bytes: Vec<u8>, length: u64) -> Vec<Vec<u8>> {
        bytes.truncate(LONGEST.min(MOST - self.kept));
        self.kept += bytes.len();
        let rest = (bytes.len() as u64 != length).then(|| length.to_string().into_bytes());
        [peer.to_string().into_bytes(), bytes].into_iter().chain(rest).collect()
    }

    /// The program's own address, towards another one of that family.
    fn own(&mut self, peer: &SocketAddr) -> SocketAddr {
        self.made = (self.made + 1) % PORTS;
        let port = FIRST_PORT + self.made;
        match peer {
            SocketAddr::V4(_) => ([192, 0, 2, 254], port).into(),
            SocketAddr::V6(_) => ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0xfe], port).into(),
        }
    }
}

/// The number of the socket that a call is about.
fn socket_of(at: At) -> Option<u64> {
    socket_at(Path::new(&format!("/proc/{}/fd/{}", at.call.thread, at.call.int(0))))
}

/// The number of the socket that a link of /proc leads to.
fn socket_at(link: &Path) -> Option<u64> {
    let link = std::fs::read_link(link).ok()?;
    link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

impl Replaced {
    /// Looks at a socket; an error is what connect fails with.
    fn of(at: At) -> Result<Replaced, c_int> {
        let flags = traced::flags_of(at.call.thread, at.call.int(0)).ok_or(libc::EBADF)?;
        let flags = OFlags::from_bits_retain(flags);
        socket_of(at).ok_or(libc::ENOTSOCK)?;
        // A system that does not let anybody look into descriptors says nothing of the kind.
        let is_stream = match at.call.descriptor(at.process, at.call.int(0)) {
            Ok(socket) if socket_domain(&socket) == Ok(AddressFamily::UNIX) => return Err(libc::EINVAL),
            Ok(socket) => socket_type(&socket) != Ok(SocketType::DGRAM),
            Err(_) => true,
        };
        let waits = !flags.contains(OFlags::NONBLOCK);
        Ok(Replaced { is_stream, waits, closes_on_exec: flags.contains(OFlags::CLOEXEC) })
    }
}

/// Makes both ends: the program's, and the broker's, from which nothing comes.
fn pair(replaced: &Replaced) -> io::Result<(OwnedFd, OwnedFd)> {
    // With boundaries between messages, and an end.
    let kind = if replaced.is_stream { SocketType::STREAM } else { SocketType::SEQPACKET };
    let (theirs, ours) = socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None)?;
    rustix::io::ioctl_fionbio(&theirs, !replaced.waits)?;
    shutdown(&ours, Shutdown::Write)?;
    Ok((theirs, ours))
}

impl Broker {
    /// Lets a connect succeed, or a packet be sent.
    pub(super) fn pretend(&mut self, at: At, deed: Deed, peer: SocketAddr) -> Decision {
        let known = self.pretence.find(at).map(|connection| connection.is_stream);
        match (known, deed) {
            (Some(true), Deed::Connect) => return Decision::quiet(Reply::Refuse(libc::EISCONN)),
            // TCP has no use for the address.
            (Some(true), _) => return self.send(at),
            (Some(false), _) => {}
            (None, _) => match self.replace(at, deed, peer) {
                Ok(()) => {}
                Err(error) => return Decision::refused(error, deed, vec![peer.to_string().into_bytes()], []),
            },
        }
        if deed == Deed::Send {
            return self.send_to(at, Some(peer));
        }
        if let Some(connection) = self.pretence.find(at) {
            connection.peer = peer;
        }
        Decision::pretended(Reply::Done(0), Deed::Connect, vec![peer.to_string().into_bytes()])
    }

    fn replace(&mut self, at: At, deed: Deed, peer: SocketAddr) -> Result<(), c_int> {
        let replaced = Replaced::of(at)?;
        if deed == Deed::Send && replaced.is_stream {
            return Err(libc::EPIPE);
        }
        if self.pretence.is_full() {
            return Err(libc::EADDRNOTAVAIL);
        }
        let failed = |error: io::Error| error.raw_os_error().unwrap_or(libc::ENOBUFS);
        let (theirs, end) = pair(&replaced).map_err(failed)?;
        let number = rustix::fs::fstat(&theirs).map_err(|_| libc::ENOBUFS)?.st_ino;
        let descriptor = at.call.int(0);
        self.listener
            .replace_descriptor(at.call, descriptor, theirs.as_fd(), replaced.closes_on_exec)
            .map_err(|_| libc::ENOBUFS)?;
        let own = self.pretence.own(&peer);
        let connection = Connection {
            end,
            is_stream: replaced.is_stream,
            peer,
            own,
            options: BTreeMap::new(),
            written: Vec::new(),
            length: 0,
            is_shut: false,
        };
        self.pretence.connections.insert(number, connection);
        Ok(())
    }

    /// Takes what is sent on a connection; any other socket is the kernel's affair.
    pub(super) fn send(&mut self, at: At) -> Decision {
        match self.pretence.find(at) {
            Some(_) => self.send_to(at, None),
            None => Decision::quiet(Reply::Continue),
        }
    }

    fn send_to(&mut self, at: At, to: Option<SocketAddr>) -> Decision {
        let Some(connection) = self.pretence.find(at) else { return Decision::quiet(Reply::Refuse(libc::ENOTCONN)) };
        let length = at.call.arguments[2].min(LONGEST_SENT);
        if !connection.is_stream && length > LONGEST_PACKET {
            return Decision::quiet(Reply::Refuse(libc::EMSGSIZE));
        }
        let bytes = at.call.read(at.call.arguments[1], length.min(LONGEST as u64) as usize);
        if bytes.is_empty() && length > 0 {
            return Decision::quiet(Reply::Refuse(libc::EFAULT));
        }
        connection.drain();
        let (peer, before) = (to.unwrap_or(connection.peer), std::mem::take(&mut connection.written));
        let all = length + std::mem::take(&mut connection.length);
        let targets = self.pretence.message(peer, [before, bytes].concat(), all);
        Decision::pretended(Reply::Done(length as i64), Deed::Send, targets)
    }

    /// Reports what was written to a connection by other calls than send, before the call goes on.
    pub(super) fn report_written(&mut self, at: At) -> Decision {
        let Some(connection) = self.pretence.find(at) else { return Decision::quiet(Reply::Continue) };
        connection.drain();
        let (peer, bytes) = (connection.peer, std::mem::take(&mut connection.written));
        match std::mem::take(&mut connection.length) {
            0 => Decision::quiet(Reply::Continue),
            length => {
                let targets = self.pretence.message(peer, bytes, length);
                Decision::pretended(Reply::Continue, Deed::Send, targets)
            }
        }
    }

    /// Reports what a process that is about to end has written to its connections by other calls than send.
    pub(super) fn report_at_end(&mut self, at: At, mut report: impl FnMut(Deed, Vec<Vec<u8>>)) {
        let Ok(links) = std::fs::read_dir(format!("/proc/{}/fd", at.process)) else { return };
        let numbers: BTreeSet<u64> = links.flatten().filter_map(|link| socket_at(&link.path())).collect();
        for number in numbers {
            let Some(connection) = self.pretence.connections.get_mut(&number) else { continue };
            connection.drain();
            let (peer, bytes) = (connection.peer, std::mem::take(&mut connection.written));
            let length = std::mem::take(&mut connection.length);
            if length > 0 {
                report(Deed::Send, self.pretence.message(peer, bytes, length));
            }
        }
    }

    /// Says which address a connection has: the other one's, or its own.
    pub(super) fn name(&mut self, at: At) -> Decision {
        let Some(connection) = self.pretence.find(at) else { return Decision::quiet(Reply::Continue) };
        let is_peer = at.call.number == libc::SYS_getpeername;
        let name = address::encode(if is_peer { connection.peer } else { connection.own });
        Decision::quiet(put(at, 1, 2, &name))
    }

    /// Says what was set of a connection, and of which kind it is.
    pub(super) fn option_of(&mut self, at: At) -> Decision {
        let Some(connection) = self.pretence.find(at) else { return Decision::quiet(Reply::Continue) };
        let (level, option) = (at.call.int(1), at.call.int(2));
        let (kind, protocol) = match connection.is_stream {
            true => (libc::SOCK_STREAM, libc::IPPROTO_TCP),
            false => (libc::SOCK_DGRAM, libc::IPPROTO_UDP),
        };
        let value = match (level, option) {
            (libc::SOL_SOCKET, libc::SO_TYPE) => kind,
            (libc::SOL_SOCKET, libc::SO_PROTOCOL) => protocol,
            (libc::SOL_SOCKET, libc::SO_DOMAIN) if connection.peer.is_ipv4() => libc::AF_INET,
            (libc::SOL_SOCKET, libc::SO_DOMAIN) => libc::AF_INET6,
            (libc::SOL_SOCKET, _) => return Decision::quiet(Reply::Continue),
            _ => connection.options.get(&(level, option)).copied().unwrap_or_default(),
        };
        Decision::quiet(put(at, 3, 4, &value.to_ne_bytes()))
    }

    /// Remembers an option of TCP or IP, which local sockets do not have.
    pub(super) fn set_option(&mut self, at: At) -> Decision {
        let bytes = at.call.read(at.call.arguments[3], size_of::<c_int>());
        let (level, option) = (at.call.int(1), at.call.int(2));
        match self.pretence.find(at) {
            Some(connection) => {
                if let Some(value) = bytes.first_chunk()
                    && connection.options.len() < MOST_OPTIONS
                {
                    connection.options.insert((level, option), c_int::from_ne_bytes(*value));
                }
                Decision::quiet(Reply::Done(0))
            }
            // As the filter decides where nothing is a pretence.
            None if level == libc::IPPROTO_TCP => Decision::quiet(Reply::Continue),
            None => Decision::quiet(Reply::Refuse(libc::ENOPROTOOPT)),
        }
    }

    /// Whether an address is of a network that is a pretence.
    pub(super) fn pretends(&self, address: &Address) -> Option<SocketAddr> {
        address.socket.filter(|_| self.policy.fakes_net)
    }
}

/// Puts a result where the arguments of a call say, of which the second one points to the room that there is.
fn put(at: At, place: usize, room: usize, bytes: &[u8]) -> Reply {
    let [place, room] = [place, room].map(|argument| at.call.arguments[argument]);
    let has = at.call.read(room, size_of::<u32>());
    let Some(has) = has.first_chunk().map(|has| u32::from_ne_bytes(*has) as usize) else {
        return Reply::Refuse(libc::EFAULT);
    };
    let length = (bytes.len() as u32).to_ne_bytes();
    match at.call.write(place, &bytes[..bytes.len().min(has)]) && at.call.write(room, &length) {
        true => Reply::Done(0),
        false => Reply::Refuse(libc::EFAULT),
    }
}
