//! Programs that start many processes, and such as want to outlive the trace: nothing is left of them.

use std::fs;

use super::{Caller, World};

/// Processes of a program that has this word among its arguments; a zombie has no arguments.
fn left(mark: &str) -> Vec<String> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let is_own = |path: &std::path::Path| {
        fs::read(path.join("cmdline"))
            .is_ok_and(|words| words.split(|&byte| byte == 0).any(|word| word == mark.as_bytes()))
    };
    entries.map(|entry| entry.path()).filter(|path| is_own(path)).map(|path| path.display().to_string()).collect()
}

/// What the first argument names is done with `fork` and the like.
const SWARM: &str = r#"
import ctypes, os, signal, sys, threading
libc = ctypes.CDLL(None)
def wait():
    while 1: signal.pause()
def deaf():
    for number in range(1, 65):
        if number not in (9, 19, 32, 33): signal.signal(number, signal.SIG_IGN)
def daemon(work=wait):
    if os.fork() == 0:
        try:
            os.setsid()
            if os.fork() == 0:
                deaf()
                os.closerange(0, 100)
                work()
        finally:
            os._exit(0)
    os.wait()
def daemons():
    for number in range(8): daemon()
def bomb():
    while 1:
        try: os.fork()
        except OSError: pass
def bombs():
    # They go on while this process ends.
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.write(writer, 'x')
        bomb()
    os.read(reader, 1)
def daemonic_bombs():
    for number in range(3):
        # Those before may have left it no process.
        try: daemon(bomb)
        except OSError: pass
def heirs():
    # Each starts the next one and dies.
    def heir():
        while 1:
            try:
                if os.fork(): os._exit(0)
            except OSError: pass
    daemon(heir)
def many():
    # More than can be followed.
    for number in range(36):
        if os.fork() == 0: wait()
def siblings():
    # CLONE_PARENT: children of bctrace's own process.
    number = {'x86_64': 56, 'aarch64': 220}[os.uname()[4]]
    for turn in range(5):
        if libc.syscall(number, 0x8000 | 17, 0, 0, 0, 0) == 0:
            deaf()
            wait()
def vforks():
    for turn in range(5):
        if os.fork() == 0:
            deaf()
            threading.Thread(target=wait).start()
            wait()
def stopped():
    for turn in range(5):
        pid = os.fork()
        if pid == 0: wait()
        os.kill(pid, signal.SIGSTOP)
def counted():
    # As many as are allowed, with this one; more once one is gone.
    pids = []
    try:
        while 1:
            pid = os.fork()
            if pid == 0: wait()
            pids.append(pid)
    except OSError, error:
        print len(pids) + 1, error.errno
    os.kill(pids[0], 9)
    os.waitpid(pids[0], 0)
    pid = os.fork()
    if pid == 0: os._exit(0)
    print os.waitpid(pid, 0)[1]
sys.stdout.flush()
def end():
    return 4
globals()[sys.argv[1]]()
if sys.argv[3:]: wait()
sys.exit(end())
"#;

const WAYS: [&str; 8] = ["daemons", "bombs", "daemonic_bombs", "heirs", "siblings", "vforks", "stopped", "counted"];

#[test]
fn nothing_that_the_program_starts_outlives_it() {
    for caller in Caller::all() {
        let world = World::new(caller);
        world.write("own/p.py", SWARM);
        for way in WAYS {
            let mark = format!("{}-{way}", world.path("mark").display());
            let ran = world.trace(&["--max-processes=20"], &[way, &mark]);
            assert_eq!((ran.status, left(&mark)), (4, vec![]), "{caller:?} {way}: {}", ran.stderr());
            assert!(world.view(&["info"]).contains("exited with status 4"), "{way}");
            assert!(!world.view(&["show", "-n", "end"]).is_empty(), "{way}");
            let tried = world.view(&["tried"]);
            assert!(tried.contains("start a process -> allowed"), "{way}: {tried}");
            if way == "counted" {
                assert_eq!(ran.stdout(), "20 11\n0\n", "{caller:?}");
                assert!(tried.contains("start a process -> refused: EAGAIN; --max-processes allows it"), "{tried}");
            }
        }
    }
}

#[test]
fn when_the_time_is_over_nothing_is_left_of_a_swarm_that_is_followed() {
    for caller in Caller::all() {
        let world = World::new(caller);
        world.write("own/p.py", SWARM);
        for (way, walls) in
            [("bombs", "--max-processes=40"), ("daemonic_bombs", "--max-processes=40"), ("many", "--no-sandbox")]
        {
            let mark = format!("{}-{way}", world.path("mark").display());
            let ran = world.trace(&["--follow-forks", "--timeout=2s", walls], &[way, &mark, "waits"]);
            assert_eq!((ran.status, left(&mark)), (124, vec![]), "{caller:?} {way}: {}", ran.stderr());
        }
    }
}

#[test]
fn a_daemon_outlives_the_program_without_a_sandbox() {
    let world = World::new(Caller::Tester);
    world.write("own/p.py", SWARM);
    let mark = format!("{}-daemons", world.path("mark").display());
    assert_eq!(world.trace(&["--no-sandbox"], &["daemons", &mark]).status, 4);
    let found = left(&mark);
    for process in &found {
        crate::live::signal("KILL", process.trim_start_matches("/proc/").parse::<u32>().unwrap());
    }
    assert_eq!(found.len(), 8);
}
