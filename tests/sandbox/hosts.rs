//! `--allow-net=HOST[:PORT]`: one host is reached, by its name too, and no other.

use std::io::Read;
use std::net::{TcpListener, UdpSocket};

use super::{Caller, World};

/// Sends its last word to an address in each way, and looks names up.
const REACHES: &str = "import errno, socket, sys
port, udp, other = map(int, sys.argv[1:4])
def tries(name, function, *arguments):
    try: result = function(*arguments)
    except socket.gaierror: result = 'unknown'
    except EnvironmentError, error: result = errno.errorcode.get(error.errno, error)
    print name, result
def stream(host, port, timeout):
    connection = socket.socket()
    connection.settimeout(timeout)
    connection.connect((host, port))
    connection.sendall('hello')
    connection.close()
    return 'sent'
def packet(port):
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto('hello', ('127.0.0.1', port))
tries('blocking', stream, '127.0.0.1', port, None)
tries('timed', stream, '127.0.0.1', port, 30)
tries('named', stream, 'localhost', port, 30)
tries('other', stream, '127.0.0.1', other, None)
tries('far', stream, '203.0.113.7', port, None)
tries('packet', packet, udp)
tries('name', socket.gethostbyname, 'no-such-host.invalid')
";

#[test]
fn only_the_host_and_port_that_are_named_are_reached() {
    for caller in Caller::all() {
        let world = World::new(caller);
        world.write("own/p.py", REACHES);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
        let ports = [
            listener.local_addr().unwrap().port(),
            datagrams.local_addr().unwrap().port(),
            other.local_addr().unwrap().port(),
        ];
        let words = ports.map(|port| port.to_string());
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let reading = std::thread::spawn(move || {
            let mut received = Vec::new();
            for _ in 0..3 {
                let mut text = String::new();
                listener.accept().unwrap().0.read_to_string(&mut text).unwrap();
                received.push(text);
            }
            received
        });
        let options = [format!("--allow-net=localhost:{}", ports[0]), format!("--allow-net=127.0.0.1:{}", ports[1])];
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let ran = world.trace(&options, &words);
        let expected =
            "blocking sent\ntimed sent\nnamed sent\nother ENETUNREACH\nfar ENETUNREACH\npacket 5\nname unknown\n";
        assert_eq!((ran.status, ran.stdout().as_str()), (0, expected), "{caller:?}: {}", ran.stderr());
        assert_eq!(reading.join().unwrap(), ["hello"; 3]);
        let mut buffer = [0; 16];
        assert_eq!(datagrams.recv(&mut buffer).unwrap(), 5);
        let tried = world.view(&["tried"]);
        let allowed = format!("connect to 127.0.0.1:{} -> allowed", ports[0]);
        let refused = format!(
            "connect to 127.0.0.1:{} -> refused: ENETUNREACH; --allow-net=127.0.0.1:{} allows it",
            ports[2], ports[2]
        );
        assert!(tried.contains(&allowed) && tried.contains(&refused), "{tried}");
        drop(other);
    }
}

#[test]
fn the_table_of_hosts_has_the_names_that_are_allowed() {
    let world = World::new(Caller::Tester);
    world.write("own/p.py", "print open('/etc/hosts').read().endswith('\\n192.0.2.7 192.0.2.7\\n')\n");
    assert_eq!(world.trace(&["--allow-net=192.0.2.7"], &[]).succeeded(), "True\n");
    assert_eq!(world.trace(&[], &[]).succeeded(), "False\n");
}

#[test]
fn a_host_that_is_no_host_is_refused_in_one_line() {
    let world = World::new(Caller::Tester);
    world.write("own/p.py", "pass\n");
    for host in ["127.0.0.1:http", "127.0.0.1:70000", ":80"] {
        let ran = world.trace(&[&format!("--allow-net={host}")], &[]);
        assert_eq!((ran.status, ran.stderr().lines().count()), (125, 1), "{host}: {}", ran.stderr());
    }
}

#[test]
fn an_interpreter_that_is_started_in_the_sandbox_is_followed() {
    let source = "import subprocess, sys
print subprocess.call([sys.executable, '-c', 'import sys\\ndef f(n): return n + 1\\nsys.exit(f(6))'])
";
    for caller in Caller::all() {
        let world = World::new(caller);
        world.write("own/p.py", source);
        let ran = world.trace(&["--allow-run", "--follow-forks", "-n", "f"], &[]);
        assert_eq!((ran.status, ran.stdout().as_str(), ran.stderr().as_str()), (0, "7\n", ""), "{caller:?}");
        let traces = std::fs::read_dir(world.path("traces")).unwrap().map(|entry| entry.unwrap().path());
        let shown = traces.map(|trace| crate::live::run(world.command(&["show", trace.to_str().unwrap()])).stdout());
        assert_eq!(shown.filter(|text| text.lines().count() == 4).count(), 1, "{caller:?}");
    }
}

#[test]
fn recording_the_processes_that_a_program_starts_is_not_counted_as_what_it_tried() {
    let source = "import os, subprocess, sys
for number in range(3):
    if os.fork() == 0:
        if os.fork() == 0:
            os._exit(0)
        os.wait()
        os._exit(0)
    os.wait()
subprocess.call([sys.executable, '-c', 'import os; os.fork() or os._exit(0)'])
";
    for caller in Caller::all() {
        let world = World::new(caller);
        world.write("own/p.py", source);
        world.trace(&["--allow-run", "--follow-forks"], &[]).succeeded();
        let traces: Vec<_> = std::fs::read_dir(world.path("traces")).unwrap().map(|one| one.unwrap().path()).collect();
        assert!(traces.len() >= 8, "{caller:?} {traces:?}");
        for trace in traces {
            let tried = crate::live::run(world.command(&["tried", trace.to_str().unwrap()])).succeeded();
            let is_own = |line: &str| line.contains(": start a process -> ") || line.contains("/python2.7 -c ");
            let others = tried.lines().filter(|line| line.starts_with("  ") && !is_own(line));
            assert_eq!(others.collect::<Vec<_>>(), [] as [&str; 0], "{caller:?} {}", trace.display());
        }
    }
}
