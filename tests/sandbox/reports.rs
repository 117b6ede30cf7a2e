//! What `bctrace tried` says: each attempt is at the instruction that made it.

use super::{Caller, World, numbers};

/// Lines of `tried`, without those that say on whose behalf, and what each says: the instruction's number, its code object's name and
/// offset, and the rest.
fn attempts(tried: &str) -> Vec<(u64, String, String, String)> {
    let lines = tried.lines().filter(|line| line.starts_with("  "));
    lines
        .filter_map(|line| {
            let (place, what) = line.trim_start().split_once(": ")?;
            let (number, place) = place.split_once(' ')?;
            let (name, offset) = place.split_once(" at ")?;
            Some((number.parse().ok()?, name.to_string(), offset.split(' ').next()?.to_string(), what.to_string()))
        })
        .collect()
}

/// Asserts that an attempt of each function, with what is said of it, is where the trace has a call, in that function and at that
/// offset.
#[track_caller]
fn assert_placed(world: &World, functions: &[(&str, &[&str])]) {
    let tried = world.view(&["tried"]);
    let attempts = attempts(&tried);
    for (function, what) in functions {
        let is_it = |said: &str| what.iter().all(|part| said.contains(part));
        let found = attempts.iter().find(|(_, name, _, said)| name == function && is_it(said));
        let (number, name, offset, _) = found.unwrap_or_else(|| panic!("{function} {what:?}: {tried}"));
        let number = number.to_string();
        let shown = world.view(&["show", "-r", "--from", &number, "--count", "1"]);
        let expected = format!("{name}> {offset} CALL_FUNCTION");
        assert!(shown.starts_with(&expected), "{shown} is not {expected}: {tried}");
        // The only call of its line, by the disassembly of the source.
        let dis = crate::live::run(world.command(&["dis", "--format", "lines", "p.py"])).succeeded();
        assert!(dis.contains(&format!(" {offset} CALL_FUNCTION")), "{dis}");
    }
}

const DEEDS: &str = r#"
import ctypes, os, socket, sys, threading
libc = ctypes.CDLL(None)
def nothing(): pass
def reads():
    nothing()
    open('/etc/shadow')
def writes():
    a = [1, 2]
    nothing()
    open('/etc/new', 'w')
def removes():
    nothing(); os.unlink('/etc/passwd'); nothing()
def connects():
    nothing()
    socket.socket().connect_ex(('203.0.113.7', 443))
def sends():
    nothing()
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto('x', ('203.0.113.7', 53))
def kills():
    nothing()
    os.kill(os.getppid(), 9)
def debugs():
    nothing()
    libc.ptrace(16, os.getppid(), 0, 0)
def natively():
    nothing()
    libc.open('/etc/passwd', 1)
def starts():
    nothing()
    os.system('exit 3')
def executes():
    nothing()
    os.execv('/bin/true', ['true', 'two words'])
def changes():
    nothing()
    os.chmod('/etc/passwd', 0600)
def tries(deed):
    try: deed()
    except EnvironmentError: pass
all_deeds = (reads, writes, removes, connects, sends, kills, debugs, natively, starts, executes, changes)
"#;

const PLACES: &[(&str, &[&str])] = &[
    ("reads", &["open /etc/shadow for reading -> refused: EACCES", "; --allow-read=/etc/shadow allows it"]),
    ("writes", &["open /etc/new for writing -> refused: EACCES", "; --allow-write=/etc/new allows it"]),
    ("removes", &["remove /etc/passwd -> refused: EACCES", "; --allow-write=/etc allows it"]),
    ("kills", &["send SIGKILL to its parent -> refused: EPERM"]),
    ("debugs", &["ptrace -> refused: EPERM"]),
    ("natively", &["open /etc/passwd for writing -> refused: EACCES"]),
    ("starts", &["start a process -> allowed"]),
    ("starts", &["run /bin/sh -c 'exit 3' -> refused: EACCES", "; --allow-run allows it"]),
    ("executes", &["run /bin/true 'two words' -> refused: EACCES", "; --allow-run allows it"]),
    ("changes", &["mode, owner or times of /etc/passwd -> refused: EPERM"]),
];

#[test]
fn each_attempt_is_at_the_instruction_that_made_it() {
    for caller in Caller::all() {
        let world = World::new(caller);
        world.write("own/p.py", format!("{DEEDS}\nfor deed in all_deeds: tries(deed)\n"));
        assert_eq!(world.trace(&[], &[]).status, 0);
        assert_placed(&world, PLACES);
        let tried = world.view(&["tried"]);
        for target in ["203.0.113.7:443", "203.0.113.7:53"] {
            let line = tried.lines().find(|line| line.contains(target)).unwrap_or_else(|| panic!("{tried}"));
            assert!(line.contains(&format!("refused: ENETUNREACH; --allow-net={target} allows it")), "{line}");
        }
    }
}

/// System calls that are never allowed, by libc or by their numbers; and what `tried` says of each.
const NEVER: &[(&str, &str)] = &[
    ("call(SYS_memfd_create, 'hidden', 0)", "call memfd_create hidden -> refused: ENOSYS"),
    ("os.chroot('/tmp')", "call chroot /tmp -> refused: EPERM"),
    ("call(SYS_mount, 'none', '/mnt', 'tmpfs', 0, 0)", "call mount /mnt -> refused: EPERM"),
    ("call(SYS_unshare, 0x10000000)", "call unshare 0x10000000 -> refused: EPERM"),
    ("call(SYS_clone, 0x10000011, 0, 0, 0, 0)", "call clone 0x10000011 -> refused: EPERM"),
    ("socket.socket(16, socket.SOCK_RAW, 0)", "make socket family 16, kind 3, protocol 0 -> refused: EACCES"),
    ("socket.socketpair(16, socket.SOCK_RAW, 0)", "make socket family 16, kind 3, protocol 0 -> refused: EAFNOSUPPORT"),
    ("call(SYS_sethostname, 'x', 1)", "call sethostname -> refused: EPERM"),
    ("call(SYS_reboot, 0, 0, 0, 0)", "call reboot -> refused: EPERM"),
    ("call(SYS_init_module, 0, 0, 0)", "call init_module -> refused: EPERM"),
    ("call(SYS_bpf, 5, 0, 0)", "call bpf 5 -> refused: EPERM"),
    ("call(SYS_keyctl, 0, 0, 0, 0, 0)", "call keyctl 0 -> refused: EPERM"),
    ("call(SYS_io_uring_setup, 1, 0)", "call io_uring_setup -> refused: ENOSYS"),
    ("call(SYS_setxattr, '/etc/hosts', 'user.a', 'b', 1, 0)", "call setxattr /etc/hosts -> refused: EOPNOTSUPP"),
    ("call(9999)", "call system call 9999 -> refused: ENOSYS"),
    ("call(SYS_prctl, 1, 9, 0, 0, 0)", "call prctl 1 -> refused: EPERM"),
    ("fcntl.ioctl(0, 0x5412, 'x')", "call ioctl 0x5412 -> refused: ENOTTY"),
    ("fcntl.fcntl(0, fcntl.F_SETLEASE, fcntl.F_RDLCK)", "call fcntl 0x400 -> refused: EPERM"),
    ("fcntl.fcntl(0, fcntl.F_NOTIFY, fcntl.DN_MODIFY)", "call fcntl 0x402 -> refused: EPERM"),
    ("call(SYS_personality, 0x40000)", "call personality 0x40000 -> refused: EPERM"),
    ("resource.setrlimit(resource.RLIMIT_DATA, (9, 9))", "call prlimit64 2 -> refused: EPERM"),
    (
        "call(SYS_sendmsg, socket.socket(2, 2).fileno(), message, 0)",
        "send to 203.0.113.7:53 -> refused: EACCES, 2 times; --allow-net allows it",
    ),
    (
        "call(SYS_sendmmsg, socket.socket(2, 2).fileno(), message, 1, 0)",
        "send to 203.0.113.7:53 -> refused: EACCES, 2 times; --allow-net allows it",
    ),
];

#[test]
fn system_calls_that_are_never_allowed_are_attempts() {
    let numbers = numbers!(SYS_memfd_create SYS_mount SYS_unshare SYS_clone SYS_sethostname SYS_reboot SYS_init_module SYS_bpf SYS_keyctl
        SYS_io_uring_setup SYS_setxattr SYS_prctl SYS_personality SYS_sendmsg SYS_sendmmsg);
    let mut source = format!(
        "import ctypes, fcntl, os, resource, socket, struct
{numbers}
libc = ctypes.CDLL(None)
def call(number, *words):
    libc.syscall(ctypes.c_long(number), *[ctypes.c_long(word) if isinstance(word, int) else word for word in words])
address = ctypes.create_string_buffer(struct.pack('=H', 2) + struct.pack('!H', 53) + socket.inet_aton('203.0.113.7') + '\\0' * 8)
message = ctypes.byref((ctypes.c_uint64 * 8)(ctypes.addressof(address), 16))
"
    );
    for (number, (deed, _)) in NEVER.iter().enumerate() {
        source += &format!(
            "def deed{number}(): {deed}\ntry: deed{number}()\nexcept EnvironmentError: pass\nexcept ValueError: pass\n"
        );
    }
    for caller in Caller::all() {
        let world = World::new(caller);
        world.write("own/p.py", &source);
        assert_eq!(world.trace(&[], &[]).status, 0);
        let tried = world.view(&["tried"]);
        let missing: Vec<_> =
            NEVER.iter().filter(|(_, said)| !tried.lines().any(|line| line.contains(&format!(": {said}")))).collect();
        assert!(missing.is_empty(), "{missing:?}: {tried}");
    }
}

#[test]
fn a_rename_across_folders_says_which_folders_must_be_allowed() {
    let world = World::new(Caller::Tester);
    let [from, to] =
        ["outside/from", "outside/to"].map(|name| world.write(&format!("{name}/x"), "").parent().unwrap().to_owned());
    let [from, to] = [from, to].map(|folder| folder.to_str().unwrap().to_string());
    world.write(
        "own/p.py",
        format!(
            "import os
for deed in (os.link, os.rename):
    try: deed('{from}/x', '{to}/y')
    except OSError: print 'refused'
"
        ),
    );
    assert_eq!(world.trace(&[], &[]).stdout(), "refused\nrefused\n");
    let options = [from, to].map(|folder| format!("--allow-write={folder}"));
    let hint = format!("-> refused: EACCES; {} and {} allow it", options[0], options[1]);
    let tried = world.view(&["tried"]);
    let hints: Vec<_> = tried.lines().filter(|line| line.ends_with(&hint)).collect();
    assert_eq!(hints.len(), 2, "{tried}");
    let ran = world.trace(&[&*options[0], &*options[1]], &[]);
    assert_eq!((ran.status, ran.stdout().as_str()), (0, ""), "{}", ran.stderr());
}

#[test]
fn an_attempt_is_at_its_instruction_though_other_threads_run() {
    let world = World::new(Caller::Tester);
    world.write(
        "own/p.py",
        format!(
            "{DEEDS}
sys.setcheckinterval(1)
over = False
def busy():
    while not over: nothing()
threads = [threading.Thread(target=busy) for number in range(2)]
for thread in threads: thread.start()
for deed in all_deeds * 5: tries(deed)
over = True
for thread in threads: thread.join()
"
        ),
    );
    assert_eq!(world.trace(&[], &[]).status, 0);
    assert_placed(&world, PLACES);
    assert!(
        !attempts(&world.view(&["tried"])).iter().any(|(_, name, ..)| name == "busy"),
        "{}",
        world.view(&["tried"])
    );
}

#[test]
fn what_threads_and_processes_try_is_their_own() {
    let world = World::new(Caller::Tester);
    world.write(
        "own/p.py",
        format!(
            "{DEEDS}
def in_thread():
    tries(reads)
def forks():
    return os.fork()
def in_child():
    tries(writes)
    os._exit(0)
thread = threading.Thread(target=in_thread)
thread.start()
thread.join()
pid = forks()
if pid == 0: in_child()
os.waitpid(pid, 0)
"
        ),
    );
    assert_eq!(world.trace(&[], &[]).status, 0);
    assert_placed(&world, &PLACES[..1]);
    assert_placed(
        &world,
        &[("forks", &["start a process -> allowed"]), ("forks", &["open /etc/new for writing -> refused: EACCES"])],
    );
    let tried = world.view(&["tried"]);
    let (programs, processes) =
        tried.split_once("by processes that the program started:\n").unwrap_or_else(|| panic!("{tried}"));
    assert!(programs.contains("/etc/shadow") && !programs.contains("/etc/new"), "{tried}");
    assert!(processes.contains("/etc/new") && !processes.contains("/etc/shadow"), "{tried}");
}

#[test]
fn what_the_standard_library_does_by_itself_does_not_blame_the_program() {
    for source in [
        "import uuid",
        "import platform\nplatform.processor()",
        "import ctypes.util\ntry: ctypes.util.find_library('c')\nexcept OSError: pass",
        "import tempfile, multiprocessing, ssl, subprocess, logging, sqlite3, xml.dom.minidom",
        "import socket, pwd, grp\nsocket.gethostname(); pwd.getpwuid(0); grp.getgrgid(0)",
        "import time, locale, codecs\nlocale.setlocale(locale.LC_ALL, ''); time.localtime(); open('/dev/null', 'w').write('x'); open('/dev/urandom').read(1)",
    ] {
        let world = World::new(Caller::Tester);
        world.write("own/p.py", source);
        let ran = live_with_messages(&world);
        assert_eq!((ran.status, ran.stderr().as_str()), (0, ""), "{source}");
        let tried = world.view(&["tried"]);
        assert!(!tried.contains("by the program:") && !tried.contains("by processes"), "{source}: {tried}");
    }
    // What the program asks the library for is its own.
    let world = World::new(Caller::Tester);
    world.write("own/p.py", "import subprocess\ntry: subprocess.call(['id'])\nexcept OSError: pass\nimport shutil\ntry: shutil.copy('/etc/passwd', '/etc/new')\nexcept IOError: pass\n");
    let ran = live_with_messages(&world);
    assert!(ran.stderr().contains("refused: run "), "{}", ran.stderr());
    let tried = world.view(&["tried"]);
    let programs = tried.split("by the standard library").next().unwrap();
    assert!(programs.contains("/etc/new for writing") && programs.contains(" for <module>: "), "{tried}");
}

fn live_with_messages(world: &World) -> crate::running::Ran {
    crate::live::run(world.command(&["p.py", "../traces/t.bct"]))
}

#[test]
fn equal_attempts_are_counted() {
    let world = World::new(Caller::Tester);
    world.write(
        "own/p.py",
        "for number in range(1000):
    try: open('/etc/shadow')
    except IOError: pass
",
    );
    assert_eq!(world.trace(&[], &[]).status, 0);
    let tried = world.view(&["tried"]);
    assert_eq!(tried.lines().count(), 2, "{tried}");
    assert!(tried.contains("1,000 times"), "{tried}");
}

#[test]
fn an_option_can_be_pasted_into_a_shell() {
    let world = World::new(Caller::Tester);
    world.write("own/p.py", "try: open(\"/etc/x';echo pasted;#\", 'w')\nexcept IOError: pass\n");
    assert_eq!(world.trace(&[], &[]).status, 0);
    let option = r"; '--allow-write=/etc/x'\'';echo pasted;#' allows it";
    let tried = world.view(&["tried"]);
    assert!(tried.contains(option), "{tried}");
}

#[test]
fn what_a_program_names_is_printed_escaped_and_cut() {
    let world = World::new(Caller::Tester);
    world.write("own/p.py", "import os
for path in ('/etc/\\x1b[31m\\n by the program:', '/etc/' + 'x' * 250 + '/' + 'y' * 3000, '/etc/' + 'z' * 9000, ''):
    for deed in (open, os.unlink, os.mkdir, lambda path: os.execv(path, ['a' * 100000] * 20), lambda path: os.chmod(path, 0)):
        try: deed(path)
        except (IOError, OSError): pass
");
    assert_eq!(world.trace(&[], &[]).status, 0);
    let tried = world.view(&["tried"]);
    assert!(!tried.contains('\x1b') && tried.contains("\\x1b[31m\\n"), "{tried}");
    assert!(tried.lines().skip(1).all(|line| line.starts_with("  ") && line.len() < 20_000), "{tried}");
}

/// Deeds that the broker leaves to Landlock, each with the folder that may be written and not read.
const LEFT_TO_LANDLOCK: &str = "
import errno, os, socket, stat, sys
write_only, closed, scratch = sys.argv[1], sys.argv[2], os.environ['TMPDIR']
open(scratch + '/kept', 'w').close()
deeds = [
    lambda: os.mknod(scratch + '/character', 0600 | stat.S_IFCHR, 259),
    lambda: os.mknod(scratch + '/block', 0600 | stat.S_IFBLK, 259),
    lambda: os.mknod(scratch + '/kept', 0600 | stat.S_IFCHR, 259),
    lambda: os.mkfifo(scratch + '/pipe'),
    lambda: open(write_only + '/file', 'r+'),
    lambda: os.open(write_only + '/file', os.O_RDONLY | os.O_CREAT),
    lambda: os.open(write_only + '/other', os.O_RDONLY | os.O_TRUNC),
    lambda: os.rename(write_only + '/file', scratch + '/file'),
    lambda: os.link(write_only + '/file', scratch + '/link'),
    lambda: os.rename(scratch + '/kept', write_only + '/kept'),
    lambda: socket.socket(socket.AF_UNIX).bind(closed + '/socket'),
    lambda: socket.socket(socket.AF_UNIX).bind(scratch + '/socket'),
]
for deed in deeds:
    try: deed(); print 'allowed'
    except EnvironmentError, error: print 'refused: ' + errno.errorcode[error.errno]
";

#[test]
fn what_landlock_refuses_is_reported_with_the_error_that_the_program_got() {
    for caller in Caller::all() {
        let world = World::new(caller);
        world.write("own/p.py", LEFT_TO_LANDLOCK);
        world.write("outside/write_only/file", "x");
        world.write("outside/write_only/other", "x");
        let [write_only, closed] = ["outside/write_only", "own"].map(|folder| world.path(folder).display().to_string());
        let ran = world.trace(&["--allow-net", &format!("--allow-write={write_only}")], &[&write_only, &closed]);
        let answers = ran.stdout();
        let expected = "EACCES EACCES EEXIST - EACCES EACCES EACCES EXDEV EXDEV - EACCES -";
        let got = answers.lines().map(|line| line.strip_prefix("refused: ").unwrap_or("-")).collect::<Vec<_>>();
        assert_eq!(got.join(" "), expected, "{}", ran.stderr());
        let tried = world.view(&["tried"]);
        let lines: Vec<_> =
            tried.lines().filter(|line| line.contains("<lambda>") || line.contains(" for <lambda>")).collect();
        assert_eq!(lines.len(), answers.lines().count(), "{tried}");
        for (line, answer) in lines.iter().zip(answers.lines()) {
            assert!(
                line.ends_with(&format!("-> {answer}")) || line.contains(&format!("-> {answer};")),
                "{answer}: {line}"
            );
        }
    }
}

#[test]
fn a_program_that_is_not_there_is_reported_with_its_folder() {
    let world = World::new(Caller::Tester);
    world.write(
        "own/p.py",
        "import os, subprocess
def tries(deed, *arguments):
    try: deed(*arguments)
    except OSError: pass
tries(os.execv, '/bin/T49', ['x'])
tries(os.execv, '/opt/evil/id', ['id', 'x'])
tries(subprocess.call, ['/opt/evil/miner', '--pool', 'x'])
tries(subprocess.call, ['miner', '--everywhere'])
tries(subprocess.call, ['id', '--found'])
os.chdir(os.environ['TMPDIR'])
tries(os.execv, './here', ['here'])
",
    );
    assert_eq!(world.trace(&[], &[]).status, 0);
    let tried = world.view(&["tried"]);
    let of = |what: &str| tried.lines().filter(|line| line.contains(what)).count();
    for line in [
        ": run /bin/T49 -> refused: ENOENT",
        ": run /opt/evil/id x -> refused: ENOENT",
        ": run /opt/evil/miner --pool x -> refused: ENOENT",
        ": run /usr/local/bin/miner --everywhere -> refused: ENOENT",
        "/bin/id --found -> refused: EACCES",
        ": run '<scratch>/here' -> refused: ENOENT",
    ] {
        assert_eq!(of(line), 1, "{line}: {tried}");
    }
    // Looked for in several folders, it is one attempt.
    assert_eq!((of("--everywhere"), of("--found")), (1, 1), "{tried}");
    let json = world.view(&["tried", "-f", "json"]);
    assert!(json.contains("/opt/evil/miner"), "{json}");
}

/// Tries things outside by names that count from a folder whose path is longer than any that the kernel tells.
const FROM_THE_DEEP: &str = "import os
os.chdir(os.environ['TMPDIR'])
levels = 30
for level in range(levels): os.mkdir('d' * 200); os.chdir('d' * 200)
up = '../' * (levels + os.environ['TMPDIR'].count('/'))
def tries(deed, *arguments):
    try: deed(*arguments)
    except EnvironmentError: pass
tries(open, up + 'etc/new', 'w')
tries(open, up + 'etc/shadow')
tries(os.remove, up + 'etc/passwd')
tries(os.chmod, up + 'etc/group', 0600)
tries(os.execv, up + 'bin/true', ['true'])
os.symlink('/etc/gshadow', 'link')
tries(open, 'link')
here = os.open('.', os.O_RDONLY)
os.chdir('/')
tries(open, '/proc/self/fd/%d/%setc/fstab' % (here, up), 'a')
os.fchdir(here)
open('own', 'w').write('x')
print open('own').read(), sorted(os.listdir('.'))
";

#[test]
fn names_from_a_folder_deeper_than_a_path_are_reported_as_others_are() {
    for caller in Caller::all() {
        let world = World::new(caller);
        world.write("own/p.py", FROM_THE_DEEP);
        assert_eq!(world.trace(&[], &[]).succeeded(), "x ['link', 'own']\n", "{caller:?}");
        let tried = world.view(&["tried"]);
        for part in [
            ": open /etc/new for writing -> refused: EACCES; --allow-write=/etc/new allows it",
            ": open /etc/shadow for reading -> refused: EACCES; --allow-read=/etc/shadow allows it",
            ": remove /etc/passwd -> refused: EACCES",
            ": change mode, owner or times of /etc/group -> refused: EPERM",
            "/true -> refused: EACCES; --allow-run allows it",
            ": open /etc/gshadow for reading -> refused: EACCES",
            ": open /etc/fstab for writing -> refused: EACCES",
            "/.../own' for writing -> allowed",
        ] {
            assert!(tried.contains(part), "{caller:?}: {part} is not in\n{tried}");
        }
        assert_eq!(world.scratch_folders(), [] as [std::path::PathBuf; 0]);
    }
}
