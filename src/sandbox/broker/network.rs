//! Calls that use the network.

use std::fs::{self, File};
use std::io::{self, Seek, Write};
use std::net::SocketAddr;
use std::os::fd::AsFd;

use libc::c_int;
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::net::SendFlags;

use super::{At, Broker, Decision};
use crate::process::socket::Connection;
use crate::process::traced;
use crate::sandbox::address::{self, Address};
use crate::sandbox::arguments::Memory;
use crate::sandbox::notify::{Call, Reply};
use crate::sandbox::policy::Network;
use crate::sandbox::resolve::Meaning;
use crate::trace::attempt::Deed;

/// Bytes of an address that are read, which the kernel's largest has.
const LONGEST_ADDRESS: u64 = 128;

impl Broker {
    /// A socket of a kind that the filter does not know.
    pub(super) fn socket(&self, call: &Call) -> Decision {
        // getaddrinfo of the C library asks for the machine's interfaces, and can do without.  Sockets of Python's have no flags.
        let is_librarys = call.int(1) == libc::SOCK_RAW | libc::SOCK_CLOEXEC;
        let asks_for_interfaces = call.int(0) == libc::AF_NETLINK && call.int(2) == libc::NETLINK_ROUTE && is_librarys;
        if asks_for_interfaces && self.policy.network != Network::All {
            return Decision::quiet(Reply::Refuse(libc::EACCES));
        }
        self.network(libc::EACCES, Deed::Socket, vec![kind_of_socket(call)], ALLOW_NET)
    }

    /// A message whose address a pointer leads to, which only the open network allows.
    pub(super) fn send_message(&self, at: At) -> Decision {
        // struct msghdr, with which struct mmsghdr begins: the address and its length.
        let head = at.call.read(at.call.arguments[1], 12);
        let place = head.first_chunk().map(|place| u64::from_ne_bytes(*place)).unwrap_or_default();
        let length = head.get(8..).and_then(<[u8]>::first_chunk).map(|length| u32::from_ne_bytes(*length));
        self.refuse_to_send(at, place, length.unwrap_or_default().into())
    }

    /// A packet that connects as well, which is no way around a list of hosts.
    pub(super) fn send_at_once(&mut self, at: At) -> Decision {
        if self.policy.network == Network::All && !self.policy.fakes_net {
            return self.connect(at, Deed::Send, 4, 5);
        }
        self.refuse_to_send(at, at.call.arguments[4], at.call.arguments[5])
    }

    fn refuse_to_send(&self, at: At, place: u64, length: u64) -> Decision {
        let bytes = at.call.read(place, length.min(LONGEST_ADDRESS) as usize);
        let targets = address::of(&bytes).map(|address| address.text).into_iter().collect();
        Decision::refused(libc::EACCES, Deed::Send, targets, ALLOW_NET)
    }

    pub(super) fn listen(&self) -> Decision {
        self.network(libc::EACCES, Deed::Listen, Vec::new(), ALLOW_NET)
    }

    pub(super) fn connect(&mut self, at: At, deed: Deed, address: usize, length: usize) -> Decision {
        let length = at.call.arguments[length].min(LONGEST_ADDRESS) as usize;
        let bytes = at.call.read(at.call.arguments[address], length);
        let Some(address) = address::of(&bytes) else {
            return self.network(libc::EAFNOSUPPORT, deed, Vec::new(), ALLOW_NET);
        };
        if deed == Deed::Connect && self.is_of_follower(at, &address.text) {
            return Decision::quiet(self.introduce(at));
        }
        if address.is_name_service() {
            return Decision::quiet(Reply::Refuse(libc::ENOENT));
        }
        if let (Network::Hosts(_), Some(socket)) = (&self.policy.network, address.socket)
            && matches!(deed, Deed::Connect | Deed::Send)
            && self.policy.network.has(&socket)
        {
            return reach(at, deed, socket, address.text);
        }
        // So getaddrinfo asks which of its own addresses a packet would have.
        if deed == Deed::Connect
            && address.socket.is_some_and(|socket| socket.port() == 0)
            && self.policy.network != Network::All
        {
            return Decision::quiet(Reply::Refuse(libc::ENETUNREACH));
        }
        if let Some(peer) = self.pretends(&address)
            && matches!(deed, Deed::Connect | Deed::Send)
        {
            return self.pretend(at, deed, peer);
        }
        if deed == Deed::Bind
            && self.policy.network == Network::All
            && let Some(decision) = self.refuses_to_make(at, &address)
        {
            return decision;
        }
        let option = match (deed, address.socket) {
            (Deed::Connect | Deed::Send, Some(socket)) => format!("{ALLOW_NET}={socket}"),
            _ => ALLOW_NET.to_owned(),
        };
        let error = match (deed, address.is_local()) {
            (Deed::Bind, _) => libc::EACCES,
            (_, true) => libc::ECONNREFUSED,
            _ => libc::ENETUNREACH,
        };
        self.network(error, deed, vec![address.text], &option)
    }

    /// The refusal of a local socket that would be made where nothing may: Landlock decides so, whatever the network allows.
    fn refuses_to_make(&self, at: At, address: &Address) -> Option<Decision> {
        let meaning = self.meaning(at, libc::AT_FDCWD, address.path()?, false);
        let (Meaning::Path(path) | Meaning::Deep(path)) = meaning else { return None };
        let folder = path.parent().filter(|folder| !self.may_write(folder))?;
        let error = if fs::symlink_metadata(&path).is_ok() { libc::EADDRINUSE } else { libc::EACCES };
        Some(Decision::refused(error, Deed::Bind, vec![self.shown(at, &path)], self.option("--allow-write", folder)))
    }

    /// Opens the table of hosts with those that may be reached in it, whose names no server tells.
    pub(super) fn give_hosts(&self, at: At) -> Reply {
        let Some(lines) = self.policy.network.host_lines() else { return Reply::Continue };
        let mut text = fs::read_to_string(HOSTS).unwrap_or_default();
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&lines);
        let given = hosts_file(&text).and_then(|file| self.listener.give_descriptor(at.call, file.as_fd()));
        given.map_or(Reply::Continue, Reply::Done)
    }

    /// Whether an interpreter that is this same program asks for the front's socket.
    fn is_of_follower(&self, at: At, address: &[u8]) -> bool {
        let asked = address.strip_prefix(b"@");
        self.follow.as_ref().is_some_and(|name| asked == Some(name.as_bytes())) && traced::is_same_program(at.process)
    }

    /// Connects in an interpreter's place: the walls let it connect to nothing.
    fn introduce(&self, at: At) -> Reply {
        let connected = self.follow.as_ref().map(|name| Connection::to(name));
        match connected {
            Some(Ok(connection)) if self.listener.is_waiting(at.call) => {
                match self.listener.replace_descriptor(at.call, at.call.int(0), connection.as_fd(), true) {
                    Ok(()) => Reply::Done(0),
                    Err(_) => Reply::Refuse(libc::ECONNREFUSED),
                }
            }
            _ => Reply::Refuse(libc::ECONNREFUSED),
        }
    }

    fn network(&self, error: c_int, deed: Deed, targets: Vec<Vec<u8>>, option: &str) -> Decision {
        match self.policy.network {
            Network::All => Decision::allowed(deed, targets),
            Network::None | Network::Hosts(_) => Decision::refused(error, deed, targets, option),
        }
    }
}

/// The numbers of a kind of socket, as they are reported.
pub(super) fn kind_of_socket(call: &Call) -> Vec<u8> {
    format!("family {}, kind {}, protocol {}", call.int(0), call.int(1) & 0xf, call.int(2)).into_bytes()
}

/// The option that opens the network.
const ALLOW_NET: &str = "--allow-net";

/// The table of hosts.
pub(super) const HOSTS: &str = "/etc/hosts";

fn hosts_file(text: &str) -> io::Result<File> {
    let mut file = File::from(memfd_create("hosts", MemfdFlags::CLOEXEC)?);
    file.write_all(text.as_bytes())?;
    file.rewind()?;
    Ok(file)
}

/// Bytes of a packet that is sent in the program's place, at most: the longest of UDP.
const PACKET: u64 = 1 << 16;

/// Connects a socket of the program's to an address that was looked at here, or sends a packet there: the program could put another
/// address in its place.
fn reach(at: At, deed: Deed, address: SocketAddr, shown: Vec<u8>) -> Decision {
    let (call, process) = (*at.call, at.process);
    let act = move || {
        let reached = call.descriptor(process, call.int(0)).and_then(|socket| {
            if deed == Deed::Connect {
                return Ok(rustix::net::connect(&socket, &address).map(|()| 0)?);
            }
            let packet = call.read(call.arguments[1], call.arguments[2].min(PACKET) as usize);
            let flags = SendFlags::from_bits_retain(call.int(3).cast_unsigned()) | SendFlags::NOSIGNAL;
            Ok(rustix::net::sendto(&socket, &packet, flags, &address)? as i64)
        });
        match reached {
            Ok(value) => Reply::Done(value),
            Err(error) => Reply::Refuse(error.raw_os_error().unwrap_or(libc::ENETUNREACH)),
        }
    };
    let report = Some((deed, vec![shown], Vec::new()));
    Decision { reply: Reply::Refuse(libc::EINTR), act: Some(Box::new(act)), report, is_pretended: false }
}
