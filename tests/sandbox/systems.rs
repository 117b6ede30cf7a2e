//! Systems that cannot do all of it, imitated by a filter that makes calls fail: bctrace says what is missing, still refuses what it
//! promises, and with `--sandbox=strict` runs nothing.

use std::fs;
use std::path::PathBuf;

use super::{Caller, Deed, World, assert_unchanged, deed, look, make_victims};
use crate::live;
use crate::running::{self, Ran};

/// Runs a command on a system that lacks what the letters of the first argument say: `l` Landlock, `n` listeners (EINVAL), `b` a free
/// place for a listener, for this program keeps one, `f` filters, `o` the listeners' newer flag.
const LAUNCHER: &str = r#"
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <signal.h>

static struct sock_filter code[64];
static unsigned short length;

static void
add(unsigned short what, unsigned char yes, unsigned char no, unsigned value)
{
    code[length++] = (struct sock_filter){what, yes, no, value};
}

static void
load(unsigned at)
{
    add(BPF_LD | BPF_W | BPF_ABS, 0, 0, at);
}

/* A flag of seccomp(2), or with 0 every use of it that sets a filter, fails. */
static void
forbid(unsigned flags, unsigned error)
{
    load(0);
    add(BPF_JMP | BPF_JEQ | BPF_K, 0, flags ? 3 : 5, SYS_seccomp);
    if (flags) {
        load(24);
        add(BPF_JMP | BPF_JSET | BPF_K, 0, 1, flags);
    } else {
        load(16);
        add(BPF_JMP | BPF_JEQ | BPF_K, 0, 3, SECCOMP_SET_MODE_FILTER);
        load(32);
        add(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 0);
    }
    add(BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | error);
}

int
main(int argc, char **argv)
{
    int listens = strchr(argv[1], 'b') != NULL, ready[2], status;
    struct sock_fprog program = {0, code};
    pid_t child;

    load(0);
    for (unsigned number = 444; strchr(argv[1], 'l') && number < 447; number++) {
        add(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, number);
        add(BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | ENOSYS);
    }
    if (strchr(argv[1], 'n'))
        forbid(SECCOMP_FILTER_FLAG_NEW_LISTENER, EINVAL);
    if (strchr(argv[1], 'o'))
        forbid(1 << 5, EINVAL);
    if (strchr(argv[1], 'f'))
        forbid(0, ENOSYS);
    add(BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW);
    program.len = length;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return 99;
    /* The command inherits the filter; its listener stays here. */
    status = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, listens ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0, &program);
    if (status < 0)
        return 98;
    child = fork();
    if (child == 0) {
        if (listens)
            close(status);
        execv(argv[2], argv + 2);
        _exit(97);
    }
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
"#;

struct System {
    world: World,
    launcher: PathBuf,
    lacks: &'static str,
}

impl System {
    fn new(caller: Caller, lacks: &'static str) -> System {
        let world = World::new(caller);
        let source = world.write("launcher.c", LAUNCHER);
        let launcher = world.path("launcher");
        let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        let mut cc = cc::Build::new();
        cc.target(&target).host(&target).opt_level(0).cargo_metadata(false);
        let output = cc.get_compiler().to_command().args(["-w", "-o"]).arg(&launcher).arg(&source).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        System { world, launcher, lacks }
    }

    /// `bctrace OPTIONS own/p.py traces/t.bct -- outside` on this system.
    fn run(&self, options: &[&str]) -> Ran {
        let binary = match self.world.caller {
            Caller::Tester => running::binary().to_owned(),
            Caller::Ordinary => self.world.path("bctrace"),
        };
        let mut command = self.world.program(self.launcher.to_str().unwrap());
        command.arg(self.lacks).arg(binary).args(options).args(["p.py", "../traces/t.bct", "--"]);
        command.arg(self.world.path("outside"));
        live::run(command)
    }

    /// Runs deeds; returns the result of each, and what bctrace says.
    fn results(&self, deeds: &[Deed]) -> (Vec<String>, String) {
        let mut source = super::PRELUDE.to_string();
        // Without Landlock nothing can be written in the scratch folder either.
        source = source.replace("    open(scratch + '/mine-%d' % number, 'w').write('mine')\n", "");
        for (number, deed) in deeds.iter().enumerate() {
            source += &format!("attempt({number}, r'''{}\n''')\n", deed.source);
        }
        self.world.write("own/p.py", source);
        let ran = self.run(&[]);
        assert_eq!(ran.status, 0, "{} {}{}", self.lacks, ran.stdout(), ran.stderr());
        let results = ran.stdout().lines().map(|line| line.split_once(' ').unwrap().1.to_string()).collect();
        (results, ran.stderr())
    }
}

/// What no system lets through, as far as files, programs, the network and processes go.
const ALWAYS: &[Deed] = &[
    deed("open(victim, 'w')", "EACCES"),
    deed("os.open(victim, os.O_RDONLY | os.O_TRUNC)", "EACCES"),
    deed("open(place + '/new', 'w')", "EACCES"),
    deed("os.unlink(victim)", "EACCES"),
    deed("os.mkdir(place + '/new')", "EACCES"),
    deed("os.rename(victim, place + '/new')", "EACCES"),
    deed("os.link(victim, place + '/new')", "EACCES"),
    deed("os.symlink('text', place + '/new')", "EACCES"),
    deed("os.mkfifo(place + '/new')", "EACCES"),
    deed("check(libc.truncate(victim, ctypes.c_long(1)))", "EACCES"),
    deed("os.execv('/bin/true', ['true'])", "EACCES"),
];

/// What a filter refuses.
const FILTERED: &[Deed] = &[
    deed("os.chmod(victim, 0600)", "EPERM"),
    deed("os.utime(victim, (1, 2))", "EPERM"),
    deed("os.chown(victim, os.getuid(), os.getgid())", "EPERM"),
    deed("socket.create_connection(('127.0.0.1', 9))", "ENETUNREACH"),
    deed("socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto('x', ('127.0.0.1', 9))", "ENETUNREACH"),
    deed("socket.socket().listen(1)", "EACCES"),
    deed("socket.socket(16, socket.SOCK_RAW, 0)", "EACCES"),
    deed("os.kill(os.getppid(), 0)", "EPERM"),
    deed("check(libc.ptrace(16, os.getppid(), 0, 0))", "EPERM"),
    deed("check(libc.prctl(1, 0))", "EPERM"),
    deed("check(libc.unshare(0x200))", "EPERM"),
];

const NO_LANDLOCK: &str = "bctrace: this kernel has no Landlock: the program can read every file that you can; it can write none, not even in \
                           its own scratch folder";
const NO_LISTENER: &str = "bctrace: this system does not let bctrace watch system calls (";

/// The system by its letters, the beginnings of what bctrace says, the deeds that are refused, and what the trace says of the sandbox.
type Lacking = (&'static str, &'static [&'static str], &'static [&'static [Deed]], &'static str);
const SYSTEMS: &[Lacking] = &[
    ("", &[], &[ALWAYS, FILTERED], "watched"),
    ("o", &[], &[ALWAYS, FILTERED], "watched"),
    ("l", &[NO_LANDLOCK], &[ALWAYS, FILTERED], "watched"),
    ("n", &[NO_LISTENER], &[ALWAYS, FILTERED], "unwatched"),
    ("b", &[NO_LISTENER], &[ALWAYS, FILTERED], "unwatched"),
    ("ln", &[NO_LANDLOCK, NO_LISTENER], &[ALWAYS, FILTERED], "unwatched"),
    ("lb", &[NO_LANDLOCK, NO_LISTENER], &[ALWAYS, FILTERED], "unwatched"),
    ("f", &["bctrace: this system has no seccomp filters ("], &[ALWAYS], "unwatched"),
];

#[test]
fn a_system_that_lacks_something_is_said_to_and_refuses_the_rest() {
    for caller in Caller::all() {
        let mut system = System::new(caller, "");
        for &(lacks, lines, deeds, _) in SYSTEMS {
            system.lacks = lacks;
            let deeds = deeds.concat();
            make_victims(&system.world, &deeds);
            drop(system.world.command(&[]));
            let before = look(&system.world.path("outside"));
            let (results, stderr) = system.results(&deeds);
            for (deed, result) in deeds.iter().zip(results) {
                // Without a listener the network has one error.
                let is_right = deed.refusal == result || (!lines.is_empty() && result.starts_with('E'));
                assert!(is_right, "{caller:?} {lacks:?}: {}: {result}", deed.source);
            }
            assert_unchanged(&system.world.path("outside"), &before);
            let said: Vec<&str> =
                stderr.lines().filter(|line| line.contains("this kernel") || line.contains("this system")).collect();
            assert_eq!(said.len(), lines.len(), "{lacks:?}: {stderr}");
            assert!(said.iter().zip(lines).all(|(said, line)| said.starts_with(line)), "{lacks:?}: {stderr}");
            // What is there is read as it was, unless Landlock is missing.
            let reads = [deed("assert open(victim).read() == 'precious'", "")];
            let (results, _) = system.results(&reads);
            let expected = if lacks == "l" || !lacks.contains('l') { "EACCES" } else { "done" };
            assert_eq!(results, [expected], "{caller:?} {lacks:?}");
        }
    }
}

#[test]
fn a_strict_sandbox_is_whole_or_the_program_does_not_run() {
    for caller in Caller::all() {
        let mut system = System::new(caller, "");
        for &(lacks, lines, ..) in SYSTEMS {
            system.lacks = lacks;
            system.world.write("own/p.py", "print 'ran'");
            let ran = system.run(&["--sandbox=strict"]);
            let (status, printed) = if lines.is_empty() { (0, "ran\n") } else { (125, "") };
            assert_eq!((ran.status, ran.stdout().as_str()), (status, printed), "{lacks:?}: {}", ran.stderr());
            assert!(lines.iter().all(|line| ran.stderr().contains(line)), "{lacks:?}: {}", ran.stderr());
            assert_eq!(ran.stderr().contains("--sandbox=strict"), !lines.is_empty(), "{}", ran.stderr());
        }
    }
}

#[test]
fn a_trace_says_whether_its_program_was_watched() {
    let mut system = System::new(Caller::Tester, "");
    for &(lacks, _, _, kind) in SYSTEMS {
        system.lacks = lacks;
        system.world.write("own/p.py", "try: open('/etc/new', 'w')\nexcept IOError: pass\n");
        assert_eq!(system.run(&[]).status, 0);
        let info = system.world.view(&["info"]);
        let line = info.lines().find_map(|line| line.strip_prefix("sandbox")).unwrap_or_else(|| panic!("{info}"));
        let is_watched = kind == "watched";
        assert_eq!(line.contains("unwatched"), !is_watched, "{lacks:?}: {line}");
        let tried = live::run(system.world.command(&["tried", "../traces/t.bct"])).stdout();
        assert_eq!(tried.contains("/etc/new"), is_watched, "{lacks:?}: {tried}");
    }
    // Processes die with the program, though nobody counts them.
    system.lacks = "n";
    system.world.write(
        "own/p.py",
        "import os, signal
for number in range(5):
    if os.fork() == 0:
        os.setsid()
        while 1: signal.pause()
print 'started'
",
    );
    assert_eq!(system.run(&[]).stdout(), "started\n");
    let mark = system.world.path("outside").display().to_string();
    let is_left = |process: &live::Process| {
        fs::read_to_string(format!("/proc/{}/cmdline", process.id)).is_ok_and(|words| words.contains(&mark))
    };
    assert!(!live::Process::all().iter().any(is_left));
}
