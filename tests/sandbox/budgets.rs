//! What a program and its processes may use: memory and processes answer with errors, output and files end it.  And what the sandbox
//! costs: calls that nobody has to decide cost nothing.

use std::fs;
use std::process::Command;

use super::{Caller, World};
use crate::live::Live;

/// Takes memory of each kind until there is none, and says how many MiB of each it got.
const MEMORY: &str = "import ctypes, errno, mmap, os, sys
def private():
    kept = []
    while True: kept.append('x' * (8 << 20))
def shared():
    kept = []
    while True: kept.append(mmap.mmap(-1, 8 << 20)); taken[0] += 8
def zeros():
    kept, taken[0] = [], 0
    zero = os.open('/dev/zero', os.O_RDWR)
    while taken[0] < 300: kept.append(mmap.mmap(zero, 8 << 20, mmap.MAP_SHARED)); taken[0] += 8
def nameless():
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.memfd_create('x', 0) == -1: raise OSError(ctypes.get_errno(), 'refused')
taken = [0]
for kind in (private, shared, zeros, nameless):
    try: kind()
    except MemoryError: print kind.__name__, 'MemoryError'
    except EnvironmentError, error: print kind.__name__, errno.errorcode[error.errno], taken[0] <= 256
print 'end'
";

#[test]
fn memory_of_every_kind_ends_with_an_error_that_the_program_can_handle() {
    for caller in Caller::all() {
        let world = World::new(caller);
        world.write("own/p.py", MEMORY);
        let ran = world.trace(&["--max-memory", "256M"], &[]);
        let expected = "private MemoryError\nshared ENOMEM True\nzeros ENOMEM True\nnameless ENOSYS True\nend\n";
        assert_eq!((ran.status, ran.stdout().as_str(), ran.stderr().as_str()), (0, expected, ""), "{caller:?}");
    }
}

#[test]
fn processes_share_the_memory() {
    // Each of four would have enough by itself; they wait for each other, so that all have what they have at the same time.
    let source = "import os, sys, time
ends, goes = os.pipe(), os.pipe()
for number in range(4):
    if os.fork() == 0:
        kept = []
        try:
            for turn in range(12):
                kept.append('x' * (8 << 20))
                os.write(ends[1], '.')
                os.read(goes[0], 1)
        except MemoryError:
            os.write(ends[1], 'M')
        os.close(goes[0])
        os.close(goes[1])
        while True: time.sleep(1)
seen = ''
while 'M' not in seen and len(seen) < 48:
    seen += os.read(ends[0], 1)
    # Longer than it takes to measure.
    time.sleep(0.25)
    os.write(goes[1], '.')
print 'M' in seen
";
    let world = World::new(Caller::Tester);
    world.write("own/p.py", source);
    let ran = world.trace(&["--max-memory", "192M"], &[]);
    assert_eq!((ran.status, ran.stdout().as_str()), (0, "True\n"), "{}", ran.stderr());
    let ran = world.trace(&["--max-memory", "2G"], &[]);
    assert_eq!((ran.status, ran.stdout().as_str()), (0, "False\n"), "{}", ran.stderr());
}

/// Ways to exceed what stops a program, each with the option that is named at the end.
const EXCESSES: [(&str, &str, &str); 8] = [
    ("--max-output", "1M", "while True: print 'x' * 1000"),
    ("--max-output", "1M", "import os\nif os.fork() == 0:\n    while True: print 'x' * 1000\nos.wait()"),
    (
        "--max-scratch",
        "1M",
        "import os\nout = os.open(os.environ['TMPDIR'] + '/file', os.O_CREAT | os.O_WRONLY)\nos.write(out, 'x' * (2 << 20))\nwhile True: pass",
    ),
    (
        "--max-files",
        "50",
        "import itertools, os\nfor n in itertools.count(): open('%s/%d' % (os.environ['HOME'], n), 'w')",
    ),
    (
        "--max-files",
        "50",
        "import itertools, os\nos.chdir(os.environ['HOME'])\nfor n in itertools.count(): os.mkdir('d'); os.chdir('d')",
    ),
    (
        "--max-files",
        "50",
        "import os\nos.chdir(os.environ['HOME'])\nfor n in range(30): os.mkdir('d' * 200); os.chdir('d' * 200)\nfor n in range(21): open(str(n), 'w')\nwhile True: pass",
    ),
    (
        "--max-files",
        "50",
        "import os\nos.chdir(os.environ['HOME'])\nos.mkdir('d')\nos.chmod('d', 0300)\nfor n in range(50): open('d/%d' % n, 'w')\nwhile True: pass",
    ),
    (
        "--max-scratch",
        "1M",
        "import os\nos.chdir(os.environ['HOME'])\nos.mkdir('d')\nopen('d/file', 'w').write('x' * (2 << 20))\nos.chmod('d', 0)\nwhile True: pass",
    ),
];

#[test]
fn what_stops_a_program_leaves_a_whole_trace_that_names_the_option() {
    for caller in Caller::all() {
        for (option, limit, source) in EXCESSES {
            let world = World::new(caller);
            world.write("own/p.py", format!("{source}\n"));
            let ran = world.trace(&[option, limit, "--timeout", "100s"], &[]);
            assert_eq!(ran.status, 123, "{caller:?} {option} {source}: {}", ran.stderr());
            let info = world.view(&["info"]);
            assert!(info.contains(&format!("stopped by {option}")), "{info}");
            assert_eq!(world.scratch_folders(), [] as [std::path::PathBuf; 0], "{caller:?} {option}");
        }
    }
}

#[test]
fn files_without_a_name_that_are_written_through_memory_count() {
    let source = "import mmap, os
kept, one = [], 4 << 20
for number in range(24):
    name = os.environ['TMPDIR'] + '/file'
    out = os.open(name, os.O_CREAT | os.O_RDWR)
    os.unlink(name)
    os.ftruncate(out, one)
    kept.append(mmap.mmap(out, one, mmap.MAP_SHARED))
    kept[-1][:] = 'x' * one
while True: pass
";
    let world = World::new(Caller::Tester);
    let kind = Command::new("stat").args(["-f", "-c", "%T"]).arg(world.path("tmp")).output().unwrap();
    if kind.stdout == b"tmpfs\n" {
        // What is in memory goes to no disk.
        return;
    }
    world.write("own/p.py", source);
    let ran = world.trace(&["--max-scratch", "20M", "--max-output", "1M", "--timeout", "100s"], &[]);
    assert_eq!(ran.status, 123, "{}", ran.stderr());
    assert!(world.view(&["info"]).contains("stopped by --max-scratch"));
}

/// Starts processes that wait until one cannot be started; prints why, and how many there are.
const FORKS: &str = "import errno, os
ends = os.pipe()
count = 0
try:
    while count < 100:
        if os.fork() == 0:
            os.close(ends[1])
            os.read(ends[0], 1)
            os._exit(0)
        count += 1
except OSError, error:
    print errno.errorcode[error.errno], count
os.close(ends[1])
";

#[test]
fn forks_beyond_the_budget_fail_and_the_program_goes_on() {
    let source = format!("{FORKS}for number in range(count): os.wait()\nprint 'free', os.fork() >= 0\n");
    for caller in Caller::all() {
        let world = World::new(caller);
        world.write("own/p.py", &source);
        let ran = world.trace(&["--max-processes", "10"], &[]);
        assert_eq!(ran.status, 0, "{}", ran.stderr());
        assert!(ran.stdout().starts_with("EAGAIN 9\nfree True\n"), "{caller:?}: {}", ran.stdout());
    }
}

/// Writes 6 MiB in each of some processes, of which the next begins when the one before is gone.  Each is there for several looks after it has
/// written; after two the program waits to be stopped.
const OUTPUT_OF_A_CHILD: &str = "import os, signal, sys, time
if sys.argv[1] == 'forgotten': signal.signal(signal.SIGCHLD, signal.SIG_IGN)
def write():
    out = os.open('/dev/null', os.O_WRONLY)
    for turn in range(6): os.write(out, 'x' * (1 << 20)); time.sleep(0.05)
    time.sleep(1)
    os._exit(0)
for turn in range(int(sys.argv[2])):
    ends = os.pipe()
    pid = os.fork()
    if pid == 0:
        if sys.argv[1] == 'orphaned' and os.fork(): os._exit(0)
        write()
    os.close(ends[1])
    if sys.argv[1] in ('waited', 'orphaned'): os.waitpid(pid, 0)
    os.read(ends[0], 1)
time.sleep(0.5 if turn == 0 else 60)
print 'end'
";

#[test]
fn what_a_child_writes_counts_once_whatever_becomes_of_it() {
    for caller in Caller::all() {
        let world = World::new(caller);
        world.write("own/p.py", OUTPUT_OF_A_CHILD);
        for (way, option) in [
            ("waited", "--timeout=100s"),
            ("left", "--timeout=100s"),
            ("orphaned", "--timeout=100s"),
            ("orphaned", "--follow-forks"),
            ("forgotten", "--timeout=100s"),
        ] {
            let options = ["--max-output", "10M", option];
            assert_eq!(world.trace(&options, &[way, "1"]).succeeded(), "end\n", "{caller:?} {way}");
            let twice = world.trace(&options, &[way, "2"]);
            assert_eq!(twice.status, 123, "{caller:?} {way}: {}", twice.stderr());
        }
    }
}

#[test]
fn connections_that_only_seem_to_be_made_have_an_end_and_leave_the_budget_of_processes() {
    let connects = "import errno, socket
kept, error = [], None
while len(kept) < 250:
    one = socket.socket()
    error = one.connect_ex(('198.51.100.9', 4444))
    if error: break
    kept.append(one)
print errno.errorcode[error], len(kept)
";
    let world = World::new(Caller::Tester);
    world.write("own/p.py", format!("{connects}{FORKS}"));
    let mut command = world.program("/bin/sh");
    command.args(["-c", "ulimit -n 300; exec \"$0\" -q --fake-net --max-processes 20 p.py ../traces/t.bct"]);
    command.arg(crate::running::binary());
    let ran = crate::live::run(command);
    assert_eq!((ran.status, ran.stdout().as_str()), (0, "EADDRNOTAVAIL 150\nEAGAIN 19\n"), "{}", ran.stderr());
    let tried = world.view(&["tried"]);
    assert!(tried.contains("connect to 198.51.100.9:4444 -> refused: EADDRNOTAVAIL"), "{tried}");
}

#[test]
fn threads_beyond_the_budget_fail_and_the_program_goes_on() {
    let source = "import os, sys, thread
thread.stack_size(32768)
lock, count = thread.allocate_lock(), 0
lock.acquire()
try:
    while count < 1100:
        thread.start_new_thread(lock.acquire, ())
        count += 1
except thread.error, error: print error
print count
sys.stdout.flush()
os._exit(0)
";
    let world = World::new(Caller::Tester);
    world.write("own/p.py", source);
    let ran = world.trace(&[], &[]);
    assert_eq!((ran.status, ran.stdout().as_str()), (0, "can't start new thread\n999\n"), "{}", ran.stderr());
    let tried = world.view(&["tried"]);
    assert!(tried.contains("start a thread -> refused: EAGAIN"), "{tried}");
}

#[test]
fn what_the_kernel_keeps_for_descriptors_has_an_end() {
    let source = "import resource, socket
print resource.getrlimit(resource.RLIMIT_NOFILE)[1] <= 1024
for family in (socket.AF_UNIX, socket.AF_INET):
    one = socket.socket(family)
    for option in (socket.SO_SNDBUF, socket.SO_RCVBUF, 32, 33):
        name = {32: socket.SO_SNDBUF, 33: socket.SO_RCVBUF}.get(option, option)
        before = one.getsockopt(socket.SOL_SOCKET, name)
        one.setsockopt(socket.SOL_SOCKET, option, 2 * before)
        print one.getsockopt(socket.SOL_SOCKET, name) == before,
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    print one.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)
";
    for options in [&[][..], &["--allow-net"]] {
        let world = World::new(Caller::Tester);
        world.write("own/p.py", source);
        let expected = format!("True\n{0}{0}", "True True True True 1\n");
        assert_eq!(world.trace(options, &[]).succeeded(), expected);
    }
}

/// Counts how often a thread of bctrace has waited.
fn waits(process: u32, name: &str) -> u64 {
    let threads = fs::read_dir(format!("/proc/{process}/task")).unwrap().map(|thread| thread.unwrap().path());
    let is_it = |thread: &std::path::PathBuf| fs::read_to_string(thread.join("comm")).unwrap().trim() == name;
    let thread = threads.filter(is_it).last().unwrap();
    let status = fs::read_to_string(thread.join("status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).unwrap();
    line.trim().parse().unwrap()
}

#[test]
fn the_broker_sleeps_while_a_program_calculates() {
    let source = "import sys
print 'ready'
sys.stdout.flush()
for turn in range(int(sys.stdin.readline())): pass
print 'done'
sys.stdout.flush()
sys.stdin.readline()
";
    let world = World::new(Caller::Tester);
    world.write("own/p.py", source);
    let mut live = Live::start(world.tracing(&[], &[]));
    assert_eq!(live.line(), "ready");
    let parent = live.own("bctrace-parent");
    let before = waits(parent, "bctrace-broker");
    // Each call that is answered makes it wait at most twice: for the recorder, and for the next one.
    assert!(before <= 40, "{before} at the start");
    std::io::Write::write_all(live.stdin.as_mut().unwrap(), b"1000000\n").unwrap();
    assert_eq!(live.line(), "done");
    assert_eq!(waits(parent, "bctrace-broker"), before);
    assert_eq!(live.end().status, 0);
}
