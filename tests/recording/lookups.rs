//! The names of hosts that the program looks up are attempts in the trace.  No test here needs a network: the C library refuses these
//! names by itself, or has them in a file.

use serde_json::Value;

use crate::live::Program;

/// The program's way to ask: `ask(function, ...)` ignores how it ends.
const ASK: &str = "import socket, sys, threading
def ask(function, *arguments):
    try: function(*arguments)
    except (socket.error, socket.gaierror, socket.herror): pass
long = 'x' * 64 + '.invalid'
";

/// The objects of one type in a trace in JSON lines.
fn objects(trace: &str, kind: &str) -> Vec<Value> {
    let objects = trace.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    objects.filter(|object| object["type"] == kind).collect()
}

impl Program {
    /// The lookups in a trace of the program, which writes nothing.
    #[track_caller]
    fn lookups(&self, options: &[&str]) -> Vec<Value> {
        assert_eq!(self.trace(options, "t.jsonl", &[]).succeeded(), "");
        let mut attempts = objects(&self.read("t.jsonl"), "attempt");
        attempts.retain(|attempt| attempt["deed"] == "lookup");
        attempts
    }
}

fn names(lookups: &[Value]) -> Vec<&str> {
    lookups.iter().map(|lookup| lookup["targets"][0].as_str().unwrap()).collect()
}

#[test]
fn every_function_that_looks_up_a_host_is_recorded() {
    let program = Program::new(&format!(
        "{ASK}
a = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
ask(socket.gethostbyname, 'a' + long)
ask(socket.gethostbyname_ex, 'b' + long)
ask(socket.gethostbyaddr, 'c' + long)
ask(socket.getaddrinfo, 'd' + long, 80)
ask(socket.getaddrinfo, u'e.invalid', 'no such service')
ask(socket.getnameinfo, ('f' + long, 80), 0)
ask(a.connect, ('g' + long, 80))
ask(a.bind, ('h' + long, 80))
ask(a.sendto, 'data', ('i' + long, 80))
ask(socket.create_connection, ('j' + long, 80))
ask(socket.getfqdn, 'k' + long)
"
    ));
    let lookups = program.lookups(&["-q"]);
    let long = format!("{}.invalid", "x".repeat(64));
    let expected: Vec<String> =
        "abcdefghijk".chars().map(|c| if c == 'e' { "e.invalid".to_string() } else { format!("{c}{long}") }).collect();
    assert_eq!(names(&lookups), expected);
    for lookup in &lookups {
        assert_eq!((&lookup["allowed"], &lookup["by"]), (&Value::from(false), &Value::from("program")), "{lookup}");
        assert!(lookup["errno"].as_i64().unwrap() < 0, "{lookup}");
        assert_eq!(lookup["thread"], 0, "{lookup}");
    }
}

#[test]
fn an_address_or_no_host_is_no_lookup() {
    let program = Program::new(&format!(
        "{ASK}
a = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for name in '127.0.0.1', '', '127.1', '0x7f000001', '<broadcast>', '255.255.255.255':
    ask(socket.gethostbyname, name)
    ask(a.connect, (name, 9))
    ask(socket.getaddrinfo, name, 9)
for name in '::1', '::', 'fe80::1', 'fe80::1%lo', '::ffff:127.0.0.1', None, u'127.0.0.1':
    ask(socket.getaddrinfo, name, 9)
ask(socket.getnameinfo, ('127.0.0.1', 9), socket.NI_NUMERICHOST)
ask(socket.getaddrinfo, 'numeric.invalid', 9, 0, 0, 0, socket.AI_NUMERICHOST)
for name in '1.2.3.4.5', '256.1.1.1', '127.0.0.1 ', '::1::' + long, '1.2.3.4' + long:
    ask(socket.getaddrinfo, name, 'no such service')
"
    ));
    let lookups = program.lookups(&["-q"]);
    let long = format!("{}.invalid", "x".repeat(64));
    let expected = ["<broadcast>", "1.2.3.4.5", "256.1.1.1", "127.0.0.1 "].map(str::to_string);
    let expected = [&expected[..], &[format!("::1::{long}"), format!("1.2.3.4{long}")]].concat();
    assert_eq!(names(&lookups), expected);
}

#[test]
fn a_lookup_stands_after_the_instruction_that_made_it_and_has_its_thread() {
    let program = Program::new(&format!(
        "{ASK}
def looks(): ask(socket.gethostbyname, long)
thread = threading.Thread(target=looks)
thread.start()
thread.join()
"
    ));
    for options in [&["-q"][..], &["-q", "--values"]] {
        let lookups = program.lookups(options);
        assert_eq!((lookups.len(), &lookups[0]["thread"]), (1, &Value::from(1)));
        let trace = program.read("t.jsonl");
        let lines: Vec<&str> = trace.lines().collect();
        let at = lines.iter().position(|line| line.contains("\"deed\":\"lookup\"")).unwrap();
        // Others have run meanwhile.
        let is_its = |line: &str| line.starts_with("{\"type\":\"instruction\"") && line.contains("\"thread\":1,");
        let before = lines[..at].iter().rev().find(|line| is_its(line)).unwrap();
        assert!(before.contains("\"ask\"") && before.contains("CALL_FUNCTION_VAR"), "{before}");
    }
}

#[test]
fn a_long_name_is_cut_and_its_bytes_are_kept() {
    let program = Program::new(&format!("{ASK}ask(socket.gethostbyname, '\\xff' + 'y' * 5000)\n"));
    let lookups = program.lookups(&["-q"]);
    let digits = lookups[0]["targets_hex"]["0"].as_str().unwrap();
    assert_eq!(digits, format!("ff{}", "79".repeat(1023)));
}

/// How many attempts have no record.
fn left_out(trace: &str) -> u64 {
    let counted = objects(trace, "repeated");
    counted.iter().filter(|object| object["attempt"].is_null()).map(|object| object["times"].as_u64().unwrap()).sum()
}

#[test]
fn a_flood_of_lookups_of_one_host_hides_no_other_host() {
    let flood = format!(
        "{ASK}
for number in range(1700): ask(socket.getaddrinfo, 'same.invalid', 'no such service')
ask(socket.getaddrinfo, 'other.invalid', 'no such service')
"
    );
    let program = Program::new(&flood);
    let lookups = program.lookups(&["-q"]);
    let mut expected = vec!["same.invalid"; 1001];
    expected.push("other.invalid");
    assert_eq!(names(&lookups), expected);
    assert_eq!(left_out(&program.read("t.jsonl")), 699);
    // One that is killed says so too.
    let program = Program::new(&format!("{flood}import os\nos.kill(os.getpid(), 9)\n"));
    assert_eq!(program.trace(&["-q"], "t.jsonl", &[]).status, 137);
    let trace = program.read("t.jsonl");
    assert!(trace.contains("\"other.invalid\"") && (350..=699).contains(&left_out(&trace)), "{}", left_out(&trace));
}

#[test]
fn a_lookup_without_a_network_is_as_it_was_answered() {
    let source = "import socket
for name in 'localhost', 'x' * 64 + '.invalid':
    try: print socket.gethostbyname(name)
    except socket.gaierror, error: print error.errno == socket.EAI_NONAME
";
    let program = Program::new(source);
    let tried = |options: &[&str]| {
        let printed = program.trace(options, "t.bct", &[]).succeeded();
        assert_eq!(printed, "127.0.0.1\nTrue\n");
        program.view("tried", &[], "t.bct")
    };
    let alone = tried(&[]);
    assert!(alone.contains("look up localhost -> allowed"), "{alone}");
    assert!(alone.contains(".invalid -> refused: EAI_NONAME; --allow-net allows it"), "{alone}");
    // What a name server says is not known when it is asked.
    let open = tried(&["--allow-net"]);
    assert_eq!(open.matches("-> allowed").count(), 2, "{open}");
}
