//! System calls that a program has no use for: each fails as on a system that does not have it, or does not allow it.

use super::{Deed, assert_deeds, deed, numbers, rare};

const DEEDS: &[Deed] = &[
    // Processes in other namespaces, and calls that hide what they do behind a pointer.
    deed(
        "words = (ctypes.c_uint64 * 11)(0, 0, 0, 0, 17)\npid = call(SYS_clone3, ctypes.byref(words), 88)\nif pid == 0: os._exit(0)\nos.waitpid(pid, 0)",
        "ENOSYS",
    ),
    rare("pid = call(SYS_clone, 0x10000011, 0, 0, 0, 0)\nif pid == 0: os._exit(0)\nos.waitpid(pid, 0)", "EPERM"),
    rare("pid = call(SYS_clone, 0x20000011, 0, 0, 0, 0)\nif pid == 0: os._exit(0)\nos.waitpid(pid, 0)", "EPERM"),
    deed("child(lambda: call(SYS_unshare, 0x200))", "EPERM"),
    rare("child(lambda: call(SYS_unshare, 0x10000000))", "EPERM"),
    rare("child(lambda: call(SYS_unshare, 0x40000000))", "EPERM"),
    rare("child(lambda: call(SYS_setns, os.open('/proc/self/ns/uts', os.O_RDONLY), 0))", "EPERM"),
    rare("child(lambda: call(SYS_chroot, scratch))", "EPERM"),
    rare("call(SYS_mount, 0, 8, 0, 0, 0)", "EPERM"),
    rare("call(SYS_umount2, 8, 0)", "EPERM"),
    rare("call(SYS_pivot_root, 8, 8)", "EPERM"),
    rare("call(SYS_fsopen, 'tmpfs', 0)", "ENOSYS"),
    rare("call(SYS_open_tree, -100, '/', 1)", "ENOSYS"),
    rare("call(SYS_io_uring_setup, 8, ctypes.byref((ctypes.c_char * 120)()))", "ENOSYS"),
    rare("call(SYS_memfd_create, 'x', 0)", "ENOSYS"),
    rare("call(SYS_userfaultfd, 1)", "ENOSYS"),
    rare("call(SYS_bpf, 0, ctypes.byref((ctypes.c_uint64 * 8)(2 << 32 | 4, 1 << 32 | 4)), 64)", "EPERM"),
    rare("call(SYS_perf_event_open, ctypes.byref((ctypes.c_uint64 * 16)(1 | 128 << 32)), 0, -1, -1, 0)", "EPERM"),
    rare("call(SYS_landlock_create_ruleset, 0, 0, 1)", "ENOSYS"),
    rare("call(SYS_seccomp, 2, 0, ctypes.byref(ctypes.c_uint32(0x7fff0000)))", "EPERM"),
    rare("call(SYS_seccomp, 1, 8, ctypes.byref((ctypes.c_uint64 * 2)()))", "EPERM"),
    // What outlives a process, or is shared by name with other programs.
    deed("id = call(SYS_shmget, 0, 4096, 01600)\ncall(SYS_shmctl, id, 0, 0)", "EPERM"),
    deed("id = call(SYS_semget, 0, 1, 01600)\ncall(SYS_semctl, id, 0, 0, 0)", "EPERM"),
    deed("id = call(SYS_msgget, 0, 01600)\ncall(SYS_msgctl, id, 0, 0)", "EPERM"),
    rare(
        "call(SYS_mq_open, 'bctrace-test-%d' % os.getpid(), os.O_CREAT | os.O_RDWR, 0600, 0)\ncall(SYS_mq_unlink, 'bctrace-test-%d' % os.getpid())",
        "EPERM",
    ),
    rare("call(SYS_add_key, 'user', 'bctrace-test', 'x', 1, -1)", "EPERM"),
    rare("call(SYS_request_key, 'user', 'bctrace-test', 0, 0)", "EPERM"),
    rare("call(SYS_keyctl, 0, -1, 1)", "EPERM"),
    rare(
        "open('/dev/shm/bctrace-test-%d' % os.getpid(), 'w')\nos.unlink('/dev/shm/bctrace-test-%d' % os.getpid())",
        "EACCES",
    ),
    // The kind and the rights of the process.
    deed("child(lambda: call(SYS_personality, 0x40000))", "EPERM"),
    deed("child(lambda: check(libc.prctl(1, 9)))", "EPERM"),
    deed("child(lambda: check(libc.prctl(1, 0)))", "EPERM"),
    deed("child(lambda: check(libc.prctl(4, 0)))", "EPERM"),
    deed("child(lambda: check(libc.prctl(36, 1)))", "EPERM"),
    deed("child(lambda: check(libc.prctl(38, 1, 0, 0, 0)))", "EPERM"),
    rare("child(lambda: check(libc.prctl(22, 2, 8)))", "EPERM"),
    rare("child(lambda: check(libc.prctl(0x59616d61, ctypes.c_ulong(-1))))", "EPERM"),
    rare("child(lambda: check(libc.prctl(35, 1, 8, 0, 0)))", "EPERM"),
    rare(
        "call(SYS_capset, ctypes.byref((ctypes.c_uint32 * 2)(0x20080522)), ctypes.byref((ctypes.c_uint32 * 6)()))",
        "EPERM",
    ),
    rare("child(lambda: call(SYS_setgroups, 0, 0))", "EPERM"),
    rare("child(lambda: os.setuid(12345) if os.getuid() != 12345 else None)", "EPERM"),
    rare("child(lambda: os.setgid(12345) if os.getgid() != 12345 else None)", "EPERM"),
    deed("call(SYS_sched_setscheduler, 0, 0, ctypes.byref(ctypes.c_int()))", "EPERM"),
    deed(
        "mask = (ctypes.c_uint64 * 128)()\nsize = call(SYS_sched_getaffinity, 0, 1024, mask)\ncall(SYS_sched_setaffinity, 0, size, mask)",
        "EPERM",
    ),
    // The system's own, with nonsense for what would change it.
    rare("call(SYS_reboot, 0, 0, 0, 0)", "EPERM"),
    rare("call(SYS_sethostname, 8, -1)", "EPERM"),
    rare("call(SYS_settimeofday, 8, 8)", "EPERM"),
    rare("call(SYS_clock_settime, 0, 8)", "EPERM"),
    rare("call(SYS_adjtimex, 8)", "EPERM"),
    rare("call(SYS_init_module, 8, 1, 8)", "EPERM"),
    rare("call(SYS_finit_module, -1, 8, 0)", "EPERM"),
    rare("call(SYS_delete_module, 8, 0)", "EPERM"),
    rare("call(SYS_swapon, 8, 0)", "EPERM"),
    rare("call(SYS_syslog, 10, 0, 0)", "EPERM"),
    rare("call(SYS_quotactl, 0, 8, 0, 8)", "EPERM"),
    rare("call(SYS_name_to_handle_at, -100, '/', 8, 8, 0)", "EPERM"),
    rare("call(SYS_open_by_handle_at, -100, 8, 0)", "EPERM"),
    rare("call(SYS_fanotify_init, 0, 0)", "ENOSYS"),
    rare("call(SYS_process_madvise, -1, 0, 0, 0, 0)", "ENOSYS"),
    rare("call(SYS_kcmp, os.getpid(), os.getpid(), 0, 0, 0)", "EPERM"),
    // What they write is not counted.
    deed("a, b = os.pipe()\nc, d = os.pipe()\nos.write(b, 'x')\ncall(SYS_splice, a, 0, d, 0, 1, 0)", "ENOSYS"),
    deed("a, b = os.pipe()\nc, d = os.pipe()\nos.write(b, 'x')\ncall(SYS_tee, a, d, 1, 0)", "ENOSYS"),
    deed("a, b = os.pipe()\ncall(SYS_vmsplice, b, ctypes.byref((ctypes.c_uint64 * 2)()), 0, 0)", "EPERM"),
    rare("call(9999)", "ENOSYS"),
    rare("call(-1)", "ENOSYS"),
];

/// Calls of x32, which this kernel may or may not have.
#[cfg(target_arch = "x86_64")]
const X32: &[Deed] = &[
    rare("call(0x40000000 | 39)", "ENOSYS"),
    rare("call(0x40000000 | 2, arguments[0], os.O_RDONLY)", "ENOSYS"),
    rare("call(0x40000000 | 520, '/bin/true', 0, 0)", "ENOSYS"),
    rare("call(SYS_modify_ldt, 0, 0, 0)", "ENOSYS"),
    rare("call(SYS_ioperm, 0x80, 1, 0)", "ENOSYS"),
    rare("call(SYS_iopl, 0)", "ENOSYS"),
];
#[cfg(not(target_arch = "x86_64"))]
const X32: &[Deed] = &[];

#[test]
fn the_kernel_offers_only_what_programs_need() {
    #[cfg(target_arch = "x86_64")]
    let old = numbers!(SYS_modify_ldt SYS_ioperm SYS_iopl);
    #[cfg(not(target_arch = "x86_64"))]
    let old = String::new();
    let numbers = numbers!(SYS_clone3 SYS_clone SYS_unshare SYS_setns SYS_chroot SYS_mount SYS_umount2 SYS_pivot_root SYS_fsopen SYS_open_tree
        SYS_io_uring_setup SYS_memfd_create SYS_userfaultfd SYS_bpf SYS_perf_event_open SYS_landlock_create_ruleset SYS_seccomp SYS_shmget
        SYS_shmctl SYS_semget SYS_semctl SYS_msgget SYS_msgctl SYS_mq_open SYS_mq_unlink SYS_add_key SYS_request_key SYS_keyctl SYS_personality
        SYS_capset SYS_setgroups SYS_sched_setscheduler SYS_sched_getaffinity SYS_sched_setaffinity SYS_reboot SYS_sethostname
        SYS_settimeofday SYS_clock_settime SYS_adjtimex SYS_init_module SYS_finit_module SYS_delete_module SYS_swapon SYS_syslog
        SYS_quotactl SYS_name_to_handle_at SYS_open_by_handle_at SYS_fanotify_init SYS_process_madvise SYS_kcmp SYS_vmsplice SYS_splice SYS_tee);
    assert_deeds(&(old + &numbers), &[DEEDS, X32].concat(), &[], &["/etc/passwd"]);
}
