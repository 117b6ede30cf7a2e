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

/// The same, with a trace that repeats itself little.
const VARIED: &str = "import sys
n = 12345
for i in xrange(40000):
    n = (n * 1103515245 + 12345) % 2147483648
    if n & 4096:
        try: raise ValueError(n)
        except ValueError: pass
sys.stderr.write('went on')
";

const FORMATS: [&str; 9] =
    ["t.txt", "t.jsonl", "t.bct", "t.txt.zst", "t.txt.gz", "t.jsonl.zst", "t.jsonl.gz", "t.bct.zst", "t.bct.gz"];

/// What else is recorded or written.
const OPTIONS: [&[&str]; 4] = [&[], &["--values"], &["--dump-code", "disk/dump"], &["--follow-forks"]];

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
fn a_disk_that_fills_up_leaves_what_fits_and_says_so() {
    let program = Program::new(VARIED);
    for options in OPTIONS {
        let whole = whole_of(&program, options);
        for trace in FORMATS {
            // A mount of its own, in a namespace that ends with the script; what was written is read in there.
            let script = format!(
                "/usr/bin/unshare -m /bin/sh -c '
/bin/rm -rf dump; /bin/mkdir -p disk && /bin/mount -t tmpfs -o size=48k none disk || exit 99
\"$0\" {} p.pyc disk/{trace} 2>message; status=$?; /bin/cp -r disk/* .; exit $status' \"$0\" 2>/dev/null",
                options.join(" ")
            );
            let ran = live::run(program.shell(&script));
            let message = program.path("message");
            if ran.status == 99 || !message.exists() {
                assert!(std::env::var_os("CI").is_none(), "this user may not mount a small disk");
                println!("nothing shown: this user may not mount a small disk");
                return;
            }
            let ran = Ran { stderr: std::fs::read(message).unwrap(), ..ran };
            live::assert_failed(&ran, &[trace, "No space left on device"]);
            assert_ends_early(&program, trace, &whole, "No space left on device");
            if options.contains(&"--dump-code") {
                assert_is_dumped(&program);
            }
        }
    }
}

#[test]
fn a_limit_on_file_size_is_reported_like_a_full_disk() {
    let program = Program::new(VARIED);
    for options in [OPTIONS[0], OPTIONS[1]] {
        let whole = whole_of(&program, options);
        for trace in FORMATS {
            // In blocks of 512 bytes; some shells count 1024.
            let script = format!("ulimit -f 50; exec \"$0\" {} p.pyc {trace}", options.join(" "));
            let ran = live::run(program.shell(&script));
            live::assert_failed(&ran, &[trace, "File too large"]);
            assert_ends_early(&program, trace, &whole, "File too large");
        }
    }
}

/// Does something to each file whose name begins with `t.`, while it runs.
const MEDDLER: &str = "import glob, os, sys
for round in range(5):
    for name in glob.glob('t.*'):
        if not os.path.isfile(name):
            continue
        if sys.argv[1] == 'unlink':
            os.unlink(name)
        elif sys.argv[1] == 'trunc':
            open(name, 'w').close()
        elif sys.argv[1] == 'over':
            open(name, 'r+').write('\\x1b[31mgarbage ' * 1000)
        elif sys.argv[1] == 'append':
            open(name, 'a').write('forged> 0 RETURN_VALUE\\n' * 1000)
        elif sys.argv[1] == 'rename':
            os.rename(name, 'moved-' + name)
        elif sys.argv[1] == 'replace':
            open('new', 'w').write('forged> 0 RETURN_VALUE\\n')
            os.rename('new', name)
        elif sys.argv[1] == 'folder':
            os.unlink(name)
            os.mkdir(name)
        elif sys.argv[1] == 'chmod':
            os.chmod(name, 0)
    for i in xrange(100000):
        pass
";

#[test]
fn whatever_a_program_does_to_its_trace_is_said_at_the_end() {
    let program = Program::free(MEDDLER);
    for trace in FORMATS {
        for (deed, said) in [
            ("unlink", "was removed"),
            ("trunc", "was changed"),
            ("over", "was changed"),
            ("append", "was changed"),
            ("rename", "was moved or replaced while it was written; the trace is now /"),
            ("replace", "was removed"),
            ("folder", "was removed"),
        ] {
            let ran = program.trace(&["-q", "--force"], trace, &[deed]);
            // Where nothing is in the file yet, nothing can be taken away.
            if deed == "trunc" && ran.status == 0 {
                // No other form can be shown.
                assert!(!trace.contains(".bct") || program.show(&[], trace).ends_with("RETURN_VALUE\n"), "{trace}");
                continue;
            }
            live::assert_failed(&ran, &[trace, said]);
            let _ = std::fs::remove_dir(program.path(trace));
        }
        let ran = program.trace(&["--force"], trace, &["chmod"]);
        assert_eq!((ran.status, ran.stderr().as_str()), (0, ""), "{trace}: its content is what was written");
    }
}

#[test]
fn a_folder_of_code_objects_is_written_where_it_was_opened() {
    let program = Program::free(
        "import os
os.rename('dump', 'moved')
os.mkdir('victim')
open('victim/manifest.json', 'w').write('precious')
open('victim/0002-f.pyc', 'w').write('precious')
os.symlink('victim', 'dump')
os.symlink('../victim/0002-f.pyc', 'moved/0003-g.pyc')
def f(): pass
def g(): pass
f()
g()
",
    );
    let ran = program.trace(&["--no-stdlib", "--dump-code", "dump"], "t.bct", &[]);
    live::assert_failed(&ran, &["dump was moved or replaced", "/moved"]);
    for name in ["manifest.json", "0002-f.pyc"] {
        assert_eq!(program.read(&format!("victim/{name}")), "precious");
    }
    let manifest: serde_json::Value = serde_json::from_str(&program.read("moved/manifest.json")).unwrap();
    for layer in manifest["layers"].as_array().unwrap() {
        let file = std::fs::symlink_metadata(program.path("moved").join(layer["file"].as_str().unwrap())).unwrap();
        assert!(file.is_file(), "{layer}");
    }
}

/// The text of the whole trace with these options, as far as they change it.
fn whole_of(program: &Program, options: &[&str]) -> String {
    let options: Vec<&str> = options.iter().copied().filter(|&option| option == "--values").collect();
    program.text(&[&["-q"], &options[..]].concat(), &[])
}

/// Asserts that a trace whose output failed is readable, an exact beginning, and says why it ends if it can.
#[track_caller]
fn assert_ends_early(program: &Program, trace: &str, whole: &str, cause: &str) {
    let bytes = running::read(&program.path(trace));
    assert!(!bytes.is_empty(), "nothing of {trace} was kept");
    let form = trace.split('.').nth(1).unwrap();
    let text = match trace.rsplit('.').next().unwrap() {
        _ if form == "bct" => {
            let info = live::run(program.command(["info", trace])).succeeded();
            assert!(info.contains(&format!("could not be written on: {cause}")), "{trace}: {info}");
            assert!(!info.contains("damage"), "{trace}: {info}");
            live::run(program.command(["show", trace])).succeeded().into_bytes()
        }
        "zst" => zstd::decode_all(&bytes[..]).unwrap(),
        "gz" => std::io::read_to_string(flate2::read::MultiGzDecoder::new(&bytes[..])).unwrap().into_bytes(),
        _ => bytes,
    };
    let text = String::from_utf8(text).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "{trace} ends in a part of a line");
    if form != "jsonl" {
        return live::assert_prefix(&text, whole, trace);
    }
    let objects =
        text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{trace}: {error}: {line}")));
    let objects: Vec<serde_json::Value> = objects.collect();
    let ends: Vec<_> = objects.iter().filter(|object| object["type"] == "end").collect();
    assert_eq!(ends, [objects.last().unwrap()], "{trace}");
    assert_eq!((&ends[0]["reason"], &ends[0]["detail"]), (&"output failed".into(), &cause.into()), "{trace}");
}

/// Asserts that the manifest of a dump that could not be finished names the files that are there, whole.
fn assert_is_dumped(program: &Program) {
    let manifest: serde_json::Value = serde_json::from_str(&program.read("dump/manifest.json")).unwrap();
    let layers = manifest["layers"].as_array().unwrap();
    for layer in layers {
        let file = running::read(&program.path("dump").join(layer["file"].as_str().unwrap()));
        assert!(file.starts_with(b"\x03\xf3\r\n") && file.len() > 8, "{layer}");
    }
    let files = std::fs::read_dir(program.path("dump")).unwrap().count();
    assert_eq!(files, layers.len() + 1);
}

#[test]
fn a_program_that_may_write_no_file_is_not_confused_with_bctrace() {
    let program = Program::free(
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
    let ran = live::run(program.shell("ulimit -f 100; exec \"$0\" --no-sandbox p.pyc t.txt"));
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

/// Makes a function of a code object with so many bytes, these names and constants.
const LARGE: &str = "import types
def make(size, names, constants): return types.FunctionType(
    types.CodeType(0, 0, 1, 67, '\\x09' * size + 'd\\x00\\x00S', (None,) + constants, names, (), 'f', 'f', 1, ''), {})
def before(): pass
before()
";

#[test]
fn a_code_object_that_no_block_can_hold_ends_the_program_and_the_trace_says_so() {
    for making in ["make(12000000, (), ())", "make(0, (), ('x' * 5000,) * 30000)", "make(0, ('x' * 40000000,), ())"] {
        let program = Program::new(&format!("{LARGE}{making}()\n"));
        for trace in ["t.bct", "t.bct.zst"] {
            let ran = program.trace(&[], trace, &[]);
            live::assert_failed(&ran, &["too large for a .bct; record as text instead"]);
            let info = live::run(program.command(["info", trace])).succeeded();
            assert!(info.contains("too large for a .bct"), "{info}");
            let shown = live::run(program.command(["show", trace])).succeeded();
            assert!(shown.contains("before> 3 RETURN_VALUE"), "{shown}");
        }
    }
}

#[test]
fn triage_fails_if_a_trace_lacks_something() {
    let program = Program::new(&format!("{LARGE}make(12000000, (), ())()\n"));
    let ran = live::run(program.command(["triage", "p.pyc", "-o", "triage"]));
    assert_eq!(ran.status, 125, "{}{}", ran.stdout(), ran.stderr());
    assert!(
        ran.stdout().contains("failed: record: ") && ran.stdout().contains("too large for a .bct"),
        "{}",
        ran.stdout()
    );
}
