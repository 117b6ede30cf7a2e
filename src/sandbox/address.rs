//! Addresses of sockets as text.

use std::ffi::OsStr;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// An address that a program has given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub text: Vec<u8>,
    /// Of the internet's protocols.
    pub socket: Option<SocketAddr>,
    family: u16,
}

/// Sockets of the system's name services, which the C library asks on its own behalf before it reads files.
const NAME_SERVICES: [&[u8]; 4] = [
    b"/var/run/nscd/socket",
    b"/run/nscd/socket",
    b"/run/systemd/userdb/io.systemd.DynamicUser",
    b"/run/systemd/resolve/io.systemd.Resolve",
];

/// Makes a struct sockaddr of the internet's protocols.
pub fn encode(address: SocketAddr) -> Vec<u8> {
    let port = address.port().to_be_bytes();
    match address {
        SocketAddr::V4(address) => {
            let family = (libc::AF_INET as u16).to_ne_bytes();
            [&family[..], &port, &address.ip().octets(), &[0; 8]].concat()
        }
        SocketAddr::V6(address) => {
            let family = (libc::AF_INET6 as u16).to_ne_bytes();
            let [flow, scope] = [address.flowinfo().to_be_bytes(), address.scope_id().to_ne_bytes()];
            [&family[..], &port, &flow, &address.ip().octets(), &scope].concat()
        }
    }
}

/// Reads a struct sockaddr; None if it is of another family, or cut.
pub fn of(bytes: &[u8]) -> Option<Address> {
    let family = u16::from_ne_bytes(*bytes.first_chunk()?);
    let port = || Some(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?));
    let socket = match libc::c_int::from(family) {
        libc::AF_INET => {
            let address = Ipv4Addr::from(*bytes.get(4..)?.first_chunk::<4>()?);
            Some(SocketAddr::from((address, port()?)))
        }
        libc::AF_INET6 => {
            let address = Ipv6Addr::from(*bytes.get(8..)?.first_chunk::<16>()?);
            Some(SocketAddr::from((address, port()?)))
        }
        libc::AF_UNIX => None,
        _ => return None,
    };
    let text = match (socket, bytes.get(2..)?) {
        (Some(socket), _) => socket.to_string().into_bytes(),
        (None, [0, name @ ..]) => [b"@", name].concat(),
        (None, path) => path.split(|&byte| byte == 0).next().unwrap_or_default().to_vec(),
    };
    Some(Address { text, socket, family })
}

impl Address {
    /// Whether it is of this machine alone, by its kind.
    pub fn is_local(&self) -> bool {
        libc::c_int::from(self.family) == libc::AF_UNIX
    }

    /// The file that stands for it, if it is of one.
    pub fn path(&self) -> Option<&Path> {
        let is_path = self.is_local() && !matches!(self.text.first(), None | Some(b'@'));
        is_path.then(|| Path::new(OsStr::from_bytes(&self.text)))
    }

    pub fn is_name_service(&self) -> bool {
        self.is_local() && NAME_SERVICES.contains(&&self.text[..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(family: libc::c_int, rest: &[u8]) -> Option<String> {
        let bytes = [&(family as u16).to_ne_bytes()[..], rest].concat();
        of(&bytes).map(|address| String::from_utf8(address.text).expect("text"))
    }

    #[test]
    fn addresses_are_written_as_people_write_them() {
        assert_eq!(text(libc::AF_INET, &[1, 187, 203, 0, 113, 7]), Some("203.0.113.7:443".into()));
        let mut six = vec![0, 80, 0, 0, 0, 0];
        six.extend(Ipv6Addr::LOCALHOST.octets());
        assert_eq!(text(libc::AF_INET6, &six), Some("[::1]:80".into()));
        assert_eq!(text(libc::AF_UNIX, b"/run/x\0\0junk"), Some("/run/x".into()));
        assert_eq!(text(libc::AF_UNIX, b"\0name"), Some("@name".into()));
        assert_eq!(text(libc::AF_NETLINK, &[0; 10]), None);
        for cut in 0..6 {
            assert_eq!(text(libc::AF_INET, &[1, 187, 203, 0, 113, 7][..cut]), None);
        }
        assert_eq!(of(&[2]), None);
        for address in ["203.0.113.7:443", "[::1]:80"] {
            let encoded = encode(address.parse().expect("an address"));
            assert_eq!(of(&encoded).map(|address| address.text), Some(address.into()));
        }
    }
}
