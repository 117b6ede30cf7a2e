//! The network: nothing that the program sends arrives anywhere, by sockets of whatever kind.

use std::io::ErrorKind;
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};

use super::{Caller, Deed, World, assert_deeds, assert_possible, assert_refused, deed, numbers, rare};

/// Where the test listens, and what sendmsg takes.
const PRELUDE: &str = r#"
tcp, udp, path, datagrams, abstract = int(arguments[0]), int(arguments[1]), arguments[2], arguments[3], '\0' + arguments[4]
here = ('127.0.0.1', tcp)
def name(port):
    return struct.pack('=H', socket.AF_INET) + struct.pack('!H', port) + '\x7f\0\0\1' + '\0' * 8
class Vector(ctypes.Structure):
    _fields_ = [('base', ctypes.c_char_p), ('length', ctypes.c_size_t)]
class Message(ctypes.Structure):
    _fields_ = [('name', ctypes.c_char_p), ('length', ctypes.c_uint), ('vectors', ctypes.POINTER(Vector)), ('count', ctypes.c_size_t),
        ('control', ctypes.c_void_p), ('control_length', ctypes.c_size_t), ('flags', ctypes.c_long), ('sent', ctypes.c_uint)]
def message(port):
    vector = Vector('precious', 8)
    return ctypes.byref(Message(name(port), 16, ctypes.pointer(vector), 1, None, 0, 0, 0))
def inet(kind=socket.SOCK_STREAM, protocol=0):
    return socket.socket(socket.AF_INET, kind, protocol)
def local(kind=socket.SOCK_STREAM):
    return socket.socket(socket.AF_UNIX, kind)
def nowait(socket_):
    socket_.setblocking(0)
    error = socket_.connect_ex(here)
    if error not in (0, errno.EINPROGRESS):
        raise OSError(error, 'refused')
"#;

const DEEDS: &[Deed] = &[
    deed("socket.create_connection(here).send('precious')", "ENETUNREACH"),
    deed("nowait(inet())", "ENETUNREACH"),
    deed("inet(socket.SOCK_DGRAM).sendto('precious', ('127.0.0.1', udp))", "ENETUNREACH"),
    deed("s = inet(socket.SOCK_DGRAM)\ns.connect(('127.0.0.1', udp))\ns.send('precious')", "ENETUNREACH"),
    deed("local().connect(path)", "ECONNREFUSED"),
    deed("local(socket.SOCK_DGRAM).sendto('precious', datagrams)", "ECONNREFUSED"),
    deed("local(socket.SOCK_DGRAM).connect(datagrams)", "ECONNREFUSED"),
    deed("local().connect(abstract)", "ECONNREFUSED"),
    deed("s = inet()\ncall(SYS_connect, s.fileno(), name(tcp), 16)", "ENETUNREACH"),
    deed("s = inet(socket.SOCK_DGRAM)\ncall(SYS_sendto, s.fileno(), 'precious', 8, 0, name(udp), 16)", "ENETUNREACH"),
    deed("s = inet(socket.SOCK_DGRAM)\ncall(SYS_sendmsg, s.fileno(), message(udp), 0)", "EACCES"),
    deed("s = inet(socket.SOCK_DGRAM)\ncall(SYS_sendmmsg, s.fileno(), message(udp), 1, 0)", "EACCES"),
    rare("s = inet()\ncall(SYS_sendto, s.fileno(), 'precious', 8, 0x20000000, name(tcp), 16)", "EACCES"),
    rare("s = inet()\ncall(SYS_sendmsg, s.fileno(), message(tcp), 0x20000000)", "EACCES"),
    rare("s = inet()\ns.setsockopt(6, 30, 1)\ns.connect(here)\ns.send('precious')", "ENETUNREACH"),
    // Addresses that are none.
    rare("s = inet()\ncall(SYS_connect, s.fileno(), 8, 16)", "EAFNOSUPPORT"),
    rare("s = inet()\ncall(SYS_connect, s.fileno(), name(tcp), -1)", "ENETUNREACH"),
    rare("s = inet()\ncall(SYS_connect, s.fileno(), '\\0\\0' + 'x' * 14, 16)", "EAFNOSUPPORT"),
    deed("s = inet()\ns.bind(('127.0.0.1', 0))\ns.listen(1)", "EACCES"),
    deed("inet().listen(1)", "EACCES"),
    deed("inet(socket.SOCK_DGRAM).bind(('127.0.0.1', 0))", "EACCES"),
    deed("local().bind(scratch + '/socket')", "EACCES"),
    deed("local().bind(abstract + '-other')", "EACCES"),
    rare("local().listen(1)", "EACCES"),
    rare("socket.socket(socket.AF_INET6, socket.SOCK_STREAM).bind(('::1', 0))", "EACCES"),
    // MPTCP, SCTP, then other families and kinds.
    rare("inet(socket.SOCK_STREAM, 262).connect(here)", "EACCES"),
    rare("inet(socket.SOCK_STREAM, 132).connect(here)", "EACCES"),
    rare("inet(socket.SOCK_SEQPACKET, 132)", "EACCES"),
    rare("inet(socket.SOCK_RAW, socket.IPPROTO_ICMP)", "EACCES"),
    rare("inet(socket.SOCK_DGRAM, socket.IPPROTO_ICMP)", "EACCES"),
    rare("inet(socket.SOCK_RAW, 255)", "EACCES"),
    rare("socket.socket(17, socket.SOCK_RAW, 0)", "EACCES"),
    rare("socket.socket(17, socket.SOCK_DGRAM, 0)", "EACCES"),
    deed("socket.socket(16, socket.SOCK_RAW, 0)", "EACCES"),
    deed("socket.socket(16, socket.SOCK_DGRAM | 02000000, 15)", "EACCES"),
    rare("socket.socket(40, socket.SOCK_STREAM, 0)", "EACCES"),
    rare("socket.socket(38, socket.SOCK_SEQPACKET, 0)", "EACCES"),
    rare("socket.socket(44, socket.SOCK_RAW, 0)", "EACCES"),
    rare("call(SYS_socket, (1 << 32) + 16, socket.SOCK_RAW, 0)", "EACCES"),
    rare("call(SYS_socketpair, 30, socket.SOCK_STREAM, 0, ctypes.byref((ctypes.c_int * 2)()))", "EAFNOSUPPORT"),
    rare("inet(socket.SOCK_DGRAM).setsockopt(0, 35, '\\xe0\\0\\0\\xfb\\x7f\\0\\0\\1')", "ENOPROTOOPT"),
    rare("call(SYS_io_uring_setup, 8, ctypes.byref((ctypes.c_char * 120)()))", "ENOSYS"),
];

/// Where a test listens.
struct Listeners {
    tcp: TcpListener,
    udp: UdpSocket,
    path: UnixListener,
    datagrams: UnixDatagram,
    nameless: UnixListener,
    arguments: Vec<String>,
}

impl Listeners {
    fn new(world: &World, name: &str) -> Listeners {
        let [path, datagrams] = ["socket", "datagrams"].map(|kind| world.path(format!("{name}-{kind}")));
        let nameless = format!("{}-{name}", world.path("nameless").display());
        let listeners = Listeners {
            tcp: TcpListener::bind("127.0.0.1:0").unwrap(),
            udp: UdpSocket::bind("127.0.0.1:0").unwrap(),
            path: UnixListener::bind(&path).unwrap(),
            datagrams: UnixDatagram::bind(&datagrams).unwrap(),
            nameless: UnixListener::bind_addr(&SocketAddr::from_abstract_name(&nameless).unwrap()).unwrap(),
            arguments: Vec::new(),
        };
        for path in [&path, &datagrams] {
            std::fs::set_permissions(path, PermissionsExt::from_mode(0o777)).unwrap();
        }
        let ports = [listeners.tcp.local_addr(), listeners.udp.local_addr()].map(|at| at.unwrap().port().to_string());
        let paths = [path, datagrams].map(|path| path.to_str().unwrap().to_string());
        Listeners { arguments: ports.into_iter().chain(paths).chain([nameless]).collect(), ..listeners }
    }

    fn arguments(&self) -> Vec<&str> {
        self.arguments.iter().map(String::as_str).collect()
    }

    /// Whether something arrived, of each.
    fn reached(&self) -> [bool; 5] {
        self.tcp.set_nonblocking(true).unwrap();
        self.udp.set_nonblocking(true).unwrap();
        self.path.set_nonblocking(true).unwrap();
        self.datagrams.set_nonblocking(true).unwrap();
        self.nameless.set_nonblocking(true).unwrap();
        let buffer = &mut [0; 9];
        let [tcp, udp] = [self.tcp.accept().map(drop), self.udp.recv(buffer).map(drop)];
        let [path, datagrams] = [self.path.accept().map(drop), self.datagrams.recv(buffer).map(drop)];
        [tcp, udp, path, datagrams, self.nameless.accept().map(drop)].map(|result| match result {
            Ok(()) => true,
            Err(error) if error.kind() == ErrorKind::WouldBlock => false,
            Err(error) => panic!("{error}"),
        })
    }
}

fn numbers() -> String {
    numbers!(SYS_connect SYS_sendto SYS_sendmsg SYS_sendmmsg SYS_socket SYS_socketpair SYS_io_uring_setup) + PRELUDE
}

#[test]
fn nothing_is_reached_over_the_network() {
    for caller in Caller::all() {
        let world = World::new(caller);
        let listeners = Listeners::new(&world, "open");
        assert_possible(&world, &numbers(), DEEDS, &listeners.arguments());
        assert_eq!(listeners.reached(), [true; 5]);
        let listeners = Listeners::new(&world, "shut");
        assert_refused(&world, &numbers(), DEEDS, &[], &listeners.arguments());
        assert_eq!(listeners.reached(), [false; 5], "{caller:?}");
    }
}

#[test]
fn a_pair_of_sockets_of_its_own_works() {
    let deeds = [
        deed("a, b = socket.socketpair()\na.send('x')\nassert b.recv(2) == 'x'", "done"),
        deed(
            "a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)\na.send('x')\nassert b.recv(2) == 'x'",
            "done",
        ),
        deed("inet().setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)", "done"),
    ];
    let world = World::new(Caller::Tester);
    let listeners = Listeners::new(&world, "shut");
    assert_refused(&world, &numbers(), &deeds, &[], &listeners.arguments());
}

/// Each shows the machine's connections, addresses or interfaces.
const STATE: &[Deed] = &[
    deed("assert open('/proc/self/net/dev').read()", "EACCES"),
    deed("assert open('/proc/net/tcp').read()", "EACCES"),
    deed("assert open('/proc/thread-self/net/unix').read()", "EACCES"),
    deed("assert open('/proc/self/task/%d/net/route' % os.getpid()).read()", "EACCES"),
    deed("assert os.listdir('/proc/self/net')", "EACCES"),
    deed("here = os.getcwd()\nos.chdir('/proc/self')\ntry: open('net/dev')\nfinally: os.chdir(here)", "EACCES"),
    deed(
        "folder = os.open('/proc/self', os.O_RDONLY)\nassert os.read(call(SYS_openat, folder, 'net/dev', 0, 0), 9)",
        "EACCES",
    ),
];

#[test]
fn the_state_of_the_network_is_not_shown() {
    assert_deeds(&numbers!(SYS_openat), STATE, &[], &[]);
    let world = World::new(Caller::Tester);
    let source = "import os
def tries(*names):
    for name in names:
        try: open(name)
        except IOError: pass
tries('/proc/self/net/tcp', '/proc/net/unix', '/proc/thread-self/net/dev')
assert open('/proc/self/status').read() and open('/proc/thread-self/comm').read()
assert 'status' in os.listdir('/proc/self') and os.listdir('/proc/self/task') == [str(os.getpid())]
if os.fork() == 0:
    tries('/proc/self/net/arp')
    assert open('/proc/self/task/%d/status' % os.getpid()).read()
    os._exit(0)
assert os.wait()[1] == 0
";
    world.write("own/p.py", source);
    world.trace(&[], &[]).succeeded();
    let tried = world.view(&["tried"]);
    for name in ["self/net/tcp", "self/net/unix", "thread-self/net/dev", "self/net/arp"] {
        assert!(tried.contains(&format!("open /proc/{name} for reading -> refused: EACCES\n")), "{name}: {tried}");
    }
    assert!(!tried.contains("status"), "{tried}");
}
