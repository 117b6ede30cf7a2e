//! Starting programs: by every way that the standard library has, and by system calls, from files with and without a name.

use super::{Caller, Deed, World, assert_deeds, deed, numbers, rare};

/// A program that only exits, in the machine's own code, and needs no loader; a copy of it in a file of the program's; lists of words.
const PRELUDE: &str = r#"
machine, code = {
    'x86_64': (62, '\x31\xff\xb8\x3c\x00\x00\x00\x0f\x05'),
    'aarch64': (183, '\x00\x00\x80\xd2\xa8\x0b\x80\xd2\x01\x00\x00\xd4'),
}[os.uname()[4]]
image = '\x7fELF\x02\x01\x01' + '\0' * 9 + struct.pack('<HHIQQQIHHHHHH', 2, machine, 1, 0x400078, 64, 0, 0, 64, 56, 1, 0, 0, 0)
image += struct.pack('<IIQQQQQQ', 1, 5, 0, 0x400000, 0x400000, 120 + len(code), 120 + len(code), 4096) + code
def made(name, content):
    path = scratch + '/' + name
    open(path, 'w').write(content)
    os.chmod(path, 0755)
    return path
program, script = made('program', image), made('script', '#!/bin/sh\nexit 0\n')
words = (ctypes.c_char_p * 2)('program', None)
def starts(*call_):
    child(lambda: call(*call_))
def nameless(file):
    # Returns a descriptor that is not open for writing, which a file that is executed must not be.
    os.write(file, image)
    os.fchmod(file, 0755)
    again = os.open('/proc/self/fd/%d' % file, os.O_RDONLY)
    os.close(file)
    return again
def spawned(*arguments):
    error = libc.posix_spawn(*arguments)
    if error:
        raise OSError(error, 'refused')
pid = ctypes.c_int()
"#;

const DEEDS: &[Deed] = &[
    deed("assert os.system('exit 7') == 7 << 8", "AssertionError"),
    // What the C library says of a shell that it cannot start.
    deed("assert os.popen('echo ran').read() == 'ran\\n'", "ENOMEM"),
    deed("assert os.popen2('echo ran')[1].read() == 'ran\\n'", "EACCES"),
    deed("subprocess.check_call(['/bin/true'])", "EACCES"),
    deed("subprocess.check_call(['true'])", "EACCES"),
    deed("subprocess.check_call('true', shell=True)", "EACCES"),
    deed("subprocess.check_call([script])", "EACCES"),
    deed("subprocess.check_call([program])", "EACCES"),
    deed("import commands\nassert commands.getoutput('echo ran') == 'ran'", "ENOMEM"),
    deed("assert os.spawnv(os.P_WAIT, '/bin/true', ['true']) == 0", "AssertionError"),
    deed("child(lambda: os.execv('/bin/true', ['true']))", "EACCES"),
    deed("child(lambda: os.execvp('true', ['true']))", "EACCES"),
    deed("child(lambda: os.execv(script, ['script']))", "EACCES"),
    deed("child(lambda: os.execv(program, ['program']))", "EACCES"),
    deed("child(lambda: os.execv(sys.executable, [sys.executable, '-S', '-c', '']))", "EACCES"),
    deed("child(lambda: os.execv('/proc/self/fd/%d' % os.open(program, os.O_RDONLY), ['program']))", "EACCES"),
    deed("child(lambda: os.execv('/proc/self/exe', [sys.executable, '-S', '-c', '']))", "EACCES"),
    deed("spawned(ctypes.byref(pid), '/bin/true', None, None, words, None)\nos.waitpid(pid.value, 0)", "EACCES"),
    deed("spawned(ctypes.byref(pid), program, None, None, words, None)\nos.waitpid(pid.value, 0)", "EACCES"),
    deed("starts(SYS_execve, program, words, 0)", "EACCES"),
    deed("starts(SYS_execveat, -100, program, words, 0, 0)", "EACCES"),
    deed("starts(SYS_execveat, os.open(scratch, os.O_RDONLY), 'program', words, 0, 0)", "EACCES"),
    deed("starts(SYS_execveat, os.open(program, os.O_RDONLY), '', words, 0, 0x1000)", "EACCES"),
    deed("starts(SYS_execveat, call(SYS_openat, -100, program, 0x200000, 0), '', words, 0, 0x1000)", "EACCES"),
    deed("starts(SYS_execveat, nameless(call(SYS_memfd_create, 'x', 0)), '', words, 0, 0x1000)", "ENOSYS"),
    rare(
        "starts(SYS_execveat, nameless(call(SYS_openat, -100, scratch, 020200002, 0700)), '', words, 0, 0x1000)",
        "EACCES",
    ),
    rare(
        "child(lambda: os.execv('/proc/self/fd/%d' % nameless(call(SYS_openat, -100, scratch, 020200002, 0700)), ['x']))",
        "EACCES",
    ),
    // Though its name is none, or the registers are nonsense.
    rare("starts(SYS_execve, '', words, 0)", "EACCES"),
    rare("starts(SYS_execve, 8, words, 0)", "EFAULT"),
    rare("starts(SYS_execve, program, 8, 8)", "EACCES"),
];

#[test]
fn no_program_can_be_started() {
    let prelude = numbers!(SYS_openat SYS_execve SYS_execveat SYS_memfd_create) + PRELUDE;
    assert_deeds(&prelude, DEEDS, &[], &[]);
}

#[test]
fn the_standard_library_does_without_programs_for_purposes_of_its_own() {
    let source = "import ctypes, ctypes.util, os, platform, uuid
import distutils.util, locale, mailcap, mimetypes, multiprocessing, pydoc, socket, sysconfig, tempfile, webbrowser
print [ctypes.util.find_library(name) for name in ('c', 'm', 'there_is_none')]
print ctypes.CDLL(ctypes.util.find_library('c')).getpid() == os.getpid()
print uuid.uuid1() != uuid.uuid1(), uuid.uuid4() != uuid.uuid4(), uuid.getnode() > 0
print platform.system(), platform.python_version(), platform.architecture()[0]
for ask in (platform.platform, platform.uname, platform.processor, platform.linux_distribution, platform.libc_ver, platform.dist,
            distutils.util.get_platform, sysconfig.get_platform, locale.getdefaultlocale, mailcap.getcaps,
            multiprocessing.cpu_count, socket.getfqdn, pydoc.getpager, tempfile.mkdtemp):
    ask()
print mimetypes.guess_type('a.html')[0], webbrowser.open('http://example.org'), multiprocessing.Pool(2).map(abs, [-1, 2])
";
    for caller in Caller::all() {
        let world = World::new(caller);
        world.write("own/p.py", source);
        let printed = world.trace(&[], &[]).succeeded();
        let expected = "[None, None, None]\nTrue\nTrue True True\nLinux 2.7.18 64bit\ntext/html False [1, 2]\n";
        assert_eq!(printed, expected);
    }
}

/// Code in memory may run, as that of C libraries does; calls of another architecture that it makes are none of ours.
#[cfg(target_arch = "x86_64")]
#[test]
fn system_calls_of_another_architecture_end_the_program() {
    // getpid by `int 0x80`.
    let source = "import ctypes, mmap, sys
code = mmap.mmap(-1, 4096, prot=7)
code.write('\\xb8\\x14\\x00\\x00\\x00\\xcd\\x80\\xc3')
print 'before'
sys.stdout.flush()
print ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))() != 0
";
    for caller in Caller::all() {
        let world = World::new(caller);
        world.write("own/p.py", source);
        let ran = world.trace(&[], &[]);
        assert_eq!((ran.status, ran.stdout().as_str()), (128 + libc::SIGSYS, "before\n"), "{}", ran.stderr());
        assert!(world.view(&["info"]).contains("killed by signal 31 "));
    }
}
