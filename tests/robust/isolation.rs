//! What a program of an ordinary user can do to bctrace's processes and to its own trace: no more than to kill and to stop them.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use crate::live::{self, Program};
use crate::{extension, running};

/// An ordinary user's number.
const USER: u32 = 64_321;

/// `bctrace` as an ordinary user runs it, in a folder of that user's.
struct Ordinary {
    program: Program,
    binary: PathBuf,
}

impl Ordinary {
    /// None if this process is root and cannot become another user.
    fn new(source: &str) -> Option<Ordinary> {
        let program = Program::new(source);
        let folder = program.path(".");
        let binary = program.path("bctrace");
        if is_root() {
            std::fs::copy(running::binary(), &binary).unwrap();
            for path in [&folder, &program.path("p.pyc"), &binary] {
                std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
                std::os::unix::fs::chown(path, Some(USER), Some(USER)).ok()?;
            }
        }
        let ordinary = Ordinary { program, binary };
        let tried = ordinary.command(&["--version"]).output();
        tried.is_ok_and(|ran| ran.status.success()).then_some(ordinary)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = match is_root() {
            true => Command::new(&self.binary),
            false => Command::new(running::binary()),
        };
        command.env_clear().current_dir(self.program.path(".")).env("HOME", self.program.path(".")).args(words);
        if is_root() {
            command.uid(USER).gid(USER);
        }
        command
    }
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

/// Tries each attack on its parent, on the other processes of bctrace, and, to show that it would succeed, on a child of its own; prints
/// who let it happen.
const ATTACKS: &str = "import ctypes, errno, os, signal, sys
libc = ctypes.CDLL(None, use_errno=True)
def call(function, *arguments):
    result = function(*[ctypes.c_ulong(argument) if isinstance(argument, int) else argument for argument in arguments])
    if result < 0:
        raise OSError(ctypes.get_errno(), 'refused')
    return result
class Vector(ctypes.Structure):
    _fields_ = [('base', ctypes.c_void_p), ('length', ctypes.c_size_t)]
word = ctypes.create_string_buffer('abc')
def fds(pid):
    for name in os.listdir('/proc/%d/fd' % pid):
        os.close(os.open('/proc/%d/fd/%s' % (pid, name), os.O_RDWR))
def memory(pid):
    os.close(os.open('/proc/%d/mem' % pid, os.O_RDWR))
def maps(pid):
    open('/proc/%d/maps' % pid).read()
def environment(pid):
    open('/proc/%d/environ' % pid).read()
def write(pid):
    # bctrace's processes are forked from one another, so what is here is there too.
    vector = Vector(ctypes.addressof(word), 3)
    call(libc.process_vm_writev, pid, ctypes.byref(vector), 1, ctypes.byref(vector), 1, 0)
def seize(pid):
    call(libc.ptrace, 0x4206, pid, 0, 0)
    call(libc.ptrace, 17, pid, 0, 0)
def steal(pid):
    file = call(libc.syscall, 434, pid, 0)
    os.close(call(libc.syscall, 438, file, 0, 0))
def own():
    parent = os.getppid()
    for name in os.listdir('/proc'):
        if name.isdigit() and int(name) != os.getpid():
            try: words = open('/proc/%s/cmdline' % name).read().split(chr(0))
            except IOError: continue
            if words == mine: yield int(name)
mine = open('/proc/self/cmdline').read().split(chr(0))
others = list(own())
child = os.fork()
if child == 0:
    while 1: signal.pause()
print 'processes', len(others), os.getppid() in others
for attack in (fds, memory, maps, environment, write, seize, steal):
    for pid in others + [child]:
        try: attack(pid)
        except (IOError, OSError), error:
            if pid == child: print 'impossible', attack.__name__
            elif error.errno not in (errno.EACCES, errno.EPERM): print attack.__name__, error
        else:
            if pid != child: print 'succeeded', attack.__name__
os.kill(child, signal.SIGKILL)
os.waitpid(child, 0)
";

#[test]
fn a_program_of_an_ordinary_user_gets_nowhere_near_the_trace_and_the_recorder() {
    let Some(ordinary) = Ordinary::new(ATTACKS) else { return };
    for trace in ["t.bct", "t.txt"] {
        let ran = live::run(ordinary.command(&["--no-sandbox", "p.pyc", trace]));
        assert_eq!((ran.status, ran.stderr().as_str()), (0, ""), "{}", ran.stdout());
        let printed = ran.stdout();
        let mut lines = printed.lines();
        assert_eq!(lines.next(), Some("processes 4 True"), "{printed}");
        // A system may forbid an attack to everybody; then it shows nothing here.
        assert!(lines.all(|line| line.starts_with("impossible")), "{printed}");
    }
    let info = live::run(ordinary.command(&["info", "t.bct"])).succeeded();
    assert!(info.contains("exited with status 0"), "{info}");
    assert!(ordinary.program.read("t.txt").ends_with(" RETURN_VALUE\n"));
}

#[test]
fn the_program_itself_is_as_open_as_without_bctrace() {
    let source = "import ctypes, os
print ctypes.CDLL(None).prctl(3), os.stat('/proc/self/environ').st_uid == os.getuid()
print len(open('/proc/self/environ').read()) > 0, os.access('/proc/self/mem', os.W_OK)
";
    let Some(ordinary) = Ordinary::new(source) else { return };
    let recorded = live::run(ordinary.command(&["p.pyc", "t.txt"])).succeeded();
    let plain = live::run(ordinary.command(&["python", "p.pyc"])).succeeded();
    assert_eq!(recorded, plain);
    assert!(recorded.starts_with("1 True"), "{recorded}");
}

#[test]
fn an_ordinary_user_follows_forks_and_started_interpreters() {
    let source = "import os, subprocess, sys
if os.fork() == 0:
    os._exit(3)
os.wait()
print subprocess.call([sys.executable, '-c', 'import sys\\ndef f(n): return n + 1\\nsys.exit(f(6))'])
";
    let Some(ordinary) = Ordinary::new(source) else { return };
    let ran = live::run(ordinary.command(&["--no-sandbox", "--follow-forks", "-n", "f", "p.pyc", "t.bct"]));
    assert_eq!((ran.status, ran.stdout().as_str(), ran.stderr().as_str()), (0, "7\n", ""));
    let folder = ordinary.program.path(".").read_dir().unwrap();
    let traces = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut traces: Vec<String> = traces.filter(|name| name.ends_with(".bct")).collect();
    traces.retain(|trace| ordinary.program.show(&[], trace).lines().count() == 4);
    assert_eq!(traces.len(), 1, "{traces:?}");
}

/// Asks the front as an interpreter does that begins, and returns how many bytes it answers.
const ASK: &str = "
#include <Python.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
static PyObject *
ask(PyObject *self, PyObject *name)
{
    struct sockaddr_un address = {AF_UNIX, {0}};
    char answer[100];
    int front = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    size_t length = strlen(PyString_AsString(name));

    memcpy(address.sun_path + 1, PyString_AsString(name), length);
    if (connect(front, (struct sockaddr *)&address, offsetof(struct sockaddr_un, sun_path) + 1 + length) != 0)
        return PyErr_SetFromErrno(PyExc_OSError);
    return PyInt_FromLong(recv(front, answer, sizeof answer, 0));
}
static PyMethodDef methods[] = {{\"ask\", ask, METH_O, NULL}, {NULL, NULL, 0, NULL}};
PyMODINIT_FUNC
initfront(void)
{
    Py_InitModule(\"front\", methods);
}
";

#[test]
fn the_rings_and_the_plan_are_handed_to_no_other_program() {
    // The name of the socket is no secret; a process that connects must run this binary and descend from the front.
    let source = "import os, sys
sys.path.insert(0, '.')
import front
address = os.environ['BCTRACE_FOLLOW']
print front.ask(address)
print address
sys.stdout.flush()
os.read(0, 1)
";
    let program = Program::free(source);
    extension::compile(&program.path(""), "front", ASK);
    // Native code of the traced program is in such a process, and gets what an interpreter gets.
    let mut live = live::Live::start(program.tracing(&["--follow-forks"], "t.bct", &[]));
    assert_eq!(live.line(), "1");
    let mut stranger = program.command(["python", "-c", source]);
    stranger.env("BCTRACE_FOLLOW", live.line());
    assert!(live::run(stranger).succeeded().starts_with("0\n"));
    assert_eq!(live.end().status, 0);
}

#[test]
fn sockets_of_the_program_do_not_reach_the_front() {
    let source = "import errno, os, socket
name = '\\0' + os.environ['BCTRACE_FOLLOW']
for kind in socket.SOCK_SEQPACKET, socket.SOCK_STREAM, socket.SOCK_DGRAM:
    for connect in 'connect', 'connect_ex':
        try: print errno.errorcode[getattr(socket.socket(socket.AF_UNIX, kind), connect)(name)]
        except socket.error as error: print errno.errorcode[error.errno]
other = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
other.bind('\\0other-%d' % os.getpid())
other.listen(1)
socket.socket(socket.AF_UNIX, socket.SOCK_STREAM).connect(other.getsockname())
";
    for (program, options) in [
        (Program::new(source), &["--follow-forks", "--allow-net", "--allow-run"][..]),
        (Program::free(source), &["--follow-forks"]),
    ] {
        let ran = program.trace(options, "t.bct", &[]);
        assert_eq!((ran.stdout(), ran.status), ("ECONNREFUSED\n".repeat(6), 0), "{}", ran.stderr());
    }
}
