//! `--fake-net`: lookups and connections seem to succeed, and what the program sends is in the trace.

use std::fs;

use super::expected;
use crate::live::{Program, run};

const BEACON: &str = include_str!("beacon.py");
const NETWORK: &str = include_str!("network.py");

/// What `bctrace tried` prints of a program's attempts, without the numbers of the instructions.
fn tried(source: &str, options: &[&str]) -> (String, Vec<String>) {
    let program = Program::new(source);
    let printed = program.trace(&[&["--fake-net"], options].concat(), "t.bct", &[]).succeeded();
    let tried = program.view("tried", &[], "t.bct");
    (printed, tried.lines().map(str::to_owned).collect())
}

#[test]
fn a_beacon_shows_its_request_line_and_headers() {
    for options in [&["--skip-sleeps"][..], &["--skip-sleeps", "--values"], &["--deterministic"]] {
        let (printed, tried) = tried(BEACON, options);
        assert_eq!(printed, "no orders\nno orders\nend\n");
        let parts = [
            "look up c2.example.net as 192.0.2.1 -> faked",
            "connect to 192.0.2.1:8080 -> faked",
            r"send to 192.0.2.1:8080: 'POST /gate.php HTTP/1.1\r\nHost: c2.example.net:8080\r\nAccept-Encoding: identity\r\n",
            r"User-Agent: Mozilla/4.0\r\n\r\nhost=ivpgvz' -> faked",
        ];
        for part in parts {
            assert!(tried.iter().any(|line| line.contains(part)), "{part} is not in\n{tried:#?}");
        }
        assert!(tried.iter().all(|line| !line.contains("refused")), "{tried:#?}");
    }
}

#[test]
fn sockets_behave_as_on_a_network() {
    let program = Program::new(NETWORK);
    let plain = program.trace(&["--fake-net"], "plain.bct", &[]).succeeded();
    assert_eq!(plain, expected("network"));
    let values = program.trace(&["--fake-net", "--values"], "values.bct", &[]).succeeded();
    assert_eq!(values, plain);
    let tried = program.view("tried", &[], "plain.bct");
    for part in [
        r"send to 192.0.2.1:4444: 'whoami\x00\x1b[2J' -> faked",
        "send to 192.0.2.1:4444: 'by its twin' -> faked",
        // What was written comes with what is sent next, or when the socket is closed.
        "send to 203.0.113.10:1: 'by writexxxx",
        "xxx', 10008 bytes in all -> faked",
        "send to 203.0.113.10:1: last -> faked",
        "yyy, 4194304 bytes in all -> faked",
        r"send to 192.0.2.1:25: 'HELO\r\n' -> faked",
        "send to 198.51.100.53:53: query -> faked",
        "send to 198.51.100.54:53: again -> faked",
        "connect to 8.8.8.8:80 -> faked",
        r"send to 192.0.2.2:80: 'GET /x?y=z HTTP/1.1\r\n",
        "look up localhost -> allowed",
        "connect to /run/x -> refused: ECONNREFUSED",
        "bind to 0.0.0.0:80 -> refused: EACCES",
    ] {
        assert!(tried.contains(part), "{part} is not in\n{tried}");
    }
}

#[test]
fn runs_on_a_pretended_network_are_repeatable() {
    let program = Program::new(NETWORK);
    for trace in ["a.bct", "b.bct"] {
        program.trace(&["--fake-net", "--deterministic"], trace, &[]).succeeded();
    }
    let [a, b] = ["a.bct", "b.bct"].map(|trace| fs::read(program.path(trace)).unwrap());
    assert_eq!(a, b);
}

#[test]
fn a_tls_client_shows_the_name_of_its_server() {
    let source = "import socket, ssl\ncontext = ssl.SSLContext(ssl.PROTOCOL_SSLv23)\n\
        s = context.wrap_socket(socket.socket(), server_hostname='secret.example.net')\n\
        try: s.connect(('192.0.2.9', 443))\nexcept socket.error: print 'no handshake'\ns.close()\n";
    let (printed, tried) = tried(source, &[]);
    assert_eq!(printed, "no handshake\n");
    let hello = tried.iter().find(|line| line.contains("send to 192.0.2.9:443: ")).expect("what was sent");
    assert!(hello.contains("secret.example.net"), "{hello}");
}

#[test]
fn processes_that_the_program_starts_have_the_pretence_too() {
    let source = "import os, socket, sys\nif os.fork() == 0:\n    s = socket.create_connection(('c2.example.net', 80))\n    \
        s.send('child')\n    os._exit(0)\nos.wait()\nprint socket.gethostbyname('c2.example.net')\n";
    let (printed, tried) = tried(source, &[]);
    assert_eq!(printed, "192.0.2.1\n");
    assert!(tried.iter().any(|line| line.contains("send to 192.0.2.1:80: child -> faked")), "{tried:#?}");
}

#[test]
fn an_allowed_host_is_reached_for_real() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let mut text = String::new();
        std::io::Read::read_to_string(&mut listener.accept().unwrap().0, &mut text).unwrap();
        text
    });
    let source = format!(
        "import socket\nfor host in ['localhost', 'c2.example.net']:\n    s = socket.create_connection((host, {port}))\n    \
         s.send(host)\n    s.close()\n"
    );
    let (_, tried) = tried(&source, &[&format!("--allow-net=localhost:{port}")]);
    assert_eq!(server.join().unwrap(), "localhost");
    assert!(tried.iter().any(|line| line.ends_with(&format!("connect to 127.0.0.1:{port} -> allowed"))), "{tried:#?}");
    assert!(tried.iter().any(|line| line.contains(": c2.example.net -> faked")), "{tried:#?}");
}

#[test]
fn a_pretence_contradicts_a_real_network() {
    let program = Program::new("pass\n");
    let all = run(program.tracing(&["--fake-net", "--allow-net"], "t.bct", &[]));
    let free = run(program.tracing(&["--fake-net", "--no-sandbox"], "t.bct", &[]));
    assert_eq!((all.status, free.status), (2, 2));
    assert!(all.stderr().contains("--fake-net is not for the whole network"), "{}", all.stderr());
    assert!(free.stderr().contains("--fake-net"), "{}", free.stderr());
    assert!(!program.path("t.bct").exists());
}

#[test]
fn what_was_written_to_a_connection_is_reported_when_the_program_ends_without_closing_it() {
    let source = "import os, socket\ns = socket.socket()\ns.connect(('198.51.100.9', 4444))\n\
        if os.fork() == 0:\n    t = socket.socket()\n    t.connect(('198.51.100.8', 4444))\n    \
        os.write(t.fileno(), 'of the child')\n    os._exit(0)\nos.wait()\n\
        os.write(s.fileno(), 'by write')\nos._exit(0)\n";
    let (_, tried) = tried(source, &[]);
    for part in ["send to 198.51.100.9:4444: 'by write' -> faked", "send to 198.51.100.8:4444: 'of the child' -> faked"]
    {
        assert!(tried.iter().any(|line| line.contains(part)), "{part} is not in\n{tried:#?}");
    }
}
