//! Files outside of what the program may read and write.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{
    Caller, Deed, World, assert_possible, assert_refused, assert_unchanged, deed, is_root, look, make_victims, numbers,
    rare, run,
};
use crate::live;

/// Each changes something in its folder.
const CHANGES: &[Deed] = &[
    deed("open(victim, 'r+')\nos.utime(victim, None)", "EACCES"),
    deed("open(victim, 'w')", "EACCES"),
    deed("open(victim, 'a').write('x')", "EACCES"),
    deed("os.open(victim, os.O_RDONLY | os.O_TRUNC)", "EACCES"),
    deed("os.open(victim, os.O_WRONLY | os.O_TRUNC)", "EACCES"),
    deed("open(place + '/new', 'w')", "EACCES"),
    deed("os.open(place + '/new', os.O_CREAT | os.O_RDONLY)", "EACCES"),
    deed("os.open(place + '/new', os.O_CREAT | os.O_EXCL | os.O_RDWR)", "EACCES"),
    deed(
        "os.truncate(victim, 1) if hasattr(os, 'truncate') else check(libc.truncate(victim, ctypes.c_long(1)))",
        "EACCES",
    ),
    deed("os.unlink(victim)", "EACCES"),
    deed("os.rmdir(place + '/empty')", "EACCES"),
    deed("os.mkdir(place + '/new')", "EACCES"),
    deed("os.rename(victim, place + '/other')", "EACCES"),
    deed("os.rename(victim, scratch + '/stolen-%d' % number)", "EACCES"),
    deed("os.rename(mine, victim)", "EACCES"),
    deed("os.rename(place + '/full', scratch + '/full-%d' % number)", "EACCES"),
    deed("os.link(victim, place + '/other')", "EACCES"),
    deed("os.link(victim, scratch + '/linked-%d' % number)", "EACCES"),
    deed("os.link(mine, place + '/other')", "EACCES"),
    deed("os.symlink('/etc', place + '/other')", "EACCES"),
    deed("os.mkfifo(place + '/other')", "EACCES"),
    deed("os.mknod(place + '/other', 0140600)", "EACCES"),
    deed("os.mknod(place + '/other', 0100600)", "EACCES"),
    deed("os.chmod(victim, 0600)", "EPERM"),
    deed("os.chmod(place, 0755)", "EPERM"),
    deed("os.fchmod(os.open(victim, os.O_RDONLY), 0600)", "EPERM"),
    deed("os.fchmod(os.open(place, os.O_RDONLY), 0700)", "EPERM"),
    deed("os.chmod('/proc/self/fd/%d' % os.open(victim, os.O_RDONLY), 0600)", "EPERM"),
    deed("os.chown(victim, os.getuid(), os.getgid())", "EPERM"),
    deed("os.lchown(victim, os.getuid(), os.getgid())", "EPERM"),
    deed("os.fchown(os.open(victim, os.O_RDONLY), os.getuid(), os.getgid())", "EPERM"),
    deed("os.utime(victim, (1, 2))", "EPERM"),
    deed("os.utime(victim, None)", "EPERM"),
    // Through links that the program makes itself.
    deed(
        "os.symlink(place, scratch + '/folder-%d' % number)\nopen(scratch + '/folder-%d/file' % number, 'w')",
        "EACCES",
    ),
    deed("os.symlink(victim, scratch + '/file-%d' % number)\nos.chmod(scratch + '/file-%d' % number, 0600)", "EPERM"),
    deed("os.symlink(victim, scratch + '/file-%d' % number)\nopen(scratch + '/file-%d' % number, 'w')", "EACCES"),
    deed("os.symlink(place + '/new', scratch + '/new-%d' % number)\nopen(scratch + '/new-%d' % number, 'w')", "EACCES"),
    deed("open('/proc/self/root' + victim, 'w')", "EACCES"),
    deed("here = os.getcwd()\nos.chdir(place)\ntry: open('file', 'w')\nfinally: os.chdir(here)", "EACCES"),
    deed(
        "here = os.getcwd()\nos.chdir(place)\ntry: os.chmod('../%d/./file' % number, 0600)\nfinally: os.chdir(here)",
        "EPERM",
    ),
    rare("check(libc.setxattr(victim, 'user.x', '1', 1, 0))", "ENOTSUP"),
    rare("check(libc.fsetxattr(os.open(victim, os.O_RDONLY), 'user.x', '1', 1, 0))", "ENOTSUP"),
];

/// The same by system calls that every architecture has.
const CALLS: &[Deed] = &[
    deed("call(SYS_openat, -100, victim, os.O_WRONLY | os.O_TRUNC, 0)", "EACCES"),
    deed("call(SYS_openat, -100, victim, os.O_TRUNC, 0)", "EACCES"),
    deed("call(SYS_openat, os.open(place, os.O_RDONLY), 'file', os.O_RDWR | os.O_TRUNC, 0)", "EACCES"),
    deed("call(SYS_openat, -100, place + '/new', os.O_CREAT, 0600)", "EACCES"),
    deed("os.write(call(SYS_openat2, -100, victim, ctypes.byref((ctypes.c_uint64 * 3)(1)), 24), 'x')", "ENOSYS"),
    deed("call(SYS_truncate, victim, 1)", "EACCES"),
    deed("call(SYS_ftruncate, call(SYS_openat, -100, victim, os.O_RDWR, 0), 1)", "EACCES"),
    deed("call(SYS_unlinkat, -100, victim, 0)", "EACCES"),
    deed("call(SYS_unlinkat, -100, place + '/empty', 0x200)", "EACCES"),
    deed("call(SYS_mkdirat, -100, place + '/new', 0755)", "EACCES"),
    deed("call(SYS_renameat, -100, victim, -100, place + '/other')", "EACCES"),
    deed("call(SYS_renameat2, -100, victim, -100, scratch + '/stolen-%d' % number, 0)", "EACCES"),
    deed("call(SYS_renameat2, -100, mine, -100, victim, 2)", "EACCES"),
    deed("call(SYS_linkat, -100, victim, -100, place + '/other', 0)", "EACCES"),
    deed("call(SYS_linkat, os.open(place, os.O_RDONLY), 'file', -100, scratch + '/linked-%d' % number, 0)", "EACCES"),
    deed("call(SYS_symlinkat, 'text', -100, place + '/other')", "EACCES"),
    deed("call(SYS_mknodat, -100, place + '/other', 0010600, 0)", "EACCES"),
    deed("call(SYS_fchmod, os.open(victim, os.O_RDONLY), 0600)", "EPERM"),
    deed("call(SYS_fchmodat, -100, victim, 0600)", "EPERM"),
    rare("call(SYS_fchmodat2, -100, victim, 0600, 0)", "EPERM"),
    deed("call(SYS_fchownat, -100, victim, os.getuid(), os.getgid(), 0)", "EPERM"),
    deed("call(SYS_fchown, os.open(victim, os.O_RDONLY), os.getuid(), os.getgid())", "EPERM"),
    deed("call(SYS_utimensat, -100, victim, 0, 0)", "EPERM"),
    deed("call(SYS_utimensat, os.open(victim, os.O_RDONLY), 0, 0, 0)", "EPERM"),
    rare("call(SYS_setxattr, victim, 'user.x', '1', 1, 0)", "ENOTSUP"),
    rare("call(SYS_lsetxattr, victim, 'user.x', '1', 1, 0)", "ENOTSUP"),
    rare("call(SYS_fsetxattr, os.open(victim, os.O_RDONLY), 'user.x', '1', 1, 0)", "ENOTSUP"),
    rare("call(463, -100, victim, 0, 'user.x', ctypes.byref((ctypes.c_uint64 * 2)()), 16)", "ENOSYS"),
    rare("call(SYS_fallocate, call(SYS_openat, -100, victim, os.O_WRONLY, 0), 0, 0, 100)", "EACCES"),
    // FS_IOC_SETFLAGS, which makes a file one that is not dumped.
    rare("fcntl.ioctl(os.open(victim, os.O_RDONLY), 0x40086602, struct.pack('l', 0x40))", "ENOTTY"),
];

/// Older forms.
#[cfg(target_arch = "x86_64")]
const OLD_CALLS: &[Deed] = &[
    deed("call(SYS_open, victim, os.O_WRONLY | os.O_TRUNC)", "EACCES"),
    deed("call(SYS_creat, victim, 0600)", "EACCES"),
    deed("call(SYS_unlink, victim)", "EACCES"),
    deed("call(SYS_rmdir, place + '/empty')", "EACCES"),
    deed("call(SYS_rename, victim, place + '/other')", "EACCES"),
    deed("call(SYS_mkdir, place + '/new', 0755)", "EACCES"),
    deed("call(SYS_link, victim, place + '/other')", "EACCES"),
    deed("call(SYS_symlink, 'text', place + '/other')", "EACCES"),
    deed("call(SYS_mknod, place + '/other', 0010600, 0)", "EACCES"),
    deed("call(SYS_chmod, victim, 0600)", "EPERM"),
    deed("call(SYS_chown, victim, os.getuid(), os.getgid())", "EPERM"),
    deed("call(SYS_lchown, victim, os.getuid(), os.getgid())", "EPERM"),
    deed("call(SYS_utime, victim, 0)", "EPERM"),
    deed("call(SYS_utimes, victim, 0)", "EPERM"),
    deed("call(SYS_futimesat, -100, victim, 0)", "EPERM"),
];
#[cfg(not(target_arch = "x86_64"))]
const OLD_CALLS: &[Deed] = &[];

/// Each gets the secret in its folder.
const READS: &[Deed] = &[
    deed("assert open(victim).read() == 'precious'", "EACCES"),
    deed("assert os.listdir(place)", "EACCES"),
    deed("assert open('/proc/self/root' + victim).read()", "EACCES"),
    deed("assert open('/proc/self/cwd/../outside/%d/file' % number).read()", "EACCES"),
    deed("assert open('/proc/thread-self/root' + victim).read()", "EACCES"),
    deed(
        "os.symlink(victim, scratch + '/link-%d' % number)\nassert open(scratch + '/link-%d' % number).read()",
        "EACCES",
    ),
    deed("here = os.getcwd()\nos.chdir(place)\ntry: open('file')\nfinally: os.chdir(here)", "EACCES"),
    deed("assert os.read(call(SYS_openat, -100, victim, 0, 0), 9)", "EACCES"),
    deed("assert os.read(call(SYS_openat, call(SYS_openat, -100, place, 0x200000, 0), 'file', 0, 0), 9)", "EACCES"),
    deed("assert os.read(os.open('/proc/self/fd/%d' % call(SYS_openat, -100, victim, 0x200000, 0), 0), 9)", "EACCES"),
    deed("assert os.read(call(SYS_openat2, -100, victim, ctypes.byref((ctypes.c_uint64 * 3)()), 24), 9)", "ENOSYS"),
    deed("assert open(arguments[0] + '/.ssh/id_rsa').read()", "EACCES"),
];

fn numbers() -> String {
    #[cfg(target_arch = "x86_64")]
    let old = numbers!(SYS_open SYS_creat SYS_unlink SYS_rmdir SYS_rename SYS_mkdir SYS_link SYS_symlink SYS_mknod SYS_chmod SYS_chown
        SYS_lchown SYS_utime SYS_utimes SYS_futimesat);
    #[cfg(not(target_arch = "x86_64"))]
    let old = String::new();
    old + &numbers!(SYS_openat SYS_openat2 SYS_truncate SYS_ftruncate SYS_unlinkat SYS_mkdirat SYS_renameat SYS_renameat2 SYS_linkat
        SYS_symlinkat SYS_mknodat SYS_fchmod SYS_fchmodat SYS_fchmodat2 SYS_fchownat SYS_fchown SYS_utimensat SYS_setxattr
        SYS_lsetxattr SYS_fsetxattr SYS_fallocate)
}

/// What [`look`] has seen of a deed's own folder.
fn own<'a>(all: &'a BTreeMap<PathBuf, String>, world: &World, number: usize) -> Vec<(&'a PathBuf, &'a String)> {
    let folder = world.path(format!("outside/{number}"));
    all.iter().filter(|(path, _)| path.starts_with(&folder)).collect()
}

#[test]
fn files_outside_keep_all_that_they_are() {
    let deeds = [CHANGES, CALLS, OLD_CALLS].concat();
    for caller in Caller::all() {
        let world = World::new(caller);
        make_victims(&world, &deeds);
        let before = look(&world.path("outside"));
        assert_possible(&world, &numbers(), &deeds, &[]);
        let after = look(&world.path("outside"));
        for (number, deed) in deeds.iter().enumerate() {
            let is_changed = own(&before, &world, number) != own(&after, &world, number);
            assert!(deed.is_rare || is_changed, "it changes nothing: {}", deed.source);
        }
        make_victims(&world, &deeds);
        let before = look(&world.path("outside"));
        // So that some have a descriptor, open for reading.
        let allowed = format!("--allow-read={}", world.path("outside").display());
        assert_refused(&world, &numbers(), &deeds, &[&allowed], &[]);
        assert_unchanged(&world.path("outside"), &before);
        let results = run(&world, &numbers(), &deeds, &[], &[]);
        assert!(!results.iter().any(|result| result == "done"), "{results:?}");
        assert_unchanged(&world.path("outside"), &before);
    }
}

#[test]
fn files_outside_cannot_be_read() {
    for caller in Caller::all() {
        let world = World::new(caller);
        make_victims(&world, READS);
        world.write("home/.ssh/id_rsa", "precious");
        let home = world.path("home");
        assert_possible(&world, &numbers(), READS, &[home.to_str().unwrap()]);
        make_victims(&world, READS);
        assert_refused(&world, &numbers(), READS, &[], &[home.to_str().unwrap()]);
    }
}

#[test]
fn of_a_home_folder_only_the_modules_can_be_read() {
    let source = "import os, sys, module
print module.value
for name in ('.ssh/id_rsa', 'notes', 'folder/module.py', '.'):
    try: print len(open(name).read() if name != '.' else os.listdir(name))
    except EnvironmentError, error: print error.errno
sys.stdout.flush()
";
    for caller in Caller::all() {
        let world = World::new(caller);
        for name in [".ssh/id_rsa", "notes", "folder/module.py"] {
            world.write(&format!("home/{name}"), "precious");
        }
        world.write("home/module.py", "value = 'imported'");
        world.write("home/p.py", source);
        let run = |options: &[&str]| {
            let mut command = world.command(&[options, &["p.py", "../traces/t.bct"]].concat());
            live::run({
                command.current_dir(world.path("home"));
                command
            })
        };
        assert!(run(&["--no-sandbox"]).succeeded().starts_with("imported\n8\n8\n8\n"));
        let ran = run(&[]);
        assert_eq!(ran.stdout(), "imported\n13\n13\n13\n13\n", "{caller:?}");
        let stderr = ran.stderr();
        assert!(
            stderr.starts_with("bctrace: the program can read only modules in ") && stderr.contains("--allow-read="),
            "{stderr}"
        );
        let ran = run(&["--allow-read=."]);
        assert!(ran.stdout().starts_with("imported\n8\n8\n8\n"), "{}", ran.stdout());
        assert!(!ran.stderr().contains("only modules"), "{}", ran.stderr());
    }
}

#[test]
fn the_devices_that_swallow_what_is_written_keep_their_mode_and_times() {
    const DEEDS: &[Deed] = &[
        deed("os.chmod('/dev/null', os.stat('/dev/null').st_mode & 07777)", "EPERM"),
        deed("os.fchmod(os.open('/dev/full', os.O_WRONLY), os.stat('/dev/full').st_mode & 07777)", "EPERM"),
        deed("os.chown('/dev/zero', os.getuid(), os.getgid())", "EPERM"),
        rare("os.utime('/dev/zero', (1, 1))", "EPERM"),
    ];
    for caller in Caller::all() {
        let world = World::new(caller);
        if is_root() && caller == Caller::Tester {
            assert_possible(&world, "", &DEEDS[..3], &[]);
        }
        assert_refused(&world, "", DEEDS, &[], &[]);
    }
}

#[test]
fn in_the_scratch_folder_everything_works_but_programs_and_devices() {
    const DEEDS: &[&str] = &[
        "open(mine, 'r+').write('x')",
        "open(scratch + '/new', 'w').write('x'); os.rename(scratch + '/new', scratch + '/other'); os.unlink(scratch + '/other')",
        "os.mkdir(scratch + '/folder'); os.rename(mine, scratch + '/folder/file'); os.link(scratch + '/folder/file', mine)",
        "os.symlink('/etc', scratch + '/link'); assert os.readlink(scratch + '/link') == '/etc'",
        "os.mkfifo(scratch + '/pipe')",
        "os.chmod(mine, 0640); assert os.stat(mine).st_mode == 0100640",
        "file = os.open(mine, os.O_RDONLY); os.fchmod(file, 0601); assert os.fstat(file).st_mode == 0100601",
        "os.utime(mine, (3, 5)); assert os.stat(mine)[7:9] == (3, 5)",
        "os.truncate if hasattr(os, 'truncate') else check(libc.truncate(mine, ctypes.c_long(2))); assert os.stat(mine).st_size == 2",
        "os.chown(mine, os.getuid(), os.getgid())",
        "import tempfile; file = tempfile.NamedTemporaryFile(); file.write('x'); file.close()",
        "os.chdir(scratch); open('relative', 'w'); os.chmod('relative', 0600); os.rename('relative', 'other')",
        // A file that has no name any more, and one that has the text that stands for that.
        "file = open(mine); os.unlink(mine); os.fchmod(file.fileno(), 0601); assert os.fstat(file.fileno()).st_mode == 0100601",
        "file = open(mine); os.unlink(mine); open(mine + ' (deleted)', 'w'); os.fchmod(file.fileno(), 0601); assert os.fstat(file.fileno()).st_mode == 0100601",
        "file = open(mine); os.unlink(mine); call(SYS_utimensat, file.fileno(), 0, (ctypes.c_long * 4)(1, 0, 7, 0), 0); assert os.fstat(file.fileno()).st_mtime == 7",
    ];
    for caller in Caller::all() {
        let world = World::new(caller);
        let deeds: Vec<Deed> = DEEDS.iter().map(|source| deed(source, "done")).collect();
        assert_refused(&world, &numbers(), &deeds, &[], &[]);
        let deeds = [
            deed("os.chmod(scratch + '/missing', 0600)", "ENOENT"),
            deed("os.chmod('', 0600)", "ENOENT"),
            deed("os.fchmod(99, 0600)", "EBADF"),
            deed("call(SYS_fchmodat, 99, 'file', 0600)", "EBADF"),
            deed("check(libc.chmod(ctypes.c_void_p(8), 0600))", "EFAULT"),
            deed("call(SYS_utimensat, -100, mine, 8, 0)", "EFAULT"),
            deed("os.mknod(scratch + '/device', 0020600, os.makedev(1, 3))", "EACCES"),
        ];
        assert_refused(&world, &numbers(), &deeds, &[], &[]);
    }
}
