//! Other processes: those of bctrace and others of the same user.  And what a process inherits: descriptors, environment, rights.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Stdio};

use super::{Caller, Deed, World, assert_possible, assert_refused, deed, is_root, numbers, rare};
use crate::live::{self, Live};

/// The other process, and an address in it that can be read and written.
const PRELUDE: &str = r#"
target = os.getppid() if arguments[0] == 'parent' else int(arguments[0])
address = ctypes.cast(libc.getpid, ctypes.c_void_p).value if arguments[0] == 'parent' else int(arguments[1], 16)
class Vector(ctypes.Structure):
    _fields_ = [('base', ctypes.c_void_p), ('length', ctypes.c_size_t)]
word = ctypes.create_string_buffer(8)
ours, theirs = Vector(ctypes.addressof(word), 8), Vector(address, 8)
def stops(request):
    # When this process ends, the other one goes on.
    call(SYS_ptrace, request, target, 0, 0)
    if request == 0x4206:
        call(SYS_ptrace, 0x4207, target, 0, 0)
    os.waitpid(target, 0x40000000)
    call(SYS_ptrace, 17, target, 0, 0)
"#;

const DEEDS: &[Deed] = &[
    deed("os.kill(target, 0)", "EPERM"),
    deed("os.kill(target, signal.SIGURG)", "EPERM"),
    deed("call(SYS_kill, target, 0)", "EPERM"),
    deed("call(SYS_tkill, target, 0)", "EPERM"),
    deed("call(SYS_tgkill, target, target, 0)", "EPERM"),
    rare(
        "call(SYS_rt_sigqueueinfo, target, signal.SIGURG, struct.pack('iiiiQ', signal.SIGURG, 0, -1, 0, 0) + '\\0' * 104)",
        "EPERM",
    ),
    rare(
        "call(SYS_rt_tgsigqueueinfo, target, target, signal.SIGURG, struct.pack('iiiiQ', signal.SIGURG, 0, -1, 0, 0) + '\\0' * 104)",
        "EPERM",
    ),
    deed("os.close(call(SYS_pidfd_open, target, 0))", "EPERM"),
    deed("call(SYS_pidfd_getfd, call(SYS_pidfd_open, target, 0), 0, 0)", "EPERM"),
    deed("call(SYS_pidfd_send_signal, call(SYS_pidfd_open, target, 0), 0, 0, 0)", "EPERM"),
    rare("call(SYS_pidfd_getfd, os.open('/proc/%d' % target, os.O_RDONLY), 0, 0)", "EACCES"),
    rare("call(SYS_pidfd_getfd, 0, 0, 0)", "EPERM"),
    rare("call(SYS_pidfd_send_signal, 0, 0, 0, 0)", "EPERM"),
    deed("child(lambda: stops(16))", "EPERM"),
    deed("child(lambda: stops(0x4206))", "EPERM"),
    deed("child(lambda: call(SYS_ptrace, 0, 0, 0, 0))", "EPERM"),
    deed("assert call(SYS_process_vm_readv, target, ctypes.byref(ours), 1, ctypes.byref(theirs), 1, 0) == 8", "EPERM"),
    deed("os.close(os.open('/proc/%d/mem' % target, os.O_RDWR))", "EACCES"),
    deed("os.close(os.open('/proc/%d/mem' % target, os.O_RDONLY))", "EACCES"),
    deed("open('/proc/%d/environ' % target).read()", "EACCES"),
    deed("open('/proc/%d/maps' % target).read()", "EACCES"),
    deed("open('/proc/%d/cmdline' % target).read()", "EACCES"),
    deed("open('/proc/%d/task/%d/maps' % (target, target)).read()", "EACCES"),
    deed("open('/proc/self/../%d/maps' % target).read()", "EACCES"),
    deed("os.listdir('/proc/%d/fd' % target)", "EACCES"),
    rare("os.close(os.open('/proc/%d/fd/0' % target, os.O_RDONLY))", "EACCES"),
    deed("open('/proc/%d/oom_score_adj' % target, 'w').write('0')", "EACCES"),
    deed("os.listdir('/proc')", "EACCES"),
    deed("call(SYS_prlimit64, target, 7, 0, ctypes.byref((ctypes.c_uint64 * 2)()))", "EPERM"),
    deed("call(SYS_setpriority, 0, target, 20 - call(SYS_getpriority, 0, target))", "EPERM"),
    deed(
        "mask = (ctypes.c_uint64 * 128)()\nsize = call(SYS_sched_getaffinity, target, 1024, mask)\ncall(SYS_sched_setaffinity, target, size, mask)",
        "EPERM",
    ),
    rare("call(SYS_ioprio_set, 1, target, 0)", "ENOSYS"),
    rare("call(SYS_move_pages, target, 0, 0, 0, 0, 0)", "ENOSYS"),
    rare("call(SYS_migrate_pages, target, 0, 0, 0)", "ENOSYS"),
    rare("call(SYS_kcmp, target, os.getpid(), 2, 0, 0)", "EPERM"),
    rare("call(SYS_get_robust_list, target, ctypes.byref(word), ctypes.byref(word))", "EPERM"),
];

/// The same that would change bctrace's own.
const WRITES: &[Deed] = &[
    deed("assert call(SYS_process_vm_writev, target, ctypes.byref(ours), 1, ctypes.byref(theirs), 1, 0) == 8", "EPERM"),
    deed("os.kill(-target, 0)", "EPERM"),
    deed("os.kill(-target, signal.SIGURG)", "EPERM"),
];

fn numbers() -> String {
    numbers!(SYS_kill SYS_tkill SYS_tgkill SYS_rt_sigqueueinfo SYS_rt_tgsigqueueinfo SYS_pidfd_open SYS_pidfd_getfd SYS_pidfd_send_signal
        SYS_ptrace SYS_process_vm_readv SYS_process_vm_writev SYS_prlimit64 SYS_setpriority SYS_getpriority SYS_sched_getaffinity
        SYS_sched_setaffinity SYS_ioprio_set SYS_move_pages SYS_migrate_pages SYS_kcmp SYS_get_robust_list)
        + PRELUDE
}

/// Another process of the caller, which repeats the lines that it reads.
struct Bystander {
    process: Child,
}

impl Bystander {
    fn new(world: &World) -> Bystander {
        let mut command = world.program("/bin/cat");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        let mut bystander = Bystander { process: command.spawn().unwrap() };
        assert!(bystander.answers());
        bystander
    }

    /// Its number, and an address of its stack.
    fn arguments(&self) -> [String; 2] {
        let maps = std::fs::read_to_string(format!("/proc/{}/maps", self.process.id())).unwrap();
        let stack = maps.lines().find(|line| line.ends_with("[stack]")).unwrap();
        [self.process.id().to_string(), stack.split_once('-').unwrap().0.to_string()]
    }

    fn answers(&mut self) -> bool {
        let mut line = String::new();
        let stdin = self.process.stdin.as_mut().unwrap();
        stdin.write_all(b"hello\n").is_ok()
            && BufReader::new(self.process.stdout.as_mut().unwrap())
                .read_line(&mut line)
                .is_ok_and(|length| length == 6)
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn other_processes_are_out_of_reach() {
    let deeds = [DEEDS, WRITES].concat();
    for caller in Caller::all() {
        let world = World::new(caller);
        let mut bystander = Bystander::new(&world);
        let arguments = bystander.arguments();
        let arguments = arguments.each_ref().map(String::as_str);
        assert_possible(&world, &numbers(), &deeds, &arguments);
        assert_refused(&world, &numbers(), &deeds, &[], &arguments);
        // Nor with all files open to it.
        let files = ["/mem", "/environ", "/maps", "/fd/0"];
        let reads: Vec<Deed> =
            DEEDS.iter().filter(|deed| files.iter().any(|file| deed.source.contains(file))).copied().collect();
        let results = super::run(&world, &numbers(), &reads, &["--allow-read"], &arguments);
        for (deed, result) in reads.iter().zip(results) {
            assert!(["EACCES", "EPERM"].contains(&result.as_str()), "{}: {result}", deed.source);
        }
        assert!(bystander.answers());
    }
}

#[test]
fn bctraces_own_processes_are_out_of_reach() {
    for caller in Caller::all() {
        let world = World::new(caller);
        // An ordinary user's programs do not reach them without a sandbox either.
        if is_root() && caller == Caller::Tester {
            assert_possible(&world, &numbers(), DEEDS, &["parent"]);
        }
        assert_refused(&world, &numbers(), DEEDS, &[], &["parent"]);
    }
}

/// Deadly signals, and what becomes of the program by them; the last line that it prints, and its status.
const SIGNALS: &[(&str, &str, i32)] = &[
    ("os.kill(os.getppid(), 9)", "EPERM", 3),
    ("os.kill(os.getppid(), signal.SIGSTOP)", "EPERM", 3),
    (
        "os.kill(-os.getpgid(os.getppid()), 9) if os.getpgrp() != os.getpgid(os.getppid()) else os.setsid() and os.kill(-os.getpgid(os.getppid()), 9)",
        "",
        3,
    ),
    ("signal.signal(15, signal.SIG_IGN); os.kill(0, 15)", "done", 3),
    ("os.kill(0, 15)", "", 143),
    ("os.kill(os.getpid(), 15)", "", 143),
    ("os.abort()", "", 134),
    ("libc.raise_ = libc['raise']; libc.raise_(10)", "", 138),
];

#[test]
fn bctrace_survives_the_signals_that_the_program_sends() {
    for caller in Caller::all() {
        for &(source, expected, status) in SIGNALS {
            let world = World::new(caller);
            world.write(
                "own/p.py",
                format!(
                    "import ctypes, errno, os, resource, signal, sys
libc = ctypes.CDLL(None)
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
def deed():
    {source}
try:
    deed()
    print 'done'
except EnvironmentError, error:
    print errno.errorcode[error.errno]
sys.stdout.flush()
sys.exit(3)
"
                ),
            );
            let ran = world.trace(&[], &[]);
            assert_eq!(ran.status, status, "{caller:?} {source}: {}{}", ran.stdout(), ran.stderr());
            assert!(expected.is_empty() || ran.stdout().trim_end() == expected, "{source}: {}", ran.stdout());
            assert!(world.view(&["info"]).contains("instructions"));
            assert!(!world.view(&["show", "-n", "deed"]).is_empty());
        }
    }
}

#[test]
fn each_of_bctraces_processes_survives_the_program() {
    let source = "import errno, os, sys
print 'begun'
sys.stdout.flush()
for pid in sys.stdin.readline().split():
    for signal in (0, 9, 15, 19):
        try:
            os.kill(int(pid), signal)
            print pid, signal
        except OSError, error:
            # An attempt makes a new standby, and the one before ends.
            if error.errno not in (errno.EPERM, errno.ESRCH): print error
def end():
    return 3
sys.exit(end())
";
    for caller in Caller::all() {
        let world = World::new(caller);
        world.write("own/p.py", source);
        let mut live = Live::start(world.tracing(&[], &[]));
        assert_eq!(live.line(), "begun");
        let names = ["bctrace-parent", "bctrace-record", "bctrace-standby"];
        let processes = names.map(|name| live.own(name)).into_iter().chain([live.id()]);
        let numbers: Vec<String> = processes.map(|process| process.to_string()).collect();
        writeln!(live.stdin.as_mut().unwrap(), "{}", numbers.join(" ")).unwrap();
        let ran = live.end();
        assert_eq!((ran.status, ran.stdout().as_str()), (3, ""), "{caller:?}: {}", ran.stderr());
        assert!(!world.view(&["show", "-n", "end"]).is_empty());
    }
}

#[test]
fn a_signal_to_everything_reaches_only_the_programs_own_processes() {
    // Only as a user who has nothing else to lose.
    for caller in Caller::all().into_iter().filter(|caller| *caller == Caller::Ordinary) {
        let world = World::new(caller);
        world.write(
            "own/p.py",
            "import os, signal
pid = os.fork()
if pid == 0:
    while 1: signal.pause()
os.kill(-1, 15)
print os.waitpid(pid, 0)[1]
",
        );
        let mut bystander = Bystander::new(&world);
        let ran = world.trace(&[], &[]);
        assert_eq!((ran.status, ran.stdout().as_str()), (0, "15\n"), "{}", ran.stderr());
        assert!(bystander.answers());
    }
}

/// Starts bctrace, by an interpreter outside of any sandbox, with a secret in descriptors 5 and 1000, in a variable and as typed ahead
/// on a terminal of its own.
const LAUNCHER: &str = r#"
import os, pty, sys
secret = os.open(sys.argv[1], os.O_RDWR)
pid, terminal = pty.fork()
if pid == 0:
    for number in (5, 1000):
        os.dup2(secret, number)
    os.execve(sys.argv[2], sys.argv[2:], {'TMPDIR': sys.argv[1] + '.tmp', 'SECRET': 'precious', 'HOME': '/'})
while 1:
    try: text = os.read(terminal, 4096)
    except OSError: break
    if not text: break
    os.write(1, text)
sys.exit(os.waitpid(pid, 0)[1] >> 8)
"#;

#[test]
fn nothing_but_the_standard_streams_is_inherited() {
    const DEEDS: &[Deed] = &[
        deed(
            "assert os.pread(5, 8, 0) if hasattr(os, 'pread') else (os.lseek(5, 0, 0), os.read(5, 8))[1] == 'precious'",
            "EBADF",
        ),
        deed("os.lseek(1000, 0, 0)", "EBADF"),
        deed("open('/proc/self/fd/5').read()", "ENOENT"),
        deed("assert 'precious' in open('/proc/self/environ').read()", "AssertionError"),
        deed("assert os.environ['SECRET'] == 'precious'", "KeyError"),
        rare("fcntl.ioctl(0, 0x5412, 'x')", "ENOTTY"),
        rare("fcntl.ioctl(0, 0x541c, '\\x03')", "ENOTTY"),
        rare("open('/dev/tty', 'w')", "EACCES"),
        rare("os.open('/dev/ptmx', os.O_RDWR)", "EACCES"),
        rare("assert os.listdir('/dev')", "EACCES"),
    ];
    for caller in Caller::all() {
        let world = World::new(caller);
        world.write("secret", "precious");
        std::fs::create_dir(world.path("secret.tmp")).unwrap();
        world.write("own/launch.py", LAUNCHER);
        let mut source = super::PRELUDE.to_string();
        for (number, deed) in DEEDS.iter().enumerate() {
            source += &format!("attempt({number}, r'''{}\n''')\n", deed.source);
        }
        // Which descriptors there are, seen from the inside.
        source += "print 'open', [number for number in range(3, 2000) if fcntl_of(number)]\n";
        let source = source.replace(
            "outside, scratch",
            "def fcntl_of(number):
    try: return fcntl.fcntl(number, fcntl.F_GETFD) + 1
    except IOError: return 0
outside, scratch",
        );
        world.write("own/p.py", source);
        let run = |options: &[&str]| {
            let binary = match caller {
                Caller::Tester => crate::running::binary().to_owned(),
                Caller::Ordinary => world.path("bctrace"),
            };
            let (secret, outside) = (world.path("secret"), world.path("outside"));
            let [binary, secret, outside] = [&binary, &secret, &outside].map(|path| path.to_str().unwrap());
            let words = ["python", "launch.py", secret, binary];
            let rest = ["-q", "p.py", "../traces/t.bct", "--", outside];
            let ran = live::run(world.command(&[&words, options, &rest].concat()));
            assert_eq!(ran.status, 0, "{}{}", ran.stdout(), ran.stderr());
            ran.stdout().replace('\r', "")
        };
        let plain = run(&["--no-sandbox"]);
        for (number, deed) in DEEDS.iter().enumerate().filter(|(_, deed)| !deed.is_rare) {
            assert!(plain.contains(&format!("{number} done\n")), "{}: {plain}", deed.source);
        }
        let inside = run(&[]);
        for (number, deed) in DEEDS.iter().enumerate() {
            assert!(inside.contains(&format!("{number} {}\n", deed.refusal)), "{}: {inside}", deed.source);
        }
        assert!(inside.ends_with("open []\n"), "{inside}");
    }
}

#[test]
fn the_callers_environment_is_nowhere_in_the_programs_memory() {
    // What follows the first half of the word anywhere must not be the other half, which the program has only backwards.
    let source = "import os, re
def parts():
    for line in open('/proc/self/maps'):
        span, mode = line.split()[:2]
        first, last = [int(word, 16) for word in span.split('-')]
        if mode[0] == 'r' and first < 1 << 47:
            yield first, last
def text(first, last):
    try:
        memory.seek(first)
        return memory.read(last - first)
    except (IOError, OverflowError):
        return ''
memory = open('/proc/self/mem', 'rb', 0)
pattern, other, found = re.compile('precious_([a-z]{8})'), 'sdrawkca', 0
for first, last in list(parts()):
    for match in pattern.finditer(text(first, last)):
        found += match.group(1)[::-1] == other
print found > 0
";
    for caller in Caller::all() {
        let world = World::new(caller);
        world.write("own/p.py", source);
        let run = |options: &[&str]| {
            let mut command = world.tracing(options, &[]);
            command.env("SECRET", "precious_ackwards");
            live::run(command).succeeded()
        };
        assert_eq!(run(&["--no-sandbox"]), "True\n");
        assert_eq!(run(&[]), "False\n", "{caller:?}");
        assert_eq!(run(&["--env", "OTHER=x"]), "False\n", "{caller:?}");
    }
}

#[test]
fn no_capability_is_left_and_none_can_be_gained() {
    const NAMES: [&str; 5] = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"];
    let source = "import subprocess, sys
print open('/proc/self/status').read()
sys.stdout.flush()
if sys.argv[1:]: subprocess.check_call(['/bin/cat', '/proc/self/status'])
";
    for caller in Caller::all() {
        let world = World::new(caller);
        world.write("own/p.py", source);
        let state = |options: &[&str], arguments: &[&str]| world.trace(options, arguments).succeeded();
        let is_none = |text: &str, name: &str| {
            let values = text.lines().filter(|line| line.starts_with(name));
            values
                .map(|line| u64::from_str_radix(line.split_whitespace().nth(1).unwrap(), 16).unwrap() == 0)
                .collect::<Vec<_>>()
        };
        if is_root() && caller == Caller::Tester {
            assert_eq!(is_none(&state(&["--no-sandbox"], &[]), "CapBnd"), [false]);
        }
        let alone = state(&[], &[]);
        let started = state(&["--allow-run", "--allow-read=/proc"], &["start"]);
        for name in NAMES {
            // Of a user without capabilities the bounding set cannot be changed; it gives nothing by itself.
            let expected = !(name == "CapBnd" && !(is_root() && caller == Caller::Tester));
            assert!(!expected || is_none(&alone, name) == [true], "{name} {alone}");
            assert!(!expected || is_none(&started, name) == [true; 2], "{name} {started}");
        }
        for line in ["NoNewPrivs:\t1\n", "Seccomp:\t2\n"] {
            assert_eq!((alone.matches(line).count(), started.matches(line).count()), (1, 2), "{started}");
        }
    }
}

#[test]
fn a_forked_process_reads_of_itself_what_shows_no_memory() {
    let source = "import os, sys
def readable(path):
    try: return bool(os.listdir(path) if path.endswith('/fd') else open(path).read(9))
    except EnvironmentError as error: return error.errno
def ask():
    print [readable('/proc/self/' + name) for name in ('status', 'maps', 'cmdline', 'fd')]
    print open('/proc/self/stat').read().split()[0] == str(os.getpid()), sorted(os.listdir('/proc/self/fd'))[:3]
    print open('/proc/%d/comm' % os.getpid()).read() == open('/proc/self/comm').read()
    sys.stdout.flush()
first = os.getpid()
if os.fork() == 0:
    ask()
    if os.fork() == 0:
        ask()
        print [readable('/proc/%s' % name) for name in ('self/mem', 'self/pagemap', 'self/environ', '%d/status' % os.getppid())]
        sys.stdout.flush()
        os._exit(0)
    os.wait()
    os._exit(0)
os.wait()
ask()
";
    for caller in Caller::all() {
        let world = World::new(caller);
        world.write("own/p.py", source);
        let printed = world.trace(&[], &[]).succeeded();
        let own = "[True, True, True, True]\nTrue ['0', '1', '2']\nTrue\n";
        assert_eq!(printed, [own, own, "[13, 13, 13, 13]\n", own].concat());
    }
}
