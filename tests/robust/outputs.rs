//! Outputs that fail while the program runs, and what bctrace itself inherits.

use crate::live::{self, Live, Program};
use crate::running::{self, Ran};

/// Runs long enough that no buffer holds its trace; says so where it comes to its end.
const LONG: &str = "import sys
for i in xrange(300000):
    if i % 3:
        try:
            raise ValueError(i)
        except ValueError:
            pass
sys.stderr.write('went on')
";

const FORMATS: [&str; 6] = ["t.txt", "t.jsonl", "t.bct", "t.txt.zst", "t.jsonl.gz", "t.bct.zst"];

#[test]
fn a_full_device_ends_the_program_with_one_line_in_every_format() {
    let program = Program::new(LONG);
    for format in ["text", "jsonl", "bct"] {
        let ran = program.trace(&["-f", format], "/dev/full", &[]);
        live::assert_failed(&ran, &["/dev/full", "No space left on device"]);
    }
}

#[test]
fn a_closed_pipe_ends_the_program_quietly_in_every_format() {
    let program = Program::new(LONG);
    for format in ["text", "jsonl", "bct"] {
        let mut live = Live::start(program.tracing(&["-f", format], "-", &[]));
        assert_eq!(live.bytes(10).len(), 10);
        drop(live.stdout.take());
        let ran = live.end();
        assert_eq!((ran.status, ran.stderr().as_str()), (141, ""), "{format}");
    }
}

#[test]
fn a_closed_pipe_ends_show_quietly() {
    let program = Program::new(LONG);
    assert_eq!(program.trace(&[], "t.bct", &[]).status, 0);
    let mut live = Live::start(program.command(["show", "t.bct"]));
    assert_eq!(live.bytes(10).len(), 10);
    drop(live.stdout.take());
    let ran = live.end();
    assert_eq!((ran.status, ran.stderr().as_str()), (0, ""));
}

#[test]
fn a_disk_that_fills_up_leaves_whole_lines_and_one_message() {
    let program = Program::new(LONG);
    let whole = program.text(&["-q"], &[]);
    for trace in FORMATS {
        // A mount of its own, in a namespace that ends with the script; what was written is read in there.
        let script = format!(
            "/usr/bin/unshare -m /bin/sh -c '
/bin/mkdir -p disk && /bin/mount -t tmpfs -o size=16k none disk || exit 99
\"$0\" p.pyc disk/{trace} 2>message; status=$?; /bin/cp disk/{trace} {trace}; exit $status' \"$0\" 2>/dev/null"
        );
        let ran = live::run(program.shell(&script));
        let message = program.path("message");
        if ran.status == 99 || !message.exists() {
            println!("nothing shown: this user may not mount a small disk");
            return;
        }
        let ran = Ran { stderr: std::fs::read(message).unwrap(), ..ran };
        live::assert_failed(&ran, &[trace, "No space left on device"]);
        assert_is_beginning(&program, trace, &whole);
    }
}

#[test]
fn a_limit_on_file_size_is_told_like_a_full_disk() {
    let program = Program::new(LONG);
    let whole = program.text(&["-q"], &[]);
    for trace in FORMATS {
        // In blocks of 512 bytes; some shells count 1024.
        let ran = live::run(program.shell(&format!("ulimit -f 20; exec \"$0\" p.pyc {trace}")));
        live::assert_failed(&ran, &[trace, "File too large"]);
        assert_is_beginning(&program, trace, &whole);
    }
}

/// Asserts that a trace which could not be finished is readable and an exact beginning.
#[track_caller]
fn assert_is_beginning(program: &Program, trace: &str, whole: &str) {
    let bytes = running::read(&program.path(trace));
    if bytes.is_empty() && (trace.ends_with(".zst") || trace.ends_with(".gz")) {
        // Not even the first piece of the compressed stream has found room.
        return;
    }
    let text = match trace {
        "t.bct" | "t.bct.zst" => {
            let shown = live::run(program.command(["show", trace]));
            live::assert_failed(&shown, &["the trace has no end"]);
            shown.stdout
        }
        "t.txt.zst" => zstd::decode_all(&bytes[..]).unwrap(),
        "t.jsonl.gz" => std::io::read_to_string(flate2::read::MultiGzDecoder::new(&bytes[..])).unwrap().into_bytes(),
        _ => bytes,
    };
    let text = String::from_utf8(text).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "{trace} ends in a part of a line");
    if trace.starts_with("t.jsonl") {
        for line in text.lines() {
            serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|error| panic!("{trace}: {error}: {line}"));
        }
    } else {
        live::assert_prefix(&text, whole, trace);
    }
}

#[test]
fn a_program_that_may_write_no_file_is_not_confused_with_bctrace() {
    let program = Program::new(
        "import errno, signal
print signal.getsignal(signal.SIGXFSZ) == signal.SIG_IGN
out = open('out', 'w', 0)
try:
    out.write('x' * 100000)
    out.write('x')
except IOError, error:
    print errno.errorcode[error.errno]
",
    );
    let ran = live::run(program.shell("ulimit -f 100; exec \"$0\" p.pyc t.txt"));
    // Python ignores SIGXFSZ itself.
    assert_eq!((ran.status, ran.stdout().as_str(), ran.stderr().as_str()), (0, "True\nEFBIG\n", ""));
}

#[test]
fn ignored_signals_are_inherited_and_the_end_is_still_seen() {
    let program = Program::new(
        "import signal, sys
names = ('SIGCHLD', 'SIGHUP', 'SIGTERM', 'SIGUSR1')
print ' '.join([name for name in names if signal.getsignal(getattr(signal, name)) == signal.SIG_IGN])
sys.exit(5)
",
    );
    // Not by a shell: some have SIGCHLD themselves.
    let ignoring = "import os, signal, sys
for name in sys.argv[1].split():
    signal.signal(getattr(signal, name), signal.SIG_IGN)
os.execv(sys.argv[2], sys.argv[2:])
";
    for names in ["SIGCHLD", "SIGHUP SIGTERM", "SIGCHLD SIGHUP SIGTERM SIGUSR1"] {
        for trace in ["t.txt", "t.bct"] {
            let mut command = program.command(["python", "-c", ignoring, names]);
            command.arg(running::binary()).args(["p.pyc", trace]);
            let ran = live::run(command);
            assert_eq!((ran.status, ran.stdout(), ran.stderr().as_str()), (5, format!("{names}\n"), ""), "{trace}");
        }
        assert_eq!(program.show(&[], "t.bct"), program.read("t.txt"));
    }
}

#[test]
fn closed_standard_streams_harm_neither_the_trace_nor_the_status() {
    let program = Program::new("import sys\nfor i in range(10):\n    pass\nsys.exit(6)\n");
    assert_eq!(program.trace(&[], "whole.txt", &[]).status, 6);
    let whole = program.read("whole.txt");
    for closed in ["<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"] {
        for trace in ["t.txt", "t.bct"] {
            let ran = live::run(program.shell(&format!("exec \"$0\" p.pyc {trace} {closed}")));
            assert_eq!((ran.status, ran.stderr().as_str()), (6, ""), "{closed} {trace}");
        }
        assert_eq!(program.read("t.txt"), whole, "{closed}");
        assert_eq!(program.show(&[], "t.bct"), whole, "{closed}");
    }
}

#[test]
fn the_program_has_no_descriptor_of_ours() {
    let program = Program::new(
        "import os\nprint os.open('/dev/null', os.O_RDONLY)\nprint sorted(map(int, os.listdir('/proc/self/fd')))\n",
    );
    // What the tests have inherited themselves is there as well.
    let plain = live::run(program.command(["python", "p.pyc"])).succeeded();
    assert!(plain.starts_with("3\n"), "{plain}");
    for trace in ["t.txt", "t.bct", "t.txt.zst", "/dev/null"] {
        let ran = program.trace(&[], trace, &[]);
        assert_eq!(ran.stdout(), plain, "{trace}: {}", ran.stderr());
    }
}
